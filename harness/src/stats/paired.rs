//! Pairs of consecutive runs, one of each arm, and the difference of the arms corrected for the
//! effect of their order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hodges_lehmann::hodges_lehmann;

/// Arm of a pair that ran first. A is the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairOrder {
    /// A, then B.
    Ab,
    /// B, then A.
    Ba,
}

impl PairOrder {
    /// oᵣ: +1 if B ran second, −1 if it ran first.
    pub fn sign(self) -> f64 {
        match self {
            Self::Ab => 1.0,
            Self::Ba => -1.0,
        }
    }
}

/// Direction in which a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Times, bytes.
    Lower,
    /// Rates: inverted first, so that larger is always worse.
    Higher,
}

impl fmt::Display for Better {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lower => "lower is better",
            Self::Higher => "higher is better",
        })
    }
}

/// One pair in the form that the statistics use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Δᵣ = second − first, of logarithms or of values in a fixed unit, with the sign that makes
    /// larger worse; finite.
    pub change: f64,
    /// Arm that ran second.
    pub order: PairOrder,
}

impl Pair {
    /// dᵣ = oᵣ·Δᵣ, ln(B/A) or B − A: the degradation of B in this pair.
    pub fn effect(self) -> f64 {
        self.order.sign() * self.change
    }
}

/// Estimates of a session, in the unit of the pairs' changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// θ̂ = ½(mean d in order AB + mean d in order BA).
    pub effect: f64,
    /// π̂ = ½(mean d in order AB − mean d in order BA): the effect of running second.
    pub order_effect: f64,
    /// `s_d`: standard deviation of the order-adjusted d, with R − 2 degrees of freedom.
    pub std_dev: f64,
    /// The Hodges–Lehmann estimate of the order-adjusted d, which reports show.
    pub shown: f64,
}

impl Estimate {
    /// The same in another unit, of which the present one is `unit`.
    #[must_use]
    pub(super) fn scaled(self, unit: f64) -> Self {
        Self {
            effect: self.effect * unit,
            order_effect: self.order_effect * unit,
            std_dev: self.std_dev * unit,
            shown: self.shown * unit,
        }
    }

    /// `None` for fewer than three pairs, or if all ran in one order: the effects of order and arm
    /// are then inseparable.
    pub fn of(pairs: &[Pair]) -> Option<Self> {
        if pairs.len() < 3 {
            return None;
        }
        let ab = mean_effect(pairs, PairOrder::Ab)?;
        let ba = mean_effect(pairs, PairOrder::Ba)?;
        let (effect, order_effect) = (f64::midpoint(ab, ba), (ab - ba) / 2.0);
        let adjusted = adjusted(pairs, order_effect);
        let squares: f64 = adjusted.iter().map(|one| (one - effect).powi(2)).sum();
        Some(Self {
            effect,
            order_effect,
            std_dev: (squares / (pairs.len() - 2) as f64).sqrt(),
            shown: hodges_lehmann(&adjusted)?,
        })
    }
}

/// The dᵣ without the effect of the order: dᵣ − oᵣ·π̂, in the order of the pairs.
pub fn adjusted(pairs: &[Pair], order_effect: f64) -> Vec<f64> {
    pairs.iter().map(|pair| pair.effect() - pair.order.sign() * order_effect).collect()
}

/// A logarithm in percent: θ → 100·(e^θ − 1).
pub fn percent(log: f64) -> f64 {
    log.exp_m1() * 100.0
}

fn mean_effect(pairs: &[Pair], order: PairOrder) -> Option<f64> {
    let of_order = || pairs.iter().filter(|pair| pair.order == order);
    let count = of_order().count();
    (count > 0).then(|| of_order().map(|pair| pair.effect()).sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_order_effect_is_separated_from_the_arm_effect() {
        // Arm +0.05, running second +0.02, noise that cancels within each order.
        let pairs: Vec<Pair> = [0.01, -0.01, 0.01, -0.01]
            .iter()
            .zip([PairOrder::Ab, PairOrder::Ab, PairOrder::Ba, PairOrder::Ba])
            .map(|(noise, order)| Pair { change: 0.02 + order.sign() * (0.05 + noise), order })
            .collect();
        let estimate = Estimate::of(&pairs).unwrap();
        assert!(close(estimate.effect, 0.05));
        assert!(close(estimate.order_effect, 0.02));
        assert!(close(estimate.shown, 0.05));
        // Four residuals of ±0.01 over R − 2 = 2.
        assert!(close(estimate.std_dev, (4.0 * 0.01_f64.powi(2) / 2.0).sqrt()));
    }

    #[test]
    fn pairs_of_one_order_or_too_few_have_no_estimate() {
        let pair = |order| Pair { change: 0.1, order };
        assert_eq!(Estimate::of(&[pair(PairOrder::Ab); 10]), None);
        assert_eq!(Estimate::of(&[pair(PairOrder::Ba); 10]), None);
        assert_eq!(Estimate::of(&[pair(PairOrder::Ab), pair(PairOrder::Ba)]), None);
    }

    #[test]
    fn both_orders_have_equal_weight_if_counts_differ() {
        let mut pairs = vec![Pair { change: 0.03, order: PairOrder::Ab }; 6];
        pairs.extend(vec![Pair { change: -0.01, order: PairOrder::Ba }; 2]);
        let estimate = Estimate::of(&pairs).unwrap();
        assert!(close(estimate.effect, 0.02) && close(estimate.order_effect, 0.01));
        assert!(estimate.std_dev.abs() < 1e-12);
    }
}
