//! Everything that a report shows, as plain data: one [`Document`] for a sweep, a whole tuning, a gate
//! or a comparison. Whoever measured fills it; the renderings decide nothing and only lay it out.
//! What a kind of session does not have is `None` or empty, and no rendering mentions it.

pub mod sweep;

use migrator::config::Settings;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::stats::confidence::Confidence;
use crate::stats::validity::Validity;
use crate::stats::verdict::{Judgement, Verdict};

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

/// How something stands: the verdicts of statistics.md 2, and why there may be none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Better.
    Improved,
    /// Shown to be no worse than the margin.
    Pass,
    /// Really worse, by less than the margin.
    Small,
    /// Worse, and not shown to be within the margin.
    Regression,
    /// Could not tell.
    Inconclusive,
    /// Measured and not tested against anything afresh.
    #[default]
    NotConfirmed,
    /// Too few runs or pairs to test.
    NotTestable,
    /// Too much went on beside the runs.
    Invalid,
    /// Different things were stored.
    WrongResult,
    /// Not measured, for a reason.
    Skipped,
}

impl Standing {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Pass => "pass",
            Self::Small => "small regression",
            Self::Regression => "regression",
            Self::Inconclusive => "could not tell",
            Self::NotConfirmed => "not confirmed",
            Self::NotTestable => "not testable",
            Self::Invalid => "invalid",
            Self::WrongResult => "wrong result",
            Self::Skipped => "skipped",
        }
    }

    /// The word in `metrics.json` and other files that programs read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Inconclusive => "inconclusive",
            other => other.words(),
        }
    }
}

impl From<Verdict> for Standing {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Improved => Self::Improved,
            Verdict::Pass => Self::Pass,
            Verdict::Small => Self::Small,
            Verdict::Regression => Self::Regression,
            Verdict::Inconclusive => Self::Inconclusive,
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

/// One phase: a sweep, what was chosen, how that was confirmed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Phase {
    /// Its number in the plan, such as `II.1`.
    pub phase: String,
    /// What it calls itself.
    pub optimization: String,
    /// The question.
    pub why: String,
    /// What it found, one sentence.
    pub finding: String,
    /// Names of the varied settings.
    pub swept: Vec<String>,
    /// What a run was: `10 runs of each setting, 8,000 records a run`, and the link where one was
    /// simulated.
    pub runs: String,
    /// Every setting with at least one finished run.
    pub settings: Vec<Setting>,
    /// Index of the setting against which the others stand.
    pub baseline: Option<usize>,
    /// What that setting is called: `baseline`, or `present setting` where earlier phases have
    /// changed it.
    pub against: String,
    /// Index of the setting that was chosen, or that a sweep alone would choose.
    pub chosen: Option<usize>,
    /// The settings as a grid, where two were varied.
    pub grid: Option<Grid>,
    /// The chosen setting against the present one, measured afresh.
    pub confirmation: Option<Comparison>,
    /// Why it was not run.
    pub skipped: Option<String>,
    /// Sentences that go into `metrics.json` too.
    pub notes: Vec<String>,
    /// The phase's object of `metrics.json`.
    pub outcome: Option<Outcome>,
}

/// One setting's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Setting {
    /// The varied values alone, such as `200 × 4`.
    pub short: String,
    /// With their names, such as `batch_size=200`.
    pub label: String,
    /// Every run that was counted, in the order in which they ran; failed ones among them.
    pub runs: Vec<Run>,
    /// Records per minute.
    pub rec_per_min: Figures,
    /// Median rate over that of the phase's baseline, less 1, in percent.
    pub vs_baseline_percent: f64,
    /// Inserting, milliseconds per 1,000 records, summed over workers.
    pub insert_ms: Option<Figures>,
    /// Preparing, in the same unit.
    pub prepare_ms: Option<Figures>,
    /// Largest resident set of all runs.
    pub peak_rss_bytes: Option<f64>,
    /// Whether every run stayed within the scenario's limits.
    pub within_limits: bool,
    /// Whether it cannot be told from the best (Hsu's set); `None` where that was not asked.
    pub in_set: Option<bool>,
    /// Median milliseconds per 1,000 records of each stage, summed over workers, in the order of a
    /// record's way.
    pub stages: Vec<(String, f64)>,
    /// From a record's read to its batch's commit, over all runs.
    pub latency: Option<Latency>,
    /// What it waited for and what its cache did.
    pub waits: Option<Waits>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Run {
    /// Its number in the ledger's plan.
    pub number: usize,
    /// Its block or pair, from 1.
    pub block: usize,
    /// Seconds of running time since the session's first run began; what went by between runs is
    /// not in it.
    pub at_s: f64,
    /// Seconds from the start of its process to its end.
    pub elapsed_s: f64,
    /// Records per minute; `None` of a failed run, and so with the others.
    pub rec_per_min: Option<f64>,
    /// Milliseconds per 1,000 records.
    pub insert_ms: Option<f64>,
    /// Milliseconds per 1,000 records.
    pub prepare_ms: Option<f64>,
    /// Largest resident set.
    pub peak_rss_bytes: Option<f64>,
    /// Why there are no figures.
    pub failure: Option<String>,
}

