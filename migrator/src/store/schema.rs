//! Tables of a store and their `SQLite` DDL, from the table catalogue.
//!
//! Types in `SQLite`: integers and `bit` are INTEGER, `float` is REAL, all others are TEXT in the
//! form of [`canonical`]. The tables are STRICT and have unqualified names.
//!
//! Text columns of keys are `COLLATE NOCASE`. SQL Server's usual collation ignores the case of all
//! letters and trailing blanks. NOCASE folds only `A` to `Z` and respects blanks. `SQLite` has one
//! collation per column, and a custom one would make the file unusable for other programs. The
//! wider folding takes place before the store: inside a record when its key/value rows are merged,
//! between records in `dedup`.

use std::fmt::Write;

use crate::contract::catalogue::{Catalogue, Column, ColumnDefault, ForeignKey, SqlType, Table};
use crate::contract::column::coerce_value;
use crate::contract::shape::TypeClass;
use crate::error::{Error, Result};
use crate::record::{SqlValue, Value};

use super::canonical;

/// Processing log (contract.md 16.1).
pub const LOG_TABLE: &str = "processing_log";
/// One row per run: its session and its `now`.
pub const RUN_TABLE: &str = "migration_run";
/// One row per committed batch.
pub const BATCH_TABLE: &str = "migration_batch";

/// All tables of a store: those of the catalogue under their own indices, the processing log if the
/// catalogue has none, then the two helper tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    all: Vec<Table>,
    /// Index of the processing log.
    pub log: usize,
    /// Index of `migration_run`.
    pub run: usize,
    /// Index of `migration_batch`.
    pub batch: usize,
}

impl Tables {
    /// Tables for a catalogue. A catalogue may define the log, but no helper table.
    pub fn new(catalogue: &Catalogue) -> Result<Self> {
        let mut all = catalogue.tables.clone();
        if let Some(table) = all.iter().find(|t| t.name == RUN_TABLE || t.name == BATCH_TABLE) {
            return Err(Error::environment(format!(
                "table catalogue: {} is reserved for the migrator and cannot be a target",
                table.name
            )));
        }
        if !all.iter().any(|table| table.name == LOG_TABLE) {
            all.push(log_table());
        }
        let log = all.iter().position(|table| table.name == LOG_TABLE).unwrap_or_default();
        let run = all.len();
        all.push(run_table());
        all.push(batch_table(run));
        Ok(Self { all, log, run, batch: run + 1 })
    }

    /// All tables, parents before children.
    pub fn all(&self) -> &[Table] {
        &self.all
    }

    /// Tables that a migration fills: all except the helper tables.
    pub fn target_tables(&self) -> &[Table] {
        &self.all[..self.run]
    }

    /// Index of the table with this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|table| table.name == name)
    }
}

/// A column without default, identity and computation.
pub fn column(name: &str, sql_type: SqlType, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        sql_type,
        nullable,
        default: None,
        identity: false,
        computed: None,
    }
}

/// A table without references, indexes and rows.
pub fn table(name: &str, columns: Vec<Column>, primary_key: Vec<usize>) -> Table {
    Table {
        name: name.to_owned(),
        columns,
        primary_key,
        unique: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        rows: Vec::new(),
    }
}

/// The log of contract.md 16.1 with the unique key that reveals a lost race.
fn log_table() -> Table {
    let log_id = Column { identity: true, ..column("log_id", SqlType::Int, false) };
    let processing_time = Column {
        default: Some(ColumnDefault::Now),
        ..column("processing_time", SqlType::DateTime2(7), false)
    };
    let columns = vec![
        log_id,
        column("app_id", SqlType::Int, false),
        column("status", SqlType::VarChar(Some(20)), false),
        column("failure_reason", SqlType::VarChar(Some(500)), true),
        processing_time,
        column("session_id", SqlType::VarChar(Some(50)), true),
        column("app_id_start", SqlType::Int, true),
        column("app_id_end", SqlType::Int, true),
    ];
    Table { unique: vec![vec![1]], ..table(LOG_TABLE, columns, vec![0]) }
}

fn run_table() -> Table {
    let columns = vec![
        column("session_id", SqlType::VarChar(Some(50)), false),
        column("now", SqlType::DateTime2(7), false),
    ];
    table(RUN_TABLE, columns, vec![0])
}

