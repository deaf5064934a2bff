//! The store's T-SQL statements, as text.
//!
//! Parameters are `@P1`, `@P2`, …. All texts travel as `nvarchar`. So a parameter compared with a
//! `varchar` key is cast to the key's type, or the server would not search the index. Decimals
//! travel as text and are cast everywhere. No statement reads with NOLOCK.

use std::fmt::Write;

use crate::contract::catalogue::{SqlType, Table};

use super::super::{Key, Range};

/// Sets the savepoint and replaces an earlier one.
pub const SAVEPOINT: &str = "SAVE TRANSACTION [mark]";
/// Returns to the savepoint and sets it again, because servers differ in keeping it.
pub const ROLLBACK_TO_SAVEPOINT: &str = "ROLLBACK TRANSACTION [mark]; SAVE TRANSACTION [mark]";
/// Rolls back if a transaction is open.
pub const ROLLBACK: &str = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION";
/// Number of open transactions, and 1 if the transaction can be committed or -1 if not.
pub const TRANSACTION_STATE: &str = "SELECT @@TRANCOUNT, XACT_STATE()";
/// Number of open transactions, for a server without `XACT_STATE`.
pub const TRANSACTION_COUNT: &str = "SELECT @@TRANCOUNT";
/// Version text of the server.
pub const VERSION: &str = "SELECT @@VERSION";
/// Number of the schema `@P1`, or null if it does not exist.
pub const SCHEMA: &str = "SELECT SCHEMA_ID(@P1)";

/// Columns of all tables in the schema `@P1`.
pub const COLUMNS: &str = "SELECT [TABLE_NAME], [COLUMN_NAME], [DATA_TYPE], \
     [CHARACTER_MAXIMUM_LENGTH], [NUMERIC_PRECISION], [NUMERIC_SCALE], [DATETIME_PRECISION], \
     [IS_NULLABLE], [COLUMN_DEFAULT] FROM [INFORMATION_SCHEMA].[COLUMNS] WHERE [TABLE_SCHEMA] = @P1 \
     ORDER BY [TABLE_NAME], [ORDINAL_POSITION]";

/// Identity and computed columns in the schema `@P1`.
pub const COLUMN_KINDS: &str = "SELECT [t].[name], [c].[name], [c].[is_identity], \
     [c].[is_computed] FROM [sys].[columns] AS [c] \
     JOIN [sys].[tables] AS [t] ON [t].[object_id] = [c].[object_id] \
     WHERE [t].[schema_id] = SCHEMA_ID(@P1)";

/// Columns of all primary and unique keys in the schema `@P1`.
pub const KEYS: &str = "SELECT [t].[name], [i].[index_id], [i].[is_primary_key], [c].[name] \
     FROM [sys].[indexes] AS [i] \
     JOIN [sys].[tables] AS [t] ON [t].[object_id] = [i].[object_id] \
     JOIN [sys].[index_columns] AS [k] \
     ON [k].[object_id] = [i].[object_id] AND [k].[index_id] = [i].[index_id] \
     JOIN [sys].[columns] AS [c] \
     ON [c].[object_id] = [k].[object_id] AND [c].[column_id] = [k].[column_id] \
     WHERE [t].[schema_id] = SCHEMA_ID(@P1) AND [i].[is_unique] = 1 \
     ORDER BY [t].[name], [i].[index_id], [k].[key_ordinal]";

/// Options of a session. Without `XACT_ABORT` an error ends its statement and keeps the
/// transaction, so that the search for the rejected record can continue in it.
pub fn session(lock_timeout_ms: u128) -> String {
    format!(
        "SET XACT_ABORT OFF; SET LOCK_TIMEOUT {lock_timeout_ms}; \
         SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
    )
}

/// A quoted identifier, valid for any name.
pub fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// Quoted schema and table.
pub fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(table))
}

/// Quoted names of these columns, separated by commas.
pub fn names(table: &Table, columns: &[usize]) -> String {
    let names: Vec<_> = columns.iter().map(|&place| quoted(&table.columns[place].name)).collect();
    names.join(", ")
}

/// Allows or forbids explicit values for the identity column.
pub fn identity_insert(table: &str, on: bool) -> String {
    format!("SET IDENTITY_INSERT {table} {}", if on { "ON" } else { "OFF" })
}

/// An INSERT of `rows` rows into these columns of `target`, a qualified table.
pub fn insert(target: &str, table: &Table, columns: &[usize], rows: usize) -> String {
    let mut text = format!("INSERT INTO {target} ({}) VALUES ", names(table, columns));
    let mut parameter = 0;
    for row in 0..rows {
        text.push_str(if row > 0 { ", (" } else { "(" });
        for (place, &column) in columns.iter().enumerate() {
            parameter += 1;
            text.push_str(if place > 0 { ", " } else { "" });
            match table.columns[column].sql_type {
                sql_type @ SqlType::Decimal { .. } => push_cast(&mut text, parameter, sql_type),
                _ => push_parameter(&mut text, parameter),
            }
        }
        text.push(')');
    }
    text
}

