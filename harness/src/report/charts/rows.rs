//! Layout of a chart of rows around its marks: headings, legend, names and figures of the rows,
//! axis and grid lines.

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::canvas::{
    BLUE, Canvas, Form, GREY, INK, LINES, Place, Point, area, fitted, line, lines_of, pixel, svg,
    text, width_of,
};
use crate::error::Result;

/// Distance between names, marks and figures in pixels.
const GAP: i32 = 14;
/// Maximum width of the names in pixels.
const NAMES_MAX: i32 = 340;
const LEGEND_LINE: i32 = 24;

/// Horizontal axis.
pub(super) struct Axis {
    pub(super) title: String,
    pub(super) low: f64,
    pub(super) high: f64,
    /// True for a logarithmic axis.
    pub(super) log: bool,
    pub(super) label: fn(f64) -> String,
}

impl Axis {
    /// Linear axis.
    pub(super) fn linear(title: &str, ends: (f64, f64), label: fn(f64) -> String) -> Self {
        Self { title: title.into(), low: ends.0, high: ends.1, log: false, label }
    }

    /// Position of a value between the ends, 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let place = |value: f64| if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        (place(value) - place(self.low)) / (place(self.high) - place(self.low))
    }

    /// Round values, few enough for this width in pixels.
    fn ticks(&self, width: i32) -> Vec<f64> {
        let widest = width_of(&(self.label)(self.high), 14, false).max(24) + 24;
        let most = usize::try_from(width / widest).unwrap_or(2).clamp(2, 8);
        if !self.log {
            return RangedCoordf64::from(self.low..self.high).key_points(most);
        }
        let exponents = self.low.log10().floor()..=self.high.log10().ceil();
        let steps = |steps: &[f64]| {
            let (mut exponent, mut values) = (*exponents.start(), Vec::new());
            while exponent <= *exponents.end() {
                values.extend(steps.iter().map(|step| step * 10_f64.powf(exponent)));
                exponent += 1.0;
            }
            values.retain(|value| (self.low..=self.high).contains(value));
            values
        };
        let fine = steps(&[1.0, 2.0, 5.0]);
        if fine.len() <= most { fine } else { steps(&[1.0]) }
    }
}

/// Texts of a row.
#[derive(Default)]
pub(super) struct Row {
    pub(super) name: String,
    /// Roles in grey: `baseline, chosen`.
    pub(super) tags: String,
    /// Figure at the right end.
    pub(super) figure: String,
    pub(super) bold: bool,
    /// True if a bar and a band highlight it.
    pub(super) marked: bool,
}

