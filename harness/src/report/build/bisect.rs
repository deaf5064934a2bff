//! Document of a bisection.

use crate::error::Result;
use crate::experiment::bisect::{BisectResult, BisectTarget, CommitState, TestedCommit};
use crate::report::model::{Check, Document, Headline, ReportKind, Section, Status};
use crate::report::numbers::pretty;
use crate::report::text::bisect as words;

/// Builds the document; `command` repeats or resumes the search. Fails if the result cannot be
/// serialized.
pub fn document(bisected: &BisectResult, scenario: &str, command: &str) -> Result<Document> {
    let tested = Section {
        title: words::tested(bisected),
        table: words::table(bisected),
        checks: bisected.looked_at.iter().map(|look| check(bisected, look)).collect(),
        ..Section::default()
    };
    Ok(Document {
        kind: ReportKind::Bisect,
        scenario: scenario.into(),
        title: format!("{} against {}", bisected.head, bisected.base),
        headline: Headline {
            status: status(bisected),
            words: words::answer(bisected),
            details: bisected.first.iter().map(words::candidate).collect(),
            why: bisected.why.clone(),
        },
        sections: vec![tested],
        command: command.into(),
        analysis: pretty(bisected)?,
        ..Document::default()
    })
}

fn status(bisected: &BisectResult) -> Status {
    match &bisected.wanted {
        None => Status::Pass,
        Some(wanted) if bisected.first.len() == 1 => difference(wanted),
        Some(_) => Status::Inconclusive,
    }
}

/// Status of a commit with the difference.
fn difference(wanted: &BisectTarget) -> Status {
    match wanted {
        BisectTarget::Metric { worse: false, .. } => Status::Improved,
        BisectTarget::Metric { .. } | BisectTarget::Count { .. } => Status::Regression,
    }
}

fn check(bisected: &BisectResult, look: &TestedCommit) -> Check {
    let status = match look.seen {
        CommitState::Good => Status::Pass,
        CommitState::Bad => bisected.wanted.as_ref().map_or(Status::Regression, difference),
        CommitState::Skip => Status::Skipped,
    };
    Check::new(words::candidate(&look.named), status, look.words.clone())
}
