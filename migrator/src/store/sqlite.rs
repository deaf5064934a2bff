//! The embedded store: `SQLite` through `rusqlite`, in WAL mode.
//!
//! `SQLite` has one writer at a time. Connections of one process queue for it here, because
//! `SQLite`'s own wait polls with pauses of up to 100 ms; other processes are waited for with a
//! busy timeout, after which the error's kind is `Busy`. Every writing transaction is `BEGIN
//! IMMEDIATE`, so what it reads cannot change before it commits.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, ErrorCode, OpenFlags, Statement, ffi};

use crate::config::{InsertMethod, Synchronous};
use crate::contract::catalogue::{SqlType, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::record::SqlValue;
use crate::report::{Connections, StoreInfo};

use super::schema::{self, SqliteColumn, SqliteDdl, Tables, quoted};
use super::{
    Connection, ConnectionCounts, Inserted, Key, OpenConnection, Range, Role, Rule, Setup, Store,
    Stored, Violation, canonical,
};

/// How long a transaction waits for another process before it is `Busy`.
pub const BUSY_TIMEOUT_MS: u64 = 5_000;

/// Largest number of rows in one INSERT, as a power of two. Measured (`benches/insert.rs`, 2⁰ …
/// 2¹⁰): from 16 rows on a row gets no cheaper, while preparing the statement, which every fresh
/// connection has to do again, costs more.
const ROWS_LOG2_MAX: u32 = 4;
/// Parameters that `SQLite` takes in one statement.
const PARAMETERS_MAX: usize = 32_766;
/// Statements that a connection keeps prepared: every INSERT of a few dozen tables.
const STATEMENTS_KEPT: usize = 512;

/// A store in one `SQLite` file.
pub struct SqliteStore {
    shared: Arc<Shared>,
    ddl: Vec<SqliteDdl>,
}

/// What the connections of a store share.
struct Shared {
    path: PathBuf,
    synchronous: Synchronous,
    busy_timeout: Duration,
    tables: Tables,
    inserts: Vec<InsertTexts>,
    turn: Arc<Turn>,
    counts: Arc<ConnectionCounts>,
}

impl SqliteStore {
    /// A store in the file at `path`, which need not exist yet; touches no file.
    pub fn new(path: &Path, synchronous: Synchronous, tables: Tables) -> Result<Self> {
        let ddl = (0..tables.all().len())
            .map(|index| schema::sqlite_table(tables.all(), index))
            .collect::<Result<_>>()?;
        // An absolute path cannot be taken for a URI or for `:memory:`.
        let path = std::path::absolute(path).map_err(|cause| {
            let message = format!("store {}", path.display());
            Error::caused(ErrorKind::Usage, message, cause)
        })?;
        let shared = Shared {
            path,
            synchronous,
            busy_timeout: Duration::from_millis(BUSY_TIMEOUT_MS),
            inserts: tables.all().iter().map(InsertTexts::new).collect(),
            tables,
            turn: Arc::default(),
            counts: Arc::default(),
        };
        Ok(Self { shared: Arc::new(shared), ddl })
    }

    /// The same store with another busy timeout. Connections that are open keep theirs.
    #[must_use]
    pub fn with_busy_timeout(mut self, busy_timeout: Duration) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.busy_timeout = busy_timeout;
        }
        self
    }

    fn open(&self, role: Role, flags: OpenFlags) -> Result<SqliteConnection> {
        let shared = &self.shared;
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(&shared.path, flags)
            .map_err(|error| shared.failure("open", error))?;
        shared.configure(&connection).map_err(|error| shared.failure("open", error))?;
        Ok(SqliteConnection {
            connection,
            turn: None,
            marked: false,
            scratch: Scratch::default(),
            sql: String::new(),
            _open: shared.counts.open(role),
            shared: Arc::clone(shared),
        })
    }

    /// Creates the table at `index` with its rows, or checks the one that is there.
    fn create_or_check(&self, connection: &mut SqliteConnection, index: usize) -> Result<()> {
        let shared = &self.shared;
        let table = &shared.tables.all()[index];
        let found = columns_of(&connection.connection, &table.name)
            .map_err(|error| shared.failure("read the schema", error))?;
        if !found.is_empty() {
            return match difference(&self.ddl[index].columns, &found) {
                None => Ok(()),
                Some(what) => Err(Error::environment(format!(
                    "store {}: table {} differs from the catalogue: {what}",
                    shared.label(),
                    table.name
                ))),
            };
        }
        let ddl = &self.ddl[index];
        for text in std::iter::once(&ddl.table).chain(&ddl.indexes) {
            connection
                .connection
                .execute_batch(text)
                .map_err(|error| shared.failure(&format!("create table {}", table.name), error))?;
        }
        let rows: Vec<&[SqlValue]> = table.rows.iter().map(AsRef::as_ref).collect();
        match connection.insert(index, &rows, InsertMethod::Bulk)? {
            Inserted::Stored { .. } => Ok(()),
            Inserted::Refused(violation) => Err(Error::environment(format!(
                "table catalogue: the rows of {} break its own rules: {}",
                table.name, violation.message
            ))),
        }
    }
}

