//! What pairs say ([`crate::analysis::comparison`]) as parts of a document. Decides nothing.

use crate::analysis::comparison;
use crate::analysis::comparison::{ArmFigures, CountRange, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::report::model::{Comparison, Exact, P, Standing, ValidityFigures};
use crate::report::numbers::thousands;
use crate::scenario::metric::Metric;
use crate::session::state::CompletedStep;
use crate::stats::paired::Better;
use crate::stats::verdict::Verdict;

/// A comparison for each metric that has figures, the deciding one first; `steps` are those of its
/// pairs, whose arms are baseline and candidate.
pub fn comparisons(fresh: &comparison::Comparison, steps: &[&CompletedStep]) -> Vec<Comparison> {
    fresh.metrics.iter().map(|found| comparison(fresh, found, steps)).collect()
}

fn comparison(
    fresh: &comparison::Comparison,
    found: &MetricFinding,
    steps: &[&CompletedStep],
) -> Comparison {
    let median = |arm: &ArmFigures| {
        let figures = arm.figures.as_ref()?;
        Some(figures.metrics.get(found.metric)?.median)
    };
    let [low, high] = found.change_interval_percent.unwrap_or([None, None]);
    let decides = found.finding.verdict.verdict().is_some_and(|v| v != Verdict::Inconclusive);
    Comparison {
        name: fresh.candidate.label.clone(),
        against: fresh.baseline.label.clone(),
        unit: unit(found.metric).into(),
        lower_is_better: found.metric.better() == Better::Lower,
        standing: if fresh.invalid { Standing::Invalid } else { standing(found.finding.verdict) },
        medians: median(&fresh.baseline).zip(median(&fresh.candidate)).map(<[f64; 2]>::from),
        effect_percent: found.change_percent,
        interval_percent: low.zip(high).map(<[f64; 2]>::from),
        margin_percent: Some(fresh.margin_percent),
        p: found.finding.judgement.map(|judgement| P {
            worse: judgement.p.worse,
            within: judgement.p.within,
            better: judgement.p.better,
        }),
        each_percent: each(found.metric, steps),
        pairs: found.finding.pairs,
        needed_pairs: found.finding.needed_pairs.filter(|_| !decides),
        confidence: fresh.confidence.to_string(),
        kept: None,
        reason: String::new(),
    }
}

/// How an outcome stands.
pub fn standing(outcome: Decision) -> Standing {
    match outcome {
        Decision::Judged(verdict) => verdict.into(),
        Decision::Untestable(_) => Standing::NotTestable,
    }
}

fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::RecPerMin => "rec/min",
        Metric::PeakRss => "bytes",
        _ => "ms",
    }
}

/// B over A of every pair that has both, less 1, in percent.
fn each(metric: Metric, steps: &[&CompletedStep]) -> Vec<f64> {
    let pairs = steps.iter().flat_map(|ran| ran.counted());
    let value = |measured: Option<&crate::trial::measurement::Measurement>| measured?.value(metric);
    let ratios = pairs.filter_map(|pair| Some((value(pair.of_arm(0))?, value(pair.of_arm(1))?)));
    ratios.filter(|(a, _)| *a > 0.0).map(|(a, b)| (b / a - 1.0) * 100.0).collect()
}

/// The quantities that are compared without statistics; a difference of these is something to know.
pub fn exact(fresh: &comparison::Comparison) -> Vec<Exact> {
    let range = |CountRange { min, max }: CountRange| {
        let most = (max > min).then(|| format!(" to {}", thousands(max as f64)));
        thousands(min as f64) + &most.unwrap_or_default()
    };
    let quantity = |count: &comparison::CountComparison| Exact {
        name: count.quantity.name().into(),
        baseline: range(count.baseline),
        head: range(count.candidate),
        must_agree: false,
    };
    fresh.exact.iter().map(quantity).collect()
}

/// The figures by which to believe the pairs or not.
pub fn validity(fresh: &comparison::Comparison) -> ValidityFigures {
    let figures = &fresh.validity;
    ValidityFigures {
        trend_percent_per_hour: figures.trend_percent_per_hour,
        trend_percent_per_minute: figures.trend_percent_per_minute,
        order_effect_percent: figures.order_effect_percent,
        autocorrelation: figures.autocorrelation,
        std_dev_percent: figures.std_dev_percent,
        disturbed_share: figures.disturbed_share,
        clock_spread: figures.clock_spread,
    }
}
