//! Strategy of `harness sweep`: complete blocks of one scenario's settings, then confirmation pairs
//! of the candidate and the incumbent.

use crate::analysis::sweep::{NAMES, analyse};
use crate::scenario::Scenario;
use crate::scenario::step::{Arm, Step};
use crate::session::ledger::Ending;
use crate::session::state::SessionState;
use crate::session::strategy::{NextStep, Strategy};

/// Sweeps a session's only scenario.
#[derive(Debug, Clone, Copy)]
pub struct SweepStrategy;

impl Strategy for SweepStrategy {
    fn next(&self, recorded: &SessionState) -> NextStep {
        let Some(scenario) = recorded.scenario(0) else {
            return NextStep::Done(Ending::Complete);
        };
        match recorded.steps.as_slice() {
            [] => NextStep::Step(Box::new(Step::sweep(NAMES.sweep, 0, scenario))),
            [sweep] if sweep.invalid => NextStep::Done(Ending::Invalid),
            // A machine with one shard cannot choose: the other shards might choose differently.
            [_] if recorded.session.shard.is_some() => NextStep::Done(Ending::Complete),
            [_] => match confirmation(recorded, scenario) {
                Some(step) => NextStep::Step(Box::new(step)),
                None => NextStep::Done(Ending::Complete),
            },
            [.., last] if last.invalid => NextStep::Done(Ending::Invalid),
            _ => NextStep::Done(Ending::Complete),
        }
    }

    fn ahead(&self, recorded: &SessionState) -> usize {
        let Some(scenario) = recorded.scenario(0) else {
            return 0;
        };
        let may_follow = recorded.steps.len() < 2 && recorded.session.shard.is_none();
        if may_follow { 2 * scenario.pairs as usize } else { 0 }
    }
}

/// Confirmation pairs if the candidate differs from the incumbent. A failed sweep has none; its
/// analysis gives the reason.
fn confirmation(recorded: &SessionState, scenario: &Scenario) -> Option<Step> {
    let analysis = analyse(recorded).ok()?;
    if analysis.choice == analysis.baseline {
        return None;
    }
    let arm = |setting| Arm { program: 0, setting };
    let arms = [analysis.baseline(), analysis.choice()].map(|chosen| arm(chosen.setting.clone()));
    let pairs = scenario.pairs as usize;
    Some(Step::comparison(NAMES.confirmation, 1, 0, arms, pairs, scenario.seed))
}
