//! Read-only inspection of an existing store: its tables, in the form that mappings are compared
//! with, and their differences to the catalogue. Creates nothing, not even the file.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::schema::{SqliteColumn, Tables, sqlite_table};
use super::sqlite::{columns_of, difference};
use crate::contract::catalogue::SqlType;
use crate::contract::shape::{ColumnCapacity, ColumnShape, TableShape, TypeClass};
use crate::error::{Error, ErrorKind, Result};

/// Tables of a store of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Tables and views.
    pub tables: Vec<TableShape>,
    /// Existing tables that differ from the catalogue. No run starts on them.
    pub differences: Vec<Difference>,
    /// Property of its columns that such a store does not report, if any.
    pub limitation: Option<&'static str>,
}

/// A table that differs from the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Name of the table.
    pub table: String,
    /// First difference.
    pub what: String,
}

/// Inspects an `SQLite` file. With `wanted`, also compares the existing tables with these.
///
/// # Errors
///
/// The file does not exist or is not a database, or `SQLite` cannot represent a wanted table.
pub(crate) fn sqlite(path: &Path, wanted: Option<&Tables>) -> Result<Inspection> {
    let label = format!("store sqlite:{}", path.display());
    if !path.is_file() {
        return Err(Error::environment(format!(
            "{label}: the file does not exist; `migrator run` creates it"
        )));
    }
    let failure = |cause| Error::caused(ErrorKind::Environment, label.clone(), cause);
    // A connection with write access deletes its helper files when it is closed.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failure)?;
    connection.pragma_update(None, "query_only", true).map_err(failure)?;
    Ok(Inspection {
        tables: shapes(&connection).map_err(failure)?,
        differences: match wanted {
            Some(wanted) => differences(&connection, wanted, &failure)?,
            None => Vec::new(),
        },
        limitation: Some(
            "SQLite reports only integer, real or text for a column, no exact type and no length",
        ),
    })
}

fn shapes(connection: &Connection) -> rusqlite::Result<Vec<TableShape>> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.map(|name| shape(connection, name?)).collect()
}

fn shape(connection: &Connection, name: String) -> rusqlite::Result<TableShape> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE dflt_value IS NOT NULL")?;
    let filled: BTreeSet<String> =
        statement.query_map([&name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let columns = columns_of(connection, &name)?;
    let keys = columns.iter().filter(|column| column.key_place > 0).count();
    let columns = columns
        .into_iter()
        .map(|column| ColumnShape {
            has_default: filled.contains(&column.name),
            // A single integer key column is the rowid.
            identity: keys == 1 && column.key_place == 1 && column.declared == "INTEGER",
            holds: holds(&column),
            nullable: !column.not_null,
            computed: column.generated,
            name: column.name,
        })
        .collect();
    Ok(TableShape { name, columns })
}

/// Capacity of a column. STRICT tables declare a class; a SQL Server type is used as declared.
fn holds(column: &SqliteColumn) -> ColumnCapacity {
    let classes = [TypeClass::Whole, TypeClass::Real, TypeClass::Text];
    let declared = column.declared.to_ascii_uppercase();
    if let Some(class) = classes.into_iter().find(|class| class.name() == declared) {
        return ColumnCapacity::OfClass(class);
    }
    match SqlType::parse(&declared) {
        // A synonym of INTEGER, with 64 bits.
        Some(SqlType::Int) => ColumnCapacity::OfClass(TypeClass::Whole),
        Some(sql_type) => ColumnCapacity::Exactly(sql_type),
        None if declared.is_empty() => ColumnCapacity::Other("of no type".to_owned()),
        None => ColumnCapacity::Other(column.declared.clone()),
    }
}

fn differences(
    connection: &Connection,
    wanted: &Tables,
    failure: &dyn Fn(rusqlite::Error) -> Error,
) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    for (index, table) in wanted.all().iter().enumerate() {
        let ddl = sqlite_table(wanted.all(), index)?;
        let found = columns_of(connection, &table.name).map_err(failure)?;
        if found.is_empty() {
            continue;
        }
        if let Some(what) = difference(&ddl.columns, &found) {
            differences.push(Difference { table: table.name.clone(), what });
        }
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(declared: &str) -> SqliteColumn {
        SqliteColumn {
            name: "a".to_owned(),
            declared: declared.to_owned(),
            not_null: false,
            key_place: 0,
            generated: false,
        }
    }

    #[test]
    fn declared_types_give_a_class_or_a_sql_server_type() {
        for (declared, expected) in [
            ("INTEGER", ColumnCapacity::OfClass(TypeClass::Whole)),
            ("int", ColumnCapacity::OfClass(TypeClass::Whole)),
            ("text", ColumnCapacity::OfClass(TypeClass::Text)),
            ("REAL", ColumnCapacity::OfClass(TypeClass::Real)),
            ("varchar(50)", ColumnCapacity::Exactly(SqlType::VarChar(Some(50)))),
            (
                "DECIMAL(12, 2)",
                ColumnCapacity::Exactly(SqlType::Decimal { precision: 12, scale: 2 }),
            ),
            ("BLOB", ColumnCapacity::Other("BLOB".to_owned())),
            ("", ColumnCapacity::Other("of no type".to_owned())),
        ] {
            assert_eq!(holds(&column(declared)), expected, "{declared}");
        }
    }
}
