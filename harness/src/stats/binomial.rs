//! Exact confidence bounds of a rate.
//!
//! Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
//! binomial", 1934.

use statrs::distribution::{Beta, ContinuousCDF};

/// Bounds of a rate, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// The smallest rate that the test does not reject.
    pub low: f64,
    /// The largest rate that the test does not reject.
    pub high: f64,
}

/// Clopper–Pearson bounds for `events` in `trials`, with error `alpha` on each side. All of 0 to 1
/// if there are no trials, or more events than trials.
pub(crate) fn bounds(events: u64, trials: u64, alpha: f64) -> Bounds {
    let misses = trials.saturating_sub(events);
    let quantile = |a: u64, b: u64, share: f64| {
        Beta::new(a as f64, b as f64).map(|beta| beta.inverse_cdf(share)).ok()
    };
    Bounds {
        low: quantile(events, misses + 1, alpha).unwrap_or(0.0),
        high: quantile(events + 1, misses, 1.0 - alpha).unwrap_or(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_alarm_in_59_sessions_bounds_the_rate_at_5_percent() {
        for (sessions, bound) in [(59, 0.0495), (100, 0.0295)] {
            let found = bounds(0, sessions, 0.05);
            assert!((found.high - bound).abs() < 5e-4, "{sessions} sessions: {}", found.high);
            assert!(found.low.abs() < f64::EPSILON);
        }
    }

    #[test]
    fn limits_match_published_tables() {
        // 95 % two-sided, Clopper–Pearson: 5 of 30 and all of 20.
        let some = bounds(5, 30, 0.025);
        assert!((some.low - 0.0564).abs() < 5e-4 && (some.high - 0.3472).abs() < 5e-4, "{some:?}");
        let all = bounds(20, 20, 0.025);
        assert!((all.low - 0.8316).abs() < 5e-4 && (all.high - 1.0).abs() < 1e-12, "{all:?}");
    }

    #[test]
    fn without_trials_the_limits_are_0_and_1() {
        assert_eq!(bounds(0, 0, 0.05), Bounds { low: 0.0, high: 1.0 });
    }
}
