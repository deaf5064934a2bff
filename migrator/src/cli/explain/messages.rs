//! Sentences of an explanation.

use crate::contract::model::{
    AttributeRef, ContactRole, Contract, Lookup, LookupScope, Mapping, RowKind,
};
use crate::record::ParsedRecord;
use crate::stage::map::observe::{DropReason, KeyMatch, Omission, SkipReason};

/// Source of a mapping's value (contract.md 8 and 9.3).
pub(super) fn rule(contract: &Contract, mapping: &Mapping) -> String {
    let role = |role| {
        let index = usize::from(role == ContactRole::Second);
        contract.contacts.types.get(index).map_or("?", |text| &**text)
    };
    let preferred = contract.contacts.address.types.first().map_or("?", |text| &**text);
    match &mapping.lookup {
        Lookup::LastValid(pick) => {
            let contact = format!("the last {} contact with a con_id, anywhere", role(pick.role));
            let below = match pick.below {
                LookupScope::Nothing if pick.earlier_contacts => {
                    "; an earlier one if its value is blank".to_owned()
                }
                LookupScope::Nothing => String::new(),
                LookupScope::Addresses => format!(", in its addresses, {preferred} ones first"),
                LookupScope::Card => ", in its last app_prod_bcard".to_owned(),
            };
            format!("{contact}{below} (contract.md 9.3)")
        }
        Lookup::Authorized { .. } => {
            let second = role(ContactRole::Second);
            format!("the last element named contact of type {second} (contract.md 9.3)")
        }
        Lookup::Calculated => "nothing: an expression calculates (contract.md 8, rule 2)".into(),
        Lookup::ApplicationElement { .. } => {
            "the application element, in exact case (contract.md 8, rule 3)".into()
        }
        Lookup::Child(_) => "the child's own attribute, as written (contract.md 8, rule 4)".into(),
        Lookup::Contact(_) => {
            "the contact's own attribute, as written (contract.md 8, rule 4)".into()
        }
        Lookup::Context { .. } => {
            "the application's fields, as expressions see them (contract.md 8, rule 4)".into()
        }
        Lookup::ChildList => {
            "the contact's children, which only curr_address_only can use (contract.md 8, rule 4)"
                .into()
        }
        Lookup::Nothing => "an element that no contact has (contract.md 8, rule 4)".into(),
        Lookup::Path { .. } => {
            "the last element at this path, trimmed and unescaped once more (contract.md 8, rule 5)"
                .into()
        }
    }
}

/// An element by its name and its distinguishing attributes.
pub(super) fn element(contract: &Contract, record: &ParsedRecord, element: u32) -> String {
    let rules = &contract.contacts;
    let employment = rules.employment.as_ref().map(|rule| &rule.type_attribute);
    let telling = [&rules.con_id, &rules.type_attribute, &rules.address.type_attribute]
        .into_iter()
        .chain(employment);
    let mut text = record.name_of(element).to_owned();
    let mut told: Vec<&AttributeRef> = Vec::new();
    for wanted in telling {
        let own = record
            .attributes_of(element)
            .iter()
            .find(|own| own.class == wanted.class.0 && record.str(own.name) == &*wanted.name);
        if let Some(own) = own.filter(|_| !told.contains(&wanted)) {
            told.push(wanted);
            text.extend([" ", &*wanted.name, "=\"", record.str(own.value), "\""]);
        }
    }
    text
}

/// Reason why a contact or a child gets no row (contract.md 6).
pub(super) fn passed_over(why: SkipReason) -> &'static str {
    match why {
        SkipReason::NoConId => "it has no con_id",
        SkipReason::Type => "its type is not in the contract's list",
        SkipReason::Meaningless => "none of birth_date, first_name, last_name and ssn is filled",
        SkipReason::Replaced => "another contact with the same con_id is used",
        SkipReason::NoValidContact => "no valid contact has its con_id, as written",
    }
}

/// Reason why a row is dropped.
pub(super) fn dropped(why: DropReason) -> &'static str {
    match why {
        DropReason::Empty => "it has no columns (contract.md 7.2)",
        DropReason::OnlyDefaults => {
            "no column but keys holds more than its default (contract.md 7.2)"
        }
        DropReason::BlankChild => "its deciding columns and attributes are blank (contract.md 7.3)",
        DropReason::Repeated => "an earlier row has the same con_id and type (contract.md 15.2)",
        DropReason::NotMade => "no mapping creates it (contract.md 11)",
    }
}

/// Reason why a column is left out (contract.md 7.1).
pub(super) fn omitted(why: Omission) -> &'static str {
    match why {
        Omission::Nullable => "left out: null, and the column is nullable",
        Omission::NoDefault => "left out: null, and there is no default",
        Omission::Failed => "left out: the reference raises an error here and uses no default",
    }
}

/// Result of a search in an enumeration or a bit table (contract.md 9.4).
pub(super) fn answered(answer: KeyMatch, is_enum: bool) -> &'static str {
    match (answer, is_enum) {
        (KeyMatch::Exact, _) => "the key exists",
        (KeyMatch::OtherCase, _) => "the key exists in another case",
        (KeyMatch::CatchAll, _) => "no such key: the entry \"\" is used",
        (KeyMatch::Default, _) => "no such key: the default as written is used",
        (KeyMatch::Nothing, true) => "no such key",
        (KeyMatch::Nothing, false) => "no such key: 0",
    }
}

/// Source of a column's value if no mapping fills the column (contract.md 7, 11).
pub(super) fn fixed(kind: Option<RowKind>, column: &str) -> &'static str {
    match (kind, column) {
        (_, "app_id") => "Request/@ID, as a number if it is all digits",
        (None, "con_id") => "the contact's con_id as written, as a number if it is all digits",
        (Some(RowKind::History), "name") => "the attribute's name in brackets",
        (Some(RowKind::History), "source") => "the last segment of the path in brackets",
        (Some(RowKind::ReportLookup), "name") => "the attribute's name",
        (Some(RowKind::Warranty), "merrick_lienholder_flag") => "0, because no mapping sets it",
        (Some(RowKind::PolicyException), "notes") => {
            "null, because no mapping of type policy_exceptions() provides notes"
        }
        (Some(_), _) => "the parameter of the mapping type",
        (None, _) => "no mapping",
    }
}
