//! How something stands, in words. Decides nothing.

use serde::Serialize;

use crate::stats::verdict::Verdict;

/// How something stands: the verdicts of statistics.md 2, and why there may be none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Better.
    Improved,
    /// Shown to be no worse than the margin.
    Pass,
    /// Really worse, by less than the margin.
    Small,
    /// Worse, and not shown to be within the margin.
    Regression,
    /// Could not tell.
    Inconclusive,
    /// Measured and not tested against anything afresh.
    #[default]
    NotConfirmed,
    /// Too few runs or pairs to test.
    NotTestable,
    /// Too much went on beside the runs.
    Invalid,
    /// Different things were stored.
    WrongResult,
    /// A program did not run.
    Failed,
    /// The present setting is the choice.
    NothingToConfirm,
    /// Not measured, for a reason.
    Skipped,
}

impl Standing {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Pass => "pass",
            Self::Small => "small regression",
            Self::Regression => "regression",
            Self::Inconclusive => "could not tell",
            Self::NotConfirmed => "not confirmed",
            Self::NotTestable => "not testable",
            Self::Invalid => "invalid",
            Self::WrongResult => "wrong result",
            Self::Failed => "did not run",
            Self::NothingToConfirm => "nothing to confirm",
            Self::Skipped => "skipped",
        }
    }

    /// The word in `metrics.json` and other files that programs read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Improved => "IMPROVED",
            Self::Pass => "PASS",
            Self::Small => "SMALL",
            Self::Regression => "REGRESSION",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
            Self::WrongResult => "WRONG RESULT",
            Self::Failed => "FAILED",
            other => other.words(),
        }
    }
}

impl From<Verdict> for Standing {
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
