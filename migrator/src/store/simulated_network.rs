//! A network between migrator and store, simulated: on any store, every connect and every message
//! takes its time, counted as SQL Server would have them. Changes nothing that is stored.
//!
//! | call | connects | messages |
//! |---|---|---|
//! | connect: login, and one batch with the session's SET options | 1 | 1 |
//! | begin, commit, roll back | | 1 each |
//! | roll back without a transaction | | 0 |
//! | savepoint, back to it | | 1 each |
//! | a look-up, a delete, a read of a table | | 1 each |
//! | rows as `values` | | 1 for each statement: at most 2,098 parameters and 1,000 rows; a rest in numbers of rows of three significant bits ([`super::statement_layout`]) |
//! | … into a table whose identity column is given | | 2 more: `SET IDENTITY_INSERT` on and off |
//! | rows as `bulk`, identity values among them | | 3 for each 4,500 rows: the table's columns, `INSERT BULK`, the rows |
//! | no rows | | 0 |
//!
//! A statement's parameters are its rows' columns without computed ones, and without an identity
//! column that is left to the store. `sp_executesql` takes two of the 2,100 parameters itself. A
//! statement that is refused has been sent, those behind it have not; `IDENTITY_INSERT` belongs to
//! the session, so it is switched off again all the same.
//!
//! **When the time passes.** A connect takes its time at once, and so does a message outside a
//! transaction. Messages of a transaction are counted while it runs and waited for together when it
//! has ended, before the call that ends it comes back: `SQLite` has one writer, and would have all
//! workers wait for the network one after the other if it were waited for in the transaction. SQL
//! Server would have these waits overlap, as they do here. The time is thus in the step of the
//! commit, or of the roll back, and not in those of look-ups and inserts. A connection that is
//! dropped in a transaction does not wait for what it sent.
//!
//! **What takes no time**: the schema's creation and all connections for [`Role::Untimed`], which
//! a run's own time leaves out too. They are not counted either.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::config::{InsertMethod, Link};
use crate::error::Result;
use crate::record::SqlValue;
use crate::telemetry::report::{Connections, ServerReport, SimulatedLink, StoreInfo};
use crate::util::clock::Clock;

use super::intercept::{Intercept, Operation};
use super::schema::Tables;
use super::statement_layout::{BULK_ROWS_MAX, StatementLayout, statements};
use super::{Connection, InsertOutcome, Role, Setup, Store};

/// Messages of one bulk load.
const BULK_MESSAGES: u64 = 3;
/// Messages after the login.
const SESSION_MESSAGES: u64 = 1;

/// A store behind a simulated link.
pub struct SimulatedNetwork<'a> {
    store: &'a dyn Store,
    state: Arc<NetworkState>,
}

/// What a link's connections share.
struct NetworkState {
    link: Link,
    clock: Arc<dyn Clock>,
    layouts: Vec<StatementLayout>,
    connects: AtomicU64,
    messages: AtomicU64,
}

impl<'a> SimulatedNetwork<'a> {
    /// Puts a link before a store.
    pub fn new(store: &'a dyn Store, link: Link, clock: Arc<dyn Clock>) -> Self {
        let layouts = store.tables().all().iter().map(StatementLayout::of).collect();
        let (connects, messages) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { store, state: Arc::new(NetworkState { link, clock, layouts, connects, messages }) }
    }

    fn report(&self) -> SimulatedLink {
        let NetworkState { link, connects, messages, .. } = &*self.state;
        SimulatedLink {
            connect_ms: link.connect_ms,
            round_trip_ms: link.round_trip_ms,
            connects: connects.load(Ordering::Relaxed),
            wire_messages: messages.load(Ordering::Relaxed),
        }
    }
}

