//! Charts with two dimensions: a grid of settings, and the drift over a session.

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::canvas::{
    BLUE, Canvas, Form, GREY, INK, LINES, Place, Point, area, circle, fitted, line, outline, pixel,
    square, svg, text, width_of,
};
use super::chart::{Chart, Words, with_link};
use super::phase::fits;
use super::rows::{Mark, headings, headings_bottom, legend_places};
use crate::error::Result;
use crate::report::model::{Document, Drift, DriftPoint, Grid, PhaseReport, SettingRow};
use crate::report::numbers::{percent, thousands};
use crate::report::table::{NOTHING, Table};

const CELL_HEIGHT: i32 = 48;

/// Rates of a grid: darker is faster; the cells contain the figures.
pub(super) fn heatmap(phase: &PhaseReport, prefix: &str) -> Result<Option<Chart>> {
    let Some(grid) = phase.grid.as_ref().filter(|grid| !grid.cells.is_empty()) else {
        return Ok(None);
    };
    let [down, across] = &grid.names;
    let words = Words {
        name: format!("{prefix}heatmap"),
        title: format!("Records per minute, {down} by {across}"),
        subtitle: format!(
            "{}. The darker the faster; below each median what it is against the {}.",
            phase.runs, phase.against
        ),
        alt: phase.finding.clone(),
    };
    let headings = [words.title.clone(), words.subtitle.clone()];
    let draw = |form: Form| draw_heatmap(form, &headings, phase, grid);
    Chart::drawn(words, heatmap_table(phase, grid), draw).map(Some)
}

fn draw_heatmap(
    form: Form,
    words: &[String; 2],
    phase: &PhaseReport,
    grid: &Grid,
) -> Result<String> {
    let (edge, size) = (form.edge(), form.size());
    let names = grid.rows.iter().map(|row| width_of(row, size, true)).max().unwrap_or(0);
    let left =
        edge + names.max(width_of(&grid.names[0], size - 1, false)).min(form.width() / 3) + 12;
    let columns = i32::try_from(grid.columns.len().max(1)).unwrap_or(1);
    let width = ((form.width() - edge - left) / columns).min(200);
    let (legend, legend_bottom) =
        legend_places(form, &heatmap_legend(phase), headings_bottom(form, words));
    let first = legend_bottom + 56;
    let height = first + CELL_HEIGHT * i32::try_from(grid.rows.len()).unwrap_or(1) + 8;
    let settings = grid.cells.iter().flatten().flatten().filter_map(|at| phase.settings.get(*at));
    let rates: Vec<f64> = settings.map(|setting| setting.rec_per_min.median).collect();
    let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rates.iter().copied().fold(0.0, f64::max);
    svg((form.width(), height), |canvas| {
        headings(canvas, form, words)?;
        heatmap_keys(canvas, form, phase, &legend)?;
        let grey = Place::right_of(size - 1).colour(GREY);
        text(canvas, &fitted(&grid.names[0], size - 1, left - edge), (edge, first - 14), grey)?;
        let room = form.width() - edge - left;
        let across = format!("{} →", fitted(&grid.names[1], size - 1, room - 2 * size));
        text(canvas, &across, (left, first - 36), grey)?;
        for (column, name) in (0..).zip(&grid.columns) {
            let at = (left + column * width + width / 2, first - 14);
            text(canvas, &fitted(name, size, width - 4), at, Place::on(size).bold(true))?;
        }
        for ((row, name), cells) in (0..).zip(&grid.rows).zip(&grid.cells) {
            let y = first + row * CELL_HEIGHT;
            let at = (edge, y + CELL_HEIGHT / 2);
            let name = fitted(name, size, left - edge - 8);
            text(canvas, &name, at, Place::right_of(size).bold(true))?;
            for (column, index) in (0..).zip(cells) {
                let Some(setting) = index.and_then(|index| phase.settings.get(index)) else {
                    continue;
                };
                let x = left + column * width;
                let corners = [(x + 1, y + 1), (x + width - 2, y + CELL_HEIGHT - 2)];
                let share = (setting.rec_per_min.median - low) / (high - low).max(f64::EPSILON);
                area(canvas, corners, BLUE.mix(0.05 + 0.45 * share).filled())?;
                heatmap_cell(canvas, form, corners, setting, phase.baseline == *index)?;
                borders(canvas, corners, phase, *index)?;
            }
        }
        Ok(())
    })
}

