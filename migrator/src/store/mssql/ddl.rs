//! DDL for SQL Server from the table catalogue, and the names of its keys.
//!
//! Constraints are declared on tables, not on columns: not every server accepts them there.

use std::fmt::Write;

use crate::contract::catalogue::{Column, ColumnDefault, ForeignKey, SqlType, Table};
use crate::contract::column::coerce_value;
use crate::error::{Error, Result};
use crate::record::{SqlValue, Value};
use crate::util::utf16::{NAME_UNITS_MAX, truncate_utf16, utf16_len};

use super::super::canonical;
use super::sql::{names, qualified, quoted};

/// Table that marks a schema as created by `migrator init`.
pub(crate) const MARKER_TABLE: &str = "migration_schema";

/// Statements that create the table at `index` and its indexes, in order.
///
/// # Errors
///
/// A default does not fit its column.
pub(crate) fn create_table(schema: &str, tables: &[Table], index: usize) -> Result<Vec<String>> {
    let table = &tables[index];
    let mut lines = Vec::with_capacity(table.columns.len() + 4);
    for column in &table.columns {
        lines.push(column_line(table, column)?);
    }
    lines.push(key_line(&primary_key(table), "PRIMARY KEY", &names(table, &table.primary_key)));
    for (place, columns) in table.unique.iter().enumerate() {
        lines.push(key_line(&unique_key(table, place), "UNIQUE", &names(table, columns)));
    }
    for (place, key) in table.foreign_keys.iter().enumerate() {
        lines.push(foreign_key_line(schema, tables, table, (place, key)));
    }
    let target = qualified(schema, &table.name);
    let mut statements = vec![format!("CREATE TABLE {target} (\n  {}\n)", lines.join(",\n  "))];
    statements.extend(table.indexes.iter().enumerate().map(|(place, columns)| {
        let name = quoted(&derived("IX", &table.name, Some(place)));
        format!("CREATE INDEX {name} ON {target} ({})", names(table, columns))
    }));
    Ok(statements)
}

/// Creates the schema. Must be the only statement of its batch.
pub(crate) fn create_schema(schema: &str) -> String {
    format!("CREATE SCHEMA {}", quoted(schema))
}

/// Drops a table.
pub(crate) fn drop_table(schema: &str, table: &str) -> String {
    format!("DROP TABLE {}", qualified(schema, table))
}

/// Statements that mark a schema as created here.
pub(crate) fn mark_schema(schema: &str) -> [String; 2] {
    let target = qualified(schema, MARKER_TABLE);
    [
        format!(
            "CREATE TABLE {target} (\n  [created_by] varchar(50) NOT NULL,\n  \
             [created_at] datetime2(3) NOT NULL,\n  \
             CONSTRAINT [PK_{MARKER_TABLE}] PRIMARY KEY ([created_by])\n)"
        ),
        format!(
            "INSERT INTO {target} ([created_by], [created_at]) \
             VALUES ('migrator init', SYSUTCDATETIME())"
        ),
    ]
}

/// DDL of a source table (contract.md 2.1).
pub(crate) fn source_table(schema: &str, name: &str, text_column: &str) -> String {
    format!(
        "CREATE TABLE {} (\n  [app_id] int NOT NULL,\n  {} nvarchar(MAX) NULL,\n  \
         [extracted_at] datetime2(7) NOT NULL DEFAULT (SYSUTCDATETIME()),\n  \
         CONSTRAINT {} PRIMARY KEY ([app_id])\n)",
        qualified(schema, name),
        quoted(text_column),
        quoted(&derived("PK", name, None))
    )
}

/// Name of a table's primary key.
pub(crate) fn primary_key(table: &Table) -> String {
    derived("PK", &table.name, None)
}

/// Name of one of a table's unique keys.
pub(crate) fn unique_key(table: &Table, place: usize) -> String {
    derived("UQ", &table.name, Some(place))
}

/// A name derived from a table's name. If it is too long for the server, a hash replaces the end of
/// the table's name, so two tables never have the same name.
fn derived(kind: &str, table: &str, place: Option<usize>) -> String {
    let end = place.map(|place| format!("_{}", place + 1)).unwrap_or_default();
    let whole = format!("{kind}_{table}{end}");
    if utf16_len(&whole) <= NAME_UNITS_MAX {
        return whole;
    }
    let hash = &blake3::hash(table.as_bytes()).to_hex()[..8];
    let others = utf16_len(&format!("{kind}__{hash}{end}"));
    let beginning = truncate_utf16(table, NAME_UNITS_MAX.saturating_sub(others));
    format!("{kind}_{beginning}_{hash}{end}")
}

/// Checks the length and the characters of a schema's name.
pub(crate) fn check_schema(name: &str) -> Result<()> {
    if (1..=NAME_UNITS_MAX).contains(&utf16_len(name)) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let shown: String = name.chars().take(20).collect();
    Err(Error::usage(format!(
        "schema {shown:?}: a name has 1 to {NAME_UNITS_MAX} characters without control characters; \
         characters beyond U+FFFF count as two"
    )))
}

fn key_line(name: &str, kind: &str, columns: &str) -> String {
    format!("CONSTRAINT {} {kind} ({columns})", quoted(name))
}

fn foreign_key_line(
    schema: &str,
    tables: &[Table],
    table: &Table,
    (place, key): (usize, &ForeignKey),
) -> String {
    let parent = &tables[key.references];
    format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}",
        quoted(&derived("FK", &table.name, Some(place))),
        names(table, &key.columns),
        qualified(schema, &parent.name),
        names(parent, &key.referenced_columns),
        if key.cascade { " ON DELETE CASCADE" } else { "" }
    )
}

