//! Ledger → what it says about each setting. Pure; refuses to compare runs that stored different
//! things, and claims nothing that a sweep alone cannot show.

use std::collections::BTreeMap;
use std::fmt;

use migrator::report::RunReport;
use serde::{Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Recorded, TrialLine};
use crate::measure::{self, Measurement, Stored};
use crate::metric::PerMetric;
use crate::plan::Shard;
use crate::scenario::{Link, Scenario, Setting};
use crate::stats::Sample;

/// The version of `analysis.json`.
const FORMAT_VERSION: u32 = 1;

/// A standard deviation above this part of the median is worth a warning.
const NOISY_PERCENT: f64 = 10.0;

/// What a sweep says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// `plan::hash` of the scenario.
    pub plan_hash: String,
    /// What was measured.
    pub scenario: Scenario,
    /// Records that each run read from its source.
    pub records: u32,
    /// Whether too much went on beside the runs for the figures to say anything.
    pub invalid: bool,
    /// What every run stored.
    pub stored: Stored,
    /// Every setting with at least one finished run, in the scenario's order.
    pub settings: Vec<Summary>,
    /// Index of the baseline among `settings`.
    pub baseline: usize,
    /// Index of the setting with the highest median rate among those within the limits; the
    /// baseline where none is.
    pub highest: usize,
    /// Runs that gave no figures.
    pub failed: Vec<FailedRun>,
    /// Labels of the settings of which no run finished.
    pub unmeasured: Vec<String>,
    /// Why the figures are to be taken with care; in files as texts.
    pub doubts: Vec<Doubt>,
}

/// What the counted runs of one setting gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Which setting.
    #[serde(flatten)]
    pub setting: Setting,
    /// Counted runs that finished.
    pub runs: usize,
    /// Whether every run stayed within the scenario's limits.
    pub within_limits: bool,
    /// Median rate over the baseline's median rate, less 1, in percent.
    pub vs_baseline_percent: f64,
    /// The figures.
    pub metrics: PerMetric<Estimate>,
    /// Median milliseconds per 1,000 records of every stage, summed over workers.
    pub stage_ms_per_1000_records: BTreeMap<String, f64>,
}

/// A metric of one setting, over its runs, in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// The middle value.
    pub median: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// With n − 1; absent where there is one run.
    pub std_dev: Option<f64>,
    /// A quarter of the runs are below.
    pub lower_quartile: f64,
    /// A quarter of the runs are above.
    pub upper_quartile: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// Every run's value, in the order in which they ran.
    pub values: Vec<f64>,
}

/// A counted run that gave no figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedRun {
    /// Its number in the plan.
    pub trial: usize,
    /// The label of its setting.
    pub setting: String,
    /// Why, in words.
    pub reason: String,
}

/// Why figures are to be taken with care.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
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
    Shard(Shard),
    /// The store was behind a link that is not there.
    SimulatedLink(Link),
    /// The highest of several medians was picked after looking.
    NotConfirmed {
        /// How many settings there were to pick from.
        settings: usize,
    },
    /// The baseline itself had the highest median.
    NothingToConfirm,
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
    /// There were too few records for two batches of every worker.
    FewBatches {
        /// The setting's label.
        setting: String,
    },
}

impl fmt::Display for Doubt {
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
            Self::Shard(shard) => write!(f, "shard {shard} alone: a part of the plan's blocks"),
            Self::SimulatedLink(link) => link.fmt(f),
            Self::NotConfirmed { settings } => write!(
                f,
                "not confirmed, optimistic: the best of {settings} settings looks better than it is"
            ),
            Self::NothingToConfirm => {
                f.write_str("not confirmed: the baseline itself had the highest median")
            }
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
            Self::FewBatches { setting } => {
                write!(f, "too few records for two batches of every worker with {setting}")
            }
        }
    }
}

const MIB: f64 = 1024.0 * 1024.0;

impl Serialize for Doubt {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Analysis {
    /// The baseline's figures.
    pub fn baseline(&self) -> &Summary {
        &self.settings[self.baseline]
    }

