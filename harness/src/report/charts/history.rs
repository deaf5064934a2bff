//! Chart of a history: the rate of every session of a series by time, with the levels between
//! changes.

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::canvas::{
    BLUE, Canvas, Form, GREY, INK, LINES, Place, Point, VERMILION, circle, dashed, line, pixel,
    svg, text, width_of,
};
use super::rows::{Mark, headings, headings_bottom, legend_places};
use crate::analysis::history::HistorySeries;
use crate::error::Result;
use crate::report::numbers::{percent, thousands};
use crate::report::text::history::{place, short, title};

/// Room above the highest and below the lowest mark, as a share of the level.
const ROOM: f64 = 0.02;

/// Chart of a series, for a file.
pub(in crate::report) fn history(series: &HistorySeries) -> Result<String> {
    let form = Form::File;
    let headings_of = [title(series), place(series)];
    let names = ["median of a session and its standard deviation", "level", "change of the level"];
    let names = names.map(String::from);
    let marks: [Mark; 3] = [session_key, level_key, change_key];
    let (places, legend_bottom) = legend_places(form, &names, headings_bottom(form, &headings_of));
    let sheet = HistoryLayout::of(series, form, legend_bottom);
    svg((form.width(), sheet.bottom + 64), |canvas| {
        headings(canvas, form, &headings_of)?;
        for ((name, mark), at) in names.iter().zip(marks).zip(places) {
            mark(canvas, at)?;
            text(canvas, name, (at.0 + 32, at.1), Place::right_of(form.size()))?;
        }
        sheet.scales(canvas, series)?;
        sheet.levels(canvas, series)?;
        sheet.sessions(canvas, series)
    })
}

fn session_key(canvas: &Canvas<'_>, (x, y): Point) -> Result<()> {
    line(canvas, [(x + 12, y - 9), (x + 12, y + 9)], BLUE.mix(0.6).stroke_width(2))?;
    circle(canvas, (x + 12, y), 4, BLUE.filled())
}

fn level_key(canvas: &Canvas<'_>, (x, y): Point) -> Result<()> {
    line(canvas, [(x, y), (x + 24, y)], INK.stroke_width(2))
}

fn change_key(canvas: &Canvas<'_>, (x, y): Point) -> Result<()> {
    dashed(canvas, [(x + 12, y - 10), (x + 12, y + 10)], VERMILION)
}

/// Positions of the chart's parts.
struct HistoryLayout {
    form: Form,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    vertical: RangedCoordf64,
    points: usize,
}

impl HistoryLayout {
    fn of(series: &HistorySeries, form: Form, legend_bottom: i32) -> Self {
        let ends = series.points.iter().map(|point| {
            let spread = point.std_dev.filter(|spread| spread.is_finite()).unwrap_or(0.0);
            (point.rec_per_min - spread, point.rec_per_min + spread)
        });
        let (low, high) =
            ends.fold((f64::INFINITY, 0.0_f64), |(low, high), (l, h)| (low.min(l), high.max(h)));
        let room = high * ROOM;
        let vertical = RangedCoordf64::from((low - room).max(0.0)..high + room);
        let widest = width_of(&thousands(high), form.size(), false);
        Self {
            form,
            left: form.edge() + widest + 24,
            right: form.width() - form.edge() - 20,
            top: legend_bottom + 26,
            bottom: legend_bottom + 326,
            vertical,
            points: series.points.len(),
        }
    }

    /// Sessions have equal distances, because releases do not follow the clock.
    fn x(&self, index: f64) -> i32 {
        let steps = self.points.saturating_sub(1).max(1) as f64;
        let share = if self.points == 1 { 0.5 } else { index / steps };
        self.left + 20 + pixel(f64::from(self.right - self.left - 40) * share)
    }

    fn y(&self, rate: f64) -> i32 {
        self.vertical.map(&rate, (self.bottom, self.top))
    }

    fn scales(&self, canvas: &Canvas<'_>, series: &HistorySeries) -> Result<()> {
        let grey = Place::left_of(self.form.size() - 1).colour(GREY);
        for rate in self.vertical.key_points(7) {
            let y = self.y(rate);
            line(canvas, [(self.left, y), (self.right, y)], LINES.stroke_width(1))?;
            text(canvas, &thousands(rate), (self.left - 8, y), grey)?;
        }
        let grey = Place::on(self.form.size() - 1).colour(GREY);
        let widest = width_of("00000000", self.form.size() - 1, false) + 16;
        let fit = usize::try_from((self.right - self.left) / widest).unwrap_or(1).max(1);
        let every = series.points.len().div_ceil(fit).max(1);
        for (index, point) in series.points.iter().enumerate().step_by(every) {
            let x = self.x(index as f64);
            text(canvas, &short(&point.revision, 8), (x, self.bottom + 16), grey)?;
            text(canvas, &short(&point.time, 10), (x, self.bottom + 34), grey)?;
        }
        Ok(())
    }

    fn levels(&self, canvas: &Canvas<'_>, series: &HistorySeries) -> Result<()> {
        for (from, to, rate) in series.levels() {
            let ends = [self.x(from as f64 - 0.3), self.x(to as f64 - 0.7)];
            let y = self.y(rate);
            line(canvas, ends.map(|x| (x, y)), INK.stroke_width(2))?;
        }
        for change in &series.changes {
            let x = self.x(change.at as f64 - 0.5);
            dashed(canvas, [(x, self.top), (x, self.bottom)], VERMILION)?;
            let place = Place::on(self.form.size()).bold(true);
            text(canvas, &percent(change.percent), (x, self.top - 12), place)?;
        }
        Ok(())
    }

    fn sessions(&self, canvas: &Canvas<'_>, series: &HistorySeries) -> Result<()> {
        for (index, point) in series.points.iter().enumerate() {
            let (x, y) = (self.x(index as f64), self.y(point.rec_per_min));
            if let Some(spread) = point.std_dev.filter(|spread| spread.is_finite()) {
                let ends = [point.rec_per_min - spread, point.rec_per_min + spread];
                let ends = ends.map(|rate| (x, self.y(rate)));
                line(canvas, ends, BLUE.mix(0.6).stroke_width(2))?;
            }
            circle(canvas, (x, y), 4, BLUE.filled())?;
        }
        Ok(())
    }
}
