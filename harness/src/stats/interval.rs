//! Confidence interval by inversion of the permutation test: the hull of all θ that it does not
//! reject. Verdicts come from p-values, never from this interval.

use super::permutation::Test;

/// Precision of an end in units of θ, rounded outwards: 0.0001 percent.
const PRECISION: f64 = 1e-6;
/// Distance from the data up to which an end is searched for: a factor of e¹⁰ between the arms, or
/// ten times a typical value.
/// Only very unequal orders give intervals without an end.
const FAR: f64 = 10.0;

/// The ends of the hull of all θ that are not rejected, in the unit of the changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// L; minus infinity if no θ is rejected as too small.
    pub low: f64,
    /// U; infinity if no θ is rejected as too large.
    pub high: f64,
}

/// The θ that the verdict has rejected. The set of all θ that are not rejected can have holes. If a
/// decision falls into a hole, its p value counts: the hull ends there, on the side of the estimate
/// (statistics.md 2).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rejected {
    /// The largest θ of the decision that is rejected as too small.
    pub too_small: Option<f64>,
    /// The smallest θ of the decision that is rejected as too large.
    pub too_large: Option<f64>,
}

impl Interval {
    /// The same in another unit, of which the present one is `unit`.
    #[must_use]
    pub(super) fn scaled(self, unit: f64) -> Self {
        Self { low: self.low * unit, high: self.high * unit }
    }

    /// Hull of all θ that the test does not reject, with error `alpha` on each side. It contains
    /// every such θ between the two `rejected` values, and neither of these.
    pub fn of(test: &Test<'_>, alpha: f64, refused: Rejected) -> Self {
        Self::of_sides(test, [alpha, alpha], refused)
    }

    /// The same hull with separate errors for too small and too large.
    pub fn of_sides(test: &Test<'_>, alphas: [f64; 2], refused: Rejected) -> Self {
        let [small, large] = alphas.map(|alpha| test.orders().too_many(alpha));
        let high = |theta: f64| -theta;
        Self {
            low: smallest_kept(test, small, refused.too_small),
            high: -smallest_kept(&test.mirrored(), large, refused.too_large.map(high)),
        }
    }
}

/// The smallest θ, above `refused` if that is given, that is not rejected as too small.
///
/// Walks upwards from a rejected θ in steps that cannot skip one that is not rejected
/// ([`Test::room`]). So it misses no hole and no island; a bisection could end at any of the edges.
fn smallest_kept(test: &Test<'_>, too_many: usize, refused: Option<f64>) -> f64 {
    let Some(start) = refused.or_else(|| outside(test, too_many)) else {
        return f64::NEG_INFINITY;
    };
    let mut theta = start;
    let mut room = test.room(theta, too_many);
    // Far from 0 a step can be too small to change a float.
    while room > PRECISION && theta + room > theta {
        theta += room;
        room = test.room(theta, too_many);
    }
    if refused.is_some() { theta.max(start + PRECISION) } else { theta }
}

