//! Prints counts of tried cases past the test runner's capture, so that the log of a passed run
//! shows them.

use std::io::Write;
use std::ops::AddAssign;

use migrator::verify::VerifyReport;
use migrator::verify::finding::Discrepancy;

/// Prints one line.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "tried: {line}");
}

/// Returns true if the long form was requested.
pub(crate) fn full() -> bool {
    std::env::var_os("SWEETSPOT_FULL").is_some()
}

/// Counts of records in a wrong state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Harm {
    /// Missing in the log.
    pub(crate) lost: u64,
    /// Logged or stored more than once.
    pub(crate) twice: u64,
    /// Stored in part, or with other values than mapping gives.
    pub(crate) partial: u64,
}

impl Harm {
    /// Sorts the findings of an audit.
    pub(crate) fn found_by(audit: &VerifyReport) -> Self {
        let mut harm = Self::default();
        for finding in &audit.findings {
            match finding.fault {
                Discrepancy::NotLogged => harm.lost += 1,
                Discrepancy::LoggedAgain
                | Discrepancy::Contested { .. }
                | Discrepancy::Repeated => harm.twice += 1,
                _ => harm.partial += 1,
            }
        }
        harm
    }
}

impl AddAssign for Harm {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.twice += other.twice;
        self.partial += other.partial;
    }
}

impl std::fmt::Display for Harm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "lost {}, twice {}, partial {}", self.lost, self.twice, self.partial)
    }
}
