//! Tables whose rows come or fail to come against appearance (contract.md 7.2, 9.4, 11).

use std::collections::BTreeMap;

use super::pair::{Compiled, Pair};
use super::words::{listed, nearest};
use crate::contract::check::enum_name;
use crate::contract::convert::{convert_value, text_of};
use crate::contract::draft::{FieldMapping, Placed};
use crate::contract::finding::{Code, Finding};
use crate::contract::model::{Contract, Procedure, RowKind, Step};
use crate::record::Value;

/// Warns about tables and enumerations.
pub(super) fn warn(pair: Pair<'_>, found: &mut Vec<Finding>) {
    let compiled = pair.compiled();
    always_kept(pair.contract, &compiled, found);
    for mapping in &pair.draft.mappings {
        no_row(mapping, found);
    }
    catch_all(pair, found);
}

/// Tables with a column that holds more than its default in every record (contract.md 7.2).
fn always_kept(contract: &Contract, compiled: &[Compiled<'_>], found: &mut Vec<Finding>) {
    let mut by_table: BTreeMap<usize, Vec<&Compiled<'_>>> = BTreeMap::new();
    for mapping in compiled {
        let may_drop = matches!(&contract.procedures[mapping.table],
            Procedure::Application(plan) if !plan.always_kept);
        if may_drop && is_never_default(contract, mapping) {
            by_table.entry(mapping.table).or_default().push(mapping);
        }
    }
    for (table, mappings) in by_table {
        let Some(first) = mappings.first() else { continue };
        let names: Vec<&str> = mappings.iter().map(|m| m.written.value.column()).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        let message = format!(
            "{} gets a row from every record: {} {verb} never blank",
            contract.tables[table].name,
            listed(&names)
        );
        let place = first.written.value.types.first().map(|step| step.place);
        let path = format!("{}.mapping_type", first.written.path);
        let place = place.unwrap_or(first.written.node.place);
        found.push(Finding::new(Code::ROW_ALWAYS_KEPT, path, place, message));
    }
}

/// Whether even a record without the attribute gives the column a value that is not its default.
fn is_never_default(contract: &Contract, compiled: &Compiled<'_>) -> bool {
    let mapping = compiled.mapping;
    let of_blank = match mapping.chain.first() {
        Some(Step::CharToBit) => Value::Int(contract.char_to_bit.get("").copied().unwrap_or(0)),
        Some(Step::BooleanToBit) => {
            Value::Int(contract.boolean_to_bit.get("").copied().unwrap_or(0))
        }
        Some(Step::Enum(index)) => match &contract.enums[*index].catch_all {
            Some(value) => value.clone(),
            None => return false,
        },
        _ => return false,
    };
    let of_blank = match of_blank {
        Value::Text(text) => convert_value(Value::Text(text), mapping.data_type),
        other => other,
    };
    // Numbers and bits are compared as the reference does: by value, whatever their type.
    let same = |default: &Value| text_of(default) == text_of(&of_blank);
    !mapping.default.typed.as_ref().is_some_and(same)
}

/// A row-creating type in another table, or a table of such rows without its type (contract.md 11).
fn no_row(mapping: &Placed<FieldMapping>, found: &mut Vec<Finding>) {
    let value = &mapping.value;
    let table = value.table();
    let own = RowKind::ALL.into_iter().find(|kind| kind.table() == table);
    if let Some(kind) = own.filter(|kind| !value.has_type(kind.type_name())) {
        let message =
            format!("has no effect: rows of {table} are made by {} alone", kind.type_name());
        found.push(mapping.finding(Code::MAKES_NO_ROW, "target_table", message));
    }
    for step in &value.types {
        let kind = RowKind::ALL.into_iter().find(|kind| kind.type_name() == step.name);
        if let Some(kind) = kind.filter(|kind| kind.table() != table) {
            let message =
                format!("{} makes rows of {} alone, not of {table}", step.name, kind.table());
            let finding = Finding::new(
                Code::MAKES_NO_ROW,
                format!("{}.mapping_type", mapping.path),
                step.place,
                message,
            );
            let meant = nearest(table, RowKind::ALL.map(RowKind::table));
            found.push(match meant {
                Some(meant) => finding.with_help(format!("was the table {meant} meant?")),
                None => finding,
            });
        }
    }
}

/// Enumerations in use with an entry for everything (contract.md 9.4).
fn catch_all(pair: Pair<'_>, found: &mut Vec<Finding>) {
    let mut users: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for mapping in pair.draft.mappings.iter().filter(|mapping| mapping.value.has_type("enum")) {
        if let Some(name) = enum_name(&mapping.value) {
            users.entry(name).or_default().push(mapping.value.column());
        }
    }
    let enums = pair.draft.root.get("enum_mappings");
    for (name, columns) in users {
        let entry = enums.and_then(|enums| enums.get(&name)).and_then(|map| map.get(""));
        let Some(entry) = entry else { continue };
        let message = format!(
            "is the value of {} for every unknown text, not for blanks alone",
            listed(&columns)
        );
        let path = format!("enum_mappings.{name}.\"\"");
        found.push(Finding::new(Code::ENUM_CATCH_ALL, path, entry.place, message));
    }
}
