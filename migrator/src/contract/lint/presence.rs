//! Mapped tables and columns that do not exist. No run starts with them.

use std::collections::BTreeSet;

use super::pair::ContractPair;
use super::words::nearest;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::json::{Node, Span};
use crate::contract::model::RowKind;
use crate::contract::shape::{ColumnShape, TableShape};
use crate::contract::syntax::{ContractSyntax, FieldMapping, Spanned};

/// Target tables of the mappings, as far as known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Targets<'t> {
    /// Tables of the catalogue.
    pub catalogue: Option<&'t [TableShape]>,
    /// Tables of a store.
    pub store: Option<&'t [TableShape]>,
}

/// Origin of a target table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetKind {
    /// Catalogue, which is case-sensitive.
    Catalogue,
    /// Store, which is not.
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

    /// Column with this name.
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

    /// Table with this name in the catalogue or in the store.
    pub(super) fn table(self, origin: TargetKind, name: &str) -> Option<&'t TableShape> {
        self.of(origin)?.iter().find(|table| origin.same(&table.name, name))
    }
}

/// Column that a mapping names in its rows. `None` if rows of its table have fixed columns, or if
/// it creates no row.
fn own_column(mapping: &FieldMapping) -> Option<&str> {
    let column = Some(mapping.column()).filter(|column| !column.is_empty())?;
    match RowKind::ALL.into_iter().find(|kind| kind.table() == mapping.table()) {
        Some(kind) if !(kind.shares_rows() && mapping.has_type(kind.type_name())) => None,
        _ => Some(column),
    }
}

/// Reports missing tables and columns of a contract that may have errors.
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

/// Reports a missing table. A run creates it in the store if the catalogue has it; otherwise no run
/// starts.
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
        Some(meant) => diagnostic.with_help(format!("did you mean {meant}? If not, add the table")),
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
        Some(meant) => {
            diagnostic.with_help(format!("did you mean {meant}? If not, add the column"))
        }
        None => diagnostic,
    })
}

/// Reports missing columns that rows get without a mapping: keys, and columns of the row kind.
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

/// Path and span for a diagnostic about a whole table: its entry in the insertion order, else its
/// first mapping, else the insertion order.
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
