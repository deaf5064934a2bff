//! One phase: its settings with every run, what was chosen and confirmed.

use migrator::config::Settings;
use serde::Serialize;

use super::comparison::Comparison;
use super::status::Standing;

/// One phase: a sweep, what was chosen, how that was confirmed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Phase {
    /// Its number in the plan, such as `II.1`.
    pub phase: String,
    /// What it calls itself.
    pub optimization: String,
    /// The question.
    pub why: String,
    /// What it found, one sentence.
    pub finding: String,
    /// Names of the varied settings.
    pub swept: Vec<String>,
    /// What a run was: `10 runs of each setting, 8,000 records a run`, and the link where one was
    /// simulated.
    pub runs: String,
    /// Every setting with at least one finished run.
    pub settings: Vec<Setting>,
    /// Index of the setting against which the others stand.
    pub baseline: Option<usize>,
    /// What that setting is called: `baseline`, or `present setting` where earlier phases have
    /// changed it.
    pub against: String,
    /// Index of the setting that was chosen, or that a sweep alone would choose.
    pub chosen: Option<usize>,
    /// The settings as a grid, where two were varied.
    pub grid: Option<Grid>,
    /// The chosen setting against the present one, measured afresh.
    pub confirmation: Option<Comparison>,
    /// Why it was not run.
    pub skipped: Option<String>,
    /// Sentences that go into `metrics.json` too.
    pub notes: Vec<String>,
    /// The phase's object of `metrics.json`.
    pub outcome: Option<Outcome>,
}

/// One setting's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Setting {
    /// The varied values alone, such as `200 × 4`.
    pub short: String,
    /// With their names, such as `batch_size=200`.
    pub label: String,
    /// Every run that was counted, in the order in which they ran; failed ones among them.
    pub runs: Vec<Run>,
    /// Records per minute.
    pub rec_per_min: Figures,
    /// Median rate over that of the phase's baseline, less 1, in percent.
    pub vs_baseline_percent: f64,
    /// Inserting, milliseconds per 1,000 records, summed over workers.
    pub insert_ms: Option<Figures>,
    /// Preparing, in the same unit.
    pub prepare_ms: Option<Figures>,
    /// Largest resident set of all runs.
    pub peak_rss_bytes: Option<f64>,
    /// Whether every run stayed within the scenario's limits.
    pub within_limits: bool,
    /// Whether it cannot be told from the best (Hsu's set); `None` where that was not asked.
    pub in_set: Option<bool>,
    /// Median milliseconds per 1,000 records of each stage, summed over workers, in the order of a
    /// record's way.
    pub stages: Vec<(String, f64)>,
    /// From a record's read to its batch's commit, over all runs.
    pub latency: Option<Latency>,
    /// What it waited for and what its cache did.
    pub waits: Option<Waits>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Run {
    /// Its number in the ledger's plan.
    pub number: usize,
    /// Its block or pair, from 1.
    pub block: usize,
    /// Seconds of running time since the session's first run began; what went by between runs is
    /// not in it.
    pub at_s: f64,
    /// Seconds from the start of its process to its end.
    pub elapsed_s: f64,
    /// Records per minute; `None` of a failed run, and so with the others.
    pub rec_per_min: Option<f64>,
    /// Milliseconds per 1,000 records.
    pub insert_ms: Option<f64>,
    /// Milliseconds per 1,000 records.
    pub prepare_ms: Option<f64>,
    /// Largest resident set.
    pub peak_rss_bytes: Option<f64>,
    /// Why there are no figures.
    pub failure: Option<String>,
}

/// A metric of one setting over its runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// The middle value.
    pub median: f64,
    /// With n − 1; `None` of a single run.
    pub std_dev: Option<f64>,
    /// A quarter of the runs are below the first and a quarter above the second.
    pub middle_half: [f64; 2],
    /// The 95 % interval of the median, where one was calculated.
    pub interval: Option<[f64; 2]>,
}

/// Latency of a record, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Records.
    pub count: u64,
    /// Half are faster.
    pub p50_ms: f64,
    /// Nine of ten are faster.
    pub p90_ms: f64,
    /// `None` where there are too few records to tell.
    pub p99_ms: Option<f64>,
    /// `None` where there are too few records to tell.
    pub p999_ms: Option<f64>,
    /// The slowest.
    pub max_ms: f64,
}

/// Waits and the cache: medians over the runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Waits {
    /// The mapping halves waited for room in the queue: milliseconds per 1,000 records.
    pub queue_push_ms: Option<f64>,
    /// The inserting halves waited for a batch, in the same unit.
    pub queue_pop_ms: Option<f64>,
    /// Leases of a connection that had to wait.
    pub pool_waits: Option<f64>,
    /// How long they waited, milliseconds per 1,000 records.
    pub pool_ms: Option<f64>,
    /// Connections opened.
    pub connects: Option<f64>,
    /// Keys that the cache had, as a share of those asked for, in percent.
    pub cache_hit_percent: Option<f64>,
    /// Keys that had to go for others.
    pub cache_evictions: Option<f64>,
}

/// A grid of two varied settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// Names of the setting down and the setting across.
    pub names: [String; 2],
    /// Values from top to bottom.
    pub rows: Vec<String>,
    /// Values from left to right.
    pub columns: Vec<String>,
    /// Index among the phase's settings, by row, then by column.
    pub cells: Vec<Vec<Option<usize>>>,
}

/// A phase in the names of `metrics.json` (results/README.md). Rates are medians of raw records per minute,
/// deviations have n − 1, and the improvement is that of the two medians.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Of the setting before.
    pub baseline_rec_per_min: f64,
    /// Of the setting after; unconfirmed, of the present setting.
    pub optimized_rec_per_min: f64,
    /// Of the two medians.
    pub improvement_percent: f64,
    /// Of the runs behind `baseline_rec_per_min`.
    pub std_dev_baseline: Option<f64>,
    /// Of the runs behind `optimized_rec_per_min`.
    pub std_dev_optimized: Option<f64>,
    /// `high`, `moderate`, `low`, `none`.
    pub confidence: String,
    /// How it stands.
    pub standing: Standing,
    /// Of the improvement; `None` where nothing was tested.
    pub interval_percent: Option<[Option<f64>; 2]>,
    /// Runs behind each median.
    pub runs: usize,
    /// All settings before.
    pub settings_baseline: Settings,
    /// All settings after.
    pub settings_optimized: Settings,
    /// Whether the choice is in use.
    pub kept: bool,
    /// The plan's own range.
    pub expected_percent: Option<[f64; 2]>,
    /// Of what every run stored; empty where the program gives none.
    pub checksum: String,
}
