//! Result of a gate with all its evidence; the content of `analysis.json`.

use std::fmt;

use serde::{Serialize, Serializer};

use super::attribution::GateAttribution;
use crate::analysis::comparison::{Comparison, CountComparison, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::scenario::metric::Metric;
use crate::stats::verdict::Verdict;
use crate::trial::StoreDifference;
use crate::trial::measurement::StoreFingerprint;

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
    /// The negative control alarmed, or interference was too strong.
    Invalid,
    /// The arms stored different rows.
    WrongResult,
    /// A program did not finish its first run.
    Failed,
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

/// Result of a gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateResult {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// Hash of the session's plan.
    pub plan_hash: String,
    /// Verdict.
    pub answer: GateVerdict,
    /// Exit code of the process.
    pub exit_code: u8,
    /// Baseline.
    pub base: String,
    /// Candidate.
    pub head: String,
    /// True if both are the same program, byte for byte.
    pub same_program: bool,
    /// True if `--quick` reduced it, so that nothing is tested.
    pub quick: bool,
    /// The program against itself; `None` if it has not run.
    pub control: Option<NegativeControl>,
    /// Scenarios, in command line order.
    pub workloads: Vec<WorkloadResult>,
    /// Number of tests in the family, which excludes the primary one.
    pub family: usize,
    /// First difference between the stores of the arms.
    pub difference: Option<StoreDifference>,
    /// Description of different rows, or of a program that did not run.
    pub failure: Option<String>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// Negative control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NegativeControl {
    /// Pairs with two finished runs.
    pub pairs: usize,
    /// True if it alarmed; `None` with too few pairs.
    pub alarmed: Option<bool>,
}

/// One scenario of a gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkloadResult {
    /// Name.
    pub scenario: String,
    /// Records per run; 0 if none has run.
    pub records: u32,
    /// Rows that every run stored; `None` if they differ.
    pub stored: Option<StoreFingerprint>,
    /// Rows that both arms stored in their first finished runs, if these differ.
    pub stored_by: Option<[StoreFingerprint; 2]>,
    /// Comparison of the pairs; `None` if none have run.
    pub comparison: Option<Comparison>,
    /// Final verdicts, one for each metric of the comparison.
    pub tests: Vec<MetricTest>,
    /// Attribution of the difference, if there is one.
    pub why: Option<GateAttribution>,
    /// Exact counts of an earlier session's baseline, as text.
    pub earlier: Vec<String>,
}

/// Verdict on one metric of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricTest {
    /// The metric.
    pub metric: Metric,
    /// True for the primary metric, which has the full α.
    pub primary: bool,
    /// Verdict after correction for the family.
    pub verdict: Decision,
    /// Corrected p-value of no difference.
    pub p_worse_adjusted: Option<f64>,
}

impl WorkloadResult {
    /// Gated counters that increased.
    pub fn risen(&self) -> impl Iterator<Item = &CountComparison> {
        let counts = self.comparison.iter().flat_map(|comparison| &comparison.exact);
        counts.filter(|count| count.gated && count.rises())
    }

    /// Result and final verdict of each metric.
    pub fn findings(&self) -> impl Iterator<Item = (&MetricFinding, &MetricTest)> {
        let findings = self.comparison.iter().flat_map(|comparison| &comparison.metrics);
        findings.zip(&self.tests)
    }

    /// True if more pairs would add nothing.
    pub(super) fn is_decided(&self) -> bool {
        let open =
            |test: &MetricTest| test.verdict.verdict().is_none_or(|v| v == Verdict::Inconclusive);
        self.comparison.is_some() && !self.tests.iter().any(open)
    }
}

impl GateResult {
    /// True if something is worse than allowed, whatever else is undecided.
    pub(super) fn is_worse(&self) -> bool {
        self.answer == GateVerdict::Regression
            || (self.answer == GateVerdict::Small && self.exit_code == 1)
    }
}