/// Draws a mark within 24 pixels of its point.
pub(super) type Mark = fn(&Canvas<'_>, Point) -> Result<()>;

/// Layout without the marks.
pub(super) struct Sheet {
    pub(super) headings: [String; 2],
    pub(super) legend: Vec<(String, Mark)>,
    pub(super) rows: Vec<Row>,
    pub(super) axis: Axis,
}

/// Area of the marks.
pub(super) struct Frame<'a, 'b> {
    pub(super) canvas: &'a Canvas<'b>,
    pub(super) form: Form,
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
    rows: usize,
    axis: &'a Axis,
}

impl Frame<'_, '_> {
    /// Pixel of a value, clamped to the edges.
    pub(super) fn x(&self, value: f64) -> i32 {
        let share = self.axis.share(value).clamp(0.0, 1.0);
        self.left + pixel(f64::from(self.right - self.left) * share)
    }

    /// Middle of a row.
    pub(super) fn y(&self, row: usize) -> i32 {
        let above = i32::try_from(row).unwrap_or(0) * row_height(self.form);
        self.top + above + if self.form.is_narrow() { 60 } else { row_height(self.form) / 2 }
    }

    /// Draws a vertical line through the marks of all rows, but not through names above them.
    pub(super) fn across(&self, value: f64, draw: impl Fn([Point; 2]) -> Result<()>) -> Result<()> {
        let x = self.x(value);
        if !self.form.is_narrow() {
            return draw([(x, self.top), (x, self.bottom)]);
        }
        (0..self.rows).try_for_each(|row| {
            let y = self.y(row);
            draw([(x, y - HALF - 2), (x, y + HALF + 2)])
        })
    }
}

/// Half of the height of a row's marks.
pub(super) const HALF: i32 = 15;

fn row_height(form: Form) -> i32 {
    if form.is_narrow() { 84 } else { 46 }
}

/// Draws the layout, then the marks, and returns the SVG.
pub(super) fn draw(
    form: Form,
    sheet: &Sheet,
    marks: impl FnOnce(&Frame<'_, '_>) -> Result<()>,
) -> Result<String> {
    let names: Vec<String> = sheet.legend.iter().map(|(name, _)| name.clone()).collect();
    let (places, legend_bottom) =
        legend_places(form, &names, headings_bottom(form, &sheet.headings));
    let top = legend_bottom + 10;
    let rows = i32::try_from(sheet.rows.len()).unwrap_or(1);
    let bottom = top + rows * row_height(form);
    let titles = lines_of(&sheet.axis.title, 13, form.width() - 2 * form.edge());
    let title_lines = i32::try_from(titles.len()).unwrap_or(1);
    let (left, right) = sides(form, &sheet.rows);
    svg((form.width(), bottom + 34 + 18 * title_lines), |canvas| {
        let count = sheet.rows.len();
        let frame =
            Frame { canvas, form, left, right, top, bottom, rows: count, axis: &sheet.axis };
        headings(canvas, form, &sheet.headings)?;
        for ((name, mark), at) in sheet.legend.iter().zip(places) {
            mark(canvas, at)?;
            text(canvas, name, (at.0 + 32, at.1), Place::right_of(form.size()))?;
        }
        for (index, row) in sheet.rows.iter().enumerate() {
            row_band(&frame, index, row)?;
            row_texts(&frame, index, row)?;
        }
        axis(&frame, &titles)?;
        marks(&frame)
    })
}

/// Left and right end of the marks.
fn sides(form: Form, rows: &[Row]) -> (i32, i32) {
    let (edge, size) = (form.edge(), form.size());
    if form.is_narrow() {
        return (edge + 16, form.width() - edge - 16);
    }
    let widest = |text: fn(&Row) -> &String| {
        rows.iter().map(|row| width_of(text(row), size, row.bold)).max().unwrap_or(0)
    };
    let names = widest(|row| &row.name).max(widest(|row| &row.tags)).min(NAMES_MAX);
    let figures = widest(|row| &row.figure).min(NAMES_MAX);
    (edge + 12 + names + GAP, form.width() - edge - figures - GAP)
}

/// Lower end of the headings.
pub(super) fn headings_bottom(form: Form, [_, below]: &[String; 2]) -> i32 {
    match form {
        Form::File => 64 + 20 * i32::try_from(subtitle(form, below).len()).unwrap_or(1),
        Form::Page | Form::Phone => 4,
    }
}

fn subtitle(form: Form, words: &str) -> Vec<String> {
    lines_of(words, 15, form.width() - 2 * form.edge())
}

/// Headings of a chart in a file; a page has its own.
pub(super) fn headings(
    canvas: &Canvas<'_>,
    form: Form,
    [title, below]: &[String; 2],
) -> Result<()> {
    if form != Form::File {
        return Ok(());
    }
    // A long title gets a smaller font.
    let room = form.width() - 2 * form.edge();
    let size = (14..=22).rev().find(|size| width_of(title, *size, true) <= room).unwrap_or(14);
    let place = Place::right_of(size).bold(true);
    text(canvas, &fitted(title, size, room), (form.edge(), 30), place)?;
    subtitle(form, below).iter().zip(0..).try_for_each(|(line, index)| {
        let place = Place::right_of(15).colour(GREY);
        text(canvas, line, (form.edge(), 60 + 20 * index), place)
    })
}

/// Positions of the legend's marks, from this height on, and the lower end of the legend.
pub(super) fn legend_places(form: Form, names: &[String], top: i32) -> (Vec<Point>, i32) {
    let (edge, size) = (form.edge(), form.size());
    let (mut x, mut y) = (edge, top + LEGEND_LINE / 2);
    let mut places = Vec::new();
    for name in names {
        let width = 32 + width_of(name, size, false);
        if x > edge && x + width > form.width() - edge {
            x = edge;
            y += LEGEND_LINE;
        }
        places.push((x, y));
        x += width + 18;
    }
    let bottom = if names.is_empty() { top } else { y + LEGEND_LINE / 2 };
    (places, bottom)
}

/// Highlight of a row, behind everything else.
fn row_band(frame: &Frame<'_, '_>, index: usize, row: &Row) -> Result<()> {
    if !row.marked {
        return Ok(());
    }
    let (edge, middle) = (frame.form.edge(), frame.y(index));
    let reach = row_height(frame.form) / 2 - 2;
    let (above, below) = if frame.form.is_narrow() { (60, 20) } else { (reach, reach) };
    let band = [(edge, middle - above), (frame.form.width() - edge, middle + below)];
    area(frame.canvas, band, BLUE.mix(0.09).filled())?;
    let bar = [(edge, middle - above), (edge + 5, middle + below)];
    area(frame.canvas, bar, BLUE.filled())
}

/// Name, roles and figure of a row, beside its marks or above them.
fn row_texts(frame: &Frame<'_, '_>, index: usize, row: &Row) -> Result<()> {
    let (form, canvas, middle) = (frame.form, frame.canvas, frame.y(index));
    let (left, size) = (form.edge() + 12, form.size());
    let name = Place::right_of(size).bold(row.bold);
    let tags = Place::right_of(size - 1).colour(GREY);
    if !form.is_narrow() {
        let shift = if row.tags.is_empty() { 0 } else { 9 };
        text(canvas, &fitted(&row.name, size, NAMES_MAX), (left, middle - shift), name)?;
        text(canvas, &fitted(&row.tags, size - 1, NAMES_MAX), (left, middle + shift), tags)?;
        return text(canvas, &row.figure, (frame.right + GAP, middle), name);
    }
    let right = form.width() - form.edge() - 6;
    let (first, second) = (middle - 47, middle - 28);
    text(canvas, &fitted(&row.name, size, right - left), (left, first), name)?;
    let room = right - left - GAP - width_of(&row.figure, size, row.bold);
    // Roles stand beside the name if there is room, otherwise on a line of their own.
    let beside = width_of(&row.name, size, row.bold) <= room;
    let figure = Place::left_of(size).bold(row.bold);
    text(canvas, &row.figure, (right, if beside { first } else { second }), figure)?;
    let room = if beside { right - left } else { room };
    text(canvas, &fitted(&row.tags, size - 1, room), (left, second), tags)
}

fn axis(frame: &Frame<'_, '_>, titles: &[String]) -> Result<()> {
    let canvas = frame.canvas;
    for value in frame.axis.ticks(frame.right - frame.left) {
        frame.across(value, |ends| line(canvas, ends, LINES.stroke_width(1)))?;
        let label = (frame.axis.label)(value);
        let place = Place::on(frame.form.size() - 1).colour(GREY);
        // The last label may extend beyond the axis, but not beyond the chart.
        let most = frame.form.width() - width_of(&label, place.size, false) / 2 - 1;
        text(canvas, &label, (frame.x(value).min(most), frame.bottom + 14), place)?;
    }
    let base = [(frame.left, frame.bottom), (frame.right, frame.bottom)];
    line(canvas, base, INK.stroke_width(1))?;
    titles.iter().zip(0..).try_for_each(|(title, index)| {
        let at = (i32::midpoint(frame.left, frame.right), frame.bottom + 36 + 18 * index);
        let at = if frame.form.is_narrow() { (frame.form.width() / 2, at.1) } else { at };
        text(canvas, title, at, Place::on(13).colour(GREY))
    })
}
