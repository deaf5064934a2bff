//! Rows of paired comparisons ([`crate::analysis::comparison`]).

use crate::analysis::comparison;
use crate::analysis::comparison::{ArmFigures, CountRange, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::report::model::{ComparisonRow, ExactRow, Status, UnitDifference};
use crate::report::numbers::thousands;
use crate::scenario::metric::Metric;
use crate::session::state::CompletedStep;
use crate::stats::paired::Better;
use crate::stats::scale::Scale;
use crate::stats::verdict::Verdict;

/// One row for each metric with figures, the primary metric first. `steps` are the steps of the
/// comparison; their arms are baseline and candidate.
pub fn comparisons(fresh: &comparison::Comparison, steps: &[&CompletedStep]) -> Vec<ComparisonRow> {
    fresh.metrics.iter().map(|found| comparison(fresh, found, steps)).collect()
}

fn comparison(
    fresh: &comparison::Comparison,
    found: &MetricFinding,
    steps: &[&CompletedStep],
) -> ComparisonRow {
    let median = |arm: &ArmFigures| {
        let figures = arm.figures.as_ref()?;
        Some(figures.metrics.get(found.metric)?.median)
    };
    let [low, high] = found.change_interval_percent.unwrap_or([None, None]);
    let decides = found.finding.verdict.verdict().is_some_and(|v| v != Verdict::Inconclusive);
    ComparisonRow {
        name: fresh.candidate.label.clone(),
        against: fresh.baseline.label.clone(),
        unit: found.metric.unit().into(),
        lower_is_better: found.better == Better::Lower,
        status: if fresh.invalid { Status::Invalid } else { status(found.finding.verdict) },
        medians: median(&fresh.baseline).zip(median(&fresh.candidate)).map(<[f64; 2]>::from),
        effect_percent: found.change_percent,
        interval_percent: low.zip(high).map(<[f64; 2]>::from),
        margin_percent: Some(fresh.margin_percent).filter(|_| found.scale == Scale::Ratio),
        difference: unit_difference(found),
        p: found.finding.judgement.map(|judgement| judgement.p),
        each_percent: match found.scale {
            Scale::Ratio => each(found.metric, steps),
            Scale::Difference => Vec::new(),
        },
        pairs: found.finding.pairs,
        needed_pairs: found.finding.needed_pairs.filter(|_| !decides),
        confidence: fresh.confidence.to_string(),
        kept: None,
        reason: String::new(),
    }
}

/// Change in the metric's unit, if it is compared by difference.
fn unit_difference(found: &MetricFinding) -> Option<UnitDifference> {
    let [low, high] = found.change_interval.unwrap_or([None, None]);
    let interval = low.zip(high).map(<[f64; 2]>::from);
    Some(UnitDifference { effect: found.change?, interval, margin: found.finding.margin? })
}

/// Status of a test.
pub fn status(outcome: Decision) -> Status {
    match outcome {
        Decision::Judged(verdict) => verdict.into(),
        Decision::Untestable(_) => Status::NotTestable,
        Decision::FailedRuns => Status::Failed,
    }
}

/// B/A − 1 of every pair with both values, in percent.
fn each(metric: Metric, steps: &[&CompletedStep]) -> Vec<f64> {
    let pairs = steps.iter().flat_map(|ran| ran.counted());
    let value = |measured: Option<&crate::trial::measurement::Measurement>| measured?.value(metric);
    let ratios = pairs.filter_map(|pair| Some((value(pair.of_arm(0))?, value(pair.of_arm(1))?)));
    ratios.filter(|(a, _)| *a > 0.0).map(|(a, b)| (b / a - 1.0) * 100.0).collect()
}

/// Quantities that are compared without statistics; a difference is reported, not judged.
pub fn exact(fresh: &comparison::Comparison) -> Vec<ExactRow> {
    let range = |CountRange { min, max }: CountRange| {
        let most = (max > min).then(|| format!(" to {}", thousands(max as f64)));
        thousands(min as f64) + &most.unwrap_or_default()
    };
    let quantity = |count: &comparison::CountComparison| ExactRow {
        name: count.quantity.name().into(),
        baseline: range(count.baseline),
        head: range(count.candidate),
        must_agree: false,
        fails: count.gated && count.rises(),
    };
    fresh.exact.iter().map(quantity).collect()
}
