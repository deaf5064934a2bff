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
use crate::trial::measurement::Stored;

/// What a session of a plan says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TuneResult {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// `schedule::hash` of the session.
    pub plan_hash: String,
    /// What all phases share.
    pub scenario: Scenario,
    /// What the plan wants to reach.
    pub target: Option<Target>,
    /// Records that each run read from its source.
    pub records: u32,
    /// What every run stored.
    pub stored: Stored,
    /// Seconds that the session could take.
    pub budget_s: u64,
    /// Seconds that it took, reckoned from its runs.
    pub used_s: f64,
    /// How much was measured.
    pub effort: Option<SampleSizes>,
    /// What the baseline's first runs gave.
    pub baseline: Option<ArmSummary>,
    /// The phases in the order in which they ended, second sweeps after the others.
    pub phases: Vec<PhaseResult>,
    /// What is kept against the baseline, and what was left of it where that was worse.
    pub last: Vec<Comparison>,
    /// Each optimization alone against the baseline.
    pub alone: Vec<Ablation>,
    /// The claims of the phases as one family.
    pub family: Vec<FamilyClaim>,
    /// The settings before.
    pub settings_baseline: Settings,
    /// The settings to use.
    pub settings: Settings,
    /// What there was no time for.
    pub undone: Vec<String>,
    /// Whether a step was invalid.
    pub invalid: bool,
}

/// What a phase came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseResult {
    /// Its number in the plan.
    pub phase: String,
    /// The name of its steps: the number, and that it is the second time.
    pub name: String,
    /// What it calls itself.
    pub optimization: String,
    /// The question.
    pub why: String,
    /// What the plan expects of it, in percent.
    pub expected_percent: Option<[f64; 2]>,
    /// Whether it is the second sweep.
    pub again: bool,
    /// The settings when it began.
    pub before: Settings,
    /// The settings when it ended.
    pub after: Settings,
    /// The values of `before` and `after` that it varies, such as `batch_size=200`.
    pub labels: [String; 2],
    /// The share of the time that parsing took, where that was asked.
    pub parse_share: Option<f64>,
    /// Why it was not measured.
    pub skipped: Option<String>,
    /// What sweep and fresh pairs say.
    pub analysis: Option<Analysis>,
    /// Whether its choice took the present setting's place.
    pub kept: bool,
    /// Whether that was taken back at the end.
    pub taken_back: bool,
    /// What a commit that takes it over says, without what it brings.
    pub commit: String,
    /// The latest figures of `before`, for a phase that has none of its own.
    #[serde(skip)]
    pub present_figures: Option<ArmSummary>,
}

/// An optimization alone against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ablation {
    /// The phase.
    pub phase: String,
    /// Its value.
    pub label: String,
    /// The step that measured it: its own, or one that compared the same two already.
    pub from: String,
    /// What the pairs say.
    #[serde(flatten)]
    pub found: Comparison,
}

/// One phase's claim to be an improvement, among those of the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyClaim {
    /// The name of the phase's steps.
    pub name: String,
    /// p of no improvement.
    pub p: f64,
    /// By Holm's correction over the family.
    pub adjusted_p: f64,
    /// Whether the claim holds in the family.
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
            taken_back: false,
            commit: String::new(),
            present_figures: None,
        }
    }

    /// Takes what the analysis says: kept or not, and what is in use then.
    pub(super) fn conclude(&mut self, phase: &Phase, analysis: Analysis) {
        self.kept = analysis.kept;
        if analysis.kept {
            self.after = analysis.choice().setting.settings.clone();
            self.labels[1] = phase.label(&self.after);
            self.commit = phase.commit(&self.after);
        }
        self.analysis = Some(analysis);
    }

    /// The fresh pairs of its choice, where there are any.
    pub fn confirmation(&self) -> Option<&Comparison> {
        self.analysis.as_ref().and_then(|analysis| analysis.confirmation.as_ref())
    }

    /// What those say.
    pub fn verdict(&self) -> Option<Verdict> {
        verdict(self.analysis.as_ref()?.answer())
    }

    /// On which verdict its choice was kept.
    pub fn kept_on(&self) -> Option<Verdict> {
        self.verdict().filter(|_| self.kept)
    }

    /// Whether its choice is in use at the end.
    pub fn is_in_use(&self) -> bool {
        self.kept && !self.taken_back
    }

    /// By how much its fresh pairs' median rate changed, in percent; nothing where there are none.
    pub fn change_percent(&self) -> Option<f64> {
        improvement(self.confirmation()?)
    }
}

/// The candidate's median rate over the baseline's, less 1, in percent.
pub fn improvement(found: &Comparison) -> Option<f64> {
    let rate = |figures: &Option<ArmSummary>| {
        figures.as_ref().map(|figures| figures.metrics.rec_per_min.median)
    };
    let (before, after) = (rate(&found.baseline.figures)?, rate(&found.candidate.figures)?);
    Some((after / before - 1.0) * 100.0)
}

impl TuneResult {
    /// The comparison of what is in use with the baseline; nothing where that is the baseline.
    pub fn final_test(&self) -> Option<&Comparison> {
        let last = self.last.last()?;
        (last.candidate.settings == self.settings).then_some(last)
    }

    /// Whether everything is as it was before.
    pub fn is_unchanged(&self) -> bool {
        self.settings == self.settings_baseline
    }
}

/// Whether an answer is a verdict, and which.
fn verdict(answer: PhaseOutcome) -> Option<Verdict> {
    match answer {
        PhaseOutcome::Confirmed(Decision::Judged(verdict)) => Some(verdict),
        _ => None,
    }
}
