//! What a look at the machine finds: one line for each thing that makes runs differ. Judges nothing;
//! the probes do.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a finding means for the noise here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Adds none.
    Quiet,
    /// May add some.
    Warn,
    /// Adds some.
    Noisy,
    /// The machine does not say.
    Unknown,
}

/// One thing that makes runs differ, as it is here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeFinding {
    /// What was looked at.
    pub probe: &'static str,
    /// What it means for the noise.
    pub level: Severity,
    /// What was found, or why nothing was.
    pub here: String,
    /// What that means for runs, in words; a whole sentence.
    pub means: String,
    /// What to do, where something can be done.
    pub advice: Option<String>,
    /// The figures behind it, by name, the unit last.
    pub figures: BTreeMap<&'static str, f64>,
}

impl ProbeFinding {
    /// What was found and what it means.
    pub(super) fn new(
        level: Severity,
        probe: &'static str,
        here: impl Into<String>,
        means: impl Into<String>,
    ) -> Self {
        Self {
            probe,
            level,
            here: here.into(),
            means: means.into(),
            advice: None,
            figures: BTreeMap::new(),
        }
    }

    /// The machine does not say, and why; `means` is what is therefore not known.
    pub(super) fn unknown(
        probe: &'static str,
        why: impl AsRef<str>,
        means: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Unknown, probe, format!("not known here: {}", why.as_ref()), means)
    }

    #[must_use]
    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Advice only where something is to be minded.
    #[must_use]
    pub(super) fn advice_unless_quiet(self, advice: impl Into<String>) -> Self {
        if self.level == Severity::Quiet { self } else { self.advice(advice) }
    }

    #[must_use]
    pub(super) fn figure(mut self, name: &'static str, value: f64) -> Self {
        self.figures.insert(name, value);
        self
    }
}

/// Noisy above the second limit, a warning above the first.
pub(super) fn level(value: f64, warn: f64, noisy: f64) -> Severity {
    if value > noisy {
        Severity::Noisy
    } else if value > warn {
        Severity::Warn
    } else {
        Severity::Quiet
    }
}
