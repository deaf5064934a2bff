//! The answer of a gate with everything that it rests on, as `analysis.json` has it. Holds what was
//! decided and decides nothing.

use std::fmt;

use serde::{Serialize, Serializer};

use super::attribution::GateAttribution;
use crate::analysis::comparison::{Comparison, CountComparison, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::scenario::metric::Metric;
use crate::stats::verdict::Verdict;
use crate::trial::Difference;
use crate::trial::measurement::Stored;

/// The answer of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateVerdict {
    /// The primary metric is better, and nothing is worse than its margin.
    Improved,
    /// Everything is shown to be no worse than its margin.
    Pass,
    /// Something is really worse, by less than its margin.
    Small,
    /// Something is worse, and not shown to be within its margin.
    Regression,
    /// Something could not be told.
    Inconclusive,
    /// Too few pairs for any test.
    NotTestable,
    /// The negative control alarmed, or too much went on beside the runs.
    Invalid,
    /// The arms stored different things.
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

/// What a gate says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateResult {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// `plan::hash` of the session.
    pub plan_hash: String,
    /// The answer.
    pub answer: GateVerdict,
    /// What the process ends with.
    pub exit_code: u8,
    /// What was there before.
    pub base: String,
    /// What is asked about.
    pub head: String,
    /// Whether both are one program, byte for byte.
    pub same_program: bool,
    /// Whether `--quick` cut it down, so that nothing is tested.
    pub quick: bool,
    /// The program against itself; nothing where it has not run.
    pub control: Option<NegativeControl>,
    /// Every scenario, in the order of the command line.
    pub workloads: Vec<WorkloadResult>,
    /// Tests other than the primary one, which are corrected as one family.
    pub family: usize,
    /// Where the stores of the arms first differ.
    pub difference: Option<Difference>,
    /// What stored different things, or did not run, in words.
    pub failure: Option<String>,
    /// Why the figures are to be taken with care.
    pub warnings: Vec<String>,
}

/// The negative control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NegativeControl {
    /// Pairs of which both runs finished.
    pub pairs: usize,
    /// Whether it alarmed; `None` where there were too few pairs to tell.
    pub alarmed: Option<bool>,
}

/// One scenario of a gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkloadResult {
    /// Its name.
    pub scenario: String,
    /// Records that each run read; 0 where none has run.
    pub records: u32,
    /// What every run stored; nothing where they did not agree.
    pub stored: Option<Stored>,
    /// What both arms stored by their first finished runs, where these differ.
    pub stored_by: Option<[Stored; 2]>,
    /// What the pairs say; nothing where none have run.
    pub comparison: Option<Comparison>,
    /// The verdicts that count, for each of the comparison's metrics.
    pub tests: Vec<MetricTest>,
    /// What made the difference, where there is one.
    pub why: Option<GateAttribution>,
    /// What an earlier session's baseline has in these exact quantities, in words.
    pub earlier: Vec<String>,
}

/// The verdict on one metric of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricTest {
    /// Which.
    pub metric: Metric,
    /// Whether it has the full α to itself.
    pub primary: bool,
    /// The verdict, corrected for the family.
    pub verdict: Decision,
    /// p of no difference, so corrected.
    pub p_worse_adjusted: Option<f64>,
}

impl WorkloadResult {
    /// Exact quantities whose rise the scenario makes a regression, and which rose.
    pub fn risen(&self) -> impl Iterator<Item = &CountComparison> {
        let counts = self.comparison.iter().flat_map(|comparison| &comparison.exact);
        counts.filter(|count| count.gated && count.rises())
    }

    /// Each metric's finding with its verdict.
    pub fn findings(&self) -> impl Iterator<Item = (&MetricFinding, &MetricTest)> {
        let findings = self.comparison.iter().flat_map(|comparison| &comparison.metrics);
        findings.zip(&self.tests)
    }

    /// Whether everything about it is decided, so that more pairs add nothing.
    pub(super) fn is_decided(&self) -> bool {
        let open =
            |test: &MetricTest| test.verdict.verdict().is_none_or(|v| v == Verdict::Inconclusive);
        self.comparison.is_some() && !self.tests.iter().any(open)
    }
}

impl GateResult {
    /// Whether something is worse than allowed, whatever else there is to find out.
    pub(super) fn is_worse(&self) -> bool {
        self.answer == GateVerdict::Regression
            || (self.answer == GateVerdict::Small && self.exit_code == 1)
    }
}
