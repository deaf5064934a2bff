//! Counters and times of a run. Each worker has its own [`Metrics`], merged at the end. [`Usage`]
//! is what the operating system counts for the process.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::error::{Error, ErrorKind, Result};

/// Significant decimal digits of a time in a histogram.
const HISTOGRAM_DIGITS: u8 = 3;
/// Upper bound of a histogram: one hour. Longer times count as this.
const HISTOGRAM_NS_MAX: u64 = 3_600_000_000_000;

/// A timed part of the work. Within one worker only [`TimedStage::Record`] overlaps with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimedStage {
    /// Read of one record's text.
    Source,
    /// Text checks of one record.
    Validation,
    /// Parse of one record's text.
    Parsing,
    /// Mapping of one record to rows.
    Mapping,
    /// Conversion of one record's values to the types of their columns.
    Coerce,
    /// Wait for the parse pool's next batch.
    ParseWait,
    /// Wait for the turn to register a batch's keys.
    LockTurn,
    /// Push of a batch into a worker's queue, with the wait for room.
    QueuePush,
    /// Pop of a batch from a worker's queue, with the wait for one.
    QueuePop,
    /// Wait for earlier batches that hold one of a batch's keys.
    LockWait,
    /// Checkout of a batch's connection: connect, or wait for the pool.
    Connect,
    /// Begin of a transaction, with the wait for the right to write.
    Begin,
    /// Duplicate checks in one attempt at a batch, with their queries. Also the cache update after
    /// a commit.
    Dedup,
    /// Inserts in one attempt at a batch.
    Insert,
    /// Log rows of one batch.
    Log,
    /// One commit.
    Commit,
    /// Latency of a record, from its read to the commit of its batch.
    Record,
}

impl TimedStage {
    /// All stages, in the order in which a record passes them.
    pub const ALL: [Self; 17] = [
        Self::Source,
        Self::Validation,
        Self::Parsing,
        Self::Mapping,
        Self::Coerce,
        Self::ParseWait,
        Self::LockTurn,
        Self::QueuePush,
        Self::QueuePop,
        Self::LockWait,
        Self::Connect,
        Self::Begin,
        Self::Dedup,
        Self::Insert,
        Self::Log,
        Self::Commit,
        Self::Record,
    ];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Validation => "validation",
            Self::Parsing => "parsing",
            Self::Mapping => "mapping",
            Self::Coerce => "coerce",
            Self::ParseWait => "parse_wait",
            Self::LockTurn => "turn",
            Self::QueuePush => "queue_push",
            Self::QueuePop => "queue_pop",
            Self::LockWait => "claims",
            Self::Connect => "connect",
            Self::Begin => "begin",
            Self::Dedup => "dedup",
            Self::Insert => "insert",
            Self::Log => "log",
            Self::Commit => "commit",
            Self::Record => "record",
        }
    }
}

/// Cause of a retried transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retry {
    /// The store was busy, or a lock was not granted in time.
    Busy,
    /// The store chose the transaction as deadlock victim.
    Deadlock,
    /// Another transaction had changed rows that this one had read.
    Conflict,
    /// The connection was lost.
    Disconnected,
    /// The store was out of service or of resources.
    Unavailable,
    /// The store rejected a record that is not yet identified.
    RefusedRecord,
    /// The store rolled back the whole transaction when it rejected a record.
    Undone,
    /// Another process had logged a record of the batch.
    LostRace,
}

impl Retry {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Deadlock => "deadlock",
            Self::Conflict => "conflict",
            Self::Disconnected => "disconnected",
            Self::Unavailable => "unavailable",
            Self::RefusedRecord => "refused_record",
            Self::Undone => "undone",
            Self::LostRace => "lost_race",
        }
    }
}

/// Times of one stage.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Times in nanoseconds.
    pub histogram: Histogram<u64>,
    /// Exact sum in nanoseconds.
    pub total_ns: u64,
}

/// Counters and times of one worker or of a whole run.
#[derive(Debug)]
pub struct Metrics {
    timings: Vec<Timing>,
    /// Key look-ups sent to the store, one key each.
    pub queries: u64,
    /// Key look-ups sent to the store, each for as many keys of a table as fit into a statement.
    pub set_queries: u64,
    /// INSERT statements sent to the store; for bulk, the number of loads.
    pub insert_statements: u64,
    /// Committed transactions.
    pub transactions: u64,
    /// Commits without an answer, whose outcome was looked up.
    pub commits_looked_up: u64,
    /// Retried transactions by cause.
    pub retries: BTreeMap<Retry, u64>,
}

impl Metrics {
    /// Metrics with all counters at zero.
    pub fn new() -> Result<Self> {
        let timing = || {
            let histogram = Histogram::new_with_bounds(1, HISTOGRAM_NS_MAX, HISTOGRAM_DIGITS)
                .map_err(|cause| {
                    Error::caused(ErrorKind::Environment, "create a histogram", cause)
                })?;
            Ok(Timing { histogram, total_ns: 0 })
        };
        Ok(Self {
            timings: TimedStage::ALL.iter().map(|_| timing()).collect::<Result<_>>()?,
            queries: 0,
            set_queries: 0,
            insert_statements: 0,
            transactions: 0,
            commits_looked_up: 0,
            retries: BTreeMap::new(),
        })
    }

