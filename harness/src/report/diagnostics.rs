//! Texts about the reliability of figures, the same in every format.

use super::model::{ComparisonRow, Fact, FailedRun, ValidityFigures};
use super::numbers::{percent, percent_range, value};
use crate::stats::diagnostics::DriftRate;

/// Known diagnostics (statistics.md 4).
pub(super) fn validity(validity: &ValidityFigures) -> Vec<Fact> {
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    let pace = validity.trend_percent_per_hour.zip(validity.trend_percent_per_minute);
    let pace = pace.map(|(percent_per_hour, percent_per_minute)| DriftRate {
        percent_per_hour,
        percent_per_minute,
    });
    let facts = [
        ("trend of the block means", pace.map(|pace| pace.to_string())),
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
        let [worse, within, better] = [p.worse, p.within, p.better].map(p_value);
        format!("worse {worse}, within the margin {within}, better {better}")
    });
    let needed = comparison.needed_pairs.map(|pairs| format!("{pairs} in total would decide"));
    let pairs = match &needed {
        Some(needed) => format!("{}; {needed}", comparison.pairs),
        None => comparison.pairs.to_string(),
    };
    let facts = [
        ("compared", Some(format!("{} against {}", comparison.name, comparison.against))),
        ("change", comparison.effect_percent.map(percent)),
        ("interval", comparison.interval_percent.map(percent_range)),
        ("margin", comparison.margin_percent.map(|margin| format!("{margin} %"))),
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
