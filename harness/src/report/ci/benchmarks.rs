//! Formats of benchmark trackers: the custom arrays of github-action-benchmark, and the metric
//! format of Bencher. A setting gives medians over its runs with their quartiles, a comparison the
//! median of its candidate.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::report::model::{
    ComparisonRow, Document, MetricSummary, PhaseReport, ReportKind, SettingRow, TrackedFigure,
};
use crate::report::numbers::{pretty, rounded};

/// Entry of `customBiggerIsBetter` and `customSmallerIsBetter`.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    unit: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// Array for github-action-benchmark: all figures for which a larger value is better
/// (`customBiggerIsBetter`) or a smaller one (`customSmallerIsBetter`).
pub(in crate::report) fn github_action_benchmark(
    document: &Document,
    bigger_is_better: bool,
) -> Result<String> {
    let entry = |series: TrackedFigure| Entry {
        name: format!("{}: {}", series.benchmark, series.measure),
        unit: series.unit,
        value: rounded(series.value),
        range: series.range.map(|[low, high]| format!("{} to {}", rounded(low), rounded(high))),
        extra: series.extra,
    };
    let series = all(document)?.into_iter();
    let wanted = series.filter(|series| series.bigger_is_better == bigger_is_better);
    pretty(&wanted.map(entry).collect::<Vec<_>>())
}

/// Metric format of Bencher: benchmark → measure → value with its range.
pub(in crate::report) fn bencher(document: &Document) -> Result<String> {
    let mut benchmarks: Map<String, Value> = Map::new();
    for series in all(document)? {
        let mut metric = Map::new();
        metric.insert("value".into(), rounded(series.value).into());
        if let Some([low, high]) = series.range {
            metric.insert("lower_value".into(), rounded(low).into());
            metric.insert("upper_value".into(), rounded(high).into());
        }
        let benchmark = benchmarks.entry(series.benchmark).or_insert_with(|| Map::new().into());
        if let Value::Object(measures) = benchmark {
            measures.insert(series.measure, metric.into());
        }
    }
    pretty(&benchmarks)
}

/// All figures of a document. Fails for a bisection, which has none.
fn all(document: &Document) -> Result<Vec<TrackedFigure>> {
    if document.kind == ReportKind::Bisect {
        return Err(Error::usage(
            "a bisection has no figures for a benchmark tracker; render the results folder of one \
             of its gates",
        ));
    }
    let settings = document
        .phases
        .iter()
        .flat_map(|phase| phase.settings.iter().flat_map(|setting| of_setting(phase, setting)));
    let compared = document.metrics.iter().chain(&document.last);
    let all = settings.chain(compared.filter_map(of_comparison)).chain(document.tracked.clone());
    // Figures over a simulated network are another benchmark.
    let link = document.link.as_ref().map(|link| format!(", {link}")).unwrap_or_default();
    Ok(all
        .map(|series| TrackedFigure { benchmark: series.benchmark.clone() + &link, ..series })
        .collect())
}

fn of_setting(phase: &PhaseReport, setting: &SettingRow) -> Vec<TrackedFigure> {
    let benchmark = format!("{} {}", phase.phase, setting.label).trim().to_owned();
    let series = |measure: &str, unit: &str, bigger_is_better, value, range| TrackedFigure {
        benchmark: benchmark.clone(),
        measure: measure.into(),
        unit: unit.into(),
        bigger_is_better,
        value,
        range,
        extra: phase.runs.clone(),
    };
    let time = |measure, time: Option<MetricSummary>| {
        time.map(|time| series(measure, "ms", false, time.median, Some(time.middle_half)))
    };
    let rate = setting.rec_per_min;
    let rate = series("rec_per_min", "records/min", true, rate.median, Some(rate.middle_half));
    let memory = setting.peak_rss_bytes;
    let memory = memory.map(|bytes| series("peak_rss_bytes", "bytes", false, bytes, None));
    let insert = time("insert_ms_per_1000_records", setting.insert_ms);
    let prepare = time("prepare_ms_per_1000_records", setting.prepare_ms);
    [Some(rate), insert, prepare, memory].into_iter().flatten().collect()
}

/// Median of the candidate; `None` if there is none.
fn of_comparison(comparison: &ComparisonRow) -> Option<TrackedFigure> {
    let [_, value] = comparison.medians?;
    Some(TrackedFigure {
        benchmark: comparison.name.clone(),
        measure: "median".into(),
        unit: comparison.unit.clone(),
        bigger_is_better: !comparison.lower_is_better,
        value,
        range: None,
        extra: format!("against {}: {}", comparison.against, comparison.status.words()),
    })
}
