//! Findings of the probes: one for each source of noise.

use std::collections::BTreeMap;

use serde::Serialize;

/// Severity of a finding for the noise of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Adds no noise.
    Quiet,
    /// May add noise.
    Warn,
    /// Adds noise.
    Noisy,
    /// The machine does not report it.
    Unknown,
}

/// Finding of a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeFinding {
    /// Name of the probe.
    pub probe: &'static str,
    /// Severity for the noise of runs.
    pub level: Severity,
    /// Observation, or the reason why there is none.
    pub here: String,
    /// Consequence for runs, as a whole sentence.
    pub means: String,
    /// Remedy, if there is one.
    pub advice: Option<String>,
    /// Values behind the finding, by name with the unit at the end.
    pub figures: BTreeMap<&'static str, f64>,
}

impl ProbeFinding {
    /// Finding with an observation and its consequence.
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

    /// Finding without an observation. `means` is the consequence of not knowing.
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

    /// Adds advice unless the severity is quiet.
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

/// Turns a phrase into a sentence: capital letter and full stop.
pub(super) fn sentence(phrase: &str) -> String {
    let mut characters = phrase.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(['.']).collect()
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