impl Store for SimulatedNetwork<'_> {
    fn info(&self) -> StoreInfo {
        let StoreInfo { kind, version } = self.store.info();
        StoreInfo { kind, version: format!("{version} behind a {}", self.report()) }
    }

    fn tables(&self) -> &Tables {
        self.store.tables()
    }

    fn create_missing(&self) -> Result<Setup> {
        self.store.create_missing()
    }

    fn prepare_schema(&self) -> Result<Setup> {
        self.store.prepare_schema()
    }

    fn connect(&self, role: Role) -> Result<Box<dyn Connection>> {
        if role == Role::Untimed {
            return self.store.connect(role);
        }
        self.state.connect();
        let connection = self.store.connect(role)?;
        let state = Arc::clone(&self.state);
        let mut simulated =
            SimulatedConnection { connection, state, in_transaction: false, owed: 0 };
        simulated.send(SESSION_MESSAGES);
        Ok(Box::new(simulated))
    }

    fn connections(&self) -> BTreeMap<String, Connections> {
        self.store.connections()
    }

    fn simulated_link(&self) -> Option<SimulatedLink> {
        Some(self.report())
    }

    fn server(&self) -> Option<ServerReport> {
        self.store.server()
    }
}

impl NetworkState {
    fn connect(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
        self.wait(Duration::from_millis(self.link.connect_ms.into()));
    }

    fn wait(&self, time: Duration) {
        if !time.is_zero() {
            self.clock.sleep(time);
        }
    }
}

/// A connection over the link.
struct SimulatedConnection {
    connection: Box<dyn Connection>,
    state: Arc<NetworkState>,
    in_transaction: bool,
    /// Messages of the transaction that have not been waited for.
    owed: u64,
}

impl SimulatedConnection {
    /// Counts messages, and waits for all that are owed unless a transaction is open.
    fn send(&mut self, messages: u64) {
        self.state.messages.fetch_add(messages, Ordering::Relaxed);
        self.owed += messages;
        if !self.in_transaction {
            let round_trip_ms = u64::from(self.state.link.round_trip_ms);
            let owed_ms = round_trip_ms.saturating_mul(mem::take(&mut self.owed));
            self.state.wait(Duration::from_millis(owed_ms));
        }
    }

    /// Inserts in the statements that SQL Server would get. Rows that give an identity value and
    /// rows that do not cannot share one.
    fn insert_values(&mut self, table: usize, rows: &[&[SqlValue]]) -> Result<InsertOutcome> {
        let state = Arc::clone(&self.state);
        let layout = &state.layouts[table];
        let alike = rows.chunk_by(|a, b| layout.gives_identity(a) == layout.gives_identity(b));
        InsertOutcome::all(alike.map(|alike| {
            let switched = layout.gives_identity(alike[0]);
            self.send(u64::from(switched));
            let inserted = self.insert_alike(table, alike, layout.rows_max(switched));
            self.send(u64::from(switched));
            inserted
        }))
    }

    fn insert_alike(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        rows_max: usize,
    ) -> Result<InsertOutcome> {
        InsertOutcome::all(statements(rows, rows_max).map(|rows| {
            let inserted = self.connection.insert(table, rows, InsertMethod::Values);
            self.send(1);
            inserted
        }))
    }
}

impl Intercept for SimulatedConnection {
    fn intercept<T>(
        &mut self,
        operation: Operation,
        call: impl FnOnce(&mut dyn Connection) -> Result<T>,
    ) -> Result<T> {
        let outcome = call(self.connection.as_mut());
        let was_in_transaction = self.in_transaction;
        self.in_transaction = match operation {
            Operation::Begin => outcome.is_ok(),
            // After a failed commit the store may still be locked, so the rollback waits.
            Operation::Commit => outcome.is_err(),
            Operation::Rollback => false,
            _ => was_in_transaction,
        };
        if operation != Operation::Rollback || was_in_transaction {
            self.send(1);
        }
        outcome
    }

    fn intercept_insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome> {
        match method {
            InsertMethod::Values => self.insert_values(table, rows),
            InsertMethod::Bulk if rows.is_empty() => self.connection.insert(table, rows, method),
            InsertMethod::Bulk => {
                let inserted = self.connection.insert(table, rows, method);
                self.send(BULK_MESSAGES * rows.len().div_ceil(BULK_ROWS_MAX) as u64);
                inserted
            }
        }
    }
}
