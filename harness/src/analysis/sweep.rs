//! Analysis of a sweep and of the confirmation pairs of its candidate. Rejects runs that stored
//! different rows; claims an improvement only from confirmation pairs.

use serde::Serialize;

pub use super::arm_summary::SettingSummary;
pub use super::best_subset::BestSubset;
pub use super::caveat::Caveat;

pub use crate::analysis::arm_summary::SummaryStats;

use crate::analysis::arm_summary::ArmSummary;
use crate::analysis::comparison::{Comparison, TestPlan, compare};
use crate::analysis::consistency::check_stored_rows_agree;
use crate::analysis::failure_count::FailureCount;
use crate::analysis::test_result::Decision;
use crate::error::{Error, ErrorKind, Result};
use crate::scenario::metric::Metric;
use crate::scenario::{Scenario, Setting};
use crate::session::ledger::TrialLine;
use crate::session::state::{CompletedStep, SessionState};
use crate::stats::verdict::Verdict;
use crate::trial::measurement::{Measurement, StoreFingerprint};

/// The version of `analysis.json`.
const FORMAT_VERSION: u32 = 2;

/// Standard deviations above this percentage of the median cause a warning.
const NOISY_PERCENT: f64 = 10.0;

/// Step names of a phase.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Name of the sweep.
    pub sweep: &'a str,
    /// Name of the confirmation pairs of the candidate and the incumbent.
    pub confirmation: &'a str,
}

/// Step names of a session that is one sweep.
pub const NAMES: Names<'static> = Names { sweep: "sweep", confirmation: "confirmation" };

/// Result of a sweep; the content of `analysis.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// Hash of the session's plan.
    pub plan_hash: String,
    /// The scenario that was measured.
    pub scenario: Scenario,
    /// Records that each run read from its source.
    pub records: u32,
    /// True if interference or failures of the baseline made the measurement invalid.
    pub invalid: bool,
    /// Reason, if the measurement is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid_reason: Option<String>,
    /// Rows and checksum that every run stored.
    pub stored: StoreFingerprint,
    /// Every setting with at least one finished run, in the scenario's order.
    pub settings: Vec<SettingSummary>,
    /// Index of the baseline among `settings`.
    pub baseline: usize,
    /// Index of the eligible setting with the highest median rate; the baseline if there is none.
    /// A setting is eligible if it is within the limits and no run of it failed.
    pub highest: usize,
    /// Settings that may be the best; `None` if there is too little data.
    pub best: Option<BestSubset>,
    /// Index of the candidate: the smallest of the settings that may be the best.
    pub choice: usize,
    /// Result of the confirmation pairs; `None` if the baseline is the candidate or no pair has
    /// run.
    pub confirmation: Option<Comparison>,
    /// True if the candidate replaces the baseline.
    pub kept: bool,
    /// Failed runs of the sweep, including warm-ups and those of discarded blocks.
    pub failed: Vec<FailedRun>,
    /// Labels of settings without a finished run.
    pub unmeasured: Vec<String>,
    /// Reasons for caution; texts in files.
    pub doubts: Vec<Caveat>,
}

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedRun {
    /// Number of the trial in its step.
    pub trial: usize,
    /// Label of its setting.
    pub setting: String,
    /// Reason, as text.
    pub reason: String,
}

impl Analysis {
    /// Summary of the baseline.
    pub fn baseline(&self) -> &SettingSummary {
        &self.settings[self.baseline]
    }

    /// Summary of the setting with the highest median rate.
    pub fn highest(&self) -> &SettingSummary {
        &self.settings[self.highest]
    }

    /// Summary of the candidate.
    pub fn choice(&self) -> &SettingSummary {
        &self.settings[self.choice]
    }

    /// True if the setting at this index may be the best.
    pub fn may_be_best(&self, index: usize) -> bool {
        self.best.as_ref().is_some_and(|best| best.members.contains(&index))
    }

    /// Outcome of the phase, as files name it.
    pub fn answer(&self) -> PhaseOutcome {
        match &self.confirmation {
            _ if self.invalid => PhaseOutcome::Invalid,
            Some(confirmation) if confirmation.invalid => PhaseOutcome::Invalid,
            Some(confirmation) => match confirmation.verdict {
                Some(outcome) => PhaseOutcome::Confirmed(outcome),
                None => PhaseOutcome::NotConfirmed,
            },
            None if self.choice == self.baseline => PhaseOutcome::NothingToConfirm,
            None => PhaseOutcome::NotConfirmed,
        }
    }
}

