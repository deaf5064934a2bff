//! Warnings about tables that get rows, or get none, against appearance (contract.md 7.2, 9.4, 11).

use std::collections::{BTreeMap, BTreeSet};

use super::mapping::{fills_blanks, of_blank};
use super::pair::{CompiledMapping, ContractPair};
use super::words::{listed, nearest};
use crate::contract::check::enum_name;
use crate::contract::convert::text_of;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::json::Node;
use crate::contract::model::{ChildKind, Contract, Mapping, Procedure, RowKind, Step};
use crate::contract::syntax::{ContractSyntax, FieldMapping, Spanned};

/// The log table, which is filled without a mapping.
const LOG: &str = "processing_log";

/// Warns about mappings that create no row, about the insertion order and about enumerations.
pub(super) fn of_draft(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    for mapping in &draft.mappings {
        no_row(mapping, found);
        parameter(mapping, found);
    }
    later_notes(draft, found);
    order(draft, found);
    catch_all(draft, found);
}

/// Warns about tables whose rows are never dropped.
pub(super) fn always_kept(pair: ContractPair<'_>, found: &mut Vec<Diagnostic>) {
    let compiled = pair.compiled();
    of_application(pair.contract, &compiled, found);
    of_children(pair.contract, &compiled, found);
}

/// Reports tables with a column that differs from its default in every record (contract.md 7.2).
fn of_application(
    contract: &Contract,
    compiled: &[CompiledMapping<'_>],
    found: &mut Vec<Diagnostic>,
) {
    let mut by_table: BTreeMap<usize, Vec<&CompiledMapping<'_>>> = BTreeMap::new();
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
        let span = first.written.value.types.first().map(|step| step.span);
        let path = format!("{}.mapping_type", first.written.path);
        let span = span.unwrap_or(first.written.node.span);
        found.push(Diagnostic::new(Code::RowAlwaysKept, path, span, message));
    }
}

