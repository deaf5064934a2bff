//! Change points in the level of a series, by energy statistics and a permutation test, one split
//! after the other. The result is a hint for readers of a history; no verdict uses it.
//!
//! Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate
//! data", 2014 (E-divisive, here of one variable, with exponent 1 and without a second free end);
//! Daly et al., "The use of change point detection to identify software performance regressions in
//! a continuous integration system", 2020. In a series without a change, a split is found with
//! probability at most α, whatever the distribution of its values, if their order does not matter.
//! A slow drift counts as a change.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Minimum number of points for a test: with seven points in two parts no split reaches 0.05.
pub(crate) const POINTS_MIN: usize = 8;
/// Maximum number of points, the last ones of a series. Time grows with the square of the number.
pub(crate) const POINTS_MAX: usize = 200;
/// Minimum number of points on one side of a split: one point has no spread.
const SIDE_MIN: usize = 2;
/// Number of drawn orders for each test.
const ORDERS: usize = 999;

/// A change of the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// Index of the first figure of the new level.
    pub at: usize,
    /// Share of orders of the surrounding values that split as well or better.
    pub p: f64,
}

/// Every change in a series of finite values, in order. The best split of the whole is a change if
/// at most `alpha` of the orders drawn from `seed` split as well. Its two sides are then tested in
/// the same way. Only the last [`POINTS_MAX`] values are used.
pub(crate) fn changes(figures: &[f64], alpha: f64, seed: u64) -> Vec<Change> {
    let before = figures.len().saturating_sub(POINTS_MAX);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut found = Vec::new();
    let mut open = vec![(before, figures.len())];
    while let Some((from, to)) = open.pop() {
        let Some(Change { at, p }) = test(&figures[from..to], &mut rng) else {
            continue;
        };
        if p <= alpha {
            found.push(Change { at: from + at, p });
            open.extend([(from, from + at), (from + at, to)]);
        }
    }
    found.sort_by_key(|change| change.at);
    found
}

/// The best split and its p; `None` for too few values, or if all are equal.
fn test(figures: &[f64], rng: &mut ChaCha8Rng) -> Option<Change> {
    if figures.len() < POINTS_MIN {
        return None;
    }
    let (at, best) = split(figures)?;
    if best <= 0.0 {
        return None;
    }
    let mut order = figures.to_vec();
    let as_good = (0..ORDERS).filter(|_| {
        order.shuffle(rng);
        // Sums in another order differ by rounding errors.
        split(&order).is_some_and(|(_, found)| found >= best * (1.0 - 1e-9))
    });
    Some(Change { at, p: (1 + as_good.count()) as f64 / (1 + ORDERS) as f64 })
}

