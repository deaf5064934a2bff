//! The run report: the JSON that a run leaves and the harness reads.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

use crate::config::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::Timing;

/// The version of the report's format; a reader refuses newer ones.
pub const FORMAT_VERSION: u32 = 1;

/// Everything a run says about itself. Times are seconds unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u32,
    /// Version and build profile of the migrator.
    pub build: Build,
    /// The resolved settings, a flat object.
    pub settings: Settings,
    /// The source as given on the command line.
    pub source: String,
    /// What the rows went into.
    pub store: StoreInfo,
    /// Where each record ended.
    pub books: Books,
    /// Records read per minute of `wall_s`.
    pub rec_per_min: f64,
    /// From the first read to the last commit, connects included; without schema and checksum.
    pub wall_s: f64,
    /// CPU time in user mode over the same span.
    pub cpu_user_s: f64,
    /// CPU time in the kernel over the same span.
    pub cpu_system_s: f64,
    /// Largest resident set of the process up to the last commit.
    pub peak_rss_bytes: u64,
    /// What the operating system counted over the same span; absent where it does not say.
    pub io: Option<Io>,
    /// Time per stage, by the stage's name: `source`, `validation`, `parsing`, `mapping`, `coerce`
    /// (of records), `connect`, `begin` (waiting for the right to write), `dedup`, `insert`, `log`,
    /// `commit` (of batches), all summed over workers, and `record` (latency from a record's read
    /// to its batch's commit).
    pub stages: BTreeMap<String, StageTimes>,
    /// Connections by role (`writer`, `reader`).
    pub connections: BTreeMap<String, Connections>,
    /// Key look-ups sent to the store, one key each.
    pub queries: u64,
    /// INSERT statements sent to the store (bulk: loads).
    pub insert_statements: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Transactions done again, by cause.
    pub retries: BTreeMap<String, u64>,
    /// Rows stored by this run, per table.
    pub rows: BTreeMap<String, u64>,
    /// Checksum over the whole store after the run, 32 hex digits.
    pub checksum: String,
}

/// What was running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The crate's version.
    pub version: String,
    /// `release` or `debug`.
    pub profile: String,
}

/// What the rows went into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// `sqlite`.
    pub kind: String,
    /// The store's own version.
    pub version: String,
}

/// The books: `read = committed + duplicate + rejected + failed + lost_race`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Records taken from the source by this run.
    pub read: u64,
    /// Records whose rows are stored.
    pub committed: u64,
    /// Records whose application is already stored.
    pub duplicate: u64,
    /// Records that validate, parse or map turned down.
    pub rejected: u64,
    /// Records that coerce or the store turned down.
    pub failed: u64,
    /// Records that another process logged first.
    pub lost_race: u64,
    /// Records left alone because the log has them; not among `read`.
    pub skipped: u64,
}

/// Bytes that the operating system saw going to and from storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Io {
    /// Bytes fetched from the storage layer.
    pub read_bytes: u64,
    /// Bytes sent to the storage layer.
    pub written_bytes: u64,
}

/// How often a stage ran and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTimes {
    /// How many times.
    pub count: u64,
    /// Sum in nanoseconds.
    pub total_ns: u64,
    /// Median in nanoseconds.
    pub p50_ns: u64,
    /// 90th percentile in nanoseconds.
    pub p90_ns: u64,
    /// 99th percentile in nanoseconds.
    pub p99_ns: u64,
    /// Largest in nanoseconds.
    pub max_ns: u64,
    /// The whole histogram: `HdrHistogram` V2, base64.
    pub histogram: String,
}

impl StageTimes {
    /// The summary of one step's times, with its histogram.
    pub fn of(timing: &Timing) -> Result<Self> {
        let histogram = &timing.histogram;
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(histogram, &mut bytes).map_err(|cause| {
            Error::caused(ErrorKind::Environment, "serialize a histogram", cause)
        })?;
        let quantile = |quantile| histogram.value_at_quantile(quantile);
        Ok(Self {
            count: histogram.len(),
            total_ns: timing.total_ns,
            p50_ns: quantile(0.5),
            p90_ns: quantile(0.9),
            p99_ns: quantile(0.99),
            max_ns: histogram.max(),
            histogram: STANDARD.encode(bytes),
        })
    }
}

/// Connections of one role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Opened during the run.
    pub opened: u64,
    /// Most that were open at one time.
    pub peak: u64,
}

impl Books {
    /// Adds what became of other records.
    pub fn add(&mut self, other: &Self) {
        let Self { read, committed, duplicate, rejected, failed, lost_race, skipped } = other;
        self.read += read;
        self.committed += committed;
        self.duplicate += duplicate;
        self.rejected += rejected;
        self.failed += failed;
        self.lost_race += lost_race;
        self.skipped += skipped;
    }

    /// Whether every record that was read is accounted for.
    pub fn balance(&self) -> bool {
        self.read == self.committed + self.duplicate + self.rejected + self.failed + self.lost_race
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;

    use super::*;
    use crate::metrics::{Metrics, Step};

    #[test]
    fn stage_times_carry_their_whole_histogram() {
        let mut metrics = Metrics::new().unwrap();
        for millis in 1..=100 {
            metrics.time(Step::Commit, Duration::from_millis(millis));
        }
        let times = StageTimes::of(metrics.timing(Step::Commit)).unwrap();
        assert_eq!((times.count, times.total_ns), (100, 5_050_000_000));
        let near = |actual: u64, millis: u64| actual.abs_diff(millis * 1_000_000) < millis * 2_000;
        assert!(near(times.p50_ns, 50) && near(times.p90_ns, 90), "{times:?}");
        assert!(near(times.p99_ns, 99) && near(times.max_ns, 100), "{times:?}");
        let bytes = STANDARD.decode(&times.histogram).unwrap();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        assert_eq!(histogram, metrics.timing(Step::Commit).histogram);
    }

    #[test]
    fn books_balance_when_every_record_ended_somewhere() {
        let mut books =
            Books { read: 6, committed: 2, duplicate: 1, rejected: 1, ..Books::default() };
        assert!(!books.balance());
        books.add(&Books { failed: 1, lost_race: 1, skipped: 9, ..Books::default() });
        assert!(books.balance());
    }
}
