//! Reasons to read the results of a sweep with caution, as texts.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::analysis::failure_count::FailureCount;
use crate::scenario::Link;
use crate::scenario::schedule::Shard;
use crate::stats::diagnostics;

/// Reason to read results with caution.
#[derive(Debug, Clone, PartialEq)]
pub enum Caveat {
    /// `--quick` reduced the scenario.
    Quick {
        /// Number of blocks.
        runs: u32,
        /// Number of records.
        records: u32,
    },
    /// Blocks were discarded because of interference, and repeated.
    Voided {
        /// Number of blocks.
        blocks: usize,
        /// Interference in the first of them.
        first: String,
    },
    /// The program under test reports no checksum of the stored rows.
    Unverified,
    /// Only these shards of the plan are merged.
    Shards(Vec<Shard>),
    /// The network between migrator and store was simulated.
    SimulatedLink(Link),
    /// The candidate was chosen from the sweep, and no confirmation pair has run.
    NotConfirmed {
        /// Number of settings in the sweep.
        settings: usize,
    },
    /// The candidate is the incumbent.
    NothingToConfirm,
    /// Warning about the confirmation pairs.
    Confirmation(diagnostics::DiagnosticWarning),
    /// Runs of a setting failed, so that it was not chosen.
    Failed {
        /// Label of the setting.
        setting: String,
        /// Its failed runs.
        failures: FailureCount,
    },
    /// A block in which the baseline failed was repeated.
    Repeated {
        /// Failure of the baseline, as text.
        reason: String,
    },
    /// No run of a setting finished.
    Unmeasured {
        /// Label of the setting.
        setting: String,
    },
    /// Runs of a setting varied widely.
    Noisy {
        /// Label of the setting.
        setting: String,
        /// Standard deviation in percent of the median.
        percent: f64,
    },
    /// A setting exceeded the memory limit and was not chosen.
    OverLimit {
        /// Label of the setting.
        setting: String,
        /// Highest peak memory of its runs.
        peak_rss_bytes: f64,
        /// Limit of the scenario.
        limit_bytes: u64,
    },
    /// A setting exceeded the latency limit and was not chosen.
    Late {
        /// Label of the setting.
        setting: String,
        /// Highest p99 latency of its runs.
        p99_ms: f64,
        /// Limit of the scenario.
        limit_ms: f64,
    },
    /// Too few records for two batches of every worker.
    FewBatches {
        /// Label of the setting.
        setting: String,
    },
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quick { runs, records } => {
                write!(f, "not testable: smoke test with {runs} blocks of {records} records")
            }
            Self::Voided { blocks, first } => write!(
                f,
                "{blocks} block{} discarded and repeated; first reason: {first}",
                if *blocks == 1 { " was" } else { "s were" }
            ),
            Self::Unverified => {
                f.write_str("unverified: the program under test reports no checksum")
            }
            Self::Shards(shards) => {
                let shards: Vec<String> = shards.iter().map(ToString::to_string).collect();
                let noun = if shards.len() == 1 { "shard" } else { "shards" };
                write!(
                    f,
                    "only {noun} {} of the plan: `harness report` with the results of all shards merges \
                     them",
                    shards.join(", ")
                )
            }
            Self::SimulatedLink(link) => link.fmt(f),
            Self::NotConfirmed { settings } => write!(
                f,
                "not confirmed and optimistic: the best of {settings} settings looks better than it is"
            ),
            Self::NothingToConfirm => {
                f.write_str("nothing to confirm: the candidate is the incumbent")
            }
            Self::Confirmation(doubt) => write!(f, "in the confirmation pairs, {doubt}"),
            Self::Failed { setting, failures } => {
                write!(f, "{setting} cannot be chosen: {failures} failed: {}", failures.reasons())
            }
            Self::Repeated { reason } => write!(f, "a block was repeated, because {reason}"),
            Self::Unmeasured { setting } => write!(f, "no run of {setting} finished"),
            Self::Noisy { setting, percent } => write!(
                f,
                "runs of {setting} vary widely: standard deviation {percent:.0} % of the median"
            ),
            Self::OverLimit { setting, peak_rss_bytes, limit_bytes } => write!(
                f,
                "{setting} was not chosen: {:.0} MiB of memory exceed the limit of {:.0} MiB",
                peak_rss_bytes / MIB,
                *limit_bytes as f64 / MIB
            ),
            Self::Late { setting, p99_ms, limit_ms } => write!(
                f,
                "{setting} was not chosen: a p99 latency of {p99_ms:.0} ms exceeds the limit of \
                 {limit_ms:.0} ms"
            ),
            Self::FewBatches { setting } => {
                write!(f, "too few records for two batches of every worker with {setting}")
            }
        }
    }
}

const MIB: f64 = 1024.0 * 1024.0;

impl Serialize for Caveat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
