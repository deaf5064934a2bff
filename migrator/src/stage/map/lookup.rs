//! Look-up of a mapping's value: the rules of contract.md 8 and the contact rules of 9.3.

use std::borrow::Cow;

use super::contacts::{exact, flat, folded, is, noted, of_kind, spelled};
use super::observe::{MapEvent, MapObserver};
use super::row_context::{RecordContext, RowContext};
use crate::contract::convert::{DataType, is_blank, slice, trim};
use crate::contract::expr::Context;
use crate::contract::model::{
    AttributeRef, ContactRole, DataLength, LastValid, Lookup, LookupScope, Mapping,
};
use crate::record::ElementKinds;

/// Result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LookupResult<'r> {
    /// Nothing.
    Null,
    /// A text, possibly empty.
    Text(Cow<'r, str>),
    /// A list of children or the marker of a calculation: not a value, but not blank either.
    Opaque,
}

impl<'r> LookupResult<'r> {
    fn of(text: Option<&'r str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text)))
    }

    /// True for null and blank (7.1).
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => is_blank(text),
            Self::Opaque => false,
        }
    }
}

/// Looks up the value of a mapping.
pub(super) fn look_up<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    mapping: &Mapping,
    scope: &RowContext<'r, '_>,
) -> LookupResult<'r> {
    let looked = find(cx, mapping, scope);
    cx.emit(match &looked {
        LookupResult::Null => MapEvent::Found(None),
        LookupResult::Text(text) => MapEvent::Found(Some(text)),
        LookupResult::Opaque => MapEvent::FoundMarker,
    });
    looked
}

/// Reports an element that a look-up has selected.
fn picked<O: MapObserver>(cx: &RecordContext<'_, O>, element: Option<u32>) -> Option<u32> {
    if let Some(element) = element {
        cx.emit(MapEvent::Picked(element));
    }
    element
}

fn find<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    mapping: &Mapping,
    scope: &RowContext<'r, '_>,
) -> LookupResult<'r> {
    let record = cx.record;
    match &mapping.lookup {
        Lookup::LastValid(pick) => last_valid(cx, mapping, pick),
        Lookup::Authorized { card, attribute } => {
            LookupResult::of(authorized(cx, *card, attribute))
        }
        Lookup::Calculated | Lookup::ChildList => LookupResult::Opaque,
        Lookup::Nothing => LookupResult::Null,
        Lookup::ApplicationElement { slot, attribute } => picked(cx, record.slot(*slot))
            .and_then(|element| spelled(record, element, attribute))
            .map_or(LookupResult::Null, |own| LookupResult::Text(flat(record, own))),
        Lookup::Child(attribute) | Lookup::Contact(attribute) => {
            match picked(cx, scope.element()) {
                Some(element) => LookupResult::of(
                    folded(record, element, attribute).map(|own| record.str(own.value)),
                ),
                None => LookupResult::Null,
            }
        }
        Lookup::Context { exact, folded } => {
            let names = scope.names();
            let found = names.get(*exact).or_else(|| names.get(*folded));
            found.map_or(LookupResult::Null, |text| LookupResult::Text(Cow::Owned(text.to_owned())))
        }
        Lookup::Path { slot, attribute, field } => picked(cx, record.slot(*slot))
            .and_then(|element| noted(record, element, attribute, *field))
            .map_or(LookupResult::Null, |own| LookupResult::Text(flat(record, own))),
    }
}

/// True if the text is not blank and not the word null or none (11).
pub(super) fn is_meaningful(text: &str) -> bool {
    let text = trim(text);
    // No letter outside ASCII has one of these as its lower case.
    let says = |word: &str| text.eq_ignore_ascii_case(word);
    !text.is_empty() && !says("null") && !says("none")
}

fn role_of<'c, O>(cx: &RecordContext<'c, O>, role: ContactRole) -> Option<&'c str> {
    let types = &cx.contract.contacts.types;
    let index = match role {
        ContactRole::First => 0,
        ContactRole::Second => 1,
    };
    types.get(index).map(|text| &**text)
}

/// Contacts of exactly this type that have a con_id, last first.
fn of_role<'r, O>(
    cx: &RecordContext<'r, O>,
    role: ContactRole,
) -> impl Iterator<Item = u32> + use<'r, O> {
    let (record, rules) = (cx.record, &cx.contract.contacts);
    let wanted = role_of(cx, role);
    of_kind(record, ElementKinds::CONTACT).rev().filter(move |contact| {
        wanted.is_some()
            && exact(record, *contact, &rules.type_attribute) == wanted
            && exact(record, *contact, &rules.con_id).is_some_and(|id| !trim(id).is_empty())
    })
}

