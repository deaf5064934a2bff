//! Document of a history.

use crate::analysis::history::{HistoryPoint, HistorySeries};
use crate::error::Result;
use crate::report::model::{Check, Document, Headline, ReportKind, Section, Status, TrackedFigure};
use crate::report::numbers::{counted, thousands};
use crate::report::text::history as words;

/// Builds the document; `command` reads the history again. Fails if it cannot be serialized.
pub fn document(all: &[HistorySeries], notes: &[String], command: &str) -> Result<Document> {
    Ok(Document {
        kind: ReportKind::History,
        scenario: "history".into(),
        title: "Rates over time".into(),
        headline: Headline {
            status: status(all),
            words: sentence(all),
            details: all
                .iter()
                .any(|series| series.tested)
                .then(|| words::LEGEND.into())
                .into_iter()
                .collect(),
            why: None,
        },
        warnings: notes.to_vec(),
        sections: all.iter().map(section).collect(),
        tracked: all.iter().filter_map(tracked).collect(),
        command: command.into(),
        analysis: words::json(all, notes)?,
        ..Document::default()
    })
}

fn status(all: &[HistorySeries]) -> Status {
    if all.iter().any(|series| !series.changes.is_empty()) {
        return Status::Warning;
    }
    if all.iter().any(|series| series.tested) { Status::Pass } else { Status::NotTestable }
}

fn sentence(all: &[HistorySeries]) -> String {
    let shifts: usize = all.iter().map(|series| series.changes.len()).sum();
    let tested = all.iter().filter(|series| series.tested).count();
    format!(
        "{} of the level in {}, {tested} of them long enough to test.",
        counted(shifts, "change"),
        match all.len() {
            1 => "1 series".into(),
            many => format!("{many} series"),
        }
    )
}

fn section(series: &HistorySeries) -> Section {
    let point = |(index, point): (usize, &HistoryPoint)| {
        let shift = series.changes.iter().find(|change| change.at == index);
        let text = match shift {
            Some(change) => words::changed(series, change),
            None => format!("{} records a minute", thousands(point.rec_per_min)),
        };
        let status = if shift.is_some() { Status::Warning } else { Status::Pass };
        let name = format!("{} {}", words::minute(&point.time), words::short(&point.revision, 8));
        Check {
            value: Some(point.rec_per_min),
            unit: "rec/min".into(),
            ..Check::new(name, status, text)
        }
    };
    Section {
        title: words::title(series),
        lead: vec![words::place(series)],
        table: words::points(series),
        words: words::said(series),
        checks: series.points.iter().enumerate().map(point).collect(),
    }
}

/// The latest point of a series.
fn tracked(series: &HistorySeries) -> Option<TrackedFigure> {
    let last = series.points.last()?;
    Some(TrackedFigure {
        benchmark: format!("{} {} ({})", series.plan, series.phase, series.settings),
        measure: "rec_per_min".into(),
        unit: "records/min".into(),
        bigger_is_better: true,
        value: last.rec_per_min,
        range: None,
        extra: format!("{} runs, {}", last.runs, words::short(&last.revision, 8)),
    })
}
