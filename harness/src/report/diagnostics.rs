//! Texts about the reliability of figures, the same in every format.

use super::model::{ComparisonRow, Fact, FailedRun, ValidityFigures};
use super::numbers::{percent, value};
use crate::stats::diagnostics::{DriftRate, Trend};

/// Known diagnostics (statistics.md 4).
pub(super) fn validity(validity: &ValidityFigures) -> Vec<Fact> {
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    let facts = [
        ("trend of the block means", trend(validity).map(|trend| trend.to_string())),
        ("effect of running second", validity.order_effect_percent.map(percent)),
        ("lag-1 autocorrelation", validity.autocorrelation.map(|figure| format!("{figure:+.2}"))),
        (
            "standard deviation of the pairs",
            validity.std_dev_percent.map(|sd| format!("{sd:.1} %")),
        ),
        ("share of runs with interference", validity.disturbed_share.map(share)),
        ("spread of the clock speed", validity.clock_spread.map(share)),
    ];
    facts.into_iter().filter_map(|(name, value)| Some(Fact::new(name, value?))).collect()
}

/// The trend with its interval; without one there is no trend to show.
fn trend(validity: &ValidityFigures) -> Option<Trend> {
    let rate =
        |(percent_per_hour, percent_per_minute)| DriftRate { percent_per_hour, percent_per_minute };
    let per_hour = validity.trend_interval_percent_per_hour?;
    let [low, high] = validity.trend_interval_percent_per_minute?;
    let pace = validity.trend_percent_per_hour.zip(validity.trend_percent_per_minute)?;
    let interval = [(per_hour[0], low), (per_hour[1], high)].map(rate);
    Some(Trend { pace: rate(pace), interval, p: f64::NAN })
}

/// One sentence for each failed run.
pub(super) fn failed(failed: &[FailedRun]) -> Vec<String> {
    let sentence = |run: &FailedRun| format!("Run {} ({}): {}", run.trial, run.setting, run.reason);
    failed.iter().map(sentence).collect()
}

/// Properties of a comparison.
pub(super) fn comparison(comparison: &ComparisonRow) -> Vec<Fact> {
    let medians = comparison.medians.map(|medians| {
        let [before, after] = medians.map(|median| value(median, &comparison.unit));
        format!("{before} before, {after} after")
    });
    let p = comparison.p.map(|p| {
        let [worse, better] = [p.worse, p.better].map(p_value);
        let within = p.within.map_or_else(|| "not tested".into(), p_value);
        format!("worse {worse}, within the margin {within}, better {better}")
    });
    let needed = comparison.needed_pairs.map(|pairs| format!("{pairs} in total would decide"));
    let pairs = match &needed {
        Some(needed) => format!("{}; {needed}", comparison.pairs),
        None => comparison.pairs.to_string(),
    };
    let facts = [
        ("compared", Some(format!("{} against {}", comparison.name, comparison.against))),
        ("direction", Some(comparison.direction().to_string())),
        ("change", comparison.change_text()),
        ("interval", comparison.interval_text()),
        ("margin", comparison.margin_text()),
        ("medians", medians),
        ("p values", p),
        ("pairs", (comparison.pairs > 0).then_some(pairs)),
        ("confidence", Some(comparison.confidence.clone())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some(Fact::new(name, value?))).collect()
}

/// p value with three decimals.
fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}
