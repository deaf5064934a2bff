//! Results of a tuning session: each phase, what is kept, and each optimization alone.

use migrator::config::Settings;
use serde::Serialize;

use super::sample_size::SampleSizes;
use crate::analysis::arm_summary::ArmSummary;
use crate::analysis::comparison::Comparison;
use crate::analysis::sweep::{Analysis, PhaseOutcome};
use crate::analysis::test_result::Decision;
use crate::scenario::Scenario;
use crate::scenario::tune_plan::{Phase, Target};
use crate::stats::verdict::Verdict;
use crate::trial::measurement::StoreFingerprint;

/// Result of a tune session; the content of its `analysis.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TuneResult {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// Hash of the session's plan.
    pub plan_hash: String,
    /// Scenario that all phases share.
    pub scenario: Scenario,
    /// Target of the plan.
    pub target: Option<Target>,
    /// Records per run.
    pub records: u32,
    /// Rows and checksum that every run stored.
    pub stored: StoreFingerprint,
    /// Budget in seconds.
    pub budget_s: u64,
    /// Seconds used, estimated from the runs.
    pub used_s: f64,
    /// Sample sizes.
    pub effort: Option<SampleSizes>,
    /// Summary of the baseline's first runs.
    pub baseline: Option<ArmSummary>,
    /// Phases in the order in which they finished; second sweeps come last.
    pub phases: Vec<PhaseResult>,
    /// Comparisons of the kept settings with the baseline: all of them, then the remaining ones
    /// after a regression.
    pub last: Vec<Comparison>,
    /// Each optimization alone against the baseline.
    pub alone: Vec<Ablation>,
    /// Claims of all phases as one family.
    pub family: Vec<FamilyClaim>,
    /// Settings before the plan.
    pub settings_baseline: Settings,
    /// Settings to use.
    pub settings: Settings,
    /// Names of steps skipped for time.
    #[serde(rename = "undone")]
    pub skipped_for_time: Vec<String>,
    /// True if a step was invalid.
    pub invalid: bool,
}

/// Result of a phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseResult {
    /// Number in the plan.
    pub phase: String,
    /// Name of its steps: the number, and a mark for the second sweep.
    pub name: String,
    /// Name of the optimization.
    pub optimization: String,
    /// Question that it answers.
    pub why: String,
    /// Improvement that the plan expects, from and to, in percent.
    pub expected_percent: Option<[f64; 2]>,
    /// True for the second sweep.
    pub again: bool,
    /// Settings before the phase.
    pub before: Settings,
    /// Settings after the phase.
    pub after: Settings,
    /// Varied values of `before` and `after`, such as `batch_size=200`.
    pub labels: [String; 2],
    /// Share of parsing time, if the phase depends on it.
    pub parse_share: Option<f64>,
    /// Reason if the phase was skipped.
    pub skipped: Option<String>,
    /// Analysis of sweep and confirmation.
    pub analysis: Option<Analysis>,
    /// True if the candidate replaced the incumbent.
    pub kept: bool,
    /// True if it was reverted at the end.
    #[serde(rename = "taken_back")]
    pub reverted: bool,
    /// Failed runs with its settings, as text, if it was reverted because of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_back_for: Option<String>,
    /// Commit message for the change, without the improvement.
    pub commit: String,
    /// Latest summary of `before`, for a phase without one of its own.
    #[serde(skip)]
    pub present_figures: Option<ArmSummary>,
}

/// Comparison of one optimization alone with the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ablation {
    /// Phase.
    pub phase: String,
    /// Its value.
    pub label: String,
    /// Step that measured it: its own, or an earlier one with the same settings.
    pub from: String,
    /// Comparison of the pairs.
    #[serde(flatten)]
    pub found: Comparison,
}

/// Claim of improvement by one phase, in the family of all phases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyClaim {
    /// Name of the phase's steps.
    pub name: String,
    /// p-value of no improvement.
    pub p: f64,
    /// p-value after Holm's correction over the family.
    pub adjusted_p: f64,
    /// True if the claim holds after correction.
    pub holds: bool,
}

impl PhaseResult {
    pub(super) fn of(phase: &Phase, name: &str, before: &Settings, again: bool) -> Self {
        Self {
            phase: phase.phase.clone(),
            name: name.into(),
            optimization: phase.optimization.clone(),
            why: phase.why.clone(),
            expected_percent: phase.expected_percent,
            again,
            before: before.clone(),
            after: before.clone(),
            labels: [phase.label(before), phase.label(before)],
            parse_share: None,
            skipped: None,
            analysis: None,
            kept: false,
            reverted: false,
            taken_back_for: None,
            commit: String::new(),
            present_figures: None,
        }
    }

    /// Applies the analysis: whether the candidate is kept, and the settings after it.
    pub(super) fn conclude(&mut self, phase: &Phase, analysis: Analysis) {
        self.kept = analysis.kept;
        if analysis.kept {
            self.after = analysis.choice().setting.settings.clone();
            self.labels[1] = phase.label(&self.after);
            self.commit = phase.commit(&self.after);
        }
        self.analysis = Some(analysis);
    }

    /// Reverts the candidate, because runs with its settings failed.
    pub(super) fn take_back_for(&mut self, failures: String) {
        self.reverted = true;
        self.taken_back_for = Some(failures);
    }

    /// Confirmation of the candidate, if there is one.
    pub fn confirmation(&self) -> Option<&Comparison> {
        self.analysis.as_ref().and_then(|analysis| analysis.confirmation.as_ref())
    }

    /// Verdict of the confirmation.
    pub fn verdict(&self) -> Option<Verdict> {
        verdict(self.analysis.as_ref()?.answer())
    }

    /// Verdict on which the candidate was kept.
    pub fn kept_on(&self) -> Option<Verdict> {
        self.verdict().filter(|_| self.kept)
    }

    /// True if the candidate is in use at the end.
    pub fn is_active(&self) -> bool {
        self.kept && !self.reverted
    }

    /// Change of the median rate in the confirmation, in percent; `None` without one.
    pub fn change_percent(&self) -> Option<f64> {
        improvement(self.confirmation()?)
    }
}

/// Median rate of the candidate relative to the baseline's, minus 1, in percent.
pub fn improvement(found: &Comparison) -> Option<f64> {
    let rate = |figures: &Option<ArmSummary>| {
        figures.as_ref().map(|figures| figures.metrics.rec_per_min.median)
    };
    let (before, after) = (rate(&found.baseline.figures)?, rate(&found.candidate.figures)?);
    Some((after / before - 1.0) * 100.0)
}

impl TuneResult {
    /// Comparison of the final settings with the baseline; `None` if they are the baseline.
    pub fn final_test(&self) -> Option<&Comparison> {
        let last = self.last.last()?;
        (last.candidate.settings == self.settings).then_some(last)
    }

    /// True if no setting changed.
    pub fn is_unchanged(&self) -> bool {
        self.settings == self.settings_baseline
    }
}

/// Verdict of an outcome, if it has one.
fn verdict(answer: PhaseOutcome) -> Option<Verdict> {
    match answer {
        PhaseOutcome::Confirmed(Decision::Judged(verdict)) => Some(verdict),
        _ => None,
    }
}
