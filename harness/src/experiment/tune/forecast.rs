//! Forecast of a plan before it runs: the number of runs of each step, and the sample sizes that
//! fit its budget. It assumes several durations of a run.

use serde::Serialize;

use super::sample_size::{PILOT_RUNS, PROFILE_RUNS, RemainingWork, SampleSizes};
use crate::scenario::schedule::{Schedule, derive_seed};
use crate::scenario::step::Step;
use crate::scenario::tune_plan::{Phase, Tune};
use crate::scenario::{Records, Scenario};
use crate::session::budget::{START_S, Time};

/// Assumed durations of a run, in seconds.
const RUN_S: [f64; 5] = [0.5, 1.0, 2.0, 3.0, 5.0];

/// Forecast of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Budget of the session in seconds.
    pub budget_s: u64,
    /// Runs of the baseline, on which estimates are based.
    pub baseline_runs: usize,
    /// Phases in plan order.
    pub phases: Vec<PhaseRuns>,
    /// Runs of the final comparison with the baseline.
    pub last_runs: usize,
    /// Maximum number of runs of each optimization alone.
    pub alone_runs: usize,
    /// Sample sizes by duration of a run; empty for a `--quick` run, which has no budget.
    pub fits: Vec<Fit>,
}

/// Runs of a phase without a time limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseRuns {
    /// Number in the plan.
    pub phase: String,
    /// Varied settings.
    pub swept: Vec<String>,
    /// Values, joined by × for several settings, including the baseline's.
    pub values: Vec<String>,
    /// Runs of its profile.
    pub profile_runs: usize,
    /// Minimum share of parsing time; below it the phase is skipped.
    pub parse_share_min: Option<f64>,
    /// Runs of its sweep.
    pub sweep_runs: usize,
    /// Runs of the confirmation pairs.
    pub pairs_runs: usize,
    /// True if it is swept again at the end.
    pub again: bool,
}

/// Sample sizes for one duration of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Seconds of a run including overhead.
    pub run_s: f64,
    /// Blocks of a sweep.
    pub blocks: u32,
    /// Confirmation pairs by look.
    pub pairs: Vec<u32>,
    /// Total seconds if no phase finds anything.
    pub least_s: f64,
    /// Total seconds if one or two phases find something.
    pub expected_s: f64,
}

impl Forecast {
    /// Forecast of a plan's session.
    pub fn of(base: &Scenario, tune: &Tune) -> Self {
        let phases: Vec<PhaseRuns> =
            tune.phases.iter().map(|phase| phase_runs(base, phase)).collect();
        let pairs = 2 * base.pairs as usize;
        let fits = match base.workload.records {
            _ if base.quick => Vec::new(),
            // If the largest batches need more records, runs take longer than requested.
            Records::Auto { run_seconds } => std::iter::once(run_seconds)
                .chain(RUN_S.into_iter().filter(|run_s| *run_s > run_seconds))
                .map(|run_s| fit(base, tune, &phases, run_s))
                .collect(),
            Records::Fixed(_) => RUN_S.map(|run_s| fit(base, tune, &phases, run_s)).into(),
        };
        Self {
            budget_s: tune.budget_s.get(),
            baseline_runs: if base.quick { 1 } else { PILOT_RUNS },
            last_runs: pairs,
            alone_runs: phases.len().saturating_sub(1) * pairs,
            phases,
            fits,
        }
    }
}

/// Sweep of the first phase with all blocks, in run order. `None` if its settings conflict with the
/// baseline's.
pub fn first_sweep(base: &Scenario, tune: &Tune) -> Option<Step> {
    let phase = tune.phases.first()?;
    let scenario = phase.scenario(base, &base.settings[base.baseline].settings).ok()?;
    Some(sweep(&phase.phase, &scenario))
}

/// Sweep of a phase: the blocks of its scenario, in an order of their own.
pub(super) fn sweep(name: &str, scenario: &Scenario) -> Step {
    let mut step = Step::sweep(name, 0, scenario);
    let (runs, warmup) = (scenario.runs as usize, scenario.warmup as usize);
    step.plan =
        Schedule::sweep(scenario.settings.len(), runs, warmup, derive_seed(scenario.seed, name, 1));
    step
}

fn phase_runs(base: &Scenario, phase: &Phase) -> PhaseRuns {
    let present = &base.settings[base.baseline].settings;
    let settings = phase.scenario(base, present).map(|scenario| scenario.settings);
    let settings = settings.unwrap_or_default();
    let profile = if base.quick { 1 } else { PROFILE_RUNS };
    PhaseRuns {
        phase: phase.phase.clone(),
        swept: phase.axes.iter().map(|(key, _)| key.clone()).collect(),
        profile_runs: phase.parse_share_min.map_or(0, |_| profile),
        parse_share_min: phase.parse_share_min,
        sweep_runs: settings.len() * (base.runs + base.warmup) as usize,
        pairs_runs: 2 * base.pairs as usize,
        again: phase.again,
        values: settings.into_iter().map(|setting| setting.short).collect(),
    }
}

/// Initial sample sizes for this duration of a baseline run.
fn fit(base: &Scenario, tune: &Tune, phases: &[PhaseRuns], run_s: f64) -> Fit {
    let left = RemainingWork {
        sweeps: phases.iter().map(|phase| phase.values.len()).collect(),
        profiles: phases.iter().filter(|phase| phase.profile_runs > 0).count(),
        again: phases.iter().filter(|phase| phase.again).map(|phase| phase.values.len()).collect(),
        alone: phases.len().saturating_sub(1),
    };
    let began_s = START_S + PILOT_RUNS as f64 * run_s;
    let budget_s = tune.budget_s.get() as f64;
    let effort = SampleSizes::fit(base, &left, Time { left_s: budget_s - began_s, run_s }, None);
    let until = |runs: usize| (began_s + runs as f64 * run_s).min(budget_s);
    Fit {
        run_s,
        blocks: effort.runs,
        least_s: until(left.certain(&effort)),
        expected_s: until(left.expected(&effort)),
        pairs: effort.pairs,
    }
}
