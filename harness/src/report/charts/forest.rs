//! Charts of changes in percent: the sum of the phases, and comparisons with their intervals.

use std::convert::identity;

use plotters::prelude::*;

use super::canvas::{
    BLUE, Canvas, Form, GREY, INK, PAPER, Point, VERMILION, area, circle, dashed, diamond, line,
    spread, square, whisker,
};
use super::chart::{Chart, Words, with_link};
use super::rows;
use super::rows::{Axis, Frame, HALF, Mark, Row, Sheet};
use crate::error::Result;
use crate::report::model::{ComparisonRow, Cumulative, CumulativeRow, Document, Status};
use crate::report::numbers::{percent, percent_range};
use crate::report::table::{Table, cell};

/// Ends of an axis that contains 0 and all values, with some room.
fn around(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends = values
        .filter(|value| value.is_finite())
        .fold((0.0_f64, 0.0_f64), |ends, value| (ends.0.min(value), ends.1.max(value)));
    let room = ((ends.1 - ends.0) * 0.06).max(0.5);
    (ends.0 - room, ends.1 + room)
}

fn percent_on_axis(value: f64) -> String {
    let whole = value.round();
    if (value - whole).abs() > 1e-9 {
        return percent(value);
    }
    if whole == 0.0 { "0 %".into() } else { format!("{whole:+.0} %") }
}

/// Waterfall of the phases: each bar starts at the end of the one before; target and final
/// comparison below.
pub(super) fn waterfall(document: &Document) -> Result<Option<Chart>> {
    let Some(cumulative) = document.cumulative.as_ref().filter(|table| !table.rows.is_empty())
    else {
        return Ok(None);
    };
    let last = document.last.as_ref().filter(|last| last.effect_percent.is_some());
    let words = Words {
        name: "cumulative".into(),
        title: "What the phases add up to".into(),
        subtitle: with_link(
            "Records per minute against the original baseline; every bar begins where the one \
             before ended.",
            document,
        ),
        alt: document.headline.words.clone(),
    };
    let mut rows: Vec<Row> = cumulative.rows.iter().map(phase_row).collect();
    rows.extend(last.map(|last| Row {
        name: "all kept settings".into(),
        tags: format!("measured afresh: {}", last.status.words()),
        figure: cell(last.effect_percent, percent),
        bold: true,
        marked: false,
    }));
    rows.extend(cumulative.target.as_ref().map(|target| Row {
        name: target.name.clone(),
        tags: format!("reached: {}", cell(target.reached_percent, percent)),
        figure: percent_range(target.range_percent),
        ..Row::default()
    }));
    let (low, high) = around(reach(cumulative, last));
    let sheet = Sheet {
        headings: [words.title.clone(), words.subtitle.clone()],
        legend: waterfall_legend(cumulative, last.is_some()),
        rows,
        axis: Axis::linear(
            "change against the original baseline's records per minute",
            (low, high),
            percent_on_axis,
        ),
    };
    let draw = |form: Form| {
        rows::draw(form, &sheet, |frame| {
            frame.across(0.0, |ends| line(frame.canvas, ends, INK.stroke_width(1)))?;
            steps(frame, cumulative)?;
            let mut row = cumulative.rows.len();
            if let Some(last) = last {
                estimate(frame, row, last)?;
                row += 1;
            }
            match &cumulative.target {
                Some(target) => range_bar(frame, frame.y(row), target.range_percent),
                None => Ok(()),
            }
        })
    };
    Chart::drawn(words, cumulative_table(document), draw).map(Some)
}

fn phase_row(row: &CumulativeRow) -> Row {
    Row {
        name: format!("{} {}", row.phase, row.setting),
        tags: format!("{}: {}", if row.kept { "kept" } else { "not kept" }, row.status.words()),
        figure: format!("{} → {}", percent(row.gain_percent), percent(row.cumulative_percent)),
        bold: row.kept,
        marked: false,
    }
}

