//! Times of an earlier session in the place of the baseline's: the recorded session as it would be,
//! had each run of the head been paired with one of them. Pure. That is sound only where the levels
//! of the two sessions are the same, which nobody can know; so the user has to accept it.

use crate::scenario::step::{Arm, Step};
use crate::session::arms::{BASE, Contest, StoredWorkload};
use crate::session::ledger::{Kind, ProgramId, TrialLine};
use crate::session::state::{RanBlock, RanStep, Recorded};

/// The session with stored runs beside those of the head; as it is where none are accepted.
pub fn with_stored_times(recorded: &Recorded) -> Recorded {
    let mut view = recorded.clone();
    let stored = match &recorded.session.session.of {
        Kind::Gate(contest) => contest.stored.as_ref().filter(|stored| stored.times_accepted),
        _ => None,
    };
    let Some(stored) = stored else {
        return view;
    };
    let base = ProgramId { name: "base".into(), blake3: String::new() };
    view.session.origin.programs.insert(BASE, base);
    let seed = |scenario: usize| recorded.scenario(scenario).map_or(0, |scenario| scenario.seed);
    let mut taken = vec![0; view.records.len()];
    for ran in &mut view.steps {
        // The only program is the second one now.
        for arm in &mut ran.step.arms {
            arm.program = BASE + 1;
        }
        let scenario = ran.step.scenario;
        if let (1, Some(workload)) = (ran.step.arms.len(), stored.of_scenario(scenario)) {
            pair(ran, workload, seed(scenario), &mut taken[scenario]);
        }
    }
    view
}

/// Puts the next stored runs beside those of a step's only arm, in orders drawn from the seed.
fn pair(ran: &mut RanStep, workload: &StoredWorkload, seed: u64, taken: &mut usize) {
    let Some(head) = ran.step.arms.first().cloned() else { return };
    let base = Arm { program: BASE, setting: head.setting.clone() };
    let Step { name, batch, scenario, .. } = &ran.step;
    let pairs = ran.step.plan.blocks.len();
    ran.step = Step::comparison(name, *batch, *scenario, [base, head], pairs, seed);
    for block in &mut ran.blocks {
        let Some(fresh) = block.trials.first().cloned() else { continue };
        let Some(earlier) = workload.runs.get(*taken) else { continue };
        *taken += 1;
        let trials = ran.step.plan.block_trials(block.index).into_iter().map(|trial| {
            let measurement = if trial.arm == 0 { earlier } else { &fresh.measurement };
            TrialLine { step: fresh.step, trial, measurement: measurement.clone() }
        });
        *block = RanBlock { index: block.index, host: block.host, trials: trials.collect() };
    }
}

/// How many pairs the stored runs of a scenario give at most: as many as there are, in both orders
/// alike; `None` where they are not limited by any.
pub(super) fn pairs_most(contest: &Contest, scenario: usize) -> Option<usize> {
    let stored = contest.stored.as_ref().filter(|stored| stored.times_accepted)?;
    Some(stored.of_scenario(scenario).map_or(0, |workload| workload.runs.len() / 2 * 2))
}
