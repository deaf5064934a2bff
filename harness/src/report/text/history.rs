//! Releases over time for the terminal, at most 100 columns wide. Says what changes are worth.

use serde::Serialize;

use crate::analysis::history::{HistoryMachine, HistoryPoint, HistorySeries, LevelShift};
use crate::error::Result;
use crate::report::numbers::{counted, percent, pretty, thousands};
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::wrapped;
use crate::sanitize::{is_command, shown};
use crate::stats::change_point::POINTS_MIN;

/// Below every history with a tested series.
const LEGEND: &str = "A change (*) is where the level of all points before and of all after it \
                      differ more than in 95 % of the orders in which they could stand (energy \
                      statistics, permutation test). One series in twenty shows one that is none, \
                      and a machine that gets slower shows one as well: it says where to look, and \
                      `harness gate` or `harness explain` on the two revisions says whether it is \
                      the program. The gate never asks it.";

/// The table of every series; `folder` is where their charts are.
pub fn text(all: &[HistorySeries], notes: &[String], folder: &str) -> String {
    let mut parts: Vec<String> = all.iter().map(table).collect();
    if all.iter().any(|series| series.tested) {
        parts.push(wrapped(LEGEND) + "\n");
    }
    parts.extend(notes.iter().map(|note| wrapped(&format!("note: {note}")) + "\n"));
    if !all.is_empty() {
        parts.push(format!("Charts: {folder}/\n"));
    }
    // Lines may come from anywhere: a terminal obeys no text of theirs.
    shown(&parts.join("\n"))
}

/// Every series and every note, as data.
pub fn json(all: &[HistorySeries], notes: &[String]) -> Result<String> {
    #[derive(Serialize)]
    struct Told<'a> {
        series: &'a [HistorySeries],
        notes: &'a [String],
    }
    pretty(&Told { series: all, notes })
}

/// What a series is of: the first line of its table, and the title of its chart.
pub(crate) fn title(series: &HistorySeries) -> String {
    let HistorySeries { plan, phase, .. } = series;
    format!("{plan}, {phase}: records per minute of the baseline over time")
}

/// On which machine and store, by which plan.
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

fn table(series: &HistorySeries) -> String {
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
    let mut table = Table::with_columns("", &columns);
    for (index, point) in series.points.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| series.points.get(before));
        let mark = series.changes.iter().any(|change| change.at == index);
        table.rows.push(row(point, before, mark));
    }
    let heading = wrapped(&title(series)) + "\n" + &wrapped(&place(series));
    let words: String = said(series).iter().map(|line| wrapped(line) + "\n").collect();
    format!("{heading}\n\n{}\n{words}", table.to_ruled_text())
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

/// What its points say of changes, sentences.
pub(crate) fn said(series: &HistorySeries) -> Vec<String> {
    if !series.tested {
        return vec![format!(
            "{}: changes are looked for from {POINTS_MIN} points on.",
            counted(series.points.len(), "point")
        )];
    }
    if series.changes.is_empty() {
        return vec!["No change of the level stands out.".into()];
    }
    series.changes.iter().map(|change| changed(series, change)).collect()
}

fn changed(series: &HistorySeries, change: &LevelShift) -> String {
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
fn minute(time: &str) -> String {
    short(time, 16).replace('T', " ")
}

/// The first characters, of a text that somebody else may have written.
pub(crate) fn short(text: &str, most: usize) -> String {
    text.chars().filter(|c| !is_command(*c)).take(most).collect()
}
