//! Failed runs of a gate: their number by arm, and the verdict that follows from them before any
//! time is compared (statistics.md 2, minimum and failed runs).

use serde::Serialize;

use super::step_names::CONTROL;
use super::verdict::GateVerdict;
use crate::analysis::consistency::check_stored_rows_agree;
use crate::analysis::failure_count::FailureCount;
use crate::session::arms::BASE;
use crate::session::ledger::TrialLine;
use crate::session::state::{CompletedStep, SessionState};

/// Failed runs of both arms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GateFailures {
    /// The baseline's, in warm-ups and pairs.
    pub base: FailureCount,
    /// The candidate's, in warm-ups and pairs. It has as many of them as the baseline.
    pub head: FailureCount,
    /// The baseline's in the negative control, which the candidate does not run.
    pub control: FailureCount,
    /// Records that runs of the candidate lost or changed by their own reports: each different
    /// description once.
    pub wrong_rows: Vec<String>,
}

impl GateFailures {
    /// Counts the failed runs of a session.
    pub(super) fn of(view: &SessionState) -> Self {
        let of_arm = |is_counted: &dyn Fn(&CompletedStep, &TrialLine) -> bool| {
            let steps = view.steps.iter();
            FailureCount::of(
                steps.flat_map(|ran| ran.results().filter(move |line| is_counted(ran, line))),
            )
        };
        let is_control = |ran: &CompletedStep| ran.step.name == CONTROL;
        Self {
            base: of_arm(&|ran, line| !is_control(ran) && program(ran, line) == Some(BASE)),
            head: of_arm(&|ran, line| !is_control(ran) && is_head(ran, line)),
            control: of_arm(&|ran, _| is_control(ran)),
            wrong_rows: wrong_rows(view),
        }
    }

    /// True if no run failed.
    pub fn is_zero(&self) -> bool {
        [&self.base, &self.head, &self.control].into_iter().all(FailureCount::is_zero)
    }

    /// Number of failed runs of the baseline, including the negative control.
    fn base_failed(&self) -> usize {
        self.base.failed + self.control.failed
    }

    /// Verdict that follows from the failures alone, in this order: records lost or changed, a head
    /// that fails in more runs than the base, both arms failing otherwise, the base alone failing.
    /// `None` if no run failed.
    pub fn verdict(&self, accepts_failing_base: bool) -> Option<GateVerdict> {
        if !self.wrong_rows.is_empty() {
            return Some(GateVerdict::WrongResult);
        }
        if self.head.failed > self.base.failed {
            return Some(GateVerdict::Failed);
        }
        match (self.head.is_zero(), self.base_failed()) {
            (true, 0) => None,
            (true, _) if accepts_failing_base => Some(GateVerdict::Pass),
            _ => Some(GateVerdict::Invalid),
        }
    }

    /// `HEAD failed in 3 of 12 runs, main in none: exit code 3 (3 runs)`. The arm with more failures
    /// comes first.
    pub fn words(&self, base: &str, head: &str) -> String {
        let control = match &self.control {
            control if control.is_zero() => None,
            control => Some(format!(
                "{base} failed in {control} of the negative control: {}",
                control.reasons()
            )),
        };
        let (mut one, mut other) = ((head, &self.head), (base, &self.base));
        if other.1.failed > one.1.failed {
            std::mem::swap(&mut one, &mut other);
        }
        let ((name, count), (other_name, other_count)) = (one, other);
        let pairs = (!count.is_zero()).then(|| {
            let others = match other_count {
                none if none.is_zero() => format!("{other_name} in none"),
                some => format!("{other_name} in {some} ({})", some.reasons()),
            };
            format!("{name} failed in {count}, {others}: {}", count.reasons())
        });
        pairs.into_iter().chain(control).collect::<Vec<_>>().join("; ")
    }
}

fn program(ran: &CompletedStep, line: &TrialLine) -> Option<usize> {
    ran.step.arms.get(line.trial.arm).map(|arm| arm.program)
}

fn is_head(ran: &CompletedStep, line: &TrialLine) -> bool {
    program(ran, line).is_some_and(|program| program != BASE)
}

/// Different descriptions of the records that failed runs of the candidate lost or changed.
fn wrong_rows(view: &SessionState) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for ran in &view.steps {
        let expected = check_stored_rows_agree(view, ran.step.scenario).ok();
        let failures = ran.failures().filter(|(line, _)| is_head(ran, line));
        for words in failures.filter_map(|(_, failure)| failure.wrong_rows(expected.as_ref())) {
            if !found.contains(&words) {
                found.push(words);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::failure_count::FailureReason;

    fn count(failed: usize, runs: usize) -> FailureCount {
        let reason = FailureReason { reason: "exit code 3".into(), runs: failed };
        FailureCount { failed, runs, reasons: vec![reason].into_iter().take(failed).collect() }
    }

    fn failures(base: usize, head: usize, control: usize) -> GateFailures {
        GateFailures {
            base: count(base, 12),
            head: count(head, 12),
            control: count(control, 20),
            wrong_rows: Vec::new(),
        }
    }

    #[test]
    fn the_verdict_follows_from_the_failures_in_a_fixed_order() {
        use GateVerdict::{Failed, Invalid, Pass, WrongResult};
        for (base, head, control, expected, accepted) in [
            (0, 0, 0, None, None),
            (0, 1, 0, Some(Failed), Some(Failed)),
            (1, 12, 0, Some(Failed), Some(Failed)),
            (2, 3, 9, Some(Failed), Some(Failed)),
            (1, 1, 0, Some(Invalid), Some(Invalid)),
            (3, 1, 0, Some(Invalid), Some(Invalid)),
            (1, 0, 0, Some(Invalid), Some(Pass)),
            (0, 0, 1, Some(Invalid), Some(Pass)),
        ] {
            let mut failures = failures(base, head, control);
            assert_eq!([failures.verdict(false), failures.verdict(true)], [expected, accepted]);
            failures.wrong_rows.push("3 of 10 records are missing".into());
            assert_eq!(failures.verdict(true), Some(WrongResult));
        }
    }

    #[test]
    fn the_arm_that_fails_more_is_named_first_with_the_reasons() {
        let words = |base, head, control| failures(base, head, control).words("main", "HEAD");
        assert_eq!(
            words(0, 3, 0),
            "HEAD failed in 3 of 12 runs, main in none: exit code 3 (3 runs)"
        );
        assert_eq!(
            words(2, 1, 0),
            "main failed in 2 of 12 runs, HEAD in 1 of 12 runs (exit code 3): exit code 3 (2 runs)"
        );
        assert_eq!(
            words(0, 0, 1),
            "main failed in 1 of 20 runs of the negative control: exit code 3"
        );
    }
}
