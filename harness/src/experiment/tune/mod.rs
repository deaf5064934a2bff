//! Strategy of `harness tune`: sweeps every phase, confirms its candidate by new pairs, and keeps
//! or rejects it. Last it compares all kept settings with the baseline, and each optimization
//! alone.

mod final_steps;
mod forecast;
pub(crate) mod log_lines;
mod replay;
mod result;
mod sample_size;

use std::num::NonZeroU32;

pub use forecast::{Fit, Forecast, PhaseRuns, first_sweep};
pub use replay::{BASELINE_STEP, FINAL_STEP, REDUCED_FINAL_STEP};
pub use result::{Ablation, FamilyClaim, PhaseResult, TuneResult, improvement};
pub use sample_size::{RemainingWork, SampleSizes};

use crate::analysis::consistency::check_stored_rows_agree;
use crate::error::{Error, Result};
use crate::scenario::schedule;
use crate::scenario::tune_plan::Tune;
use crate::scenario::{Scenario, Setting};
use crate::session::ledger::{Ending, Kind};
use crate::session::state::SessionState;
use crate::session::strategy::{NextStep, Strategy};
use crate::stats::group_sequential;
use crate::stats::holm;
use crate::stats::verdict::ONE_LOOK_ALPHA;

/// Version of a tune session's `analysis.json`.
const FORMAT_VERSION: u32 = 1;

/// Tunes a session's plan.
#[derive(Debug, Clone, Copy)]
pub struct TuneStrategy;

impl Strategy for TuneStrategy {
    fn next(&self, recorded: &SessionState) -> NextStep {
        let Some((base, tune)) = planned(recorded) else {
            return NextStep::Done(Ending::Complete);
        };
        if recorded.fails_in_baseline() {
            return NextStep::Done(Ending::Invalid);
        }
        match replay::walk(recorded, base, tune).next {
            Some(step) => NextStep::Step(step),
            None if recorded.steps.iter().any(|ran| ran.invalid) => NextStep::Done(Ending::Invalid),
            None => NextStep::Done(Ending::Complete),
        }
    }

    fn ahead(&self, recorded: &SessionState) -> usize {
        let before = recorded.until(recorded.steps.len().saturating_sub(1));
        planned(recorded).map_or(0, |(base, tune)| replay::walk(&before, base, tune).ahead)
    }

    /// Enough for the largest batch of any phase.
    fn min_records(&self, recorded: &SessionState, _: usize) -> NonZeroU32 {
        let Some((base, tune)) = planned(recorded) else {
            return NonZeroU32::MIN;
        };
        let present = &base.settings[base.baseline].settings;
        let scenarios = tune.phases.iter().filter_map(|phase| phase.scenario(base, present).ok());
        let settings: Vec<Setting> = scenarios.flat_map(|scenario| scenario.settings).collect();
        schedule::min_records(&settings)
    }

    fn remarks(&self, recorded: &SessionState) -> Vec<String> {
        let Some((base, tune)) = planned(recorded) else {
            return Vec::new();
        };
        let now = recorded.steps.len();
        let all = replay::walk(recorded, base, tune).remarks.into_iter();
        all.filter(|(at, _)| *at == now).map(|(_, text)| text).collect()
    }
}

/// Plan of a tune session.
fn planned(recorded: &SessionState) -> Option<(&Scenario, &Tune)> {
    match &recorded.session.session.of {
        Kind::Tune(tune) => Some((recorded.scenario(0)?, tune)),
        _ => None,
    }
}

/// Summarizes a tune session. Fails if runs stored different rows.
pub fn summarize(recorded: &SessionState) -> Result<TuneResult> {
    let Some((base, tune)) = planned(recorded) else {
        return Err(Error::environment("the session is not a tuning session"));
    };
    let stored = check_stored_rows_agree(recorded, 0)?;
    let walk = replay::walk(recorded, base, tune);
    let records = recorded.records.first().and_then(Option::as_ref);
    Ok(TuneResult {
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
        skipped_for_time: walk.skipped_for_time,
        invalid: recorded.steps.iter().any(|ran| ran.invalid),
    })
}

/// Claims of all phases that could be improvements, at the error level of one look.
fn family(phases: &[PhaseResult], effort: Option<&SampleSizes>) -> Vec<FamilyClaim> {
    let one_look = effort.is_none_or(|effort| effort.pairs.len() == 1);
    let alpha = if one_look { ONE_LOOK_ALPHA } else { group_sequential::POCOCK_ALPHA };
    let tested: Vec<(&PhaseResult, f64)> = phases
        .iter()
        .filter_map(|tuned| {
            let judgement = tuned.confirmation()?.primary()?.finding.judgement?;
            Some((tuned, judgement.p.better))
        })
        .collect();
    let adjusted = holm::adjusted(&tested.iter().map(|(_, p)| *p).collect::<Vec<f64>>());
    let claim = |((tuned, p), adjusted_p): (&(&PhaseResult, f64), f64)| FamilyClaim {
        name: tuned.name.clone(),
        p: *p,
        adjusted_p,
        holds: adjusted_p <= alpha,
    };
    tested.iter().zip(adjusted).map(claim).collect()
}