/// Values that the axis must contain.
fn reach<'a>(
    cumulative: &'a Cumulative,
    last: Option<&'a ComparisonRow>,
) -> impl Iterator<Item = f64> + 'a {
    let before = befores(cumulative);
    let rows = cumulative.rows.iter().zip(before).flat_map(|(row, before)| {
        let expected = row.expected_percent.map(|range| expected_from(before, range));
        [row.cumulative_percent].into_iter().chain(expected.into_iter().flatten())
    });
    let target = cumulative.target.iter().flat_map(|target| target.range_percent);
    let last = last.into_iter().flat_map(|last| {
        let each = last.each_percent.iter().copied();
        let estimate = last.effect_percent.into_iter().chain(each);
        estimate.chain(last.interval_percent.into_iter().flatten())
    });
    rows.chain(target).chain(last)
}

/// Cumulative percent before each row.
fn befores(cumulative: &Cumulative) -> Vec<f64> {
    let earlier = cumulative.rows.iter().map(|row| row.cumulative_percent);
    std::iter::once(0.0).chain(earlier).collect()
}

/// Expected result of a phase, from the level before it.
fn expected_from(before: f64, range: [f64; 2]) -> [f64; 2] {
    range.map(|gain| ((1.0 + before / 100.0) * (1.0 + gain / 100.0) - 1.0) * 100.0)
}

fn steps(frame: &Frame<'_, '_>, cumulative: &Cumulative) -> Result<()> {
    let canvas = frame.canvas;
    for (index, (row, before)) in cumulative.rows.iter().zip(befores(cumulative)).enumerate() {
        let y = frame.y(index);
        if let Some(range) = row.expected_percent {
            range_bar(frame, y + HALF - 3, expected_from(before, range))?;
        }
        let (from, to) = (frame.x(before), frame.x(row.cumulative_percent));
        let corners = [(from.min(to) - 1, y - HALF), (from.max(to) + 1, y + 5)];
        if row.kept {
            let fill = if row.cumulative_percent < before { VERMILION } else { BLUE };
            area(canvas, corners, fill.filled())?;
        } else {
            area(canvas, corners, PAPER.filled())?;
            area(canvas, corners, INK.stroke_width(1))?;
        }
        // On a phone the names of the next row are drawn between the rows.
        if index + 1 < cumulative.rows.len() && !frame.form.is_narrow() {
            line(canvas, [(to, y + 5), (to, frame.y(index + 1) - HALF)], GREY.stroke_width(1))?;
        }
    }
    Ok(())
}

/// Target range: a thin bar with caps at its ends.
fn range_bar(frame: &Frame<'_, '_>, y: i32, range: [f64; 2]) -> Result<()> {
    let [low, high] = range.map(|end| frame.x(end));
    area(frame.canvas, [(low, y - 1), (high, y + 3)], GREY.mix(0.5).filled())?;
    for x in [low, high] {
        line(frame.canvas, [(x, y - 4), (x, y + 6)], GREY.stroke_width(2))?;
    }
    Ok(())
}

fn waterfall_legend(cumulative: &Cumulative, last: bool) -> Vec<(String, Mark)> {
    let kept: Mark = |canvas, (x, y)| area(canvas, [(x, y - 7), (x + 24, y + 7)], BLUE.filled());
    let reverted: Mark =
        |canvas, (x, y)| area(canvas, [(x + 11, y - 9), (x + 14, y + 9)], INK.stroke_width(1));
    let expected: Mark = |canvas, (x, y)| {
        area(canvas, [(x, y - 1), (x + 24, y + 3)], GREY.mix(0.5).filled())?;
        line(canvas, [(x, y - 4), (x, y + 6)], GREY.stroke_width(2))?;
        line(canvas, [(x + 24, y - 4), (x + 24, y + 6)], GREY.stroke_width(2))
    };
    let measured: Mark = |canvas, (x, y)| {
        whisker(canvas, [(x, y), (x + 24, y)], INK)?;
        diamond(canvas, (x + 12, y), 6, BLUE.filled())
    };
    let mut legend = vec![("gain of a kept choice".into(), kept)];
    if cumulative.rows.iter().any(|row| !row.kept) {
        legend.push(("nothing kept".into(), reverted));
    }
    let expects = cumulative.rows.iter().any(|row| row.expected_percent.is_some());
    if expects || cumulative.target.is_some() {
        legend.push(("expected by the plan".into(), expected));
    }
    if last {
        legend.push(("measured afresh: estimate, interval, pairs".into(), measured));
    }
    legend
}

