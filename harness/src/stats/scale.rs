//! Scale of a comparison (statistics.md 2): ratios, or differences of values that can be zero or
//! negative. Turns the values of pairs into changes, and holds the margin among them.

use serde::{Deserialize, Serialize};

use super::median::median;
use super::paired::{Better, Pair, PairOrder};

/// Smallest share of a value that counts as a difference. Below it lies rounding.
pub const RESOLUTION: f64 = 1e-9;
/// Change of a pair in which only one value has a logarithm: a factor of e¹⁰.
const NO_LOGARITHM: f64 = 10.0;
/// Largest change in units of [`ScaledMargin::unit`]. Keeps sums and squares finite.
const CHANGE_MAX: f64 = 1e6;

/// Scale on which two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Logarithm of B/A; for values above 0.
    Ratio,
    /// B − A, in the metric's unit.
    Difference,
}

/// Values of a pair, in run order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawPair {
    /// Value of the first run, finite.
    pub first: f64,
    /// Value of the second run, finite.
    pub second: f64,
    /// Arm that ran first.
    pub order: PairOrder,
}

impl RawPair {
    /// Value of A.
    pub fn baseline(&self) -> f64 {
        if self.order == PairOrder::Ab { self.first } else { self.second }
    }

    /// Smaller value of the two.
    pub fn min(&self) -> f64 {
        self.first.min(self.second)
    }

    fn magnitude(&self) -> f64 {
        self.first.abs().max(self.second.abs())
    }

    /// Half of second − first, 0 for a tie. The whole could overflow.
    fn half_difference(&self) -> f64 {
        let half = self.second / 2.0 - self.first / 2.0;
        if half.abs() < RESOLUTION / 2.0 * self.magnitude() { 0.0 } else { half }
    }

    /// ln(second/first), 0 for a tie.
    fn log_ratio(&self) -> f64 {
        let half = self.half_difference();
        if half == 0.0 {
            0.0
        } else if self.min() > 0.0 {
            self.second.ln() - self.first.ln()
        } else {
            NO_LOGARITHM.copysign(half)
        }
    }
}

/// Margin of a comparison with its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledMargin {
    /// Scale.
    pub scale: Scale,
    /// Allowed degradation δ: a logarithm, or in the metric's unit.
    pub delta: f64,
    /// One unit of the changes that are tested: 1 for ratios. For differences the typical size of
    /// a value, in the metric's unit, so that every metric is tested at the same precision.
    pub unit: f64,
}

impl ScaledMargin {
    /// Margin of ratios: a share such as 0.05.
    pub fn ratio(margin: f64) -> Self {
        Self { scale: Scale::Ratio, delta: margin.ln_1p(), unit: 1.0 }
    }

    /// Margin of differences, in the metric's unit. The unit of changes is the median over the
    /// pairs of the larger value; if that is 0, the largest value.
    pub fn difference(delta: f64, pairs: &[RawPair]) -> Self {
        let mut magnitudes: Vec<f64> = pairs.iter().map(RawPair::magnitude).collect();
        let largest = magnitudes.iter().copied().fold(0.0, f64::max);
        let typical = if magnitudes.is_empty() { 0.0 } else { median(&mut magnitudes) };
        let unit = [typical, largest].into_iter().find(|size| *size > 0.0).unwrap_or(1.0);
        Self { scale: Scale::Difference, delta, unit }
    }

    /// Margin of differences that is a share of the median of A, and 0 if that median is below 0.
    pub fn share_of_baseline(margin: f64, pairs: &[RawPair]) -> Self {
        let mut baseline: Vec<f64> = pairs.iter().map(RawPair::baseline).collect();
        let median = if baseline.is_empty() { 0.0 } else { median(&mut baseline) };
        Self::difference((margin * median).max(0.0), pairs)
    }

    /// δ in the unit of changes; `None` if it is 0 or too small to be told from rounding.
    pub fn threshold(&self) -> Option<f64> {
        let threshold = (self.delta / self.unit).min(10.0 * CHANGE_MAX);
        (threshold > RESOLUTION).then_some(threshold)
    }

