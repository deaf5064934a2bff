//! Types of a scenario: settings, workload, limits, and how two arms are compared.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use migrator::config::Settings;
use serde::{Deserialize, Serialize};

use super::link::Link;
use super::metric::{Metric, MetricOptions};
use super::runner::Runner;
use super::store::Store;
use crate::stats::paired::Better;

/// Blocks and records of a `--quick` run: enough for a smoke test, too few for a verdict.
const QUICK_RUNS: u32 = 3;
const QUICK_PAIRS: u32 = 4;
const QUICK_RECORDS: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// A checked scenario; every setting is resolved against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Names the results folder: lower-case letters, digits and hyphens.
    pub name: String,
    /// The question that it answers.
    pub why: String,
    /// The phase of the plan, such as `II.1`.
    pub phase: String,
    /// Name of the optimization.
    pub optimization: String,
    /// Expected improvement, from and to, in percent; `None` if the scenario gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_percent: Option<[f64; 2]>,
    /// Counted blocks: runs of every setting.
    pub runs: u32,
    /// Warm-up blocks, which run first and do not count.
    pub warmup: u32,
    /// Confirmation pairs: even.
    pub pairs: u32,
    /// Seed of the order.
    pub seed: u64,
    /// True if `--quick` reduced it.
    pub quick: bool,
    /// The records.
    pub workload: Workload,
    /// The store.
    pub store: Store,
    /// Simulated network between migrator and store.
    pub link: Link,
    /// The program under test, if it is not the migrator.
    pub runner: Option<Runner>,
    /// Names of the varied settings, in the order of the labels.
    pub swept: Vec<String>,
    /// Every setting to run, including the baseline.
    pub settings: Vec<Setting>,
    /// Index of the baseline among `settings`.
    pub baseline: usize,
    /// Limits of a run, and limits for choosing a setting.
    pub limits: Limits,
    /// Limits of interference, beyond which a block is discarded.
    pub validity: Validity,
    /// Comparison of two arms.
    pub gate: Gate,
}

/// One point of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The varied values alone, such as `200` or `200 × 4`.
    pub short: String,
    /// The varied values with their names, such as `batch_size=200`.
    pub label: String,
    /// All settings.
    pub settings: Settings,
}

/// Records to migrate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Number of records.
    pub records: Records,
    /// Profile for `migrator generate --profile`.
    pub profile: String,
    /// Share of records that repeat a key of another record, 0 to 1.
    pub duplicates: f64,
    /// Share of records that must be rejected, 0 to 1.
    pub rejects: f64,
    /// Seed of the records.
    pub seed: u64,
}

/// Number of records per run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// Number for which a run of the baseline takes about this time.
    Auto {
        /// Seconds from the first read to the last commit.
        run_seconds: f64,
    },
    /// This many.
    Fixed(NonZeroU32),
}

/// Limits of a run, and limits for choosing a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds after which a trial is killed and counts as failed.
    pub timeout_s: NonZeroU32,
    /// A setting with a run above this is not chosen.
    pub peak_rss_bytes: u64,
    /// A setting with a run above this is not chosen; `None` for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_p99_ms: Option<NonZeroU32>,
}

/// Comparison of two arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Allowed degradation of the other arm, as a share: 0.05 is 5 %.
    #[serde(deserialize_with = "super::share::margin")]
    pub margin: f64,
    /// Metrics to compare, each once; the first decides.
    pub metrics: Vec<Metric>,
    /// Options of these metrics.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<Metric, MetricOptions>,
    /// Consequence of being worse by less than the margin.
    pub small: SmallPolicy,
    /// Counters of which any rise is a regression; the others are only reported.
    pub exact: Vec<Exact>,
}

/// Consequence of being worse by less than the margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmallPolicy {
    /// A note.
    Pass,
    /// The same consequence as for a regression.
    Fail,
}

/// A counter of a run that has no noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exact {
    /// Statements sent to the store.
    Statements,
    /// Messages to the store, each with its answer; counted only over a simulated network.
    RoundTrips,
}

impl Exact {
    /// All counters, in the order of tables.
    pub const ALL: [Self; 2] = [Self::Statements, Self::RoundTrips];

    /// The name in scenarios and result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Statements => "statements",
            Self::RoundTrips => "round_trips",
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            margin: 0.05,
            metrics: vec![Metric::RecPerMin, Metric::Insert, Metric::PeakRss],
            options: BTreeMap::new(),
            small: SmallPolicy::Pass,
            exact: Vec::new(),
        }
    }
}

