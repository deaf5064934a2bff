//! Result of one trial: a checked run report, or a failure with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use migrator::config::Settings;
use migrator::telemetry::report::{
    Books, Build, CacheReport, FORMAT_VERSION, RunReport, StageTimes, StoreInfo,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scenario::Link;
use crate::scenario::metric::Metric;
use crate::stats::quantile_support;

/// Result of a trial, and the lifetime of its process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Seconds for emptying the store before the run; `None` if every run gets a fresh file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_s: Option<f64>,
    /// Seconds from the start of the process to its end.
    pub elapsed_s: f64,
    /// Resource usage of the process; `None` if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// System load during the trial; `None` if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<SystemLoad>,
    /// The run's report, or the failure.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Resource usage of a process and the descendants that it waited for, as counted by the operating
/// system.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time in user mode.
    pub cpu_user_s: f64,
    /// CPU time in the kernel.
    pub cpu_system_s: f64,
    /// Largest resident set of any one of them.
    pub peak_rss_bytes: u64,
}

/// System load during a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SystemLoad {
    /// Share of all processors' time that other programs took, 0 to 1.
    pub foreign_cpu_share: f64,
    /// Share that the host of a virtual machine took, 0 to 1.
    pub steal_share: f64,
    /// Pages swapped in and out.
    pub swapped_pages: u64,
    /// Speed of the fastest processor at the end of the run, in MHz; `None` if the operating system
    /// does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<f64>,
}

/// The run's report, or the failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The run succeeded.
    Report(Box<RunReport>),
    /// The run failed. The trial stays in the ledger as a row with this reason.
    Failure(Failure),
}

/// Failure of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Cause of the failure.
    pub cause: Cause,
    /// One line for people: the last output of the process, or the error of its report.
    pub detail: String,
    /// Books and rows in the report that the failed run left; `None` without a readable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Box<StoreFingerprint>>,
}

/// Cause of a failed trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It reached the scenario's time limit and was killed with its process group.
    Timeout {
        /// The limit in seconds.
        limit_s: u32,
    },
    /// It ended with this exit code.
    Exit {
        /// Not 0.
        code: i32,
    },
    /// A signal ended it.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// It exited with 0, but its report is missing or invalid.
    Report,
    /// It exited with 0, but its books do not balance.
    Books,
    /// It did not start, because its store could not be emptied.
    Reset,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Timeout { limit_s } => write!(f, "ended after {limit_s} s")?,
            Cause::Exit { code } => write!(f, "exit code {code}")?,
            Cause::Signal { signal } => write!(f, "ended by signal {signal}")?,
            Cause::Report => f.write_str("no usable report")?,
            Cause::Books => f.write_str("the books do not balance")?,
            Cause::Reset => f.write_str("the store could not be emptied before it")?,
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl Failure {
    /// A failure of a run that left no report.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into(), reported: None }
    }

    /// The same failure with the books and rows of the run's report, if that is readable.
    #[must_use]
    pub fn with_report(self, text: &str) -> Self {
        Self { reported: reported_rows(text).map(Box::new), ..self }
    }

    /// True if the run did not start, because its store could not be emptied: an outage, not a
    /// result of the program.
    pub fn is_outage(&self) -> bool {
        self.cause == Cause::Reset
    }

    /// Description of the records that the run lost or changed by its own report. `expected` are
    /// the rows of the finished runs on the same records.
    pub fn wrong_rows(&self, expected: Option<&StoreFingerprint>) -> Option<String> {
        let reported = self.reported.as_deref()?;
        if !balances(&reported.books) {
            return Some(imbalance(&reported.books));
        }
        // A run that stopped early has read fewer records, which is a failure but no wrong row.
        let expected = expected.filter(|expected| expected.books.read == reported.books.read)?;
        let differences = expected.differences(reported);
        (!differences.is_empty()).then(|| differences.join(", "))
    }
}

impl Measurement {
    /// A measurement without operating-system counters.
    pub fn new(elapsed_s: f64, outcome: Outcome) -> Self {
        Self { reset_s: None, elapsed_s, usage: None, surroundings: None, outcome }
    }

    /// Seconds including the preparation of the run.
    pub fn whole_s(&self) -> f64 {
        self.reset_s.unwrap_or_default() + self.elapsed_s
    }

    /// The value of a metric, in its unit; `None` for a failure. Memory by the operating system
    /// takes precedence over the program's own value.
    pub fn value(&self, metric: Metric) -> Option<f64> {
        let report = self.report()?;
        match (metric, self.usage) {
            (Metric::PeakRss, Some(usage)) => Some(usage.peak_rss_bytes as f64),
            _ => value(report, metric),
        }
    }

    /// The report, if the run succeeded.
    pub fn report(&self) -> Option<&RunReport> {
        match &self.outcome {
            Outcome::Report(report) => Some(report),
            Outcome::Failure(_) => None,
        }
    }

    /// The failure, if the run failed.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            Outcome::Report(_) => None,
            Outcome::Failure(failure) => Some(failure),
        }
    }
}

