//! Resolved and checked settings of a run; no `Option` for a limit, no I/O.

use std::num::NonZeroUsize;

use chrono::NaiveDateTime;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The settings that a sweep varies. Serialized as a flat object, the names of which are the
/// names in scenarios; on the command line they take hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Threads that map and insert.
    pub workers: NonZeroUsize,
    /// Records in one transaction.
    pub batch_size: NonZeroUsize,
    /// How rows reach the store.
    pub insert: InsertMethod,
}

/// How rows reach the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum InsertMethod {
    /// Parameterised multi-row INSERT statements.
    Values,
    /// The store's bulk path.
    Bulk,
}

/// How `SQLite` flushes at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Synchronous {
    /// Flush to disk at each commit.
    Full,
    /// Flush at checkpoints only; a power cut may lose the last commits.
    Normal,
    /// Leave flushing to the operating system.
    Off,
}

impl Default for Settings {
    /// The baseline that every optimization is compared with.
    fn default() -> Self {
        const WORKERS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
        const BATCH: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
        Self { workers: WORKERS, batch_size: BATCH, insert: InsertMethod::Values }
    }
}

/// How a run is carried out, apart from what it reads, writes and maps with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What a sweep varies.
    pub settings: Settings,
    /// Most records to read; `u64::MAX` for all.
    pub limit: u64,
    /// Take records again that the log calls failed.
    pub retry_failed: bool,
    /// The run's one point in time: `GETUTCDATE()` and the log's `processing_time`.
    pub now: NaiveDateTime,
}
