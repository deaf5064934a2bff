//! Connections that wrap another one: [`Intercept`] passes every call on through one hook, so a
//! wrapper spells out only the calls that it changes.

use crate::config::InsertMethod;
use crate::error::Result;
use crate::record::SqlValue;

use super::{Connection, Inserted, Key, Range, Stored};

/// The calls of a [`Connection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Connection::begin`].
    Begin,
    /// [`Connection::mark`].
    Mark,
    /// [`Connection::back`].
    Back,
    /// [`Connection::commit`].
    Commit,
    /// [`Connection::rollback`].
    Rollback,
    /// [`Connection::exist`].
    Exist,
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
    ) -> Result<Inserted> {
        self.intercept(Operation::Insert, |connection| connection.insert(table, rows, method))
    }

    /// Carries out [`Connection::exist`]; a wrapper that answers by itself overrides it.
    fn intercept_exist(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        self.intercept(Operation::Exist, |connection| connection.exist(key, keys))
    }
}

impl<I: Intercept> Connection for I {
    fn begin(&mut self) -> Result<()> {
        self.intercept(Operation::Begin, |connection| connection.begin())
    }

    fn mark(&mut self) -> Result<()> {
        self.intercept(Operation::Mark, |connection| connection.mark())
    }

    fn back(&mut self) -> Result<()> {
        self.intercept(Operation::Back, |connection| connection.back())
    }

    fn commit(&mut self) -> Result<()> {
        self.intercept(Operation::Commit, |connection| connection.commit())
    }

    fn rollback(&mut self) -> Result<()> {
        self.intercept(Operation::Rollback, |connection| connection.rollback())
    }

    fn exist(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        self.intercept_exist(key, keys)
    }

    fn insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<Inserted> {
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
        each: &mut dyn FnMut(&[Stored<'_>]) -> Result<()>,
    ) -> Result<()> {
        self.intercept(Operation::Scan, |connection| connection.scan(table, columns, range, each))
    }
}
