//! Charts of one phase with a row for each setting: rates, times, stages and latencies.

use plotters::prelude::*;

use super::canvas::{
    BLUE, Canvas, FILLS, Form, GREY, INK, ON_FILL, PAPER, Place, Point, VERMILION, area, circle,
    dashed, diamond, line, spread, square, text, triangle, whisker, width_of,
};
use super::chart::{Chart, Words};
use super::rows;
use super::rows::{Axis, Frame, HALF, Mark, Row, Sheet};
use crate::error::Result;
use crate::report::model::{Latency, MetricSummary, PhaseReport, SettingRow};
use crate::report::numbers::{milliseconds, percent, thousands};
use crate::report::table::{NOTHING, Table, cell};
use crate::report::tables::remarks;

/// Number of stages with a segment of their own; the others share one.
const STAGES_MAX: usize = 7;

fn rows(phase: &PhaseReport, figure: impl Fn(&SettingRow, usize) -> String) -> Vec<Row> {
    let row = |(index, setting): (usize, &SettingRow)| Row {
        name: setting.short.clone(),
        tags: remarks(phase, index),
        figure: figure(setting, index),
        bold: phase.chosen == Some(index),
        marked: setting.in_set == Some(true),
    };
    phase.settings.iter().enumerate().map(row).collect()
}

fn words(phase: &PhaseReport, prefix: &str, name: &str, [title, how, alt]: [String; 3]) -> Words {
    Words {
        name: format!("{prefix}{name}"),
        title: format!("{title}, by {}", phase.swept.join(" × ")),
        subtitle: format!("{}. {how}", phase.runs),
        alt,
    }
}

/// Records per minute of every run.
pub(super) fn rates(phase: &PhaseReport, prefix: &str) -> Result<Option<Chart>> {
    let values = |setting: &SettingRow| -> Vec<f64> {
        setting.runs.iter().filter_map(|run| run.rec_per_min).collect()
    };
    let all: Vec<f64> = phase.settings.iter().flat_map(values).collect();
    if all.is_empty() {
        return Ok(None);
    }
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(0.0, f64::max);
    let room = (high - low).max(high * 0.01).max(f64::MIN_POSITIVE);
    let figure = |setting: &SettingRow, index| {
        let median = thousands(setting.rec_per_min.median);
        if phase.baseline == Some(index) {
            return median;
        }
        format!("{median} ({})", percent(setting.vs_baseline_percent))
    };
    let how = format!("At the right the median, and what it is against the {}.", phase.against);
    let alt = format!("{} Every run of every setting as a dot on an axis of rates.", phase.finding);
    let words =
        words(phase, prefix, "rec-per-min", ["Records per minute of every run".into(), how, alt]);
    let sheet = Sheet {
        headings: [words.title.clone(), words.subtitle.clone()],
        legend: rates_legend(phase),
        rows: rows(phase, figure),
        axis: Axis::linear(
            "records per minute (the axis does not begin at 0)",
            ((low - room * 0.06).max(0.0), high + room * 0.06),
            thousands,
        ),
    };
    let table = rates_table(phase);
    let draw = |form: Form| {
        rows::draw(form, &sheet, |frame| {
            if let Some(baseline) = phase.baseline.and_then(|index| phase.settings.get(index)) {
                let median = baseline.rec_per_min.median;
                frame.across(median, |ends| dashed(frame.canvas, ends, GREY))?;
            }
            for (row, setting) in phase.settings.iter().enumerate() {
                cloud(frame, row, &values(setting), &setting.rec_per_min)?;
            }
            Ok(())
        })
    };
    Chart::drawn(words, table, draw).map(Some)
}

