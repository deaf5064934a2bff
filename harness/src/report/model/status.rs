//! Status of a session, phase, comparison or test case.

use crate::stats::verdict::Verdict;

/// Verdicts (statistics.md 2), and reasons for having none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// Better, by the test.
    Improved,
    /// Shown to be no worse than the margin.
    Pass,
    /// Shown to be worse, by less than the margin, which passes.
    Small,
    /// The same on a scenario that makes it fail.
    SmallFails,
    /// Worse, and not shown to be within the margin.
    Regression,
    /// Undecided.
    Inconclusive,
    /// Measured, without confirmation runs.
    #[default]
    NotConfirmed,
    /// Too few runs or pairs to test.
    NotTestable,
    /// Too much interference during the runs.
    Invalid,
    /// The arms stored different rows.
    WrongResult,
    /// Runs failed.
    Failed,
    /// The current setting is the choice.
    NothingToConfirm,
    /// Not measured.
    Skipped,
    /// Measured and not judged, because a run failed.
    NotJudged,
    /// Nothing wrong, but something to look at.
    Warning,
}

/// Class of a status. Colours, icons and elements of `JUnit` derive from it, so that they agree
/// with each other and with the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// Passed.
    Good,
    /// Passed, with something to look at.
    Note,
    /// Nothing was to be decided.
    Plain,
    /// Not decided.
    Open,
    /// Not measured, or not confirmed.
    NotMeasured,
    /// Failed.
    Failure,
    /// No valid measurement.
    Error,
}

impl Status {
    /// Class of the status.
    pub fn class(self) -> StatusClass {
        match self {
            Self::Improved | Self::Pass => StatusClass::Good,
            Self::Small | Self::Warning => StatusClass::Note,
            Self::NothingToConfirm => StatusClass::Plain,
            Self::Inconclusive | Self::NotTestable => StatusClass::Open,
            Self::NotConfirmed | Self::Skipped | Self::NotJudged => StatusClass::NotMeasured,
            Self::Regression | Self::SmallFails | Self::WrongResult | Self::Failed => {
                StatusClass::Failure
            }
            Self::Invalid => StatusClass::Error,
        }
    }

    /// Text for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Pass => "pass",
            Self::Small | Self::SmallFails => "small regression",
            Self::Regression => "regression",
            Self::Inconclusive => "could not tell",
            Self::NotConfirmed => "not confirmed",
            Self::NotTestable => "not testable",
            Self::Invalid => "invalid",
            Self::WrongResult => "wrong result",
            Self::Failed => "failed",
            Self::NothingToConfirm => "nothing to confirm",
            Self::Skipped => "skipped",
            Self::NotJudged => "not judged",
            Self::Warning => "warning",
        }
    }

    /// Word in `metrics.json` and other files that programs read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Improved => "IMPROVED",
            Self::Pass => "PASS",
            Self::Small | Self::SmallFails => "SMALL",
            Self::Regression => "REGRESSION",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
            Self::WrongResult => "WRONG RESULT",
            Self::Failed => "FAILED",
            other => other.words(),
        }
    }
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Improved => Self::Improved,
            Verdict::Pass => Self::Pass,
            Verdict::Small => Self::Small,
            Verdict::Regression => Self::Regression,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}
