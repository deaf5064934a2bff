//! The run report: the JSON that a run leaves and the harness reads.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

use crate::config::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::metrics::Timing;

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
    /// (of records), `parse_wait`, `turn`, `queue_push`, `queue_pop`, `claims` (waits between the
    /// threads), `connect` (with the wait for a pool), `begin` (waiting for the right to write),
    /// `dedup`, `insert`, `log`, `commit` (of batches), all summed over threads, and `record`
    /// (latency from a record's read to its batch's commit).
    pub stages: BTreeMap<String, StageTimes>,
    /// Connections by role: `writer` (batches), `reader` (the log's look-ups), `untimed` (the schema).
    pub connections: BTreeMap<String, Connections>,
    /// The link that was simulated between migrator and store; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated_link: Option<SimulatedLink>,
    /// The queues between the halves of the workers, all together; absent with `queue_depth` 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueReport>,
    /// Batches that waited for an earlier one that held one of their keys.
    #[serde(default)]
    pub claim_waits: u64,
    /// Records parsed by threads of the parse pool; the others were parsed by workers.
    #[serde(default)]
    pub parsed_in_pool: u64,
    /// Threads of the parse pool that parsed at least one record.
    #[serde(default)]
    pub parse_pool_threads: u64,
    /// Key look-ups sent to the store, one key each.
    pub queries: u64,
    /// Key look-ups sent to the store, each for as many keys of a table as fit into a statement.
    pub set_queries: u64,
    /// What keeping committed keys was good for; all zero where none are kept.
    pub cache: CacheReport,
    /// INSERT statements sent to the store (bulk: loads).
    pub insert_statements: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Transactions done again, by cause.
    pub retries: BTreeMap<String, u64>,
    /// Commits whose answer was lost, so that the store was asked whether they were done.
    #[serde(default)]
    pub commits_looked_up: u64,
    /// What the server counted while the run went on; absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerReport>,
    /// Rows stored by this run, per table.
    pub rows: BTreeMap<String, u64>,
    /// Checksum over the whole store after the run, 32 hex digits.
    pub checksum: String,
}

/// What the queues between the halves of the workers have seen; the time that either side was
/// blocked is in the stages `queue_push` and `queue_pop`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReport {
    /// Most batches that waited in one queue at one time.
    pub items_peak: u64,
    /// Most bytes that waited in one queue at one time.
    pub bytes_peak: u64,
    /// Batches larger than `queue_bytes_max`, which passed alone through an empty queue.
    pub oversize: u64,
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
    /// `sqlite` or `mssql`.
    pub kind: String,
    /// The store's own version, and the simulated link before it where there is one.
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
    /// Records left alone because the log has them; not among `read`. Where it has every number of a
    /// range of keys, all of them count, also those of records that the source has no more.
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connections {
    /// Opened during the run.
    pub opened: u64,
    /// Leases that got a connection which an earlier one had left behind.
    pub reused: u64,
    /// Not kept though the pool would have kept them (`idle`, `lifetime`), or not fit to be
    /// (`open_transaction`, `rollback_failed`, `broken`), by cause.
    pub discarded: BTreeMap<String, u64>,
    /// Most that were open at one time.
    pub peak: u64,
    /// Open at this moment; of writers, none when a run has ended.
    pub left_open: u64,
    /// Leases that had to wait for a connection.
    pub waited: u64,
    /// How long they waited, in nanoseconds.
    pub waited_ns: u64,
}

/// A simulated link, and what went over it as SQL Server would have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedLink {
    /// What a connect took, in milliseconds.
    pub connect_ms: u32,
    /// What a message and its answer took, in milliseconds.
    pub round_trip_ms: u32,
    /// Connects.
    pub connects: u64,
    /// Messages, each with its answer.
    pub wire_messages: u64,
}

impl fmt::Display for SimulatedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "simulated link (connect {} ms, round trip {} ms)",
            self.connect_ms, self.round_trip_ms
        )
    }
}

/// What a server counted while a run went on. Each part is there only where the login may see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerReport {
    /// What the writing sessions of this run waited for, by SQL Server's name of the wait.
    pub waits: BTreeMap<String, ServerWait>,
    /// Bytes written to the database's log file, by anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// Writes to the database's log file, by anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_writes: Option<u64>,
    /// Time that those writes took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_write_ms: Option<u64>,
    /// Row locks of the database that were escalated to a table lock, by anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_escalations: Option<u64>,
}

/// Waits of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerWait {
    /// How many.
    pub count: u64,
    /// How long, in milliseconds.
    pub wait_ms: u64,
    /// How much of that was waiting for a processor.
    pub signal_ms: u64,
}

/// What the caches of keys did in a run; with one for each worker, their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheReport {
    /// Keys of batches that were found.
    pub hits: u64,
    /// Keys of batches that were not found.
    pub misses: u64,
    /// Keys that had to go for others.
    pub evictions: u64,
    /// Hits that the store was asked about all the same: the share that was asked for, and all of
    /// a batch of which the store has refused a row.
    pub checks: u64,
    /// Checks in which the store did not have the key.
    pub disagreements: u64,
    /// Most keys that were kept at one time.
    pub keys_peak: u64,
    /// Most memory that they took, in bytes.
    pub bytes_peak: u64,
    /// Keys that are kept when the run has ended: none.
    pub keys_left: u64,
}

impl CacheReport {
    /// Adds what another cache did.
    pub fn add(&mut self, other: &Self) {
        let Self { hits, misses, evictions, checks, disagreements, .. } = other;
        self.hits += hits;
        self.misses += misses;
        self.evictions += evictions;
        self.checks += checks;
        self.disagreements += disagreements;
        self.keys_peak += other.keys_peak;
        self.bytes_peak += other.bytes_peak;
        self.keys_left += other.keys_left;
    }
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
    use crate::telemetry::metrics::{Metrics, TimedStage};

    #[test]
    fn stage_times_carry_their_whole_histogram() {
        let mut metrics = Metrics::new().unwrap();
        for millis in 1..=100 {
            metrics.time(TimedStage::Commit, Duration::from_millis(millis));
        }
        let times = StageTimes::of(metrics.timing(TimedStage::Commit)).unwrap();
        assert_eq!((times.count, times.total_ns), (100, 5_050_000_000));
        let near = |actual: u64, millis: u64| actual.abs_diff(millis * 1_000_000) < millis * 2_000;
        assert!(near(times.p50_ns, 50) && near(times.p90_ns, 90), "{times:?}");
        assert!(near(times.p99_ns, 99) && near(times.max_ns, 100), "{times:?}");
        let bytes = STANDARD.decode(&times.histogram).unwrap();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        assert_eq!(histogram, metrics.timing(TimedStage::Commit).histogram);
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