fn rates_legend(phase: &PhaseReport) -> Vec<(String, Mark)> {
    let run: Mark = |canvas, (x, y)| circle(canvas, (x + 12, y), 4, BLUE.mix(0.7).filled());
    let median: Mark = |canvas, (x, y)| median_line(canvas, [(x + 12, y - 10), (x + 12, y + 10)]);
    let half: Mark =
        |canvas, (x, y)| area(canvas, [(x, y - 7), (x + 24, y + 7)], BLUE.mix(0.22).filled());
    let baseline: Mark = |canvas, (x, y)| dashed(canvas, [(x, y), (x + 24, y)], GREY);
    let mut legend = vec![
        ("one run, from top to bottom in order of time".into(), run),
        ("median".into(), median),
        ("middle half of the runs".into(), half),
        (format!("median of the {}", phase.against), baseline),
    ];
    if phase.settings.iter().any(|setting| setting.rec_per_min.interval.is_some()) {
        let interval: Mark = |canvas, (x, y)| whisker(canvas, [(x, y), (x + 24, y)], INK);
        legend.push(("95 % interval of the median".into(), interval));
    }
    if phase.settings.iter().any(|setting| setting.in_set == Some(true)) {
        let bar: Mark = |canvas, (x, y)| {
            area(canvas, [(x, y - 9), (x + 24, y + 9)], BLUE.mix(0.09).filled())?;
            area(canvas, [(x, y - 9), (x + 5, y + 9)], BLUE.filled())
        };
        legend.push(("cannot be told from the best".into(), bar));
    }
    legend
}

fn median_line(canvas: &Canvas<'_>, ends: [Point; 2]) -> Result<()> {
    line(canvas, ends, INK.stroke_width(3))
}

/// Runs of a setting, from top to bottom in run order.
fn cloud(frame: &Frame<'_, '_>, row: usize, values: &[f64], figures: &MetricSummary) -> Result<()> {
    let (canvas, y) = (frame.canvas, frame.y(row));
    let [low, high] = figures.middle_half.map(|value| frame.x(value));
    area(canvas, [(low, y - HALF), (high, y + HALF)], BLUE.mix(0.22).filled())?;
    for (shift, value) in spread(values) {
        circle(canvas, (frame.x(value), y + shift), 4, BLUE.mix(0.7).filled())?;
    }
    if let Some(ends) = figures.interval {
        whisker(canvas, ends.map(|end| (frame.x(end), y)), INK)?;
    }
    let x = frame.x(figures.median);
    median_line(canvas, [(x, y - HALF), (x, y + HALF)])
}

fn rates_table(phase: &PhaseReport) -> Table {
    let heading = phase.swept.join(" × ");
    let mut table = Table::new(
        "Records per minute, every run in the order in which they ran",
        &[&heading, "median", "std dev", "middle half", "95 % interval", "every run"],
    );
    let range = |ends: [f64; 2]| format!("{} to {}", thousands(ends[0]), thousands(ends[1]));
    for setting in &phase.settings {
        let run = |run: &crate::report::model::RunRow| cell(run.rec_per_min, thousands);
        let every: Vec<String> = setting.runs.iter().map(run).collect();
        let figures = &setting.rec_per_min;
        table.rows.push(vec![
            setting.short.clone(),
            thousands(figures.median),
            cell(figures.std_dev, thousands),
            range(figures.middle_half),
            cell(figures.interval, range),
            every.join(" · "),
        ]);
    }
    table.without_empty_columns()
}

/// Insert time against preparation time; `None` if the program reports no stages.
pub(super) fn times(phase: &PhaseReport, prefix: &str) -> Result<Option<Chart>> {
    let both = |setting: &SettingRow| Some((setting.insert_ms?, setting.prepare_ms?));
    let Some(times) = phase.settings.iter().map(both).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let each = phase.settings.iter().flat_map(|setting| &setting.runs);
    let largest =
        each.flat_map(|run| [run.insert_ms, run.prepare_ms]).flatten().fold(0.0, f64::max);
    if times.is_empty() || largest <= 0.0 {
        return Ok(None);
    }
    let figure = |setting: &SettingRow, _| {
        let ms = |time: Option<MetricSummary>| cell(time, |time| milliseconds(time.median));
        format!("{} / {}", ms(setting.insert_ms), ms(setting.prepare_ms))
    };
    let words = words(
        phase,
        prefix,
        "insert-prepare",
        [
            "Insertion against preparation time".into(),
            "Small marks are runs, large ones medians; at the right the medians.".into(),
            "Milliseconds per 1,000 records that each setting takes to insert and to prepare."
                .into(),
        ],
    );
    let inserting: Mark = |canvas, (x, y)| circle(canvas, (x + 12, y), 6, BLUE.filled());
    let preparing: Mark = |canvas, (x, y)| triangle(canvas, (x + 12, y), 6, VERMILION.filled());
    let sheet = Sheet {
        headings: [words.title.clone(), words.subtitle.clone()],
        legend: vec![
            ("inserting: insert, log, commit".into(), inserting),
            ("preparing: validation, parsing, mapping".into(), preparing),
        ],
        rows: rows(phase, figure),
        axis: Axis::linear(
            "milliseconds per 1,000 records, summed over workers",
            (0.0, largest * 1.05),
            milliseconds_on_axis,
        ),
    };
    let draw = |form: Form| {
        rows::draw(form, &sheet, |frame| {
            for (row, (insert, prepare)) in times.iter().enumerate() {
                both_times(frame, row, &phase.settings[row], [insert.median, prepare.median])?;
            }
            Ok(())
        })
    };
    Chart::drawn(words, times_table(phase), draw).map(Some)
}

