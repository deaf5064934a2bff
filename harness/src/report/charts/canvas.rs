//! Drawing primitives: forms, colours, texts and marks, in pixels.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};
use crate::report::numbers::legal;

/// Destination of a chart, which decides its size and headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A file; the chart has headings of its own.
    File,
    /// A page, which has the headings.
    Page,
    /// A page on a phone.
    Phone,
}

impl Form {
    /// Width in pixels.
    pub(super) fn width(self) -> i32 {
        match self {
            Self::File | Self::Page => 960,
            Self::Phone => 360,
        }
    }

    pub(super) fn is_narrow(self) -> bool {
        self == Self::Phone
    }

    /// Left margin in pixels.
    pub(super) fn edge(self) -> i32 {
        match self {
            Self::File => 24,
            Self::Page => 4,
            Self::Phone => 2,
        }
    }

    /// Size of most texts in pixels.
    pub(super) fn size(self) -> i32 {
        if self.is_narrow() { 13 } else { 14 }
    }
}

// Colours of charts; [`PALETTE`] names them for a page.
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
pub(super) const GREY: RGBColor = RGBColor(92, 92, 92);
pub(super) const LINES: RGBColor = RGBColor(222, 222, 222);
/// Blue and vermilion of the Okabe-Ito palette: distinguishable with every kind of colour vision,
/// and different in lightness.
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
/// Fills on which [`ON_FILL`] is legible, in light and dark mode.
pub(super) const FILLS: [RGBColor; 8] = [
    RGBColor(156, 197, 227),
    RGBColor(242, 195, 139),
    RGBColor(169, 217, 184),
    RGBColor(230, 176, 206),
    RGBColor(216, 210, 124),
    RGBColor(185, 180, 230),
    RGBColor(233, 167, 155),
    RGBColor(207, 207, 207),
];
pub(super) const ON_FILL: RGBColor = RGBColor(26, 26, 26);

/// Colours that a page replaces, as written in a chart, and their names in the page.
pub(super) const PALETTE: [(&str, &str); 6] = [
    ("\"#FFFFFF\"", "\"var(--paper)\""),
    ("\"#222222\"", "\"var(--ink)\""),
    ("\"#5C5C5C\"", "\"var(--grey)\""),
    ("\"#DEDEDE\"", "\"var(--lines)\""),
    ("\"#0072B2\"", "\"var(--blue)\""),
    ("\"#D55E00\"", "\"var(--vermilion)\""),
];

/// Generic font family: the viewer chooses the font.
const FONT: &str = "sans-serif";
/// `plotters` divides a font's size by this when it writes SVG.
const SVG_FONT_SCALE: f64 = 1.24;
/// Drawing area in pixels.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Point in pixels.
pub(super) type Point = (i32, i32);

/// Draws on an empty canvas and returns the SVG.
pub(super) fn svg(
    size: (i32, i32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<()>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let size = (size.0.unsigned_abs(), size.1.unsigned_abs());
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        canvas.fill(&PAPER).map_err(failed)?;
        draw(&canvas)?;
        canvas.present().map_err(failed)?;
    }
    Ok(svg)
}

/// Style and anchor of a text.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) size: i32,
    bold: bool,
    colour: RGBColor,
    horizontal: HPos,
    vertical: VPos,
}

impl Place {
    /// Text to the right of its point, vertically centred.
    pub(super) fn right_of(size: i32) -> Self {
        Self { size, bold: false, colour: INK, horizontal: HPos::Left, vertical: VPos::Center }
    }

    /// Text to the left of its point.
    pub(super) fn left_of(size: i32) -> Self {
        Self { horizontal: HPos::Right, ..Self::right_of(size) }
    }

    /// Text centred on its point.
    pub(super) fn on(size: i32) -> Self {
        Self { horizontal: HPos::Center, ..Self::right_of(size) }
    }

    /// With or without bold.
    pub(super) fn bold(self, bold: bool) -> Self {
        Self { bold, ..self }
    }

    /// With this colour.
    pub(super) fn colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }
}

/// Draws a text.
pub(super) fn text(canvas: &Canvas<'_>, words: &str, at: Point, place: Place) -> Result<()> {
    let style = if place.bold { FontStyle::Bold } else { FontStyle::Normal };
    let size = f64::from(place.size) * SVG_FONT_SCALE;
    let style = (FONT, size, style)
        .with_color(place.colour)
        .into_text_style(canvas)
        .pos(Pos::new(place.horizontal, place.vertical));
    canvas.draw_text(&legal(words), &style, at).map_err(failed)
}