impl Gate {
    /// Options of a metric.
    pub fn options_of(&self, metric: Metric) -> MetricOptions {
        self.options.get(&metric).copied().unwrap_or_default()
    }

    /// Direction of a metric: the declared one, or its own.
    pub fn better(&self, metric: Metric) -> Better {
        self.options_of(metric).better.unwrap_or_else(|| metric.better())
    }
}

/// Limits of interference. A block with a run above any of them is discarded and repeated. Small
/// interference hits all settings of a block alike and is tolerated; these limits are for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Validity {
    /// Share of all processors' time that other programs may take, 0 to 1.
    pub foreign_cpu_share_max: f64,
    /// Share that the host of a virtual machine may take, 0 to 1.
    pub steal_share_max: f64,
    /// Pages that may be swapped in or out.
    pub swapped_pages_max: u64,
}

impl Default for Validity {
    fn default() -> Self {
        Self { foreign_cpu_share_max: 0.5, steal_share_max: 0.1, swapped_pages_max: 256 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        const TIMEOUT: NonZeroU32 = NonZeroU32::new(120).unwrap();
        Self { timeout_s: TIMEOUT, peak_rss_bytes: 512 * 1024 * 1024, latency_p99_ms: None }
    }
}

impl Scenario {
    /// Scenario with the store of a command line.
    ///
    /// # Errors
    /// Fails for a place that is not a store, and if a part of the scenario would be ignored there.
    pub fn stored_at(mut self, url: &str) -> Result<Self, String> {
        self.store = self.store.moved(url)?;
        let runner = self.runner.as_ref();
        match runner.and_then(|runner| runner.fault(&self.swept, self.link, &self.store)) {
            Some(fault) => Err(format!("the [runner] command of {} {fault}", self.name)),
            None => Ok(self),
        }
    }

    /// The scenario with its baseline alone, for verbs that compare programs and vary no setting.
    #[must_use]
    pub fn baseline_alone(self) -> Self {
        let baseline = self.settings[self.baseline].clone();
        let baseline = Setting { short: String::new(), label: String::new(), ..baseline };
        Self { swept: Vec::new(), settings: vec![baseline], baseline: 0, ..self }
    }