/// Insert time above the middle of the row, preparation time below, so that they cannot overlap.
fn both_times(
    frame: &Frame<'_, '_>,
    row: usize,
    setting: &SettingRow,
    medians: [f64; 2],
) -> Result<()> {
    let (canvas, y) = (frame.canvas, frame.y(row));
    let (above, below) = (y - 8, y + 8);
    for run in &setting.runs {
        if let (Some(insert), Some(prepare)) = (run.insert_ms, run.prepare_ms) {
            circle(canvas, (frame.x(insert), above), 3, BLUE.mix(0.45).filled())?;
            triangle(canvas, (frame.x(prepare), below), 3, VERMILION.mix(0.45).filled())?;
        }
    }
    circle(canvas, (frame.x(medians[0]), above), 6, BLUE.filled())?;
    triangle(canvas, (frame.x(medians[1]), below), 6, VERMILION.filled())
}

fn milliseconds_on_axis(value: f64) -> String {
    if value.fract() == 0.0 { thousands(value) } else { milliseconds(value) }
}

fn times_table(phase: &PhaseReport) -> Table {
    let heading = phase.swept.join(" × ");
    let mut table = Table::new(
        "Milliseconds per 1,000 records, summed over workers",
        &[&heading, "insert, median", "std dev", "prepare, median", "std dev"],
    );
    for setting in &phase.settings {
        let median = |time: Option<MetricSummary>| cell(time, |time| milliseconds(time.median));
        let std_dev =
            |time: Option<MetricSummary>| cell(time.and_then(|time| time.std_dev), milliseconds);
        table.rows.push(vec![
            setting.short.clone(),
            median(setting.insert_ms),
            std_dev(setting.insert_ms),
            median(setting.prepare_ms),
            std_dev(setting.prepare_ms),
        ]);
    }
    table
}

/// Shares of the time: the largest stages of all settings, each with a letter, and the rest.
pub(super) fn stages(phase: &PhaseReport, prefix: &str) -> Result<Option<Chart>> {
    let names = largest_stages(phase);
    if names.is_empty() {
        return Ok(None);
    }
    let total = |setting: &SettingRow| setting.stages.iter().map(|(_, ms)| ms).sum::<f64>();
    let largest = phase.settings.iter().map(total).fold(f64::MIN_POSITIVE, f64::max);
    let words = words(phase, prefix, "stages", [
        "Where the time goes".into(),
        "Medians of every stage, summed over workers, waits among them; at the right their sum."
            .into(),
        format!("Time per stage of each setting, stacked; the largest are {}.", names.join(", ")),
    ]);
    let marks: [Mark; 8] = [
        |canvas, at| legend_segment(canvas, at, 0),
        |canvas, at| legend_segment(canvas, at, 1),
        |canvas, at| legend_segment(canvas, at, 2),
        |canvas, at| legend_segment(canvas, at, 3),
        |canvas, at| legend_segment(canvas, at, 4),
        |canvas, at| legend_segment(canvas, at, 5),
        |canvas, at| legend_segment(canvas, at, 6),
        |canvas, at| legend_segment(canvas, at, 7),
    ];
    let sheet = Sheet {
        headings: [words.title.clone(), words.subtitle.clone()],
        legend: names.iter().cloned().zip(marks).collect(),
        rows: rows(phase, |setting, _| milliseconds(total(setting))),
        axis: Axis::linear(
            "milliseconds per 1,000 records, summed over workers",
            (0.0, largest * 1.02),
            milliseconds_on_axis,
        ),
    };
    let draw = |form: Form| {
        rows::draw(form, &sheet, |frame| {
            for (row, setting) in phase.settings.iter().enumerate() {
                stacked(frame, row, &shares(setting, &names))?;
            }
            Ok(())
        })
    };
    Chart::drawn(words, stages_table(phase), draw).map(Some)
}

