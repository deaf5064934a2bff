//! Reasons to read the results of a sweep with caution, as texts.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::analysis::failure_count::FailureCount;
use crate::scenario::Link;
use crate::scenario::schedule::Shard;
use crate::stats::diagnostics;
use crate::trial::measurement::StoreFingerprint;

/// An improvement by more than half, with what the runs stored.
#[derive(Debug, Clone, PartialEq)]
pub struct LargeImprovement {
    /// Name of the metric.
    pub metric: &'static str,
    /// Gain in percent of the baseline.
    pub percent: f64,
    /// Rows that every run stored; `None` if they differ or no run reports any.
    pub stored: Option<StoreFingerprint>,
}

impl fmt::Display for LargeImprovement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, percent, stored } = self;
        write!(
            f,
            "{metric} improved by {percent:.0} %, which is also what a run that did nothing looks \
             like; "
        )?;
        let Some(stored) = stored else {
            return f.write_str("the runs do not agree on what they stored");
        };
        let rows: u64 = stored.rows.values().sum();
        write!(f, "every run read {} records and stored {rows} rows", stored.books.read)?;
        match stored.checksum.get(..8) {
            Some(checksum) => write!(f, ", checksum {checksum}…"),
            None => f.write_str(", unverified: the program reports no checksum"),
        }
    }
}

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
    /// The candidate improved so much that a run that did nothing would look the same.
    LargeImprovement(LargeImprovement),
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
            Self::LargeImprovement(found) => found.fmt(f),
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

#[cfg(test)]
mod tests {
    use migrator::config::Settings;

    use super::*;
    use crate::trial::report;

    #[test]
    fn a_large_improvement_is_said_with_what_was_stored() {
        let mut stored = StoreFingerprint::of(&report(&Settings::default(), 2_000, 60_000.0));
        stored.checksum = "0123456789abcdef".into();
        stored.rows = [("app_base".to_owned(), 1_900), ("log".to_owned(), 100)].into();
        let text =
            |stored| LargeImprovement { metric: "rec_per_min", percent: 61.7, stored }.to_string();
        assert_eq!(
            text(Some(stored.clone())),
            "rec_per_min improved by 62 %, which is also what a run that did nothing looks like; \
             every run read 2000 records and stored 2000 rows, checksum 01234567…"
        );
        stored.checksum.clear();
        assert!(text(Some(stored)).ends_with("unverified: the program reports no checksum"));
        assert!(text(None).ends_with("do not agree on what they stored"));
    }
}
