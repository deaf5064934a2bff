//! Group-sequential schedule of one paired comparison: how many pairs the next interim look needs,
//! and at which α it is judged (statistics.md 2). Shared by `gate`, `explain` and `tune`.

use crate::analysis::comparison::{Comparison, TestPlan, compare};
use crate::error::Result;
use crate::scenario::Scenario;
use crate::session::state::SessionState;
use crate::stats::group_sequential::PAIRS_PER_LOOK;

/// Numbers of pairs before each interim look of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LookSchedule {
    batches: Vec<usize>,
}

/// Next step of a sequential comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextLook {
    /// Run more pairs.
    Batch {
        /// Number of the look, from 1.
        number: usize,
        /// Number of pairs.
        pairs: usize,
    },
    /// Stop: the last look decided.
    Decided,
    /// Stop: no look is left.
    LastLook,
    /// Stop: the budget does not allow another look.
    OutOfBudget,
}

impl LookSchedule {
    /// Schedule with these numbers of pairs.
    pub(crate) fn of(batches: Vec<usize>) -> Self {
        Self { batches }
    }

    /// Schedule of a scenario. A `--quick` run, which tests nothing, has one look.
    pub(crate) fn at(scenario: &Scenario) -> Self {
        Self::of(if scenario.quick { vec![scenario.pairs as usize] } else { PAIRS_PER_LOOK.into() })
    }

    /// Schedule with at most this many pairs: all whole looks, or one look at all pairs.
    #[must_use]
    pub(crate) fn at_most(self, pairs: usize) -> Self {
        let mut seen = 0;
        let is_whole = |batch: &usize| {
            seen += batch;
            seen <= pairs
        };
        let whole: Vec<usize> = self.batches.into_iter().take_while(is_whole).collect();
        Self::of(if whole.is_empty() { vec![pairs] } else { whole })
    }

    /// Maximum number of looks.
    pub(crate) fn count(&self) -> usize {
        self.batches.len()
    }

    /// Number of pairs before the first look.
    pub(crate) fn first(&self) -> usize {
        self.batches.first().map_or(0, |pairs| *pairs)
    }

    /// Number of pairs after this many looks.
    pub(crate) fn seen(&self, looks: usize) -> usize {
        self.batches.iter().take(looks).sum()
    }

    /// Next step after this many looks. The first look always happens. A further one follows if the
    /// last one is undecided (`tells` is false) and the budget allows its pairs (`holds`).
    pub(crate) fn then(
        &self,
        looks: usize,
        tells: impl FnOnce() -> bool,
        holds: impl FnOnce(usize) -> bool,
    ) -> NextLook {
        let Some(pairs) = self.batches.get(looks).copied().filter(|pairs| *pairs > 0) else {
            return NextLook::LastLook;
        };
        let batch = NextLook::Batch { number: looks + 1, pairs };
        match looks {
            0 => batch,
            _ if tells() => NextLook::Decided,
            _ if holds(pairs) => batch,
            _ => NextLook::OutOfBudget,
        }
    }
}

/// Number of planned looks at the comparison of this name.
pub(crate) fn looks(recorded: &SessionState, name: &str) -> usize {
    recorded.steps_of(name).count()
}

/// Number of planned pairs of that comparison.
pub(crate) fn pairs(recorded: &SessionState, name: &str) -> usize {
    recorded.steps_of(name).map(|ran| ran.step.counted(None)).sum()
}

/// Result at the current look; `None` if no pair is planned.
pub(crate) fn compare_at_current_look(
    recorded: &SessionState,
    name: &str,
    scenario: &Scenario,
) -> Option<Result<Comparison>> {
    let terms = terms(recorded, name, scenario);
    (pairs(recorded, name) > 0).then(|| compare(recorded, name, &terms))
}

/// Test of the current look. It is the last one if the session has ended.
pub(crate) fn terms(recorded: &SessionState, name: &str, scenario: &Scenario) -> TestPlan {
    let mut terms = TestPlan::look(scenario, pairs(recorded, name));
    terms.look.is_last |= recorded.ending.is_some();
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped;
    use crate::stats::group_sequential::CUMULATIVE_PAIRS;

    fn scenario() -> Scenario {
        Scenario::parse(shipped("gate").unwrap()).unwrap()
    }

    /// Looks that happen if the comparison is decided after `told` looks and the budget allows
    /// `time` pairs in all.
    fn all(looks: &LookSchedule, told: usize, time: usize) -> (Vec<usize>, NextLook) {
        let mut ran = Vec::new();
        loop {
            let taken = ran.len();
            let seen: usize = ran.iter().sum();
            match looks.then(taken, || taken >= told, |pairs| seen + pairs <= time) {
                NextLook::Batch { number, pairs } => {
                    assert_eq!((number, looks.seen(taken)), (taken + 1, seen));
                    ran.push(pairs);
                }
                end => return (ran, end),
            }
        }
    }

    #[test]
    fn looks_continue_until_a_decision_or_the_end_of_time_or_pairs() {
        let looks = LookSchedule::at(&scenario());
        assert_eq!(all(&looks, 9, usize::MAX), (PAIRS_PER_LOOK.to_vec(), NextLook::LastLook));
        assert_eq!(looks.seen(9), CUMULATIVE_PAIRS[3]);
        assert_eq!(all(&looks, 1, usize::MAX), (vec![10], NextLook::Decided));
        assert_eq!(all(&looks, 3, usize::MAX), (vec![10, 6, 4], NextLook::Decided));
        assert_eq!(all(&looks, 9, 16), (vec![10, 6], NextLook::OutOfBudget));
    }

    #[test]
    fn the_first_look_is_taken_without_asking_for_time_or_a_verdict() {
        let first = LookSchedule::at(&scenario()).then(0, || unreachable!(), |_| unreachable!());
        assert_eq!(first, NextLook::Batch { number: 1, pairs: 10 });
    }

    #[test]
    fn a_quick_session_has_one_look() {
        let looks = LookSchedule::at(&scenario().quick());
        assert_eq!(all(&looks, 9, usize::MAX), (vec![4], NextLook::LastLook));
    }

    #[test]
    fn a_look_uses_only_existing_pairs() {
        for (most, expected) in [
            (0, &[][..]),
            (8, &[8]),
            (10, &[10]),
            (19, &[10, 6]),
            (20, &[10, 6, 4]),
            (99, &PAIRS_PER_LOOK),
        ] {
            let looks = LookSchedule::at(&scenario()).at_most(most);
            assert_eq!(
                all(&looks, 9, usize::MAX),
                (expected.to_vec(), NextLook::LastLook),
                "{most}"
            );
        }
    }
}
