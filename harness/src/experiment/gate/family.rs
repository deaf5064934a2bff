//! Family of a gate's tests except the primary one. Holm's correction over metrics × workloads
//! bounds false alarms of the whole family by α (statistics.md 3). Undecided metrics are shown at
//! their corrected level.

use crate::analysis::comparison::{Comparison, Pairs, pairs};
use crate::analysis::sequential;
use crate::scenario::Scenario;
use crate::session::state::SessionState;
use crate::stats::group_sequential;
use crate::stats::holm;
use crate::stats::verdict::{FamilyAlphas, Judge, PValues, Rule, Verdict};

/// Corrected tests of a family.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    /// p-values of no difference in the worse direction, in test order.
    pub(super) p_worse: Vec<f64>,
    /// Verdicts.
    pub(super) verdicts: Vec<Verdict>,
    /// Error levels of the undecided tests.
    pub(super) levels: FamilyAlphas,
}

impl Family {
    /// Corrects tests with these p-values at a look. Claims of being within the margin hold for
    /// each test alone and are not corrected.
    pub(super) fn of(tests: &[PValues]) -> Self {
        let adjusted =
            |p: fn(&PValues) -> f64| holm::adjusted(&tests.iter().map(p).collect::<Vec<_>>());
        let (worse, better) = (adjusted(|p| p.worse), adjusted(|p| p.better));
        let alpha = group_sequential::POCOCK_ALPHA;
        let levels = FamilyAlphas {
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

    /// Replaces interval and required number of pairs of an undecided metric by those at the
    /// family's level. The uncorrected ones could contradict the verdict.
    pub(super) fn report_at_family_level(
        &self,
        view: &SessionState,
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
            comparison.apply_family_correction(place, &open, &terms, view);
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
        // 3 × 0.004 is rejected, 2 × 0.015 is not, although each alone would be.
        let family = Family::of(&[p(0.015, 0.9), p(0.004, 0.9), p(0.9, 0.015)]);
        assert_eq!(family.verdicts, [Inconclusive, Regression, Pass]);
        assert!((family.levels.worse - group_sequential::POCOCK_ALPHA / 2.0).abs() < 1e-15);
        assert!((family.levels.better - group_sequential::POCOCK_ALPHA / 3.0).abs() < 1e-15);
        assert_eq!(Family::of(&[p(0.015, 0.01)]).verdicts, [Small]);
    }
}
