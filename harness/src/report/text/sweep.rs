//! The final table: one row per setting, at most 100 columns wide on a terminal.

use crate::analysis::sweep::{Analysis, SettingSummary};
use crate::report::numbers::{mib, milliseconds, percent, swept, thousands};
use crate::scenario::metric::Metric;

/// Widest setting that leaves room for the other columns.
const SETTING_WIDTH_MAX: usize = 22;

/// Below the rows.
const LEGEND: &str = "* may be the fastest; insert and prepare summed over workers; peak RSS the largest of all runs";

/// Headings in two lines, the setting's own name apart.
const HEADINGS: [[&str; 2]; 7] = [
    ["", "runs"],
    ["median", "rec/min"],
    ["std dev", "rec/min"],
    ["against", "baseline"],
    ["insert", "ms/1000"],
    ["prepare", "ms/1000"],
    ["peak", "RSS"],
];

/// The cells of a setting's row, in the order of the headings.
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

/// What a row is, beside its figures; a star is what may be the fastest.
fn mark(analysis: &Analysis, index: usize) -> String {
    let star = analysis.may_be_best(index).then_some("*");
    // Where the baseline is the choice the words below say so.
    star.into_iter().chain(roles(analysis, index).take(1)).collect::<Vec<_>>().join(" ")
}

/// Whether the setting of this index is the baseline, the choice, or both.
fn roles(analysis: &Analysis, index: usize) -> impl Iterator<Item = &'static str> {
    let baseline = (index == analysis.baseline).then_some("baseline");
    let choice = (index == analysis.choice).then_some("choice");
    baseline.into_iter().chain(choice)
}

/// The table as plain text; no line is longer than 100 columns.
pub fn table(analysis: &Analysis) -> String {
    let [above, below] = [0, 1].map(|line| HEADINGS.map(|heading| heading[line].to_owned()));
    let mut rows = vec![row("", above, ""), row(&swept(analysis), below, "")];
    rows.extend(analysis.settings.iter().enumerate().map(|(index, summary)| {
        row(&summary.setting.short, cells(summary), &mark(analysis, index))
    }));
    let widths = widths(&rows);
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    let figures = &widths[..widths.len() - 1];
    lines.insert(2, "-".repeat(figures.iter().sum::<usize>() + 2 * (figures.len() - 1)));
    lines.push(LEGEND.into());
    lines.join("\n") + "\n"
}

/// Setting, figures, mark.
fn row(setting: &str, cells: [String; 7], mark: &str) -> Vec<String> {
    let mut setting = setting.to_owned();
    if setting.chars().count() > SETTING_WIDTH_MAX {
        setting = setting.chars().take(SETTING_WIDTH_MAX - 1).chain(['…']).collect();
    }
    std::iter::once(setting).chain(cells).chain([mark.to_owned()]).collect()
}

/// The widest cell of every column.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    (0..columns).map(|column| width(column).unwrap_or(0)).collect()
}

/// Figures end under each other; the mark behind them is a remark and begins there.
fn line(row: &[String], widths: &[usize]) -> String {
    let last = row.len() - 1;
    let cell = |(index, (cell, width)): (usize, (&String, &usize))| {
        if index == last { cell.clone() } else { format!("{cell:>width$}") }
    };
    let cells: Vec<String> = row.iter().zip(widths).enumerate().map(cell).collect();
    cells.join("  ").trim_end().to_owned()
}
