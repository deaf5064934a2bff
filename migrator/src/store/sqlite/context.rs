//! Shared context of the embedded store's connections: file, options and statement texts.

use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::config::Synchronous;
use crate::error::{Error, ErrorKind, Result};

use super::super::ConnectionCounts;
use super::super::schema::Tables;
use super::statements::InsertStatements;
use super::write_lock::WriteLock;

/// Number of statements that a connection keeps prepared: all INSERTs of a few dozen tables.
const STATEMENTS_KEPT: usize = 512;

/// State shared by the connections of a store.
pub(super) struct SqliteContext {
    pub(super) path: PathBuf,
    pub(super) synchronous: Synchronous,
    pub(super) busy_timeout: Duration,
    /// Maximum number of pages of the file; `None` for no limit.
    pub(super) pages_max: Option<NonZeroU32>,
    pub(super) tables: Tables,
    pub(super) inserts: Vec<InsertStatements>,
    pub(super) write_lock: Arc<WriteLock>,
    pub(super) counts: Arc<ConnectionCounts>,
}

impl SqliteContext {
    pub(super) fn configure(&self, connection: &rusqlite::Connection) -> rusqlite::Result<()> {
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        let synchronous = match self.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
            Synchronous::Off => "OFF",
        };
        connection.execute_batch(&format!(
            "PRAGMA foreign_keys = ON; PRAGMA synchronous = {synchronous}; \
             PRAGMA temp_store = MEMORY; SELECT 1 FROM sqlite_schema LIMIT 0"
        ))?;
        // SQLite stores this limit per connection, not in the file.
        self.pages_max.map_or(Ok(()), |pages_max| {
            connection.pragma_update(None, "max_page_count", pages_max.get())
        })
    }

    pub(super) fn check_folder(&self) -> Result<()> {
        match self.path.parent() {
            Some(folder) if !fs::exists(folder).unwrap_or(false) => Err(Error::environment(
                format!("store {}: folder {} does not exist", self.label(), folder.display()),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn label(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    /// An error for a failed operation, with the kind that callers decide by.
    pub(super) fn failure(&self, doing: &str, error: rusqlite::Error) -> Error {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
            _ => ErrorKind::Environment,
        };
        Error::caused(kind, format!("store {}: {doing}", self.label()), error)
    }
}