/// Approximate width of a text; only the viewer knows its font. The widths are those of a wide
/// font, `DejaVu` Sans, in hundredths of its size.
pub(super) fn width_of(words: &str, size: i32, bold: bool) -> i32 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' => 32,
        'f' | 't' | 'r' | '(' | ')' | '-' | '/' => 40,
        'm' | 'w' | 'M' | 'W' | '%' => 95,
        '+' | '=' | '→' => 84,
        'A'..='Z' => 70,
        '0'..='9' => 64,
        c if c.is_ascii() => 60,
        _ => 100,
    };
    let hundredths: i32 = words.chars().map(width).sum();
    hundredths.saturating_mul(size) / if bold { 88 } else { 100 }
}

/// Text cut to about this many pixels.
pub(super) fn fitted(words: &str, size: i32, width: i32) -> String {
    if width_of(words, size, true) <= width {
        return words.to_owned();
    }
    let mut cut = String::new();
    for c in words.chars() {
        cut.push(c);
        if width_of(&cut, size, true) + size > width {
            cut.pop();
            break;
        }
    }
    cut + "…"
}

/// Text in lines of about this many pixels, broken between words.
pub(super) fn lines_of(words: &str, size: i32, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if width_of(&format!("{line} {word}"), size, false) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fitted(word, size, width)),
        }
    }
    lines
}

pub(super) fn pixel(place: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "pixels of a chart are small")]
    let pixel = place.round() as i32;
    pixel
}

pub(super) fn line(canvas: &Canvas<'_>, ends: [Point; 2], style: ShapeStyle) -> Result<()> {
    canvas.draw(&PathElement::new(ends.to_vec(), style)).map_err(failed)
}

pub(super) fn dashed(canvas: &Canvas<'_>, ends: [Point; 2], colour: RGBColor) -> Result<()> {
    canvas.draw(&DashedPathElement::new(ends, 6, 5, colour.stroke_width(2))).map_err(failed)
}

pub(super) fn area(canvas: &Canvas<'_>, corners: [Point; 2], style: ShapeStyle) -> Result<()> {
    canvas.draw(&Rectangle::new(corners, style)).map_err(failed)
}

pub(super) fn circle(canvas: &Canvas<'_>, at: Point, size: i32, style: ShapeStyle) -> Result<()> {
    canvas.draw(&Circle::new(at, size, style)).map_err(failed)
}

pub(super) fn triangle(canvas: &Canvas<'_>, at: Point, size: i32, style: ShapeStyle) -> Result<()> {
    canvas.draw(&TriangleMarker::new(at, size + 1, style)).map_err(failed)
}

pub(super) fn square(canvas: &Canvas<'_>, at: Point, size: i32, style: ShapeStyle) -> Result<()> {
    area(canvas, [(at.0 - size, at.1 - size), (at.0 + size, at.1 + size)], style)
}

pub(super) fn diamond(canvas: &Canvas<'_>, at: Point, size: i32, style: ShapeStyle) -> Result<()> {
    let (x, y) = at;
    let corners = vec![(x - size, y), (x, y - size), (x + size, y), (x, y + size)];
    canvas.draw(&Polygon::new(corners, style)).map_err(failed)
}

/// Unfilled frame with thick lines.
pub(super) fn outline(canvas: &Canvas<'_>, corners: [Point; 2]) -> Result<()> {
    let [(left, top), (right, bottom)] = corners;
    let ends = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top - 1)];
    canvas.draw(&PathElement::new(ends.to_vec(), INK.stroke_width(3))).map_err(failed)
}

/// Interval with caps at its ends.
pub(super) fn whisker(canvas: &Canvas<'_>, ends: [Point; 2], colour: RGBColor) -> Result<()> {
    let style = colour.stroke_width(2);
    line(canvas, ends, style)?;
    ends.iter().try_for_each(|(x, y)| line(canvas, [(*x, y - 5), (*x, y + 5)], style))
}

/// Offsets from the middle of a row, so that no value hides another.
pub(super) fn spread(values: &[f64]) -> impl Iterator<Item = (i32, f64)> {
    const REACH: f64 = 11.0;
    let steps = values.len().saturating_sub(1).max(1) as f64;
    let only = values.len() == 1;
    values.iter().enumerate().map(move |(index, value)| {
        let place = if only { 0.0 } else { (index as f64 / steps * 2.0 - 1.0) * REACH };
        (pixel(place), *value)
    })
}

/// Converts an error of `plotters`.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives the error away")]
pub(super) fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Error {
    Error::environment(format!("drawing a chart: {error}"))
}
