//! What every chart has around its marks: headings, the axis with its grid, the categories, the
//! legend. Knows pixels and numbers, not what they mean.

use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};

const HEIGHT: i32 = 560;
const WIDTH_MIN: i32 = 960;
const LEFT: i32 = 92;
/// Room for the figure beside the last cloud.
const RIGHT_MARGIN: i32 = 56;
const TOP: i32 = 142;
const BOTTOM: i32 = 468;
/// Where titles and the legend begin.
const EDGE: i32 = 24;
/// Room for a cloud and the figure beside it.
const CATEGORY_WIDTH_MIN: i32 = 120;

const GRID: RGBColor = RGBColor(226, 226, 226);
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
pub(super) const GREY: RGBColor = RGBColor(102, 102, 102);

/// Lines across at most; `plotters` picks round numbers.
const TICKS_MAX: usize = 7;

/// The generic family: whatever the reader's program has.
const FONT: &str = "sans-serif";
/// `plotters` divides a font's size by this when it writes SVG.
const SVG_FONT_SCALE: f64 = 1.24;
/// The mean width of a character of a sans-serif font, in its size; a little more than most have.
const CHARACTER_WIDTH: f64 = 0.54;

/// What a chart is drawn on, in pixels.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The vertical axis.
pub(super) struct Axis {
    pub(super) title: &'static str,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) label: fn(f64) -> String,
}

/// The place of the marks: categories from left to right, values from bottom to top.
pub(super) struct Frame<'a> {
    pub(super) canvas: Canvas<'a>,
    pub(super) left: i32,
    pub(super) right: i32,
    values: RangedCoordf64,
    categories: usize,
}

impl<'a> Frame<'a> {
    /// The pixel of a place in a category, −0.5 its left end and 0.5 its right.
    pub(super) fn x(&self, category: usize, place: f64) -> i32 {
        let share = (category as f64 + 0.5 + place) / self.categories as f64;
        self.left + pixel(f64::from(self.right - self.left) * share)
    }

    /// The pixel of a value.
    pub(super) fn y(&self, value: f64) -> i32 {
        self.values.map(&value, (BOTTOM, TOP))
    }

    /// A row of marks and their names between the headings and the axis.
    pub(super) fn legend(&self) -> Legend<'a> {
        Legend { canvas: self.canvas.clone(), x: EDGE }
    }
}

/// How a text looks and stands to its point.
#[derive(Clone, Copy)]
pub(super) struct Place {
    size: i32,
    bold: bool,
    colour: RGBColor,
    horizontal: HPos,
    vertical: VPos,
}

impl Place {
    /// Centred below its point, in this size.
    pub(super) fn centre(size: i32) -> Self {
        Self { size, bold: false, colour: INK, horizontal: HPos::Center, vertical: VPos::Top }
    }

    fn left(size: i32) -> Self {
        Self { horizontal: HPos::Left, ..Self::centre(size) }
    }

    /// To the right of its point.
    pub(super) fn beside(size: i32) -> Self {
        Self { vertical: VPos::Center, ..Self::left(size) }
    }

    /// The same above its point.
    pub(super) fn above(self) -> Self {
        Self { vertical: VPos::Bottom, ..self }
    }

    /// The same in bold, or not.
    pub(super) fn bold(self, bold: bool) -> Self {
        Self { bold, ..self }
    }

    /// The same in this colour.
    pub(super) fn colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }
}

/// The row of marks and their names.
pub(super) struct Legend<'a> {
    canvas: Canvas<'a>,
    x: i32,
}

impl Legend<'_> {
    /// Adds a mark, drawn by `mark` within 24 pixels from its point, and its name.
    pub(super) fn entry(
        &mut self,
        name: &str,
        mark: impl FnOnce((i32, i32)) -> Result<()>,
    ) -> Result<()> {
        const Y: i32 = 88;
        mark((self.x, Y))?;
        text(&self.canvas, name, (self.x + 32, Y), Place::beside(14))?;
        self.x += 32 + width_of(name, 14) + 12;
        Ok(())
    }
}

