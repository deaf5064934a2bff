//! Failed runs of one arm: their number and their reasons. A comparison is never decided on the
//! runs that are left (statistics.md 2, minimum and failed runs).

use std::fmt;

use serde::Serialize;

use crate::session::ledger::TrialLine;
use crate::session::state::CompletedStep;

/// Maximum number of different reasons in a sentence.
const REASONS_SHOWN_MAX: usize = 3;

/// Number of failed runs of an arm, with their reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FailureCount {
    /// Failed runs.
    pub failed: usize,
    /// All runs, including warm-ups and those of discarded blocks.
    pub runs: usize,
    /// Different reasons, the first one first.
    pub reasons: Vec<FailureReason>,
}

/// Reason of failed runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureReason {
    /// Reason, as text.
    pub reason: String,
    /// Number of runs that failed for it.
    pub runs: usize,
}

impl FailureCount {
    /// Counts runs of an arm.
    pub fn of<'a>(lines: impl Iterator<Item = &'a TrialLine>) -> Self {
        let mut count = Self::default();
        for line in lines {
            count.runs += 1;
            if let Some(failure) = line.measurement.failure() {
                count.add(failure.to_string());
            }
        }
        count
    }

    /// Counts the runs of the arm at this index of steps.
    pub(crate) fn of_arm(ran: &[&CompletedStep], arm: usize) -> Self {
        let results = ran.iter().flat_map(|ran| ran.results());
        Self::of(results.filter(|line| line.trial.arm == arm))
    }

    fn add(&mut self, reason: String) {
        self.failed += 1;
        match self.reasons.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.runs += 1,
            None => self.reasons.push(FailureReason { reason, runs: 1 }),
        }
    }

    /// True if no run failed.
    pub fn is_zero(&self) -> bool {
        self.failed == 0
    }

    /// `exit code 3 (2 runs); ended after 3 s`.
    pub fn reasons(&self) -> String {
        let shown = self.reasons.iter().take(REASONS_SHOWN_MAX).map(ToString::to_string);
        let mut shown: Vec<String> = shown.collect();
        let more = self.reasons.len().saturating_sub(REASONS_SHOWN_MAX);
        if more > 0 {
            shown.push(format!("{more} more reasons"));
        }
        shown.join("; ")
    }
}

impl fmt::Display for FailureCount {
    /// `3 of 12 runs`, or `none of 12 runs`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failed {
            0 => write!(f, "none")?,
            failed => write!(f, "{failed}")?,
        }
        write!(f, " of {} run{}", self.runs, if self.runs == 1 { "" } else { "s" })
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The reason itself may have parentheses, but ends no sentence.
        f.write_str(self.reason.trim_end_matches('.'))?;
        if self.runs > 1 { write!(f, " ({} runs)", self.runs) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_reasons_are_counted_and_few_are_shown() {
        let mut count = FailureCount { runs: 12, ..FailureCount::default() };
        assert_eq!((count.to_string(), count.reasons()), ("none of 12 runs".into(), String::new()));
        for reason in ["exit code 3", "ended after 3 s", "exit code 3", "a.", "b", "c"] {
            count.add(reason.into());
        }
        assert_eq!(count.to_string(), "6 of 12 runs");
        assert_eq!(count.reasons(), "exit code 3 (2 runs); ended after 3 s; a; 2 more reasons");
    }
}