    /// Records one time of a stage.
    pub fn time(&mut self, stage: TimedStage, elapsed: Duration) {
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let timing = &mut self.timings[stage as usize];
        timing.histogram.saturating_record(elapsed_ns);
        timing.total_ns = timing.total_ns.saturating_add(elapsed_ns);
    }

    /// Counts one retried transaction.
    pub fn retry(&mut self, cause: Retry) {
        *self.retries.entry(cause).or_default() += 1;
    }

    /// Times of one stage.
    pub fn timing(&self, stage: TimedStage) -> &Timing {
        &self.timings[stage as usize]
    }

    /// Adds the counters and times of another worker.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        for (mine, theirs) in self.timings.iter_mut().zip(&other.timings) {
            mine.histogram.add(&theirs.histogram).map_err(|cause| {
                Error::caused(ErrorKind::Environment, "merge histograms", cause)
            })?;
            mine.total_ns = mine.total_ns.saturating_add(theirs.total_ns);
        }
        self.queries += other.queries;
        self.set_queries += other.set_queries;
        self.insert_statements += other.insert_statements;
        self.transactions += other.transactions;
        self.commits_looked_up += other.commits_looked_up;
        for (&cause, count) in &other.retries {
            *self.retries.entry(cause).or_default() += count;
        }
        Ok(())
    }
}

/// Resources used by this process since its start, as the operating system counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// CPU time in user mode, in seconds.
    pub user_s: f64,
    /// CPU time in the kernel, in seconds.
    pub system_s: f64,
    /// Bytes read from storage and bytes written to it. `None` if the system does not count them.
    pub storage_bytes: Option<(u64, u64)>,
}

impl Usage {
    /// Current counters.
    pub fn now() -> Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|cause| {
            Error::caused(ErrorKind::Environment, "read the process's CPU time", cause)
        })?;
        Ok(Self {
            user_s: seconds(usage.user_time()),
            system_s: seconds(usage.system_time()),
            storage_bytes: proc_values("/proc/self/io", ["read_bytes", "write_bytes"])
                .map(|[read, written]| (read, written)),
        })
    }

    /// Difference to an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let storage = self.storage_bytes.zip(earlier.storage_bytes);
        Self {
            user_s: self.user_s - earlier.user_s,
            system_s: self.system_s - earlier.system_s,
            storage_bytes: storage.map(|(now, then)| (now.0 - then.0, now.1 - then.1)),
        }
    }
}

/// Peak resident set size of this process, in bytes.
///
/// Reads `VmHWM`, which covers this program alone. Without `/proc` it falls back to `ru_maxrss`,
/// which starts at the size of the parent process.
pub fn peak_rss_bytes() -> Result<u64> {
    if let Some([kib]) = proc_values("/proc/self/status", ["VmHWM"]) {
        return Ok(kib * 1024);
    }
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|cause| {
        Error::caused(ErrorKind::Environment, "read the process's memory size", cause)
    })?;
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    Ok(u64::try_from(usage.max_rss()).unwrap_or_default() * unit)
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// Numbers behind `name:` in a file of `/proc`. `None` unless all names are present.
fn proc_values<const N: usize>(path: &str, names: [&str; N]) -> Option<[u64; N]> {
    parse_values(&std::fs::read_to_string(path).ok()?, names)
}

fn parse_values<const N: usize>(text: &str, names: [&str; N]) -> Option<[u64; N]> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let mut values = [0; N];
    for (place, name) in names.iter().enumerate() {
        values[place] = value(name)?;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_metrics_hold_the_sums_of_both() {
        let (mut one, mut other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
        one.time(TimedStage::Insert, Duration::from_micros(10));
        other.time(TimedStage::Insert, Duration::from_micros(30));
        other.retry(Retry::Busy);
        other.queries = 3;
        other.set_queries = 2;
        one.merge(&other).unwrap();
        assert_eq!(one.timing(TimedStage::Insert).total_ns, 40_000);
        assert_eq!(one.timing(TimedStage::Insert).histogram.len(), 2);
        assert_eq!(one.timing(TimedStage::Log).histogram.len(), 0);
        assert_eq!(one.retries[&Retry::Busy], 1);
        assert_eq!((one.queries, one.set_queries), (3, 2));
    }

    #[test]
    fn numbers_are_found_after_their_names() {
        let text = "rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n";
        assert_eq!(parse_values(text, ["read_bytes", "write_bytes"]), Some([4096, 8192]));
        assert_eq!(parse_values("VmHWM:\t   77 kB\n", ["VmHWM"]), Some([77]));
        assert_eq!(parse_values(text, ["VmHWM"]), None);
    }

    #[test]
    fn the_system_counts_this_process() {
        assert!(peak_rss_bytes().unwrap() > 1 << 20);
        let usage = Usage::now().unwrap();
        assert!(usage.user_s >= 0.0 && usage.since(&usage).user_s.abs() < 1e-9);
    }
}
