//! The charts as SVG: texts stay texts, so no font is needed to draw them. Marks differ in shape as
//! well as in colour; what is drawn comes from the analysis alone.

mod frame;

use plotters::element::DashedPathElement;
use plotters::prelude::*;

use self::frame::{Axis, Canvas, Frame, GREY, INK, Place, failed};
use super::format::{milliseconds, percent, swept, thousands};
use crate::analyse::{Analysis, Answer, Estimate, Summary};
use crate::error::Result;
use crate::metric::Metric;

/// Where the chart of [`rates`] goes in the results folder.
pub const RATES_FILE: &str = "charts/rec-per-min.svg";
/// Where the chart of [`times`] goes in the results folder.
pub const TIMES_FILE: &str = "charts/insert-prepare.svg";

/// Blue and vermilion of Okabe and Ito's palette: told apart by every kind of colour vision, and
/// different in lightness.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILION: RGBColor = RGBColor(213, 94, 0);

/// Half of the width of the dots' cloud, as a share of a category's width.
const CLOUD: f64 = 0.21;

/// Records per minute of every setting: every run a dot, the median, the middle half of the runs.
pub fn rates(analysis: &Analysis) -> Result<String> {
    let estimates = each(analysis, Metric::RecPerMin);
    let low = estimates.iter().map(|estimate| estimate.min).fold(f64::INFINITY, f64::min);
    let high = estimates.iter().map(|estimate| estimate.max).fold(0.0, f64::max);
    let room = (high - low).max(high * 0.01);
    let axis = Axis {
        title: "records per minute (the axis does not begin at 0)",
        low: (low - room * 0.08).max(0.0),
        high: high + room * 0.08,
        label: thousands,
    };
    let headings = [rates_title(analysis), rates_subtitle(analysis)];
    frame::draw(&headings, &ticks(analysis), &swept(analysis), &axis, |frame| {
        baseline_line(frame, analysis.baseline().metrics.rec_per_min.median)?;
        for (category, estimate) in estimates.iter().enumerate() {
            let at_best = category == analysis.highest;
            cloud(frame, category, estimate, at_best)?;
        }
        rates_legend(frame)
    })
}

/// Insertion against preparation time of every setting, per 1,000 records; none where the program
/// under test does not say how long its stages took.
pub fn times(analysis: &Analysis) -> Result<Option<String>> {
    let insert = each(analysis, Metric::Insert);
    let prepare = each(analysis, Metric::Prepare);
    let settings = analysis.settings.len();
    if insert.len() < settings || prepare.len() < settings {
        return Ok(None);
    }
    let largest = insert.iter().chain(&prepare).map(|estimate| estimate.max).fold(0.0, f64::max);
    let axis = Axis {
        title: "milliseconds per 1,000 records, summed over workers",
        low: 0.0,
        high: largest.max(f64::MIN_POSITIVE) * 1.12,
        label: milliseconds_on_axis,
    };
    let medians = [insert[analysis.highest].median, prepare[analysis.highest].median];
    let headings = [times_title(analysis, medians), times_subtitle(analysis)];
    frame::draw(&headings, &ticks(analysis), &swept(analysis), &axis, |frame| {
        series(frame, &INSERT, &insert)?;
        series(frame, &PREPARE, &prepare)?;
        for (category, (insert, prepare)) in insert.iter().zip(&prepare).enumerate() {
            // The larger of the two has its figure above, the smaller below: they cannot meet.
            let above = insert.median >= prepare.median;
            median_figure(frame, category, insert, above, INSERT.figures)?;
            median_figure(frame, category, prepare, !above, PREPARE.figures)?;
        }
        times_legend(frame)
    })
    .map(Some)
}

fn each(analysis: &Analysis, metric: Metric) -> Vec<&Estimate> {
    analysis.settings.iter().filter_map(|summary| summary.metrics.get(metric)).collect()
}

/// Two lines under each category: its value, and how its median compares with the baseline's.
fn ticks(analysis: &Analysis) -> Vec<[String; 2]> {
    let tick = |(index, summary): (usize, &Summary)| {
        let below = if index == analysis.baseline {
            "baseline".into()
        } else {
            percent(summary.vs_baseline_percent)
        };
        [summary.setting.short.clone(), below]
    };
    analysis.settings.iter().enumerate().map(tick).collect()
}