/// Names of the segments in processing order; `other` is last.
fn largest_stages(phase: &PhaseReport) -> Vec<String> {
    let mut totals: Vec<(String, f64)> = Vec::new();
    for (name, ms) in phase.settings.iter().flat_map(|setting| &setting.stages) {
        match totals.iter_mut().find(|(known, _)| known == name) {
            Some((_, total)) => *total += ms,
            None => totals.push((name.clone(), *ms)),
        }
    }
    totals.retain(|(_, total)| *total > 0.0);
    let mut sizes: Vec<f64> = totals.iter().map(|(_, total)| *total).collect();
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let rest = sizes.len() > STAGES_MAX + 1;
    let least = if rest { sizes[STAGES_MAX - 1] } else { 0.0 };
    let shown = totals.into_iter().filter(|(_, total)| *total >= least).take(FILLS.len());
    let mut names: Vec<String> = shown.map(|(name, _)| name).collect();
    if rest {
        names.truncate(STAGES_MAX);
        names.push("other".into());
    }
    names
}

/// Time of each segment; `other` is the rest.
fn shares(setting: &SettingRow, names: &[String]) -> Vec<f64> {
    let named = |name: &String| {
        setting.stages.iter().find(|(stage, _)| stage == name).map_or(0.0, |(_, ms)| *ms)
    };
    let rest = || {
        let other = setting.stages.iter().filter(|(stage, _)| !names.contains(stage));
        other.map(|(_, ms)| ms).sum()
    };
    names.iter().map(|name| if name == "other" { rest() } else { named(name) }).collect()
}

fn stacked(frame: &Frame<'_, '_>, row: usize, parts: &[f64]) -> Result<()> {
    let (mut from, y) = (0.0, frame.y(row));
    for (index, ms) in parts.iter().enumerate() {
        let corners = [(frame.x(from), y - HALF), (frame.x(from + ms), y + HALF)];
        from += ms;
        segment(frame.canvas, corners, index)?;
    }
    Ok(())
}

/// Segment of a bar. Its letter identifies it where colours are alike.
fn segment(canvas: &Canvas<'_>, corners: [Point; 2], index: usize) -> Result<()> {
    let [(left, top), (right, bottom)] = corners;
    area(canvas, corners, FILLS[index % FILLS.len()].filled())?;
    line(canvas, [(right, top), (right, bottom)], PAPER.stroke_width(2))?;
    if right - left < 14 {
        return Ok(());
    }
    let letter = ["A", "B", "C", "D", "E", "F", "G", "H"][index % FILLS.len()];
    let middle = (i32::midpoint(left, right), i32::midpoint(top, bottom));
    text(canvas, letter, middle, Place::on(12).colour(ON_FILL))
}

fn legend_segment(canvas: &Canvas<'_>, (x, y): Point, index: usize) -> Result<()> {
    segment(canvas, [(x + 2, y - 9), (x + 24, y + 9)], index)
}

fn stages_table(phase: &PhaseReport) -> Table {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in phase.settings.iter().flat_map(|setting| &setting.stages) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let heading = phase.swept.join(" × ");
    let headings: Vec<&str> = std::iter::once(heading.as_str()).chain(names.clone()).collect();
    let mut table = Table::new("Milliseconds per 1,000 records of every stage, medians", &headings);
    for setting in &phase.settings {
        let ms = |name: &&str| setting.stages.iter().find(|(stage, _)| stage == name);
        let cells = names.iter().map(|name| cell(ms(name), |(_, ms)| milliseconds(*ms)));
        table.rows.push(std::iter::once(setting.short.clone()).chain(cells).collect());
    }
    table
}

/// Percentiles, each with its mark.
const PERCENTILES: [(&str, Percentile, Shape); 5] = [
    ("p50", |latency| Some(latency.p50_ms), circle),
    ("p90", |latency| Some(latency.p90_ms), triangle),
    ("p99", |latency| latency.p99_ms, square),
    ("p99.9", |latency| latency.p999_ms, diamond),
    ("slowest", |latency| Some(latency.max_ms), cross),
];

