//! Load-time and start-up checks of a contract (contract.md 3). Reports all errors at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::diagnostic::{Code, Diagnostic, sort};
use super::json::{Member, Node, NodeKind};
use super::model::RowKind;
use super::syntax::{ContractSyntax, FieldMapping, FilterRule, Spanned};

/// Mapping types. A table needs no relationship if all of its mappings have one of these.
const UNRELATED: [&str; 4] = ["add_score", "add_indicator", "add_history", "add_report_lookup"];

/// Names that the reference finds in its bookkeeping of an element before the attributes (8.5).
const BOOKKEEPING: [&str; 5] = ["tag", "text", "path", "attributes", "tail"];

/// Element types of filter rules.
const ELEMENT_TYPES: [&str; 3] = ["contact", "address", "employment"];

/// Parts of column names that select an enumeration. The first match counts (9.4).
const ENUM_HINTS: [&str; 11] = [
    "status",
    "process",
    "app_source",
    "contact_type",
    "address_type",
    "ownership_type",
    "employment_type",
    "income_type",
    "other_income_type",
    "population_assignment",
    "decision",
];

/// All errors of a contract, in the order of its text. A contract without errors is accepted.
pub(crate) fn errors(draft: &ContractSyntax) -> Vec<Diagnostic> {
    let mut errors = draft.type_errors.clone();
    head(draft, &mut errors);
    enumerations(draft, &mut errors);
    bits(draft, &mut errors);
    rules(draft, &mut errors);
    for mapping in &draft.mappings {
        keys_of(mapping, &mut errors);
        if mapping.value.has_type("enum") {
            enum_of(draft, mapping, &mut errors);
        }
    }
    duplicates(draft, &mut errors);
    relationships(draft, &mut errors);
    sort(&mut errors);
    errors
}

/// True if a mapping type creates rows. Its mapping needs no target column.
fn creates_rows(type_name: &str) -> bool {
    RowKind::ALL.iter().any(|kind| type_name.starts_with(kind.type_name()))
}

/// The type attribute of a filter rule, and the list of its values.
pub(crate) fn type_list(rule: &FilterRule) -> Option<(&str, Vec<&str>)> {
    rule.required_attributes.iter().find_map(|(name, wanted)| {
        let list = wanted.as_array()?;
        Some((name.as_str(), list.iter().filter_map(Json::as_str).collect()))
    })
}

/// The filter rule of one element type.
pub(crate) fn rule<'d>(
    draft: &'d ContractSyntax,
    element_type: &str,
) -> Option<&'d Spanned<FilterRule>> {
    draft.rules.iter().find(|rule| rule.value.element_type == element_type)
}

/// Enumeration of a mapping's `enum` step: `enum_name`, or else selected by the column (9.4).
pub(crate) fn enum_name(mapping: &FieldMapping) -> Option<String> {
    if let Some(name) = mapping.enum_name.as_deref().filter(|name| !name.is_empty()) {
        return Some(name.to_owned());
    }
    let column = mapping.column();
    if column.ends_with("_enum") {
        return Some(column.to_owned());
    }
    ENUM_HINTS.iter().find(|hint| column.contains(**hint)).map(|hint| format!("{hint}_enum"))
}

fn head(draft: &ContractSyntax, errors: &mut Vec<Diagnostic>) {
    let texts = ["source_table", "source_column", "source_application_table", "xml_root_element"];
    let lists = ["mappings", "table_insertion_order"];
    let is_empty = |key: &str| {
        draft.root.get(key).is_some_and(|node| node.to_json().as_array().is_some_and(Vec::is_empty))
    };
    for key in texts.iter().chain(&lists) {
        if draft.is_missing(key) || is_empty(key) {
            let message = format!("`{key}` is required and must not be empty");
            errors.push(Diagnostic::new(Code::MissingKey, *key, draft.span(&[key]), message));
        }
    }
}

fn enumerations(draft: &ContractSyntax, errors: &mut Vec<Diagnostic>) {
    for member in draft.root.get("enum_mappings").map_or(&[][..], Node::members) {
        let (key, map) = (&member.key, &member.value);
        let path = format!("enum_mappings.{key}");
        if !matches!(map.kind, NodeKind::Object(_)) {
            let message = format!("`{key}` must be an object, not {}", map.describe());
            errors.push(Diagnostic::new(Code::WrongType, &path, map.span, message));
        }
        for Member { key, value, .. } in map.members() {
            let json = value.to_json();
            if !(json.is_i64() || json.is_string()) {
                let message = format!("{key:?} is {}, which no column can hold", value.describe());
                let path = format!("{path}.{key:?}");
                errors.push(Diagnostic::new(Code::EnumValue, path, value.span, message));
            }
        }
    }
}

fn bits(draft: &ContractSyntax, errors: &mut Vec<Diagnostic>) {
    for name in ["char_to_bit", "boolean_to_bit"] {
        let map = draft.root.get("bit_conversions").and_then(|bits| bits.get(name));
        for Member { key, value, .. } in map.map_or(&[][..], Node::members) {
            let json = value.to_json();
            if !matches!(json.as_i64(), Some(0 | 1)) {
                let path = format!("bit_conversions.{name}.{key:?}");
                let message = format!("{json} is neither 0 nor 1");
                errors.push(Diagnostic::new(Code::BitValue, path, value.span, message));
            }
        }
    }
}

