//! Why the figures of a sweep are to be taken with care, in words. Decides nothing.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::scenario::Link;
use crate::scenario::schedule::Shard;
use crate::stats::diagnostics;

/// Why figures are to be taken with care.
#[derive(Debug, Clone, PartialEq)]
pub enum Caveat {
    /// `--quick` cut the scenario down.
    Quick {
        /// Blocks.
        runs: u32,
        /// Records.
        records: u32,
    },
    /// Blocks were disturbed and run again.
    Voided {
        /// How many.
        blocks: usize,
        /// What disturbed the first.
        first: String,
    },
    /// The program under test gives no checksum of what it stored.
    Unverified,
    /// The plan's other blocks ran elsewhere, if they did.
    Shards(Vec<Shard>),
    /// The store was behind a link that is not there.
    SimulatedLink(Link),
    /// A setting was chosen after looking, and no fresh runs have confirmed it.
    NotConfirmed {
        /// How many settings there were to choose from.
        settings: usize,
    },
    /// The choice is the present setting.
    NothingToConfirm,
    /// Something about the fresh pairs.
    Confirmation(diagnostics::Doubt),
    /// Some runs gave no figures.
    Failed {
        /// How many.
        failed: usize,
        /// Of how many counted runs.
        of: usize,
    },
    /// No run of a setting gave figures.
    Unmeasured {
        /// The setting's label.
        setting: String,
    },
    /// A setting's runs were far apart.
    Noisy {
        /// The setting's label.
        setting: String,
        /// Standard deviation in percent of the median.
        percent: f64,
    },
    /// A setting took more memory than the scenario allows, so it was not picked.
    OverLimit {
        /// The setting's label.
        setting: String,
        /// Its largest run.
        peak_rss_bytes: f64,
        /// The limit.
        limit_bytes: u64,
    },
    /// A setting's records waited longer than the scenario allows, so it was not picked.
    Late {
        /// The setting's label.
        setting: String,
        /// The largest p99 of its runs.
        p99_ms: f64,
        /// The limit.
        limit_ms: f64,
    },
    /// There were too few records for two batches of every worker.
    FewBatches {
        /// The setting's label.
        setting: String,
    },
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quick { runs, records } => {
                write!(f, "not testable: a quick look with {runs} blocks of {records} records")
            }
            Self::Voided { blocks, first } => write!(
                f,
                "{blocks} void block{} run again, the first because {first}",
                if *blocks == 1 { " was" } else { "s were" }
            ),
            Self::Unverified => f.write_str("unverified: the program under test gives no checksum"),
            Self::Shards(shards) => {
                let shards: Vec<String> = shards.iter().map(ToString::to_string).collect();
                let noun = if shards.len() == 1 { "shard" } else { "shards" };
                write!(
                    f,
                    "{noun} {} alone, a part of the plan's blocks: `harness report` with the results \
                     of all parts makes one sweep of them",
                    shards.join(", ")
                )
            }
            Self::SimulatedLink(link) => link.fmt(f),
            Self::NotConfirmed { settings } => write!(
                f,
                "not confirmed, optimistic: the best of {settings} settings looks better than it is"
            ),
            Self::NothingToConfirm => {
                f.write_str("nothing to confirm: the choice is the present setting")
            }
            Self::Confirmation(doubt) => write!(f, "in the fresh pairs, {doubt}"),
            Self::Failed { failed, of } => write!(f, "{failed} of {of} runs failed"),
            Self::Unmeasured { setting } => write!(f, "no run of {setting} finished"),
            Self::Noisy { setting, percent } => write!(
                f,
                "the runs of {setting} were far apart: standard deviation {percent:.0} % of the \
                 median"
            ),
            Self::OverLimit { setting, peak_rss_bytes, limit_bytes } => write!(
                f,
                "{setting} was not picked: {:.0} MiB of memory, the limit is {:.0} MiB",
                peak_rss_bytes / MIB,
                *limit_bytes as f64 / MIB
            ),
            Self::Late { setting, p99_ms, limit_ms } => write!(
                f,
                "{setting} was not picked: a p99 latency of {p99_ms:.0} ms, the limit is \
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
