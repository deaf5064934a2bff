//! Every load-time and start-up check of a contract (contract.md 3), all faults at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::draft::{Draft, Fault, FieldMapping, FilterRule, Placed};
use super::model::RowKind;

/// Types whose tables need no relationship, if all their mappings have one.
const UNRELATED: [&str; 4] = ["add_score", "add_indicator", "add_history", "add_report_lookup"];

/// Names that the reference finds in an element's own bookkeeping before its attributes (8.5).
const BOOKKEEPING: [&str; 5] = ["tag", "text", "path", "attributes", "tail"];

/// Substrings of a column's name that choose an enumeration, in this order (9.4).
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

/// All faults of a contract; an empty list lets it pass.
pub fn faults(draft: &Draft) -> Vec<Fault> {
    let mut faults = Vec::new();
    head(draft, &mut faults);
    values(draft, &mut faults);
    rules(draft, &mut faults);
    for mapping in &draft.mappings {
        keys_of(mapping, &mut faults);
        if mapping.value.types().iter().any(|step| step.name == "enum") {
            enum_of(draft, mapping, &mut faults);
        }
    }
    duplicates(draft, &mut faults);
    relationships(draft, &mut faults);
    faults.sort_by_key(|fault| fault.line);
    faults
}

/// Whether a type makes rows of its own; its mapping needs no target column.
fn creates_rows(type_name: &str) -> bool {
    RowKind::ALL.iter().any(|kind| type_name.starts_with(kind.type_name()))
}

/// The attribute with the list of values, and the values: the type attribute of a filter rule.
pub fn type_list(rule: &FilterRule) -> Option<(&str, Vec<&str>)> {
    rule.required_attributes.iter().find_map(|(name, wanted)| {
        let list = wanted.as_array()?;
        Some((name.as_str(), list.iter().filter_map(Json::as_str).collect()))
    })
}

/// The filter rule of one element type.
pub fn rule<'d>(draft: &'d Draft, element_type: &str) -> Option<&'d Placed<FilterRule>> {
    draft.rules.iter().find(|rule| rule.value.element_type == element_type)
}

/// The enumeration that a mapping's `enum` step uses: by `enum_name`, else by the column (9.4).
pub fn enum_name(mapping: &FieldMapping) -> Option<String> {
    if let Some(name) = mapping.enum_name.as_deref().filter(|name| !name.is_empty()) {
        return Some(name.to_owned());
    }
    let column = mapping.column();
    if column.ends_with("_enum") {
        return Some(column.to_owned());
    }
    ENUM_HINTS.iter().find(|hint| column.contains(**hint)).map(|hint| format!("{hint}_enum"))
}

fn head(draft: &Draft, faults: &mut Vec<Fault>) {
    let head = &draft.head;
    let required = [
        ("source_table", &head.source_table),
        ("source_column", &head.source_column),
        ("source_application_table", &head.source_application_table),
        ("xml_root_element", &head.xml_root_element),
    ];
    for (key, value) in required {
        if value.trim().is_empty() {
            faults.push(top(key, "is required and must not be empty"));
        }
    }
    if draft.mappings.is_empty() {
        faults.push(top("mappings", "there are none"));
    }
    if head.table_insertion_order.is_empty() {
        faults.push(top("table_insertion_order", "is required and must not be empty"));
    }
}

fn top(key: &str, message: impl Into<String>) -> Fault {
    Fault { line: 1, path: key.to_owned(), message: message.into() }
}

fn values(draft: &Draft, faults: &mut Vec<Fault>) {
    for (name, map) in &draft.head.enum_mappings {
        let Some(map) = map.as_object() else {
            faults.push(top(&format!("enum_mappings.{name}"), "must be an object"));
            continue;
        };
        for (key, value) in map {
            if !(value.is_i64() || value.is_string()) {
                let path = format!("enum_mappings.{name}.{key:?}");
                faults.push(top(&path, "must be a whole number or a text"));
            }
        }
    }
    let bits = &draft.head.bit_conversions;
    for (name, map) in
        [("char_to_bit", &bits.char_to_bit), ("boolean_to_bit", &bits.boolean_to_bit)]
    {
        for (key, _) in map.iter().filter(|(_, value)| !matches!(value.as_i64(), Some(0 | 1))) {
            faults.push(top(&format!("bit_conversions.{name}.{key:?}"), "must be 0 or 1"));
        }
    }
}

fn rules(draft: &Draft, faults: &mut Vec<Fault>) {
    for element_type in ["contact", "address"] {
        if rule(draft, element_type).is_none() {
            let message = format!("there is no rule with element_type \"{element_type}\"");
            faults.push(top("element_filtering.filter_rules", message));
        }
    }
    for rule in &draft.rules {
        if !["contact", "address", "employment"].contains(&rule.value.element_type.as_str()) {
            let message = "must be \"contact\", \"address\" or \"employment\"";
            faults.push(rule.fault("element_type", message));
        }
        if rule.value.xml_child_path.is_empty() {
            faults.push(rule.fault("xml_child_path", "is required"));
        }
        if type_list(&rule.value).is_none_or(|(_, list)| list.is_empty()) {
            let message = "needs one attribute with a list of the values it may have";
            faults.push(rule.fault("required_attributes", message));
        }
    }
}

