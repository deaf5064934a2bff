//! Result of the paired test of one metric, with the fields of files and reports. Source of every
//! verdict.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::stats::paired::{Estimate, Pair, percent};
use crate::stats::power;
use crate::stats::scale::{Scale, ScaledMargin};
use crate::stats::verdict::{Judge, Judgement, PAIRS_MIN, Untestable, Verdict};

/// Decision of a test, if the metric could be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Tested, with a verdict.
    Judged(Verdict),
    /// Not tested.
    Untestable(Untestable),
    /// Not decided, because a run of an arm failed.
    FailedRuns,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Judged(verdict) => verdict.fmt(f),
            Self::Untestable(untestable) => untestable.fmt(f),
            Self::FailedRuns => f.write_str("not judged: a run failed"),
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Decision {
    /// The verdict, if the metric was tested.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Judged(verdict) => Some(verdict),
            Self::Untestable(_) | Self::FailedRuns => None,
        }
    }
}

/// Result of the paired test of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestResult {
    /// A verdict, or `not testable with R pairs`.
    pub verdict: Decision,
    /// Slowdown of B relative to A, in percent: 5 means 1.05 times the time, or a rate divided by
    /// 1.05; negative is better. Hodges–Lehmann estimate. `None` on the scale of differences.
    pub effect_percent: Option<f64>,
    /// Interval of effects that the test does not reject, in percent; an end is `None` if
    /// unbounded.
    pub interval_percent: Option<[Option<f64>; 2]>,
    /// On the scale of differences how much worse B is, in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// On the scale of differences the interval of effects, in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[Option<f64>; 2]>,
    /// On the scale of differences the margin, in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// p-value of no difference; small if B is worse.
    pub p_worse: Option<f64>,
    /// p-value of a difference as large as the margin; small if B is within it. `None` for a margin
    /// of 0.
    pub p_within: Option<f64>,
    /// Number of pairs R.
    pub pairs: usize,
    /// Estimated number of pairs in all that decide at this noise.
    pub needed_pairs: Option<u64>,
    /// Judgement in logarithms, if the metric was tested.
    #[serde(skip)]
    pub judgement: Option<Judgement>,
}

impl TestResult {
    /// Tests pairs on the scale of `margin`. `batches` are the lengths of their parts in order; an
    /// empty slice means one part.
    pub fn of(judge: &mut Judge, pairs: &[Pair], batches: &[usize], margin: &ScaledMargin) -> Self {
        match judge.judge(pairs, batches, margin) {
            Ok(judgement) => Self::judged(&judgement),
            Err(untestable) => Self::untestable(pairs, untestable, margin, judge.alpha()),
        }
    }

    /// Result of a judgement.
    pub(crate) fn judged(judgement: &Judgement) -> Self {
        let interval = [judgement.interval.low, judgement.interval.high];
        Self {
            verdict: Decision::Judged(judgement.verdict),
            p_worse: Some(judgement.p.worse),
            p_within: judgement.p.within,
            pairs: judgement.pairs,
            needed_pairs: Some(judgement.needed_pairs),
            judgement: Some(*judgement),
            ..Self::described(&judgement.margin, judgement.estimate.shown, Some(interval))
        }
    }

    /// Withdraws the decision; the estimate stays as a description of the runs that are left.
    pub(crate) fn withdraw(&mut self) {
        self.verdict = Decision::FailedRuns;
        (self.interval_percent, self.interval) = (None, None);
        (self.p_worse, self.p_within) = (None, None);
        (self.needed_pairs, self.judgement) = (None, None);
    }

    fn untestable(pairs: &[Pair], why: Untestable, margin: &ScaledMargin, alpha: f64) -> Self {
        let estimate = Estimate::of(pairs);
        let needed = estimate.zip(margin.threshold()).and_then(|(estimate, delta)| {
            power::needed_pairs(pairs.len(), estimate.std_dev, delta, alpha)
        });
        let shown = estimate.map_or(f64::NAN, |estimate| estimate.shown * margin.unit);
        Self {
            verdict: Decision::Untestable(why),
            pairs: pairs.len(),
            needed_pairs: needed.map(|needed| needed.max(PAIRS_MIN as u64)),
            ..Self::described(margin, shown, None)
        }
    }

    /// Result of ratios that cannot be tested: an estimate and its interval, logarithms.
    pub(crate) fn not_interleaved(shown: f64, interval: Option<(f64, f64)>) -> Self {
        let margin = ScaledMargin { scale: Scale::Ratio, delta: 0.0, unit: 1.0 };
        Self::described(&margin, shown, interval.map(<[f64; 2]>::from))
    }

    /// Effect and interval on their scale, not interleaved and without a test. A value that is not
    /// finite is left out.
    fn described(margin: &ScaledMargin, shown: f64, interval: Option<[f64; 2]>) -> Self {
        let finite =
            |value: f64, rounded: &dyn Fn(f64) -> f64| value.is_finite().then(|| rounded(value));
        let ratio = margin.scale == Scale::Ratio;
        let in_unit = |value: f64| rounded_to(value, margin.unit);
        let percent = |value: f64| finite(value, &rounded_percent).filter(|_| ratio);
        let difference = |value: f64| finite(value, &in_unit).filter(|_| !ratio);
        Self {
            verdict: Decision::Untestable(Untestable::NotInterleaved),
            effect_percent: percent(shown),
            interval_percent: interval.filter(|_| ratio).map(|ends| ends.map(percent)),
            effect: difference(shown),
            interval: interval.filter(|_| !ratio).map(|ends| ends.map(difference)),
            margin: difference(margin.delta),
            p_worse: None,
            p_within: None,
            pairs: 0,
            needed_pairs: None,
            judgement: None,
        }
    }
}

/// Rounds a value to a millionth of `unit`, the precision of interval ends, and never to less than
/// a whole number.
pub(crate) fn rounded_to(value: f64, unit: f64) -> f64 {
    let digits = (6.0 - unit.log10().floor()).clamp(0.0, 300.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let digits = digits as usize;
    // Through text, because a multiple of a decimal step is not what it reads like. Adding zero
    // turns −0 into 0.
    format!("{value:.digits$}").parse::<f64>().map_or(value, |rounded| rounded + 0.0)
}

/// Rounds to 0.0001 percent, the precision of interval ends.
pub fn rounded_percent(log: f64) -> f64 {
    // Adding zero turns −0 into 0.
    (percent(log) * 1e4).round() / 1e4 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_rounded_to_a_millionth_of_a_typical_value() {
        for (value, unit, rounded) in [
            (5.000_000_000_01, 5.0, 5.0),
            (0.123_456_789, 1.0, 0.123_457),
            (1.234_567_89e-9, 3e-9, 1.234_568e-9),
            (123_456_789.4, 2e8, 123_456_789.0),
            (-0.000_000_01, 1.0, 0.0),
        ] {
            assert_eq!(rounded_to(value, unit).to_string(), f64::to_string(&rounded));
        }
    }
}
