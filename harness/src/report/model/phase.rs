//! One phase: its settings with every run, its choice and the confirmation of that choice.

use super::comparison::ComparisonRow;
use super::status::Status;
use migrator::config::Settings;

/// One phase: a sweep, its choice and the confirmation of that choice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhaseReport {
    /// Number in the plan, such as `II.1`.
    pub phase: String,
    /// Name.
    pub optimization: String,
    /// Question.
    pub why: String,
    /// Result, one sentence.
    pub finding: String,
    /// Names of the varied settings.
    pub swept: Vec<String>,
    /// Description of the runs: `10 runs of each setting, 8,000 records a run`, with the simulated
    /// network if there is one.
    pub runs: String,
    /// Settings with at least one finished run.
    pub settings: Vec<SettingRow>,
    /// Index of the setting with which the others are compared.
    pub baseline: Option<usize>,
    /// Name of that setting: `baseline`, or `current setting` if earlier phases changed it.
    pub against: String,
    /// Index of the chosen setting.
    pub chosen: Option<usize>,
    /// Settings as a grid, if two were varied.
    pub grid: Option<Grid>,
    /// Confirmation runs: the chosen setting against the current one.
    pub confirmation: Option<ComparisonRow>,
    /// Reason why the phase was not run.
    pub skipped: Option<String>,
    /// Sentences, also in `metrics.json`.
    pub notes: Vec<String>,
    /// Object of the phase in `metrics.json`.
    pub outcome: Option<PhaseMetrics>,
}

/// Figures of a setting.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingRow {
    /// Varied values, such as `200 × 4`.
    pub short: String,
    /// Varied values with their names, such as `batch_size=200`.
    pub label: String,
    /// Counted runs in run order, including failed ones.
    pub runs: Vec<RunRow>,
    /// Records per minute.
    pub rec_per_min: MetricSummary,
    /// Median rate / median rate of the baseline − 1, in percent.
    pub vs_baseline_percent: f64,
    /// Insert time in milliseconds per 1,000 records, summed over workers.
    pub insert_ms: Option<MetricSummary>,
    /// Preparation time in the same unit.
    pub prepare_ms: Option<MetricSummary>,
    /// Largest resident set of all runs, in bytes.
    pub peak_rss_bytes: Option<f64>,
    /// True if every run stayed within the scenario's limits.
    pub within_limits: bool,
    /// True if the setting may be the best (Hsu's set); `None` if that was not tested.
    pub in_set: Option<bool>,
    /// Median milliseconds per 1,000 records of each stage, summed over workers, in the order of the
    /// stages.
    pub stages: Vec<(String, f64)>,
    /// Latency from the read of a record to the commit of its batch, over all runs.
    pub latency: Option<Latency>,
    /// Waits and cache statistics.
    pub waits: Option<Waits>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunRow {
    /// Number in the ledger's plan.
    pub number: usize,
    /// Number of its block or pair, from 1.
    pub block: usize,
    /// Seconds of running time since the start of the first run, without the time between runs.
    pub at_s: f64,
    /// Duration of its process in seconds.
    pub elapsed_s: f64,
    /// Records per minute; `None` for a failed run, as are the other figures.
    pub rec_per_min: Option<f64>,
    /// Insert time in milliseconds per 1,000 records.
    pub insert_ms: Option<f64>,
    /// Preparation time in milliseconds per 1,000 records.
    pub prepare_ms: Option<f64>,
    /// Largest resident set in bytes.
    pub peak_rss_bytes: Option<f64>,
    /// Reason why the run failed.
    pub failure: Option<String>,
}

/// Distribution of a metric over the runs of a setting.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MetricSummary {
    /// Median.
    pub median: f64,
    /// Sample standard deviation (n − 1); `None` for a single run.
    pub std_dev: Option<f64>,
    /// Lower and upper quartile.
    pub middle_half: [f64; 2],
    /// 95 % interval of the median, if calculated.
    pub interval: Option<[f64; 2]>,
}

/// Latency of records in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    /// Number of records.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile; `None` if there are too few records.
    pub p99_ms: Option<f64>,
    /// 99.9th percentile; `None` if there are too few records.
    pub p999_ms: Option<f64>,
    /// Maximum.
    pub max_ms: f64,
}

/// Medians of waits and cache statistics over the runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Waits {
    /// Wait of the mapping threads for room in the queue, in milliseconds per 1,000 records.
    pub queue_push_ms: Option<f64>,
    /// Wait of the inserting threads for a batch, in the same unit.
    pub queue_pop_ms: Option<f64>,
    /// Number of connection checkouts that had to wait.
    pub pool_waits: Option<f64>,
    /// Their wait in milliseconds per 1,000 records.
    pub pool_ms: Option<f64>,
    /// Number of opened connections.
    pub connects: Option<f64>,
    /// Cache hit rate in percent.
    pub cache_hit_percent: Option<f64>,
    /// Number of evicted keys.
    pub cache_evictions: Option<f64>,
}

/// A grid of two varied settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grid {
    /// Names of the settings of rows and columns.
    pub names: [String; 2],
    /// Values from top to bottom.
    pub rows: Vec<String>,
    /// Values from left to right.
    pub columns: Vec<String>,
    /// Index among the settings of the phase, by row, then by column.
    pub cells: Vec<Vec<Option<usize>>>,
}

/// A phase as an object of `metrics.json` (results/README.md). Rates are medians of records per
/// minute; standard deviations are those of samples (n − 1).
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseMetrics {
    /// Rate of the setting before.
    pub baseline_rec_per_min: f64,
    /// Rate of the setting after; of the current setting if unconfirmed.
    pub optimized_rec_per_min: f64,
    /// Change of the median in percent.
    pub improvement_percent: f64,
    /// Standard deviation of the runs behind `baseline_rec_per_min`.
    pub std_dev_baseline: Option<f64>,
    /// Standard deviation of the runs behind `optimized_rec_per_min`.
    pub std_dev_optimized: Option<f64>,
    /// Confidence: `high`, `moderate`, `low` or `none`.
    pub confidence: String,
    /// Status.
    pub status: Status,
    /// Interval of the improvement; `None` if nothing was tested.
    pub interval_percent: Option<[Option<f64>; 2]>,
    /// Number of runs behind each median.
    pub runs: usize,
    /// Settings before.
    pub settings_baseline: Settings,
    /// Settings after.
    pub settings_optimized: Settings,
    /// True if the choice is in use.
    pub kept: bool,
    /// Expected gain according to the plan, in percent.
    pub expected_percent: Option<[f64; 2]>,
    /// Checksum of the stored rows; empty if the program reports none.
    pub checksum: String,
}
