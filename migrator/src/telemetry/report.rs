//! The run report: JSON that a run writes and the harness reads.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

use crate::config::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::metrics::Timing;

/// Version of the report's format. Readers reject newer versions.
pub const FORMAT_VERSION: u32 = 1;

/// Results of a run. Times are in seconds unless the name has another unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// [`FORMAT_VERSION`] of the program that wrote the report.
    pub format: u32,
    /// Version and build profile of the migrator.
    pub build: Build,
    /// Resolved settings, a flat object.
    pub settings: Settings,
    /// Source as given on the command line.
    pub source: String,
    /// Kind and version of the store.
    pub store: StoreInfo,
    /// Number of records by outcome.
    pub books: Books,
    /// Records read per minute of `wall_s`.
    pub rec_per_min: f64,
    /// Time from the first read to the last commit, with connects, without schema and checksum.
    pub wall_s: f64,
    /// CPU time in user mode over the same span.
    pub cpu_user_s: f64,
    /// CPU time in the kernel over the same span.
    pub cpu_system_s: f64,
    /// Peak resident set size of the process up to the last commit.
    pub peak_rss_bytes: u64,
    /// Storage traffic over the same span. Absent if the operating system does not count it.
    pub io: Option<Io>,
    /// Time per stage, by the stage's name, summed over threads.
    ///
    /// - Per record: `source`, `validation`, `parsing`, `mapping`, `coerce`.
    /// - Waits between threads: `parse_wait`, `turn`, `queue_push`, `queue_pop`, `claims`.
    /// - Per batch: `connect` (with the wait for a pool), `begin` (with the wait for the right to
    ///   write), `dedup`, `insert`, `log`, `commit`.
    /// - Latency from a record's read to its batch's commit: `record`.
    pub stages: BTreeMap<String, StageTimes>,
    /// Connections by role: `writer` (batches), `reader` (look-ups in the log), `untimed` (schema
    /// and checks).
    pub connections: BTreeMap<String, Connections>,
    /// Simulated network between migrator and store. Absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated_link: Option<SimulatedLink>,
    /// Queues between the halves of the workers, all together. Absent with `queue_depth` 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueReport>,
    /// Batches that waited for an earlier batch with a common key.
    #[serde(default)]
    pub claim_waits: u64,
    /// Records parsed by the parse pool. Workers parsed the others.
    #[serde(default)]
    pub parsed_in_pool: u64,
    /// Threads of the parse pool that parsed at least one record.
    #[serde(default)]
    pub parse_pool_threads: u64,
    /// Key look-ups sent to the store, one key each.
    pub queries: u64,
    /// Key look-ups sent to the store, each for as many keys of a table as fit into a statement.
    pub set_queries: u64,
    /// Key cache. All zero without a cache.
    pub cache: CacheReport,
    /// INSERT statements sent to the store; for bulk, the number of loads.
    pub insert_statements: u64,
    /// Committed transactions.
    pub transactions: u64,
    /// Retried transactions by cause.
    pub retries: BTreeMap<String, u64>,
    /// Commits without an answer, whose outcome was looked up.
    #[serde(default)]
    pub commits_looked_up: u64,
    /// Counters of the server during the run. Absent if the server does not provide them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerReport>,
    /// Rows stored by this run, per table.
    pub rows: BTreeMap<String, u64>,
    /// Checksum of the whole store after the run, 32 hex digits.
    pub checksum: String,
}

/// Peaks of the queues between the halves of the workers. The stages `queue_push` and `queue_pop`
/// hold the times that either side was blocked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReport {
    /// Largest number of batches in one queue.
    pub items_peak: u64,
    /// Largest number of bytes in one queue.
    pub bytes_peak: u64,
    /// Batches larger than `queue_bytes_max`, which passed alone through an empty queue.
    pub oversize: u64,
}

/// Build of the migrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Version of the crate.
    pub version: String,
    /// `release` or `debug`.
    pub profile: String,
}

/// Kind and version of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// `sqlite` or `mssql`.
    pub kind: String,
    /// Version of the store. A simulated network is appended.
    pub version: String,
}

