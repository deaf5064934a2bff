//! A store that fails at requested places, on top of a working store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use migrator::error::{Error, ErrorKind, Result};
use migrator::record::SqlValue;
use migrator::store::intercept::{Intercept, Operation};
use migrator::store::schema::Tables;
use migrator::store::{Connection, Key, Role, Setup, Store};
use migrator::telemetry::report::{Connections, StoreInfo};

/// Faults of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// It cannot be opened.
    pub(crate) connect: bool,
    /// This many transactions find the store busy.
    pub(crate) busy: u32,
    /// The connection is lost when a transaction begins.
    pub(crate) gone: bool,
    /// Rollbacks fail.
    pub(crate) rollback: bool,
    /// This many commits find the store busy and are rolled back.
    pub(crate) busy_commits: u32,
    /// This many look-ups find no row, as if another process stored the row a moment later.
    pub(crate) early_look_ups: u32,
    /// Fault of the commits.
    pub(crate) commit: Commit,
}

/// End of a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Commit {
    #[default]
    Done,
    /// Done, but an error comes back.
    AnswerLost,
    /// Not done, and an error comes back.
    ConnectionLost,
    /// Not done, and no error comes back.
    Forgotten,
}

/// A store on which the connection of one writer has faults.
pub(crate) struct FaultyStore<'a> {
    store: &'a dyn Store,
    faults: Faults,
    /// The number of that connection, from 0.
    number: u32,
    opened: AtomicU32,
}

impl<'a> FaultyStore<'a> {
    pub(crate) fn new(store: &'a dyn Store, number: u32, faults: Faults) -> Self {
        Self { store, faults, number, opened: AtomicU32::new(0) }
    }
}

impl Store for FaultyStore<'_> {
    fn info(&self) -> StoreInfo {
        self.store.info()
    }
    fn tables(&self) -> &Tables {
        self.store.tables()
    }
    fn create_missing(&self) -> Result<Setup> {
        self.store.create_missing()
    }
    fn connect(&self, role: Role) -> Result<Box<dyn Connection>> {
        let faulty =
            role == Role::Writer && self.opened.fetch_add(1, Ordering::Relaxed) == self.number;
        if faulty && self.faults.connect {
            return Err(Error::environment("connection refused"));
        }
        let connection = self.store.connect(role)?;
        if faulty {
            return Ok(Box::new(FaultyConnection { connection, faults: self.faults }));
        }
        Ok(connection)
    }
    fn connections(&self) -> BTreeMap<String, Connections> {
        self.store.connections()
    }
}

struct FaultyConnection {
    connection: Box<dyn Connection>,
    faults: Faults,
}

impl FaultyConnection {
    fn commit<T>(&mut self, call: impl FnOnce(&mut dyn Connection) -> Result<T>) -> Result<T> {
        if self.faults.busy_commits > 0 {
            self.faults.busy_commits -= 1;
            self.connection.rollback()?;
            return Err(Error::new(ErrorKind::Busy, "busy"));
        }
        let lost = || Error::environment("connection lost");
        match self.faults.commit {
            Commit::Done => call(self.connection.as_mut()),
            Commit::AnswerLost => call(self.connection.as_mut()).and_then(|_| Err(lost())),
            Commit::ConnectionLost => {
                self.connection.rollback()?;
                Err(lost())
            }
            Commit::Forgotten => {
                // An empty transaction is committed instead.
                self.connection.rollback()?;
                self.connection.begin()?;
                call(self.connection.as_mut())
            }
        }
    }
}

impl Intercept for FaultyConnection {
    fn intercept<T>(
        &mut self,
        operation: Operation,
        call: impl FnOnce(&mut dyn Connection) -> Result<T>,
    ) -> Result<T> {
        match operation {
            Operation::Begin if self.faults.busy > 0 => {
                self.faults.busy -= 1;
                Err(Error::new(ErrorKind::Busy, "busy"))
            }
            Operation::Begin if self.faults.gone => {
                Err(Error::new(ErrorKind::Disconnected, "connection gone"))
            }
            Operation::Rollback if self.faults.rollback => {
                Err(Error::environment("roll back failed"))
            }
            Operation::Commit => self.commit(call),
            _ => call(self.connection.as_mut()),
        }
    }

    fn intercept_contains_keys(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        if self.faults.early_look_ups > 0 {
            self.faults.early_look_ups -= 1;
            return Ok(vec![false; keys.len()]);
        }
        self.connection.contains_keys(key, keys)
    }
}
