//! Texts of the embedded store's statements.

use std::fmt::Write;

use crate::contract::catalogue::{SqlType, Table};

use super::super::Key;
use super::super::schema::{self, quoted};

/// Maximum number of rows in one INSERT, as a power of two. Measured with `benches/insert.rs` (2⁰ …
/// 2¹⁰): above 16 rows a row gets no cheaper. Preparing the statement costs more, and every new
/// connection has to do it again.
const ROWS_LOG2_MAX: u32 = 4;
/// Maximum number of parameters in one statement of `SQLite`.
const PARAMETERS_MAX: usize = 32_766;

/// INSERT statements of a table, created once for all connections.
pub(super) struct InsertStatements {
    /// Named columns: all except computed ones.
    pub(super) columns: Vec<(usize, SqlType)>,
    /// Texts for 1, 2, 4, … rows.
    pub(super) by_rows_log2: Vec<String>,
}

impl InsertStatements {
    pub(super) fn new(table: &Table) -> Self {
        let columns: Vec<_> = (0..table.columns.len())
            .filter(|&place| table.columns[place].computed.is_none())
            .map(|place| (place, table.columns[place].sql_type))
            .collect();
        let places: Vec<_> = columns.iter().map(|&(place, _)| place).collect();
        let head =
            format!("INSERT INTO {} ({})", quoted(&table.name), schema::names(table, &places));
        let row = format!("({})", vec!["?"; columns.len()].join(","));
        let by_rows_log2 = (0..=ROWS_LOG2_MAX)
            .filter(|&log2| log2 == 0 || (columns.len() << log2) <= PARAMETERS_MAX)
            .map(|log2| format!("{head} VALUES {}", vec![row.as_str(); 1 << log2].join(",")))
            .collect();
        Self { columns, by_rows_log2 }
    }

    /// The longest statement that `rows` rows fill: its text and its number of rows.
    pub(super) fn longest(&self, rows: usize) -> (&str, usize) {
        let wanted = rows.checked_ilog2().map_or(0, |log2| log2 as usize);
        let log2 = wanted.min(self.by_rows_log2.len() - 1);
        (&self.by_rows_log2[log2], 1 << log2)
    }
}

/// Number of places in a look-up for `keys` keys, up to a quarter more. The rounding keeps the
/// number of texts small: preparing one costs four times as much as running it. Unused places stay
/// null and match no key.
pub(super) fn places_for(keys: usize) -> usize {
    let step = (keys.next_power_of_two() / 8).max(1);
    keys.next_multiple_of(step)
}

/// Writes the look-up for `count` keys. The store compares with the columns' own collations.
pub(super) fn write_look_up(sql: &mut String, table: &Table, key: &Key, count: usize) {
    sql.clear();
    let parameters = ",?".repeat(key.columns.len());
    sql.push_str("SELECT keys.column1 FROM (VALUES ");
    for number in 0..count {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(sql, "{comma}({number}{parameters})");
    }
    let _ = write!(sql, ") AS keys WHERE EXISTS (SELECT 1 FROM {} WHERE ", quoted(&table.name));
    for (place, &column) in key.columns.iter().enumerate() {
        let and = if place > 0 { " AND " } else { "" };
        let _ =
            write!(sql, "{and}{} = keys.column{}", quoted(&table.columns[column].name), place + 2);
    }
    sql.push(')');
}

#[cfg(test)]
mod tests {
    use super::super::super::Store;
    use super::super::super::schema::Tables;
    use super::super::SqliteStore;
    use super::*;
    use crate::config::Synchronous;
    use crate::contract::catalogue::Catalogue;

    #[test]
    fn look_ups_have_room_for_their_keys_and_little_more() {
        let rooms: std::collections::BTreeSet<_> = (1..=1_000).map(places_for).collect();
        assert_eq!(rooms.len(), 36);
        for keys in 1..=1_000 {
            assert!((keys..=keys + keys / 4).contains(&places_for(keys)), "{keys}");
        }
    }

    #[test]
    fn a_look_up_searches_an_index_for_each_key() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue { schema: String::new(), tables: vec![] };
        let tables = Tables::new(&catalogue).unwrap();
        let (log, batch) = (tables.log, tables.batch);
        let path = folder.path().join("store.db");
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        store.create_missing().unwrap();
        let file = rusqlite::Connection::open(&path).unwrap();
        for (table, columns) in [(log, vec![1]), (batch, vec![0, 1])] {
            let of = &store.tables().all()[table];
            let mut text = String::new();
            write_look_up(&mut text, of, &Key { table, columns }, 3);
            let mut statement = file.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let mut rows = statement.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push(row.get::<_, String>(3).unwrap());
            }
            let of_table: Vec<_> = plan.iter().filter(|step| step.contains(&of.name)).collect();
            assert!(of_table.iter().all(|step| step.contains("SEARCH")), "{plan:?}");
            assert_eq!(of_table.len(), 1, "{plan:?}");
        }
    }

    #[test]
    fn rows_fill_statements_of_powers_of_two() {
        let table = Tables::new(&Catalogue { schema: String::new(), tables: vec![] });
        let texts = InsertStatements::new(&table.unwrap().all()[0]);
        let mut rest = 37;
        let mut counts = vec![];
        while rest > 0 {
            let (text, count) = texts.longest(rest);
            assert_eq!(text.matches("(?").count(), count);
            counts.push(count);
            rest -= count;
        }
        assert_eq!(counts, [16, 16, 4, 1]);
    }
}
