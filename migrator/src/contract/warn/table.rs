//! Tables whose rows come or fail to come against appearance (contract.md 7.2, 9.4, 11).

use std::collections::BTreeMap;

use super::mapping::{fills_blanks, of_blank};
use super::pair::{Compiled, Pair};
use super::words::{listed, nearest};
use crate::contract::check::enum_name;
use crate::contract::draft::{Draft, FieldMapping, Placed};
use crate::contract::finding::{Code, Finding};
use crate::contract::model::{Contract, Procedure, RowKind};

/// Warns about mappings that make no row, and about enumerations.
pub(super) fn of_draft(draft: &Draft, found: &mut Vec<Finding>) {
    for mapping in &draft.mappings {
        no_row(mapping, found);
    }
    catch_all(draft, found);
}

/// Warns about tables with a column that holds more than its default in every record (contract.md
/// 7.2).
pub(super) fn always_kept(pair: Pair<'_>, found: &mut Vec<Finding>) {
    let (contract, compiled) = (pair.contract, pair.compiled());
    let mut by_table: BTreeMap<usize, Vec<&Compiled<'_>>> = BTreeMap::new();
    for mapping in &compiled {
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
    let (first, default) = (compiled.mapping.chain.first(), &compiled.mapping.default.typed);
    of_blank(contract, first).is_some()
        && !default.as_ref().is_some_and(|default| fills_blanks(contract, first, default))
}

/// A row-creating type in another table, or a table of such rows without its type (contract.md 11).
fn no_row(mapping: &Placed<FieldMapping>, found: &mut Vec<Finding>) {
    let value = &mapping.value;
    let table = value.table();
    let own = RowKind::ALL.into_iter().find(|kind| kind.table() == table);
    if let Some(kind) = own.filter(|kind| !value.has_type(kind.type_name())) {
        let message =
            format!("the mapping has no effect: {} alone makes rows of {table}", kind.type_name());
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
fn catch_all(draft: &Draft, found: &mut Vec<Finding>) {
    let mut users: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for mapping in draft.mappings.iter().filter(|mapping| mapping.value.has_type("enum")) {
        if let Some(name) = enum_name(&mapping.value) {
            users.entry(name).or_default().push(mapping.value.column());
        }
    }
    let enums = draft.root.get("enum_mappings");
    for (name, columns) in users {
        let entry = enums.and_then(|enums| enums.get(&name)).and_then(|map| map.get(""));
        let Some(entry) = entry else { continue };
        let message = format!(
            "{} has the entry \"\" for every unknown text, not for blanks alone",
            listed(&columns)
        );
        let path = format!("enum_mappings.{name}.\"\"");
        found.push(Finding::new(Code::ENUM_CATCH_ALL, path, entry.place, message));
    }
}