    /// The figures of the setting with the highest median rate.
    pub fn highest(&self) -> &Summary {
        &self.settings[self.highest]
    }
}

/// What a whole ledger says. Runs that stored different things are an error that names them, and
/// so is a baseline without a finished run.
pub fn analyse(recorded: &Recorded) -> Result<Analysis> {
    let first = recorded.voided.first().filter(|_| recorded.invalid);
    // Where void blocks leave too little, that is what is wrong.
    figures(recorded).map_err(|error| match (first, error.kind()) {
        (Some(first), ErrorKind::Environment) => invalid(first),
        _ => error,
    })
}

fn figures(recorded: &Recorded) -> Result<Analysis> {
    let scenario = &recorded.plan.scenario;
    let stored = agreed(scenario, &recorded.trials)?;
    let counted: Vec<&TrialLine> =
        recorded.trials.iter().filter(|line| !line.trial.warmup).collect();
    let measured = measured(scenario, &counted)?;
    let is_baseline = |summary: &Summary| summary.setting == scenario.settings[scenario.baseline];
    let Some(baseline) = measured.iter().position(is_baseline) else {
        return Err(no_baseline(scenario, &counted));
    };
    let settings = compared(measured, baseline);
    let unmeasured = scenario
        .settings
        .iter()
        .filter(|setting| settings.iter().all(|summary| summary.setting != **setting))
        .map(|setting| setting.label.clone())
        .collect();
    let mut analysis = Analysis {
        format: FORMAT_VERSION,
        plan_hash: recorded.plan.plan_hash.clone(),
        scenario: scenario.clone(),
        records: recorded.records.records,
        invalid: recorded.invalid,
        stored,
        highest: highest(&settings, baseline),
        settings,
        baseline,
        failed: counted.iter().filter_map(|line| failed_run(scenario, line)).collect(),
        unmeasured,
        doubts: Vec::new(),
    };
    let shard = recorded.plan.shard.map(Doubt::Shard);
    let voided = recorded
        .voided
        .first()
        .map(|first| Doubt::Voided { blocks: recorded.voided.len(), first: first.clone() });
    analysis.doubts =
        shard.into_iter().chain(voided).chain(doubts(&analysis, counted.len())).collect();
    Ok(analysis)
}

/// What all runs stored, or an error that names who stored what else.
fn agreed(scenario: &Scenario, trials: &[TrialLine]) -> Result<Stored> {
    let stored: Vec<(&TrialLine, Stored)> = trials
        .iter()
        .filter_map(|line| line.measurement.report().map(|report| (line, Stored::of(report))))
        .collect();
    let votes = |candidate: &Stored| stored.iter().filter(|(_, other)| other == candidate).count();
    // Of equally many the first counts, hence the reversal: `max_by_key` takes the last.
    let Some((_, common)) = stored.iter().rev().max_by_key(|(_, candidate)| votes(candidate))
    else {
        return Err(Error::environment("no run finished"));
    };
    let others = deviations(scenario, &stored, common);
    if others.is_empty() {
        return Ok(common.clone());
    }
    let summary = format!(
        "runs stored different things, so there is nothing to compare; {} of {} runs agree on \
         checksum {}",
        votes(common),
        stored.len(),
        common.checksum
    );
    Err(Error::new(ErrorKind::WrongResult, summary + &others.concat()))
}

/// A line for every setting and what its runs stored that the others did not.
fn deviations(
    scenario: &Scenario,
    stored: &[(&TrialLine, Stored)],
    common: &Stored,
) -> Vec<String> {
    let mut groups: Vec<(usize, &Stored, Vec<String>)> = Vec::new();
    for (line, this) in stored.iter().filter(|(_, this)| this != common) {
        let (number, setting) = (line.trial.number.to_string(), line.trial.setting);
        match groups.iter_mut().find(|(at, other, _)| *at == setting && *other == this) {
            Some((_, _, numbers)) => numbers.push(number),
            None => groups.push((setting, this, vec![number])),
        }
    }
    let line = |(setting, other, numbers): (usize, &Stored, Vec<String>)| {
        let label = &scenario.settings[setting].label;
        let differences = common.differences(other).join(", ");
        format!("\n  {label} (trial {}): {differences}", numbers.join(", "))
    };
    groups.into_iter().map(line).collect()
}

/// The figures of every setting with a finished run, not yet compared with the baseline's.
fn measured(scenario: &Scenario, counted: &[&TrialLine]) -> Result<Vec<Summary>> {
    let mut summaries = Vec::new();
    for (index, setting) in scenario.settings.iter().enumerate() {
        let runs: Vec<&Measurement> = counted
            .iter()
            .filter(|line| line.trial.setting == index)
            .map(|line| &line.measurement)
            .collect();
        let reports: Vec<&RunReport> = runs.iter().filter_map(|run| run.report()).collect();
        if reports.is_empty() {
            continue;
        }
        let metrics = PerMetric::build(|metric| {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.value(metric)).collect();
            if values.is_empty() { Ok(None) } else { estimate(values.into_iter()).map(Some) }
        })?;
        let Some(metrics) = metrics else {
            continue;
        };
        summaries.push(Summary {
            setting: setting.clone(),
            runs: reports.len(),
            within_limits: metrics.peak_rss_bytes.max <= scenario.limits.peak_rss_bytes as f64,
            vs_baseline_percent: 0.0,
            metrics,
            stage_ms_per_1000_records: stages(&reports)?,
        });
    }
    Ok(summaries)
}