fn rates_title(analysis: &Analysis) -> String {
    let highest = analysis.highest();
    if analysis.highest == analysis.baseline {
        return format!("The baseline {} had the highest median itself", highest.setting.label);
    }
    format!(
        "{} had the highest median, {} against the baseline",
        highest.setting.label,
        percent(highest.vs_baseline_percent)
    )
}

fn rates_subtitle(analysis: &Analysis) -> String {
    let worth = match analysis.answer() {
        _ if analysis.scenario.quick => "A quick look: not testable".into(),
        Answer::Confirmed(_) => format!(
            "Fresh pairs of {} against the baseline: {}",
            analysis.choice().setting.label,
            analysis.answer()
        ),
        Answer::Invalid => "Invalid: too much went on beside the runs".into(),
        Answer::NothingToConfirm => "Nothing to confirm: the baseline is the choice".into(),
        Answer::NotConfirmed => {
            "Not confirmed, and optimistic: the best of several looks better than it is".to_owned()
        }
    };
    format!("{}. {worth}.", runs(analysis))
}

fn runs(analysis: &Analysis) -> String {
    let link = analysis.scenario.link;
    let link = if link.is_simulated() { format!(", {link}") } else { String::new() };
    format!(
        "{} runs of each setting, {} records a run{link}",
        analysis.scenario.runs,
        thousands(f64::from(analysis.records))
    )
}

/// The medians are those of the setting with the highest rate.
fn times_title(analysis: &Analysis, [insert, prepare]: [f64; 2]) -> String {
    let highest = analysis.highest();
    let (longer, shorter, ratio) = if insert >= prepare {
        ("inserting", "preparing", insert / prepare)
    } else {
        ("preparing", "inserting", prepare / insert)
    };
    let label = &highest.setting.label;
    if ratio.is_finite() {
        format!("With {label}, {longer} takes {ratio:.1} times as long as {shorter}")
    } else {
        format!("With {label}, all measured time goes into {longer}")
    }
}

fn times_subtitle(analysis: &Analysis) -> String {
    format!("{}; small marks are runs, large ones medians.", runs(analysis))
}

fn milliseconds_on_axis(value: f64) -> String {
    if value.fract() == 0.0 { thousands(value) } else { milliseconds(value) }
}

fn baseline_line(frame: &Frame<'_>, median: f64) -> Result<()> {
    let y = frame.y(median);
    let line = [(frame.left, y), (frame.right, y)];
    frame.canvas.draw(&DashedPathElement::new(line, 6, 5, GREY)).map_err(failed)
}

/// One setting's runs, from left to right in the order in which they ran.
fn cloud(frame: &Frame<'_>, category: usize, estimate: &Estimate, best: bool) -> Result<()> {
    let half = CLOUD + 0.05;
    let corners = [
        (frame.x(category, -half), frame.y(estimate.upper_quartile)),
        (frame.x(category, half), frame.y(estimate.lower_quartile)),
    ];
    let canvas = &frame.canvas;
    canvas.draw(&Rectangle::new(corners, BLUE.mix(0.16).filled())).map_err(failed)?;
    for (place, value) in spread(&estimate.values) {
        let at = (frame.x(category, place), frame.y(value));
        canvas.draw(&Circle::new(at, 4, BLUE.mix(0.75).filled())).map_err(failed)?;
    }
    let y = frame.y(estimate.median);
    let line = vec![(frame.x(category, -half), y), (frame.x(category, half), y)];
    canvas.draw(&PathElement::new(line, INK.stroke_width(3))).map_err(failed)?;
    // Beside its line: above the cloud it would read as the figure of the topmost run.
    let at = (frame.x(category, half) + 5, y);
    frame::figure(canvas, &thousands(estimate.median), at, Place::beside(14).bold(best))
}

/// The runs side by side, so that none hides another.
fn spread(values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    let steps = values.len().saturating_sub(1).max(1) as f64;
    let only = values.len() == 1;
    values.iter().enumerate().map(move |(index, value)| {
        let place = if only { 0.0 } else { (index as f64 / steps * 2.0 - 1.0) * CLOUD };
        (place, *value)
    })
}

