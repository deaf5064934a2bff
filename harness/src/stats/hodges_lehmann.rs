//! Walsh averages: the Hodges–Lehmann estimate and its rank interval. The values must be
//! independent and symmetric about one centre; order-adjusted ones are not (statistics.md 2).
//!
//! Hodges and Lehmann, "Estimates of location based on rank tests", 1963.

use statrs::distribution::{ContinuousCDF, Normal};

use super::median::median;

/// A rank among the sorted Walsh averages, and the probability that the true centre lies below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rank {
    /// Counted from 1 from either end.
    pub rank: usize,
    /// Exact share of samples in which the centre lies beyond the average of this rank, one side.
    pub error: f64,
}

/// The averages (dᵢ + dⱼ)/2 of all pairs of values, each value with itself included, unsorted: n(n
/// + 1)/2 of them.
pub(crate) fn averages(figures: &[f64]) -> Vec<f64> {
    let with_later = |(index, one): (usize, &f64)| {
        figures.iter().skip(index).map(|other| f64::midpoint(*one, *other)).collect::<Vec<_>>()
    };
    figures.iter().enumerate().flat_map(with_later).collect()
}

/// The median of the Walsh averages; `None` without values.
pub(crate) fn hodges_lehmann(figures: &[f64]) -> Option<f64> {
    (!figures.is_empty()).then(|| median(&mut averages(figures)))
}

/// The innermost rank whose error on one side is at most `alpha`, for `count` values. `None` if the
/// error of the outermost average is larger. Exact, by the distribution of Wilcoxon's signed ranks.
pub(crate) fn rank(count: usize, alpha: f64) -> Option<Rank> {
    let mut found = None;
    let mut below = 0.0;
    for (sum, share) in signed_ranks(count).into_iter().enumerate() {
        below += share;
        if below > alpha {
            break;
        }
        found = Some(Rank { rank: sum + 1, error: below });
    }
    found
}

/// The rank interval of the centre with `alpha` on each side; `None` for too few values.
pub(crate) fn interval(figures: &[f64], alpha: f64) -> Option<(f64, f64)> {
    let Rank { rank, .. } = rank(figures.len(), alpha)?;
    let mut averages = averages(figures);
    averages.sort_by(f64::total_cmp);
    Some((*averages.get(rank - 1)?, *averages.get(averages.len() - rank)?))
}

/// Share of the 2ⁿ sign patterns in which the positive ranks 1 … n sum to 0, 1, 2, …
fn signed_ranks(count: usize) -> Vec<f64> {
    let mut shares = vec![0.0; count * (count + 1) / 2 + 1];
    shares[0] = 1.0;
    for rank in 1..=count {
        // From the top down, so that every rank is added at most once.
        for sum in (0..shares.len()).rev() {
            let with_rank = if sum >= rank { shares[sum - rank] } else { 0.0 };
            shares[sum] = f64::midpoint(shares[sum], with_rank);
        }
    }
    shares
}

/// Shift between two independent samples: the median of all differences `b − a`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shift {
    /// Estimate.
    pub estimate: f64,
    /// Rank interval with the requested error on each side; `None` for too few values.
    pub interval: Option<(f64, f64)>,
}

/// Up to this many values in all the ranks of a shift are exact; above, the normal approximation
/// of Mann and Whitney, "On a test of whether one of two random variables is stochastically larger
/// than the other", 1947.
const EXACT_VALUES_MAX: usize = 40;

/// Shift from `a` to `b` with an interval of error `alpha` on each side; `None` of no values. Holds
/// for independent values whose level does not change over time.
pub(crate) fn shift(a: &[f64], b: &[f64], alpha: f64) -> Option<Shift> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut differences: Vec<f64> =
        a.iter().flat_map(|one| b.iter().map(move |other| other - one)).collect();
    differences.sort_by(f64::total_cmp);
    let ends = |rank: usize| {
        Some((*differences.get(rank - 1)?, *differences.get(differences.len() - rank)?))
    };
    let interval = shift_rank(a.len(), b.len(), alpha).and_then(ends);
    Some(Shift { estimate: median(&mut differences), interval })
}

/// The innermost rank among the sorted differences with an error of at most `alpha` on one side.
fn shift_rank(a: usize, b: usize, alpha: f64) -> Option<usize> {
    if a + b > EXACT_VALUES_MAX {
        let (a, b) = (a as f64, b as f64);
        let error = (a * b * (a + b + 1.0) / 12.0).sqrt();
        let rank = a * b / 2.0 - Normal::standard().inverse_cdf(1.0 - alpha) * error;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of differences, and a float cast saturates"
        )]
        let rank = rank as usize;
        return (rank > 0).then_some(rank);
    }
    let shares = mann_whitney(a, b);
    let mut below = 0.0;
    let kept = shares.iter().take_while(|share| {
        below += **share;
        below <= alpha
    });
    Some(kept.count()).filter(|rank| *rank > 0)
}