/// Specification of a trial.
#[derive(Debug, Clone, Copy)]
pub struct TrialSpec<'a> {
    /// The settings to run under.
    pub settings: &'a Settings,
    /// The network to simulate.
    pub link: Link,
    /// True for a foreign program, which may omit counters.
    pub foreign: bool,
}

/// Parses the text of a run report. Checks that every value is usable, and that the run had the
/// requested settings and network.
///
/// A foreign report needs `format`, `settings` (those that the program knows), `books.read` and
/// `rec_per_min`. If `books`, `rows`, `checksum` and `stages` exist, they are compared and shown.
/// Every other value is taken as absent.
pub fn read_report(text: &str, asked: &TrialSpec<'_>) -> Outcome {
    match usable_report(text, asked) {
        Ok(report) => match reported_rows(text).filter(|rows| !balances(&rows.books)) {
            None => Outcome::Report(Box::new(report)),
            Some(rows) => {
                let failure = Failure::new(Cause::Books, imbalance(&rows.books));
                Outcome::Failure(Failure { reported: Some(Box::new(rows)), ..failure })
            }
        },
        Err(detail) => Outcome::Failure(Failure::new(Cause::Report, detail).with_report(text)),
    }
}

/// Books, rows and checksum of a report, even if the rest is unusable. `None` if it lacks the
/// outcomes of the records.
fn reported_rows(text: &str) -> Option<StoreFingerprint> {
    let report: Value = serde_json::from_str(text).ok()?;
    let books = report.get("books")?.as_object()?;
    if !books.keys().any(|key| key != "read" && key != "skipped") {
        return None;
    }
    let mut rows = Value::Object(Map::new());
    for key in ["books", "rows", "checksum"] {
        if let Some(value) = report.get(key) {
            rows[key] = value.clone();
        }
    }
    let nothing = StoreFingerprint::default();
    fill(&mut rows, &serde_json::to_value(nothing).ok()?);
    StoreFingerprint::deserialize(&rows).ok()
}

/// True if every record that was read has an outcome. Any program's numbers can be given.
fn balances(books: &Books) -> bool {
    books.read == outcomes(books)
}

/// Number of records with an outcome.
fn outcomes(books: &Books) -> u64 {
    let Books { committed, duplicate, rejected, failed, lost_race, .. } = *books;
    [committed, duplicate, rejected, failed, lost_race].into_iter().fold(0, u64::saturating_add)
}

/// `3 of 10 records are missing`.
fn imbalance(books: &Books) -> String {
    let (read, outcomes) = (books.read, outcomes(books));
    match read.checked_sub(outcomes) {
        Some(missing) => format!("{missing} of {read} records are missing"),
        None => format!("{read} records were read, and {outcomes} have an outcome"),
    }
}

/// The field that reports of every format have.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

fn usable_report(text: &str, asked: &TrialSpec<'_>) -> Result<RunReport, String> {
    let Versioned { format } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if format > FORMAT_VERSION {
        return Err(format!("its format is {format}, newer than {FORMAT_VERSION}"));
    }
    let mut value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut nothing = serde_json::to_value(nothing(asked.settings)).map_err(|e| e.to_string())?;
    let settings = nothing["settings"].take();
    if asked.foreign {
        complete_settings(&mut value, &settings)?;
    }
    // An older build of the migrator omits newer counters too.
    fill(&mut value, &nothing);
    let report = RunReport::deserialize(&value).map_err(|error| error.to_string())?;
    check_run(&report, asked)?;
    check_figures(&report, asked.foreign)?;
    Ok(report)
}

/// Completes a foreign report's settings. The settings that it names must be the requested ones.
fn complete_settings(report: &mut Value, asked: &Value) -> Result<(), String> {
    let named = report.get("settings").and_then(Value::as_object);
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        return Err("it does not say which settings it ran under".into());
    };
    for (name, value) in named {
        if asked.get(name).is_some_and(|asked| asked != value) {
            return Err(format!("it ran under {name} {value} instead of {}", asked[name]));
        }
    }
    report["settings"] = asked.clone();
    Ok(())
}

/// The report of a program without counters.
fn nothing(settings: &Settings) -> RunReport {
    RunReport {
        format: FORMAT_VERSION,
        build: Build { version: "unknown".into(), profile: "unknown".into() },
        settings: settings.clone(),
        source: String::new(),
        store: StoreInfo { kind: "unknown".into(), version: "unknown".into() },
        books: Books::default(),
        rec_per_min: 0.0,
        wall_s: 0.0,
        cpu_user_s: 0.0,
        cpu_system_s: 0.0,
        peak_rss_bytes: 0,
        io: None,
        stages: BTreeMap::new(),
        connections: BTreeMap::new(),
        simulated_link: None,
        queue: None,
        claim_waits: 0,
        parsed_in_pool: 0,
        parse_pool_threads: 0,
        queries: 0,
        set_queries: 0,
        cache: CacheReport::default(),
        insert_statements: 0,
        transactions: 0,
        retries: BTreeMap::new(),
        commits_looked_up: 0,
        server: None,
        rows: BTreeMap::new(),
        checksum: String::new(),
    }
}

