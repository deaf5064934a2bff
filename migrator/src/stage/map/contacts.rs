//! Selection of contacts, addresses and employments (contract.md 6).

use std::borrow::Cow;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::observe::{MapEvent, MapObserver, SkipReason};
use crate::contract::case::same;
use crate::contract::convert::{is_blank, trim};
use crate::contract::model::{AttributeRef, ChildKind, ChildRule, Contract, FieldId};
use crate::record::{Attribute, ElementKinds, ParsedRecord};
use crate::stage::html::flattened;

/// A valid contact (6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ValidContact<'r> {
    /// Contact element.
    pub(super) element: u32,
    /// Trimmed con_id.
    pub(super) con_id: &'r str,
    /// Index of its type in the contract's list. The lowest is preferred.
    pub(super) priority: usize,
}

/// An address or employment to map, with its contact (6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContactChild {
    /// Child element.
    pub(super) element: u32,
    /// Its contact.
    pub(super) contact: u32,
}

/// Value of an attribute, exact spelling only.
pub(super) fn exact<'r>(
    record: &'r ParsedRecord,
    element: u32,
    wanted: &AttributeRef,
) -> Option<&'r str> {
    spelled(record, element, wanted).map(|attribute| record.str(attribute.value))
}

/// An attribute, exact spelling only.
pub(super) fn spelled<'r>(
    record: &'r ParsedRecord,
    element: u32,
    wanted: &AttributeRef,
) -> Option<&'r Attribute> {
    record.attributes_of(element).iter().find(|own| is_spelled(own, wanted))
}

/// An attribute: exact spelling, or else the first that differs only by case (8).
pub(super) fn folded<'r>(
    record: &'r ParsedRecord,
    element: u32,
    wanted: &AttributeRef,
) -> Option<&'r Attribute> {
    spelled(record, element, wanted).or_else(|| {
        let same = |own: &&Attribute| own.class == wanted.class.0;
        record.attributes_of(element).iter().find(same)
    })
}

/// The same for an attribute that the scan stored as a field.
pub(super) fn noted<'r>(
    record: &'r ParsedRecord,
    element: u32,
    wanted: &AttributeRef,
    field: FieldId,
) -> Option<&'r Attribute> {
    let first = record.field(field.0)?;
    if is_spelled(first, wanted) { Some(first) } else { folded(record, element, wanted) }
}

fn is_spelled(own: &Attribute, wanted: &AttributeRef) -> bool {
    own.class == wanted.class.0 && own.spelling == wanted.spelling
}

/// Value of an attribute in the flattened map (5).
pub(super) fn flat<'r>(record: &'r ParsedRecord, attribute: &Attribute) -> Cow<'r, str> {
    let value = record.str(attribute.value);
    if attribute.is_flat { Cow::Borrowed(value) } else { flattened(value) }
}

/// True if an element has a role.
pub(super) fn is(record: &ParsedRecord, element: u32, kind: ElementKinds) -> bool {
    record.elements[element as usize].kinds.is(kind)
}

/// All elements with a role, in document order.
pub(super) fn of_kind(
    record: &ParsedRecord,
    kind: ElementKinds,
) -> impl DoubleEndedIterator<Item = u32> + use<'_> {
    let count = u32::try_from(record.elements.len()).unwrap_or(u32::MAX);
    (0..count).filter(move |element| is(record, *element, kind))
}

/// Last element named `contact` for each con_id as written.
pub(super) fn last_by_con_id<'r>(
    contract: &Contract,
    record: &'r ParsedRecord,
) -> FxHashMap<&'r str, u32> {
    let with_con_id = |element| Some((exact(record, element, &contract.contacts.con_id)?, element));
    of_kind(record, ElementKinds::LITERAL_CONTACT).filter_map(with_con_id).collect()
}

/// Valid contacts, one per con_id, ordered by the first contact with that con_id. The last one of
/// the best priority wins (6.1).
pub(super) fn valid<'r, O: MapObserver>(
    contract: &Contract,
    record: &'r ParsedRecord,
    observer: &O,
) -> Vec<ValidContact<'r>> {
    let skip = |element, why| observer.on_event(MapEvent::Skipped { element, why });
    let mut kept: Vec<ValidContact<'r>> = Vec::new();
    let mut places = FirstPositions::default();
    for element in of_kind(record, ElementKinds::CONTACT) {
        let contact = match valid_contact(contract, record, element) {
            Ok(contact) => contact,
            Err(why) => {
                skip(element, why);
                continue;
            }
        };
        let place = places.of(contact.con_id);
        match kept.get_mut(place) {
            Some(other) if contact.priority <= other.priority => {
                skip(other.element, SkipReason::Replaced);
                *other = contact;
            }
            Some(_) => skip(element, SkipReason::Replaced),
            None => kept.push(contact),
        }
    }
    kept
}