/// A θ so small that it and all smaller ones are rejected.
fn outside(test: &Test<'_>, too_many: usize) -> Option<f64> {
    let near = test.separated();
    [near, near - FAR].into_iter().find(|theta| test.room(*theta, too_many) > PRECISION)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::paired::{Pair, PairOrder};
    use super::super::permutation::{PermutationDesign, RandomizationSet};
    use super::*;

    const ALPHA: f64 = 0.05;

    fn pairs(ratios: &[f64]) -> Vec<Pair> {
        let order =
            |index: usize| if index.is_multiple_of(2) { PairOrder::Ab } else { PairOrder::Ba };
        let pair = |(index, ratio): (usize, &f64)| {
            let order = order(index);
            Pair { change: order.sign() * ratio, order }
        };
        ratios.iter().enumerate().map(pair).collect()
    }

    fn orders_of(pairs: &[Pair]) -> RandomizationSet {
        RandomizationSet::of(&PermutationDesign::of(pairs, &[]), 1).unwrap()
    }

    /// Sessions with outliers whose set of θ that are not rejected as too small has a hole: the
    /// pairs that ran A first, and the change of each pair.
    const HOLED: [(u32, [f64; 10]); 4] = [
        (
            0b00_0111_0110,
            [-0.0079, -0.009, 0.0669, -0.0295, -0.0309, -0.021, -0.0095, -0.038, 0.1765, -0.0191],
        ),
        (
            0b00_1001_0111,
            [0.0116, -0.2642, 0.2564, -0.0051, -0.0042, -0.0079, 0.0518, 0.1746, 0.0107, -0.1697],
        ),
        (
            0b10_0110_1010,
            [-0.037, -0.0359, -0.0206, -0.0169, -0.0199, 0.0023, 0.0169, 0.0939, -0.0237, -0.0264],
        ),
        (
            0b10_1100_1010,
            [0.0385, 0.0641, 0.0425, -0.0087, 0.0228, 0.0301, -0.0051, 0.0388, 0.0014, -0.103],
        ),
    ];

    fn holed() -> impl Iterator<Item = Vec<Pair>> {
        HOLED.into_iter().map(|(ab, changes)| {
            let order =
                |place: usize| if ab >> place & 1 == 1 { PairOrder::Ab } else { PairOrder::Ba };
            let pair = |(place, change)| Pair { change, order: order(place) };
            changes.into_iter().enumerate().map(pair).collect()
        })
    }

    /// Every 0.0001 from below the data: θ, and whether it is rejected as too small.
    fn scan<'a>(test: &'a Test<'_>) -> impl Iterator<Item = (f64, bool)> + 'a {
        let start = test.separated();
        let grid = (0..8000).map(move |index| start + 1e-4 * f64::from(index));
        grid.map(|theta| (theta, test.p_worse(theta) <= ALPHA))
    }

    /// The smallest θ of the scan that is not rejected, and the first rejected one after it.
    fn low_and_hole(test: &Test<'_>) -> (f64, Option<f64>) {
        let mut kept = scan(test).skip_while(|(_, refused)| *refused);
        let (low, _) = kept.next().unwrap();
        (low, kept.find(|(_, refused)| *refused).map(|(theta, _)| theta))
    }

    #[test]
    fn the_ends_match_those_of_a_fine_scan_despite_holes() {
        for pairs in holed() {
            let orders = orders_of(&pairs);
            let test = Test::new(&pairs, &orders);
            let found = Interval::of(&test, ALPHA, Rejected::default());
            let (low, hole) = low_and_hole(&test);
            assert!(hole.is_some(), "there is no hole in {pairs:?}");
            assert!(found.low <= low && low - found.low < 2e-4, "{found:?} {low}");
            let high = -low_and_hole(&test.mirrored()).0;
            assert!(found.high >= high && found.high - high < 2e-4, "{found:?} {high}");
        }
    }

    #[test]
    fn a_rejection_within_a_hole_ends_the_interval() {
        for pairs in holed() {
            let orders = orders_of(&pairs);
            let test = Test::new(&pairs, &orders);
            let (low, hole) = low_and_hole(&test);
            let refused = Rejected { too_small: hole, too_large: None };
            let found = Interval::of(&test, ALPHA, refused);
            assert!(low < hole.unwrap() && hole.unwrap() < found.low, "{found:?}");
            let free = Interval::of(&test, ALPHA, Rejected::default());
            assert!((free.high - found.high).abs() < 1e-12);
        }
    }

    #[test]
    fn without_noise_the_interval_is_a_point() {
        let pairs = pairs(&[0.02; 10]);
        let orders = orders_of(&pairs);
        let found = Interval::of(&Test::new(&pairs, &orders), ALPHA, Rejected::default());
        assert!((found.low - 0.02).abs() < 1e-5 && (found.high - 0.02).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn without_a_possible_rejection_the_interval_is_unbounded() {
        // Of the 20 orders of six pairs even the most extreme one has p = 0.05 > 0.019.
        let pairs = pairs(&[0.01, 0.02, 0.03, 0.01, 0.02, 0.03]);
        let orders = orders_of(&pairs);
        let found = Interval::of(&Test::new(&pairs, &orders), 0.019, Rejected::default());
        assert_eq!(found, Interval { low: f64::NEG_INFINITY, high: f64::INFINITY });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_value_beyond_the_ends_is_rejected(
            ratios in proptest::collection::vec(-0.2_f64..0.2, 8..12),
            beyond in 1e-9_f64..0.3,
        ) {
            let pairs = pairs(&ratios);
            let orders = orders_of(&pairs);
            let test = Test::new(&pairs, &orders);
            let found = Interval::of(&test, ALPHA, Rejected::default());
            prop_assert!(found.low <= found.high);
            prop_assert!(test.p_worse(found.low - beyond) <= ALPHA);
            prop_assert!(test.p_better(found.high + beyond) <= ALPHA);
        }

        #[test]
        fn the_interval_moves_with_an_effect_and_ignores_the_order_effect(
            ratios in proptest::collection::vec(-0.2_f64..0.2, 10),
            effect in -0.3_f64..0.3,
            order_effect in -0.3_f64..0.3,
        ) {
            let before = pairs(&ratios);
            let after: Vec<Pair> = before
                .iter()
                .map(|pair| Pair {
                    change: pair.change + order_effect + pair.order.sign() * effect,
                    ..*pair
                })
                .collect();
            let orders = orders_of(&before);
            let ends = |pairs| Interval::of(&Test::new(pairs, &orders), ALPHA, Rejected::default());
            let (before, after) = (ends(&before), ends(&after));
            prop_assert!((after.low - before.low - effect).abs() < 1e-4);
            prop_assert!((after.high - before.high - effect).abs() < 1e-4);
        }
    }
}
