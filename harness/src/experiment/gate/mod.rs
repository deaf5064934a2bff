//! Strategy of `harness gate`: both arms once, the baseline against itself, then interim looks at
//! 10, 16, 20 and 30 pairs of each scenario. Looks continue while something is undecided and the
//! budget allows (statistics.md 2 and 4). Failed runs end it without further looks.

pub(crate) mod attribution;
pub mod decide;
mod failures;
mod family;
mod historical_baseline;
mod result;
mod step_names;
mod verdict;

pub use decide::{contest, decide};
pub use failures::GateFailures;
pub use result::{GateResult, MetricTest, NegativeControl, SpeedNotJudged, WorkloadResult};
pub use verdict::{ExitPolicy, GateVerdict};

use self::historical_baseline::pairs_most;
pub use self::historical_baseline::with_stored_times;
use self::step_names::{CONTROL, WARM_UP};
use crate::analysis::sequential;
use crate::analysis::sequential::{LookSchedule, NextLook};
use crate::scenario::Scenario;
use crate::scenario::schedule;
use crate::scenario::schedule::Schedule;
use crate::scenario::step::{Arm, Step};
use crate::session::arms::{BASE, GateSpec};
use crate::session::budget;
use crate::session::ledger::{Ending, Kind, Session, TrialLine};
use crate::session::state::{CompletedStep, SessionState};
use crate::session::strategy::{NextStep, Strategy};
use crate::stats::group_sequential;

/// Plans a gate.
#[derive(Debug, Clone, Copy)]
pub struct GateStrategy;

/// Session of a gate on these scenarios, whose names differ.
pub fn session(contest: GateSpec, scenarios: Vec<Scenario>) -> Session {
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let names = names.join("-");
    let name = if names.starts_with("gate") { names } else { format!("gate-{names}") };
    Session { name, of: Kind::Gate(contest), scenarios }
}

/// Arm that did not finish its first run, and the reason.
pub(crate) fn first_run_failure(recorded: &SessionState) -> Option<String> {
    let mut failures = recorded.steps_of(WARM_UP).flat_map(|ran| {
        ran.failures().map(move |(line, failure)| (ran.step.arms.get(line.trial.arm), failure))
    });
    let (arm, failure) = failures.next()?;
    let name = arm.map(|arm| recorded.arm_name(arm)).unwrap_or_default();
    Some(format!("{name} did not finish its first run: {failure}"))
}

/// True if a step of every gate has this name, so that no scenario can.
pub fn is_reserved(name: &str) -> bool {
    [WARM_UP, CONTROL].contains(&name)
}

impl Strategy for GateStrategy {
    fn next(&self, recorded: &SessionState) -> NextStep {
        let Ok(contest) = contest(recorded) else {
            return NextStep::Done(Ending::Complete);
        };
        if contest.one_program {
            return NextStep::Done(Ending::Complete);
        }
        if recorded.steps.last().is_some_and(|last| last.invalid) {
            return NextStep::Done(Ending::Invalid);
        }
        if recorded.steps.is_empty()
            && let Some(step) = warm_up(recorded)
        {
            return step.into();
        }
        let Ok(gated) = decide(recorded) else {
            return NextStep::Done(Ending::Complete);
        };
        if let Some(ending) = decided_by_failures(recorded, contest, &gated) {
            return NextStep::Done(ending);
        }
        if let Some(step) = warm_up(recorded).or_else(|| repeated_warm_up(recorded, &gated)) {
            return step.into();
        }
        if let Some(step) = control(recorded).filter(|_| gated.failures.is_none()) {
            return step.into();
        }
        if gated.control.as_ref().is_some_and(|control| control.alarmed == Some(true)) {
            return NextStep::Done(Ending::Invalid);
        }
        let step = first_look(recorded, contest).or_else(|| more(recorded, contest, &gated));
        match step {
            Some(step) => step.into(),
            None if gated.answer == GateVerdict::Invalid => NextStep::Done(Ending::Invalid),
            None => NextStep::Done(Ending::Complete),
        }
    }

    fn ahead(&self, recorded: &SessionState) -> usize {
        let scenarios = &recorded.session.session.scenarios;
        let began = |name: &str| recorded.steps_of(name).next().is_some();
        let warm_ups = scenarios.len() - recorded.steps_of(WARM_UP).count().min(scenarios.len());
        let control = !began(CONTROL) && !is_quick(recorded);
        let control = if control { group_sequential::CUMULATIVE_PAIRS[0] } else { 0 };
        let looks: usize = scenarios
            .iter()
            .filter(|scenario| !began(&scenario.name))
            .map(|scenario| LookSchedule::at(scenario).first())
            .sum();
        2 * (warm_ups + control + looks)
    }
}

/// End of a gate whose failures leave nothing to find out: a wrong result, a head that fails in
/// more runs than the base, or a base that failed twice before the first pair.
fn decided_by_failures(
    recorded: &SessionState,
    contest: &GateSpec,
    gated: &GateResult,
) -> Option<Ending> {
    match gated.answer {
        GateVerdict::WrongResult | GateVerdict::Failed => Some(Ending::Complete),
        GateVerdict::Invalid if !contest.accept_failing_base => {
            let failures = gated.failures.as_ref()?;
            let is_before_pairs = recorded.steps.iter().all(|ran| ran.step.name == WARM_UP);
            (failures.base.failed > 1 && is_before_pairs).then_some(Ending::Invalid)
        }
        _ => None,
    }
}

impl From<Step> for NextStep {
    fn from(step: Step) -> Self {
        Self::Step(Box::new(step))
    }
}

