//! Stored values of a column, computed by the coercer as in a run.

use chrono::NaiveDateTime;

use super::render::{RowSection, Subject};
use crate::contract::catalogue::{Catalogue, Column};
use crate::contract::column::coerce_value;
use crate::record::{Cell, RowSet, SqlRow, SqlValue, TableRows};
use crate::stage::coerce::Coercer;
use crate::store::canonical::plain;

/// A column of the store and its values.
pub(super) struct StoredColumn<'s> {
    column: &'s Column,
    place: usize,
    /// Rows of the table as stored; `None` if the table rejects one.
    rows: Option<Vec<SqlRow>>,
}

impl<'s> StoredColumn<'s> {
    /// Creates the column; `None` if the catalogue has no such column.
    pub(super) fn new(
        subject: &Subject<'_>,
        rows: &RowSet,
        catalogue: &'s Catalogue,
        now: NaiveDateTime,
    ) -> Option<Self> {
        let table = &catalogue.tables[catalogue.table(subject.table_name())?];
        let place = table.column(subject.column_name())?;
        let own = rows.tables.iter().filter(|rows| rows.table == subject.table).cloned();
        let tables: Vec<TableRows> = own.collect();
        let alone = RowSet { key: rows.key, tables };
        let coercer = Coercer::new(&subject.pair.contract.tables, catalogue, now).ok()?;
        let coerce_value = coercer.coerce(&alone).ok();
        let rows =
            coerce_value.map(|mut record| record.tables.pop().map_or(Vec::new(), |own| own.rows));
        Some(Self { column: &table.columns[place], place, rows })
    }

    /// Adds the stored value to the section of every row.
    pub(super) fn add_to(&self, subject: &Subject<'_>, rows: &RowSet, sections: &mut [RowSection]) {
        let own = rows.tables.iter().find(|rows| rows.table == subject.table);
        let own = own.map_or(&[][..], |own| &own.rows);
        for section in sections {
            let Some(index) = section.row.map(|row| row - 1) else { continue };
            let cell = own
                .get(index)
                .and_then(|row| row.cells.iter().find(|cell| cell.column == subject.column));
            let is_named =
                own.iter().flat_map(|row| &row.cells).any(|cell| cell.column == subject.column);
            let refused =
                cell.and_then(|cell| coerce_value(&cell.value, self.column.sql_type).err());
            section.stored = Some(match (refused, self.stored(index, own.len())) {
                (Some(cause), _) => format!("{} rejects it: {cause}", self.column.sql_type),
                (None, _) if cell.is_none() && is_named => self.filled_up(),
                (None, Some(value)) => self.becomes(value, cell.is_none()),
                (None, None) => self.otherwise(cell),
            });
        }
    }

    /// Stored value of a row; `None` if rows with the same key were merged.
    fn stored(&self, index: usize, count: usize) -> Option<&SqlValue> {
        let rows = self.rows.as_ref().filter(|rows| rows.len() == count)?;
        rows.get(index).map(|row| &row[self.place])
    }

    fn becomes(&self, value: &SqlValue, left_out: bool) -> String {
        let shown = match value {
            SqlValue::Text(text) => format!("{text:?}"),
            other => plain(other),
        };
        let why = match (left_out, &self.column.default) {
            (true, Some(_)) if *value != SqlValue::Null => ", the column's default",
            _ => "",
        };
        format!("{}: {shown}{why}", self.column.sql_type)
    }

    /// Text for a row that leaves out a column that another row of the table has.
    fn filled_up(&self) -> String {
        let no_default = if self.column.default.is_some() { " and not the default" } else { "" };
        let refused = if self.column.nullable { "" } else { ", which NOT NULL rejects" };
        format!(
            "{}: null{no_default}, because another row has the column (contract.md 14.2){refused}",
            self.column.sql_type
        )
    }

    /// Text for a value whose table is rejected or whose row was merged.
    fn otherwise(&self, cell: Option<&Cell>) -> String {
        let alone = cell.and_then(|cell| coerce_value(&cell.value, self.column.sql_type).ok());
        let value = match alone {
            Some(value) => self.becomes(&value, false),
            None => format!("{}: left out", self.column.sql_type),
        };
        match &self.rows {
            None => format!("{value}, but the table rejects another value of the record"),
            Some(_) => {
                format!(
                    "{value}; of rows with the same key, the last one counts (contract.md 14.3)"
                )
            }
        }
    }
}