fn heatmap_cell(
    canvas: &Canvas<'_>,
    form: Form,
    [(left, top), (right, bottom)]: [Point; 2],
    setting: &SettingRow,
    baseline: bool,
) -> Result<()> {
    let middle = i32::midpoint(left, right);
    let centre = i32::midpoint(top, bottom);
    let size = form.size() - 1;
    let rate = thousands(setting.rec_per_min.median);
    let short = format!("{:.0}k", setting.rec_per_min.median / 1000.0);
    let rate = if fits(&rate, size, right - left) { rate } else { short };
    let against = if baseline { "±0".into() } else { percent(setting.vs_baseline_percent) };
    let against = if fits(&against, size - 1, right - left) {
        against
    } else {
        format!("{:+.0}", setting.vs_baseline_percent)
    };
    text(canvas, &rate, (middle, centre - 8), Place::on(size).bold(true))?;
    text(canvas, &against, (middle, centre + 10), Place::on(size - 1))
}

/// A thick border marks the chosen setting, a bar at the left a setting that may be the best.
fn borders(
    canvas: &Canvas<'_>,
    corners: [Point; 2],
    phase: &PhaseReport,
    index: Option<usize>,
) -> Result<()> {
    let [(left, top), (_, bottom)] = corners;
    let setting = index.and_then(|index| phase.settings.get(index));
    if setting.and_then(|setting| setting.in_set) == Some(true) {
        area(canvas, [(left, top), (left + 5, bottom)], BLUE.filled())?;
    }
    if index.is_some() && phase.chosen == index {
        outline(canvas, corners)?;
    }
    Ok(())
}

fn heatmap_legend(phase: &PhaseReport) -> Vec<String> {
    let mut names = vec!["chosen".to_owned()];
    if phase.settings.iter().any(|setting| setting.in_set == Some(true)) {
        names.push("cannot be told from the best".into());
    }
    names
}

fn heatmap_keys(
    canvas: &Canvas<'_>,
    form: Form,
    phase: &PhaseReport,
    places: &[Point],
) -> Result<()> {
    for (index, (name, (x, y))) in heatmap_legend(phase).iter().zip(places).enumerate() {
        let corners = [(*x, y - 8), (x + 24, y + 8)];
        if index == 0 {
            outline(canvas, corners)?;
        } else {
            area(canvas, corners, BLUE.mix(0.2).filled())?;
            area(canvas, [corners[0], (x + 5, y + 8)], BLUE.filled())?;
        }
        text(canvas, name, (x + 32, *y), Place::right_of(form.size()))?;
    }
    Ok(())
}

fn heatmap_table(phase: &PhaseReport, grid: &Grid) -> Table {
    let corner = grid.names.join(" \\ ");
    let columns = grid.columns.iter().map(String::as_str);
    let headings: Vec<&str> = std::iter::once(corner.as_str()).chain(columns).collect();
    let mut table = Table::new("Median records per minute", &headings);
    for (name, cells) in grid.rows.iter().zip(&grid.cells) {
        let rate = |index: &Option<usize>| {
            let setting = index.and_then(|index| phase.settings.get(index));
            setting.map_or_else(|| NOTHING.into(), |setting| thousands(setting.rec_per_min.median))
        };
        table.rows.push(std::iter::once(name.clone()).chain(cells.iter().map(rate)).collect());
    }
    table
}