/// Both arms of a scenario, the baseline first. With stored times of the baseline, the only program
/// stands for both.
fn arms(recorded: &SessionState, scenario: &Scenario) -> [Arm; 2] {
    let last = recorded.session.origin.programs.len().saturating_sub(1);
    [BASE, last].map(|program| arm(program, scenario))
}

fn arm(program: usize, scenario: &Scenario) -> Arm {
    Arm { program, setting: scenario.settings[scenario.baseline].clone() }
}

fn is_quick(recorded: &SessionState) -> bool {
    recorded.session.session.scenarios.iter().any(|scenario| scenario.quick)
}

/// Both arms once on every scenario. Warms up files, and detects programs that do not run or that
/// store other rows before time is spent on them.
fn warm_up(recorded: &SessionState) -> Option<Step> {
    let index = recorded.steps_of(WARM_UP).count();
    let scenario = recorded.scenario(index)?;
    Some(once(index, arms(recorded, scenario), scenario.seed))
}

/// The warm-up in which the baseline failed, once more.
fn repeated_warm_up(recorded: &SessionState, gated: &GateResult) -> Option<Step> {
    gated.failures.as_ref().filter(|failures| !failures.base.is_zero())?;
    let mut warm_ups = recorded.steps_of(WARM_UP);
    let base_failed = |ran: &&CompletedStep| {
        let arm = |line: &TrialLine| ran.step.arms.get(line.trial.arm);
        ran.failures().any(|(line, _)| arm(line).is_some_and(|arm| arm.program == BASE))
    };
    let scenarios = recorded.session.session.scenarios.len();
    if recorded.steps.len() > scenarios {
        return None;
    }
    let index = warm_ups.find(base_failed)?.step.scenario;
    let scenario = recorded.scenario(index)?;
    let arms = arms(recorded, scenario);
    Some(warm_up_step(index, scenarios + 1, arms, scenario.seed))
}

/// Both arms once on the scenario at this index, uncounted.
pub(crate) fn once(scenario: usize, arms: [Arm; 2], seed: u64) -> Step {
    warm_up_step(scenario, scenario + 1, arms, seed)
}

fn warm_up_step(scenario: usize, batch: usize, arms: [Arm; 2], seed: u64) -> Step {
    let step = Step::comparison(WARM_UP, batch, scenario, arms, 0, seed);
    Step { plan: Schedule::pairs(0, 1, schedule::derive_seed(seed, WARM_UP, batch)), ..step }
}

/// The baseline against itself on the first scenario; none for a `--quick` run.
fn control(recorded: &SessionState) -> Option<Step> {
    let scenario = recorded.scenario(0)?;
    if is_quick(recorded) || recorded.steps_of(CONTROL).next().is_some() {
        return None;
    }
    let base = arm(BASE, scenario);
    let pairs = group_sequential::CUMULATIVE_PAIRS[0];
    Some(Step::comparison(CONTROL, 1, 0, [base.clone(), base], pairs, scenario.seed))
}

/// First look at the first scenario that has had none.
fn first_look(recorded: &SessionState, contest: &GateSpec) -> Option<Step> {
    let mut scenarios = recorded.session.session.scenarios.iter().enumerate();
    scenarios.find_map(|(index, scenario)| {
        let fresh = sequential::looks(recorded, &scenario.name) == 0;
        let pairs = looks_at(contest, index, scenario).first();
        (fresh && pairs > 0).then(|| look(recorded, contest, index, 1, pairs))
    })
}

/// Look schedule of a scenario, with at most as many pairs as there are stored runs.
fn looks_at(contest: &GateSpec, index: usize, scenario: &Scenario) -> LookSchedule {
    let looks = LookSchedule::at(scenario);
    match pairs_most(contest, index) {
        Some(most) => looks.at_most(most),
        None => looks,
    }
}

/// Next look at the undecided scenario with the fewest pairs, if the budget allows it. None once
/// something is worse than allowed, or a run failed.
fn more(recorded: &SessionState, contest: &GateSpec, gated: &GateResult) -> Option<Step> {
    if gated.is_worse() || gated.failures.is_some() {
        return None;
    }
    let mut scenarios: Vec<_> = recorded.session.session.scenarios.iter().enumerate().collect();
    scenarios
        .sort_by_key(|(index, scenario)| (sequential::pairs(recorded, &scenario.name), *index));
    scenarios.into_iter().find_map(|(index, scenario)| {
        let name = &scenario.name;
        let then = looks_at(contest, index, scenario).then(
            sequential::looks(recorded, name),
            || gated.workloads[index].is_decided(),
            |pairs| budget::holds_blocks(recorded, name, contest.budget_s, pairs, 0),
        );
        match then {
            NextLook::Batch { number, pairs } => {
                Some(look(recorded, contest, index, number, pairs))
            }
            NextLook::Decided | NextLook::LastLook | NextLook::OutOfBudget => None,
        }
    })
}

/// Pairs of one look at a scenario, or runs of the head alone if the other halves are stored.
fn look(
    recorded: &SessionState,
    contest: &GateSpec,
    index: usize,
    batch: usize,
    pairs: usize,
) -> Step {
    let scenario = &recorded.session.session.scenarios[index];
    let (name, seed) = (&scenario.name, scenario.seed);
    let step = Step::comparison(name, batch, index, arms(recorded, scenario), pairs, seed);
    if pairs_most(contest, index).is_none() {
        return step;
    }
    let [_, head] = arms(recorded, scenario);
    let plan = Schedule::sweep(1, pairs, 0, schedule::derive_seed(seed, name, batch));
    Step { arms: vec![head], plan, ..step }
}
