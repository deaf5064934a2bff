//! Files for tools that follow benchmarks over time: github-action-benchmark's custom arrays and
//! Bencher's metric format. A setting gives medians over its runs with their middle half, a
//! comparison the median of what it is about.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::report::model::{Comparison, Document, Figures, Phase, Setting};
use crate::report::numbers::{pretty, rounded};

/// One figure to follow.
struct Series {
    /// What was measured; the same from one session to the next.
    benchmark: String,
    /// Which figure of it, in the names of `metric.rs`.
    measure: String,
    unit: String,
    bigger_is_better: bool,
    value: f64,
    range: Option<[f64; 2]>,
    extra: String,
}

/// An entry of `customBiggerIsBetter` and `customSmallerIsBetter`.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    unit: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// What github-action-benchmark takes: an array of all figures of which more is better
/// (`customBiggerIsBetter`) or less (`customSmallerIsBetter`).
pub(in crate::report) fn github_action_benchmark(
    document: &Document,
    bigger_is_better: bool,
) -> Result<String> {
    let entry = |series: Series| Entry {
        name: format!("{}: {}", series.benchmark, series.measure),
        unit: series.unit,
        value: rounded(series.value),
        range: series.range.map(|[low, high]| format!("{} to {}", rounded(low), rounded(high))),
        extra: series.extra,
    };
    let series = all(document).into_iter();
    let wanted = series.filter(|series| series.bigger_is_better == bigger_is_better);
    pretty(&wanted.map(entry).collect::<Vec<_>>())
}

/// Bencher's metric format: benchmark → measure → value with its range.
pub(in crate::report) fn bencher(document: &Document) -> Result<String> {
    let mut benchmarks: Map<String, Value> = Map::new();
    for series in all(document) {
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

fn all(document: &Document) -> Vec<Series> {
    let settings = document
        .phases
        .iter()
        .flat_map(|phase| phase.settings.iter().flat_map(|setting| of_setting(phase, setting)));
    let compared = document.metrics.iter().chain(&document.last);
    let all = settings.chain(compared.filter_map(of_comparison));
    // Figures over a link that is not there are another benchmark.
    let link = document.link.as_ref().map(|link| format!(", {link}")).unwrap_or_default();
    all.map(|series| Series { benchmark: series.benchmark.clone() + &link, ..series }).collect()
}

fn of_setting(phase: &Phase, setting: &Setting) -> Vec<Series> {
    let benchmark = format!("{} {}", phase.phase, setting.label).trim().to_owned();
    let series = |measure: &str, unit: &str, bigger_is_better, value, range| Series {
        benchmark: benchmark.clone(),
        measure: measure.into(),
        unit: unit.into(),
        bigger_is_better,
        value,
        range,
        extra: phase.runs.clone(),
    };
    let time = |measure, time: Option<Figures>| {
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

/// The head's median; a comparison without one has nothing to follow.
fn of_comparison(comparison: &Comparison) -> Option<Series> {
    let [_, value] = comparison.medians?;
    Some(Series {
        benchmark: comparison.name.clone(),
        measure: "median".into(),
        unit: comparison.unit.clone(),
        bigger_is_better: !comparison.lower_is_better,
        value,
        range: None,
        extra: format!("against {}: {}", comparison.against, comparison.standing.words()),
    })
}
