//! A store on which calls fail at given positions among all calls of a run, on top of a working
//! store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use migrator::error::{Error, ErrorKind, Result};
use migrator::store::intercept::{Intercept, Operation};
use migrator::store::schema::Tables;
use migrator::store::{Connection, Role, Setup, Store};
use migrator::telemetry::report::{Connections, StoreInfo};

/// Kind of failure of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Not done, and an error comes back.
    Before,
    /// Done, and an error comes back.
    After,
    /// Done, but the connection is lost before the answer comes.
    AnswerLost,
    /// Done late.
    Slow,
    /// Not done: the connection is lost, and its transaction with it.
    Gone,
    /// Not done: the disk is full, and the store has rolled back.
    DiskFull,
    /// Not done: the store is busy; the transaction is still open.
    Busy,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Before,
        Self::After,
        Self::AnswerLost,
        Self::Slow,
        Self::Gone,
        Self::DiskFull,
        Self::Busy,
    ];
}

/// Delay of a slow call: enough for others to come first.
const SLOW: Duration = Duration::from_millis(2);

/// Position of the call to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Number among all calls, from 0.
    Of(u64),
    /// Number among the calls of one name, from 0.
    Named(&'static str, u64),
}

/// All calls of a run, and the call that failed.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// The names of all calls so far, in order.
    pub(crate) names: Vec<&'static str>,
    by_name: BTreeMap<&'static str, u64>,
    /// The name of the last call that failed.
    pub(crate) struck: Option<&'static str>,
}

/// A store on which the calls at these positions fail. Without positions it only records the calls.
pub(crate) struct PositionStore<'a> {
    store: &'a dyn Store,
    shared: Arc<Shared>,
}

struct Shared {
    faults: BTreeMap<Place, Kind>,
    calls: Mutex<Calls>,
}

impl Shared {
    /// The kind of failure of this call.
    fn strike(&self, name: &'static str) -> Option<Kind> {
        let mut calls = self.calls.lock().unwrap();
        let of_all = Place::Of(calls.names.len() as u64);
        calls.names.push(name);
        let of_name = calls.by_name.entry(name).or_default();
        let named = Place::Named(name, *of_name);
        *of_name += 1;
        let kind = *self.faults.get(&of_all).or_else(|| self.faults.get(&named))?;
        calls.struck = Some(name);
        Some(kind)
    }
}

impl<'a> PositionStore<'a> {
    pub(crate) fn new(
        store: &'a dyn Store,
        faults: impl IntoIterator<Item = (Place, Kind)>,
    ) -> Self {
        let faults = faults.into_iter().collect();
        Self { store, shared: Arc::new(Shared { faults, calls: Mutex::default() }) }
    }

    pub(crate) fn calls(&self) -> Calls {
        std::mem::take(&mut *self.shared.calls.lock().unwrap())
    }
}

fn broken() -> Error {
    Error::environment("a call that was to fail")
}

fn gone() -> Error {
    Error::new(ErrorKind::Disconnected, "a connection that was to go")
}

/// The error of a call to a store, which has no connection yet; `None` if the call succeeds.
fn refuse(kind: Option<Kind>) -> Option<Error> {
    match kind? {
        Kind::Before | Kind::DiskFull => Some(broken()),
        Kind::Gone => Some(gone()),
        Kind::Busy => Some(Error::new(ErrorKind::Busy, "busy")),
        Kind::Slow => {
            std::thread::sleep(SLOW);
            None
        }
        Kind::After | Kind::AnswerLost => None,
    }
}

/// The error after a call that was done.
fn forget(kind: Option<Kind>) -> Option<Error> {
    match kind? {
        Kind::After => Some(broken()),
        Kind::AnswerLost => Some(gone()),
        _ => None,
    }
}

impl Store for PositionStore<'_> {
    fn info(&self) -> StoreInfo {
        self.store.info()
    }
    fn tables(&self) -> &Tables {
        self.store.tables()
    }
    fn create_missing(&self) -> Result<Setup> {
        let kind = self.shared.strike("create_missing");
        refuse(kind).map_or(Ok(()), Err)?;
        let setup = self.store.create_missing()?;
        forget(kind).map_or(Ok(setup), Err)
    }
    fn connect(&self, role: Role) -> Result<Box<dyn Connection>> {
        let kind = self.shared.strike("connect");
        refuse(kind).map_or(Ok(()), Err)?;
        let connection = self.store.connect(role)?;
        forget(kind).map_or(Ok(()), Err)?;
        Ok(Box::new(PositionConnection {
            connection: Some(connection),
            shared: Arc::clone(&self.shared),
        }))
    }
    fn connections(&self) -> BTreeMap<String, Connections> {
        self.store.connections()
    }
}

struct PositionConnection {
    /// `None` once the connection is lost.
    connection: Option<Box<dyn Connection>>,
    shared: Arc<Shared>,
}

/// The name by which a [`Place`] refers to a call.
fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Begin => "begin",
        Operation::Savepoint => "savepoint",
        Operation::RollbackToSavepoint => "rollback_to_savepoint",
        Operation::Commit => "commit",
        Operation::Rollback => "rollback",
        Operation::ContainsKeys => "contains_keys",
        Operation::Insert => "insert",
        Operation::Delete => "delete",
        Operation::Scan => "scan",
    }
}

impl Intercept for PositionConnection {
    fn intercept<T>(
        &mut self,
        operation: Operation,
        call: impl FnOnce(&mut dyn Connection) -> Result<T>,
    ) -> Result<T> {
        let kind = self.shared.strike(name(operation));
        if kind == Some(Kind::Gone) {
            self.connection = None;
        }
        let Some(connection) = &mut self.connection else { return Err(gone()) };
        if kind == Some(Kind::DiskFull) {
            connection.rollback()?;
        }
        refuse(kind).map_or(Ok(()), Err)?;
        let answer = call(connection.as_mut())?;
        if kind == Some(Kind::AnswerLost) {
            self.connection = None;
        }
        forget(kind).map_or(Ok(answer), Err)
    }
}
