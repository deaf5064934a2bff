//! Connections that wrap another one: [`Intercept`] passes every call on through one hook, so a
//! wrapper spells out only the calls that it changes.

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
    /// Carries out one call, by giving `call` the connection below. The hook may act before and
    /// after it, or return without it.
    fn intercept<T>(
        &mut self,
        operation: Operation,
        call: impl FnOnce(&mut dyn Connection) -> Result<T>,
    ) -> Result<T>;

    /// Carries out [`Connection::insert`]; a wrapper that sends rows in other portions overrides it.
    fn intercept_insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome> {
        self.intercept(Operation::Insert, |connection| connection.insert(table, rows, method))
    }

    /// Carries out [`Connection::contains_keys`]; a wrapper that answers by itself overrides it.
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
