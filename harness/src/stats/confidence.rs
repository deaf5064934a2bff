//! Confidence in a verdict: the `confidence` field of the metrics (statistics.md 5).

use std::fmt;

use super::verdict::Verdict;

/// `s_d` up to which a verdict can have high confidence: a logarithm, or a share of a typical value.
pub const STD_DEV_MAX: f64 = 0.043;

/// Confidence in a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// Decided at the first look, with little noise and without warnings.
    High,
    /// Anything between.
    Moderate,
    /// More than one warning, or inconclusive at the last look.
    Low,
    /// There is no verdict: invalid, wrong result, skipped or not testable.
    None,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::High => "high",
            Self::Moderate => "moderate",
            Self::Low => "low",
            Self::None => "none",
        })
    }
}

/// Position of a verdict among its session's looks. A single look is both first and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// No look came before.
    pub is_first: bool,
    /// No look can follow.
    pub is_last: bool,
}

impl Confidence {
    /// The confidence of a verdict at this look, with this `s_d` and number of warnings.
    pub fn of(verdict: Verdict, look: Look, std_dev: f64, warnings: usize) -> Self {
        let inconclusive = verdict == Verdict::Inconclusive;
        if warnings > 1 || (inconclusive && look.is_last) {
            Self::Low
        } else if warnings == 0 && !inconclusive && look.is_first && std_dev <= STD_DEV_MAX {
            Self::High
        } else {
            Self::Moderate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_noise_and_warnings_decide() {
        use Confidence::{High, Low, Moderate};
        use Verdict::{Improved, Inconclusive, Pass, Regression, Small};
        let [only, first, middle, last] =
            [(true, true), (true, false), (false, false), (false, true)]
                .map(|(is_first, is_last)| Look { is_first, is_last });
        for (verdict, look, std_dev, warnings, confidence) in [
            (Improved, first, 0.043, 0, High),
            (Pass, only, 0.02, 0, High),
            (Regression, first, 0.04, 0, High),
            (Small, first, 0.04, 0, High),
            (Pass, first, 0.044, 0, Moderate),
            (Pass, first, 0.02, 1, Moderate),
            (Pass, middle, 0.02, 0, Moderate),
            (Improved, last, 0.02, 1, Moderate),
            (Inconclusive, first, 0.02, 0, Moderate),
            (Pass, first, 0.02, 2, Low),
            (Inconclusive, last, 0.02, 0, Low),
            (Inconclusive, only, 0.02, 0, Low),
        ] {
            let found = Confidence::of(verdict, look, std_dev, warnings);
            assert_eq!(found, confidence, "{verdict} {look:?} {std_dev} {warnings}");
        }
    }
}
