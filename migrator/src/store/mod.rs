//! What a store is: the traits that every backend has, and the values that they give back.
//! Knows neither batches nor duplicates, only tables, rows and transactions.

pub mod canonical;
pub mod checksum;
pub mod intercept;
pub mod introspect;
pub mod mssql;
pub mod pool;
pub mod retry;
pub mod schema;
pub mod simulated_network;
pub mod sqlite;
pub mod statement_layout;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::InsertMethod;
use crate::error::Result;
use crate::record::SqlValue;
use crate::telemetry::report::{Connections, ServerReport, SimulatedLink, StoreInfo};

use self::schema::Tables;

/// Parameters of our own that a statement may have on SQL Server.
pub const STATEMENT_PARAMETERS_MAX: usize = 2_098;
/// Rows of values that a statement may have on SQL Server.
pub const STATEMENT_ROWS_MAX: usize = 1_000;

/// A database that rows go into.
///
/// The interface blocks: `SQLite` has no other, and a client that is asynchronous inside can wait
/// on a runtime of its own.
pub trait Store: Send + Sync {
    /// The kind of store and its version.
    fn info(&self) -> StoreInfo;

    /// The tables that this store has or gets, in an order in which parents come first.
    fn tables(&self) -> &Tables;

    /// Creates the tables that are missing, with the rows that belong to them, in one transaction.
    ///
    /// Refuses, by name, an existing table whose columns differ from the catalogue's.
    fn create_missing(&self) -> Result<Setup>;

    /// Makes the tables ready for a run, where a run may create them, or else checks them as
    /// [`Store::create_missing`] does and refuses, by name, a table that is not there.
    fn prepare_schema(&self) -> Result<Setup> {
        self.create_missing()
    }

    /// Opens a connection; it is closed when it is dropped.
    fn connect(&self, role: Role) -> Result<Box<dyn Connection>>;

    /// Connections opened so far, by the role's name.
    fn connections(&self) -> BTreeMap<String, Connections>;

    /// The link that is simulated before this store, with what went over it so far.
    fn simulated_link(&self) -> Option<SimulatedLink> {
        None
    }

    /// What the server itself has counted since [`Store::prepare_schema`], where it says.
    fn server(&self) -> Option<ServerReport> {
        None
    }
}

/// One connection to a store; at most one transaction at a time.
///
/// Tables and columns are indices into [`Store::tables`]. What the store refuses for its data comes
/// back as [`InsertOutcome::Refused`]; an error of the kind `Busy`, `Deadlock` or `Conflict` means that
/// the transaction may succeed when it is done again from its beginning, one of the kind
/// `Disconnected` or `Unavailable` that this takes another connection.
pub trait Connection: Send {
    /// Begins a transaction that may write; waits its turn where the store has a single writer.
    fn begin(&mut self) -> Result<()>;

    /// Sets the point that [`Connection::rollback_to_savepoint`] returns to; an earlier one is forgotten.
    fn savepoint(&mut self) -> Result<()>;

    /// Undoes what the transaction did since [`Connection::savepoint`].
    fn rollback_to_savepoint(&mut self) -> Result<()>;

    /// Ends the transaction and keeps what it did.
    fn commit(&mut self) -> Result<()>;

    /// Ends the transaction and undoes it; without one, does nothing.
    fn rollback(&mut self) -> Result<()>;

    /// Which of these keys a row has, one answer for each, as the store compares them. One
    /// statement: no more than [`Key::per_statement`] keys, and at least one.
    fn contains_keys(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>>;

    /// Inserts rows (one value for each column of the table) or, where one is refused, none or only
    /// some of them: the caller returns to its mark or rolls back.
    fn insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome>;

    /// Deletes the rows with these values in these columns and returns how many there were.
    fn delete(&mut self, key: &Key, values: &[&SqlValue]) -> Result<u64>;

    /// Gives these columns of every row, or of the rows in a range, to `each`, one row at a time;
    /// rows of a range come in its ascending order. Of no columns there is one row, the number of
    /// those rows, which the store counts where they are.
    fn scan(
        &mut self,
        table: usize,
        columns: &[usize],
        range: Option<Range>,
        each: &mut dyn FnMut(&[StoredValue<'_>]) -> Result<()>,
    ) -> Result<()>;
}

impl dyn Connection + '_ {
    /// Whether a row with these values in these columns is there, as the store compares them.
    pub fn contains_key(&mut self, key: &Key, values: &[&SqlValue]) -> Result<bool> {
        Ok(self.contains_keys(key, &[values])?.contains(&true))
    }

    /// How many rows there are, in all or in a range.
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

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Duplicate queries, inserts and log of batches.
    Writer,
    /// Look-ups outside any batch: the resume point.
    Reader,
    /// What happens before a run's time starts and after it stops: schema, books and checksum.
    Untimed,
}

impl Role {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Untimed => "untimed",
        }
    }
}

/// What [`Store::create_missing`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Whether the log refuses a second row for a record. Without that, two processes on one range
    /// of records are not safe.
    pub log_has_key: bool,
}

/// Columns that are compared in a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The table.
    pub table: usize,
    /// The columns.
    pub columns: Vec<usize>,
}

impl Key {
    /// Most keys that one statement may ask for: SQL Server takes 2,100 parameters, two of which
    /// are taken by `sp_executesql`, and 1,000 rows of values.
    pub fn per_statement(&self) -> usize {
        STATEMENT_ROWS_MAX.min(STATEMENT_PARAMETERS_MAX / self.columns.len().max(1))
    }
}

/// A closed range of a whole-number column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The column.
    pub column: usize,
    /// The lowest value in the range.
    pub first: i64,
    /// The highest value in the range.
    pub last: i64,
}

/// A value as it is read back, borrowed from the row. Decimals, days and times are texts in the
/// form of [`canonical`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StoredValue<'a> {
    /// Null.
    Null,
    /// A whole number or a bit.
    Int(i64),
    /// A binary double.
    Float(f64),
    /// Any other type.
    Text(&'a str),
}

/// What became of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertOutcome {
    /// Every row is in the transaction.
    Stored {
        /// Statements that were sent.
        statements: u64,
    },
    /// The store refused a row; the transaction is still open unless the violation says otherwise.
    Refused(Violation),
}

impl InsertOutcome {
    /// Carries out one insert after the other, until one is refused or fails.
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

/// What a store has against a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which kind of rule the row breaks.
    pub rule: Rule,
    /// The columns that the rule is about, where the store names them.
    pub columns: Vec<String>,
    /// The store's own words, for the terminal alone: they may change from version to version.
    pub message: String,
    /// Whether the store has undone the whole transaction with it; there is no mark to return to.
    pub ended_transaction: bool,
}

/// The rules that a row can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A primary or unique key that another row has.
    Key,
    /// A foreign key without its row.
    Reference,
    /// Null in a column that allows none.
    NotNull,
    /// Any other condition: a type, a length, a check.
    Other,
}

/// Counts connections by role while they are open.
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

    /// What was counted so far.
    pub(crate) fn report(&self) -> BTreeMap<String, Connections> {
        let by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        by_role.iter().map(|(role, count)| (role.name().to_owned(), count.clone())).collect()
    }
}

/// A connection that counts as open.
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
