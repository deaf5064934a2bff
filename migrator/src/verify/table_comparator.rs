//! Comparison of one table's rows: the compared columns, the key that identifies a row, and the
//! hash of its values.

use crate::contract::catalogue::{Column, Table};
use crate::record::SqlValue;
use crate::store::StoredValue;
use crate::store::schema::Tables;
use crate::write::dedup::Dedup;

use super::owned_value::{OwnedValue, decode, encode};

/// Compares rows of one table. Rows have the order of [`TableComparator::columns`].
#[derive(Debug, Clone)]
pub struct TableComparator {
    /// Index of the table.
    pub table: usize,
    /// Name of the table.
    pub name: String,
    /// True if several records may claim a key and one of them gets it (contract.md 15).
    pub shared: bool,
    columns: Vec<usize>,
    of: Vec<Column>,
    /// Indices in `columns`.
    key: Vec<usize>,
}

impl TableComparator {
    /// Comparator of a table of a migration. It has all columns but computed ones, which depend on
    /// the others. The key is the one that decides about duplicates, or else the primary key.
    pub fn new(tables: &Tables, table: usize, dedup: &Dedup) -> Self {
        let own = &tables.all()[table];
        let contact = dedup.contacts.iter().find(|key| key.table == table);
        let application = dedup.application.iter().find(|key| key.table == table);
        let key = contact.or(application).map_or(&own.primary_key, |key| &key.columns);
        let columns =
            (0..own.columns.len()).filter(|&place| own.columns[place].computed.is_none()).collect();
        Self { shared: contact.is_some(), ..Self::of_columns(own, table, columns, key) }
    }

    /// Comparator of these columns of a table, which include `key`.
    pub fn of_columns(own: &Table, table: usize, columns: Vec<usize>, key: &[usize]) -> Self {
        let place = |column: &usize| columns.iter().position(|other| other == column);
        Self {
            table,
            name: own.name.clone(),
            shared: false,
            of: columns.iter().map(|&place| own.columns[place].clone()).collect(),
            key: key.iter().filter_map(place).collect(),
            columns,
        }
    }

    /// Indices of the columns in the table.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Index in [`TableComparator::columns`] of a column of the table.
    pub fn place(&self, column: usize) -> Option<usize> {
        self.columns.iter().position(|&other| other == column)
    }

    /// The compared columns of a whole row, as the store returns them.
    pub fn view(&self, row: &[SqlValue]) -> Vec<OwnedValue> {
        let columns = self.columns.iter().zip(&self.of);
        columns.map(|(&place, column)| OwnedValue::of(&row[place], column.sql_type)).collect()
    }

