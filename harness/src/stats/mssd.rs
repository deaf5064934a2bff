//! Noise of pairs, estimated from consecutive runs of one setting: the mean square successive
//! difference. Like pairs, it measures the difference of neighbouring runs and hardly reacts to
//! slow drift.
//!
//! von Neumann, Kent, Bellinson and Hart, "The mean square successive difference", 1941.

use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Estimate from the differences of neighbouring runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Successive {
    /// The standard deviation of the difference of two neighbouring values. For logarithms it is
    /// the `s_d` of pairs without an effect.
    pub std_dev: f64,
    /// Approximate degrees of freedom of the estimate: 2(n−1)²/(3n−4). With this number a χ²
    /// variable has the variance of the mean squared difference of n independent normal values.
    pub freedom: f64,
}

impl Successive {
    /// Estimate from values in time order; `None` for fewer than three.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        if figures.len() < 3 {
            return None;
        }
        let count = figures.len() as f64;
        let squares = figures.windows(2).map(|two| (two[1] - two[0]).powi(2));
        let mean = squares.sum::<f64>() / (count - 1.0);
        let freedom = 2.0 * (count - 1.0).powi(2) / (3.0 * count - 4.0);
        Some(Self { std_dev: mean.sqrt(), freedom })
    }

    /// Interval of the true standard deviation, with `alpha` on each side, from the χ² quantiles.
    /// Approximate for values without outliers. `None` for an invalid `alpha`.
    pub(crate) fn interval(self, alpha: f64) -> Option<[f64; 2]> {
        if !(0.0..1.0).contains(&alpha) || alpha <= 0.0 {
            return None;
        }
        let chi = ChiSquared::new(self.freedom).ok()?;
        let end = |share: f64| self.std_dev * (self.freedom / chi.inverse_cdf(share)).sqrt();
        Some([end(1.0 - alpha), end(alpha)])
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use statrs::distribution::Normal;

    use super::*;

    #[test]
    fn figures_of_a_small_series_are_reproduced() {
        let found = Successive::of(&[1.0, 2.0, 4.0, 3.0]).unwrap();
        // Squares 1, 4 and 1 over three differences.
        assert!((found.std_dev - 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((found.freedom - 18.0 / 8.0).abs() < 1e-12);
        assert_eq!(Successive::of(&[1.0, 2.0]), None);
        assert_eq!(found.interval(0.0), None);
    }

    #[test]
    fn a_steady_drift_hardly_affects_the_estimate() {
        let drift: Vec<f64> = (0..100).map(|run| f64::from(run) * 0.001).collect();
        assert!((Successive::of(&drift).unwrap().std_dev - 0.001).abs() < 1e-9);
    }

    #[test]
    fn the_interval_has_its_nominal_coverage() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let normal = Normal::standard();
        let truth = 2.0_f64.sqrt();
        let sessions = 4_000;
        let held = (0..sessions).filter(|_| {
            let draw = |_| normal.inverse_cdf(rng.random_range(1e-12..1.0));
            let figures: Vec<f64> = (0..10).map(draw).collect();
            let [low, high] = Successive::of(&figures).unwrap().interval(0.025).unwrap();
            (low..=high).contains(&truth)
        });
        let share = held.count() as f64 / f64::from(sessions);
        assert!((share - 0.95).abs() < 0.015, "{share}");
    }
}
