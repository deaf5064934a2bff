//! Specification of a gate: its two arms by the user's names, its budget, and stored results of the
//! baseline. Kept in the ledger.

use serde::{Deserialize, Serialize};

use crate::trial::measurement::Measurement;

/// Index of the baseline's program among those of a gate.
pub const BASE: usize = 0;

/// The two arms of a gate, and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateSpec {
    /// Baseline.
    pub base: ArmRef,
    /// Candidate.
    pub head: ArmRef,
    /// Time limit for runs in seconds. The first look at every scenario is always taken.
    pub budget_s: f64,
    /// Stored results of the baseline, if --base names a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredBaseline>,
    /// True if both arms are one program under the same conditions, so that nothing needs to run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_program: bool,
    /// True if a gate passes when only its baseline fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_failing_base: bool,
}

impl GateSpec {
    /// Specification without stored results; both arms are measured.
    pub fn new(base: ArmRef, head: ArmRef, budget_s: f64) -> Self {
        let (one_program, accept_failing_base) = (false, false);
        Self { base, head, budget_s, stored: None, one_program, accept_failing_base }
    }
}

/// One arm, as the user named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmRef {
    /// A git ref, a path, or a results folder.
    pub name: String,
    /// The commit that it was built from, for a ref.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl ArmRef {
    /// The name, followed by the first characters of the commit if the name is not the commit.
    pub fn label(&self) -> String {
        match self.commit.as_deref() {
            Some(commit) if !commit.starts_with(&self.name) => {
                format!("{} ({})", self.name, commit.get(..8).unwrap_or(commit))
            }
            _ => self.name.clone(),
        }
    }
}

/// Runs of the baseline in an earlier session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredBaseline {
    /// The results folder.
    pub folder: String,
    /// The harness's revision then.
    pub revision: String,
    /// True if its times stand for the baseline's, so that the baseline does not run.
    pub times_accepted: bool,
    /// Its runs, for every scenario of the gate that it has.
    pub workloads: Vec<StoredWorkload>,
}

/// Runs of the baseline on one workload in an earlier session; without their histograms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredWorkload {
    /// Index of the gate's scenario.
    pub scenario: usize,
    /// Records per run.
    pub records: u32,
    /// The runs, in the order in which they ran.
    pub runs: Vec<Measurement>,
}

impl StoredBaseline {
    /// The runs on the workload of this scenario.
    pub fn of_scenario(&self, scenario: usize) -> Option<&StoredWorkload> {
        self.workloads.iter().find(|workload| workload.scenario == scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_is_shown_by_its_name_and_its_commit_once() {
        let side = |name: &str, commit: Option<&str>| ArmRef {
            name: name.into(),
            commit: commit.map(str::to_owned),
        };
        let commit = Some("0123456789abcdef");
        assert_eq!(side("main", commit).label(), "main (01234567)");
        assert_eq!(side("0123456", commit).label(), "0123456");
        assert_eq!(side("./migrator", None).label(), "./migrator");
    }
}