/// Drift over the session: every run in percent of the median of its setting, and block means.
pub(super) fn drift(document: &Document) -> Result<Option<Chart>> {
    let Some(drift) = document.drift.as_ref().filter(|drift| drift.blocks.len() > 1) else {
        return Ok(None);
    };
    let words = Words {
        name: "drift".into(),
        title: "Whether the machine kept its pace".into(),
        subtitle: with_link(
            "Every run in percent of its setting's median, over the running time of the session.",
            document,
        ),
        alt: drift_alt(drift),
    };
    let headings = [words.title.clone(), words.subtitle.clone()];
    let draw = |form: Form| draw_drift(form, &headings, drift);
    Chart::drawn(words, drift_table(drift), draw).map(Some)
}

fn drift_alt(drift: &Drift) -> String {
    let percents = || drift.blocks.iter().map(|block| block.percent);
    let (low, high) =
        percents().fold((f64::INFINITY, 0.0_f64), |ends, p| (ends.0.min(p), ends.1.max(p)));
    format!("The means of the blocks lay between {low:.1} and {high:.1} percent.")
}

fn draw_drift(form: Form, words: &[String; 2], drift: &Drift) -> Result<String> {
    let names = ["one run", "mean of a block"].map(String::from);
    let marks: [Mark; 2] = [
        |canvas, (x, y)| circle(canvas, (x + 12, y), 3, BLUE.mix(0.5).filled()),
        |canvas, (x, y)| {
            line(canvas, [(x, y), (x + 24, y)], INK.stroke_width(2))?;
            square(canvas, (x + 12, y), 4, INK.filled())
        },
    ];
    let (places, legend_bottom) = legend_places(form, &names, headings_bottom(form, words));
    let (upper, lower) = (legend_bottom + 14, legend_bottom + 244);
    let (left, right) = (form.edge() + 58, form.width() - form.edge() - 12);
    let seconds = drift.runs.iter().map(|run| run.at_s).fold(1.0, f64::max);
    let percents = || drift.runs.iter().chain(&drift.blocks).map(|level| level.percent);
    let low = percents().fold(100.0, f64::min) - 1.0;
    let high = percents().fold(100.0, f64::max) + 1.0;
    let vertical = RangedCoordf64::from(low..high);
    let horizontal = RangedCoordf64::from(0.0..seconds / 60.0);
    let at = |level: &DriftPoint| {
        let x = f64::from(left) + f64::from(right - left) * level.at_s / seconds;
        (pixel(x), vertical.map(&level.percent, (lower, upper)))
    };
    svg((form.width(), lower + 54), |canvas| {
        headings(canvas, form, words)?;
        for ((name, mark), place) in names.iter().zip(marks).zip(places) {
            mark(canvas, place)?;
            text(canvas, name, (place.0 + 32, place.1), Place::right_of(form.size()))?;
        }
        let grey = Place::left_of(form.size() - 1).colour(GREY);
        for value in vertical.key_points(6) {
            let y = vertical.map(&value, (lower, upper));
            line(canvas, [(left, y), (right, y)], LINES.stroke_width(1))?;
            text(canvas, &format!("{value:.0} %"), (left - 8, y), grey)?;
        }
        let grey = Place::on(form.size() - 1).colour(GREY);
        for value in horizontal.key_points(if form.is_narrow() { 4 } else { 8 }) {
            let x = horizontal.map(&value, (left, right));
            text(canvas, &minutes(value), (x, lower + 14), grey)?;
        }
        let title = "minutes of running time";
        text(canvas, title, (i32::midpoint(left, right), lower + 36), grey)?;
        for run in &drift.runs {
            circle(canvas, at(run), 3, BLUE.mix(0.5).filled())?;
        }
        for pair in drift.blocks.windows(2) {
            line(canvas, [at(&pair[0]), at(&pair[1])], INK.stroke_width(2))?;
        }
        drift.blocks.iter().try_for_each(|block| square(canvas, at(block), 4, INK.filled()))
    })
}

fn minutes(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn drift_table(drift: &Drift) -> Table {
    let mut table = Table::new(
        "Means of the blocks, in percent of each setting's median",
        &["minutes of running time", "level"],
    );
    for block in &drift.blocks {
        let level = format!("{:.1} %", block.percent);
        table.rows.push(vec![format!("{:.1}", block.at_s / 60.0), level]);
    }
    table
}
