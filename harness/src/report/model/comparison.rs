//! What is compared with what: pairs, exact quantities, the phases together.

use serde::Serialize;

use super::status::Standing;
use crate::stats::confidence::Confidence;
use crate::stats::verdict::{Judgement, Verdict};

/// B against A in pairs: a confirmation, a gate's metric, an optimization alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// What B is, such as `batch_size=200` or `insert_ms_per_1000_records`.
    pub name: String,
    /// What A is.
    pub against: String,
    /// The unit of the medians.
    pub unit: String,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// How it stands.
    pub standing: Standing,
    /// Medians of the raw values of A and B.
    pub medians: Option<[f64; 2]>,
    /// B over A, less 1, in percent of the raw value.
    pub effect_percent: Option<f64>,
    /// The interval of the effect that the test gives, in percent.
    pub interval_percent: Option<[f64; 2]>,
    /// By how much worse B may be, in percent.
    pub margin_percent: Option<f64>,
    /// What decided.
    pub p: Option<P>,
    /// The same of every pair, in the order in which they ran.
    pub each_percent: Vec<f64>,
    /// Pairs that were run.
    pub pairs: usize,
    /// Pairs in all that would tell, where these did not.
    pub needed_pairs: Option<u64>,
    /// `high`, `moderate`, `low`, `none`.
    pub confidence: String,
    /// Whether B is kept; `None` where that is no question.
    pub kept: Option<bool>,
    /// Why it stands so or is kept or not, one sentence.
    pub reason: String,
}

/// The three p values of a test of pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct P {
    /// Small where B is worse.
    pub worse: f64,
    /// Small where B is within the margin.
    pub within: f64,
    /// Small where B is better.
    pub better: f64,
}

impl Comparison {
    /// Takes over what a judged session of pairs says; the judgement counts worse as more, whatever
    /// the metric, so a rate's figures are turned round.
    #[must_use]
    pub fn judged(self, judgement: &Judgement, confidence: Confidence) -> Self {
        let sign = if self.lower_is_better { 1.0 } else { -1.0 };
        let percent = |log: f64| (sign * log).exp_m1() * 100.0;
        let ends = [percent(judgement.interval.low), percent(judgement.interval.high)];
        // Very unequal orders give an interval without an end, which no file can hold.
        let interval = ends
            .iter()
            .all(|end| end.is_finite())
            .then(|| [ends[0].min(ends[1]), ends[0].max(ends[1])]);
        let p = judgement.p;
        let undecided = judgement.verdict == Verdict::Inconclusive;
        Self {
            standing: judgement.verdict.into(),
            effect_percent: Some(percent(judgement.estimate.shown)),
            interval_percent: interval,
            p: Some(P { worse: p.worse, within: p.within, better: p.better }),
            pairs: judgement.pairs,
            needed_pairs: undecided.then_some(judgement.needed_pairs),
            confidence: confidence.to_string(),
            ..self
        }
    }

    /// A change in percent with better as more: a time that falls gains.
    pub fn gain(&self, percent: f64) -> f64 {
        if self.lower_is_better { -percent } else { percent }
    }
}

/// Something that is compared without statistics: rows, rejects, the checksum, statements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Exact {
    /// What.
    pub name: String,
    /// What A has.
    pub baseline: String,
    /// What B has.
    pub head: String,
    /// Whether a difference is a wrong result rather than something to know.
    pub must_agree: bool,
}

impl Exact {
    /// Whether both have the same.
    pub fn agrees(&self) -> bool {
        self.baseline == self.head
    }
}

/// What the kept phases add up to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cumulative {
    /// One row a phase, in the plan's order.
    pub rows: Vec<CumulativeRow>,
    /// What the plan wanted beside what came of it.
    pub target: Option<Target>,
}

/// One phase of the cumulative table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CumulativeRow {
    /// Its number in the plan.
    pub phase: String,
    /// The setting in use after it.
    pub setting: String,
    /// What it brought in percent of the setting before; 0 where nothing was kept.
    pub gain_percent: f64,
    /// All phases so far, in percent of the original baseline.
    pub cumulative_percent: f64,
    /// What the plan expected of it, in percent.
    pub expected_percent: Option<[f64; 2]>,
    /// How it stands.
    pub standing: Standing,
    /// `high`, `moderate`, `low`, `none`.
    pub confidence: String,
    /// Whether the phase's choice is in use.
    pub kept: bool,
}

/// A range that was aimed at, and what was reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Target {
    /// What the range is of, in words.
    pub name: String,
    /// The range, in percent of the original baseline.
    pub range_percent: [f64; 2],
    /// What was reached, in the same unit; `None` where nothing can be said.
    pub reached_percent: Option<f64>,
    /// What the comparison says, one sentence.
    pub words: String,
}