/// A metric of one setting over its runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// The middle value.
    pub median: f64,
    /// With n − 1; `None` of a single run.
    pub std_dev: Option<f64>,
    /// A quarter of the runs are below the first and a quarter above the second.
    pub middle_half: [f64; 2],
    /// The 95 % interval of the median, where one was calculated.
    pub interval: Option<[f64; 2]>,
}

/// Latency of a record, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Records.
    pub count: u64,
    /// Half are faster.
    pub p50_ms: f64,
    /// Nine of ten are faster.
    pub p90_ms: f64,
    /// `None` where there are too few records to tell.
    pub p99_ms: Option<f64>,
    /// `None` where there are too few records to tell.
    pub p999_ms: Option<f64>,
    /// The slowest.
    pub max_ms: f64,
}

/// Waits and the cache: medians over the runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Waits {
    /// The mapping halves waited for room in the queue: milliseconds per 1,000 records.
    pub queue_push_ms: Option<f64>,
    /// The inserting halves waited for a batch, in the same unit.
    pub queue_pop_ms: Option<f64>,
    /// Leases of a connection that had to wait.
    pub pool_waits: Option<f64>,
    /// How long they waited, milliseconds per 1,000 records.
    pub pool_ms: Option<f64>,
    /// Connections opened.
    pub connects: Option<f64>,
    /// Keys that the cache had, as a share of those asked for, in percent.
    pub cache_hit_percent: Option<f64>,
    /// Keys that had to go for others.
    pub cache_evictions: Option<f64>,
}

/// A grid of two varied settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// Names of the setting down and the setting across.
    pub names: [String; 2],
    /// Values from top to bottom.
    pub rows: Vec<String>,
    /// Values from left to right.
    pub columns: Vec<String>,
    /// Index among the phase's settings, by row, then by column.
    pub cells: Vec<Vec<Option<usize>>>,
}

/// B against A in pairs: a confirmation, a gate's metric, an optimization alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// What B is, such as `batch_size=200` or `insert_ms_per_1000_records`.
    pub name: String,
    /// What A is.
    pub against: String,
    /// The unit of the medians.
    pub unit: String,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// How it stands.
    pub standing: Standing,
    /// Medians of the raw values of A and B.
    pub medians: Option<[f64; 2]>,
    /// B over A, less 1, in percent of the raw value.
    pub effect_percent: Option<f64>,
    /// The interval of the effect that the test gives, in percent.
    pub interval_percent: Option<[f64; 2]>,
    /// By how much worse B may be, in percent.
    pub margin_percent: Option<f64>,
    /// What decided.
    pub p: Option<P>,
    /// Pairs that were run.
    pub pairs: usize,
    /// Pairs in all that would tell, where these did not.
    pub needed_pairs: Option<u64>,
    /// `high`, `moderate`, `low`, `none`.
    pub confidence: String,
    /// Whether B is kept; `None` where that is no question.
    pub kept: Option<bool>,
    /// Why it stands so or is kept or not, one sentence.
    pub reason: String,
}

/// The three p values of a test of pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct P {
    /// Small where B is worse.
    pub worse: f64,
    /// Small where B is within the margin.
    pub within: f64,
    /// Small where B is better.
    pub better: f64,
}

impl Comparison {
    /// Takes over what a judged session of pairs says; the judgement counts worse as more, whatever
    /// the metric, so a rate's figures are turned round.
    #[must_use]
    pub fn judged(self, judgement: &Judgement, confidence: Confidence) -> Self {
        let sign = if self.lower_is_better { 1.0 } else { -1.0 };
        let percent = |log: f64| (sign * log).exp_m1() * 100.0;
        let ends = [percent(judgement.interval.low), percent(judgement.interval.high)];
        // Very unequal orders give an interval without an end, which no file can hold.
        let interval = ends
            .iter()
            .all(|end| end.is_finite())
            .then(|| [ends[0].min(ends[1]), ends[0].max(ends[1])]);
        let p = judgement.p;
        let undecided = judgement.verdict == Verdict::Inconclusive;
        Self {
            standing: judgement.verdict.into(),
            effect_percent: Some(percent(judgement.estimate.shown)),
            interval_percent: interval,
            p: Some(P { worse: p.worse, within: p.within, better: p.better }),
            pairs: judgement.pairs,
            needed_pairs: undecided.then_some(judgement.needed_pairs),
            confidence: confidence.to_string(),
            ..self
        }
    }

