//! Resolved and checked settings of a run; no `Option` for a limit, no I/O.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

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
    /// Which of the source's records are this run's.
    pub partition: Partition,
    /// Take records again that the log calls failed.
    pub retry_failed: bool,
    /// The run's one point in time: `GETUTCDATE()` and the log's `processing_time`.
    pub now: NaiveDateTime,
}

/// The records whose key modulo `count` is `index`: one of `count` shares that several processes
/// migrate side by side (contract.md 16.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// From 0, below `count`.
    index: u32,
    count: NonZeroU32,
}

impl Partition {
    /// Every record.
    pub const ALL: Self = Self { index: 0, count: NonZeroU32::MIN };

    /// Share `index` of `count`; none if there is no such share.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        let count = NonZeroU32::new(count)?;
        (index < count.get()).then_some(Self { index, count })
    }

    /// From 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many shares there are.
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// Whether a record with this key, which is positive, belongs to the share.
    pub fn contains(self, key: i32) -> bool {
        key.unsigned_abs() % self.count == self.index
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some((index.trim().parse().ok()?, count.trim().parse().ok()?))
        });
        let (index, count) = parts.ok_or("the form is i/n, such as 0/3")?;
        Self::new(index, count)
            .ok_or_else(|| format!("shares of {count} are numbered from 0 to below {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_one_of_n_shares_counted_from_zero() {
        for (text, read) in [
            ("0/1", Ok(Partition::ALL)),
            ("2/3", Ok(Partition::new(2, 3).unwrap())),
            (" 0 / 4 ", Ok(Partition::new(0, 4).unwrap())),
            ("3/3", Err("shares of 3 are numbered from 0 to below 3")),
            ("0/0", Err("shares of 0 are numbered from 0 to below 0")),
            ("-1/3", Err("the form is i/n, such as 0/3")),
            ("1", Err("the form is i/n, such as 0/3")),
            ("1/2/3", Err("the form is i/n, such as 0/3")),
        ] {
            assert_eq!(text.parse(), read.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn every_key_belongs_to_exactly_one_share() {
        for key in [1, 2, 3, 1000, i32::MAX] {
            for count in [1, 2, 3, 7] {
                let shares = (0..count).filter_map(|index| Partition::new(index, count));
                assert_eq!(shares.filter(|share| share.contains(key)).count(), 1, "{key}, {count}");
            }
        }
    }
}