fn batch_table(run: usize) -> Table {
    let columns = vec![
        column("session_id", SqlType::VarChar(Some(50)), false),
        column("batch", SqlType::BigInt, false),
        column("first_app_id", SqlType::Int, false),
        column("last_app_id", SqlType::Int, false),
        column("records", SqlType::Int, false),
    ];
    let session = ForeignKey {
        columns: vec![0],
        references: run,
        referenced_columns: vec![0],
        cascade: false,
    };
    Table { foreign_keys: vec![session], ..table(BATCH_TABLE, columns, vec![0, 1]) }
}

/// DDL of one table on `SQLite`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteDdl {
    /// `CREATE TABLE …`.
    pub table: String,
    /// `CREATE INDEX …`, one per index that is not a key.
    pub indexes: Vec<String>,
    /// Columns as `PRAGMA table_xinfo` reports them for the created table.
    pub columns: Vec<SqliteColumn>,
}

/// One column as `PRAGMA table_xinfo` reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteColumn {
    /// Name of the column.
    pub name: String,
    /// `INTEGER`, `REAL` or `TEXT`.
    pub declared: String,
    /// True for NOT NULL columns.
    pub not_null: bool,
    /// Position in the primary key, from 1; 0 if the column is not part of it.
    pub key_place: usize,
    /// True for computed columns.
    pub generated: bool,
}

/// DDL of the table at `index` on `SQLite`.
///
/// # Errors
///
/// `SQLite` cannot represent the table: an identity that is not the whole primary key, a computed
/// column of an unknown form, or a default that does not fit its column.
pub fn sqlite_table(tables: &[Table], index: usize) -> Result<SqliteDdl> {
    let table = &tables[index];
    let mut lines = Vec::with_capacity(table.columns.len() + 4);
    for place in 0..table.columns.len() {
        lines.push(column_line(tables, index, place)?);
    }
    if rowid_column(table).is_none() {
        lines.push(format!("PRIMARY KEY ({})", names(table, &table.primary_key)));
    }
    lines.extend(table.unique.iter().map(|key| format!("UNIQUE ({})", names(table, key))));
    lines.extend(table.foreign_keys.iter().map(|key| foreign_key_line(tables, table, key)));
    Ok(SqliteDdl {
        table: format!(
            "CREATE TABLE {} (\n  {}\n) STRICT{}",
            quoted(&table.name),
            lines.join(",\n  "),
            if rowid_column(table).is_none() { ", WITHOUT ROWID" } else { "" }
        ),
        indexes: (0..table.indexes.len()).map(|place| index_line(table, place)).collect(),
        columns: (0..table.columns.len()).map(|place| shape(table, place)).collect(),
    })
}

/// DDL of a source table (contract.md 2.1): text or bytes, null allowed.
pub fn sqlite_source_table(name: &str, text_column: &str) -> String {
    format!(
        "CREATE TABLE {} (\n  \"app_id\" INTEGER NOT NULL PRIMARY KEY,\n  {} ANY,\n  \
         \"extracted_at\" TEXT NOT NULL DEFAULT {}\n) STRICT",
        quoted(name),
        quoted(text_column),
        now_expression(SqlType::DateTime2(7))
    )
}

/// A quoted identifier, valid for any name.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quoted names of these columns, separated by commas.
pub fn names(table: &Table, columns: &[usize]) -> String {
    let names: Vec<_> = columns.iter().map(|&place| quoted(&table.columns[place].name)).collect();
    names.join(", ")
}

/// The column that is an alias of the rowid: a primary key of one integer.
///
/// Such a table is its own index. All others are `WITHOUT ROWID`: a separate index made a
/// production-shaped batch a tenth slower in measurements.
fn rowid_column(table: &Table) -> Option<usize> {
    match table.primary_key[..] {
        [only] if sqlite_type(table.columns[only].sql_type) == "INTEGER" => Some(only),
        _ => None,
    }
}

