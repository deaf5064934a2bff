//! Tables and columns that mappings name and that are not there: no run starts with them.

use std::collections::BTreeSet;

use super::pair::ContractPair;
use super::words::nearest;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::json::{Node, Span};
use crate::contract::model::RowKind;
use crate::contract::shape::{ColumnShape, TableShape};
use crate::contract::syntax::{ContractSyntax, FieldMapping, Spanned};

/// What mappings are compared with, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Targets<'t> {
    /// The tables of the catalogue.
    pub catalogue: Option<&'t [TableShape]>,
    /// The tables of a store.
    pub store: Option<&'t [TableShape]>,
}

/// Who says that a table is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetKind {
    /// The catalogue, which minds the case of names.
    Catalogue,
    /// The store, which does not.
    Store,
}

impl TargetKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Store => "store",
        }
    }

    fn same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Catalogue => one == other,
            Self::Store => one.eq_ignore_ascii_case(other),
        }
    }

    /// The column with this name.
    pub(super) fn column<'t>(self, table: &'t TableShape, name: &str) -> Option<&'t ColumnShape> {
        table.columns.iter().find(|column| self.same(&column.name, name))
    }
}

impl<'t> Targets<'t> {
    fn of(self, origin: TargetKind) -> Option<&'t [TableShape]> {
        match origin {
            TargetKind::Catalogue => self.catalogue,
            TargetKind::Store => self.store,
        }
    }

    /// The table with this name, by the word of one of the two.
    pub(super) fn table(self, origin: TargetKind, name: &str) -> Option<&'t TableShape> {
        self.of(origin)?.iter().find(|table| origin.same(&table.name, name))
    }
}

/// The column that a mapping itself names in its rows: none where rows of its table have columns of
/// their own, or where it makes none.
fn own_column(mapping: &FieldMapping) -> Option<&str> {
    let column = Some(mapping.column()).filter(|column| !column.is_empty())?;
    match RowKind::ALL.into_iter().find(|kind| kind.table() == mapping.table()) {
        Some(kind) if !(kind.shares_rows() && mapping.has_type(kind.type_name())) => None,
        _ => Some(column),
    }
}

/// Tables and columns that mappings name, of a contract that may have faults.
pub(super) fn mapped(draft: &ContractSyntax, targets: Targets<'_>, found: &mut Vec<Diagnostic>) {
    for origin in [TargetKind::Catalogue, TargetKind::Store] {
        let Some(tables) = targets.of(origin) else { continue };
        let mut told = BTreeSet::new();
        for mapping in &draft.mappings {
            let value = &mapping.value;
            if value.table().is_empty() {
                continue;
            }
            match targets.table(origin, value.table()) {
                Some(table) => {
                    let lacking = own_column(value)
                        .and_then(|own| lacking(origin, table, own, mapping, "target_column"));
                    found.extend(lacking);
                }
                None if told.insert(value.table()) => {
                    found.push(no_table(origin, tables, targets, mapping));
                }
                None => {}
            }
        }
    }
}

/// A table that the store lacks and the catalogue has is created; any other stops a run.
fn no_table(
    origin: TargetKind,
    tables: &[TableShape],
    targets: Targets<'_>,
    mapping: &Spanned<FieldMapping>,
) -> Diagnostic {
    let name = mapping.value.table();
    let message = format!("the {} has no table {name}", origin.name());
    if origin == TargetKind::Store && targets.table(TargetKind::Catalogue, name).is_some() {
        return mapping.diagnostic(Code::AbsentTable, "target_table", message);
    }
    let diagnostic = mapping.diagnostic(Code::MissingTable, "target_table", message);
    match nearest(name, tables.iter().map(|table| table.name.as_str())) {
        Some(meant) => diagnostic.with_help(format!("was {meant} meant? If not, add the table")),
        None => diagnostic,
    }
}

fn lacking(
    origin: TargetKind,
    table: &TableShape,
    name: &str,
    mapping: &Spanned<FieldMapping>,
    key: &str,
) -> Option<Diagnostic> {
    let column = origin.column(table, name);
    let what = match column {
        None => "has no column",
        Some(column) if column.computed => "computes its column",
        Some(_) => return None,
    };
    let message = format!("{} of the {} {what} {name}", table.name, origin.name());
    let diagnostic = mapping.diagnostic(Code::LackingColumn, key, message);
    let meant = nearest(name, table.columns.iter().map(|column| column.name.as_str()));
    Some(match meant.filter(|_| column.is_none()) {
        Some(meant) => diagnostic.with_help(format!("was {meant} meant? If not, add the column")),
        None => diagnostic,
    })
}

/// Columns that rows get without a mapping of their own: keys, and what the type of a row says.
pub(super) fn fixed(pair: ContractPair<'_>, targets: Targets<'_>, found: &mut Vec<Diagnostic>) {
    for own in &pair.contract.tables {
        let of_table = |mapping: &&Spanned<FieldMapping>| mapping.value.table() == own.name;
        let mut mappings = pair.draft.mappings.iter().filter(of_table);
        let named: BTreeSet<&str> =
            mappings.clone().filter_map(|mapping| own_column(&mapping.value)).collect();
        let Some(first) = mappings.next() else { continue };
        let unnamed = || own.columns.iter().filter(|column| !named.contains(column.as_str()));
        for origin in [TargetKind::Catalogue, TargetKind::Store] {
            let Some(table) = targets.table(origin, &own.name) else { continue };
            found.extend(
                unnamed()
                    .filter_map(|column| lacking(origin, table, column, first, "target_table")),
            );
        }
    }
}

/// Where something stands that is about a table as a whole: its entry in the order of insertion,
/// else its first mapping, else the order.
pub fn span_of(draft: &ContractSyntax, table: &str) -> (String, Span) {
    const ORDER: &str = "table_insertion_order";
    let order = draft.root.get(ORDER).map_or(&[][..], Node::items);
    if let Some(index) = order.iter().position(|node| node.text() == Some(table)) {
        return (format!("{ORDER}[{index}]"), order[index].span);
    }
    match draft.mappings.iter().find(|mapping| mapping.value.table() == table) {
        Some(mapping) => (format!("{}.target_table", mapping.path), mapping.span("target_table")),
        None => (ORDER.to_owned(), draft.span(&[ORDER])),
    }
}