    /// Changes of the pairs, turned so that bigger is worse, in the unit of changes. A change below
    /// [`RESOLUTION`] of the values is 0.
    pub fn changes(&self, pairs: &[RawPair], better: Better) -> Vec<Pair> {
        let turned = match better {
            Better::Lower => 1.0,
            Better::Higher => -1.0,
        };
        let change = |pair: &RawPair| match self.scale {
            Scale::Ratio => pair.log_ratio(),
            Scale::Difference => {
                (pair.half_difference() / self.unit * 2.0).clamp(-CHANGE_MAX, CHANGE_MAX)
            }
        };
        // Adding zero turns −0 into 0.
        let pair = |pair: &RawPair| Pair { change: turned * change(pair) + 0.0, order: pair.order };
        pairs.iter().map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(first: f64, second: f64) -> RawPair {
        RawPair { first, second, order: PairOrder::Ab }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    fn change(margin: ScaledMargin, first: f64, second: f64, better: Better) -> f64 {
        margin.changes(&[raw(first, second)], better)[0].change
    }

    #[test]
    fn five_percent_worse_is_a_time_times_1_05_and_a_rate_divided_by_it() {
        let ratio = ScaledMargin::ratio(0.05);
        let rate = change(ratio, 100.0, 100.0 / 1.05, Better::Higher);
        for found in [change(ratio, 100.0, 105.0, Better::Lower), rate] {
            assert!(close(found, 1.05_f64.ln()), "{found}");
        }
        assert!(close(ratio.threshold().unwrap(), 1.05_f64.ln()));
    }

    #[test]
    fn a_ratio_without_a_logarithm_is_a_factor_of_e_to_the_10() {
        let ratio = ScaledMargin::ratio(0.05);
        for (first, second, expected) in
            [(0.0, 1.0, 10.0), (1.0, 0.0, -10.0), (-1.0, 1.0, 10.0), (0.0, 0.0, 0.0)]
        {
            assert!(close(change(ratio, first, second, Better::Lower), expected), "{first}");
        }
    }

    #[test]
    fn differences_below_a_billionth_of_the_value_are_ties_on_both_scales() {
        let values = [raw(1e6, 1e6)];
        for margin in [ScaledMargin::ratio(0.05), ScaledMargin::difference(1.0, &values)] {
            for size in [1e-200, 1.0, 1e200] {
                let found = |share| change(margin, size, size * (1.0 + share), Better::Lower);
                assert!(found(0.9e-9).abs() < f64::EPSILON, "{margin:?} {size}");
                assert!(found(1.1e-9) > 0.0 || margin.scale == Scale::Difference);
            }
        }
        let difference = ScaledMargin::difference(1.0, &values);
        assert!(change(difference, 1e6, 1e6 + 0.002, Better::Lower) > 0.0);
    }

    #[test]
    fn differences_are_in_units_of_a_typical_value() {
        let pairs = [raw(100.0, 200.0), raw(-300.0, 100.0), raw(0.0, 1e9)];
        let margin = ScaledMargin::difference(30.0, &pairs);
        assert!(close(margin.unit, 300.0) && close(margin.threshold().unwrap(), 0.1));
        let changes: Vec<f64> =
            margin.changes(&pairs, Better::Higher).iter().map(|pair| pair.change).collect();
        assert!(close(changes[0], -100.0 / 300.0) && close(changes[1], -400.0 / 300.0));
        assert!(close(changes[2], -CHANGE_MAX));
        // Mostly zeros have no typical size.
        let zeros = [raw(0.0, 0.0), raw(0.0, 0.0), raw(0.0, 5.0)];
        assert!(close(ScaledMargin::difference(0.0, &zeros).unit, 5.0));
        assert!(close(ScaledMargin::difference(0.0, &zeros[..2]).unit, 1.0));
        assert!(close(ScaledMargin::difference(0.0, &[]).unit, 1.0));
    }

    #[test]
    fn the_margin_of_differences_is_a_share_of_the_median_of_a() {
        let ba = RawPair { first: 900.0, second: 40.0, order: PairOrder::Ba };
        let margin = ScaledMargin::share_of_baseline(0.05, &[raw(20.0, 900.0), ba, raw(60.0, 1.0)]);
        assert!(close(margin.delta, 2.0), "{margin:?}");
        for baseline in [0.0, -5.0] {
            let margin = ScaledMargin::share_of_baseline(0.05, &[raw(baseline, 1.0)]);
            assert!(margin.delta.abs() < f64::EPSILON);
            assert_eq!(margin.threshold(), None);
        }
    }

    #[test]
    fn values_as_large_as_numbers_get_stay_finite() {
        let pairs = [raw(-f64::MAX, f64::MAX), raw(f64::MIN_POSITIVE, f64::MAX)];
        let margin = ScaledMargin::difference(1.0, &pairs);
        let changes = margin.changes(&pairs, Better::Lower);
        assert!(changes.iter().all(|pair| pair.change.is_finite()), "{changes:?}");
        assert_eq!(margin.threshold(), None);
    }
}