/// Share of the orders of `a` and `b` equal values in which U is 0, 1, 2, …, `a`·`b`.
fn mann_whitney(a: usize, b: usize) -> Vec<f64> {
    // The row of each count of the first sample, for the second sample so far. The largest value
    // belongs to either sample: P(a, b) = a/(a+b)·P(a−1, b) shifted by b + b/(a+b)·P(a, b−1).
    let mut rows = vec![vec![1.0]; a + 1];
    for second in 1..=b {
        let mut next = vec![vec![1.0]];
        for first in 1..=a {
            let mut shares = vec![0.0; first * second + 1];
            let of = |part: usize| part as f64 / (first + second) as f64;
            for (u, share) in next[first - 1].iter().enumerate() {
                shares[u + second] += of(first) * share;
            }
            for (u, share) in rows[first].iter().enumerate() {
                shares[u] += of(second) * share;
            }
            next.push(shares);
        }
        rows = next;
    }
    rows.swap_remove(a)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_and_errors_match_published_tables() {
        // statistics.md 2: pairs, alpha of one side, rank, exact error of one side.
        for (count, alpha, expected, error) in [
            (10, 0.025, 9, 0.0488 / 2.0),
            (10, 0.05, 11, 0.042),
            (6, 0.025, 1, 0.031 / 2.0),
            (6, 0.05, 3, 3.0 / 64.0),
            (8, 0.025, 4, 5.0 / 256.0),
            (8, 0.05, 6, 10.0 / 256.0),
            (12, 0.025, 14, 0.0212),
            (12, 0.05, 18, 0.0461),
            (20, 0.025, 53, 0.0242),
            (20, 0.05, 61, 0.0487),
        ] {
            let rank = rank(count, alpha).unwrap();
            assert_eq!(rank.rank, expected, "{count} figures at {alpha}");
            assert!((rank.error - error).abs() < 2.5e-4, "{count} at {alpha}: {}", rank.error);
        }
    }

    #[test]
    fn ten_figures_have_55_averages_of_which_the_9th_and_the_47th_bound_95_percent() {
        let figures: Vec<f64> = (0..10).map(|index| f64::from(index * index)).collect();
        let mut sorted = averages(&figures);
        sorted.sort_by(f64::total_cmp);
        assert_eq!(sorted.len(), 55);
        assert_eq!(interval(&figures, 0.025), Some((sorted[8], sorted[46])));
    }

    #[test]
    fn too_few_figures_have_no_interval() {
        assert_eq!(rank(4, 0.05), None);
        assert_eq!(interval(&[1.0, 2.0, 3.0, 4.0], 0.05), None);
        assert_eq!(rank(0, 0.05), None);
        assert_eq!(hodges_lehmann(&[]), None);
    }

    #[test]
    fn one_outlier_does_not_move_the_estimate_far() {
        let calm = hodges_lehmann(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let wild = hodges_lehmann(&[1.0, 2.0, 3.0, 4.0, 5000.0]).unwrap();
        assert!((calm - 3.0).abs() < 1e-12);
        assert!((wild - 3.0).abs() <= 0.5);
    }

    proptest! {
        #[test]
        fn the_interval_contains_the_estimate_and_moves_with_the_values(
            figures in proptest::collection::vec(-5.0_f64..5.0, 5..16),
            shift in -3.0_f64..3.0,
        ) {
            let (low, high) = interval(&figures, 0.05).unwrap();
            let centre = hodges_lehmann(&figures).unwrap();
            prop_assert!(low <= centre && centre <= high);
            let moved: Vec<f64> = figures.iter().map(|figure| figure + shift).collect();
            let (moved_low, moved_high) = interval(&moved, 0.05).unwrap();
            prop_assert!((moved_low - low - shift).abs() < 1e-9);
            prop_assert!((moved_high - high - shift).abs() < 1e-9);
        }
    }

    #[test]
    fn four_and_four_values_have_16_differences_of_which_the_2nd_and_the_15th_bound_97_percent() {
        // Mann and Whitney 1947: of 70 orders U is 0 in one, 1 in one, 2 in two, 3 in three.
        let shares = mann_whitney(4, 4);
        for (share, orders) in shares.iter().zip([1.0, 1.0, 2.0, 3.0, 5.0]) {
            assert!((share - orders / 70.0).abs() < 1e-12, "{shares:?}");
        }
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(shift_rank(4, 4, 0.05), Some(2));
        assert_eq!(shift_rank(3, 3, 0.05), Some(1));
        assert_eq!(shift_rank(2, 3, 0.05), None);
        let Shift { estimate, interval } =
            shift(&[1.0, 2.0, 3.0, 4.0], &[11.0, 12.0, 13.0, 14.0], 0.05).unwrap();
        assert!((estimate - 10.0).abs() < 1e-12);
        assert_eq!(interval, Some((8.0, 12.0)));
        assert_eq!(shift(&[], &[1.0], 0.05), None);
    }

    #[test]
    fn the_ranks_of_many_values_continue_those_of_few() {
        let [exact, normal] = [(20, 20), (20, 21)].map(|(a, b)| shift_rank(a, b, 0.05).unwrap());
        assert!(normal > exact && normal - exact < 12, "{exact} {normal}");
    }
}
