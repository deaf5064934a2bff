//! Result of the paired test of one metric, with the fields of files and reports. Source of every
//! verdict.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::stats::paired::{Estimate, Pair, percent};
use crate::stats::power;
use crate::stats::verdict::{Judge, Judgement, PAIRS_MIN, Rule, Untestable, Verdict};

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
    /// 1.05; negative is better. Hodges–Lehmann estimate.
    pub effect_percent: Option<f64>,
    /// Interval of effects that the test does not reject, in percent; an end is `None` if
    /// unbounded.
    pub interval_percent: Option<[Option<f64>; 2]>,
    /// p-value of no difference; small if B is worse.
    pub p_worse: Option<f64>,
    /// p-value of a difference as large as the margin; small if B is within it.
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
    /// Tests pairs. `batches` are the lengths of their parts in order; an empty slice means one
    /// part. `judge` follows `rule`.
    pub fn of(judge: &mut Judge, pairs: &[Pair], batches: &[usize], rule: Rule) -> Self {
        match judge.judge(pairs, batches) {
            Ok(judgement) => Self::judged(&judgement),
            Err(untestable) => Self::untestable(pairs, untestable, rule),
        }
    }

    /// Result of a judgement.
    pub(crate) fn judged(judgement: &Judgement) -> Self {
        let end = |log: f64| log.is_finite().then(|| rounded_percent(log));
        let interval = judgement.interval;
        Self {
            verdict: Decision::Judged(judgement.verdict),
            effect_percent: Some(rounded_percent(judgement.estimate.shown)),
            interval_percent: Some([end(interval.low), end(interval.high)]),
            p_worse: Some(judgement.p.worse),
            p_within: Some(judgement.p.within),
            pairs: judgement.pairs,
            needed_pairs: Some(judgement.needed_pairs),
            judgement: Some(*judgement),
        }
    }

    /// Withdraws the decision; the estimate stays as a description of the runs that are left.
    pub(crate) fn withdraw(&mut self) {
        self.verdict = Decision::FailedRuns;
        self.interval_percent = None;
        (self.p_worse, self.p_within) = (None, None);
        (self.needed_pairs, self.judgement) = (None, None);
    }

    fn untestable(pairs: &[Pair], why: Untestable, rule: Rule) -> Self {
        let estimate = Estimate::of(pairs);
        let needed = estimate.and_then(|estimate| {
            power::needed_pairs(pairs.len(), estimate.std_dev, rule.delta(), rule.alpha)
        });
        Self {
            verdict: Decision::Untestable(why),
            effect_percent: estimate.map(|estimate| rounded_percent(estimate.shown)),
            interval_percent: None,
            p_worse: None,
            p_within: None,
            pairs: pairs.len(),
            needed_pairs: needed.map(|needed| needed.max(PAIRS_MIN as u64)),
            judgement: None,
        }
    }
}

/// Rounds to 0.0001 percent, the precision of interval ends.
pub fn rounded_percent(log: f64) -> f64 {
    // Adding zero turns −0 into 0.
    (percent(log) * 1e4).round() / 1e4 + 0.0
}