fn rules(draft: &ContractSyntax, errors: &mut Vec<Diagnostic>) {
    for element_type in ["contact", "address"] {
        if rule(draft, element_type).is_none() {
            let path = "element_filtering.filter_rules";
            let span = draft.span(&["element_filtering", "filter_rules"]);
            let message = format!("there is no rule with element_type \"{element_type}\"");
            errors.push(Diagnostic::new(Code::MissingRule, path, span, message));
        }
    }
    for rule in &draft.rules {
        required(rule, &["element_type", "xml_child_path"], errors);
        let element_type = rule.value.element_type.as_str();
        if !rule.is_missing("element_type") && !ELEMENT_TYPES.contains(&element_type) {
            let message = format!("there is no element type {element_type:?}");
            errors.push(rule.diagnostic(Code::UnknownElementType, "element_type", message));
        }
        if type_list(&rule.value).is_none_or(|(_, list)| list.is_empty()) {
            let message = "no attribute has a list of its allowed values";
            errors.push(rule.diagnostic(Code::RuleWithoutValues, "required_attributes", message));
        }
        let attributes = rule.node.get("required_attributes").map_or(&[][..], Node::members);
        for Member { key, value, .. } in attributes {
            for (index, item) in value.items().iter().enumerate() {
                if item.text().is_none() {
                    let path = format!("{}.required_attributes.{key}[{index}]", rule.path);
                    let message = format!("`{key}` must list strings, not {}", item.describe());
                    let diagnostic = Diagnostic::new(Code::WrongType, path, item.span, message);
                    errors.push(diagnostic.with_help("use a string"));
                }
            }
        }
    }
}

/// Requires keys. A value of the wrong type counts as present: it has an error already.
fn required<T>(piece: &Spanned<T>, keys: &[&str], errors: &mut Vec<Diagnostic>) {
    for key in keys {
        if piece.is_missing(key) {
            errors.push(piece.diagnostic(Code::MissingKey, key, format!("`{key}` is required")));
        }
    }
}

fn keys_of(mapping: &Spanned<FieldMapping>, errors: &mut Vec<Diagnostic>) {
    required(mapping, &["xml_path", "target_table", "data_type"], errors);
    let value = &mapping.value;
    if mapping.is_missing("target_column") && !value.types.iter().any(|t| creates_rows(&t.name)) {
        let message = "`target_column` is required unless the mapping type creates rows";
        errors.push(mapping.diagnostic(Code::MissingColumn, "target_column", message));
    }
    if !value.has_type("calculated_field") && mapping.is_missing("xml_attribute") {
        let message = "`xml_attribute` is required: only attributes are mapped";
        errors.push(mapping.diagnostic(Code::MissingKey, "xml_attribute", message));
    }
    let attribute = value.attribute();
    if BOOKKEEPING.contains(&attribute) {
        let message =
            format!("the reference confuses {attribute} with its own {attribute} of the element");
        errors.push(mapping.diagnostic(Code::BookkeepingAttribute, "xml_attribute", message));
    }
}

fn enum_of(draft: &ContractSyntax, mapping: &Spanned<FieldMapping>, errors: &mut Vec<Diagnostic>) {
    let key = if mapping.is_missing("enum_name") { "mapping_type" } else { "enum_name" };
    match enum_name(&mapping.value) {
        None => {
            let column = mapping.value.column();
            let message = format!("there is no enumeration for a column named {column:?}");
            errors.push(mapping.diagnostic(Code::UnknownEnum, key, message));
        }
        Some(name) if !draft.head.enum_mappings.contains_key(&name) => {
            let message = format!("enum_mappings has no \"{name}\"");
            errors.push(mapping.diagnostic(Code::UnknownEnum, key, message));
        }
        Some(_) => {}
    }
}

fn duplicates(draft: &ContractSyntax, errors: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for mapping in &draft.mappings {
        let value = &mapping.value;
        let may_repeat = |name: &str| {
            creates_rows(name)
                || name == "last_valid_pr_contact"
                || name == "last_valid_sec_contact"
        };
        let unnamed = value.table().is_empty() || value.column().is_empty();
        if unnamed || value.types.iter().any(|step| may_repeat(&step.name)) {
            continue;
        }
        if let Some(first) = seen.insert((value.table(), value.column()), mapping) {
            let (path, line) = (&first.path, first.node.span.line);
            let message = format!(
                "{}.{} is already mapped by {path} (line {line})",
                value.table(),
                value.column()
            );
            errors.push(mapping.diagnostic(Code::DuplicateColumn, "target_column", message));
        }
    }
}

fn relationships(draft: &ContractSyntax, errors: &mut Vec<Diagnostic>) {
    const KEYS: [&str; 5] =
        ["parent_table", "child_table", "foreign_key_column", "xml_parent_path", "xml_child_path"];
    let order: BTreeSet<&str> =
        draft.head.table_insertion_order.iter().map(String::as_str).collect();
    let mut children = BTreeSet::new();
    for relationship in &draft.relationships {
        required(relationship, &KEYS, errors);
        let child = relationship.value.child_table.as_deref().unwrap_or_default();
        if !child.is_empty() && !order.contains(child) {
            let message = format!("{child} is not in table_insertion_order");
            errors.push(relationship.diagnostic(Code::ChildNotOrdered, "child_table", message));
        }
        children.insert(child);
    }
    let tables = draft.root.get("table_insertion_order").map_or(&[][..], Node::items);
    for (index, node) in tables.iter().enumerate() {
        let Some(table) = node.text() else { continue };
        if !children.contains(table) && needs_relationship(draft, table) {
            let path = format!("table_insertion_order[{index}]");
            let message = format!("{table} has no entry in relationships");
            errors.push(Diagnostic::new(Code::NoRelationship, path, node.span, message));
        }
    }
}

fn needs_relationship(draft: &ContractSyntax, table: &str) -> bool {
    if table == "app_base" || table == "processing_log" {
        return false;
    }
    let mut own = draft.mappings.iter().filter(|mapping| mapping.value.table() == table);
    !own.all(|mapping| UNRELATED.iter().any(|name| mapping.value.has_type(name)))
}
