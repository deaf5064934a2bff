//! The strategy of `harness sweep`: one scenario's settings in complete blocks, then fresh pairs of
//! the choice against the present setting. Pure.

use crate::analysis::sweep::{NAMES, analyse};
use crate::scenario::Scenario;
use crate::scenario::step::{Arm, Step};
use crate::session::ledger::Ending;
use crate::session::state::Recorded;
use crate::session::strategy::{Next, Strategy};

/// Sweeps a session's only scenario.
#[derive(Debug, Clone, Copy)]
pub struct SweepStrategy;

impl Strategy for SweepStrategy {
    fn next(&self, recorded: &Recorded) -> Next {
        let Some(scenario) = recorded.scenario(0) else {
            return Next::Done(Ending::Complete);
        };
        match recorded.steps.as_slice() {
            [] => Next::Step(Box::new(Step::sweep(NAMES.sweep, 0, scenario))),
            [sweep] if sweep.invalid => Next::Done(Ending::Invalid),
            // A machine that has a part of the blocks cannot choose: the others would choose
            // otherwise.
            [_] if recorded.session.shard.is_some() => Next::Done(Ending::Complete),
            [_] => match confirmation(recorded, scenario) {
                Some(step) => Next::Step(Box::new(step)),
                None => Next::Done(Ending::Complete),
            },
            [.., last] if last.invalid => Next::Done(Ending::Invalid),
            _ => Next::Done(Ending::Complete),
        }
    }

    fn ahead(&self, recorded: &Recorded) -> usize {
        let Some(scenario) = recorded.scenario(0) else {
            return 0;
        };
        let may_follow = recorded.steps.len() < 2 && recorded.session.shard.is_none();
        if may_follow { 2 * scenario.pairs as usize } else { 0 }
    }
}

/// The fresh pairs, where the choice is not the present setting. Where the sweep says nothing there
/// is nothing to confirm either; the analysis says why.
fn confirmation(recorded: &Recorded, scenario: &Scenario) -> Option<Step> {
    let analysis = analyse(recorded).ok()?;
    if analysis.choice == analysis.baseline {
        return None;
    }
    let arm = |setting| Arm { program: 0, setting };
    let arms = [analysis.baseline(), analysis.choice()].map(|chosen| arm(chosen.setting.clone()));
    let pairs = scenario.pairs as usize;
    Some(Step::comparison(NAMES.confirmation, 1, 0, arms, pairs, scenario.seed))
}