/// Outcome of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseOutcome {
    /// Interference or failures of the baseline made it invalid.
    Invalid,
    /// Confirmation pairs decided on the candidate.
    Confirmed(Decision),
    /// The candidate is the incumbent.
    NothingToConfirm,
    /// No confirmation pair has run.
    NotConfirmed,
}

impl std::fmt::Display for PhaseOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid => f.write_str("INVALID"),
            Self::Confirmed(decision) => decision.fmt(f),
            Self::NothingToConfirm => f.write_str("nothing to confirm"),
            Self::NotConfirmed => f.write_str("not confirmed"),
        }
    }
}

/// Analyses a session that is one sweep. Fails if runs stored different rows, or if no run of the
/// baseline finished.
pub fn analyse(recorded: &SessionState) -> Result<Analysis> {
    let Some(scenario) = recorded.scenario(0) else {
        return Err(Error::environment("the session has no scenario"));
    };
    analyse_phase(recorded, scenario, NAMES, &TestPlan::one_look(scenario))
}

/// Analyses one phase: a sweep and the confirmation pairs of its candidate. The settings of
/// `scenario` are the arms of the sweep, in order. `terms` is the test of the pairs.
pub fn analyse_phase(
    recorded: &SessionState,
    scenario: &Scenario,
    names: Names<'_>,
    terms: &TestPlan,
) -> Result<Analysis> {
    let Some(sweep) = recorded.steps_of(names.sweep).next() else {
        return Err(Error::environment(format!("there is no step {}", names.sweep)));
    };
    let reason = recorded.invalid_reason().filter(|_| sweep.invalid);
    // If discarded blocks leave too little data, the interference is the error to report.
    figures(recorded, scenario, sweep, names, terms).map_err(|error| match (reason, error.kind()) {
        (Some(reason), ErrorKind::Environment) => invalid(&reason),
        _ => error,
    })
}

fn figures(
    recorded: &SessionState,
    scenario: &Scenario,
    sweep: &CompletedStep,
    names: Names<'_>,
    terms: &TestPlan,
) -> Result<Analysis> {
    let stored = check_stored_rows_agree(recorded, sweep.step.scenario)?;
    let counted: Vec<&TrialLine> = sweep.counted().flat_map(|block| &block.trials).collect();
    let (arms, measured) = measured(scenario, &counted)?;
    let Some(baseline) = arms.iter().position(|arm| *arm == scenario.baseline) else {
        return Err(no_baseline(scenario, &counted));
    };
    let confirmed: Vec<&CompletedStep> = recorded.steps_of(names.confirmation).collect();
    let mut settings = compared(measured, baseline);
    for (index, summary) in settings.iter_mut().enumerate() {
        let further = if index == baseline { &[][..] } else { &confirmed };
        summary.failures = failures(&summary.setting, sweep, further);
    }
    let unmeasured = (0..scenario.settings.len()).filter(|arm| !arms.contains(arm));
    let highest = highest(&settings, baseline);
    let best = super::best_subset::best(&settings, &arms, sweep);
    let margin = scenario.gate.margin;
    let choice = super::best_subset::choice(&settings, best.as_ref(), baseline, highest, margin);
    let confirmation = confirmation(recorded, names, terms)?;
    // A candidate that failed in its confirmation leaves the incumbent; no other was confirmed.
    let is_confirmed =
        |fresh: &Comparison| fresh.candidate.settings == settings[choice].setting.settings;
    let choice = match &confirmation {
        Some(fresh) if !is_confirmed(fresh) => baseline,
        _ => choice,
    };
    let records = recorded.records.get(sweep.step.scenario).and_then(Option::as_ref);
    let mut analysis = Analysis {
        format: FORMAT_VERSION,
        plan_hash: recorded.session.plan_hash.clone(),
        scenario: scenario.clone(),
        records: records.map_or(0, |line| line.records),
        invalid: sweep.invalid,
        invalid_reason: recorded.invalid_reason().filter(|_| sweep.invalid),
        stored,
        kept: confirmation.as_ref().is_some_and(|fresh| keeps(fresh, scenario)),
        unmeasured: unmeasured.map(|arm| scenario.settings[arm].label.clone()).collect(),
        failed: sweep.results().filter_map(|line| failed_run(scenario, line)).collect(),
        highest,
        best,
        choice,
        confirmation,
        settings,
        baseline,
        doubts: Vec::new(),
    };
    analysis.doubts = warnings(&analysis, recorded, sweep);
    Ok(analysis)
}