fn estimate(values: impl Iterator<Item = f64>) -> Result<Estimate> {
    let sample = Sample::new(values.collect())
        .map_err(|error| Error::caused("reading the figures of the runs", error))?;
    Ok(Estimate {
        median: sample.median(),
        mean: sample.mean(),
        std_dev: sample.std_dev(),
        lower_quartile: sample.quantile(0.25),
        upper_quartile: sample.quantile(0.75),
        min: sample.min(),
        max: sample.max(),
        values: sample.values().to_vec(),
    })
}

/// Medians of every stage but `record`, which is a latency and no share of the time.
fn stages(reports: &[&RunReport]) -> Result<BTreeMap<String, f64>> {
    let names = reports.iter().flat_map(|report| report.stages.keys());
    let names: std::collections::BTreeSet<&String> =
        names.filter(|name| *name != "record").collect();
    names
        .into_iter()
        .map(|name| {
            let values = reports.iter().map(|report| measure::stage_ms(report, name));
            Ok((name.clone(), estimate(values)?.median))
        })
        .collect()
}

fn compared(mut settings: Vec<Summary>, baseline: usize) -> Vec<Summary> {
    let base = settings[baseline].metrics.rec_per_min.median;
    for summary in &mut settings {
        summary.vs_baseline_percent = (summary.metrics.rec_per_min.median / base - 1.0) * 100.0;
    }
    settings
}

/// Of equal medians the baseline's counts, then the first.
fn highest(settings: &[Summary], baseline: usize) -> usize {
    let rate = |index: usize| settings[index].metrics.rec_per_min.median;
    let better = |a: &usize, b: &usize| {
        let same = (*a == baseline).cmp(&(*b == baseline)).then(b.cmp(a));
        rate(*a).total_cmp(&rate(*b)).then(same)
    };
    let within = (0..settings.len()).filter(|index| settings[*index].within_limits);
    within.max_by(better).unwrap_or(baseline)
}

fn failed_run(scenario: &Scenario, line: &TrialLine) -> Option<FailedRun> {
    line.measurement.failure().map(|failure| FailedRun {
        trial: line.trial.number,
        setting: scenario.settings[line.trial.setting].label.clone(),
        reason: failure.to_string(),
    })
}

/// The error of a measurement beside which too much went on; `first` says what.
pub fn invalid(first: &str) -> Error {
    let message = format!("invalid: more than a fifth of the blocks were void; {first}");
    Error::new(ErrorKind::Invalid, message)
}

fn no_baseline(scenario: &Scenario, counted: &[&TrialLine]) -> Error {
    let label = &scenario.settings[scenario.baseline].label;
    let failed = counted
        .iter()
        .filter(|line| line.trial.setting == scenario.baseline)
        .find_map(|line| line.measurement.failure());
    let reason = failed.map(|failure| format!(": {failure}")).unwrap_or_default();
    Error::environment(format!("no run of the baseline ({label}) finished{reason}"))
}

fn doubts(analysis: &Analysis, counted: usize) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    if analysis.scenario.quick {
        doubts.push(Doubt::Quick { runs: analysis.scenario.runs, records: analysis.records });
    }
    if analysis.stored.checksum.is_empty() {
        doubts.push(Doubt::Unverified);
    }
    if analysis.scenario.link.is_simulated() {
        doubts.push(Doubt::SimulatedLink(analysis.scenario.link));
    }
    doubts.push(if analysis.highest == analysis.baseline {
        Doubt::NothingToConfirm
    } else {
        Doubt::NotConfirmed { settings: analysis.settings.len() }
    });
    if !analysis.failed.is_empty() {
        doubts.push(Doubt::Failed { failed: analysis.failed.len(), of: counted });
    }
    let unmeasured = analysis.unmeasured.iter().cloned();
    doubts.extend(unmeasured.map(|setting| Doubt::Unmeasured { setting }));
    doubts.extend(analysis.settings.iter().flat_map(|summary| doubts_of(summary, analysis)));
    doubts
}

fn doubts_of(summary: &Summary, analysis: &Analysis) -> impl Iterator<Item = Doubt> {
    let label = || summary.setting.label.clone();
    let rate = &summary.metrics.rec_per_min;
    let std_dev_percent = rate.std_dev.map_or(0.0, |std_dev| std_dev / rate.median * 100.0);
    let noisy = (std_dev_percent > NOISY_PERCENT)
        .then(|| Doubt::Noisy { setting: label(), percent: std_dev_percent });
    let over = (!summary.within_limits).then(|| Doubt::OverLimit {
        setting: label(),
        peak_rss_bytes: summary.metrics.peak_rss_bytes.max,
        limit_bytes: analysis.scenario.limits.peak_rss_bytes,
    });
    let settings = &summary.setting.settings;
    let needed = 2 * settings.workers.get() * settings.batch_size.get();
    // A quick look is known to be too short, for every setting.
    let few = (!analysis.scenario.quick && needed > analysis.records as usize)
        .then(|| Doubt::FewBatches { setting: label() });
    [noisy, over, few].into_iter().flatten()
}
