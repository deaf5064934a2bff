//! Checksum over all rows of a migration, equal on every store and in any order of rows. Reads
//! through [`Connection`], one row at a time.
//!
//! Each row contributes the first 128 bits of BLAKE3 over `table|column=value|column=value|…` in
//! catalogue order. The rows' hashes are added modulo 2^128. Null is `N`. A text is its length in
//! bytes, `:` and the text. Every other value is its canonical text.
//!
//! The log counts without the columns that differ between two equal runs (`log_id`,
//! `processing_time`, `session_id`). The helper tables do not count.

use std::fmt::Write;

use crate::contract::catalogue::{SqlType, Table};
use crate::error::Result;

use super::schema::{LOG_TABLE, Tables};
use super::{Connection, StoredValue};

/// Columns of the log that differ between two runs with the same outcome.
const LOG_COLUMNS_LEFT_OUT: [&str; 3] = ["log_id", "processing_time", "session_id"];

/// Checksum of a store, 32 hex digits.
pub fn checksum(connection: &mut dyn Connection, tables: &Tables) -> Result<String> {
    let mut sum = 0_u128;
    for (index, table) in tables.target_tables().iter().enumerate() {
        let columns = counted_columns(table);
        let row_text = RowText::new(table, &columns);
        let mut text = String::new();
        connection.scan(index, &columns, None, &mut |row| {
            row_text.write(&mut text, row);
            sum = sum.wrapping_add(hash(&text));
            Ok(())
        })?;
    }
    Ok(format!("{sum:032x}"))
}

fn counted_columns(table: &Table) -> Vec<usize> {
    let is_log = table.name == LOG_TABLE;
    let left_out = |name: &str| is_log && LOG_COLUMNS_LEFT_OUT.contains(&name);
    (0..table.columns.len()).filter(|&place| !left_out(&table.columns[place].name)).collect()
}

/// First 128 bits of the text's BLAKE3 hash, as a little-endian number.
fn hash(text: &str) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    u128::from_le_bytes(first)
}

/// Text form of one table's rows.
struct RowText {
    prefix: String,
    columns: Vec<ColumnText>,
}

struct ColumnText {
    /// Name of the column and `=`.
    name: String,
    /// True if values may contain any character. Their length then delimits them.
    free: bool,
}

impl RowText {
    fn new(table: &Table, columns: &[usize]) -> Self {
        let column_text = |&place: &usize| ColumnText {
            name: format!("{}=", table.columns[place].name),
            free: is_text(table.columns[place].sql_type),
        };
        Self {
            prefix: format!("{}|", table.name),
            columns: columns.iter().map(column_text).collect(),
        }
    }

    fn write(&self, text: &mut String, row: &[StoredValue<'_>]) {
        text.clear();
        text.push_str(&self.prefix);
        for (column, value) in self.columns.iter().zip(row) {
            text.push_str(&column.name);
            push_value(text, *value, column.free);
            text.push('|');
        }
    }
}

fn is_text(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Char(_) | SqlType::VarChar(_) | SqlType::NVarChar(_))
}

fn push_value(text: &mut String, value: StoredValue<'_>, free: bool) {
    // Writing into a String cannot fail.
    let _ = match value {
        StoredValue::Null => text.write_char('N'),
        StoredValue::Int(number) => write!(text, "{number}"),
        // Adding zero turns -0 into 0. Databases treat both as equal.
        StoredValue::Float(number) => write!(text, "{}", number + 0.0),
        StoredValue::Text(value) if free => write!(text, "{}:{value}", value.len()),
        StoredValue::Text(value) => text.write_str(value),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: StoredValue<'_>, free: bool) -> String {
        let mut text = String::new();
        push_value(&mut text, value, free);
        text
    }

    #[test]
    fn different_values_have_different_hashes() {
        assert_eq!(value(StoredValue::Null, true), "N");
        assert_eq!(value(StoredValue::Text("N"), true), "1:N");
        assert_eq!(value(StoredValue::Text(""), true), "0:");
        assert_eq!(value(StoredValue::Text("é"), true), "2:é");
        assert_eq!(value(StoredValue::Text("1.50"), false), "1.50");
        assert_eq!(value(StoredValue::Int(-7), false), "-7");
        assert_eq!(value(StoredValue::Float(-0.0), false), "0");
        assert_eq!(value(StoredValue::Float(0.1), false), "0.1");
    }
}