impl Store for SqliteStore {
    fn info(&self) -> StoreInfo {
        StoreInfo { kind: "sqlite".to_owned(), version: rusqlite::version().to_owned() }
    }

    fn tables(&self) -> &Tables {
        &self.shared.tables
    }

    fn create_missing(&self) -> Result<Setup> {
        let shared = &self.shared;
        shared.check_folder()?;
        let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = self.open(Role::Untimed, create)?;
        // WAL is a property of the file: connections that are opened later find it there.
        connection
            .connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(|error| shared.failure("open", error))?;
        connection.begin()?;
        for index in 0..shared.tables.all().len() {
            self.create_or_check(&mut connection, index)?;
        }
        connection.commit()?;
        let log_has_key = log_has_key(&connection.connection)
            .map_err(|error| shared.failure("read the schema", error))?;
        Ok(Setup { log_has_key })
    }

    fn connect(&self, role: Role) -> Result<Box<dyn Connection>> {
        Ok(Box::new(self.open(role, OpenFlags::SQLITE_OPEN_READ_WRITE)?))
    }

    fn connections(&self) -> BTreeMap<String, Connections> {
        self.shared.counts.report()
    }
}

impl Shared {
    fn configure(&self, connection: &rusqlite::Connection) -> rusqlite::Result<()> {
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        let synchronous = match self.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
            Synchronous::Off => "OFF",
        };
        connection.execute_batch(&format!(
            "PRAGMA foreign_keys = ON; PRAGMA synchronous = {synchronous}; \
             PRAGMA temp_store = MEMORY; SELECT 1 FROM sqlite_schema LIMIT 0"
        ))
    }

    fn check_folder(&self) -> Result<()> {
        match self.path.parent() {
            Some(folder) if !fs::exists(folder).unwrap_or(false) => Err(Error::environment(
                format!("store {}: folder {} does not exist", self.label(), folder.display()),
            )),
            _ => Ok(()),
        }
    }

    fn label(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    /// An error of the kind that decides what happens next, with what was being done.
    fn failure(&self, doing: &str, error: rusqlite::Error) -> Error {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
            _ => ErrorKind::Environment,
        };
        Error::caused(kind, format!("store {}: {doing}", self.label()), error)
    }
}

/// The columns that are there; empty if the table is not.
pub(super) fn columns_of(
    connection: &rusqlite::Connection,
    table: &str,
) -> rusqlite::Result<Vec<SqliteColumn>> {
    // `hidden` is 2 or 3 for a generated column.
    let mut statement = connection
        .prepare("SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1)")?;
    let columns = statement.query_map([table], |row| {
        Ok(SqliteColumn {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            key_place: row.get::<_, u16>(3)?.into(),
            generated: row.get::<_, i64>(4)? >= 2,
        })
    })?;
    columns.collect()
}

/// The first difference between the columns of the catalogue and those that are there.
pub(super) fn difference(wanted: &[SqliteColumn], found: &[SqliteColumn]) -> Option<String> {
    let places = wanted.len().max(found.len());
    let place = (0..places).find(|&place| wanted.get(place) != found.get(place))?;
    match (wanted.get(place), found.get(place)) {
        (Some(wanted), Some(found)) if wanted.name != found.name => Some(format!(
            "column {} is {} there and {} in the catalogue",
            place + 1,
            found.name,
            wanted.name
        )),
        (Some(wanted), Some(_)) => {
            Some(format!("column {} has another type, null rule, key or computation", wanted.name))
        }
        (Some(wanted), None) => Some(format!("column {} is missing", wanted.name)),
        (None, found) => Some(format!("column {} is not in the catalogue", found?.name)),
    }
}

fn log_has_key(connection: &rusqlite::Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) AS list WHERE list.\"unique\" AND \
         (SELECT group_concat(name) FROM pragma_index_info(list.name)) = 'app_id')",
        [schema::LOG_TABLE],
        |row| row.get(0),
    )
}

