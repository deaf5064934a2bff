//! Stores: the traits that every backend implements, and the values that they return.

pub mod canonical;
pub mod checksum;
pub mod intercept;
pub(crate) mod introspect;
pub mod mssql;
pub mod pool;
pub(crate) mod retry;
pub mod schema;
pub mod simulated_network;
pub mod sqlite;
pub(crate) mod statement_layout;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::InsertMethod;
use crate::error::Result;
use crate::record::SqlValue;
use crate::telemetry::report::{Connections, ServerReport, SimulatedLink, StoreInfo};

use self::schema::Tables;

/// Maximum number of parameters in a statement on SQL Server, without the two that `sp_executesql`
/// needs.
pub const STATEMENT_PARAMETERS_MAX: usize = 2_098;
/// Maximum number of value rows in a statement on SQL Server.
pub const STATEMENT_ROWS_MAX: usize = 1_000;

/// A database that receives rows.
///
/// The interface is blocking. `SQLite` has no other, and an asynchronous client can wait on its own
/// runtime.
pub trait Store: Send + Sync {
    /// Kind of store and its version.
    fn info(&self) -> StoreInfo;

    /// Tables of the store, parents before children.
    fn tables(&self) -> &Tables;

    /// Creates the missing tables and their predefined rows, in one transaction.
    ///
    /// # Errors
    ///
    /// Names an existing table whose columns differ from the catalogue's.
    fn create_missing(&self) -> Result<Setup>;

    /// Prepares the tables for a run. A store that lets a run create tables does so; others check
    /// them as [`Store::create_missing`] does.
    ///
    /// # Errors
    ///
    /// As [`Store::create_missing`], and names a table that does not exist and may not be created.
    fn prepare_schema(&self) -> Result<Setup> {
        self.create_missing()
    }

    /// Opens a connection. It is closed when dropped.
    fn connect(&self, role: Role) -> Result<Box<dyn Connection>>;

    /// Connections opened so far, by the role's name.
    fn connections(&self) -> BTreeMap<String, Connections>;

    /// The simulated network in front of this store, with its traffic so far.
    fn simulated_link(&self) -> Option<SimulatedLink> {
        None
    }

    /// Counters of the server since [`Store::prepare_schema`], if it provides them.
    fn server(&self) -> Option<ServerReport> {
        None
    }
}

/// A connection to a store, with at most one transaction at a time.
///
/// Tables and columns are indices into [`Store::tables`]. Data that the store rejects is returned
/// as [`InsertOutcome::Refused`]. After an error of kind `Busy`, `Deadlock` or `Conflict` a retry
/// of the whole transaction may succeed. After `Disconnected` or `Unavailable` the retry needs
/// another connection.
pub trait Connection: Send {
    /// Begins a transaction that may write. Waits for its turn if the store has a single writer.
    fn begin(&mut self) -> Result<()>;

    /// Sets the savepoint of [`Connection::rollback_to_savepoint`] and replaces an earlier one.
    fn savepoint(&mut self) -> Result<()>;

    /// Undoes the work of the transaction since [`Connection::savepoint`].
    fn rollback_to_savepoint(&mut self) -> Result<()>;

    /// Commits the transaction.
    fn commit(&mut self) -> Result<()>;

    /// Rolls the transaction back. Does nothing without one.
    fn rollback(&mut self) -> Result<()>;

    /// Looks up keys. Returns for each if a row has it, as the store compares keys. Sends one
    /// statement, for at least one key and at most [`Key::per_statement`] keys.
    fn contains_keys(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>>;

    /// Inserts rows, each with one value per column of the table. If the store rejects a row, none
    /// or some of the rows are inserted. The caller then rolls back, at least to the savepoint.
    fn insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome>;

    /// Deletes the rows with these values in the key's columns. Returns their number.
    fn delete(&mut self, key: &Key, values: &[&SqlValue]) -> Result<u64>;

    /// Passes these columns of every row, or of the rows in a range, to `each`. Rows of a range
    /// come in ascending order of its column. Without columns, `each` gets a single row with the
    /// number of rows, counted by the store.
    fn scan(
        &mut self,
        table: usize,
        columns: &[usize],
        range: Option<Range>,
        each: &mut dyn FnMut(&[StoredValue<'_>]) -> Result<()>,
    ) -> Result<()>;
}

impl dyn Connection + '_ {
    /// True if a row has these values in the key's columns, as the store compares them.
    pub fn contains_key(&mut self, key: &Key, values: &[&SqlValue]) -> Result<bool> {
        Ok(self.contains_keys(key, &[values])?.contains(&true))
    }

    /// Number of rows, in total or in a range.
    pub fn count(&mut self, table: usize, range: Option<Range>) -> Result<u64> {
        let mut count = 0;
        self.scan(table, &[], range, &mut |row| {
            if let [StoredValue::Int(rows)] = row {
                count = rows.unsigned_abs();
            }
            Ok(())
        })?;
        Ok(count)
    }
}

/// Purpose of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Duplicate queries, inserts and log rows of batches.
    Writer,
    /// Look-ups outside of batches: the resume point.
    Reader,
    /// Work before and after a run's measured time: schema, books and checksum.
    Untimed,
}

impl Role {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Untimed => "untimed",
        }
    }
}

