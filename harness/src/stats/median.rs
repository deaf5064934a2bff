//! The median of a scratch buffer, in place. The permutation test computes thousands of them, so
//! this function allocates no memory.

/// The median; for an even number of values the mean of the middle two, and NaN without values.
/// Reorders `figures`.
pub(super) fn median(figures: &mut [f64]) -> f64 {
    if figures.is_empty() {
        return f64::NAN;
    }
    let odd = figures.len() % 2 == 1;
    let (below, upper, _) = figures.select_nth_unstable_by(figures.len() / 2, f64::total_cmp);
    if odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, *upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_middle_two() {
        for (mut figures, middle) in [
            (vec![3.0], 3.0),
            (vec![4.0, 1.0], 2.5),
            (vec![9.0, 1.0, 5.0], 5.0),
            (vec![7.0, -1.0, 3.0, 2.0], 2.5),
            (vec![2.0, 2.0, 2.0, 8.0], 2.0),
        ] {
            assert!((median(&mut figures) - middle).abs() < f64::EPSILON, "{figures:?}");
        }
    }

    #[test]
    fn an_empty_list_has_no_median() {
        assert!(median(&mut []).is_nan());
    }
}