/// The texts of a table's INSERT statements, made once for all connections.
struct InsertTexts {
    /// The columns that are named: all but computed ones.
    columns: Vec<(usize, SqlType)>,
    /// Texts for 1, 2, 4, … rows.
    by_rows_log2: Vec<String>,
}

impl InsertTexts {
    fn new(table: &Table) -> Self {
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

    /// The longest statement that these many rows fill: its text and its rows.
    fn longest(&self, rows: usize) -> (&str, usize) {
        let wanted = rows.checked_ilog2().map_or(0, |log2| log2 as usize);
        let log2 = wanted.min(self.by_rows_log2.len() - 1);
        (&self.by_rows_log2[log2], 1 << log2)
    }
}

/// One connection to the file.
struct SqliteConnection {
    connection: rusqlite::Connection,
    /// The process's turn to write; given back after the transaction has ended.
    turn: Option<HeldTurn>,
    marked: bool,
    scratch: Scratch,
    sql: String,
    _open: OpenConnection,
    shared: Arc<Shared>,
}

impl SqliteConnection {
    fn execute(&mut self, text: &str, doing: &str) -> Result<()> {
        let outcome = self.connection.prepare_cached(text).and_then(|mut s| s.raw_execute());
        outcome.map(drop).map_err(|error| self.shared.failure(doing, error))
    }

    fn end(&mut self) {
        self.marked = false;
        self.turn = None;
    }

    /// One multi-row statement after the other; the few texts that there are stay prepared.
    fn insert_values(&mut self, table: usize, rows: &[&[SqlValue]]) -> rusqlite::Result<u64> {
        let texts = &self.shared.inserts[table];
        let mut statements = 0;
        let mut rest = rows;
        while !rest.is_empty() {
            let (text, count) = texts.longest(rest.len());
            let (now, later) = rest.split_at(count);
            let mut statement = self.connection.prepare_cached(text)?;
            for (place, row) in now.iter().enumerate() {
                let first = place * texts.columns.len();
                bind_row(&mut statement, first, &texts.columns, row, &mut self.scratch)?;
            }
            statement.raw_execute()?;
            statements += 1;
            rest = later;
        }
        Ok(statements)
    }

    /// `SQLite`'s fast path: one single-row statement, prepared once and stepped for every row.
    ///
    /// Measured against one JSON array a table through `json_each`, which was 2.5 times slower: the
    /// text has to be written, parsed and searched again for every column.
    fn insert_bulk(&mut self, table: usize, rows: &[&[SqlValue]]) -> rusqlite::Result<u64> {
        let texts = &self.shared.inserts[table];
        let mut statement = self.connection.prepare_cached(&texts.by_rows_log2[0])?;
        for row in rows {
            bind_row(&mut statement, 0, &texts.columns, row, &mut self.scratch)?;
            statement.raw_execute()?;
        }
        Ok(1)
    }

    /// Prepares `head` with a condition on the key's columns and binds the values.
    fn keyed(
        &mut self,
        head: &str,
        key: &Key,
        values: &[&SqlValue],
    ) -> rusqlite::Result<CachedStatement<'_>> {
        let table = &self.shared.tables.all()[key.table];
        self.sql.clear();
        let _ = write!(self.sql, "{head} FROM {} WHERE ", quoted(&table.name));
        for (place, &column) in key.columns.iter().enumerate() {
            let and = if place > 0 { " AND " } else { "" };
            let _ = write!(self.sql, "{and}{} = ?", quoted(&table.columns[column].name));
        }
        let mut statement = self.connection.prepare_cached(&self.sql)?;
        for (place, (&column, value)) in key.columns.iter().zip(values).enumerate() {
            let sql_type = table.columns[column].sql_type;
            bind(&mut statement, place + 1, value, sql_type, &mut self.scratch)?;
        }
        Ok(statement)
    }

    fn one_exists(&mut self, key: &Key, values: &[&SqlValue]) -> rusqlite::Result<bool> {
        let mut statement = self.keyed("SELECT 1", key, values)?;
        let mut rows = statement.raw_query();
        Ok(rows.next()?.is_some())
    }

    /// One statement that gives the numbers of the keys that are there.
    fn many_exist(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> rusqlite::Result<Vec<bool>> {
        let table = &self.shared.tables.all()[key.table];
        let places = places_for(keys.len()).min(key.per_statement());
        write_look_up(&mut self.sql, table, key, places);
        let mut statement = self.connection.prepare_cached(&self.sql)?;
        let mut parameter = 0;
        for values in keys {
            for (&column, value) in key.columns.iter().zip(*values) {
                parameter += 1;
                let sql_type = table.columns[column].sql_type;
                bind(&mut statement, parameter, value, sql_type, &mut self.scratch)?;
            }
        }
        let mut answers = vec![false; keys.len()];
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let number: u16 = row.get(0)?;
            answers[usize::from(number)] = true;
        }
        Ok(answers)
    }