    /// The same settings on fewer records and in fewer blocks.
    #[must_use]
    pub fn quick(mut self) -> Self {
        self.quick = true;
        self.warmup = 0;
        self.runs = self.runs.min(QUICK_RUNS);
        self.pairs = self.pairs.min(QUICK_PAIRS);
        self.workload.records = match self.workload.records {
            Records::Fixed(records) => Records::Fixed(records.min(QUICK_RECORDS)),
            Records::Auto { .. } => Records::Fixed(QUICK_RECORDS),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{schedule, shipped, shipped_names, tune_plan};
    use crate::stats::scale::Scale;

    const LEAST: &str = r#"
name = "least"
why = "?"
phase = "II.1"
optimization = "Batch size tuning"
[sweep]
batch_size = [100, 1000]
"#;

    #[test]
    fn every_shipped_scenario_is_valid_and_named_as_its_file() {
        for name in shipped_names() {
            let scenario = Scenario::parse(shipped(name).unwrap()).unwrap();
            assert_eq!(scenario.name, name);
        }
        let files = std::fs::read_dir("../scenarios").unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
        let shipped_count = shipped_names().count() + tune_plan::shipped_names().count();
        assert_eq!(files.count(), shipped_count, "a scenario that does not ship");
        assert!(shipped("no-such").is_none());
    }

    #[test]
    fn shipped_scenarios_differ_from_the_baseline_only_in_batch_size_and_workers() {
        for name in shipped_names() {
            let scenario = Scenario::parse(shipped(name).unwrap()).unwrap();
            let mut baseline = scenario.settings[scenario.baseline].settings.clone();
            baseline.batch_size = Settings::default().batch_size;
            if name == "one-worker" {
                assert_eq!(baseline.workers.get(), 1);
                baseline.workers = Settings::default().workers;
            }
            assert_eq!(baseline, Settings::default(), "{name}");
            assert_eq!(scenario.link.is_simulated(), name.ends_with("-link"), "{name}");
            let few = schedule::min_records(&scenario.settings);
            if let Records::Fixed(records) = scenario.workload.records {
                assert!(records >= few, "{name}: too few records for two batches of a worker");
            }
        }
    }

    #[test]
    fn omitted_settings_are_those_of_the_baseline() {
        let scenario = Scenario::parse(LEAST).unwrap();
        assert_eq!((scenario.runs, scenario.warmup, scenario.seed), (10, 1, 1));
        assert_eq!((scenario.pairs, scenario.gate), (10, Gate::default()));
        assert_eq!(scenario.workload.records, Records::Auto { run_seconds: 0.8 });
        assert_eq!(scenario.limits, Limits::default());
        assert_eq!(scenario.settings[scenario.baseline].settings, Settings::default());
    }

    #[test]
    fn a_gate_section_is_parsed() {
        let gate = "[gate]\nmargin = 0.1\nmetrics = [\"latency_p99_ms\", \"rec_per_min\"]\n\
                    small = \"fail\"\nexact = [\"round_trips\"]\n[sweep]";
        let scenario = Scenario::parse(&LEAST.replace("[sweep]", gate)).unwrap();
        let expected = Gate {
            margin: 0.1,
            metrics: vec![Metric::LatencyP99, Metric::RecPerMin],
            options: BTreeMap::new(),
            small: SmallPolicy::Fail,
            exact: vec![Exact::RoundTrips],
        };
        assert_eq!(scenario.gate, expected);
    }

    #[test]
    fn a_metric_can_be_compared_by_difference_and_in_another_direction() {
        let gate = "[gate]\nmargin = \"5%\"\nmetrics = [\"coerce_ms_per_1000_records\", \
                    \"peak_rss_bytes\"]\n[gate.options.coerce_ms_per_1000_records]\n\
                    scale = \"difference\"\nmargin_abs = 2\n\
                    [gate.options.peak_rss_bytes]\nbetter = \"higher\"\n[sweep]";
        let scenario = Scenario::parse(&LEAST.replace("[sweep]", gate)).unwrap();
        let gate = &scenario.gate;
        let coerce = gate.options_of(Metric::Coerce);
        assert_eq!((coerce.scale, coerce.margin_abs), (Some(Scale::Difference), Some(2.0)));
        assert_eq!(gate.better(Metric::PeakRss), Better::Higher);
        assert_eq!(gate.better(Metric::Coerce), Better::Lower);
        assert_eq!((gate.margin, gate.options_of(Metric::RecPerMin).better), (0.05, None));
        let ledger = serde_json::to_string(gate).unwrap();
        assert_eq!(&serde_json::from_str::<Gate>(&ledger).unwrap(), gate);
        // The ledger of a gate without options is as before.
        assert!(!serde_json::to_string(&Gate::default()).unwrap().contains("options"));
    }

    #[test]
    fn a_sweep_of_several_settings_is_their_whole_grid() {
        let text = LEAST.replace("[100, 1000]", "[100, 1000]\nworkers = [1, 2, 4]");
        let scenario = Scenario::parse(&text).unwrap();
        let labels: Vec<_> = scenario.settings.iter().map(|s| s.label.as_str()).collect();
        assert_eq!(labels.len(), 6);
        assert_eq!(labels[0], "batch_size=100 workers=1");
        assert_eq!(labels[5], "batch_size=1000 workers=4");
        assert_eq!(scenario.settings[scenario.baseline].short, "1000 × 2");
    }

    #[test]
    fn a_baseline_outside_of_the_sweep_is_run_too() {
        let text = LEAST.replace("[100, 1000]", "[100, 200]");
        let scenario = Scenario::parse(&text).unwrap();
        assert_eq!(scenario.baseline, 0);
        let shorts: Vec<_> = scenario.settings.iter().map(|s| s.short.as_str()).collect();
        assert_eq!(shorts, ["1000", "100", "200"]);
    }

    #[test]
    fn quick_keeps_every_setting_and_cuts_records_and_blocks() {
        let scenario = Scenario::parse(LEAST).unwrap();
        let quick = scenario.clone().quick();
        assert!(quick.quick);
        assert_eq!(quick.settings, scenario.settings);
        assert_eq!((quick.runs, quick.warmup, quick.pairs), (QUICK_RUNS, 0, QUICK_PAIRS));
        assert_eq!(quick.workload.records, Records::Fixed(QUICK_RECORDS));
    }
}