    /// A change in percent with better as more: a time that falls gains.
    pub fn gain(&self, percent: f64) -> f64 {
        if self.lower_is_better { -percent } else { percent }
    }
}

/// Something that is compared without statistics: rows, rejects, the checksum, statements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Exact {
    /// What.
    pub name: String,
    /// What A has.
    pub baseline: String,
    /// What B has.
    pub head: String,
    /// Whether a difference is a wrong result rather than something to know.
    pub must_agree: bool,
}

impl Exact {
    /// Whether both have the same.
    pub fn agrees(&self) -> bool {
        self.baseline == self.head
    }
}

/// What the kept phases add up to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cumulative {
    /// One row a phase, in the plan's order.
    pub rows: Vec<CumulativeRow>,
    /// What the plan wanted beside what came of it.
    pub target: Option<Target>,
}

/// One phase of the cumulative table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CumulativeRow {
    /// Its number in the plan.
    pub phase: String,
    /// The setting in use after it.
    pub setting: String,
    /// What it brought in percent of the setting before; 0 where nothing was kept.
    pub gain_percent: f64,
    /// All phases so far, in percent of the original baseline.
    pub cumulative_percent: f64,
    /// What the plan expected of it, in percent.
    pub expected_percent: Option<[f64; 2]>,
    /// How it stands.
    pub standing: Standing,
    /// `high`, `moderate`, `low`, `none`.
    pub confidence: String,
    /// Whether the phase's choice is in use.
    pub kept: bool,
}

/// A range that was aimed at, and what was reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Target {
    /// What the range is of, in words.
    pub name: String,
    /// The range, in percent of the original baseline.
    pub range_percent: [f64; 2],
    /// What was reached, in the same unit; `None` where nothing can be said.
    pub reached_percent: Option<f64>,
    /// What the comparison says, one sentence.
    pub words: String,
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
    /// Trend of the block means, percent per hour, and its p value.
    pub trend_percent_per_hour: Option<(f64, f64)>,
    /// What running second costs in percent, and its p value.
    pub order_effect_percent: Option<(f64, f64)>,
    /// Lag-1 autocorrelation of the pairs.
    pub autocorrelation: Option<f64>,
    /// Share of runs that were disturbed, 0 to 1.
    pub disturbed_share: Option<f64>,
    /// Spread of the clock speed, a share.
    pub clock_spread: Option<f64>,
}

impl From<Validity> for ValidityFigures {
    fn from(validity: Validity) -> Self {
        let tested = |tested: crate::stats::validity::Tested| (tested.percent, tested.p);
        Self {
            trend_percent_per_hour: validity.trend.map(tested),
            order_effect_percent: validity.order_effect.map(tested),
            autocorrelation: validity.autocorrelation,
            disturbed_share: validity.disturbed_share,
            clock_spread: validity.clock_spread,
        }
    }
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

/// A phase in the names of `metrics.json` (design.md). Rates are medians of raw records per minute,
/// deviations have n − 1, and the improvement is that of the two medians.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Of the setting before.
    pub baseline_rec_per_min: f64,
    /// Of the setting after; unconfirmed, of the present setting.
    pub optimized_rec_per_min: f64,
    /// Of the two medians.
    pub improvement_percent: f64,
    /// Of the runs behind `baseline_rec_per_min`.
    pub std_dev_baseline: Option<f64>,
    /// Of the runs behind `optimized_rec_per_min`.
    pub std_dev_optimized: Option<f64>,
    /// `high`, `moderate`, `low`, `none`.
    pub confidence: String,
    /// How it stands.
    pub standing: Standing,
    /// Of the improvement; `None` where nothing was tested.
    pub interval_percent: Option<[f64; 2]>,
    /// Runs behind each median.
    pub runs: usize,
    /// All settings before.
    pub settings_baseline: Settings,
    /// All settings after.
    pub settings_optimized: Settings,
    /// Whether the choice is in use.
    pub kept: bool,
    /// The plan's own range.
    pub expected_percent: Option<[f64; 2]>,
    /// Of what every run stored; empty where the program gives none.
    pub checksum: String,
}
