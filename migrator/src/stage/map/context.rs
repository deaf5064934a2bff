//! Expression context (contract.md 13): the value of this record and row for every name that the
//! contract's expressions look up.

use std::borrow::Cow;

use super::contacts::{ValidContact, exact, flat};
use crate::contract::case::is_lower_of;
use crate::contract::expr::{Context, NameId};
use crate::contract::model::Contract;
use crate::record::{Attribute, ParsedRecord};

/// A key that answers a name, and its value.
#[derive(Debug)]
struct ContextEntry<'r> {
    name: NameId,
    prefix: Option<&'r str>,
    rest: &'r str,
    value: Cow<'r, str>,
    /// Order of first appearance.
    position: usize,
}

/// Values by name. Of equal keys the last write counts; of keys that differ only by case the first
/// key.
#[derive(Debug)]
pub(super) struct ContextValues<'r> {
    contract: &'r Contract,
    /// Index of each name's answer, or [`UNANSWERED`]. A contract has hundreds of names and a row
    /// answers few of them, so only this vector is as long as the names.
    places: Vec<u32>,
    answers: Vec<ContextEntry<'r>>,
    /// Number of keys written.
    written: usize,
}

/// Index of a missing answer.
const UNANSWERED: u32 = u32::MAX;

impl Context for ContextValues<'_> {
    fn get(&self, name: NameId) -> Option<&str> {
        self.answer(name).map(|answer| &*answer.value)
    }

    fn position(&self, name: NameId) -> Option<usize> {
        self.answer(name).map(|answer| answer.position)
    }
}

/// Attributes of an element that can answer a name.
fn in_context(record: &ParsedRecord, element: u32) -> impl Iterator<Item = &Attribute> {
    record.attributes_of(element).iter().filter(|attribute| attribute.in_context)
}

impl<'r> ContextValues<'r> {
    /// A context without keys.
    pub(super) fn empty(contract: &'r Contract) -> Self {
        Self { contract, places: Vec::new(), answers: Vec::new(), written: 0 }
    }

    fn answer(&self, name: NameId) -> Option<&ContextEntry<'r>> {
        self.answers.get(*self.places.get(name.0 as usize)? as usize)
    }

    /// Context of tables of the application.
    pub(super) fn application(
        contract: &'r Contract,
        record: &'r ParsedRecord,
        valid: &[ValidContact<'r>],
    ) -> Self {
        let mut names = Self::blank(contract);
        let first_type = valid.iter().find(|contact| contact.priority == 0);
        if let Some(primary) = first_type.or_else(|| valid.first()) {
            for attribute in in_context(record, primary.element) {
                let value = record.str(attribute.value);
                names.offer(Some("contact"), record, attribute, &value.into());
            }
            names.own_attributes(record, primary.element);
        }
        if let Some(class) = contract.scan.class_of.get("app_id") {
            names.write(None, "app_id", class.0, &Cow::Borrowed(&record.app_id));
        }
        for element in &record.flattened {
            names.flattened_element(record, *element);
        }
        names
    }

    /// Context of a contact's own row.
    pub(super) fn contact(contract: &'r Contract, record: &'r ParsedRecord, element: u32) -> Self {
        let mut names = Self::blank(contract);
        names.own_attributes(record, element);
        names
    }

    /// Changes to the context of a child's row: its own attributes, on top of the contact's con_id.
    pub(super) fn become_child(&mut self, record: &'r ParsedRecord, element: u32, contact: u32) {
        for answer in self.answers.drain(..) {
            self.places[answer.name.0 as usize] = UNANSWERED;
        }
        self.written = 0;
        let con_id = &self.contract.contacts.con_id;
        if let Some(value) = exact(record, contact, con_id) {
            self.write(None, &con_id.name, con_id.class.0, &value.into());
        }
        self.own_attributes(record, element);
    }

    /// A context without answers.
    pub(super) fn blank(contract: &'r Contract) -> Self {
        let places = vec![UNANSWERED; contract.names.len()];
        // Allocates room for all answers at once. Growing between rows that stay allocated
        // fragments the heap, which made everything after the mapping 5 % slower.
        let answers = Vec::with_capacity(contract.names.len());
        Self { contract, places, answers, written: 0 }
    }

    fn own_attributes(&mut self, record: &'r ParsedRecord, element: u32) {
        for attribute in in_context(record, element) {
            self.offer(None, record, attribute, &record.str(attribute.value).into());
        }
    }

    /// Adds the attributes of an element with its name as prefix: with lower-case attribute names,
    /// and for the application element also as written.
    fn flattened_element(&mut self, record: &'r ParsedRecord, element: u32) {
        let contract = self.contract;
        let name = record.name_of(element);
        let is_application = name == contract.source_application_table;
        let prefix = if is_application { "application" } else { name };
        for attribute in in_context(record, element) {
            let class = &contract.scan.classes[attribute.class as usize];
            let value = flat(record, attribute);
            self.write(Some(prefix), &class.lower, attribute.class, &value);
            if is_application && name != "application" {
                self.offer(Some(name), record, attribute, &value);
            }
            self.offer(None, record, attribute, &value);
        }
    }

    /// Writes a key with the attribute's name as spelled.
    #[expect(clippy::ptr_arg, reason = "a Cow is cloned without copying what it borrows")]
    fn offer(
        &mut self,
        prefix: Option<&'r str>,
        record: &'r ParsedRecord,
        attribute: &Attribute,
        value: &Cow<'r, str>,
    ) {
        self.write(prefix, record.str(attribute.name), attribute.class, value);
    }

    #[expect(clippy::ptr_arg, reason = "a Cow is cloned without copying what it borrows")]
    fn write(&mut self, prefix: Option<&'r str>, rest: &'r str, class: u32, value: &Cow<'r, str>) {
        let contract = self.contract;
        for used in &contract.scan.classes[class as usize].uses {
            let same = match (prefix, used.prefix.as_deref()) {
                (None, None) => true,
                (Some(prefix), Some(wanted)) if used.exact => prefix == wanted,
                (Some(prefix), Some(wanted)) => prefix == wanted || is_lower_of(wanted, prefix),
                _ => false,
            };
            if !same || (used.exact && rest != &*used.rest) {
                continue;
            }
            let position = self.written;
            self.written += 1;
            let place = &mut self.places[used.name.0 as usize];
            match self.answers.get_mut(*place as usize) {
                Some(first) if (first.prefix, first.rest) == (prefix, rest) => {
                    first.value.clone_from(value);
                }
                Some(_) => {}
                None => {
                    // Names have 32-bit ids and at most one answer each.
                    *place = u32::try_from(self.answers.len()).unwrap_or(UNANSWERED);
                    let (name, value) = (used.name, value.clone());
                    self.answers.push(ContextEntry { name, prefix, rest, value, position });
                }
            }
        }
    }
}
