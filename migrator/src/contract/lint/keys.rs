//! Warnings about unused keys and unknown names.

use super::pair::name;
use super::words::nearest;
use crate::contract::convert::DataType;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::json::Node;
use crate::contract::model::RowKind;
use crate::contract::syntax::{ContractSyntax, FieldMapping, FilterRule, Relationship, Spanned};

const TOP: [&str; 12] = [
    "xml_root_element",
    "xml_application_path",
    "source_table",
    "source_column",
    "source_application_table",
    "target_schema",
    "table_insertion_order",
    "element_filtering",
    "relationships",
    "enum_mappings",
    "bit_conversions",
    "mappings",
];

const FILTERING: [&str; 1] = ["filter_rules"];

const RULE: [&str; 4] =
    ["element_type", "xml_parent_path", "xml_child_path", "required_attributes"];

const RELATIONSHIP: [&str; 5] =
    ["parent_table", "child_table", "foreign_key_column", "xml_parent_path", "xml_child_path"];

const BITS: [&str; 2] = ["char_to_bit", "boolean_to_bit"];

const MAPPING: [&str; 13] = [
    "xml_path",
    "xml_attribute",
    "target_table",
    "target_column",
    "data_type",
    "data_length",
    "mapping_type",
    "default_value",
    "expression",
    "enum_name",
    "nullable",
    "required",
    "exclude_default_when_record_empty",
];

/// Mapping types that create no rows.
const TYPES: [&str; 13] = [
    "last_valid_pr_contact",
    "last_valid_sec_contact",
    "authu_contact",
    "curr_address_only",
    "enum",
    "char_to_bit",
    "boolean_to_bit",
    "calculated_field",
    "numbers_only",
    "extract_numeric",
    "default_getutcdate_if_null",
    "identity_insert",
    "extract_date",
];

