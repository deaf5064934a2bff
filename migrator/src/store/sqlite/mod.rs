//! The embedded store: `SQLite` through `rusqlite`, in WAL mode.
//!
//! `SQLite` has one writer at a time. Connections of one process queue here, because `SQLite`'s own
//! wait polls with pauses of up to 100 ms. For other processes there is a busy timeout, after which
//! the error has kind `Busy`. Every writing transaction is `BEGIN IMMEDIATE`, so the data that it
//! reads cannot change before its commit.

mod connection;
mod context;
mod statements;
mod value;
mod write_lock;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::OpenFlags;

use crate::config::{InsertMethod, Synchronous};
use crate::error::{Error, ErrorKind, Result};
use crate::record::SqlValue;
use crate::telemetry::report::{Connections, StoreInfo};

use self::connection::SqliteConnection;
use self::context::SqliteContext;
use self::statements::InsertStatements;
use super::schema::{self, SqliteColumn, SqliteDdl, Tables};
use super::{Connection, InsertOutcome, Role, Setup, Store};

/// Time that a transaction waits for another process before it is `Busy`, in milliseconds.
pub const BUSY_TIMEOUT_MS: u64 = 5_000;

/// A store in one `SQLite` file.
pub struct SqliteStore {
    context: Arc<SqliteContext>,
    ddl: Vec<SqliteDdl>,
}

impl SqliteStore {
    /// A store in the file at `path`, which need not exist. Does not access the file.
    pub fn new(path: &Path, synchronous: Synchronous, tables: Tables) -> Result<Self> {
        let ddl = (0..tables.all().len())
            .map(|index| schema::sqlite_table(tables.all(), index))
            .collect::<Result<_>>()?;
        // SQLite does not mistake an absolute path for a URI or for `:memory:`.
        let path = std::path::absolute(path).map_err(|cause| {
            let message = format!("store {}", path.display());
            Error::caused(ErrorKind::Usage, message, cause)
        })?;
        let context = SqliteContext {
            path,
            synchronous,
            busy_timeout: Duration::from_millis(BUSY_TIMEOUT_MS),
            pages_max: None,
            inserts: tables.all().iter().map(InsertStatements::new).collect(),
            tables,
            write_lock: Arc::default(),
            counts: Arc::default(),
        };
        Ok(Self { context: Arc::new(context), ddl })
    }

    /// The same store with another busy timeout. Open connections keep theirs.
    #[must_use]
    pub fn with_busy_timeout(mut self, busy_timeout: Duration) -> Self {
        if let Some(context) = Arc::get_mut(&mut self.context) {
            context.busy_timeout = busy_timeout;
        }
        self
    }

    /// The same store with a limit on the pages of its file. Beyond the limit `SQLite` reports a
    /// full disk. A larger file stays as it is, and open connections ignore the limit.
    #[must_use]
    pub fn with_pages_max(mut self, pages_max: NonZeroU32) -> Self {
        if let Some(context) = Arc::get_mut(&mut self.context) {
            context.pages_max = Some(pages_max);
        }
        self
    }

    fn open(&self, role: Role, flags: OpenFlags) -> Result<SqliteConnection> {
        let context = &self.context;
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(&context.path, flags)
            .map_err(|error| context.failure("open", error))?;
        context.configure(&connection).map_err(|error| context.failure("open", error))?;
        Ok(SqliteConnection::new(connection, context, role))
    }

    /// Creates the table at `index` with its rows, or checks the existing one.
    fn create_or_check(&self, connection: &mut SqliteConnection, index: usize) -> Result<()> {
        let context = &self.context;
        let table = &context.tables.all()[index];
        let found = columns_of(&connection.connection, &table.name)
            .map_err(|error| context.failure("read the schema", error))?;
        if !found.is_empty() {
            return match difference(&self.ddl[index].columns, &found) {
                None => Ok(()),
                Some(what) => Err(Error::environment(format!(
                    "store {}: table {} differs from the catalogue: {what}",
                    context.label(),
                    table.name
                ))),
            };
        }
        let ddl = &self.ddl[index];
        for text in std::iter::once(&ddl.table).chain(&ddl.indexes) {
            connection
                .connection
                .execute_batch(text)
                .map_err(|error| context.failure(&format!("create table {}", table.name), error))?;
        }
        let rows: Vec<&[SqlValue]> = table.rows.iter().map(AsRef::as_ref).collect();
        match connection.insert(index, &rows, InsertMethod::Bulk)? {
            InsertOutcome::Stored { .. } => Ok(()),
            InsertOutcome::Refused(violation) => Err(Error::environment(format!(
                "table catalogue: the predefined rows of {} violate its own rules: {}",
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
        &self.context.tables
    }

    fn create_missing(&self) -> Result<Setup> {
        let context = &self.context;
        context.check_folder()?;
        let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = self.open(Role::Untimed, create)?;
        // WAL is a property of the file, so later connections use it too.
        connection
            .connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(|error| context.failure("open", error))?;
        connection.begin()?;
        for index in 0..context.tables.all().len() {
            self.create_or_check(&mut connection, index)?;
        }
        connection.commit()?;
        let log_has_key = log_has_key(&connection.connection)
            .map_err(|error| context.failure("read the schema", error))?;
        Ok(Setup { log_has_key })
    }

    fn connect(&self, role: Role) -> Result<Box<dyn Connection>> {
        Ok(Box::new(self.open(role, OpenFlags::SQLITE_OPEN_READ_WRITE)?))
    }

    fn connections(&self) -> BTreeMap<String, Connections> {
        self.context.counts.report()
    }
}

/// Columns of an existing table. Empty if the table does not exist.
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

/// First difference between the columns of the catalogue and the existing ones.
pub(super) fn difference(wanted: &[SqliteColumn], found: &[SqliteColumn]) -> Option<String> {
    let places = wanted.len().max(found.len());
    let place = (0..places).find(|&place| wanted.get(place) != found.get(place))?;
    match (wanted.get(place), found.get(place)) {
        (Some(wanted), Some(found)) if wanted.name != found.name => Some(format!(
            "column {} is {} in the store but {} in the catalogue",
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
