//! Connections on top of another connection. [`Intercept`] passes every call through one hook, so a
//! wrapper states only the calls that it changes.

use crate::config::InsertMethod;
use crate::error::Result;
use crate::record::SqlValue;

use super::{Connection, InsertOutcome, Key, Range, StoredValue};

/// The calls of a [`Connection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Connection::begin`].
    Begin,
    /// [`Connection::savepoint`].
    Savepoint,
    /// [`Connection::rollback_to_savepoint`].
    RollbackToSavepoint,
    /// [`Connection::commit`].
    Commit,
    /// [`Connection::rollback`].
    Rollback,
    /// [`Connection::contains_keys`].
    ContainsKeys,
    /// [`Connection::insert`].
    Insert,
    /// [`Connection::delete`].
    Delete,
    /// [`Connection::scan`].
    Scan,
}

/// A connection on top of another one.
pub trait Intercept: Send {
    /// Runs one call. Passing the inner connection to `call` carries it out. A wrapper can act
    /// before and after, or return an error instead.
    fn intercept<T>(
        &mut self,
        operation: Operation,
        call: impl FnOnce(&mut dyn Connection) -> Result<T>,
    ) -> Result<T>;

    /// Runs [`Connection::insert`]. A wrapper that sends rows in other portions overrides it.
    fn intercept_insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome> {
        self.intercept(Operation::Insert, |connection| connection.insert(table, rows, method))
    }

    /// Runs [`Connection::contains_keys`]. A wrapper with answers of its own overrides it.
    fn intercept_contains_keys(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        self.intercept(Operation::ContainsKeys, |connection| connection.contains_keys(key, keys))
    }
}

impl<I: Intercept> Connection for I {
    fn begin(&mut self) -> Result<()> {
        self.intercept(Operation::Begin, |connection| connection.begin())
    }

    fn savepoint(&mut self) -> Result<()> {
        self.intercept(Operation::Savepoint, |connection| connection.savepoint())
    }

    fn rollback_to_savepoint(&mut self) -> Result<()> {
        self.intercept(Operation::RollbackToSavepoint, |connection| {
            connection.rollback_to_savepoint()
        })
    }

    fn commit(&mut self) -> Result<()> {
        self.intercept(Operation::Commit, |connection| connection.commit())
    }

    fn rollback(&mut self) -> Result<()> {
        self.intercept(Operation::Rollback, |connection| connection.rollback())
    }

    fn contains_keys(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        self.intercept_contains_keys(key, keys)
    }

    fn insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome> {
        self.intercept_insert(table, rows, method)
    }

    fn delete(&mut self, key: &Key, values: &[&SqlValue]) -> Result<u64> {
        self.intercept(Operation::Delete, |connection| connection.delete(key, values))
    }

    fn scan(
        &mut self,
        table: usize,
        columns: &[usize],
        range: Option<Range>,
        each: &mut dyn FnMut(&[StoredValue<'_>]) -> Result<()>,
    ) -> Result<()> {
        self.intercept(Operation::Scan, |connection| connection.scan(table, columns, range, each))
    }
}
