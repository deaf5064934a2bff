//! What expressions see (contract.md 13): for every name that the contract's expressions look up,
//! the value that this record and this row have for it.

use std::borrow::Cow;

use super::contacts::{ValidContact, exact, flat};
use crate::contract::case::is_lower_of;
use crate::contract::expr::{Context, NameId};
use crate::contract::model::Contract;
use crate::record::{Attribute, ParsedRecord};

/// A key that answered a name, and its value.
#[derive(Debug)]
struct Answer<'r> {
    prefix: Option<&'r str>,
    rest: &'r str,
    value: Cow<'r, str>,
    /// Order of first appearance.
    position: usize,
}

/// Values by name. Later writes of a key win; among keys that differ by case the first stays.
#[derive(Debug)]
pub(super) struct Names<'r> {
    contract: &'r Contract,
    answers: Vec<Option<Answer<'r>>>,
    /// The names that have an answer.
    answered: Vec<NameId>,
    /// Keys written so far.
    written: usize,
}

impl Context for Names<'_> {
    fn get(&self, name: NameId) -> Option<&str> {
        self.answers.get(name.0 as usize)?.as_ref().map(|answer| &*answer.value)
    }

    fn position(&self, name: NameId) -> Option<usize> {
        self.answers.get(name.0 as usize)?.as_ref().map(|answer| answer.position)
    }
}

impl<'r> Names<'r> {
    /// No key at all.
    pub(super) fn empty(contract: &'r Contract) -> Self {
        Self { contract, answers: Vec::new(), answered: Vec::new(), written: 0 }
    }

    /// The context of application-level tables.
    pub(super) fn application(
        contract: &'r Contract,
        record: &'r ParsedRecord,
        valid: &[ValidContact<'r>],
    ) -> Self {
        let mut names = Self::blank(contract);
        let first_type = valid.iter().find(|contact| contact.priority == 0);
        if let Some(primary) = first_type.or_else(|| valid.first()) {
            for attribute in record.attributes_of(primary.element) {
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

    /// The context of a contact's own row.
    pub(super) fn contact(contract: &'r Contract, record: &'r ParsedRecord, element: u32) -> Self {
        let mut names = Self::blank(contract);
        names.own_attributes(record, element);
        names
    }

    /// Becomes the context of a child's row: its own attributes over the contact's con_id.
    pub(super) fn become_child(&mut self, record: &'r ParsedRecord, element: u32, contact: u32) {
        for name in self.answered.drain(..) {
            self.answers[name.0 as usize] = None;
        }
        self.written = 0;
        let con_id = &self.contract.contacts.con_id;
        if let Some(value) = exact(record, contact, con_id) {
            self.write(None, &con_id.name, con_id.class.0, &value.into());
        }
        self.own_attributes(record, element);
    }

    /// Every name of the contract without an answer.
    pub(super) fn blank(contract: &'r Contract) -> Self {
        let mut answers = Vec::new();
        answers.resize_with(contract.names.len(), || None);
        Self { contract, answers, answered: Vec::with_capacity(contract.names.len()), written: 0 }
    }

    fn own_attributes(&mut self, record: &'r ParsedRecord, element: u32) {
        let classes = &self.contract.scan.classes;
        for attribute in record.attributes_of(element) {
            if !classes[attribute.class as usize].uses.is_empty() {
                self.offer(None, record, attribute, &record.str(attribute.value).into());
            }
        }
    }

    /// Element names are prefixes: with lower-case attribute names, and for the application
    /// element also as written.
    fn flattened_element(&mut self, record: &'r ParsedRecord, element: u32) {
        let contract = self.contract;
        let name = record.name_of(element);
        let is_application = name == contract.source_application_table;
        let prefix = if is_application { "application" } else { name };
        for attribute in record.attributes_of(element) {
            let class = &contract.scan.classes[attribute.class as usize];
            if class.uses.is_empty() {
                continue;
            }
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
            let answer = &mut self.answers[used.name.0 as usize];
            match answer {
                Some(first) if (first.prefix, first.rest) == (prefix, rest) => {
                    first.value.clone_from(value);
                }
                Some(_) => {}
                None => {
                    *answer = Some(Answer { prefix, rest, value: value.clone(), position });
                    self.answered.push(used.name);
                }
            }
        }
    }
}