/// The first of these contacts; cached per record.
fn last_of_role<O>(cx: &RecordContext<'_, O>, role: ContactRole) -> Option<u32> {
    let last = match role {
        ContactRole::First => &cx.last_of_roles[0],
        ContactRole::Second => &cx.last_of_roles[1],
    };
    *last.get_or_init(|| of_role(cx, role).next())
}

fn last_valid<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    mapping: &Mapping,
    pick: &LastValid,
) -> LookupResult<'r> {
    let record = cx.record;
    let Some(contact) = last_of_role(cx, pick.role) else { return LookupResult::Null };
    let below = match pick.below {
        LookupScope::Nothing => None,
        LookupScope::Addresses => chosen_address(cx, contact, &pick.attribute),
        LookupScope::Card => {
            record.descendants(contact).rev().find(|e| is(record, *e, ElementKinds::CARD))
        }
    };
    if let Some(element) = picked(cx, below) {
        return LookupResult::of(exact(record, element, &pick.attribute));
    }
    let usable =
        |contact: &u32| exact(record, *contact, &pick.attribute).is_some_and(is_meaningful);
    let stand_in = if pick.earlier_contacts && !usable(&contact) {
        of_role(cx, pick.role).skip(1).find(usable)
    } else {
        None
    };
    let chosen = picked(cx, Some(stand_in.unwrap_or(contact)));
    let own = chosen.and_then(|contact| exact(record, contact, &pick.attribute));
    LookupResult::of(cut_early(cx, mapping, own))
}

/// First address of the preferred type that has a value, or of any type if none has the preferred
/// one; otherwise the last address.
fn chosen_address<O>(
    cx: &RecordContext<'_, O>,
    contact: u32,
    attribute: &AttributeRef,
) -> Option<u32> {
    let (record, rule) = (cx.record, &cx.contract.contacts.address);
    let all: Vec<u32> =
        record.descendants(contact).filter(|e| is(record, *e, ElementKinds::ADDRESS)).collect();
    let preferred = |e: &u32| {
        let own = exact(record, *e, &rule.type_attribute);
        own.is_some() && own == rule.types.first().map(|text| &**text)
    };
    let mut candidates: Vec<u32> = all.iter().copied().filter(preferred).collect();
    if candidates.is_empty() {
        candidates = all;
    }
    let last = *candidates.last()?;
    let filled = candidates
        .into_iter()
        .find(|e| exact(record, *e, attribute).is_some_and(|text| !text.is_empty()));
    Some(filled.unwrap_or(last))
}

/// Cuts a contact's own text to its length, with its blanks (9.3). The end of the chain cuts once
/// more.
fn cut_early<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    mapping: &Mapping,
    text: Option<&'r str>,
) -> Option<&'r str> {
    match mapping.length {
        DataLength::Number(length) if mapping.data_type == DataType::String => {
            let text = text?;
            cx.emit(MapEvent::CutWhenFound(text));
            Some(slice(text, length))
        }
        _ => text,
    }
}

fn authorized<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    card: bool,
    attribute: &AttributeRef,
) -> Option<&'r str> {
    let (record, rules) = (cx.record, &cx.contract.contacts);
    let wanted = role_of(cx, ContactRole::Second)?;
    let contact = of_kind(record, ElementKinds::LITERAL_CONTACT)
        .rev()
        .find(|c| exact(record, *c, &rules.type_attribute) == Some(wanted))?;
    if card {
        let card = record.descendants(contact).rev().find(|e| is(record, *e, ElementKinds::CARD));
        if let Some(card) = picked(cx, card) {
            return exact(record, card, attribute);
        }
    }
    exact(record, picked(cx, Some(contact))?, attribute)
}

/// `curr_address_only`: the last address of the preferred type, of the last contact with this raw
/// con_id in any role.
pub(super) fn current_address<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    con_id: &str,
    attribute: &AttributeRef,
) -> Option<&'r str> {
    let (record, rules) = (cx.record, &cx.contract.contacts);
    let preferred = rules.address.types.first().map(|text| &**text)?;
    let contact = cx.last_contact(con_id)?;
    let of_type = |e: &u32| {
        is(record, *e, ElementKinds::LITERAL_ADDRESS)
            && exact(record, *e, &rules.address.type_attribute) == Some(preferred)
    };
    let address = picked(cx, record.children(contact).rev().find(of_type))?;
    exact(record, address, attribute)
}