    /// Bytes that identify a row in its table.
    pub fn key(&self, row: &[StoredValue<'_>]) -> Vec<u8> {
        let mut key = Vec::with_capacity(9 * self.key.len());
        for &place in &self.key {
            encode(&mut key, row[place], self.shared);
        }
        key
    }

    /// Key column that is null because the store numbers the row.
    pub fn unnumbered(&self, row: &[StoredValue<'_>]) -> Option<&str> {
        let place =
            self.key.iter().find(|&&at| self.of[at].identity && row[at] == StoredValue::Null)?;
        Some(&self.of[*place].name)
    }

    /// 128-bit hash of all values of a row. `scratch` is overwritten.
    pub fn hash(row: &[StoredValue<'_>], scratch: &mut Vec<u8>) -> u128 {
        scratch.clear();
        for value in row {
            encode(scratch, *value, false);
        }
        let mut first = [0; 16];
        first.copy_from_slice(&blake3::hash(scratch).as_bytes()[..16]);
        u128::from_le_bytes(first)
    }

    /// Text of a key: `con_id 7, address_type_enum 320`.
    pub fn key_text(&self, key: &[u8]) -> String {
        let values = decode(key).into_iter().zip(&self.key);
        let named: Vec<_> =
            values.map(|(value, &place)| format!("{} {value}", self.of[place].name)).collect();
        named.join(", ")
    }

    /// Names of the columns in which two rows differ.
    pub fn differences(&self, one: &[OwnedValue], other: &[OwnedValue]) -> Vec<String> {
        let columns = self.of.iter().zip(one.iter().zip(other));
        columns.filter(|(_, (a, b))| a != b).map(|(column, _)| column.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::{Catalogue, SqlType};

    fn column(name: &str, sql_type: SqlType) -> Column {
        let name = name.to_owned();
        Column { name, sql_type, nullable: true, default: None, identity: false, computed: None }
    }

    fn table(name: &str, columns: Vec<Column>, primary_key: Vec<usize>) -> Table {
        let (unique, foreign_keys, indexes, rows) = (vec![], vec![], vec![], vec![]);
        let name = name.to_owned();
        Table { name, columns, primary_key, unique, foreign_keys, indexes, rows }
    }

    fn tables() -> Tables {
        let last_4 = Column {
            computed: Some("RIGHT(ssn, 4)".into()),
            ..column("ssn_last_4", SqlType::VarChar(Some(4)))
        };
        let id = Column { identity: true, ..column("con_id", SqlType::Int) };
        let ssn = column("ssn", SqlType::VarChar(Some(9)));
        let names = vec![column("app_id", SqlType::Int), column("name", SqlType::VarChar(None))];
        Tables::new(&Catalogue {
            schema: String::new(),
            tables: vec![
                table("app_contact_base", vec![last_4, id, ssn], vec![1]),
                table("names", names, vec![0, 1]),
            ],
        })
        .unwrap()
    }

    fn comparator(table: usize) -> TableComparator {
        let tables = tables();
        TableComparator::new(&tables, table, &Dedup::new(&tables))
    }

    #[test]
    fn computed_columns_do_not_count() {
        let comparator = comparator(0);
        assert_eq!(comparator.columns(), [1, 2]);
        assert_eq!((comparator.place(0), comparator.place(2)), (None, Some(1)));
        let row = comparator.view(&[SqlValue::Null, SqlValue::Int(7), SqlValue::Text("1".into())]);
        assert_eq!(row, [OwnedValue::Int(7), OwnedValue::Text("1".into())]);
    }

    #[test]
    fn a_row_is_identified_by_its_key_alone() {
        let comparator = comparator(1);
        let row = |id, name| [StoredValue::Int(id), StoredValue::Text(name)];
        assert_eq!(comparator.key_text(&comparator.key(&row(5, "Ä b"))), "app_id 5, name Ä b");
        assert_ne!(comparator.key(&row(5, "a")), comparator.key(&row(5, "A")));
        assert!(!comparator.shared && self::comparator(0).shared);
    }

    #[test]
    fn a_hash_depends_on_every_value() {
        let hash = |row: [StoredValue<'_>; 2]| TableComparator::hash(&row, &mut Vec::new());
        let row = [StoredValue::Int(7), StoredValue::Text("1")];
        assert_eq!(hash(row), hash(row));
        assert_ne!(hash(row), hash([StoredValue::Int(7), StoredValue::Null]));
        assert_ne!(hash(row), hash([StoredValue::Int(8), StoredValue::Text("1")]));
    }

    #[test]
    fn columns_that_differ_are_named() {
        let comparator = comparator(1);
        let row = |id, name: &str| [OwnedValue::Int(id), OwnedValue::Text(name.into())];
        assert_eq!(comparator.differences(&row(1, "a"), &row(1, "a")), Vec::<String>::new());
        assert_eq!(comparator.differences(&row(1, "a"), &row(2, "b")), ["app_id", "name"]);
    }

    #[test]
    fn keys_assigned_by_the_store_are_detected() {
        let comparator = comparator(0);
        assert_eq!(comparator.unnumbered(&[StoredValue::Null, StoredValue::Null]), Some("con_id"));
        assert_eq!(comparator.unnumbered(&[StoredValue::Int(7), StoredValue::Null]), None);
    }
}