/// Cumulative table, the same in every format.
pub(crate) fn cumulative_table(document: &Document) -> Table {
    let mut table = Table::new(
        "What each phase brought, and all of them so far",
        &[
            "phase",
            "setting",
            "gain",
            "cumulative",
            "expected",
            "verdict",
            "confidence",
            "decision",
        ],
    );
    for row in document.cumulative.iter().flat_map(|cumulative| &cumulative.rows) {
        table.rows.push(vec![
            row.phase.clone(),
            row.setting.clone(),
            percent(row.gain_percent),
            percent(row.cumulative_percent),
            cell(row.expected_percent, percent_range),
            row.status.words().into(),
            row.confidence.clone(),
            if row.kept { "kept" } else { "not kept" }.into(),
        ]);
    }
    table
}

/// Comparisons with their intervals: better to the right, for every metric.
pub(super) fn intervals(
    name: &str,
    title: &str,
    document: &Document,
    comparisons: &[ComparisonRow],
) -> Result<Option<Chart>> {
    let shown: Vec<&ComparisonRow> =
        comparisons.iter().filter(|comparison| comparison.effect_percent.is_some()).collect();
    if shown.is_empty() {
        return Ok(None);
    }
    let words = Words {
        name: name.into(),
        title: title.into(),
        subtitle: with_link(
            "The estimate of every comparison with the interval that its test gives.",
            document,
        ),
        alt: shown.iter().map(|shown| sentence(shown)).collect::<Vec<_>>().join(" "),
    };
    let rows = shown.iter().map(|shown| Row {
        name: shown.name.clone(),
        tags: format!("{}, confidence {}", shown.status.words(), shown.confidence),
        figure: cell(shown.effect_percent, percent),
        bold: matches!(shown.status, Status::Improved | Status::Regression),
        marked: false,
    });
    let (low, high) = around(shown.iter().flat_map(|shown| extent(shown)));
    let sheet = Sheet {
        headings: [words.title.clone(), words.subtitle.clone()],
        legend: intervals_legend(&shown),
        rows: rows.collect(),
        axis: Axis::linear(
            "change in percent, turned so that better is to the right",
            (low, high),
            percent_on_axis,
        ),
    };
    let draw = |form: Form| {
        rows::draw(form, &sheet, |frame| {
            frame.across(0.0, |ends| line(frame.canvas, ends, INK.stroke_width(1)))?;
            shown.iter().enumerate().try_for_each(|(row, shown)| interval(frame, row, shown))
        })
    };
    let table = comparison_table(title, comparisons.iter());
    Chart::drawn(words, table, draw).map(Some)
}

fn sentence(comparison: &ComparisonRow) -> String {
    let effect = cell(comparison.effect_percent, percent);
    format!("{}: {effect}, {}.", comparison.name, comparison.status.words())
}

/// Values of a comparison that the axis must contain; positive is better.
fn extent(comparison: &ComparisonRow) -> Vec<f64> {
    let effect = comparison.effect_percent.into_iter();
    let ends = comparison.interval_percent.into_iter().flatten();
    let each = comparison.each_percent.iter().copied();
    let gains = effect.chain(ends).chain(each).map(|percent| comparison.gain(percent));
    gains.chain(margin_gain(comparison)).collect()
}

/// Change of exactly the margin: a rate falls to 1/(1 + margin).
fn margin_gain(comparison: &ComparisonRow) -> Option<f64> {
    let margin = comparison.margin_percent?;
    let falls = (1.0 / (1.0 + margin / 100.0) - 1.0) * 100.0;
    Some(if comparison.lower_is_better { -margin } else { falls })
}

/// One comparison and its margin.
fn interval(frame: &Frame<'_, '_>, row: usize, comparison: &ComparisonRow) -> Result<()> {
    if let Some(margin) = margin_gain(comparison) {
        let (x, y) = (frame.x(margin), frame.y(row));
        dashed(frame.canvas, [(x, y - HALF), (x, y + HALF)], VERMILION)?;
    }
    estimate(frame, row, comparison)
}