/// Looks up one key: one row if it exists, otherwise none.
pub fn exists(target: &str, table: &Table, key: &Key) -> String {
    let mut text = format!("SELECT TOP (1) 1 FROM {target} WHERE ");
    push_condition(&mut text, table, key);
    text
}

/// Deletes the rows with one key.
pub fn delete(target: &str, table: &Table, key: &Key) -> String {
    let mut text = format!("DELETE FROM {target} WHERE ");
    push_condition(&mut text, table, key);
    text
}

fn push_condition(text: &mut String, table: &Table, key: &Key) {
    for (place, &column) in key.columns.iter().enumerate() {
        let and = if place > 0 { " AND " } else { "" };
        let column = &table.columns[column];
        let _ = write!(text, "{and}{} = ", quoted(&column.name));
        push_compared(text, place + 1, column.sql_type);
    }
}

/// Looks up `keys` keys and returns the indices of the existing ones, from 0. The server compares
/// with the columns' own collations.
pub fn which_exist(target: &str, table: &Table, key: &Key, keys: usize) -> String {
    let mut text = String::from("SELECT [k].[n] FROM (VALUES ");
    let mut parameter = 0;
    for number in 0..keys {
        let comma = if number > 0 { ", " } else { "" };
        let _ = write!(text, "{comma}({number}");
        for &column in &key.columns {
            parameter += 1;
            text.push_str(", ");
            push_compared(&mut text, parameter, table.columns[column].sql_type);
        }
        text.push(')');
    }
    text.push_str(") AS [k] ([n]");
    for place in 0..key.columns.len() {
        let _ = write!(text, ", [c{place}]");
    }
    let _ = write!(text, ") WHERE EXISTS (SELECT 1 FROM {target} AS [t] WHERE ");
    for (place, &column) in key.columns.iter().enumerate() {
        let and = if place > 0 { " AND " } else { "" };
        let name = quoted(&table.columns[column].name);
        let _ = write!(text, "{and}[t].{name} = [k].[c{place}]");
    }
    text.push(')');
    text
}

/// Number of keys in a look-up for `keys` keys, up to a quarter more, so that there are few
/// statement texts. The last key fills the unused places.
pub fn keys_next(keys: usize, max: usize) -> usize {
    let step = (keys.next_power_of_two() / 8).max(1);
    keys.next_multiple_of(step).min(max)
}

/// Reads these columns of all rows, or of the rows in a range in ascending order. Without columns,
/// reads the number of rows.
pub fn scan(target: &str, table: &Table, columns: &[usize], range: Option<Range>) -> String {
    let counts = columns.is_empty();
    let head = if counts { "COUNT_BIG(*)".to_owned() } else { names(table, columns) };
    let mut text = format!("SELECT {head} FROM {target}");
    if let Some(range) = range {
        let column = quoted(&table.columns[range.column].name);
        let _ = write!(text, " WHERE {column} BETWEEN @P1 AND @P2");
        if !counts {
            let _ = write!(text, " ORDER BY {column}");
        }
    }
    text
}

fn push_compared(text: &mut String, parameter: usize, sql_type: SqlType) {
    match sql_type {
        SqlType::Char(_) | SqlType::VarChar(_) | SqlType::Decimal { .. } => {
            push_cast(text, parameter, sql_type);
        }
        _ => push_parameter(text, parameter),
    }
}

fn push_parameter(text: &mut String, parameter: usize) {
    let _ = write!(text, "@P{parameter}");
}

fn push_cast(text: &mut String, parameter: usize, sql_type: SqlType) {
    let _ = write!(text, "CAST(@P{parameter} AS {sql_type})");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::Catalogue;

    const CATALOGUE: &str = r#"{"schema": "s", "tables": [
        {"name": "people", "primary_key": ["id", "name"], "columns": [
            {"name": "id", "type": "int", "nullable": false},
            {"name": "name", "type": "varchar(50)", "nullable": false},
            {"name": "rate", "type": "decimal(5,2)", "nullable": true}]}]}"#;

    fn table() -> Table {
        Catalogue::parse(CATALOGUE, "test").unwrap().tables.remove(0)
    }

    #[test]
    fn statements_match_the_snapshot() {
        let (table, target) = (table(), qualified("s", "people"));
        let key = Key { table: 0, columns: vec![0, 1] };
        let range = Range { column: 0, first: 1, last: 2 };
        let statements = [
            session(30_000),
            insert(&target, &table, &[0, 1, 2], 2),
            exists(&target, &table, &key),
            which_exist(&target, &table, &key, 2),
            delete(&target, &table, &key),
            scan(&target, &table, &[0, 2], None),
            scan(&target, &table, &[0, 2], Some(range)),
            scan(&target, &table, &[], Some(range)),
            identity_insert(&target, true),
        ];
        insta::assert_snapshot!(statements.join("\n"));
    }

    #[test]
    fn look_ups_have_room_for_their_keys_and_little_more() {
        let rooms: std::collections::BTreeSet<_> =
            (1..=699).map(|keys| keys_next(keys, 699)).collect();
        assert!(rooms.len() <= 36, "{rooms:?}");
        for keys in 1..=699 {
            assert!((keys..=keys + keys / 4).contains(&keys_next(keys, 699)), "{keys}");
        }
    }
}
