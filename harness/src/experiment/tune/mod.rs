//! The strategy of `harness tune`, and what its session says: every phase of a plan swept, chosen
//! and confirmed by fresh pairs, kept or not; what is kept against the baseline; each optimization
//! alone. Pure; no arithmetic on figures that [`crate::analysis::sweep`] or [`crate::analysis::comparison`] do not do.

mod final_steps;
mod forecast;
pub mod log_lines;
mod replay;
mod sample_size;

use std::num::NonZeroU32;

use migrator::config::Settings;
use serde::Serialize;

pub use forecast::{Fit, Forecast, PhaseRuns, first_sweep};
pub use replay::{LAST, PILOT, REST};
pub use sample_size::{Effort, Left};

use crate::analysis::arm_summary::Figures;
use crate::analysis::comparison::Comparison;
use crate::analysis::consistency::agreed;
use crate::analysis::sweep::Analysis;
use crate::error::{Error, Result};
use crate::scenario::schedule;
use crate::scenario::tune_plan::{Phase, Target, Tune};
use crate::scenario::{Scenario, Setting};
use crate::session::ledger::{Ending, Kind};
use crate::session::state::Recorded;
use crate::session::strategy::{Next, Strategy};
use crate::stats::group_sequential;
use crate::stats::holm;
use crate::stats::verdict::{ONE_LOOK_ALPHA, Verdict};
use crate::trial::measurement::Stored;

/// The version of a tune session's `analysis.json`.
const FORMAT_VERSION: u32 = 1;

/// Tunes a session's plan.
#[derive(Debug, Clone, Copy)]
pub struct Tuner;

impl Strategy for Tuner {
    fn next(&self, recorded: &Recorded) -> Next {
        let Some((base, tune)) = planned(recorded) else {
            return Next::Done(Ending::Complete);
        };
        match replay::walk(recorded, base, tune).next {
            Some(step) => Next::Step(step),
            None if recorded.steps.iter().any(|ran| ran.invalid) => Next::Done(Ending::Invalid),
            None => Next::Done(Ending::Complete),
        }
    }

    fn ahead(&self, recorded: &Recorded) -> usize {
        let before = recorded.until(recorded.steps.len().saturating_sub(1));
        planned(recorded).map_or(0, |(base, tune)| replay::walk(&before, base, tune).ahead)
    }

    /// Enough for the largest batch of any phase.
    fn records_least(&self, recorded: &Recorded, _: usize) -> NonZeroU32 {
        let Some((base, tune)) = planned(recorded) else {
            return NonZeroU32::MIN;
        };
        let present = &base.settings[base.baseline].settings;
        let scenarios = tune.phases.iter().filter_map(|phase| phase.scenario(base, present).ok());
        let settings: Vec<Setting> = scenarios.flat_map(|scenario| scenario.settings).collect();
        schedule::records_least(&settings)
    }

    fn remarks(&self, recorded: &Recorded) -> Vec<String> {
        let Some((base, tune)) = planned(recorded) else {
            return Vec::new();
        };
        let now = recorded.steps.len();
        let all = replay::walk(recorded, base, tune).remarks.into_iter();
        all.filter(|(at, _)| *at == now).map(|(_, text)| text).collect()
    }
}

/// The plan of a session that is one.
fn planned(recorded: &Recorded) -> Option<(&Scenario, &Tune)> {
    match &recorded.session.session.of {
        Kind::Tune(tune) => Some((recorded.scenario(0)?, tune)),
        _ => None,
    }
}

/// What a session of a plan says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuning {
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
    pub effort: Option<Effort>,
    /// What the baseline's first runs gave.
    pub baseline: Option<Figures>,
    /// The phases in the order in which they ended, second sweeps after the others.
    pub phases: Vec<Tuned>,
    /// What is kept against the baseline, and what was left of it where that was worse.
    pub last: Vec<Comparison>,
    /// Each optimization alone against the baseline.
    pub alone: Vec<Alone>,
    /// The claims of the phases as one family.
    pub family: Vec<Claim>,
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
pub struct Tuned {
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
    pub present_figures: Option<Figures>,
}

/// An optimization alone against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alone {
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
pub struct Claim {
    /// The name of the phase's steps.
    pub name: String,
    /// p of no improvement.
    pub p: f64,
    /// By Holm's correction over the family.
    pub adjusted_p: f64,
    /// Whether the claim holds in the family.
    pub holds: bool,
}

impl Tuned {
    fn of(phase: &Phase, name: &str, before: &Settings, again: bool) -> Self {
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
    fn conclude(&mut self, phase: &Phase, analysis: Analysis) {
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
        log_lines::verdict(self.analysis.as_ref()?.answer())
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
    let rate = |figures: &Option<Figures>| {
        figures.as_ref().map(|figures| figures.metrics.rec_per_min.median)
    };
    let (before, after) = (rate(&found.baseline.figures)?, rate(&found.candidate.figures)?);
    Some((after / before - 1.0) * 100.0)
}

impl Tuning {
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

/// What a session says. Runs that stored different things are an error that names them.
pub fn tuning(recorded: &Recorded) -> Result<Tuning> {
    let Some((base, tune)) = planned(recorded) else {
        return Err(Error::environment("the session has no plan of phases"));
    };
    let stored = agreed(recorded, 0)?;
    let walk = replay::walk(recorded, base, tune);
    let records = recorded.records.first().and_then(Option::as_ref);
    Ok(Tuning {
        format: FORMAT_VERSION,
        plan_hash: recorded.session.plan_hash.clone(),
        scenario: base.clone(),
        target: tune.target,
        records: records.map_or(0, |line| line.records),
        stored,
        budget_s: tune.budget_s.get(),
        used_s: walk.used_s,
        family: family(&walk.tuned, walk.effort.as_ref()),
        effort: walk.effort,
        baseline: walk.pilot,
        phases: walk.tuned,
        last: walk.last,
        alone: walk.alone,
        settings_baseline: base.settings[base.baseline].settings.clone(),
        settings: walk.present,
        undone: walk.undone,
        invalid: recorded.steps.iter().any(|ran| ran.invalid),
    })
}

/// The tests of all phases that could claim an improvement, at the error of one look.
fn family(phases: &[Tuned], effort: Option<&Effort>) -> Vec<Claim> {
    let one_look = effort.is_none_or(|effort| effort.pairs.len() == 1);
    let alpha = if one_look { ONE_LOOK_ALPHA } else { group_sequential::ALPHA };
    let tested: Vec<(&Tuned, f64)> = phases
        .iter()
        .filter_map(|tuned| {
            let judgement = tuned.confirmation()?.primary()?.finding.judgement?;
            Some((tuned, judgement.p.better))
        })
        .collect();
    let adjusted = holm::adjusted(&tested.iter().map(|(_, p)| *p).collect::<Vec<f64>>());
    let claim = |((tuned, p), adjusted_p): (&(&Tuned, f64), f64)| Claim {
        name: tuned.name.clone(),
        p: *p,
        adjusted_p,
        holds: adjusted_p <= alpha,
    };
    tested.iter().zip(adjusted).map(claim).collect()
}