/// Interval of a comparison, and a mark for its status.
fn estimate(frame: &Frame<'_, '_>, row: usize, comparison: &ComparisonRow) -> Result<()> {
    let (canvas, y) = (frame.canvas, frame.y(row));
    for (shift, percent) in spread(&comparison.each_percent) {
        let at = (frame.x(comparison.gain(percent)), y + shift);
        circle(canvas, at, 3, BLUE.mix(0.45).filled())?;
    }
    if let Some(ends) = comparison.interval_percent {
        whisker(canvas, ends.map(|end| (frame.x(comparison.gain(end)), y)), INK)?;
    }
    let Some(effect) = comparison.effect_percent else { return Ok(()) };
    let at = (frame.x(comparison.gain(effect)), y);
    status_mark(canvas, at, comparison.status)
}

fn status_mark(canvas: &Canvas<'_>, at: Point, status: Status) -> Result<()> {
    match status {
        Status::Improved => diamond(canvas, at, 7, BLUE.filled()),
        Status::Pass => circle(canvas, at, 6, BLUE.filled()),
        Status::Regression | Status::Small | Status::SmallFails | Status::WrongResult => {
            square(canvas, at, 6, VERMILION.filled())
        }
        _ => {
            circle(canvas, at, 6, PAPER.filled())?;
            circle(canvas, at, 6, INK.stroke_width(2))
        }
    }
}

fn intervals_legend(shown: &[&ComparisonRow]) -> Vec<(String, Mark)> {
    let all: [(&str, &[Status], Mark); 4] = [
        ("improved", &[Status::Improved], |canvas, (x, y)| {
            status_mark(canvas, (x + 12, y), Status::Improved)
        }),
        ("shown to be within the margin", &[Status::Pass], |canvas, (x, y)| {
            status_mark(canvas, (x + 12, y), Status::Pass)
        }),
        ("worse", &[Status::Regression, Status::Small, Status::SmallFails], |canvas, (x, y)| {
            status_mark(canvas, (x + 12, y), Status::Regression)
        }),
        (
            "could not tell",
            &[Status::Inconclusive, Status::NotConfirmed, Status::NotTestable],
            |canvas, (x, y)| status_mark(canvas, (x + 12, y), Status::Inconclusive),
        ),
    ];
    let there = |statuses: &[Status]| shown.iter().any(|one| statuses.contains(&one.status));
    let mut legend: Vec<(String, Mark)> = all
        .into_iter()
        .filter(|(_, statuses, _)| there(statuses))
        .map(|(name, _, mark)| (name.to_owned(), mark))
        .collect();
    let interval: Mark = |canvas, (x, y)| whisker(canvas, [(x, y), (x + 24, y)], INK);
    legend.push(("interval".into(), interval));
    if shown.iter().any(|one| !one.each_percent.is_empty()) {
        let pair: Mark = |canvas, (x, y)| circle(canvas, (x + 12, y), 3, BLUE.mix(0.45).filled());
        legend.push(("one pair, from top to bottom in order of time".into(), pair));
    }
    if shown.iter().any(|one| one.margin_percent.is_some()) {
        let margin: Mark =
            |canvas, (x, y)| dashed(canvas, [(x + 12, y - 10), (x + 12, y + 10)], VERMILION);
        legend.push(("worse by the margin".into(), margin));
    }
    legend
}

/// Table of comparisons, the same in every format.
pub(crate) fn comparison_table<'a>(
    caption: &str,
    comparisons: impl Iterator<Item = &'a ComparisonRow>,
) -> Table {
    let mut table = Table::new(
        caption,
        &["compared", "verdict", "change", "interval", "before", "after", "pairs", "confidence"],
    );
    for comparison in comparisons {
        let unit = &comparison.unit;
        let value = |index: usize| {
            cell(comparison.medians, |medians| crate::report::numbers::value(medians[index], unit))
        };
        table.rows.push(vec![
            comparison.name.clone(),
            comparison.status.words().into(),
            cell(comparison.change_text(), identity),
            cell(comparison.interval_text(), identity),
            value(0),
            value(1),
            comparison.pairs.to_string(),
            comparison.confidence.clone(),
        ]);
    }
    table.without_empty_columns()
}
