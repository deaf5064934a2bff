//! Strategy of `harness gate`: both arms once, the baseline against itself, then interim looks at
//! 10, 16, 20 and 30 pairs of each scenario. Looks continue while something is undecided and the
//! budget allows (statistics.md 2 and 4).

pub mod attribution;
pub mod decide;
mod family;
mod historical_baseline;
mod result;

pub use decide::{contest, decide};
pub use result::{GateResult, GateVerdict, MetricTest, NegativeControl, WorkloadResult};

pub(crate) use self::decide::failed;
use self::decide::{CONTROL, WARM_UP};
use self::historical_baseline::pairs_most;
pub use self::historical_baseline::with_stored_times;
use crate::analysis::sequential;
use crate::analysis::sequential::{LookSchedule, NextLook};
use crate::scenario::Scenario;
use crate::scenario::schedule;
use crate::scenario::schedule::Schedule;
use crate::scenario::step::{Arm, Step};
use crate::session::arms::{BASE, GateSpec};
use crate::session::budget;
use crate::session::ledger::{Ending, Kind, Session};
use crate::session::state::SessionState;
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

/// True if a step of every gate has this name, so that no scenario can.
pub fn is_reserved(name: &str) -> bool {
    [WARM_UP, CONTROL].contains(&name)
}

impl Strategy for GateStrategy {
    fn next(&self, recorded: &SessionState) -> NextStep {
        let Ok(contest) = contest(recorded) else {
            return NextStep::Done(Ending::Complete);
        };
        if recorded.steps.last().is_some_and(|last| last.invalid) {
            return NextStep::Done(Ending::Invalid);
        }
        if let Some(step) = warm_up(recorded) {
            return step.into();
        }
        // A program that does not run ends the gate; the rest of the plan would wait for it again
        // and again.
        if failed(recorded).is_some() {
            return NextStep::Done(Ending::Complete);
        }
        let Ok(gated) = decide(recorded) else {
            return NextStep::Done(Ending::Complete);
        };
        // A head that stores other rows than an earlier session's baseline ends the gate as well.
        if gated.answer == GateVerdict::WrongResult {
            return NextStep::Done(Ending::Complete);
        }
        if let Some(step) = control(recorded) {
            return step.into();
        }
        if gated.control.as_ref().is_some_and(|control| control.alarmed == Some(true)) {
            return NextStep::Done(Ending::Invalid);
        }
        let step = first_look(recorded, contest).or_else(|| more(recorded, contest, &gated));
        step.map_or(NextStep::Done(Ending::Complete), NextStep::from)
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

/// Both arms once on the scenario at this index, uncounted.
pub(crate) fn once(scenario: usize, arms: [Arm; 2], seed: u64) -> Step {
    let batch = scenario + 1;
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
/// something is worse than allowed.
fn more(recorded: &SessionState, contest: &GateSpec, gated: &GateResult) -> Option<Step> {
    if gated.is_worse() {
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