    fn select(&self, table: usize, columns: &[usize], range: Option<Range>) -> String {
        let table = &self.shared.tables.all()[table];
        let head = schema::names(table, columns);
        let mut text = format!("SELECT {head} FROM {}", quoted(&table.name));
        if let Some(range) = range {
            let column = quoted(&table.columns[range.column].name);
            let _ = write!(text, " WHERE {column} BETWEEN ?1 AND ?2 ORDER BY {column}");
        }
        text
    }
}

impl Connection for SqliteConnection {
    fn begin(&mut self) -> Result<()> {
        self.turn = Some(self.shared.turn.take());
        let begun = self.execute("BEGIN IMMEDIATE", "begin");
        if begun.is_err() {
            self.end();
        }
        begun
    }

    fn mark(&mut self) -> Result<()> {
        if self.marked {
            self.execute("RELEASE mark", "savepoint")?;
        }
        self.marked = true;
        self.execute("SAVEPOINT mark", "savepoint")
    }

    fn back(&mut self) -> Result<()> {
        self.execute("ROLLBACK TO mark", "back to savepoint")
    }

    fn commit(&mut self) -> Result<()> {
        self.execute("COMMIT", "commit")?;
        self.end();
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        // SQLite itself rolls back after some errors, a full disk for one.
        let outcome = if self.connection.is_autocommit() {
            Ok(())
        } else {
            self.execute("ROLLBACK", "roll back")
        };
        self.end();
        outcome
    }

    fn exist(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        let shared = Arc::clone(&self.shared);
        let answers = match keys {
            [only] => self.one_exists(key, only).map(|exists| vec![exists]),
            _ => self.many_exist(key, keys),
        };
        answers.map_err(|error| shared.failure("look up keys", error))
    }

    fn insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<Inserted> {
        let outcome = match method {
            InsertMethod::Values => self.insert_values(table, rows),
            InsertMethod::Bulk => self.insert_bulk(table, rows),
        };
        match outcome {
            Ok(statements) => Ok(Inserted::Stored { statements }),
            Err(error) => violation(&error).map(Inserted::Refused).ok_or_else(|| {
                let name = &self.shared.tables.all()[table].name;
                self.shared.failure(&format!("insert into {name}"), error)
            }),
        }
    }

    fn delete(&mut self, key: &Key, values: &[&SqlValue]) -> Result<u64> {
        let shared = Arc::clone(&self.shared);
        self.keyed("DELETE", key, values)
            .and_then(|mut statement| statement.raw_execute())
            .map(|rows| rows as u64)
            .map_err(|error| shared.failure("delete", error))
    }

