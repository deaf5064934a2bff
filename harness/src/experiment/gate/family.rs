//! A gate's tests but for the primary one as one family: Holm's correction over metrics × workloads
//! keeps alarms of the family as a whole at α (statistics.md 3), and what it leaves open is shown at
//! the level at which it is open. Pure.

use crate::analysis::comparison::{Comparison, Pairs, pairs};
use crate::analysis::sequential;
use crate::scenario::Scenario;
use crate::session::state::Recorded;
use crate::stats::group_sequential;
use crate::stats::holm;
use crate::stats::verdict::{Judge, Levels, PValues, Rule, Verdict};

/// The tests of a family, corrected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    /// p of no difference in the worse direction, in the order of the tests.
    pub(super) p_worse: Vec<f64>,
    /// What each says.
    pub(super) verdicts: Vec<Verdict>,
    /// The errors at which the rest is left open.
    pub(super) levels: Levels,
}

impl Family {
    /// Of tests with these p values at a look. That something is within its margin is claimed of
    /// each by itself, so it is not corrected.
    pub(super) fn of(tests: &[PValues]) -> Self {
        let adjusted =
            |p: fn(&PValues) -> f64| holm::adjusted(&tests.iter().map(p).collect::<Vec<_>>());
        let (worse, better) = (adjusted(|p| p.worse), adjusted(|p| p.better));
        let alpha = group_sequential::ALPHA;
        let levels = Levels {
            worse: holm::level(&worse, alpha),
            within: alpha,
            better: holm::level(&better, alpha),
        };
        let corrected = worse.iter().zip(&better).zip(tests);
        let verdicts = corrected.map(|((worse, better), p)| {
            Verdict::of(PValues { worse: *worse, within: p.within, better: *better }, alpha)
        });
        let verdicts = verdicts.collect();
        Self { p_worse: worse, verdicts, levels }
    }

    /// Gives a metric that is left open the interval and the needed pairs of the family's levels:
    /// those of its test by itself would contradict the verdict.
    pub(super) fn leave_open(
        &self,
        view: &Recorded,
        scenario: &Scenario,
        comparison: &mut Comparison,
        place: usize,
    ) {
        let found = comparison.metrics.get(place).map(|found| found.metric);
        let found = found.and_then(|metric| pairs(view, &scenario.name, metric));
        let Some(Pairs { pairs, batches }) = found else {
            return;
        };
        let mut judge = Judge::new(Rule::look(scenario.gate.margin), scenario.seed);
        if let Ok(open) = judge.left_open(&pairs, &batches, self.levels) {
            let terms = sequential::terms(view, &scenario.name, scenario);
            comparison.take_over(place, &open, &terms, view);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_corrected_and_being_within_the_margin_is_not() {
        use Verdict::{Inconclusive, Pass, Regression, Small};
        let p = |worse, within| PValues { worse, within, better: 1.0 };
        // 3 × 0.004 is refused, 2 × 0.015 is not, whatever it would be by itself.
        let family = Family::of(&[p(0.015, 0.9), p(0.004, 0.9), p(0.9, 0.015)]);
        assert_eq!(family.verdicts, [Inconclusive, Regression, Pass]);
        assert!((family.levels.worse - group_sequential::ALPHA / 2.0).abs() < 1e-15);
        assert!((family.levels.better - group_sequential::ALPHA / 3.0).abs() < 1e-15);
        assert_eq!(Family::of(&[p(0.015, 0.01)]).verdicts, [Small]);
    }
}