/// Result of the confirmation pairs, if any have run.
fn confirmation(
    recorded: &SessionState,
    names: Names<'_>,
    terms: &TestPlan,
) -> Result<Option<Comparison>> {
    if recorded.steps_of(names.confirmation).next().is_none() {
        return Ok(None);
    }
    compare(recorded, names.confirmation, terms).map(Some)
}

/// True if the candidate replaces the incumbent: it is better, or it is no worse and either uses
/// less memory or is the only one within the limits (statistics.md 3).
fn keeps(fresh: &Comparison, scenario: &Scenario) -> bool {
    match fresh.decided() {
        Some(Verdict::Improved) => true,
        Some(Verdict::Pass) => {
            let (Some(present), Some(choice)) = (&fresh.baseline.figures, &fresh.candidate.figures)
            else {
                return false;
            };
            let memory = |figures: &ArmSummary| figures.metrics.peak_rss_bytes.median;
            let smaller = super::best_subset::is_larger(
                memory(present),
                memory(choice),
                scenario.gate.margin,
            );
            smaller || !within_limits(present, scenario)
        }
        _ => false,
    }
}

fn within_limits(figures: &ArmSummary, scenario: &Scenario) -> bool {
    let latency = figures.metrics.get(Metric::LatencyP99).map_or(0.0, |latency| latency.max);
    figures.metrics.peak_rss_bytes.max <= scenario.limits.peak_rss_bytes as f64
        && scenario.limits.latency_p99_ms.is_none_or(|most| latency <= f64::from(most.get()))
}

/// Summaries of all settings with a finished run, before comparison with the baseline, and their
/// indices in the scenario.
fn measured(
    scenario: &Scenario,
    counted: &[&TrialLine],
) -> Result<(Vec<usize>, Vec<SettingSummary>)> {
    let (mut arms, mut summaries) = (Vec::new(), Vec::new());
    for (index, setting) in scenario.settings.iter().enumerate() {
        let runs: Vec<&Measurement> = counted
            .iter()
            .filter(|line| line.trial.arm == index)
            .map(|line| &line.measurement)
            .collect();
        let Some(figures) = ArmSummary::of(&runs)? else {
            continue;
        };
        arms.push(index);
        summaries.push(SettingSummary {
            setting: setting.clone(),
            within_limits: within_limits(&figures, scenario),
            failures: FailureCount::default(),
            vs_baseline_percent: 0.0,
            figures,
        });
    }
    Ok((arms, summaries))
}

/// Failed runs of a setting in its sweep and in its confirmation.
fn failures(
    setting: &Setting,
    sweep: &CompletedStep,
    confirmed: &[&CompletedStep],
) -> FailureCount {
    let ran = std::iter::once(&sweep).chain(confirmed);
    FailureCount::of(ran.flat_map(|ran| {
        let is_ours = |line: &&TrialLine| {
            let arm = ran.step.arms.get(line.trial.arm);
            arm.is_some_and(|arm| arm.setting.settings == setting.settings)
        };
        ran.results().filter(is_ours)
    }))
}

fn compared(mut settings: Vec<SettingSummary>, baseline: usize) -> Vec<SettingSummary> {
    let base = settings[baseline].metrics.rec_per_min.median;
    for summary in &mut settings {
        summary.vs_baseline_percent = (summary.metrics.rec_per_min.median / base - 1.0) * 100.0;
    }
    settings
}

/// On equal medians, prefers the baseline, then the first.
fn highest(settings: &[SettingSummary], baseline: usize) -> usize {
    let rate = |index: usize| settings[index].metrics.rec_per_min.median;
    let better = |a: &usize, b: &usize| {
        let same = (*a == baseline).cmp(&(*b == baseline)).then(b.cmp(a));
        rate(*a).total_cmp(&rate(*b)).then(same)
    };
    let eligible = (0..settings.len()).filter(|index| settings[*index].is_eligible());
    eligible.max_by(better).unwrap_or(baseline)
}

fn failed_run(scenario: &Scenario, line: &TrialLine) -> Option<FailedRun> {
    line.measurement.failure().map(|failure| FailedRun {
        trial: line.trial.number,
        setting: scenario.settings[line.trial.arm].label.clone(),
        reason: failure.to_string(),
    })
}

/// Error of an invalid measurement.
pub fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("invalid: {reason}"))
}

