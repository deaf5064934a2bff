//! Result of a gate with all its evidence; the content of `analysis.json`.

use serde::Serialize;

use super::attribution::GateAttribution;
use super::failures::GateFailures;
use super::verdict::GateVerdict;
use crate::analysis::comparison::{Comparison, CountComparison, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::scenario::metric::Metric;
use crate::stats::verdict::Verdict;
use crate::trial::StoreDifference;
use crate::trial::measurement::StoreFingerprint;

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
    /// Reason of a pass that says nothing about speed; `None` for any other result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_not_judged: Option<SpeedNotJudged>,
    /// Failed runs; `None` if every run finished. The error bounds of the tests do not include them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<GateFailures>,
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
    /// Description of different rows, or of failed runs.
    pub failure: Option<String>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// Reason of a pass that says nothing about speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeedNotJudged {
    /// Both arms are one program under the same conditions, so nothing ran.
    OneProgram,
    /// The baseline alone failed, and the user accepts that.
    FailingBase,
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
