//! Parts of a document that not every kind of session has: sections, runs of arms, tracked figures.

use super::phase::RunRow;
use super::status::Status;
use crate::report::table::Table;

/// Part of a report with a heading of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Sentences above the table.
    pub lead: Vec<String>,
    /// Table; without rows it is not shown.
    pub table: Table,
    /// Sentences below the table.
    pub words: Vec<String>,
    /// Test cases of the section, for `JUnit`.
    pub checks: Vec<Check>,
}

/// One test case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Check {
    /// Name.
    pub name: String,
    /// Status.
    pub status: Status,
    /// Figure behind the status, if there is one.
    pub value: Option<f64>,
    /// Unit of the figure.
    pub unit: String,
    /// Reason, one sentence.
    pub words: String,
}

impl Check {
    /// Test case without a figure.
    pub fn new(name: String, status: Status, words: String) -> Self {
        Self { name, status, words, ..Self::default() }
    }
}

/// Run of an arm in a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmRun {
    /// Step of the session.
    pub step: String,
    /// Program or settings of the run.
    pub arm: String,
    /// True for the baseline arm.
    pub is_baseline: bool,
    /// Figures.
    pub run: RunRow,
}

/// Figure that a benchmark tracker follows from session to session.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedFigure {
    /// Name that stays the same from session to session.
    pub benchmark: String,
    /// Metric, as named in scenarios.
    pub measure: String,
    /// Unit of the value.
    pub unit: String,
    /// True if a larger value is better.
    pub bigger_is_better: bool,
    /// Value.
    pub value: f64,
    /// Range of the value, if known.
    pub range: Option<[f64; 2]>,
    /// Remark.
    pub extra: String,
}
