//! Diagnoses why a store rejects a record. Each cause has one fixed text. The diagnosis inspects
//! the record and queries the store, because the stores' own messages differ.

use crate::contract::catalogue::{ForeignKey, Table};
use crate::error::Result;
use crate::record::{Refusal, SqlRow, SqlValue, Stage, TypedRecord};
use crate::store::schema::Tables;
use crate::store::{Connection, Key, Rule, Violation, canonical};

/// Reason for null in a column that does not allow it.
pub(crate) const NULL: &str = "null is not allowed";
/// Reason for two rows of the record with the same key.
pub(crate) const KEY_TWICE: &str = "the record has a key twice";
/// Reason for a missing parent row that is not identified.
pub(crate) const NO_REFERENCE: &str = "a row that is referred to is not there";
/// Reason for every other rejection.
pub(crate) const REFUSED: &str = "the store refuses the value";

/// Reason for a key that another row has.
pub(crate) fn key_taken(values: &[&SqlValue]) -> String {
    format!("key {} is taken", texts(values))
}

/// Reason for a missing row of `parent`.
pub(crate) fn no_parent(parent: &str, values: &[&SqlValue]) -> String {
    format!("there is no {parent} {}", texts(values))
}

/// A rejected record. The transaction has none of its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rejection<'a> {
    /// Tables of the store.
    pub tables: &'a Tables,
    /// The record.
    pub record: &'a TypedRecord,
    /// Table that rejects the record.
    pub table: usize,
    /// Violation that the store reports.
    pub violation: &'a Violation,
}

/// The column, if known, and the reason.
type ColumnAndReason = (Option<String>, String);

impl Rejection<'_> {
    /// Finds the cause. Returns the refusal to log.
    pub(crate) fn diagnose(&self, connection: &mut dyn Connection) -> Result<Refusal> {
        let (column, reason) = match self.violation.rule {
            Rule::Reference => self.missing_parent(connection)?,
            Rule::Key => self.taken_key(connection)?,
            Rule::NotNull => (self.named(), NULL.to_owned()),
            Rule::Other => (self.named(), REFUSED.to_owned()),
        };
        Ok(Refusal { stage: Stage::Store, table: self.of().name.clone(), column, reason })
    }

    /// Finds the key that another row has, or that the record has twice. The first key in catalogue
    /// order counts, because stores differ in the one that they report.
    fn taken_key(&self, connection: &mut dyn Connection) -> Result<ColumnAndReason> {
        let of = self.of();
        let keys: Vec<&Vec<usize>> = std::iter::once(&of.primary_key).chain(&of.unique).collect();
        for &columns in &keys {
            let key = Key { table: self.table, columns: columns.clone() };
            for row in self.rows() {
                let values: Vec<_> = columns.iter().map(|&column| &row[column]).collect();
                if !values.contains(&&SqlValue::Null) && connection.contains_key(&key, &values)? {
                    return Ok((Some(names(of, columns)), key_taken(&values)));
                }
            }
        }
        let twice = keys.into_iter().find(|columns| self.has_twice(columns));
        let named = twice.map(|columns| names(of, columns)).or_else(|| self.named());
        Ok((named, KEY_TWICE.to_owned()))
    }

    /// True if two rows of the record have the same key, with texts compared as in SQL Server.
    fn has_twice(&self, columns: &[usize]) -> bool {
        let mut keys: Vec<Vec<String>> = self
            .rows()
            .filter(|row| columns.iter().all(|&column| row[column] != SqlValue::Null))
            .map(|row| {
                let folded = |&column: &usize| {
                    canonical::plain(&row[column]).trim_end_matches(' ').to_lowercase()
                };
                columns.iter().map(folded).collect()
            })
            .collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Finds the reference whose row is neither stored nor part of the record.
    fn missing_parent(&self, connection: &mut dyn Connection) -> Result<ColumnAndReason> {
        for foreign_key in &self.of().foreign_keys {
            for row in self.rows() {
                let values: Vec<_> = foreign_key.columns.iter().map(|&place| &row[place]).collect();
                if !self.has_parent(connection, foreign_key, &values)? {
                    let parent = &self.tables.all()[foreign_key.references].name;
                    let reason = no_parent(parent, &values);
                    return Ok((Some(names(self.of(), &foreign_key.columns)), reason));
                }
            }
        }
        Ok((None, NO_REFERENCE.to_owned()))
    }

    fn has_parent(
        &self,
        connection: &mut dyn Connection,
        foreign_key: &ForeignKey,
        values: &[&SqlValue],
    ) -> Result<bool> {
        let columns = &foreign_key.referenced_columns;
        let matches = |row: &SqlRow| columns.iter().zip(values).all(|(&at, v)| row[at] == **v);
        let own = self.record.tables.iter().filter(|rows| rows.table == foreign_key.references);
        if values.contains(&&SqlValue::Null) || own.flat_map(|rows| &rows.rows).any(matches) {
            return Ok(true);
        }
        let key = Key { table: foreign_key.references, columns: columns.clone() };
        connection.contains_key(&key, values)
    }

    fn of(&self) -> &Table {
        &self.tables.all()[self.table]
    }

    fn rows(&self) -> impl Iterator<Item = &SqlRow> {
        let of_table = self.record.tables.iter().filter(|rows| rows.table == self.table);
        of_table.flat_map(|rows| &rows.rows)
    }

    /// Columns that the store reports.
    fn named(&self) -> Option<String> {
        (!self.violation.columns.is_empty()).then(|| self.violation.columns.join(", "))
    }
}

fn names(table: &Table, columns: &[usize]) -> String {
    let names: Vec<_> = columns.iter().map(|&at| table.columns[at].name.as_str()).collect();
    names.join(", ")
}

fn texts(values: &[&SqlValue]) -> String {
    let texts: Vec<_> = values.iter().map(|value| canonical::plain(value)).collect();
    texts.join(", ")
}
