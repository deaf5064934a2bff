//! Table of a sweep: one row per setting, at most 100 columns wide on a terminal.

use crate::analysis::sweep::{Analysis, SettingSummary};
use crate::report::numbers::{mib, milliseconds, percent, swept, thousands};
use crate::report::table::{ColumnKind, Table};
use crate::scenario::metric::Metric;

/// Widest setting that leaves room for the other columns.
const SETTING_WIDTH_MAX: usize = 22;

/// Legend below the rows.
const LEGEND: &str = "* may be the fastest; insert and prepare summed over workers; peak RSS the largest of all runs";

/// Cells of a setting, in the order of the headings.
fn cells(summary: &SettingSummary) -> [String; 7] {
    let metrics = &summary.metrics;
    let time =
        |metric| metrics.get(metric).map_or_else(|| "-".into(), |time| milliseconds(time.median));
    [
        summary.runs.to_string(),
        thousands(metrics.rec_per_min.median),
        metrics.rec_per_min.std_dev.map_or_else(|| "-".into(), thousands),
        percent(summary.vs_baseline_percent),
        time(Metric::Insert),
        time(Metric::Prepare),
        mib(metrics.peak_rss_bytes.max),
    ]
}

/// Remark of a row; a star marks settings that may be the fastest.
fn mark(analysis: &Analysis, index: usize) -> String {
    let star = analysis.may_be_best(index).then_some("*");
    // If the baseline is the choice, the summary says so.
    star.into_iter().chain(roles(analysis, index).take(1)).collect::<Vec<_>>().join(" ")
}

/// Roles of the setting with this index: baseline, choice, or both.
fn roles(analysis: &Analysis, index: usize) -> impl Iterator<Item = &'static str> {
    let baseline = (index == analysis.baseline).then_some("baseline");
    let choice = (index == analysis.choice).then_some("choice");
    baseline.into_iter().chain(choice)
}

/// Table as plain text.
pub fn table(analysis: &Analysis) -> String {
    let columns = [
        (&*swept(analysis), ColumnKind::Figure),
        ("runs", ColumnKind::Figure),
        ("median\nrec/min", ColumnKind::Figure),
        ("std dev\nrec/min", ColumnKind::Figure),
        ("against\nbaseline", ColumnKind::Figure),
        ("insert\nms/1000", ColumnKind::Figure),
        ("prepare\nms/1000", ColumnKind::Figure),
        ("peak\nRSS", ColumnKind::Figure),
        // The remarks need no heading.
        ("", ColumnKind::Text),
    ];
    let mut table = Table::with_columns("", &columns);
    for (index, summary) in analysis.settings.iter().enumerate() {
        let setting = std::iter::once(summary.setting.short.clone());
        table.rows.push(setting.chain(cells(summary)).chain([mark(analysis, index)]).collect());
    }
    table.with_width_max(0, SETTING_WIDTH_MAX).to_ruled_text() + LEGEND + "\n"
}