    fn scan(
        &mut self,
        table: usize,
        columns: &[usize],
        range: Option<Range>,
        each: &mut dyn FnMut(&[Stored<'_>]) -> Result<()>,
    ) -> Result<()> {
        let text = self.select(table, columns, range);
        let failure = |error| {
            self.shared.failure(&format!("read {}", self.shared.tables.all()[table].name), error)
        };
        let mut statement = self.connection.prepare_cached(&text).map_err(failure)?;
        if let Some(range) = range {
            statement.raw_bind_parameter(1, range.first).map_err(failure)?;
            statement.raw_bind_parameter(2, range.last).map_err(failure)?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failure)? {
            let values: rusqlite::Result<Vec<_>> =
                (0..columns.len()).map(|place| stored(row.get_ref(place)?, place)).collect();
            each(&values.map_err(failure)?)?;
        }
        Ok(())
    }
}

/// The places of a look-up for so many keys: up to a quarter more, so that a connection prepares few
/// texts, which costs four times what running them does. Places without a value are null, which is
/// no key.
fn places_for(keys: usize) -> usize {
    let step = (keys.next_power_of_two() / 8).max(1);
    keys.next_multiple_of(step)
}

/// The text that asks for so many keys. The store compares, by the columns' own collations.
fn write_look_up(sql: &mut String, table: &Table, key: &Key, count: usize) {
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

fn stored(value: ValueRef<'_>, place: usize) -> rusqlite::Result<Stored<'_>> {
    match value {
        ValueRef::Null => Ok(Stored::Null),
        ValueRef::Integer(number) => Ok(Stored::Int(number)),
        ValueRef::Real(number) => Ok(Stored::Float(number)),
        ValueRef::Text(_) => Ok(Stored::Text(value.as_str()?)),
        ValueRef::Blob(_) => Err(rusqlite::Error::InvalidColumnType(
            place,
            "a column without blobs".to_owned(),
            value.data_type(),
        )),
    }
}

/// Text forms are made here, so that no value costs an allocation.
type Scratch = String;

fn bind_row(
    statement: &mut Statement<'_>,
    first: usize,
    columns: &[(usize, SqlType)],
    row: &[SqlValue],
    scratch: &mut Scratch,
) -> rusqlite::Result<()> {
    for (place, &(column, sql_type)) in columns.iter().enumerate() {
        bind(statement, first + place + 1, &row[column], sql_type, scratch)?;
    }
    Ok(())
}

fn bind(
    statement: &mut Statement<'_>,
    parameter: usize,
    value: &SqlValue,
    sql_type: SqlType,
    scratch: &mut Scratch,
) -> rusqlite::Result<()> {
    scratch.clear();
    match value {
        SqlValue::Null => return statement.raw_bind_parameter(parameter, rusqlite::types::Null),
        SqlValue::Bit(bit) => return statement.raw_bind_parameter(parameter, *bit),
        SqlValue::Int(number) => return statement.raw_bind_parameter(parameter, *number),
        SqlValue::Float(number) => return statement.raw_bind_parameter(parameter, *number),
        SqlValue::Text(text) => return statement.raw_bind_parameter(parameter, &**text),
        SqlValue::Decimal { units, scale } => canonical::push_decimal(scratch, *units, *scale),
        SqlValue::Date(date) => canonical::push_date(scratch, *date),
        SqlValue::DateTime(time) => {
            canonical::push_date_time(scratch, *time, canonical::fraction_digits(sql_type));
        }
    }
    statement.raw_bind_parameter(parameter, scratch.as_str())
}

/// What the store has against a row; none if the error is not about data.
fn violation(error: &rusqlite::Error) -> Option<Violation> {
    let rusqlite::Error::SqliteFailure(failure, message) = error else { return None };
    let rule = match (failure.code, failure.extended_code) {
        (
            ErrorCode::ConstraintViolation,
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_ROWID,
        ) => Rule::Key,
        (ErrorCode::ConstraintViolation, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Rule::Reference,
        (ErrorCode::ConstraintViolation, ffi::SQLITE_CONSTRAINT_NOTNULL) => Rule::NotNull,
        (ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch, _) => {
            Rule::Other
        }
        _ => return None,
    };
    let message = message.clone().unwrap_or_else(|| failure.to_string());
    let columns = columns_in(&message);
    Some(Violation { rule, columns, message, ended_transaction: false })
}

/// The columns in `… constraint failed: table.column, table.column` and in `cannot store TEXT value
/// in INTEGER column table.column`.
fn columns_in(message: &str) -> Vec<String> {
    let list = match message.split_once("failed: ") {
        Some((_, list)) => list,
        None => message.rsplit(' ').next().unwrap_or_default(),
    };
    list.split(", ").filter_map(|name| name.split_once('.')).map(|(_, name)| name.into()).collect()
}

/// The process's one turn to write.
#[derive(Debug, Default)]
struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

impl Turn {
    /// Waits until no other connection of this process writes. Whoever holds the turn waits for
    /// other processes no longer than the busy timeout, so this wait ends too.
    fn take(self: &Arc<Self>) -> HeldTurn {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            self.free.wait_while(taken, |taken| *taken).unwrap_or_else(PoisonError::into_inner);
        *taken = true;
        HeldTurn { turn: Arc::clone(self) }
    }
}

#[derive(Debug)]
struct HeldTurn {
    turn: Arc<Turn>,
}

impl Drop for HeldTurn {
    fn drop(&mut self) {
        *self.turn.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.turn.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::Catalogue;

    #[test]
    fn columns_are_found_in_the_stores_messages() {
        for (message, columns) in [
            ("UNIQUE constraint failed: t.a, t.b", vec!["a", "b"]),
            ("NOT NULL constraint failed: t.a", vec!["a"]),
            ("FOREIGN KEY constraint failed", vec![]),
            ("cannot store TEXT value in INTEGER column t.a", vec!["a"]),
        ] {
            assert_eq!(columns_in(message), columns, "{message}");
        }
    }

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
        let texts = InsertTexts::new(&table.unwrap().all()[0]);
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
