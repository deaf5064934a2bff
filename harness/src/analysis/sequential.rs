//! Looking at one comparison as often as it takes: which batch of its pairs comes next, and by which
//! rule those so far are judged (statistics.md 2). Gate, explanation and tuning look by this alone.
//! Pure; what follows from a verdict is for those who asked.

use crate::analysis::comparison::{Comparison, TestPlan, compare};
use crate::error::Result;
use crate::scenario::Scenario;
use crate::session::state::Recorded;
use crate::stats::group_sequential::BATCHES;

/// The batches in which the pairs of a comparison may be run: a look at all so far follows on each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookSchedule {
    batches: Vec<usize>,
}

/// What follows on the looks so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextLook {
    /// So many further pairs.
    Batch {
        /// Which batch they are, from 1.
        number: usize,
        /// How many.
        pairs: usize,
    },
    /// Nothing: the last look told.
    Decided,
    /// Nothing: there is no further look.
    LastLook,
    /// Nothing: there is no time for the next look.
    OutOfBudget,
}

impl LookSchedule {
    /// In these batches.
    pub fn of(batches: Vec<usize>) -> Self {
        Self { batches }
    }

    /// As often as the error is divided for; a quick look, which tests nothing, is one.
    pub fn at(scenario: &Scenario) -> Self {
        Self::of(if scenario.quick { vec![scenario.pairs as usize] } else { BATCHES.into() })
    }

    /// Where there are no more pairs than this: the looks that are whole, or one at all there are.
    #[must_use]
    pub fn at_most(self, pairs: usize) -> Self {
        let mut seen = 0;
        let is_whole = |batch: &usize| {
            seen += batch;
            seen <= pairs
        };
        let whole: Vec<usize> = self.batches.into_iter().take_while(is_whole).collect();
        Self::of(if whole.is_empty() { vec![pairs] } else { whole })
    }

    /// How many looks there can be.
    pub fn count(&self) -> usize {
        self.batches.len()
    }

    /// How many pairs the first look sees.
    pub fn first(&self) -> usize {
        self.batches.first().map_or(0, |pairs| *pairs)
    }

    /// How many pairs so many looks have seen.
    pub fn seen(&self, looks: usize) -> usize {
        self.batches.iter().take(looks).sum()
    }

    /// What follows on so many looks. The first is always taken; a further one where the last one
    /// has not told (`tells`) and `holds` says that there is time for its pairs.
    pub fn then(
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

/// How many looks at the comparison of this name have been planned.
pub fn looks(recorded: &Recorded, name: &str) -> usize {
    recorded.steps_of(name).count()
}

/// How many pairs of it those are to see.
pub fn pairs(recorded: &Recorded, name: &str) -> usize {
    recorded.steps_of(name).map(|ran| ran.step.counted(None)).sum()
}

/// What its pairs say by these terms; `None` where none are planned.
pub fn compare_at_current_look(
    recorded: &Recorded,
    name: &str,
    scenario: &Scenario,
) -> Option<Result<Comparison>> {
    let terms = terms(recorded, name, scenario);
    (pairs(recorded, name) > 0).then(|| compare(recorded, name, &terms))
}

/// The rule of the look that sees all its pairs, the last one where the session has ended.
pub fn terms(recorded: &Recorded, name: &str, scenario: &Scenario) -> TestPlan {
    let mut terms = TestPlan::look(scenario, pairs(recorded, name));
    terms.look.is_last |= recorded.ending.is_some();
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped;
    use crate::stats::group_sequential::LOOKS;

    fn scenario() -> Scenario {
        Scenario::parse(shipped("gate").unwrap()).unwrap()
    }

    /// What is looked at where `told` says after which look it is plain and there is time for
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
    fn looks_are_taken_until_one_tells_or_time_or_pairs_are_used_up() {
        let looks = LookSchedule::at(&scenario());
        assert_eq!(all(&looks, 9, usize::MAX), (BATCHES.to_vec(), NextLook::LastLook));
        assert_eq!(looks.seen(9), LOOKS[3]);
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
    fn a_quick_look_is_one() {
        let looks = LookSchedule::at(&scenario().quick());
        assert_eq!(all(&looks, 9, usize::MAX), (vec![4], NextLook::LastLook));
    }

    #[test]
    fn no_more_pairs_are_looked_at_than_there_are() {
        for (most, expected) in [
            (0, &[][..]),
            (8, &[8]),
            (10, &[10]),
            (19, &[10, 6]),
            (20, &[10, 6, 4]),
            (99, &BATCHES),
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