/// Properties of an existing schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// True if the log rejects a second row for a record. Otherwise two processes on the same range
    /// of records are not safe.
    pub log_has_key: bool,
}

/// Columns that a look-up compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Index of the table.
    pub table: usize,
    /// Indices of the columns.
    pub columns: Vec<usize>,
}

impl Key {
    /// Maximum number of keys in one statement, within the limits of SQL Server:
    /// [`STATEMENT_PARAMETERS_MAX`] and [`STATEMENT_ROWS_MAX`].
    pub fn per_statement(&self) -> usize {
        STATEMENT_ROWS_MAX.min(STATEMENT_PARAMETERS_MAX / self.columns.len().max(1))
    }
}

/// A closed range of an integer column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Index of the column.
    pub column: usize,
    /// Lowest value of the range.
    pub first: i64,
    /// Highest value of the range.
    pub last: i64,
}

/// A value read from a store, borrowed from the row. Decimals, dates and times are texts in the
/// form of [`canonical`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StoredValue<'a> {
    /// Null.
    Null,
    /// An integer or a bit.
    Int(i64),
    /// A binary double.
    Float(f64),
    /// Any other type.
    Text(&'a str),
}

/// Outcome of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertOutcome {
    /// All rows are in the transaction.
    Stored {
        /// Number of statements sent.
        statements: u64,
    },
    /// The store rejected a row. The transaction is still open unless the violation says otherwise.
    Refused(Violation),
}

impl InsertOutcome {
    /// Runs inserts in order, until one is rejected or fails.
    pub fn all(inserts: impl IntoIterator<Item = Result<Self>>) -> Result<Self> {
        let mut statements = 0;
        for inserted in inserts {
            match inserted? {
                Self::Stored { statements: more } => statements += more,
                refused @ Self::Refused(_) => return Ok(refused),
            }
        }
        Ok(Self::Stored { statements })
    }
}

/// A rule that a row violates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Kind of the rule.
    pub rule: Rule,
    /// Columns of the rule, if the store names them.
    pub columns: Vec<String>,
    /// The store's message. Only for the terminal, because it may change between versions.
    pub message: String,
    /// True if the store has rolled back the whole transaction. No savepoint is left.
    pub ended_transaction: bool,
}

/// Kind of a violated rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Primary or unique key that another row has.
    Key,
    /// Foreign key without a parent row.
    Reference,
    /// Null in a column that does not allow it.
    NotNull,
    /// Any other rule: a type, a length, a check.
    Other,
}

/// Number of connections by role, while they are open.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    by_role: Mutex<BTreeMap<Role, Connections>>,
}

impl ConnectionCounts {
    /// Counts a connection until the guard is dropped.
    pub(crate) fn open(self: &Arc<Self>, role: Role) -> OpenConnection {
        let mut by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_role.entry(role).or_default();
        count.left_open += 1;
        count.opened += 1;
        count.peak = count.peak.max(count.left_open);
        OpenConnection { counts: Arc::clone(self), role }
    }

    /// Counts so far.
    pub(crate) fn report(&self) -> BTreeMap<String, Connections> {
        let by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        by_role.iter().map(|(role, count)| (role.name().to_owned(), count.clone())).collect()
    }
}

/// Guard of an open connection in [`ConnectionCounts`].
#[derive(Debug)]
pub(crate) struct OpenConnection {
    counts: Arc<ConnectionCounts>,
    role: Role,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut by_role = self.counts.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_role.get_mut(&self.role) {
            count.left_open -= 1;
        }
    }
}
