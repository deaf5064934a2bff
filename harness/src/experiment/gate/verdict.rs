//! Verdict of a gate and its exit code. Text, JSON, `JUnit` and the process derive from it.

use std::fmt;

use serde::{Serialize, Serializer};

/// Verdict of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateVerdict {
    /// The primary metric is better, and nothing is worse than its margin.
    Improved,
    /// Nothing is worse than its margin.
    Pass,
    /// Something is worse, by less than its margin.
    Small,
    /// Something is worse, and not shown to be within its margin.
    Regression,
    /// Something is undecided.
    Inconclusive,
    /// Too few pairs for any test.
    NotTestable,
    /// The negative control alarmed, interference was too strong, or the baseline failed.
    Invalid,
    /// The arms stored different rows, or the head lost or changed records.
    WrongResult,
    /// The head failed in more runs than the base.
    Failed,
}

/// Consequences of a verdict that a session sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExitPolicy {
    /// True if a difference below the margin counts as a regression, on a workload that has one.
    pub small_fails: bool,
    /// True if nothing was to be tested (`--quick`).
    pub quick: bool,
}

impl GateVerdict {
    /// Exit code of the process. Every format derives its own mark from it.
    pub fn exit_code(self, policy: ExitPolicy) -> u8 {
        match self {
            Self::Improved | Self::Pass => 0,
            Self::Small => u8::from(policy.small_fails),
            Self::Regression | Self::Failed => 1,
            Self::NotTestable if policy.quick => 0,
            Self::Inconclusive | Self::NotTestable => 3,
            Self::Invalid => 4,
            Self::WrongResult => 5,
        }
    }
}

impl fmt::Display for GateVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Improved => "IMPROVED",
            Self::Pass => "PASS",
            Self::Small => "SMALL",
            Self::Regression => "REGRESSION",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::NotTestable => "NOT TESTABLE",
            Self::Invalid => "INVALID",
            Self::WrongResult => "WRONG RESULT",
            Self::Failed => "FAILED",
        })
    }
}

impl Serialize for GateVerdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
