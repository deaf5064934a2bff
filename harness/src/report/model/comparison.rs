//! Comparisons: paired metrics, exact quantities, and the phases of a plan together.

use super::status::Status;
use crate::report::numbers::{difference, difference_range, percent, percent_range, value};
use crate::stats::paired::Better;
use crate::stats::verdict::PValues;

/// Paired comparison of B with A on one metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparisonRow {
    /// Name of B or of the metric, such as `batch_size=200` or `insert_ms_per_1000_records`.
    pub name: String,
    /// Name of A.
    pub against: String,
    /// Unit of the medians.
    pub unit: String,
    /// True if a smaller value is better.
    pub lower_is_better: bool,
    /// Status.
    pub status: Status,
    /// Medians of A and B, in the unit.
    pub medians: Option<[f64; 2]>,
    /// Estimate of B/A − 1, in percent.
    pub effect_percent: Option<f64>,
    /// Confidence interval of the effect, in percent.
    pub interval_percent: Option<[f64; 2]>,
    /// Allowed degradation of B, in percent.
    pub margin_percent: Option<f64>,
    /// Change, interval and margin in the unit, if the metric is compared by difference. The
    /// percentages are then `None`.
    pub difference: Option<UnitDifference>,
    /// p values of the test.
    pub p: Option<PValues>,
    /// B/A − 1 of each pair in run order, in percent.
    pub each_percent: Vec<f64>,
    /// Number of pairs.
    pub pairs: usize,
    /// Total number of pairs that would decide, if these did not.
    pub needed_pairs: Option<u64>,
    /// Confidence: `high`, `moderate`, `low` or `none`.
    pub confidence: String,
    /// True if B is kept; `None` if there is nothing to keep.
    pub kept: Option<bool>,
    /// Reason for the status or for keeping B, one sentence.
    pub reason: String,
}

/// Change of a metric in its own unit and direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UnitDifference {
    /// Estimate of B − A.
    pub effect: f64,
    /// Confidence interval of the effect.
    pub interval: Option<[f64; 2]>,
    /// Allowed degradation of B.
    pub margin: f64,
}

impl ComparisonRow {
    /// Direction in which the metric improves.
    pub fn direction(&self) -> Better {
        if self.lower_is_better { Better::Lower } else { Better::Higher }
    }

    /// The change, in percent or in the unit.
    pub fn change_text(&self) -> Option<String> {
        let in_unit = self.difference.map(|found| difference(found.effect, &self.unit));
        in_unit.or_else(|| self.effect_percent.map(percent))
    }

    /// The interval of the change.
    pub fn interval_text(&self) -> Option<String> {
        match self.difference {
            Some(found) => found.interval.map(|ends| difference_range(ends, &self.unit)),
            None => self.interval_percent.map(percent_range),
        }
    }

    /// The margin.
    pub fn margin_text(&self) -> Option<String> {
        match self.difference {
            Some(found) => Some(value(found.margin, &self.unit)),
            None => self.margin_percent.map(|margin| format!("{margin} %")),
        }
    }

    /// Converts a change in percent so that positive is better.
    pub fn gain(&self, percent: f64) -> f64 {
        if self.lower_is_better { -percent } else { percent }
    }
}

/// Quantity that is compared without statistics: rows, rejects, checksum, statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExactRow {
    /// Name.
    pub name: String,
    /// Value of A.
    pub baseline: String,
    /// Value of B.
    pub head: String,
    /// True if a difference is a wrong result, false if it is only reported.
    pub must_agree: bool,
    /// True if it is a count that rose and that the scenario does not allow to rise.
    pub fails: bool,
}

impl ExactRow {
    /// True if both values are the same.
    pub fn agrees(&self) -> bool {
        self.baseline == self.head
    }
}

/// Sum of the kept phases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cumulative {
    /// One row per phase, in the order of the plan.
    pub rows: Vec<CumulativeRow>,
    /// Target of the plan and its result.
    pub target: Option<PlanTarget>,
}

/// Row of the cumulative table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CumulativeRow {
    /// Number of the phase in the plan.
    pub phase: String,
    /// Setting in use after the phase.
    pub setting: String,
    /// Gain over the setting before, in percent; 0 if nothing was kept.
    pub gain_percent: f64,
    /// Gain of all phases so far over the original baseline, in percent.
    pub cumulative_percent: f64,
    /// Expected gain according to the plan, in percent.
    pub expected_percent: Option<[f64; 2]>,
    /// Status.
    pub status: Status,
    /// Confidence: `high`, `moderate`, `low` or `none`.
    pub confidence: String,
    /// True if the setting of the phase is in use.
    pub kept: bool,
}

/// Target range and the result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanTarget {
    /// Name of the target.
    pub name: String,
    /// Range, in percent of the original baseline.
    pub range_percent: [f64; 2],
    /// Result in the same unit; `None` if unknown.
    pub reached_percent: Option<f64>,
    /// Comparison of the two, one sentence.
    pub words: String,
}
