//! What a session of pairs says of one metric, in the fields that people and programs read. Decides
//! nothing that [`crate::stats`] does not decide: every verdict of the harness comes by here.

use serde::{Serialize, Serializer};

use crate::stats::paired::{Estimate, Pair, percent};
use crate::stats::power;
use crate::stats::verdict::{Judge, Judgement, PAIRS_MIN, Rule, Untestable, Verdict};

/// What was decided, if anything could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Judged.
    Judged(Verdict),
    /// Not tested.
    Untestable(Untestable),
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Judged(verdict) => serializer.collect_str(verdict),
            Self::Untestable(untestable) => serializer.collect_str(untestable),
        }
    }
}

impl Decision {
    /// The verdict, where there is one.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Judged(verdict) => Some(verdict),
            Self::Untestable(_) => None,
        }
    }
}

/// What a session of pairs says of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestResult {
    /// A verdict, or `not testable with R pairs`.
    pub verdict: Decision,
    /// How much worse B is than A, in percent: 5 is 1.05 times the time, or a rate divided by
    /// 1.05; negative is better. The Hodges–Lehmann estimate.
    pub effect_percent: Option<f64>,
    /// The hull of what the test does not refuse, in percent as the effect; an end is `None` where
    /// nothing is too small or too large.
    pub interval_percent: Option<[Option<f64>; 2]>,
    /// p of no difference, small where B is worse.
    pub p_worse: Option<f64>,
    /// p of a difference as large as the margin, small where B is within it.
    pub p_within: Option<f64>,
    /// R.
    pub pairs: usize,
    /// About how many pairs, all in all, decide at this noise.
    pub needed_pairs: Option<u64>,
    /// The judgement with everything in logarithms, where there is one.
    #[serde(skip)]
    pub judgement: Option<Judgement>,
}

impl TestResult {
    /// Judges pairs whose batches (hosts) have these lengths, one after the other; none: all are one
    /// batch. `judge` follows `rule`.
    pub fn of(judge: &mut Judge, pairs: &[Pair], batches: &[usize], rule: Rule) -> Self {
        match judge.judge(pairs, batches) {
            Ok(judgement) => Self::judged(&judgement),
            Err(untestable) => Self::untestable(pairs, untestable, rule),
        }
    }

    /// What a judgement says.
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

/// To 0.0001 percent, which is as closely as the ends of intervals are known.
pub fn rounded_percent(log: f64) -> f64 {
    // Adding zero makes −0 a plain one.
    (percent(log) * 1e4).round() / 1e4 + 0.0
}