fn no_baseline(scenario: &Scenario, counted: &[&TrialLine]) -> Error {
    let label = &scenario.settings[scenario.baseline].label;
    let failed = counted
        .iter()
        .filter(|line| line.trial.arm == scenario.baseline)
        .find_map(|line| line.measurement.failure());
    let reason = failed.map(|failure| format!(": {failure}")).unwrap_or_default();
    Error::environment(format!("no run of the baseline ({label}) finished{reason}"))
}

fn warnings(analysis: &Analysis, recorded: &SessionState, sweep: &CompletedStep) -> Vec<Caveat> {
    let mut doubts = Vec::new();
    let of = recorded.shards.first().map_or(0, |shard| shard.of.get());
    if recorded.shards.len() < of {
        doubts.push(Caveat::Shards(recorded.shards.clone()));
    }
    let disturbed: Vec<_> = sweep.voided.iter().filter(|voided| voided.is_disturbed()).collect();
    if let Some(first) = disturbed.first() {
        let first = first.reason.to_string();
        doubts.push(Caveat::Voided { blocks: disturbed.len(), first });
    }
    let repeated = sweep.voided.iter().find(|voided| !voided.is_disturbed());
    doubts.extend(repeated.map(|voided| Caveat::Repeated { reason: voided.reason.to_string() }));
    if analysis.scenario.quick {
        doubts.push(Caveat::Quick { runs: analysis.scenario.runs, records: analysis.records });
    }
    if analysis.stored.checksum.is_empty() {
        doubts.push(Caveat::Unverified);
    }
    if analysis.scenario.link.is_simulated() {
        doubts.push(Caveat::SimulatedLink(analysis.scenario.link));
    }
    match analysis.answer() {
        PhaseOutcome::NothingToConfirm => doubts.push(Caveat::NothingToConfirm),
        PhaseOutcome::NotConfirmed => {
            doubts.push(Caveat::NotConfirmed { settings: analysis.settings.len() });
        }
        PhaseOutcome::Invalid | PhaseOutcome::Confirmed(_) => {}
    }
    if let Some(fresh) = &analysis.confirmation {
        doubts.extend(fresh.warnings.iter().copied().map(Caveat::Confirmation));
        let large = fresh.large_improvements(Some(&analysis.stored));
        doubts.extend(large.into_iter().map(Caveat::LargeImprovement));
    }
    let failing = analysis.settings.iter().filter(|summary| !summary.failures.is_zero());
    doubts.extend(failing.map(|summary| Caveat::Failed {
        setting: summary.setting.label.clone(),
        failures: summary.failures.clone(),
    }));
    let unmeasured = analysis.unmeasured.iter().cloned();
    doubts.extend(unmeasured.map(|setting| Caveat::Unmeasured { setting }));
    doubts.extend(analysis.settings.iter().flat_map(|summary| warnings_of(summary, analysis)));
    doubts
}

fn warnings_of(summary: &SettingSummary, analysis: &Analysis) -> impl Iterator<Item = Caveat> {
    let label = || summary.setting.label.clone();
    let rate = &summary.metrics.rec_per_min;
    let std_dev_percent = rate.std_dev.map_or(0.0, |std_dev| std_dev / rate.median * 100.0);
    let noisy = (std_dev_percent > NOISY_PERCENT)
        .then(|| Caveat::Noisy { setting: label(), percent: std_dev_percent });
    let limits = &analysis.scenario.limits;
    let peak_rss_bytes = summary.metrics.peak_rss_bytes.max;
    let over = (peak_rss_bytes > limits.peak_rss_bytes as f64).then(|| Caveat::OverLimit {
        setting: label(),
        peak_rss_bytes,
        limit_bytes: limits.peak_rss_bytes,
    });
    let latency = summary.metrics.get(Metric::LatencyP99).zip(limits.latency_p99_ms);
    let late = latency.and_then(|(latency, most)| {
        let limit_ms = f64::from(most.get());
        let late = Caveat::Late { setting: label(), p99_ms: latency.max, limit_ms };
        (latency.max > limit_ms).then_some(late)
    });
    let settings = &summary.setting.settings;
    let needed = 2 * settings.workers.get() * settings.batch_size.get();
    // Every setting of a `--quick` run has too few records by design.
    let few = (!analysis.scenario.quick && needed > analysis.records as usize)
        .then(|| Caveat::FewBatches { setting: label() });
    [noisy, over, late, few].into_iter().flatten()
}
