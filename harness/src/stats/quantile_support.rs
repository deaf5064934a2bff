//! Quantiles that a run supports: a tail quantile needs observations beyond it.

use std::fmt;

/// A quantile with too few observations beyond it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TooFew {
    /// Quantile, 0 to 1.
    pub quantile: f64,
    /// Number of observations.
    pub observations: u64,
    /// Required number of observations.
    pub needed: u64,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quantile, observations, needed } = self;
        let percent = quantile * 100.0;
        write!(f, "no p{percent} from {observations} observations, it takes {needed}")
    }
}

impl std::error::Error for TooFew {}

/// Minimum number of observations of which at least one lies beyond the quantile with 95 %
/// probability: 1 − qⁿ ≥ 0.95, so 299 for the p99. `quantile` is between 0 and 1.
pub(crate) fn observations_needed(quantile: f64) -> u64 {
    let needed = (0.05_f64.ln() / quantile.ln()).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both logarithms are negative, and a float cast saturates"
    )]
    let whole = needed as u64;
    whole
}

/// Rejects a quantile of too few observations.
pub(crate) fn check(quantile: f64, observations: u64) -> Result<(), TooFew> {
    let needed = observations_needed(quantile);
    if observations < needed {
        return Err(TooFew { quantile, observations, needed });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p99_takes_299_observations() {
        let refused = check(0.99, 298).unwrap_err();
        assert_eq!(refused.to_string(), "no p99 from 298 observations, it takes 299");
        assert_eq!(check(0.99, 299), Ok(()));
    }

    #[test]
    fn the_farther_the_tail_the_more_observations() {
        for (quantile, needed) in [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)] {
            assert_eq!(observations_needed(quantile), needed, "{quantile}");
        }
    }
}
