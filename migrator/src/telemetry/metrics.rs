//! What a run counts and times: one [`Metrics`] for each worker, merged at the end, and what the
//! operating system says of the process. Decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::error::{Error, ErrorKind, Result};

/// Significant decimal digits that a histogram keeps of a time.
const HISTOGRAM_DIGITS: u8 = 3;
/// The longest time that a histogram tells from longer ones: an hour.
const HISTOGRAM_NS_MAX: u64 = 3_600_000_000_000;

/// What is timed. The times of all but [`TimedStage::Record`] do not overlap within a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimedStage {
    /// Fetching one record's text.
    Source,
    /// Text checks of one record.
    Validation,
    /// The scan of one record's text.
    Parsing,
    /// Making the rows of one record.
    Mapping,
    /// Giving one record's values the types of their columns.
    Coerce,
    /// Waiting for the parse pool's next batch.
    ParseWait,
    /// Waiting for the turn to register a batch's keys.
    LockTurn,
    /// Putting a batch into the queue between the halves, waiting for room.
    QueuePush,
    /// Taking a batch out of it, waiting for one.
    QueuePop,
    /// Waiting for earlier batches that hold one of a batch's keys.
    LockWait,
    /// Getting a batch its connection: opening one, or waiting for the pool's.
    Connect,
    /// Waiting for the right to write, for one transaction.
    Begin,
    /// Deciding about duplicates in one attempt at a batch, queries included, and keeping the keys
    /// of a batch that has committed.
    Dedup,
    /// The inserts of one attempt at a batch.
    Insert,
    /// The log rows of one batch.
    Log,
    /// One commit.
    Commit,
    /// From one record's read to the commit of its batch.
    Record,
}

impl TimedStage {
    /// Every stage, in the order of a record's way.
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

    /// The name in reports.
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

/// Why a transaction was done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retry {
    /// The store was busy, or a lock was not to be had in time.
    Busy,
    /// The store had ended the transaction to resolve a deadlock.
    Deadlock,
    /// The transaction had met rows that another one had changed since.
    Conflict,
    /// The connection was gone.
    Disconnected,
    /// The store was out of service or of resources.
    Unavailable,
    /// The store refused a record, which had to be found.
    RefusedRecord,
    /// The store undid a whole transaction together with a record that it refused.
    Undone,
    /// Another process had logged a record of the batch.
    LostRace,
}

impl Retry {
    /// The name in reports.
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

/// The times of one stage.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Times in nanoseconds.
    pub histogram: Histogram<u64>,
    /// Their exact sum in nanoseconds.
    pub total_ns: u64,
}

/// What one worker, or a whole run, counted.
#[derive(Debug)]
pub struct Metrics {
    timings: Vec<Timing>,
    /// Key look-ups sent to the store, one key each.
    pub queries: u64,
    /// Key look-ups sent to the store, each for as many keys of a table as fit into a statement.
    pub set_queries: u64,
    /// INSERT statements sent to the store (bulk: loads).
    pub insert_statements: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Commits whose answer was lost and that were looked up.
    pub commits_looked_up: u64,
    /// Transactions done again.
    pub retries: BTreeMap<Retry, u64>,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Result<Self> {
        let timing = || {
            let histogram = Histogram::new_with_bounds(1, HISTOGRAM_NS_MAX, HISTOGRAM_DIGITS)
                .map_err(|cause| {
                    Error::caused(ErrorKind::Environment, "make a histogram", cause)
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

    /// Adds one time of a stage.
    pub fn time(&mut self, stage: TimedStage, elapsed: Duration) {
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let timing = &mut self.timings[stage as usize];
        timing.histogram.saturating_record(elapsed_ns);
        timing.total_ns = timing.total_ns.saturating_add(elapsed_ns);
    }

    /// Counts one transaction that is done again.
    pub fn retry(&mut self, cause: Retry) {
        *self.retries.entry(cause).or_default() += 1;
    }

    /// The times of one stage.
    pub fn timing(&self, stage: TimedStage) -> &Timing {
        &self.timings[stage as usize]
    }

    /// Adds what another worker counted.
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

/// What the operating system has counted for this process since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// CPU time in user mode.
    pub user_s: f64,
    /// CPU time in the kernel.
    pub system_s: f64,
    /// Bytes fetched from the storage layer and bytes sent to it, where the system says so.
    pub storage_bytes: Option<(u64, u64)>,
}

impl Usage {
    /// The counts of this moment.
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

    /// What was counted since an earlier moment.
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

/// The largest resident set of this process so far, in bytes.
///
/// `VmHWM` belongs to this program alone; `ru_maxrss`, the fall-back where there is no `/proc`,
/// starts at the size of the process that started it.
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

/// The numbers behind `name:` in a file of `/proc`; none unless all are there.
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
    fn numbers_are_found_behind_their_names() {
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
