//! One sample of independent runs and its descriptive statistics. [`Sample::new`] checks the values
//! once.

use std::fmt;

use statrs::statistics::{Data, Distribution, OrderStatistics};

/// Values of independent runs, in the order of the runs: at least one, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample(Vec<f64>);

/// Reason why values are not a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSample {
    /// There is no value.
    Empty,
    /// The value at this index is infinite or not a number.
    NotFinite(usize),
}

impl fmt::Display for BadSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no figures"),
            Self::NotFinite(index) => write!(f, "figure {index} is not a finite number"),
        }
    }
}

impl std::error::Error for BadSample {}

impl Sample {
    /// Takes the values in the order of the runs.
    pub fn new(values: Vec<f64>) -> Result<Self, BadSample> {
        if values.is_empty() {
            return Err(BadSample::Empty);
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(BadSample::NotFinite(index)),
            None => Ok(Self(values)),
        }
    }

    /// The values in the order of the runs.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Number of values: at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The median; for an even number of values the mean of the middle two.
    pub fn median(&self) -> f64 {
        self.data().median()
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// The standard deviation with n − 1; `None` for a single value.
    pub fn std_dev(&self) -> Option<f64> {
        if self.0.len() < 2 { None } else { self.data().std_dev() }
    }

    /// The quantile at `share`, 0 to 1; outside of that the smallest or largest value.
    /// Median-unbiased, type 8 of Hyndman & Fan, "Sample quantiles in statistical packages", 1996.
    pub fn quantile(&self, share: f64) -> f64 {
        self.data().quantile(share.clamp(0.0, 1.0))
    }

    /// The smallest value.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The largest value.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// `statrs` selects in place, so it gets a copy.
    fn data(&self) -> Data<Vec<f64>> {
        Data::new(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample::new(values.to_vec()).unwrap()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
    }

    #[test]
    fn empty_and_non_finite_values_are_rejected() {
        assert_eq!(Sample::new(vec![]), Err(BadSample::Empty));
        assert_eq!(Sample::new(vec![1.0, f64::NAN]), Err(BadSample::NotFinite(1)));
        assert_eq!(Sample::new(vec![f64::INFINITY]), Err(BadSample::NotFinite(0)));
    }

    #[test]
    fn figures_of_a_textbook_sample_are_reproduced() {
        let sample = sample(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert!(close(sample.median(), 4.5));
        assert!(close(sample.mean(), 5.0));
        assert!(close(sample.std_dev().unwrap(), (32.0_f64 / 7.0).sqrt()));
        assert!(close(sample.min(), 2.0));
        assert!(close(sample.max(), 9.0));
        // Type 8: h = (8 + 1/3)/4 + 1/3 = 2.41667, both neighbours are 4.
        assert!(close(sample.quantile(0.25), 4.0));
        // h = (8 + 1/3)·3/4 + 1/3 = 6.58333: 5 + 0.58333·(7 − 5).
        assert!(close(sample.quantile(0.75), 5.0 + 7.0 / 6.0));
    }

    #[test]
    fn a_single_run_has_a_median_and_no_standard_deviation() {
        let sample = sample(&[3.5]);
        assert!(close(sample.median(), 3.5));
        assert!(close(sample.quantile(0.9), 3.5));
        assert_eq!(sample.std_dev(), None);
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_quantiles_rise(
            values in proptest::collection::vec(-1e9_f64..1e9, 1..40),
            low in 0.0_f64..1.0,
            high in 0.0_f64..1.0,
        ) {
            let there = sample(&values);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let back = sample(&sorted);
            prop_assert!(close(there.median(), back.median()));
            prop_assert!(there.quantile(low.min(high)) <= there.quantile(low.max(high)) + 1e-6);
            prop_assert!(there.min() <= there.median() && there.median() <= there.max());
        }

        #[test]
        fn a_scale_scales_every_figure(
            values in proptest::collection::vec(1.0_f64..1e6, 2..20),
            factor in 0.1_f64..10.0,
        ) {
            let one = sample(&values);
            let other = sample(&values.iter().map(|value| value * factor).collect::<Vec<_>>());
            prop_assert!(close(one.median() * factor, other.median()));
            prop_assert!(close(one.mean() * factor, other.mean()));
            let (one, other) = (one.std_dev().unwrap(), other.std_dev().unwrap());
            prop_assert!((one * factor - other).abs() < 1e-3);
        }
    }
}