/// How the runs and medians of one kind of time look.
struct Look {
    colour: RGBColor,
    /// The same, dark enough for figures on white.
    figures: RGBColor,
    mark: fn(&Canvas<'_>, (i32, i32), i32, ShapeStyle) -> Result<()>,
    dashed: bool,
}

const INSERT: Look =
    Look { colour: BLUE, figures: RGBColor(0, 90, 142), mark: circle, dashed: false };
const PREPARE: Look =
    Look { colour: VERMILION, figures: RGBColor(160, 68, 0), mark: triangle, dashed: true };

fn circle(canvas: &Canvas<'_>, at: (i32, i32), size: i32, style: ShapeStyle) -> Result<()> {
    canvas.draw(&Circle::new(at, size, style)).map_err(failed)
}

fn triangle(canvas: &Canvas<'_>, at: (i32, i32), size: i32, style: ShapeStyle) -> Result<()> {
    canvas.draw(&TriangleMarker::new(at, size + 1, style)).map_err(failed)
}

fn series(frame: &Frame<'_>, look: &Look, estimates: &[&Estimate]) -> Result<()> {
    let medians: Vec<(i32, i32)> = estimates
        .iter()
        .enumerate()
        .map(|(category, estimate)| (frame.x(category, 0.0), frame.y(estimate.median)))
        .collect();
    line(&frame.canvas, look, medians.clone())?;
    for (category, estimate) in estimates.iter().enumerate() {
        for (place, value) in spread(&estimate.values) {
            let at = (frame.x(category, place), frame.y(value));
            (look.mark)(&frame.canvas, at, 3, look.colour.mix(0.45).filled())?;
        }
    }
    medians.iter().try_for_each(|at| (look.mark)(&frame.canvas, *at, 7, look.colour.filled()))
}

fn line(canvas: &Canvas<'_>, look: &Look, points: Vec<(i32, i32)>) -> Result<()> {
    let style = look.colour.stroke_width(2);
    if look.dashed {
        return canvas.draw(&DashedPathElement::new(points, 8, 5, style)).map_err(failed);
    }
    canvas.draw(&PathElement::new(points, style)).map_err(failed)
}

fn median_figure(
    frame: &Frame<'_>,
    category: usize,
    estimate: &Estimate,
    above: bool,
    colour: RGBColor,
) -> Result<()> {
    let place = Place::centre(14).colour(colour);
    let x = frame.x(category, 0.0);
    let words = milliseconds(estimate.median);
    if above {
        let top = frame.y(estimate.max);
        return frame::figure(&frame.canvas, &words, (x, top - 12), place.above());
    }
    let bottom = frame.y(estimate.min);
    frame::figure(&frame.canvas, &words, (x, bottom + 12), place)
}

fn rates_legend(frame: &Frame<'_>) -> Result<()> {
    let mut legend = frame.legend();
    let canvas = &frame.canvas;
    legend.entry("one run, in order of time", |(x, y)| {
        canvas.draw(&Circle::new((x + 12, y), 4, BLUE.mix(0.75).filled())).map_err(failed)
    })?;
    legend.entry("median", |(x, y)| {
        let line = vec![(x, y), (x + 24, y)];
        canvas.draw(&PathElement::new(line, INK.stroke_width(3))).map_err(failed)
    })?;
    legend.entry("middle half of the runs", |(x, y)| {
        let corners = [(x, y - 7), (x + 24, y + 7)];
        canvas.draw(&Rectangle::new(corners, BLUE.mix(0.16).filled())).map_err(failed)
    })?;
    legend.entry("median of the baseline", |(x, y)| {
        let line = [(x, y), (x + 24, y)];
        canvas.draw(&DashedPathElement::new(line, 6, 5, GREY)).map_err(failed)
    })
}

fn times_legend(frame: &Frame<'_>) -> Result<()> {
    let mut legend = frame.legend();
    for (look, name) in [
        (&INSERT, "inserting (insert + log + commit)"),
        (&PREPARE, "preparing (validation + parsing + mapping)"),
    ] {
        legend.entry(name, |(x, y)| {
            line(&frame.canvas, look, vec![(x, y), (x + 24, y)])?;
            (look.mark)(&frame.canvas, (x + 12, y), 6, look.colour.filled())
        })?;
    }
    Ok(())
}
