//! Why a store refuses a record: one fixed text for each cause, found by looking at the record and
//! asking the store, because the stores' own words differ. Changes nothing.

use crate::contract::catalogue::{ForeignKey, Table};
use crate::error::Result;
use crate::record::{Refusal, SqlRow, SqlValue, Stage, TypedRecord};
use crate::store::schema::Tables;
use crate::store::{Connection, Key, Rule, Violation, canonical};

/// The reason where a row of the record has null where none is allowed.
pub const NULL: &str = "null is not allowed";
/// The reason where two rows of the record have one key.
pub const KEY_TWICE: &str = "the record has a key twice";
/// The reason where a reference leads nowhere and it is not known which.
pub const NO_REFERENCE: &str = "a row that is referred to is not there";
/// The reason of every other refusal.
pub const REFUSED: &str = "the store refuses the value";

/// The reason where another row has a key of the record.
pub fn key_taken(values: &[&SqlValue]) -> String {
    format!("key {} is taken", texts(values))
}

/// The reason where a row refers to a row of `parent` that is not there.
pub fn no_parent(parent: &str, values: &[&SqlValue]) -> String {
    format!("there is no {parent} {}", texts(values))
}

/// A record that was refused, with nothing of it in the transaction.
#[derive(Debug, Clone, Copy)]
pub struct Rejection<'a> {
    /// The store's tables.
    pub tables: &'a Tables,
    /// The record.
    pub record: &'a TypedRecord,
    /// The table that refuses it.
    pub table: usize,
    /// What the store says.
    pub violation: &'a Violation,
}

/// The column, where it is known, and the reason.
type ColumnAndReason = (Option<String>, String);

impl Rejection<'_> {
    /// The refusal to log.
    pub fn diagnose(&self, connection: &mut dyn Connection) -> Result<Refusal> {
        let (column, reason) = match self.violation.rule {
            Rule::Reference => self.missing_parent(connection)?,
            Rule::Key => self.taken_key(connection)?,
            Rule::NotNull => (self.named(), NULL.to_owned()),
            Rule::Other => (self.named(), REFUSED.to_owned()),
        };
        Ok(Refusal { stage: Stage::Store, table: self.of().name.clone(), column, reason })
    }

    /// The key that another row has, or that the record has twice: the first one in the catalogue's
    /// order, because stores differ in which of several they name.
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

    /// Whether two rows of the record have one key, as SQL Server compares texts.
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

    /// The reference whose row is neither stored nor among the record's own.
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

    /// The columns that the store names.
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