/// Number of records by outcome: `read = committed + duplicate + rejected + failed + lost_race`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Records read from the source by this run.
    pub read: u64,
    /// Records whose rows are stored.
    pub committed: u64,
    /// Records whose application was already stored.
    pub duplicate: u64,
    /// Records rejected by validate, parse or map.
    pub rejected: u64,
    /// Records rejected by coerce or by the store.
    pub failed: u64,
    /// Records that another process logged first.
    pub lost_race: u64,
    /// Records skipped because the log has them; not part of `read`. If the log has every number of
    /// a range of keys, all of them count, even without a record in the source.
    pub skipped: u64,
}

/// Storage traffic as the operating system counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Io {
    /// Bytes read from the storage layer.
    pub read_bytes: u64,
    /// Bytes written to the storage layer.
    pub written_bytes: u64,
}

/// Number and distribution of a stage's times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTimes {
    /// Number of times.
    pub count: u64,
    /// Sum in nanoseconds.
    pub total_ns: u64,
    /// Median in nanoseconds.
    pub p50_ns: u64,
    /// 90th percentile in nanoseconds.
    pub p90_ns: u64,
    /// 99th percentile in nanoseconds.
    pub p99_ns: u64,
    /// Maximum in nanoseconds.
    pub max_ns: u64,
    /// Complete histogram: `HdrHistogram` V2, base64.
    pub histogram: String,
}

impl StageTimes {
    /// Summary of one stage's times.
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
    /// Connections opened during the run.
    pub opened: u64,
    /// Checkouts that got an existing connection.
    pub reused: u64,
    /// Discarded connections by cause. Expired: `idle`, `lifetime`. Not clean when returned:
    /// `open_transaction`, `rollback_failed`, `broken`.
    pub discarded: BTreeMap<String, u64>,
    /// Largest number open at one time.
    pub peak: u64,
    /// Connections open now. Zero for writers after a run.
    pub left_open: u64,
    /// Checkouts that waited for a connection.
    pub waited: u64,
    /// Total time of these waits, in nanoseconds.
    pub waited_ns: u64,
}

/// Simulated network and its traffic, counted as for SQL Server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedLink {
    /// Latency of a connect, in milliseconds.
    pub connect_ms: u32,
    /// Latency of a message and its answer, in milliseconds.
    pub round_trip_ms: u32,
    /// Number of connects.
    pub connects: u64,
    /// Number of messages, each with its answer.
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

/// Counters of a server during a run. Each part is absent if the login may not read it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerReport {
    /// Waits of this run's writing sessions, by SQL Server's wait type.
    pub waits: BTreeMap<String, ServerWait>,
    /// Bytes written to the database's log file, by all sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// Writes to the database's log file, by all sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_writes: Option<u64>,
    /// Time of those writes, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_write_ms: Option<u64>,
    /// Escalations from row locks to a table lock in the database, by all sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_escalations: Option<u64>,
}

/// Waits of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerWait {
    /// Number of waits.
    pub count: u64,
    /// Total time, in milliseconds.
    pub wait_ms: u64,
    /// Part of that time spent waiting for a processor.
    pub signal_ms: u64,
}

/// Activity of the key caches in a run, summed over workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheReport {
    /// Look-ups that found the key.
    pub hits: u64,
    /// Look-ups that did not find the key.
    pub misses: u64,
    /// Keys evicted for others.
    pub evictions: u64,
    /// Hits that the store was asked to confirm: the spot checks, and all hits of a batch after the
    /// store rejected one of its rows.
    pub checks: u64,
    /// Checks in which the store did not have the key.
    pub disagreements: u64,
    /// Largest number of cached keys.
    pub keys_peak: u64,
    /// Largest memory of the cached keys, in bytes.
    pub bytes_peak: u64,
    /// Keys still cached after the run: zero.
    pub keys_left: u64,
}

impl CacheReport {
    /// Adds the activity of another cache.
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
    /// Adds the numbers of other records.
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

    /// True if every record that was read has an outcome.
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
    fn books_balance_if_every_record_has_an_outcome() {
        let mut books =
            Books { read: 6, committed: 2, duplicate: 1, rejected: 1, ..Books::default() };
        assert!(!books.balance());
        books.add(&Books { failed: 1, lost_race: 1, skipped: 9, ..Books::default() });
        assert!(books.balance());
    }
}
