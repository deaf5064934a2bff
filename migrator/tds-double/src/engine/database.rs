//! State that all sessions share: rows in one `SQLite` file, the committed catalogue, identity
//! values and the lock of the writing transaction.
//!
//! SQL Server locks rows. Here a writing transaction blocks all other writers. Readers see the rows
//! committed when their statement began, as with row versioning. The permitted writes are the same,
//! but fewer of them run concurrently.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::data::errors::{Effect, Sql, SqlError};
use crate::engine::catalog::Catalog;
use crate::engine::functions::register;
use crate::engine::views::Views;
use crate::sql::ast::Statement;
use crate::sql::parser::parse;

pub(crate) struct Database {
    folder: tempfile::TempDir,
    catalog: Mutex<Arc<Catalog>>,
    identities: Mutex<HashMap<i64, i64>>,
    parsed: Mutex<HashMap<String, Arc<Vec<Statement>>>>,
    pub(crate) views: Mutex<Views>,
    writer: Arc<Writer>,
}

#[derive(Default)]
struct Writer {
    taken: Mutex<bool>,
    free: Condvar,
}

/// The right to write; released on drop.
pub(crate) struct Writing(Arc<Writer>);

impl Drop for Writing {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.free.notify_one();
    }
}

/// Number of texts whose parsed form is cached.
const PARSED_MAX: usize = 2_000;

impl Database {
    pub(crate) fn new() -> Self {
        let database = Self {
            folder: tempfile::tempdir().unwrap(),
            catalog: Mutex::default(),
            identities: Mutex::default(),
            parsed: Mutex::default(),
            views: Mutex::default(),
            writer: Arc::default(),
        };
        database.connect().pragma_update(None, "journal_mode", "WAL").unwrap();
        database
    }

    pub(crate) fn connect(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("double.db")).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY").unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.set_prepared_statement_cache_capacity(256);
        register(&connection).unwrap();
        connection
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn publish(&self, catalog: &Arc<Catalog>) {
        *self.catalog.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(catalog);
    }

    /// Waits for the right to write for at most `LOCK_TIMEOUT`; a value below 0 waits without
    /// limit.
    pub(crate) fn write(&self, lock_timeout_ms: i64) -> Sql<Writing> {
        let deadline = u64::try_from(lock_timeout_ms)
            .ok()
            .map(|ms| Instant::now() + Duration::from_millis(ms));
        let mut taken = self.writer.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                let message = "Lock request time out period exceeded.";
                return Err(SqlError::new(1222, 16, Effect::Statement, message));
            }
            let wait = left.unwrap_or(Duration::from_secs(1));
            taken = self
                .writer
                .free
                .wait_timeout(taken, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *taken = true;
        Ok(Writing(Arc::clone(&self.writer)))
    }

    /// The statements of a text.
    pub(crate) fn parse(&self, text: &str) -> Sql<Arc<Vec<Statement>>> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statements) = parsed.get(text) {
            return Ok(Arc::clone(statements));
        }
        let statements = Arc::new(parse(text)?);
        if parsed.len() >= PARSED_MAX {
            parsed.clear();
        }
        parsed.insert(text.to_owned(), Arc::clone(&statements));
        Ok(statements)
    }

    /// The next identity value of a table. Like on the server, a rollback does not return it.
    pub(crate) fn next_identity(&self, table: i64, seed: i64, step: i64) -> i64 {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let next = identities.get(&table).map_or(seed, |last| last + step);
        identities.insert(table, next);
        next
    }

    /// An explicit value raises the identity and never lowers it.
    pub(crate) fn raise_identity(&self, table: i64, value: i64) {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let last = identities.entry(table).or_insert(value);
        *last = (*last).max(value);
    }

    pub(crate) fn reset_identity(&self, table: i64) {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner).remove(&table);
    }
}