/// Reports child tables whose deciding columns are filled with defaults and so are never blank
/// (contract.md 7.3).
fn of_children(contract: &Contract, compiled: &[CompiledMapping<'_>], found: &mut Vec<Diagnostic>) {
    for (table, procedure) in contract.procedures.iter().enumerate() {
        let Procedure::Children(plan) = procedure else { continue };
        let counts = |mapping: &Mapping| {
            let witness = plan.presence_columns.iter().find(|own| own.column == mapping.column);
            let default = mapping.default.typed.as_ref().filter(|_| fills_up(mapping));
            witness.zip(default).is_some_and(|(witness, default)| {
                !(witness.zero_is_blank && matches!(text_of(default).as_ref(), "0" | "0.0"))
            })
        };
        let own = compiled.iter().filter(|own| own.table == table && counts(own.mapping));
        let own: Vec<&CompiledMapping<'_>> = own.collect();
        let Some(first) = own.first() else { continue };
        let names: Vec<&str> = own.iter().map(|own| own.written.value.column()).collect();
        let what = match plan.kind {
            ChildKind::Address => "address",
            ChildKind::Employment => "employment",
        };
        let message = format!(
            "{} gets a row from every {what}, even a blank one: defaults fill {}",
            contract.tables[table].name,
            listed(&names)
        );
        found.push(first.written.diagnostic(Code::RowAlwaysKept, "default_value", message));
    }
}

/// True if a blank becomes the default (contract.md 9.5 a).
fn fills_up(mapping: &Mapping) -> bool {
    matches!(mapping.chain.first(), None | Some(Step::Digits { .. } | Step::General))
}

/// Reports unusable parameters, which distinguish rows (contract.md 11).
fn parameter(mapping: &Spanned<FieldMapping>, found: &mut Vec<Diagnostic>) {
    for step in &mapping.value.types {
        let kind = RowKind::ALL.into_iter().find(|kind| kind.type_name() == step.name);
        let Some(kind) = kind.filter(|kind| kind.table() == mapping.value.table()) else {
            continue;
        };
        let parameter = step.parameter.as_deref().unwrap_or_default();
        let is_number = parameter.parse::<i64>().is_ok();
        let why = match kind {
            RowKind::Score | RowKind::Indicator if parameter.is_empty() => {
                "the text in parentheses distinguishes the rows of this type"
            }
            RowKind::Collateral | RowKind::Warranty if !is_number => {
                "an integer in parentheses distinguishes the rows of this type"
            }
            RowKind::PolicyException if !parameter.is_empty() && !is_number => {
                "the kind of an exception is an integer; without one, the mapping is for the notes"
            }
            _ => continue,
        };
        let message = format!("{} of {}: {why}", step.shown(), mapping.value.table());
        let path = format!("{}.mapping_type", mapping.path);
        found.push(Diagnostic::new(Code::UnusableParameter, path, step.span, message));
    }
}

/// Reports later `policy_exceptions()`: only the first gives the notes (contract.md 11.5).
fn later_notes(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    let notes = |mapping: &&Spanned<FieldMapping>| {
        mapping.value.table() == RowKind::PolicyException.table()
            && mapping.value.types.iter().any(|step| {
                step.name == RowKind::PolicyException.type_name()
                    && step.parameter.as_deref().unwrap_or_default().is_empty()
            })
    };
    for later in draft.mappings.iter().filter(notes).skip(1) {
        let message =
            "the mapping has no effect: an earlier policy_exceptions() provides the notes";
        let diagnostic = later.diagnostic(Code::MakesNoRow, "mapping_type", message);
        found.push(diagnostic.with_help("remove the mapping"));
    }
}

/// Reports mapped tables without an insertion order, and ordered tables without a mapping
/// (contract.md 14.1).
fn order(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    let order = &draft.head.table_insertion_order;
    let mut told = BTreeSet::new();
    for mapping in &draft.mappings {
        let table = mapping.value.table();
        if table.is_empty() || order.iter().any(|own| own == table) || !told.insert(table) {
            continue;
        }
        let message = format!(
            "{table} is not in table_insertion_order: its rows are inserted after all others"
        );
        found.push(mapping.diagnostic(Code::InsertionOrder, "target_table", message));
    }
    let is_mapped =
        |table: &str| draft.mappings.iter().any(|mapping| mapping.value.table() == table);
    let entries = draft.root.get("table_insertion_order").map_or(&[][..], Node::items);
    for (index, node) in entries.iter().enumerate() {
        let Some(table) = node.text().filter(|table| *table != LOG && !is_mapped(table)) else {
            continue;
        };
        let path = format!("table_insertion_order[{index}]");
        let message = format!("no mapping fills a table {table}");
        let diagnostic = Diagnostic::new(Code::InsertionOrder, path, node.span, message);
        let meant = nearest(table, told.iter().copied());
        found.push(match meant {
            Some(meant) => diagnostic.with_help(format!("did you mean {meant}?")),
            None => diagnostic.with_help("remove the table from table_insertion_order"),
        });
    }
}

/// True if even a record without the attribute gives the column another value than its default.
fn is_never_default(contract: &Contract, compiled: &CompiledMapping<'_>) -> bool {
    let (first, default) = (compiled.mapping.chain.first(), &compiled.mapping.default.typed);
    of_blank(contract, first).is_some()
        && !default.as_ref().is_some_and(|default| fills_blanks(contract, first, default))
}

/// Reports a row-creating type in another table, or a table of such rows without the type
/// (contract.md 11).
fn no_row(mapping: &Spanned<FieldMapping>, found: &mut Vec<Diagnostic>) {
    let value = &mapping.value;
    let table = value.table();
    let own = RowKind::ALL.into_iter().find(|kind| kind.table() == table);
    if let Some(kind) = own.filter(|kind| !value.has_type(kind.type_name())) {
        let message =
            format!("the mapping has no effect: only {} creates rows of {table}", kind.type_name());
        found.push(mapping.diagnostic(Code::MakesNoRow, "target_table", message));
    }
    for step in &value.types {
        let kind = RowKind::ALL.into_iter().find(|kind| kind.type_name() == step.name);
        if let Some(kind) = kind.filter(|kind| kind.table() != table) {
            let message =
                format!("{} only creates rows of {}, not of {table}", step.name, kind.table());
            let diagnostic = Diagnostic::new(
                Code::MakesNoRow,
                format!("{}.mapping_type", mapping.path),
                step.span,
                message,
            );
            let meant = nearest(table, RowKind::ALL.map(RowKind::table));
            found.push(match meant {
                Some(meant) => diagnostic.with_help(format!("did you mean the table {meant}?")),
                None => diagnostic,
            });
        }
    }
}

/// Reports used enumerations with an entry that matches everything (contract.md 9.4).
fn catch_all(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
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
            "{} uses the entry \"\" for every unknown text, not only for blanks",
            listed(&columns)
        );
        let path = format!("enum_mappings.{name}.\"\"");
        found.push(Diagnostic::new(Code::EnumCatchAll, path, entry.span, message));
    }
}