/// Split with the largest distance between its sides, and that distance: mn/(m + n) times (twice
/// the mean distance between the sides − the mean distances within them).
fn split(figures: &[f64]) -> Option<(usize, f64)> {
    let count = figures.len();
    let distances = |figure: f64, others: &[f64]| -> f64 {
        others.iter().map(|other| (figure - other).abs()).sum()
    };
    let mut within = [0.0, 0.0];
    for (index, figure) in figures.iter().enumerate() {
        within[1] += distances(*figure, &figures[..index]);
    }
    let mut between = 0.0;
    let mut best: Option<(usize, f64)> = None;
    for (index, figure) in figures.iter().enumerate() {
        let [left, right] =
            [&figures[..index], &figures[index + 1..]].map(|others| distances(*figure, others));
        within[0] += left;
        within[1] -= right;
        between += right - left;
        let at = index + 1;
        if at < SIDE_MIN || count - at < SIDE_MIN {
            continue;
        }
        let (m, n) = (at as f64, (count - at) as f64);
        let apart = 2.0 * between / (m * n)
            - 2.0 * within[0] / (m * (m - 1.0))
            - 2.0 * within[1] / (n * (n - 1.0));
        let apart = apart * m * n / (m + n);
        if best.is_none_or(|(_, before)| apart > before) {
            best = Some((at, apart));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    const ALPHA: f64 = 0.05;

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        Normal::standard().inverse_cdf(rng.random_range(1e-12..1.0))
    }

    #[test]
    fn the_distance_of_two_sides_matches_the_worked_example() {
        // Between: 16 distances of 1; within: none. 4·4/8 · 2·16/16.
        let (at, apart) = split(&[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]).unwrap();
        assert_eq!(at, 4);
        assert!((apart - 4.0).abs() < 1e-12, "{apart}");
        // 2 | 3 of 1, 2, 5, 6, 9: between 4+5+8+3+4+7 = 31; within 1, and 1+4+3 = 8.
        let (at, apart) = split(&[1.0, 2.0, 5.0, 6.0, 9.0]).unwrap();
        let expected = (6.0 / 5.0) * (2.0 * 31.0 / 6.0 - 1.0 - 2.0 * 8.0 / 6.0);
        assert_eq!(at, 2);
        assert!((apart - expected).abs() < 1e-12, "{apart} {expected}");
    }

    #[test]
    fn of_eight_points_a_clean_step_in_the_middle_is_two_of_seventy_orders() {
        let found = changes(&[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0], ALPHA, 1);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].at, 4);
        assert!((found[0].p - 2.0 / 70.0).abs() < 0.015, "{found:?}");
        assert_eq!(changes(&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0], ALPHA, 1), []);
    }

    #[test]
    fn several_steps_are_found_at_their_positions() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let level = |index: usize| match index {
            0..10 => 0.0,
            10..22 => 0.2,
            _ => 0.05,
        };
        let figures: Vec<f64> =
            (0..34).map(|index| level(index) + 0.01 * normal(&mut rng)).collect();
        let places: Vec<usize> =
            changes(&figures, 0.01, 1).iter().map(|change| change.at).collect();
        assert_eq!(places, [10, 22]);
    }

    #[test]
    fn one_outlier_is_not_a_change() {
        let mut figures = [0.0, 0.01, -0.01, 0.02, 0.0, -0.02, 0.01, 0.0, -0.01, 0.01];
        figures[9] = 0.5;
        assert_eq!(changes(&figures, ALPHA, 1), []);
        assert_eq!(changes(&[7.0; 12], ALPHA, 1), []);
        assert_eq!(changes(&[], ALPHA, 1), []);
    }

    #[test]
    fn only_the_last_points_of_a_long_series_are_searched() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let level = |index: usize| if index < 20 { 5.0 } else { 0.0 };
        let figures: Vec<f64> =
            (0..POINTS_MAX + 20).map(|index| level(index) + normal(&mut rng)).collect();
        assert_eq!(changes(&figures, 0.001, 1), []);
    }

    /// Shares of series of 12 points in which a change is found, and in which it is at the seventh
    /// point give or take one.
    fn found(series: u32, step: f64, noise: fn(&mut ChaCha8Rng) -> f64) -> [f64; 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (mut any, mut there) = (0, 0);
        for seed in 0..series {
            let level = |index: usize| if index < 6 { 0.0 } else { step };
            let figures: Vec<f64> = (0..12).map(|index| level(index) + noise(&mut rng)).collect();
            let found = changes(&figures, ALPHA, u64::from(seed));
            any += u32::from(!found.is_empty());
            there += u32::from(found.iter().any(|change| (5..=7).contains(&change.at)));
        }
        [any, there].map(|count| f64::from(count) / f64::from(series))
    }

    #[test]
    fn the_false_alarm_rate_is_alpha_and_a_step_is_found() {
        let full = std::env::var_os("SWEETSPOT_FULL").is_some();
        let series = if full { 5_000 } else { 200 };
        // Three standard errors of a rate of 0.05.
        let most = ALPHA + 3.0 * (0.0475 / f64::from(series)).sqrt();
        let calm: fn(&mut ChaCha8Rng) -> f64 = |rng| 0.02 * normal(rng);
        let spiky: fn(&mut ChaCha8Rng) -> f64 = |rng| {
            let spike = if rng.random_range(0.0..1.0) < 0.08 { 0.2 } else { 0.0 };
            0.02 * normal(rng) + spike
        };
        for noise in [calm, spiky] {
            let [alarms, _] = found(series, 0.0, noise);
            assert!(alarms <= most, "{alarms}");
        }
        let [_, there] = found(series, 0.1, calm);
        assert!(there >= 0.95, "{there}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn changes_do_not_depend_on_the_unit_and_leave_two_points_on_every_side(
            figures in proptest::collection::vec(-1.0_f64..1.0, 0..20),
            factor in 0.5_f64..8.0,
            seed in 0_u64..100,
        ) {
            let found = changes(&figures, 0.2, seed);
            let scaled: Vec<f64> = figures.iter().map(|figure| figure * factor).collect();
            let places = |found: &[Change]| found.iter().map(|c| c.at).collect::<Vec<_>>();
            prop_assert_eq!(places(&found), places(&changes(&scaled, 0.2, seed)));
            let mut ends = vec![0];
            ends.extend(places(&found));
            ends.push(figures.len());
            prop_assert!(found.is_empty() || ends.windows(2).all(|two| two[1] - two[0] >= 2));
        }
    }
}