fn keys_of(mapping: &Placed<FieldMapping>, faults: &mut Vec<Fault>) {
    let value = &mapping.value;
    let required = [
        ("xml_path", &value.xml_path),
        ("target_table", &value.target_table),
        ("data_type", &value.data_type),
    ];
    for (key, text) in required {
        if text.as_deref().is_none_or(|text| text.trim().is_empty()) {
            faults.push(mapping.fault(key, "is required"));
        }
    }
    let types = value.types();
    if value.column().is_empty() && !types.iter().any(|t| creates_rows(&t.name)) {
        let message = "is required unless the mapping type creates rows of its own";
        faults.push(mapping.fault("target_column", message));
    }
    attribute_of(mapping, types.iter().any(|t| t.name == "calculated_field"), faults);
    if matches!(value.default_value, Some(Json::Array(_) | Json::Object(_))) {
        faults.push(
            mapping.fault("default_value", "must be a text, a number, a truth value or null"),
        );
    }
}

fn attribute_of(mapping: &Placed<FieldMapping>, calculated: bool, faults: &mut Vec<Fault>) {
    let attribute = mapping.value.attribute();
    if attribute.is_empty() && !calculated {
        faults.push(mapping.fault("xml_attribute", "is required: only attributes are mapped"));
    }
    if BOOKKEEPING.contains(&attribute) {
        let message = format!(
            "an attribute named \"{attribute}\" cannot be told from the element's own {attribute}"
        );
        faults.push(mapping.fault("xml_attribute", message));
    }
}

fn enum_of(draft: &Draft, mapping: &Placed<FieldMapping>, faults: &mut Vec<Fault>) {
    match enum_name(&mapping.value) {
        None => {
            let message = "no enumeration belongs to this column: name one in enum_name";
            faults.push(mapping.fault("mapping_type", message));
        }
        Some(name) if !draft.head.enum_mappings.contains_key(&name) => {
            let message = format!("enum_mappings has no \"{name}\"");
            faults.push(mapping.fault("mapping_type", message));
        }
        Some(_) => {}
    }
}

fn duplicates(draft: &Draft, faults: &mut Vec<Fault>) {
    let mut seen = BTreeMap::new();
    for mapping in &draft.mappings {
        let may_repeat = |name: &str| {
            creates_rows(name)
                || name == "last_valid_pr_contact"
                || name == "last_valid_sec_contact"
        };
        if mapping.value.types().iter().any(|step| may_repeat(&step.name)) {
            continue;
        }
        let target = (mapping.value.table(), mapping.value.column());
        if let Some(first) = seen.insert(target, &mapping.path) {
            let message = format!("{}.{} is mapped by {first} already", target.0, target.1);
            faults.push(mapping.fault("target_column", message));
        }
    }
}

fn relationships(draft: &Draft, faults: &mut Vec<Fault>) {
    let order: BTreeSet<&str> =
        draft.head.table_insertion_order.iter().map(String::as_str).collect();
    let mut children = BTreeSet::new();
    for relationship in &draft.relationships {
        let value = &relationship.value;
        let required = [
            ("parent_table", &value.parent_table),
            ("child_table", &value.child_table),
            ("foreign_key_column", &value.foreign_key_column),
            ("xml_parent_path", &value.xml_parent_path),
            ("xml_child_path", &value.xml_child_path),
        ];
        for (key, text) in required {
            if text.as_deref().is_none_or(str::is_empty) {
                faults.push(relationship.fault(key, "is required"));
            }
        }
        let child = value.child_table.as_deref().unwrap_or_default();
        if !child.is_empty() && !order.contains(child) {
            let message = format!("table_insertion_order does not have {child}");
            faults.push(relationship.fault("child_table", message));
        }
        children.insert(child);
    }
    for (index, table) in draft.head.table_insertion_order.iter().enumerate() {
        if !children.contains(table.as_str()) && needs_relationship(draft, table) {
            let path = format!("table_insertion_order[{index}]");
            faults.push(top(&path, format!("{table} has no entry in relationships")));
        }
    }
}

fn needs_relationship(draft: &Draft, table: &str) -> bool {
    if table == "app_base" || table == "processing_log" {
        return false;
    }
    let own = draft.mappings.iter().filter(|mapping| mapping.value.table() == table);
    !own.into_iter().all(|mapping| {
        let types = mapping.value.types();
        types.iter().any(|step| UNRELATED.contains(&step.name.as_str()))
    })
}