type Percentile = fn(&Latency) -> Option<f64>;
type Shape = fn(&Canvas<'_>, Point, i32, ShapeStyle) -> Result<()>;

fn cross(canvas: &Canvas<'_>, (x, y): Point, size: i32, style: ShapeStyle) -> Result<()> {
    let style = ShapeStyle { stroke_width: 2, ..style };
    line(canvas, [(x - size, y - size), (x + size, y + size)], style)?;
    line(canvas, [(x - size, y + size), (x + size, y - size)], style)
}

/// Latency percentiles on a logarithmic axis.
pub(super) fn latency(phase: &PhaseReport, prefix: &str) -> Result<Option<Chart>> {
    let latencies: Vec<(usize, Latency)> = phase
        .settings
        .iter()
        .enumerate()
        .filter_map(|(row, setting)| Some((row, setting.latency?)))
        .collect();
    let all = || {
        let each = |latency: &Latency| PERCENTILES.map(|(_, value, _)| value(latency));
        latencies.iter().flat_map(move |(_, latency)| each(latency)).flatten()
    };
    let low = all().filter(|ms| *ms > 0.0).fold(f64::INFINITY, f64::min);
    let high = all().fold(0.0, f64::max);
    if !(low.is_finite() && high > 0.0) {
        return Ok(None);
    }
    let figure = |setting: &SettingRow, _| {
        let p99 = setting.latency.and_then(|latency| latency.p99_ms);
        p99.map_or_else(|| NOTHING.into(), |ms| format!("p99 {} ms", milliseconds(ms)))
    };
    let words = words(phase, prefix, "latency", [
        "How long a record is on its way".into(),
        "From its read to its batch's commit, all runs together; larger batches make records wait."
            .into(),
        "Latency percentiles of each setting in milliseconds, on a logarithmic axis.".into(),
    ]);
    let sheet = Sheet {
        headings: [words.title.clone(), words.subtitle.clone()],
        legend: latency_legend(),
        rows: rows(phase, figure),
        axis: Axis {
            title: "milliseconds (equal distances are equal factors)".into(),
            low: low / 1.3,
            high: high * 1.3,
            log: true,
            label: milliseconds_on_axis,
        },
    };
    let draw = |form: Form| {
        rows::draw(form, &sheet, |frame| {
            latencies.iter().try_for_each(|(row, latency)| percentiles(frame, *row, latency))
        })
    };
    Chart::drawn(words, latency_table(phase), draw).map(Some)
}

fn latency_legend() -> Vec<(String, Mark)> {
    let marks: [Mark; 5] = [
        |canvas, (x, y)| circle(canvas, (x + 12, y), 5, BLUE.filled()),
        |canvas, (x, y)| triangle(canvas, (x + 12, y), 5, BLUE.filled()),
        |canvas, (x, y)| square(canvas, (x + 12, y), 5, BLUE.filled()),
        |canvas, (x, y)| diamond(canvas, (x + 12, y), 6, BLUE.filled()),
        |canvas, (x, y)| cross(canvas, (x + 12, y), 5, INK.filled()),
    ];
    PERCENTILES.iter().zip(marks).map(|((name, _, _), mark)| ((*name).to_owned(), mark)).collect()
}

fn percentiles(frame: &Frame<'_, '_>, row: usize, latency: &Latency) -> Result<()> {
    let y = frame.y(row);
    let ends = [(frame.x(latency.p50_ms), y), (frame.x(latency.max_ms), y)];
    line(frame.canvas, ends, BLUE.mix(0.5).stroke_width(2))?;
    for (name, value, shape) in PERCENTILES {
        let colour = if name == "slowest" { INK } else { BLUE };
        if let Some(ms) = value(latency) {
            shape(frame.canvas, (frame.x(ms), y), 5, colour.filled())?;
        }
    }
    Ok(())
}

fn latency_table(phase: &PhaseReport) -> Table {
    let heading = phase.swept.join(" × ");
    let names = PERCENTILES.map(|(name, _, _)| name);
    let headings: Vec<&str> = [heading.as_str(), "records"].into_iter().chain(names).collect();
    let mut table =
        Table::new("Milliseconds from a record's read to its batch's commit", &headings);
    for setting in &phase.settings {
        let Some(latency) = setting.latency else { continue };
        let cells = PERCENTILES.map(|(_, value, _)| cell(value(&latency), milliseconds));
        let records = thousands(latency.count as f64);
        let row = [setting.short.clone(), records].into_iter().chain(cells);
        table.rows.push(row.collect());
    }
    table
}

/// True if a text fits into this width with some room.
pub(super) fn fits(words: &str, size: i32, width: i32) -> bool {
    width_of(words, size, true) + 6 <= width
}