fn column_line(tables: &[Table], index: usize, place: usize) -> Result<String> {
    let table = &tables[index];
    let column = &table.columns[place];
    let mut line = format!("{} {}", quoted(&column.name), sqlite_type(column.sql_type));
    if column.identity && rowid_column(table) != Some(place) {
        return Err(no_counterpart(table, column, "an identity must be the whole primary key"));
    }
    if let Some(expression) = &column.computed {
        let sql = computed_expression(expression)
            .ok_or_else(|| no_counterpart(table, column, &unknown_expression(expression)))?;
        let _ = write!(line, " GENERATED ALWAYS AS ({sql}) STORED");
        return Ok(line);
    }
    if !column.nullable {
        line.push_str(" NOT NULL");
    }
    if rowid_column(table) == Some(place) {
        line.push_str(" PRIMARY KEY");
    } else if sqlite_type(column.sql_type) == "TEXT" && is_key_column(tables, index, place) {
        line.push_str(" COLLATE NOCASE");
    }
    if let Some(default) = &column.default {
        let sql = default_expression(column.sql_type, default).ok_or_else(|| {
            no_counterpart(table, column, &format!("default {default:?} does not fit its type"))
        })?;
        let _ = write!(line, " DEFAULT {sql}");
    }
    Ok(line)
}

fn unknown_expression(expression: &str) -> String {
    format!(
        "computed as `{expression}`, but only RIGHT(column, n) and LEFT(column, n) are supported"
    )
}

fn no_counterpart(table: &Table, column: &Column, why: &str) -> Error {
    Error::environment(format!("table catalogue: {}.{}: {why}", table.name, column.name))
}

/// True if a key of the table, or a reference from or to it, compares the column.
fn is_key_column(tables: &[Table], index: usize, place: usize) -> bool {
    let table = &tables[index];
    let referred_to = tables
        .iter()
        .flat_map(|other| &other.foreign_keys)
        .any(|key| key.references == index && key.referenced_columns.contains(&place));
    referred_to
        || table.primary_key.contains(&place)
        || table.unique.iter().any(|key| key.contains(&place))
        || table.foreign_keys.iter().any(|key| key.columns.contains(&place))
}

fn foreign_key_line(tables: &[Table], table: &Table, key: &ForeignKey) -> String {
    let parent = &tables[key.references];
    format!(
        "FOREIGN KEY ({}) REFERENCES {} ({}){}",
        names(table, &key.columns),
        quoted(&parent.name),
        names(parent, &key.referenced_columns),
        if key.cascade { " ON DELETE CASCADE" } else { "" }
    )
}

fn index_line(table: &Table, place: usize) -> String {
    format!(
        "CREATE INDEX {} ON {} ({})",
        quoted(&format!("IX_{}_{}", table.name, place + 1)),
        quoted(&table.name),
        names(table, &table.indexes[place])
    )
}

fn shape(table: &Table, place: usize) -> SqliteColumn {
    let column = &table.columns[place];
    let key_place = table.primary_key.iter().position(|&key| key == place).map_or(0, |at| at + 1);
    SqliteColumn {
        name: column.name.clone(),
        declared: sqlite_type(column.sql_type).to_owned(),
        // SQLite adds NOT NULL to the key columns of a table without rowid.
        not_null: (!column.nullable && column.computed.is_none()) || key_place > 0,
        key_place,
        generated: column.computed.is_some(),
    }
}

/// Storage class of a column.
fn sqlite_type(sql_type: SqlType) -> &'static str {
    TypeClass::of(sql_type).name()
}

/// Translates `RIGHT(column, n)` and `LEFT(column, n)`, the only forms that target tables use.
fn computed_expression(expression: &str) -> Option<String> {
    let (function, rest) = expression.trim().split_once('(')?;
    let (column, count) = rest.trim_end().strip_suffix(')')?.rsplit_once(',')?;
    let column = column.trim().trim_start_matches('[').trim_end_matches(']');
    let count: u16 = count.trim().parse().ok()?;
    if column.is_empty() || !column.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    match function.trim().to_ascii_uppercase().as_str() {
        "RIGHT" => Some(format!("substr({}, -{count})", quoted(column))),
        "LEFT" => Some(format!("substr({}, 1, {count})", quoted(column))),
        _ => None,
    }
}

