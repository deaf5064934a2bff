//! Holm's correction for a family of tests, and the largest family that can alarm at all.
//!
//! Holm, "A simple sequentially rejective multiple test procedure", 1979.

/// Adjusted p values, in the order of the tests. Comparing them with α keeps the probability of any
/// false alarm in the family at α.
pub(crate) fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        // A test never gets a smaller p than one that was more significant before.
        largest = largest.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

/// Level of the hypotheses that Holm's procedure does not reject: α divided by their number.
/// One-sided bounds at this level hold jointly with 1 − α, together with the rejections.
///
/// Strassburger and Bretz, "Compatible simultaneous lower confidence bounds for the Holm procedure
/// and other Bonferroni-based closed tests", 2008.
pub(crate) fn level(adjusted: &[f64], alpha: f64) -> f64 {
    let open = adjusted.iter().filter(|p| **p > alpha).count();
    alpha / open.max(1) as f64
}

/// True if a family of this many tests can alarm at all when no p-value is below `smallest_p`.
/// Otherwise it is not testable and needs more pairs.
pub(crate) fn is_testable(tests: usize, smallest_p: f64, alpha: f64) -> bool {
    tests as f64 * smallest_p <= alpha
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_worked_example_is_reproduced() {
        let adjusted = adjusted(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
    }

    #[test]
    fn unrejected_hypotheses_share_the_remaining_error() {
        // 4 × 0.004 and 3 × 0.006 are rejected, 2 × 0.012 is not.
        let p_values = [0.012, 0.004, 0.5, 0.006];
        assert!((level(&adjusted(&p_values), 0.019) - 0.019 / 2.0).abs() < 1e-15);
        // None of the remaining hypotheses is rejected at that level.
        assert!(p_values.iter().filter(|p| **p > 0.0095).count() == 2);
        assert!((level(&adjusted(&[0.001]), 0.019) - 0.019).abs() < 1e-15);
    }

    #[test]
    fn ten_pairs_can_test_a_family_of_4_at_019_and_of_12_at_05() {
        let smallest = 1.0 / 252.0;
        for (alpha, largest) in [(0.019, 4), (0.05, 12)] {
            assert!(is_testable(largest, smallest, alpha));
            assert!(!is_testable(largest + 1, smallest, alpha));
        }
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_never_lowers_a_p(
            p_values in proptest::collection::vec(0.0_f64..=1.0, 0..12),
        ) {
            let adjusted = adjusted(&p_values);
            for (index, p) in p_values.iter().enumerate() {
                prop_assert!(adjusted[index] >= *p && adjusted[index] <= 1.0);
                // Never above Bonferroni's correction.
                prop_assert!(adjusted[index] <= (p * p_values.len() as f64).min(1.0) + 1e-12);
                for (other, q) in p_values.iter().enumerate() {
                    prop_assert!(p > q || adjusted[index] <= adjusted[other]);
                }
            }
        }

        #[test]
        fn a_smaller_p_raises_no_adjusted_p(
            p_values in proptest::collection::vec(0.0_f64..=1.0, 1..8),
            which in any::<prop::sample::Index>(),
            factor in 0.0_f64..1.0,
        ) {
            let mut smaller = p_values.clone();
            *which.get_mut(&mut smaller[..]) *= factor;
            for (before, after) in adjusted(&p_values).iter().zip(adjusted(&smaller)) {
                prop_assert!(after <= before + 1e-12);
            }
        }
    }
}
