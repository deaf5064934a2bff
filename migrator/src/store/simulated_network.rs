//! Simulated network between migrator and store. Every connect and every message takes extra time,
//! counted as for SQL Server. Stored rows do not change.
//!
//! | call | connects | messages |
//! |---|---|---|
//! | connect: login, and one batch with the session's SET options | 1 | 1 |
//! | begin, commit, rollback | | 1 each |
//! | rollback without a transaction | | 0 |
//! | savepoint, rollback to it | | 1 each |
//! | look-up, delete, scan | | 1 each |
//! | rows as `values` | | 1 per statement: at most 2,098 parameters and 1,000 rows; a remainder in row counts of three significant bits ([`super::statement_layout`]) |
//! | … into a table whose identity column is given | | 2 more: `SET IDENTITY_INSERT` on and off |
//! | rows as `bulk`, identity values included | | 3 per 4,500 rows: the table's columns, `INSERT BULK`, the rows |
//! | no rows | | 0 |
//!
//! The parameters of a statement are its rows' columns, without computed ones and without an
//! identity column that the store fills. `sp_executesql` needs two of the 2,100 parameters. A
//! rejected statement counts as sent; the statements after it do not. `IDENTITY_INSERT` belongs to
//! the session, so it is switched off in either case.
//!
//! **Time of the waits.** A connect waits at once, and so does a message outside a transaction.
//! Messages of a transaction are counted, and their waits take place together after its end, before
//! the call that ends it returns. `SQLite` has a single writer: waits inside the transaction would
//! make all workers wait one after another. On SQL Server these waits overlap, as they do here. So
//! the time is part of the stage of the commit or rollback, not of look-ups and inserts. A
//! connection dropped in a transaction does not wait for the messages it sent.
//!
//! **No extra time**: creation of the schema and all connections for [`Role::Untimed`], which a
//! run's own time excludes too. They are not counted either.

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

/// Messages per bulk load.
const BULK_MESSAGES: u64 = 3;
/// Messages after the login.
const SESSION_MESSAGES: u64 = 1;

/// A store behind a simulated network.
pub struct SimulatedNetwork<'a> {
    store: &'a dyn Store,
    state: Arc<NetworkState>,
}

/// State shared by the connections.
struct NetworkState {
    link: Link,
    clock: Arc<dyn Clock>,
    layouts: Vec<StatementLayout>,
    connects: AtomicU64,
    messages: AtomicU64,
}

impl<'a> SimulatedNetwork<'a> {
    /// Puts a simulated network in front of a store.
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

/// A connection through the simulated network.
struct SimulatedConnection {
    connection: Box<dyn Connection>,
    state: Arc<NetworkState>,
    in_transaction: bool,
    /// Messages of the transaction without their wait.
    owed: u64,
}

impl SimulatedConnection {
    /// Counts messages. Outside a transaction, waits for all messages that are owed.
    fn send(&mut self, messages: u64) {
        self.state.messages.fetch_add(messages, Ordering::Relaxed);
        self.owed += messages;
        if !self.in_transaction {
            let round_trip_ms = u64::from(self.state.link.round_trip_ms);
            let owed_ms = round_trip_ms.saturating_mul(mem::take(&mut self.owed));
            self.state.wait(Duration::from_millis(owed_ms));
        }
    }

    /// Inserts in the same statements as SQL Server. Rows with and without an identity value cannot
    /// share a statement.
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