fn default_expression(sql_type: SqlType, default: &ColumnDefault) -> Option<String> {
    let constant = match default {
        ColumnDefault::Now => return Some(now_expression(sql_type)),
        ColumnDefault::Constant(constant) => Value::Text(constant.as_str().into()),
    };
    Some(match coerce_value(&constant, sql_type).ok()? {
        SqlValue::Float(number) => format!("{number:?}"),
        SqlValue::DateTime(time) => {
            let mut text = String::new();
            canonical::push_date_time(&mut text, time, canonical::fraction_digits(sql_type));
            format!("'{text}'")
        }
        value @ (SqlValue::Null | SqlValue::Bit(_) | SqlValue::Int(_)) => canonical::plain(&value),
        value => format!("'{}'", canonical::plain(&value).replace('\'', "''")),
    })
}

/// The current time in UTC, in the form and with the fraction digits of the column.
fn now_expression(sql_type: SqlType) -> String {
    let format = match sql_type {
        SqlType::Date => "%Y-%m-%d".to_owned(),
        SqlType::SmallDateTime => "%Y-%m-%d %H:%M:00".to_owned(),
        // `%f` is seconds with three fraction digits; zeros fill the rest.
        other => match canonical::fraction_digits(other) {
            digits @ 0..3 => format!("%Y-%m-%d %H:%M:%S{}", zero_fraction(digits)),
            digits => format!("%Y-%m-%d %H:%M:%f{}", "0".repeat(usize::from(digits - 3))),
        },
    };
    format!("(strftime('{format}', 'now'))")
}

fn zero_fraction(digits: u8) -> String {
    if digits == 0 { String::new() } else { format!(".{}", "0".repeat(usize::from(digits))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_default(sql_type: SqlType, constant: &str) -> Option<String> {
        default_expression(sql_type, &ColumnDefault::Constant(constant.to_owned()))
    }

    #[test]
    fn defaults_have_the_form_of_their_column() {
        let money = SqlType::Decimal { precision: 12, scale: 2 };
        for (sql_type, constant, sql) in [
            (SqlType::Bit, "1", Some("1")),
            (SqlType::Int, "x", None),
            (money, "0", Some("'0.00'")),
            (money, "-1.5", Some("'-1.50'")),
            (money, "12345678901.00", None),
            (SqlType::Date, "1900-01-01", Some("'1900-01-01'")),
            (SqlType::DateTime, "1900-01-01", Some("'1900-01-01 00:00:00.000'")),
            (SqlType::Float, "1", Some("1.0")),
            (SqlType::VarChar(Some(9)), "it's", Some("'it''s'")),
        ] {
            assert_eq!(with_default(sql_type, constant).as_deref(), sql, "{sql_type} {constant}");
        }
    }

    #[test]
    fn computed_columns_have_two_known_forms() {
        for (expression, sql) in [
            ("RIGHT(ssn, 4)", Some("substr(\"ssn\", -4)")),
            (" left ( [zip] ,5) ", Some("substr(\"zip\", 1, 5)")),
            ("RIGHT(ssn, n)", None),
            ("RIGHT(ssn || x, 4)", None),
            ("UPPER(ssn)", None),
        ] {
            assert_eq!(computed_expression(expression).as_deref(), sql, "{expression}");
        }
    }

    #[test]
    fn an_identity_outside_of_the_primary_key_is_rejected_by_name() {
        let number = Column { identity: true, ..column("number", SqlType::Int, false) };
        let odd = table("odd", vec![column("key", SqlType::Int, false), number], vec![0]);
        let error = sqlite_table(&[odd], 0).unwrap_err().to_string();
        assert!(error.contains("odd.number"), "{error}");
    }

    #[test]
    fn a_catalogue_with_the_name_of_a_bookkeeping_table_is_rejected() {
        let catalogue = Catalogue { schema: "dbo".into(), tables: vec![run_table()] };
        let error = Tables::new(&catalogue).unwrap_err().to_string();
        assert!(error.contains(RUN_TABLE), "{error}");
    }

    #[test]
    fn the_ddl_of_the_log_and_bookkeeping_tables_matches_the_snapshot() {
        let tables = Tables::new(&Catalogue { schema: "dbo".into(), tables: vec![] }).unwrap();
        let ddl: Vec<_> = (0..tables.all().len())
            .map(|index| sqlite_table(tables.all(), index).unwrap().table)
            .collect();
        insta::assert_snapshot!(ddl.join(";\n"));
    }
}
