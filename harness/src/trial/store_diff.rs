//! First difference between two stores of one source: table, record and column. Reads `SQLite`
//! files and ignores the columns that the checksum ignores.

use std::fmt::Write;
use std::path::Path;

use migrator::store::schema::{BATCH_TABLE, LOG_TABLE, RUN_TABLE};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, params, params_from_iter};

use super::executor::StoreDifference;

/// Columns of the log that differ between two runs with the same outcome.
const LOG_COLUMNS_LEFT_OUT: [&str; 3] = ["log_id", "processing_time", "session_id"];

/// The column with the source key of a row's record.
const RECORD: &str = "app_id";

/// Length above which a value is truncated in a message.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// A table that both stores have.
struct Table {
    name: String,
    /// Columns to compare.
    columns: Vec<String>,
    /// Columns that identify a row; the record's key is the first.
    key: Vec<String>,
}

/// The first difference in the order in which the tables were created: parents before children, the
/// log last. `None` if there is none.
pub(crate) fn first(one: &Path, other: &Path, names: [&str; 2]) -> Result<Option<StoreDifference>> {
    let stores = Connection::open(one)?;
    stores.execute("ATTACH DATABASE ?1 AS other", [other.to_string_lossy()])?;
    let [ours, theirs] = [tables(&stores, "main")?, tables(&stores, "other")?];
    for name in ours.iter().chain(theirs.iter().filter(|table| !ours.contains(table))) {
        let lacking = [&ours, &theirs].into_iter().position(|tables| !tables.contains(name));
        if let Some(lacking) = lacking {
            let words = format!("{} has no table {name}", names[lacking]);
            return Ok(Some(StoreDifference { table: name.clone(), record: None, words }));
        }
        let table = match table(&stores, name, names)? {
            Ok(table) => table,
            Err(difference) => return Ok(Some(difference)),
        };
        if let Some(difference) = in_table(&stores, &table, names)? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

fn tables(stores: &Connection, schema: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT name FROM {schema}.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name NOT IN (?1, ?2) ORDER BY name = ?3, rowid"
    );
    let mut statement = stores.prepare(&sql)?;
    let names = statement.query_map([RUN_TABLE, BATCH_TABLE, LOG_TABLE], |row| row.get(0))?;
    names.collect()
}

/// Columns and key of a table, or the difference between the columns of the two stores.
fn table(
    stores: &Connection,
    name: &str,
    names: [&str; 2],
) -> Result<std::result::Result<Table, StoreDifference>> {
    let [ours, theirs] = [columns(stores, name, "main")?, columns(stores, name, "other")?];
    let only = |here: &[(String, bool)], there: &[(String, bool)]| {
        here.iter().find(|(column, _)| there.iter().all(|(other, _)| other != column)).cloned()
    };
    for (index, lacking) in [only(&theirs, &ours), only(&ours, &theirs)].into_iter().enumerate() {
        if let Some((column, _)) = lacking {
            let words = format!("{name} of {} has no column {column}", names[index]);
            return Ok(Err(StoreDifference { table: name.into(), record: None, words }));
        }
    }
    let columns: Vec<String> = ours.iter().map(|(column, _)| column.clone()).collect();
    let primary = ours.iter().filter(|(_, is_key)| *is_key).map(|(column, _)| column.clone());
    let mut key: Vec<String> = columns.iter().filter(|name| *name == RECORD).cloned().collect();
    key.extend(primary.filter(|column| column != RECORD));
    if key.is_empty() {
        key.clone_from(&columns);
    }
    Ok(Ok(Table { name: name.into(), columns, key }))
}

/// The columns to compare; true for columns of the primary key.
fn columns(stores: &Connection, table: &str, schema: &str) -> Result<Vec<(String, bool)>> {
    let sql = "SELECT name, pk > 0 FROM pragma_table_info(?1, ?2) ORDER BY cid";
    let mut statement = stores.prepare(sql)?;
    let rows = statement.query_map([table, schema], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut columns: Vec<(String, bool)> = rows.collect::<Result<_>>()?;
    if table == LOG_TABLE {
        columns.retain(|(name, _)| !LOG_COLUMNS_LEFT_OUT.contains(&name.as_str()));
    }
    Ok(columns)
}

fn in_table(
    stores: &Connection,
    table: &Table,
    names: [&str; 2],
) -> Result<Option<StoreDifference>> {
    let (name, columns, key) = (quoted(&table.name), list(&table.columns), list(&table.key));
    let rows = |schema: &str| format!("SELECT {columns} FROM {schema}.{name}");
    let without = |one: &str, other: &str| {
        format!("SELECT {key} FROM ({} EXCEPT {})", rows(one), rows(other))
    };
    let sql = format!(
        "{} UNION {} ORDER BY {key} LIMIT 1",
        without("main", "other"),
        without("other", "main")
    );
    let count = table.key.len();
    let found: Option<Vec<Value>> =
        stores.query_row(&sql, [], |row| (0..count).map(|at| row.get(at)).collect()).optional()?;
    let Some(key) = found else {
        return Ok(None);
    };
    let row = |schema: &str| row(stores, table, schema, &key);
    let (ours, theirs) = (row("main")?, row("other")?);
    let record = match (table.key.first(), key.first()) {
        (Some(column), Some(Value::Integer(record))) if column == RECORD => Some(*record),
        _ => owner(stores, table, &key)?,
    };
    let mut words = described(table, &key, record);
    // Writing into a string cannot fail.
    let _ = match (ours, theirs) {
        (Some(_), None) => write!(words, " is stored by {} alone", names[0]),
        (None, Some(_)) => write!(words, " is stored by {} alone", names[1]),
        (Some(ours), Some(theirs)) => {
            let differs = ours.iter().zip(&theirs).position(|(here, there)| here != there);
            let place = differs.unwrap_or_default();
            write!(
                words,
                ": {} is {} in {} and {} in {}",
                table.columns[place],
                shown(&ours[place]),
                names[0],
                shown(&theirs[place]),
                names[1]
            )
        }
        // A key that neither store contains as text, for instance a folded one.
        (None, None) => write!(words, " is not stored alike"),
    };
    Ok(Some(StoreDifference { table: table.name.clone(), record, words }))
}

/// `app_contact_base, record 17 (con_id 35)`.
fn described(table: &Table, key: &[Value], record: Option<i64>) -> String {
    let rest: Vec<String> = table
        .key
        .iter()
        .zip(key)
        // A record whose name is not a number is identified by its column, like any other key.
        .filter(|(column, _)| record.is_none() || *column != RECORD)
        .map(|(column, value)| format!("{column} {}", shown(value)))
        .collect();
    let mut words = table.name.clone();
    let _ = match (record, rest.is_empty()) {
        (Some(record), true) => write!(words, ", record {record}"),
        (Some(record), false) => write!(words, ", record {record} ({})", rest.join(", ")),
        (None, _) => write!(words, ", {}", rest.join(", ")),
    };
    words
}

fn row(
    stores: &Connection,
    table: &Table,
    schema: &str,
    key: &[Value],
) -> Result<Option<Vec<Value>>> {
    let is = |(index, column): (usize, &String)| format!("{} IS ?{}", quoted(column), index + 1);
    let wanted: Vec<String> = table.key.iter().enumerate().map(is).collect();
    let sql = format!(
        "SELECT {} FROM {schema}.{} WHERE {}",
        list(&table.columns),
        quoted(&table.name),
        wanted.join(" AND ")
    );
    let count = table.columns.len();
    let values = stores
        .query_row(&sql, params_from_iter(key), |row| (0..count).map(|at| row.get(at)).collect());
    values.optional()
}

/// The record of a row that refers to it through a parent, such as an address through its contact.
fn owner(stores: &Connection, table: &Table, key: &[Value]) -> Result<Option<i64>> {
    let sql = "SELECT \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1)";
    let mut statement = stores.prepare(sql)?;
    let parents = statement.query_map([&table.name], |row| {
        let to: Option<String> = row.get(2)?;
        let from: String = row.get(1)?;
        Ok((row.get::<_, String>(0)?, to.unwrap_or_else(|| from.clone()), from))
    })?;
    for parent in parents {
        let (parent, to, from) = parent?;
        let Some(at) = table.key.iter().position(|column| *column == from) else {
            continue;
        };
        if !columns(stores, &parent, "main")?.iter().any(|(column, _)| column == RECORD) {
            continue;
        }
        for schema in ["main", "other"] {
            let sql = format!(
                "SELECT {RECORD} FROM {schema}.{} WHERE {} IS ?1",
                quoted(&parent),
                quoted(&to)
            );
            let found = stores.query_row(&sql, params![key[at]], |row| row.get(0)).optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
        Value::Text(text) if text.chars().count() > SHOWN_CHARACTERS_MAX => {
            format!("'{}…'", text.chars().take(SHOWN_CHARACTERS_MAX).collect::<String>())
        }
        Value::Text(text) => format!("'{text}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "
        CREATE TABLE app_base (app_id INTEGER PRIMARY KEY, state TEXT);
        CREATE TABLE app_contact_base (con_id INTEGER PRIMARY KEY, app_id INTEGER, name TEXT);
        CREATE TABLE app_contact_address (con_id INTEGER REFERENCES app_contact_base (con_id),
            kind INTEGER, city TEXT, PRIMARY KEY (con_id, kind));
        CREATE TABLE processing_log (log_id INTEGER PRIMARY KEY, app_id INTEGER, status TEXT,
            processing_time TEXT, session_id TEXT);
        CREATE TABLE migration_run (session_id TEXT);
        INSERT INTO app_base VALUES (1, 'NY'), (2, 'TX');
        INSERT INTO app_contact_base VALUES (11, 1, 'Ann'), (12, 2, 'Bob');
        INSERT INTO app_contact_address VALUES (11, 1, 'Rome'), (12, 1, 'Oslo');
        INSERT INTO processing_log VALUES (1, 1, 'success', 'now', 'a'), (2, 2, 'success', '', 'a');
    ";

    /// The first difference between a store and a copy changed by this SQL.
    fn changed(sql: &str) -> Option<StoreDifference> {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "other"].map(|name| folder.path().join(name));
        for (path, sql) in paths.iter().zip(["", sql]) {
            Connection::open(path).unwrap().execute_batch(&format!("{TABLES}{sql}")).unwrap();
        }
        first(&paths[0], &paths[1], ["base", "head"]).unwrap()
    }

    #[test]
    fn the_first_difference_names_table_record_and_column() {
        for (sql, words, record) in [
            (
                "UPDATE app_base SET state = NULL WHERE app_id = 2",
                "app_base, record 2: state is 'TX' in base and null in head",
                Some(2),
            ),
            (
                "DELETE FROM app_base WHERE app_id = 1",
                "app_base, record 1 is stored by base alone",
                Some(1),
            ),
            (
                "INSERT INTO app_contact_base VALUES (13, 2, 'Eve')",
                "app_contact_base, record 2 (con_id 13) is stored by head alone",
                Some(2),
            ),
            (
                "UPDATE app_contact_address SET city = 'Bonn' WHERE con_id = 12",
                "app_contact_address, record 2 (con_id 12, kind 1): city is 'Oslo' in base and \
                 'Bonn' in head",
                Some(2),
            ),
            (
                "UPDATE processing_log SET status = 'failed' WHERE app_id = 1",
                "processing_log, record 1: status is 'success' in base and 'failed' in head",
                Some(1),
            ),
            ("DROP TABLE app_contact_address", "head has no table app_contact_address", None),
            ("ALTER TABLE app_base DROP state", "app_base of head has no column state", None),
        ] {
            let difference = changed(sql).unwrap();
            assert_eq!((difference.words.as_str(), difference.record), (words, record));
        }
    }

    #[test]
    fn columns_that_vary_between_equal_runs_are_ignored() {
        let sql = "UPDATE processing_log SET processing_time = 'later', session_id = 'b', \
                   log_id = log_id + 9; INSERT INTO migration_run VALUES ('b');";
        assert_eq!(changed(sql), None);
    }
}