/// Adds missing values to `value`.
fn fill(value: &mut Value, defaults: &Value) {
    let (Some(object), Some(defaults)) = (value.as_object_mut(), defaults.as_object()) else {
        return;
    };
    for (name, default) in defaults {
        match object.get_mut(name) {
            Some(inside) => fill(inside, default),
            None => drop(object.insert(name.clone(), default.clone())),
        }
    }
}

fn check_run(report: &RunReport, asked: &TrialSpec<'_>) -> Result<(), String> {
    if report.settings != *asked.settings {
        return Err(format!("it ran under {:?} instead of {:?}", report.settings, asked.settings));
    }
    let simulated = report.simulated_link.map_or_else(Link::default, |link| Link {
        connect_ms: link.connect_ms,
        round_trip_ms: link.round_trip_ms,
    });
    if simulated != asked.link {
        return Err(format!("it ran over a {simulated} instead of a {}", asked.link));
    }
    Ok(())
}

fn check_figures(report: &RunReport, foreign: bool) -> Result<(), String> {
    if report.books.read == 0 {
        return Err("it read no records".into());
    }
    let unsaid = |stage: &&&str| !report.stages.contains_key(**stage);
    let mut stages = Metric::ALL.iter().flat_map(|metric| metric.stages());
    if let Some(stage) = stages.find(unsaid).filter(|_| !foreign) {
        return Err(format!("it does not say how long the stage `{stage}` took"));
    }
    if report.checksum.is_empty() && !foreign {
        return Err("it gives no checksum".into());
    }
    for metric in Metric::ALL {
        let value = value(report, metric).unwrap_or(0.0);
        if !(value.is_finite() && value >= 0.0) {
            return Err(format!("its {} is {value}", metric.name()));
        }
    }
    if report.rec_per_min == 0.0 {
        return Err("its rec_per_min is 0".into());
    }
    Ok(())
}

/// Value of a metric in a report, in the metric's unit. `None` if the report lacks the stage, or
/// has too few records for the quantile.
fn value(report: &RunReport, metric: Metric) -> Option<f64> {
    match metric {
        Metric::RecPerMin => Some(report.rec_per_min),
        Metric::PeakRss => Some(report.peak_rss_bytes as f64),
        Metric::LatencyP99 => {
            let enough = |record: &&StageTimes| quantile_support::check(0.99, record.count).is_ok();
            report.stages.get("record").filter(enough).map(|record| record.p99_ns as f64 / 1e6)
        }
        Metric::Insert | Metric::Prepare | Metric::Coerce => {
            let said = metric.stages().iter().all(|stage| report.stages.contains_key(*stage));
            said.then(|| metric.stages().iter().map(|stage| stage_ms(report, stage)).sum())
        }
    }
}

/// Milliseconds of a stage per 1,000 records read, summed over workers; 0 for a stage that is
/// missing in the report.
pub fn stage_ms(report: &RunReport, stage: &str) -> f64 {
    let total_ns = report.stages.get(stage).map_or(0, |times| times.total_ns);
    total_ns as f64 / report.books.read as f64 / 1000.0
}

/// Rows of a run in its store: equal for all comparable runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFingerprint {
    /// The report's checksum.
    pub checksum: String,
    /// Outcome of every record.
    pub books: Books,
    /// Rows per table.
    pub rows: BTreeMap<String, u64>,
}

impl StoreFingerprint {
    /// Stored rows by the report.
    pub fn of(report: &RunReport) -> Self {
        Self { checksum: report.checksum.clone(), books: report.books, rows: report.rows.clone() }
    }

    /// Differences from the other, one fragment each: `rows of app_base 7999 instead of 8000`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |name: String, here: &dyn fmt::Display, there: &dyn fmt::Display| {
            let (here, there) = (here.to_string(), there.to_string());
            if here != there {
                found.push(format!("{name} {there} instead of {here}"));
            }
        };
        let theirs = counts(&other.books);
        for ((name, here), (_, there)) in counts(&self.books).into_iter().zip(theirs) {
            compare(format!("records {name}"), &here, &there);
        }
        let tables: BTreeSet<_> = self.rows.keys().chain(other.rows.keys()).collect();
        for table in tables {
            let rows = |stored: &Self| stored.rows.get(table).copied().unwrap_or(0);
            compare(format!("rows of {table}"), &rows(self), &rows(other));
        }
        compare("checksum".into(), &self.checksum, &other.checksum);
        found
    }
}

fn counts(books: &Books) -> [(&'static str, u64); 7] {
    [
        ("read", books.read),
        ("committed", books.committed),
        ("duplicate", books.duplicate),
        ("rejected", books.rejected),
        ("failed", books.failed),
        ("lost to a race", books.lost_race),
        ("skipped", books.skipped),
    ]
}