/// Warns about keys, data types and mapping types.
pub(super) fn warn(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    repeated("", &draft.root, found);
    unknown("", &draft.root, &TOP, found);
    for (key, known) in [("element_filtering", &FILTERING[..]), ("bit_conversions", &BITS)] {
        if let Some(node) = draft.root.get(key) {
            unknown(key, node, known, found);
        }
    }
    draft.rules.iter().for_each(|rule| unknown(&rule.path, &rule.node, &RULE, found));
    for relationship in &draft.relationships {
        unknown(&relationship.path, &relationship.node, &RELATIONSHIP, found);
    }
    root(draft, found);
    required(draft, found);
    repeated_pieces(draft, found);
    for mapping in &draft.mappings {
        unknown(&mapping.path, &mapping.node, &MAPPING, found);
        without_effect(mapping, found);
        data_type(mapping, found);
        mapping_types(mapping, found);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn repeated(path: &str, node: &Node, found: &mut Vec<Diagnostic>) {
    for (index, item) in node.items().iter().enumerate() {
        repeated(&format!("{path}[{index}]"), item, found);
    }
    let members = node.members();
    for (index, member) in members.iter().enumerate() {
        let path = join(path, &member.key);
        let last = members[index + 1..].iter().rfind(|other| other.key == member.key);
        if let Some(last) = last.filter(|_| !is_for_people(&member.key)) {
            let line = last.key_span.line;
            let message = format!("`{}` is ignored: it occurs again on line {line}", member.key);
            found.push(Diagnostic::new(Code::RepeatedKey, &path, member.key_span, message));
        }
        repeated(&path, &member.value, found);
    }
}

/// True for remarks: `description`, and keys that start with `_`.
fn is_for_people(key: &str) -> bool {
    key.starts_with('_') || key == "description"
}

fn unknown(path: &str, node: &Node, known: &[&'static str], found: &mut Vec<Diagnostic>) {
    for member in node.members() {
        let key = member.key.as_str();
        if known.contains(&key) || is_for_people(key) {
            continue;
        }
        let message = format!("`{key}` is not a key of a contract and has no effect");
        let diagnostic =
            Diagnostic::new(Code::UnknownKey, join(path, key), member.key_span, message);
        found.push(match nearest(key, known.iter().copied()) {
            Some(nearest) => diagnostic.with_help(format!("did you mean {nearest}?")),
            None => diagnostic,
        });
    }
}

/// Reports keys of the top level that are not read (contract.md 3).
fn root(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    let application = format!("/Provenir/Request/CustData/{}", draft.head.source_application_table);
    for (key, wanted) in [("xml_root_element", "Provenir"), ("xml_application_path", &application)]
    {
        let Some(node) = draft.root.get(key) else { continue };
        let Some(written) = node.text().filter(|text| !text.is_empty() && *text != wanted) else {
            continue;
        };
        let message = format!("`{key}` has no effect: records have {wanted}, not {written}");
        let diagnostic = Diagnostic::new(Code::IgnoredKey, key, node.span, message);
        found.push(
            diagnostic
                .with_help(format!("use {wanted}, or check that this contract fits the records")),
        );
    }
}

/// Reports `required`. Its effect is the same everywhere, so there is one diagnostic for all.
fn required(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    let is_set = |mapping: &&Spanned<FieldMapping>| {
        mapping.node.get("required").is_some_and(|node| node.to_json() == true)
    };
    let mut all = draft.mappings.iter().filter(is_set);
    let Some(first) = all.next() else { return };
    let others = match all.count() {
        0 => String::new(),
        1 => ", as in 1 other mapping".to_owned(),
        more => format!(", as in {more} other mappings"),
    };
    let message = format!(
        "`required` has no effect on {}{others}: nullable and default_value decide about blanks",
        name(&first.value)
    );
    found.push(first.diagnostic(Code::IgnoredKey, "required", message));
}

/// Reports repetitions: the first rule of an element type counts, and the last relationship of a
/// table.
fn repeated_pieces(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    for (index, rule) in draft.rules.iter().enumerate() {
        let same = |other: &&Spanned<FilterRule>| {
            !rule.is_missing("element_type") && other.value.element_type == rule.value.element_type
        };
        if let Some(first) = draft.rules[..index].iter().find(same) {
            let line = first.node.span.line;
            let message = format!(
                "the second rule for {} is ignored: the first is on line {line}",
                rule.value.element_type
            );
            found.push(rule.diagnostic(Code::RepeatedKey, "element_type", message));
        }
    }
    for (index, relationship) in draft.relationships.iter().enumerate() {
        let child = relationship.value.child_table.as_deref().filter(|child| !child.is_empty());
        let same = |other: &&Spanned<Relationship>| other.value.child_table.as_deref() == child;
        let later = draft.relationships[index + 1..].iter().rfind(same);
        if let (Some(child), Some(last)) = (child, later) {
            let line = last.node.span.line;
            let message =
                format!("the relationship is ignored: {child} has another one on line {line}");
            found.push(relationship.diagnostic(Code::RepeatedKey, "child_table", message));
        }
    }
}

/// Reports known keys that have no effect here.
fn without_effect(mapping: &Spanned<FieldMapping>, found: &mut Vec<Diagnostic>) {
    let key = "exclude_default_when_record_empty";
    if mapping.node.get(key).is_some_and(|node| node.to_json() == true) {
        let message =
            format!("`{key}` has no effect: {} still gets its default", name(&mapping.value));
        found.push(mapping.diagnostic(Code::IgnoredKey, key, message));
    }
    if mapping.value.enum_name.is_some() && !mapping.value.has_type("enum") {
        let message = format!(
            "`enum_name` has no effect: mapping_type of {} has no enum",
            name(&mapping.value)
        );
        found.push(mapping.diagnostic(Code::IgnoredKey, "enum_name", message));
    }
}

fn data_type(mapping: &Spanned<FieldMapping>, found: &mut Vec<Diagnostic>) {
    let Some(written) = mapping.value.data_type.as_deref() else { return };
    if DataType::parse(written) == DataType::Other && !mapping.is_missing("data_type") {
        let message =
            format!("{written:?} is not a data type: {} becomes text", name(&mapping.value));
        found.push(mapping.diagnostic(Code::UnknownDataType, "data_type", message));
    }
}

fn mapping_types(mapping: &Spanned<FieldMapping>, found: &mut Vec<Diagnostic>) {
    let rows = RowKind::ALL.map(RowKind::type_name);
    for step in &mapping.value.types {
        let step_name = step.name.as_str();
        if TYPES.contains(&step_name) || rows.contains(&step_name) {
            continue;
        }
        let data_type = mapping.value.data_type.as_deref().unwrap_or_default();
        let message =
            format!("{step_name:?} is not a mapping type: it only converts to {data_type}");
        let path = format!("{}.mapping_type", mapping.path);
        let diagnostic = Diagnostic::new(Code::UnknownMappingType, path, step.span, message);
        found.push(match nearest(step_name, TYPES.into_iter().chain(rows)) {
            Some(nearest) => diagnostic.with_help(format!("did you mean {nearest}?")),
            None => diagnostic,
        });
    }
}