/// Draws everything around the marks, then the marks, and gives the SVG.
pub(super) fn draw(
    headings: &[String; 2],
    categories: &[[String; 2]],
    category_title: &str,
    axis: &Axis,
    marks: impl FnOnce(&Frame<'_>) -> Result<()>,
) -> Result<String> {
    let width = chart_width(categories);
    let mut svg = String::new();
    {
        let size = (width.unsigned_abs(), HEIGHT.unsigned_abs());
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        canvas.fill(&WHITE).map_err(failed)?;
        let frame = Frame {
            canvas: canvas.clone(),
            left: LEFT,
            right: width - RIGHT_MARGIN,
            values: RangedCoordf64::from(axis.low..axis.high),
            categories: categories.len(),
        };
        titles(&canvas, headings, width)?;
        grid(&frame, axis)?;
        category_names(&frame, categories, category_title)?;
        marks(&frame)?;
        canvas.present().map_err(failed)?;
    }
    Ok(svg)
}

fn chart_width(categories: &[[String; 2]]) -> i32 {
    let widest = categories.iter().flatten().map(|name| width_of(name, 14) + 14).max();
    let category = widest.unwrap_or(0).max(CATEGORY_WIDTH_MIN);
    let count = i32::try_from(categories.len()).unwrap_or(i32::MAX);
    (LEFT + RIGHT_MARGIN).saturating_add(category.saturating_mul(count)).max(WIDTH_MIN)
}

fn titles(canvas: &Canvas<'_>, [title, subtitle]: &[String; 2], width: i32) -> Result<()> {
    // A long title gets smaller rather than cut.
    let fits = |size: &i32| width_of(title, *size) <= width - 2 * EDGE;
    let size = (14..=22).rev().find(fits).unwrap_or(14);
    text(canvas, title, (EDGE, 20), Place::left(size).bold(true))?;
    text(canvas, subtitle, (EDGE, 52), Place::left(15).colour(GREY))
}

fn grid(frame: &Frame<'_>, axis: &Axis) -> Result<()> {
    let canvas = &frame.canvas;
    text(canvas, axis.title, (EDGE, 112), Place::left(13).colour(GREY))?;
    let ticks = frame.values.key_points(TICKS_MAX);
    for value in ticks {
        let y = frame.y(value);
        let line = vec![(frame.left, y), (frame.right, y)];
        canvas.draw(&PathElement::new(line, GRID.stroke_width(1))).map_err(failed)?;
        let place = Place { horizontal: HPos::Right, vertical: VPos::Center, ..Place::centre(14) };
        text(canvas, &(axis.label)(value), (frame.left - 10, y), place)?;
    }
    let line = vec![(frame.left, BOTTOM), (frame.right, BOTTOM)];
    canvas.draw(&PathElement::new(line, INK.stroke_width(1))).map_err(failed)
}

fn category_names(frame: &Frame<'_>, names: &[[String; 2]], title: &str) -> Result<()> {
    for (category, [name, below]) in names.iter().enumerate() {
        let x = frame.x(category, 0.0);
        text(&frame.canvas, name, (x, BOTTOM + 10), Place::centre(14).bold(true))?;
        let place = Place::centre(13).colour(GREY);
        text(&frame.canvas, below, (x, BOTTOM + 30), place)?;
    }
    let middle = i32::midpoint(frame.left, frame.right);
    let title = format!("{title}; below, the median rate against the baseline's");
    text(&frame.canvas, &title, (middle, BOTTOM + 60), Place::centre(14).colour(GREY))
}

/// Writes a text of a size in pixels.
pub(super) fn text(canvas: &Canvas<'_>, words: &str, at: (i32, i32), place: Place) -> Result<()> {
    let style = if place.bold { FontStyle::Bold } else { FontStyle::Normal };
    let size = f64::from(place.size) * SVG_FONT_SCALE;
    let style = (FONT, size, style)
        .with_color(place.colour)
        .into_text_style(canvas)
        .pos(Pos::new(place.horizontal, place.vertical));
    canvas.draw_text(words, &style, at).map_err(failed)
}

/// Writes a figure beside marks; lines that run behind it stay off its digits.
pub(super) fn figure(canvas: &Canvas<'_>, words: &str, at: (i32, i32), place: Place) -> Result<()> {
    let (width, height) = (width_of(words, place.size), place.size);
    let left = match place.horizontal {
        HPos::Left => at.0,
        HPos::Center => at.0 - width / 2,
        HPos::Right => at.0 - width,
    };
    let top = match place.vertical {
        VPos::Top => at.1 - 1,
        VPos::Center => at.1 - height / 2,
        VPos::Bottom => at.1 - height - 2,
    };
    let corners = [(left, top), (left + width, top + height + 1)];
    canvas.draw(&Rectangle::new(corners, WHITE.mix(0.85).filled())).map_err(failed)?;
    text(canvas, words, at, place)
}

/// About how wide a text is; only a reader's program knows.
fn width_of(words: &str, size: i32) -> i32 {
    pixel(words.chars().count() as f64 * f64::from(size) * CHARACTER_WIDTH)
}

fn pixel(place: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "pixels of a chart are small")]
    let pixel = place.round() as i32;
    pixel
}

/// `plotters`' error as one of ours.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives the error away")]
pub(super) fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Error {
    Error::environment(format!("drawing a chart: {error}"))
}
