//! Everything that a report shows, as plain data: one [`Document`] for a sweep, a whole tuning, a gate
//! or a comparison. Whoever measured fills it; the renderings decide nothing and only lay it out.
//! What a kind of session does not have is `None` or empty, and no rendering mentions it.

mod comparison;
mod phase;
mod status;

use migrator::config::Settings;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};

pub use self::comparison::{Comparison, Cumulative, CumulativeRow, Exact, P, Target};
pub use self::phase::{Figures, Grid, Latency, Outcome, Phase, Run, Setting, Waits};
pub use self::status::Standing;

/// The version of the document in JSON.
pub const FORMAT_VERSION: u32 = 1;

/// What a report shows, in the order in which it shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Document {
    /// What kind of session it is; names the marker of the Markdown report.
    pub kind: Kind,
    /// The scenario, which names files and the marker: lower-case letters, digits, hyphens.
    pub scenario: String,
    /// The heading, without the link.
    pub title: String,
    /// The link that was simulated, in words: every output of such a session says so.
    pub link: Option<String>,
    /// The question that was asked, in words.
    pub question: Option<String>,
    /// The answer.
    pub headline: Headline,
    /// Why the figures are to be taken with care, one sentence fragment each.
    pub warnings: Vec<String>,
    /// The phases of the plan in its order; a sweep has one, a gate none.
    pub phases: Vec<Phase>,
    /// What the kept phases add up to.
    pub cumulative: Option<Cumulative>,
    /// Everything that was kept against the original baseline, measured afresh.
    pub last: Option<Comparison>,
    /// Each optimization alone against the original baseline.
    pub alone: Vec<Comparison>,
    /// A gate's metrics, one for each scenario and metric, the primary one first.
    pub metrics: Vec<Comparison>,
    /// What is compared without statistics.
    pub exact: Vec<Exact>,
    /// The settings to use from now on.
    pub paste: Option<Paste>,
    /// Lines for commit messages, as the plan asks for them.
    pub commits: Vec<String>,
    /// How the level moved over the session.
    pub drift: Option<Drift>,
    /// Whether the measurement can be believed.
    pub validity: Option<ValidityFigures>,
    /// Runs that gave no figures.
    pub failed: Vec<FailedRun>,
    /// What was measured, by name.
    pub measured: Vec<Fact>,
    /// Where it was measured, by name.
    pub environment: Vec<Fact>,
    /// The command that measures it again.
    pub command: String,
    /// The ledger that holds every run, as a path from the report.
    pub ledger: String,
    /// Files beside the report and what each holds.
    pub files: Vec<Fact>,
}

impl Document {
    /// The heading, with the link where one was simulated.
    pub fn heading(&self) -> String {
        match &self.link {
            Some(link) => format!("{}, {link}", self.title),
            None => self.title.clone(),
        }
    }
}

/// Kinds of session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Settings of one scenario.
    #[default]
    Sweep,
    /// The whole plan.
    Tune,
    /// A branch against its baseline.
    Gate,
    /// Results that were measured before, side by side.
    Comparison,
}

impl Kind {
    /// The word for it in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Tune => "tune",
            Self::Gate => "gate",
            Self::Comparison => "comparison",
        }
    }
}

/// The answer in words, at the top of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// How it stands.
    pub standing: Standing,
    /// One sentence.
    pub words: String,
    /// What the answer is worth, and what follows; sentences.
    pub details: Vec<String>,
    /// What made the difference (a gate's why line), where that is known.
    pub why: Option<String>,
}

/// Settings to take over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Paste {
    /// A `[baseline]` table of a scenario.
    pub toml: String,
    /// The flags of `migrator run`.
    pub command: String,
}

impl Paste {
    /// All settings that apply, in both forms.
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

/// How the level moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Drift {
    /// Every run.
    pub runs: Vec<Level>,
    /// The mean of each block, at the mean of its runs' times.
    pub blocks: Vec<Level>,
}

/// A level at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Level {
    /// Seconds of running time since the session's first run began.
    pub at_s: f64,
    /// The rate in percent of its setting's median.
    pub percent: f64,
}

/// The figures of statistics.md 4; `None` where there is too little to tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ValidityFigures {
    /// Trend of the block means, percent per hour.
    pub trend_percent_per_hour: Option<f64>,
    /// The same per minute.
    pub trend_percent_per_minute: Option<f64>,
    /// What running second costs in percent.
    pub order_effect_percent: Option<f64>,
    /// Lag-1 autocorrelation of the pairs.
    pub autocorrelation: Option<f64>,
    /// Standard deviation of the order-adjusted pairs, in percent.
    pub std_dev_percent: Option<f64>,
    /// Share of runs that were disturbed, 0 to 1.
    pub disturbed_share: Option<f64>,
    /// Spread of the clock speed, a share.
    pub clock_spread: Option<f64>,
}

/// A run that gave no figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FailedRun {
    /// Its number in the plan.
    pub number: usize,
    /// The label of its setting, or its arm.
    pub setting: String,
    /// Why, in words.
    pub reason: String,
}

/// A name and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// What it is.
    pub value: String,
}

impl Fact {
    /// A fact from two texts.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
