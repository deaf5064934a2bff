//! Power analysis: required number of pairs, and detectable difference. For planning; the
//! permutation test decides.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::quadrature::scale_nodes;

/// `N_total`, the square of `2·t(1−α, R−1)·s_d/δ` rounded up: the approximate total number of pairs
/// for a session that is inconclusive after R pairs. `std_dev` and `delta` are logarithms; `None`
/// for fewer than two pairs.
pub(crate) fn needed_pairs(pairs: usize, std_dev: f64, delta: f64, alpha: f64) -> Option<u64> {
    needed_pairs_of(pairs, std_dev, delta, [alpha, alpha])
}

/// The same number with separate errors for the two sides. The sum of the two quantiles replaces
/// twice the single one: an interval with these errors and at most δ wide cannot contain both 0 and
/// δ.
pub(crate) fn needed_pairs_of(
    pairs: usize,
    std_dev: f64,
    delta: f64,
    alphas: [f64; 2],
) -> Option<u64> {
    let freedom = pairs.checked_sub(1)?;
    let [one, other] = alphas.map(|alpha| t_quantile(freedom, 1.0 - alpha));
    let needed = ((one? + other?) * std_dev / delta).powi(2).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a square, and a float cast saturates"
    )]
    let whole = needed as u64;
    Some(whole)
}

/// `k_R`: a paired t test of `pairs` pairs detects a true difference of `k_R·s_d`, with both errors
/// at `alpha`. `None` for fewer than two pairs. Noncentral t.
pub(crate) fn detectable(pairs: usize, alpha: f64) -> Option<f64> {
    let freedom = pairs.checked_sub(1)?;
    let critical = t_quantile(freedom, 1.0 - alpha)?;
    let (normal, nodes) = (Normal::standard(), scale_nodes(freedom));
    // P(T > critical) with T = (Z + shift)/W.
    let power = |shift: f64| -> f64 {
        nodes.iter().map(|node| node.weight * normal.cdf(shift - critical * node.at)).sum()
    };
    let (mut low, mut high) = (0.0, 4.0 * (critical + 4.0));
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if power(middle) < 1.0 - alpha { low = middle } else { high = middle }
    }
    Some(high / (pairs as f64).sqrt())
}

/// Minimum number of pairs that detects a difference of `delta` at this noise, with both errors at
/// `alpha`; `None` above `pairs_max`.
pub(crate) fn pairs_for(std_dev: f64, delta: f64, alpha: f64, pairs_max: usize) -> Option<usize> {
    (3..=pairs_max).find(|pairs| detectable(*pairs, alpha).is_some_and(|k| k * std_dev <= delta))
}

fn t_quantile(freedom: usize, share: f64) -> Option<f64> {
    Some(StudentsT::new(0.0, 1.0, freedom as f64).ok()?.inverse_cdf(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta() -> f64 {
        1.05_f64.ln()
    }

    #[test]
    fn seven_percent_of_noise_in_ten_pairs_need_28() {
        assert_eq!(needed_pairs(10, 0.07, delta(), 0.05), Some(28));
        assert_eq!(needed_pairs(10, 0.0, delta(), 0.05), Some(0));
        assert_eq!(needed_pairs(1, 0.07, delta(), 0.05), None);
    }

    #[test]
    fn a_smaller_error_on_one_side_needs_more_pairs_and_less_than_on_both() {
        let needed = |alphas| needed_pairs_of(10, 0.07, delta(), alphas).unwrap();
        let [both, one, none] = [[0.01, 0.01], [0.01, 0.05], [0.05, 0.05]].map(needed);
        assert!(both > one && one > none && none == 28, "{both} {one} {none}");
        assert_eq!(one, needed([0.05, 0.01]));
    }

    #[test]
    fn the_detectable_difference_matches_the_table() {
        for (pairs, k) in
            [(6, 1.58), (8, 1.30), (10, 1.13), (12, 1.02), (15, 0.89), (20, 0.76), (30, 0.62)]
        {
            let found = detectable(pairs, 0.05).unwrap();
            assert!((found - k).abs() < 0.006, "{pairs} pairs: {found}");
        }
        assert_eq!(detectable(1, 0.05), None);
    }

    #[test]
    fn pairs_for_95_percent_power_match_the_table() {
        for (noise, pairs) in [(0.03, 6), (0.04, 9), (0.05, 13), (0.06, 18), (0.08, 31), (0.1, 47)]
        {
            assert_eq!(pairs_for(noise, delta(), 0.05, 60), Some(pairs), "noise {noise}");
        }
        assert_eq!(pairs_for(0.5, delta(), 0.05, 60), None);
    }
}
