//! Stored times of an earlier session as the baseline's: pairs each run of the head with one of
//! them. Valid only if both sessions have the same level, which is unknown; the user must accept
//! it.

use crate::scenario::step::{Arm, Step};
use crate::session::arms::{BASE, GateSpec, StoredWorkload};
use crate::session::ledger::{Kind, ProgramId, TrialLine};
use crate::session::state::{CompletedBlock, CompletedStep, SessionState};

/// Session with stored runs paired with those of the head; unchanged if none are accepted.
pub fn with_stored_times(recorded: &SessionState) -> SessionState {
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
        // The only program becomes the second one.
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

/// Adds the next stored runs to those of a step's only arm, in orders drawn from the seed.
fn pair(ran: &mut CompletedStep, workload: &StoredWorkload, seed: u64, taken: &mut usize) {
    let Some(head) = ran.step.arms.first().cloned() else { return };
    let base = Arm { program: BASE, setting: head.setting.clone() };
    let Step { name, look, scenario, .. } = &ran.step;
    let pairs = ran.step.plan.blocks.len();
    ran.step = Step::comparison(name, *look, *scenario, [base, head], pairs, seed);
    for block in &mut ran.blocks {
        let Some(fresh) = block.trials.first().cloned() else { continue };
        let Some(earlier) = workload.runs.get(*taken) else { continue };
        *taken += 1;
        let trials = ran.step.plan.block_trials(block.index).into_iter().map(|trial| {
            let measurement = if trial.arm == 0 { earlier } else { &fresh.measurement };
            TrialLine { step: fresh.step, trial, measurement: measurement.clone() }
        });
        *block = CompletedBlock { index: block.index, host: block.host, trials: trials.collect() };
    }
    for line in ran.voided.iter_mut().flat_map(|voided| &mut voided.trials) {
        line.trial.arm = 1;
    }
}

/// Maximum number of pairs from a scenario's stored runs, balanced over both orders. `None` for no
/// limit.
pub(super) fn pairs_most(contest: &GateSpec, scenario: usize) -> Option<usize> {
    let stored = contest.stored.as_ref().filter(|stored| stored.times_accepted)?;
    Some(stored.of_scenario(scenario).map_or(0, |workload| workload.runs.len() / 2 * 2))
}
