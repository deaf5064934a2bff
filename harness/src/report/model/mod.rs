//! The document: everything that a report shows, as plain data. One type for every kind of session;
//! every format lays out the same document. A part that a kind of session lacks is `None` or empty.

mod comparison;
mod phase;
mod section;
mod status;

use migrator::config::Settings;
use serde_json::Value;

use crate::error::{Error, Result};

pub use self::comparison::{
    ComparisonRow, Cumulative, CumulativeRow, ExactRow, PlanTarget, UnitDifference,
};
pub use self::phase::{
    Grid, Latency, MetricSummary, PhaseMetrics, PhaseReport, RunRow, SettingRow, Waits,
};
pub use self::section::{ArmRun, Check, Section, TrackedFigure};
pub use self::status::{Status, StatusClass};
pub use crate::analysis::comparison::ValidityFigures;
pub use crate::analysis::sweep::FailedRun;
pub use crate::stats::verdict::PValues;

/// Content of a report, in the order of its presentation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// Kind of session. It is part of the marker of the Markdown report.
    pub kind: ReportKind,
    /// Scenario. It names files and the marker: lower-case letters, digits, hyphens.
    pub scenario: String,
    /// Heading, without the simulated network.
    pub title: String,
    /// Simulated network, in words. Every format of such a session names it.
    pub link: Option<String>,
    /// Question of the session, in words.
    pub question: Option<String>,
    /// Answer.
    pub headline: Headline,
    /// Reasons to distrust the figures, one sentence fragment each.
    pub warnings: Vec<String>,
    /// Phases in the order of the plan. A sweep has one, a gate none.
    pub phases: Vec<PhaseReport>,
    /// Sum of the kept phases.
    pub cumulative: Option<Cumulative>,
    /// All kept settings against the original baseline, in confirmation runs.
    pub last: Option<ComparisonRow>,
    /// Each optimization alone against the original baseline.
    pub alone: Vec<ComparisonRow>,
    /// One row for each scenario and metric of a gate; the primary metric first.
    pub metrics: Vec<ComparisonRow>,
    /// Quantities that are compared without statistics.
    pub exact: Vec<ExactRow>,
    /// Further parts, each with a heading of its own.
    pub sections: Vec<Section>,
    /// Recommended settings.
    pub paste: Option<Paste>,
    /// Lines for commit messages.
    pub commits: Vec<String>,
    /// Drift of the rate over the session.
    pub drift: Option<Drift>,
    /// Diagnostics of the measurement.
    pub validity: Option<ValidityFigures>,
    /// Runs without figures.
    pub failed: Vec<FailedRun>,
    /// Runs that belong to no phase, in the order of the ledger.
    pub runs: Vec<ArmRun>,
    /// Figures for benchmark trackers, beside those of phases and metrics.
    pub tracked: Vec<TrackedFigure>,
    /// Description of the workload, by name.
    pub measured: Vec<Fact>,
    /// Description of the machine, by name.
    pub environment: Vec<Fact>,
    /// Command that repeats the measurement; empty if there is none.
    pub command: String,
    /// Ledger with every run, as a path from the report; empty if there is none.
    pub ledger: String,
    /// The analysis behind the report as JSON: the text of its file.
    pub analysis: String,
    /// Files beside the report and their content.
    pub files: Vec<Fact>,
}

impl Document {
    /// Heading, with the simulated network if there is one.
    pub fn heading(&self) -> String {
        match &self.link {
            Some(link) => format!("{}, {link}", self.title),
            None => self.title.clone(),
        }
    }
}

/// Kinds of reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportKind {
    /// Settings of one scenario.
    #[default]
    Sweep,
    /// A plan of phases.
    Tune,
    /// A program against its baseline.
    Gate,
    /// Attribution of a difference.
    Explain,
    /// Search for a commit.
    Bisect,
    /// Error rates of verdicts.
    SelfTest,
    /// Inspection of a machine.
    Doctor,
    /// Rates over time.
    History,
}

impl ReportKind {
    /// Name of the kind in files: the verb, or `bisect`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Tune => "tune",
            Self::Gate => "gate",
            Self::Explain => "explain",
            Self::Bisect => "bisect",
            Self::SelfTest => "self-test",
            Self::Doctor => "doctor",
            Self::History => "history",
        }
    }

    /// Name of the file with the analysis.
    pub fn analysis_file(self) -> &'static str {
        match self {
            Self::SelfTest => "self-test.json",
            _ => "analysis.json",
        }
    }

    /// True if the verdicts are written as `junit.xml`, for CI.
    pub fn has_verdicts(self) -> bool {
        matches!(self, Self::Gate | Self::Explain)
    }
}

/// Answer in words, at the top of every report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headline {
    /// Status of the whole session.
    pub status: Status,
    /// One sentence.
    pub words: String,
    /// Consequences and reliability, as sentences.
    pub details: Vec<String>,
    /// Attribution of a gate's difference, if known.
    pub why: Option<String>,
}

/// Settings to copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paste {
    /// `[baseline]` table of a scenario.
    pub toml: String,
    /// Flags of `migrator run`.
    pub command: String,
}

impl Paste {
    /// Both forms of the settings. Fails if they cannot be serialized.
    pub fn of(settings: &Settings) -> Result<Self> {
        let value = serde_json::to_value(settings)
            .map_err(|error| Error::caused("writing settings", error))?;
        let all: Vec<(&String, &Value)> = value.as_object().into_iter().flatten().collect();
        let toml = all.iter().map(|(name, value)| format!("\n{name} = {value}"));
        let flag = |(name, value): &(&String, &Value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("--{} {value}", name.replace('_', "-"))
        };
        Ok(Self {
            toml: format!("[baseline]{}", toml.collect::<String>()),
            command: all.iter().map(flag).collect::<Vec<_>>().join(" "),
        })
    }
}

/// Drift of the rate over a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drift {
    /// One point for each run.
    pub runs: Vec<DriftPoint>,
    /// Means of the blocks, at the mean times of their runs.
    pub blocks: Vec<DriftPoint>,
}

/// Rate at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DriftPoint {
    /// Seconds of running time since the start of the first run.
    pub at_s: f64,
    /// Rate in percent of the median of its setting.
    pub percent: f64,
}

/// A named property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fact {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

impl Fact {
    /// Property from two texts.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