fn valid_contact<'r>(
    contract: &Contract,
    record: &'r ParsedRecord,
    element: u32,
) -> Result<ValidContact<'r>, SkipReason> {
    let rules = &contract.contacts;
    let own = |wanted| exact(record, element, wanted);
    let role = trim(own(&rules.type_attribute).ok_or(SkipReason::Type)?);
    let con_id = trim(own(&rules.con_id).unwrap_or_default());
    if con_id.is_empty() {
        return Err(SkipReason::NoConId);
    }
    let position = rules.types.iter().position(|known| &**known == role);
    let priority = position.ok_or(SkipReason::Type)?;
    if rules.meaningful.iter().any(|wanted| own(wanted).is_some_and(|text| !is_blank(text))) {
        Ok(ValidContact { element, con_id, priority })
    } else {
        Err(SkipReason::Meaningless)
    }
}

/// Children of one kind to map (6.2): of contacts at the rule's exact path, one per pair of type
/// and con_id, if a valid contact has the con_id.
pub(super) fn children<O: MapObserver>(
    contract: &Contract,
    record: &ParsedRecord,
    valid: &[ValidContact<'_>],
    kind: ChildKind,
    observer: &O,
) -> Vec<ContactChild> {
    let skip = |element, why| observer.on_event(MapEvent::Skipped { element, why });
    let (rule, kind) = match kind {
        ChildKind::Address => (Some(&contract.contacts.address), ElementKinds::ADDRESS),
        ChildKind::Employment => (contract.contacts.employment.as_ref(), ElementKinds::EMPLOYMENT),
    };
    let Some(rule) = rule else { return Vec::new() };
    let mut known = FirstPositions::default();
    for contact in valid {
        known.of(contact.con_id);
    }
    let mut children = Vec::new();
    for contact in filtered(contract, record, observer) {
        let con_id = exact(record, contact, &contract.contacts.con_id).unwrap_or_default();
        if !known.has(&con_id) {
            skip(contact, SkipReason::NoValidContact);
            continue;
        }
        for element in record.children(contact).filter(|child| is(record, *child, kind)) {
            if has_type(record, element, rule) {
                children.push(ContactChild { element, contact });
            } else {
                skip(element, SkipReason::Type);
            }
        }
    }
    children
}

/// Keys in the order of their first occurrence. The first few are compared one by one, further ones
/// are hashed, so records with very many contacts stay fast.
struct FirstPositions<K> {
    few: SmallVec<[K; FEW]>,
    more: FxHashMap<K, usize>,
}

/// Number of contacts that few records exceed.
const FEW: usize = 6;

impl<K> Default for FirstPositions<K> {
    fn default() -> Self {
        Self { few: SmallVec::new(), more: FxHashMap::default() }
    }
}

impl<K: Eq + Hash> FirstPositions<K> {
    /// Position of a key; adds a new one.
    fn of(&mut self, key: K) -> usize {
        if let Some(place) = self.few.iter().position(|known| *known == key) {
            return place;
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return self.few.len() - 1;
        }
        let next = FEW + self.more.len();
        *self.more.entry(key).or_insert(next)
    }

    fn has(&self, key: &K) -> bool {
        self.few.contains(key) || self.more.contains_key(key)
    }
}

/// Contacts of 6.2. They are selected differently than the valid ones.
fn filtered<O: MapObserver>(contract: &Contract, record: &ParsedRecord, observer: &O) -> Vec<u32> {
    let skip = |element, why| observer.on_event(MapEvent::Skipped { element, why });
    let rules = &contract.contacts;
    let mut kept: Vec<u32> = Vec::new();
    let mut places = FirstPositions::default();
    let count = u32::try_from(record.elements.len()).unwrap_or(u32::MAX);
    let at_path =
        (0..count).filter(|element| record.elements[*element as usize].slot == Some(rules.slot));
    for element in at_path {
        let con_id = exact(record, element, &rules.con_id).unwrap_or_default();
        if con_id.is_empty() {
            skip(element, SkipReason::NoConId);
            continue;
        }
        let role = exact(record, element, &rules.type_attribute);
        let listed = |role: &&str| rules.types.iter().any(|known| same(known, role));
        let Some(role) = role.filter(listed) else {
            skip(element, SkipReason::Type);
            continue;
        };
        let place = places.of((role, con_id));
        match kept.get_mut(place) {
            Some(other) => {
                skip(*other, SkipReason::Replaced);
                *other = element;
            }
            None => kept.push(element),
        }
    }
    kept
}

fn has_type(record: &ParsedRecord, child: u32, rule: &ChildRule) -> bool {
    exact(record, child, &rule.type_attribute)
        .is_some_and(|own| rule.types.iter().any(|known| same(known, own)))
}