fn column_line(table: &Table, column: &Column) -> Result<String> {
    let mut line = quoted(&column.name);
    if let Some(expression) = &column.computed {
        let _ = write!(line, " AS ({expression}) PERSISTED");
        return Ok(line);
    }
    let _ = write!(line, " {}", column.sql_type);
    if column.identity {
        line.push_str(" IDENTITY(1,1)");
    }
    line.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    if let Some(default) = &column.default {
        let expression = default_expression(column.sql_type, default).ok_or_else(|| {
            Error::environment(format!(
                "table catalogue: {}.{}: default {default:?} does not fit its type",
                table.name, column.name
            ))
        })?;
        let _ = write!(line, " DEFAULT ({expression})");
    }
    Ok(line)
}

fn default_expression(sql_type: SqlType, default: &ColumnDefault) -> Option<String> {
    let constant = match default {
        ColumnDefault::Now if matches!(sql_type, SqlType::DateTime2(_)) => {
            return Some("SYSUTCDATETIME()".to_owned());
        }
        ColumnDefault::Now => return Some("GETUTCDATE()".to_owned()),
        ColumnDefault::Constant(constant) => Value::Text(constant.as_str().into()),
    };
    Some(match coerce_value(&constant, sql_type).ok()? {
        SqlValue::Float(number) => format!("{number:?}"),
        SqlValue::DateTime(time) => {
            let mut text = String::new();
            canonical::push_date_time(&mut text, time, canonical::fraction_digits(sql_type));
            // With the T, the text means the same in every session language.
            format!("'{}'", text.replace(' ', "T"))
        }
        value @ (SqlValue::Text(_) | SqlValue::Date(_)) => {
            format!("'{}'", canonical::plain(&value).replace('\'', "''"))
        }
        value => canonical::plain(&value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::Catalogue;
    use crate::store::schema::Tables;

    #[test]
    fn the_ddl_of_the_shipped_tables_matches_the_snapshot() {
        let catalogue = Catalogue::embedded().unwrap();
        let tables = Tables::new(&catalogue).unwrap();
        let statements: Vec<_> = ["app_base", "app_contact_base", "processing_log"]
            .iter()
            .map(|name| tables.find(name).unwrap())
            .chain([tables.run, tables.batch])
            .flat_map(|index| create_table("migration", tables.all(), index).unwrap())
            .chain(mark_schema("migration"))
            .chain([source_table("migration", "app_xml_staging", "app_XML")])
            .collect();
        insta::assert_snapshot!(statements.join(";\n\n"));
    }

    #[test]
    fn constraint_names_are_unique_and_within_the_server_limit() {
        let short = "x".repeat(123);
        assert_eq!(derived("UQ", &short, Some(0)), format!("UQ_{short}_1"));
        let names: Vec<String> = ["a", "b"]
            .iter()
            .map(|end| format!("{}{end}", "x".repeat(127)))
            .flat_map(|table| [None, Some(0), Some(11)].map(|place| derived("FK", &table, place)))
            .collect();
        for (index, name) in names.iter().enumerate() {
            assert_eq!(utf16_len(name), NAME_UNITS_MAX, "{name}");
            assert!(!names[..index].contains(name), "{name}");
        }
    }

    #[test]
    fn constraint_names_are_measured_in_utf_16_units() {
        // 61 characters of two units each leave room for the kind and the place, 62 do not.
        let (fits, long) = ("😀".repeat(61), "😀".repeat(62));
        assert_eq!(derived("FK", &fits, Some(0)), format!("FK_{fits}_1"));
        let cut = derived("FK", &long, Some(0));
        assert!(cut.starts_with("FK_😀") && cut.ends_with("_1") && !cut.contains(&long), "{cut}");
        // A character is not cut in two: one unit may stay free.
        assert!((NAME_UNITS_MAX - 1..=NAME_UNITS_MAX).contains(&utf16_len(&cut)), "{cut}");
    }

    #[test]
    fn an_invalid_schema_name_is_rejected() {
        for name in ["dbo", "]; DROP TABLE x", "ünï→", &"x".repeat(128), &"😀".repeat(64)] {
            assert!(check_schema(name).is_ok(), "{name}");
        }
        for name in ["", "a\0b", "a\nb", "\u{1b}[2J", &"x".repeat(129), &"😀".repeat(65)] {
            let error = check_schema(name).unwrap_err().to_string();
            assert!(error.contains("1 to 128") && !error.contains(char::is_control), "{error}");
        }
    }

    #[test]
    fn defaults_have_the_form_of_their_column() {
        let of = |name: &str, constant: &str| {
            let default = ColumnDefault::Constant(constant.to_owned());
            default_expression(SqlType::parse(name).unwrap(), &default)
        };
        for (name, constant, expression) in [
            ("int", "0", Some("0")),
            ("bit", "1", Some("1")),
            ("decimal(12,2)", "-1.5", Some("-1.50")),
            ("float", "1", Some("1.0")),
            ("varchar(20)", "O'Hara", Some("'O''Hara'")),
            ("date", "2026-01-31", Some("'2026-01-31'")),
            ("datetime", "2026-01-31 12:00", Some("'2026-01-31T12:00:00.000'")),
            ("int", "many", None),
        ] {
            assert_eq!(of(name, constant).as_deref(), expression, "{constant} as {name}");
        }
        let now =
            |name: &str| default_expression(SqlType::parse(name).unwrap(), &ColumnDefault::Now);
        assert_eq!(now("datetime").as_deref(), Some("GETUTCDATE()"));
        assert_eq!(now("datetime2(7)").as_deref(), Some("SYSUTCDATETIME()"));
    }
}
