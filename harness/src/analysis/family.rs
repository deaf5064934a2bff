//! Several tests as one family. Holm's correction bounds false alarms of the whole family by α
//! (statistics.md 3).

use crate::stats::holm;
use crate::stats::verdict::{FamilyAlphas, PValues, Verdict};

/// Corrected tests of a family.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Family {
    /// Corrected p-values of no difference in the worse direction, in test order.
    pub p_worse: Vec<f64>,
    /// Verdicts.
    pub verdicts: Vec<Verdict>,
    /// Error levels of the undecided tests.
    pub levels: FamilyAlphas,
}

impl Family {
    /// Corrects tests with these p-values at error `alpha` per side. Claims of being within the
    /// margin hold for each test alone and are not corrected.
    pub(crate) fn of(tests: &[PValues], alpha: f64) -> Self {
        let adjusted =
            |p: fn(&PValues) -> f64| holm::adjusted(&tests.iter().map(p).collect::<Vec<_>>());
        let (worse, better) = (adjusted(|p| p.worse), adjusted(|p| p.better));
        let levels = FamilyAlphas {
            worse: holm::level(&worse, alpha),
            within: alpha,
            better: holm::level(&better, alpha),
        };
        let corrected = worse.iter().zip(&better).zip(tests);
        let verdicts = corrected.map(|((worse, better), p)| {
            let corrected = PValues { worse: *worse, within: p.within, better: *better };
            match Verdict::of(corrected, alpha) {
                // Without a margin only the correction stands between this test and an alarm.
                Verdict::Pass if p.within.is_none() && p.worse <= alpha => Verdict::Inconclusive,
                verdict => verdict,
            }
        });
        let verdicts = verdicts.collect();
        Self { p_worse: worse, verdicts, levels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::group_sequential::POCOCK_ALPHA;

    fn p(worse: f64, within: impl Into<Option<f64>>) -> PValues {
        PValues { worse, within: within.into(), better: 1.0 }
    }

    #[test]
    fn alarms_are_corrected_and_being_within_the_margin_is_not() {
        use Verdict::{Inconclusive, Pass, Regression, Small};
        // 3 × 0.004 is rejected, 2 × 0.015 is not, although each alone would be.
        let family = Family::of(&[p(0.015, 0.9), p(0.004, 0.9), p(0.9, 0.015)], POCOCK_ALPHA);
        assert_eq!(family.verdicts, [Inconclusive, Regression, Pass]);
        assert!((family.levels.worse - POCOCK_ALPHA / 2.0).abs() < 1e-15);
        assert!((family.levels.better - POCOCK_ALPHA / 3.0).abs() < 1e-15);
        assert_eq!(Family::of(&[p(0.015, 0.01)], POCOCK_ALPHA).verdicts, [Small]);
    }

    #[test]
    fn without_a_margin_what_only_the_correction_keeps_from_an_alarm_stays_open() {
        use Verdict::{Inconclusive, Pass, Regression};
        let family = Family::of(&[p(0.03, None), p(0.004, None), p(0.3, None)], 0.05);
        assert_eq!(family.verdicts, [Inconclusive, Regression, Pass]);
    }
}
