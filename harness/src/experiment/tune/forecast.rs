//! What a plan may run, before any of it has run: its steps, counted in runs, and how much fits
//! into its time if a run takes so long. Pure.

use serde::Serialize;

use super::sample_size::{PILOT_RUNS, PROFILE_RUNS, RemainingWork, SampleSizes};
use crate::scenario::schedule::{Plan, seed_of};
use crate::scenario::step::Step;
use crate::scenario::tune_plan::{Phase, Tune};
use crate::scenario::{Records, Scenario};
use crate::session::budget::{START_S, Time};

/// How long runs may take, in seconds: a run is not known before it has run.
const RUN_S: [f64; 5] = [0.5, 1.0, 2.0, 3.0, 5.0];

/// What a plan may run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Seconds that the session may take.
    pub budget_s: u64,
    /// Runs of the baseline, from which the rest is reckoned.
    pub baseline_runs: usize,
    /// The phases, in their order.
    pub phases: Vec<PhaseRuns>,
    /// Runs of what is kept against the baseline.
    pub last_runs: usize,
    /// Runs of each optimization alone, at most.
    pub alone_runs: usize,
    /// What fits, by how long a run takes; nothing of a quick look, which keeps to no time.
    pub fits: Vec<Fit>,
}

/// What a phase may run where there is time for everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseRuns {
    /// Its number in the plan.
    pub phase: String,
    /// What it varies.
    pub swept: Vec<String>,
    /// The values, those of several settings with crosses between; that of the baseline among them.
    pub values: Vec<String>,
    /// Runs of its profile.
    pub profile_runs: usize,
    /// Below this share of the time that parsing takes it is skipped.
    pub parse_share_min: Option<f64>,
    /// Runs of its sweep.
    pub sweep_runs: usize,
    /// Runs of the fresh pairs of its choice.
    pub pairs_runs: usize,
    /// Whether it is swept once more at the end.
    pub again: bool,
}

/// What fits if a run takes so long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Seconds that a run takes with all around it.
    pub run_s: f64,
    /// Blocks of a sweep.
    pub blocks: u32,
    /// Fresh pairs of a comparison, look by look.
    pub pairs: Vec<u32>,
    /// Seconds until the end where nothing is found.
    pub least_s: f64,
    /// Seconds until the end where a phase or two find something.
    pub expected_s: f64,
}

impl Forecast {
    /// Of a plan's session.
    pub fn of(base: &Scenario, tune: &Tune) -> Self {
        let phases: Vec<PhaseRuns> =
            tune.phases.iter().map(|phase| phase_runs(base, phase)).collect();
        let pairs = 2 * base.pairs as usize;
        let fits = match base.workload.records {
            _ if base.quick => Vec::new(),
            // Where the largest batches need more records runs take longer than is asked.
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

/// The sweep of the first phase with all its blocks, in the order in which they would run; nothing
/// where its settings do not go with the baseline's.
pub fn first_sweep(base: &Scenario, tune: &Tune) -> Option<Step> {
    let phase = tune.phases.first()?;
    let scenario = phase.scenario(base, &base.settings[base.baseline].settings).ok()?;
    Some(sweep(&phase.phase, &scenario))
}

/// A phase's sweep: the blocks of its scenario, in an order of its own.
pub(super) fn sweep(name: &str, scenario: &Scenario) -> Step {
    let mut step = Step::sweep(name, 0, scenario);
    let (runs, warmup) = (scenario.runs as usize, scenario.warmup as usize);
    step.plan = Plan::sweep(scenario.settings.len(), runs, warmup, seed_of(scenario.seed, name, 1));
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

/// What a session whose baseline takes so long begins with.
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
