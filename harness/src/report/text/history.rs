//! Text of a history, at most 100 columns wide on a terminal, and its parts for other formats.

use serde::Serialize;

use crate::analysis::history::{HistoryMachine, HistoryPoint, HistorySeries, LevelShift};
use crate::error::Result;
use crate::report::numbers::{counted, percent, pretty, thousands};
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::wrapped;
use crate::sanitize::{is_command, shown};
use crate::stats::change_point::POINTS_MIN;

/// Legend of histories with a tested series.
pub(in crate::report) const LEGEND: &str = "A change (*) is where the level of all points before and of all after it \
                      differ more than in 95 % of the orders in which they could stand (energy \
                      statistics, permutation test). One series in twenty shows one that is none, \
                      and a machine that gets slower shows one as well: it says where to look, and \
                      `harness gate` or `harness explain` on the two revisions says whether it is \
                      the program. The gate never asks it.";

/// Text for the terminal; `folder` holds the charts.
pub fn text(all: &[HistorySeries], notes: &[String], folder: &str) -> String {
    let mut parts: Vec<String> = all.iter().map(table).collect();
    if all.iter().any(|series| series.tested) {
        parts.push(wrapped(LEGEND) + "\n");
    }
    parts.extend(notes.iter().map(|note| wrapped(&format!("note: {note}")) + "\n"));
    if !all.is_empty() {
        parts.push(format!("Charts: {folder}/\n"));
    }
    // Files of points may come from anywhere, so control characters are removed.
    shown(&parts.join("\n"))
}

/// Series and notes as JSON. Fails if they cannot be serialized.
pub fn json(all: &[HistorySeries], notes: &[String]) -> Result<String> {
    #[derive(Serialize)]
    struct Told<'a> {
        series: &'a [HistorySeries],
        notes: &'a [String],
    }
    pretty(&Told { series: all, notes })
}

/// Title of a series and of its chart.
pub(crate) fn title(series: &HistorySeries) -> String {
    let HistorySeries { plan, phase, .. } = series;
    format!("{plan}, {phase}: records per minute of the baseline over time")
}

/// Machine, store, plan and settings of a series.
pub(crate) fn place(series: &HistorySeries) -> String {
    let HistoryMachine { host, cpu, cpus, filesystem } = &series.machine;
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
    let hash = series.plan_hash.get(..8).unwrap_or(&series.plan_hash);
    let cpus = counted(*cpus, "processor");
    let on = filesystem.as_ref().map_or_else(String::new, |name| format!(" on {name}"));
    format!(
        "{}, {}, {cpus}; store {}{on}; plan {hash}; {}",
        known(host),
        known(cpu),
        series.store,
        series.settings
    )
}

/// Section of a series for the terminal.
fn table(series: &HistorySeries) -> String {
    let heading = wrapped(&title(series)) + "\n" + &wrapped(&place(series));
    let words: String = said(series).iter().map(|line| wrapped(line) + "\n").collect();
    format!("{heading}\n\n{}\n{words}", points(series).to_ruled_text())
}

/// Points of a series, by time.
pub(in crate::report) fn points(series: &HistorySeries) -> Table {
    let columns = [
        ("", ColumnKind::Text),
        ("time", ColumnKind::Text),
        ("revision", ColumnKind::Text),
        ("version", ColumnKind::Text),
        ("runs", ColumnKind::Figure),
        ("rec/min", ColumnKind::Figure),
        ("std dev", ColumnKind::Figure),
        ("change", ColumnKind::Figure),
    ];
    let mut table = Table::with_columns(title(series), &columns);
    for (index, point) in series.points.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| series.points.get(before));
        let mark = series.changes.iter().any(|change| change.at == index);
        table.rows.push(row(point, before, mark));
    }
    table
}

fn row(point: &HistoryPoint, before: Option<&HistoryPoint>, mark: bool) -> Vec<String> {
    let change = before.map(|before| (point.rec_per_min / before.rec_per_min - 1.0) * 100.0);
    vec![
        if mark { "*".into() } else { String::new() },
        minute(&point.time),
        short(&point.revision, 8),
        short(point.version.as_deref().unwrap_or("-"), 24),
        point.runs.to_string(),
        thousands(point.rec_per_min),
        point.std_dev.map_or_else(|| "-".into(), thousands),
        change.map_or_else(|| "-".into(), percent),
    ]
}

/// Changes of a series, as sentences.
pub(crate) fn said(series: &HistorySeries) -> Vec<String> {
    if !series.tested {
        return vec![format!(
            "{}: changes are tested from {POINTS_MIN} points on.",
            counted(series.points.len(), "point")
        )];
    }
    if series.changes.is_empty() {
        return vec!["No change of the level was detected.".into()];
    }
    series.changes.iter().map(|change| changed(series, change)).collect()
}

/// A level shift, in one or two sentences.
pub(in crate::report) fn changed(series: &HistorySeries, change: &LevelShift) -> String {
    let at = &series.points[change.at];
    let before = &series.points[change.at - 1];
    let also = match change.also.as_slice() {
        [] => String::new(),
        also => format!(" Since then also: {}.", also.join(", ")),
    };
    format!(
        "* {}: {} after {} ({}), p = {:.3}.{also}",
        percent(change.percent),
        short(&at.revision, 8),
        short(&before.revision, 8),
        minute(&at.time),
        change.p
    )
}

/// `2026-01-31 12:00`.
pub(in crate::report) fn minute(time: &str) -> String {
    short(time, 16).replace('T', " ")
}

/// First characters of a text, without control characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    text.chars().filter(|c| !is_command(*c)).take(most).collect()
}
