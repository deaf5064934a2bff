//! TOML text → [`Scenario`], or the one fault that stands in the way with its line. Pure.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;

use clap::ValueEnum;
use migrator::args::Profile;
use migrator::config::Settings;
use migrator::config::Synchronous;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::store::FILES;
use super::{Gate, Limits, Link, Records, Runner, Scenario, Setting, Store, Validity, Workload};

/// What is wrong with a scenario, and on which line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// A lower-case fragment.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Fault {}

/// Reads and checks a scenario's text.
pub(super) fn read(text: &str) -> Result<Scenario, Fault> {
    let source = Source::of(text)?;
    source.check_keys(TOP_KEYS)?;
    let file: File = toml::from_str(text).map_err(|error| source.fault_of(&error))?;
    source.resolve(file)
}

/// The file as typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) why: String,
    pub(super) phase: String,
    pub(super) optimization: String,
    pub(super) expected_percent: Option<[f64; 2]>,
    #[serde(default = "File::runs")]
    pub(super) runs: u32,
    #[serde(default = "File::warmup")]
    pub(super) warmup: u32,
    #[serde(default = "File::pairs")]
    pub(super) pairs: u32,
    #[serde(default = "File::seed")]
    pub(super) seed: u64,
    #[serde(default)]
    pub(super) workload: WorkloadTable,
    #[serde(default)]
    pub(super) store: StoreTable,
    #[serde(default)]
    pub(super) link: Link,
    pub(super) runner: Option<Runner>,
    #[serde(default)]
    pub(super) baseline: toml::Table,
    pub(super) sweep: Option<toml::Table>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) validity: Validity,
    #[serde(default)]
    pub(super) gate: Gate,
}

impl File {
    pub(super) fn runs() -> u32 {
        10
    }
    pub(super) fn warmup() -> u32 {
        1
    }
    pub(super) fn pairs() -> u32 {
        10
    }
    pub(super) fn seed() -> u64 {
        1
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WorkloadTable {
    records: toml::Value,
    run_seconds: Option<f64>,
    profile: String,
    duplicates: f64,
    rejects: f64,
    seed: u64,
}

impl Default for WorkloadTable {
    fn default() -> Self {
        Self {
            records: toml::Value::String("auto".into()),
            run_seconds: None,
            profile: "staged".into(),
            duplicates: 0.0,
            rejects: 0.0,
            seed: 42,
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoreTable {
    url: String,
    synchronous: Option<String>,
}

impl Default for StoreTable {
    fn default() -> Self {
        Self { url: FILES.into(), synchronous: None }
    }
}

/// Fewer runs have no standard deviation.
const RUNS_MIN: u32 = 2;

/// The fewest pairs that can be tested.
const PAIRS_LEAST: u32 = 8;

/// The most pairs of a plan: weeks of them.
const PAIRS_MOST: u32 = 100_000;

/// The most combinations of a grid.
const SETTINGS_MAX: usize = 1_000;

/// The most runs of a plan: weeks of them.
const TRIALS_MAX: u64 = 1_000_000;

const TOP_KEYS: &[&str] = &[
    "name",
    "why",
    "phase",
    "optimization",
    "expected_percent",
    "runs",
    "warmup",
    "pairs",
    "seed",
    "workload",
    "store",
    "link",
    "runner",
    "baseline",
    "sweep",
    "limits",
    "validity",
    "gate",
];
const WORKLOAD_KEYS: &[&str] =
    &["records", "run_seconds", "profile", "duplicates", "rejects", "seed"];
const STORE_KEYS: &[&str] = &["url", "synchronous"];
const LINK_KEYS: &[&str] = &["connect_ms", "round_trip_ms"];
const RUNNER_KEYS: &[&str] = &["command"];
const VALIDITY_KEYS: &[&str] = &["foreign_cpu_share_max", "steal_share_max", "swapped_pages_max"];
const GATE_KEYS: &[&str] = &["margin", "metrics", "small", "exact"];
const LIMITS_KEYS: &[&str] = &["timeout_s", "peak_rss_bytes", "latency_p99_ms"];

/// The baseline of every setting that applies in it, as a flat object.
fn default_settings() -> Map<String, Value> {
    match serde_json::to_value(Settings::default()) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    }
}

fn parse_table(text: &str) -> Result<DeTable<'_>, Fault> {
    match DeTable::parse(text) {
        Ok(table) => Ok(table.into_inner()),
        Err(error) => Err(Fault {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            message: one_line(error.message()),
        }),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text with its spans, to say where a fault is.
pub(super) struct Source<'a> {
    text: &'a str,
    table: DeTable<'a>,
    /// The index of the `[[phase]]` that is read, of a file that has several: its keys are those of
    /// a file that is one.
    pub(super) phase: Option<usize>,
}

impl<'a> Source<'a> {
    /// A text that is TOML at least.
    pub(super) fn of(text: &'a str) -> Result<Self, Fault> {
        Ok(Self { text, table: parse_table(text)?, phase: None })
    }

    /// The tables `[[phase]]`, in their order.
    pub(super) fn phases(&self) -> Vec<&DeTable<'a>> {
        let phases = self.table.get("phase").map(toml::Spanned::get_ref);
        let Some(DeValue::Array(phases)) = phases else {
            return Vec::new();
        };
        phases.iter().filter_map(|phase| phase.get_ref().as_table()).collect()
    }

    fn fault_at(&self, span: Option<Range<usize>>, message: impl Into<String>) -> Fault {
        let line = line_at(self.text, span.map_or(0, |span| span.start));
        Fault { line, message: message.into() }
    }

    pub(super) fn fault_of(&self, error: &toml::de::Error) -> Fault {
        self.fault_at(error.span(), one_line(error.message()))
    }

    /// A fault on the line of `[section] key`, or of the section where the key is not written;
    /// the top level is the section "".
    pub(super) fn fault_in(&self, section: &str, key: &str, message: impl fmt::Display) -> Fault {
        let place = if section.is_empty() { key.into() } else { format!("[{section}] {key}") };
        self.fault_at(self.span(section, key), format!("{place}: {message}"))
    }

    fn span(&self, section: &str, key: &str) -> Option<Range<usize>> {
        let phase = self.phase.and_then(|index| self.phases().get(index).copied());
        let table = match (section, phase) {
            ("sweep" | "", Some(phase)) => phase,
            _ => &self.table,
        };
        if section.is_empty() {
            let found = table.get_key_value(key).or_else(|| self.table.get_key_value(key));
            return found.map(|(key, _)| key.span());
        }
        let (name, value) = table.get_key_value(section)?;
        let inside = match value.get_ref() {
            DeValue::Table(table) => table.get_key_value(key).map(|(key, _)| key.span()),
            _ => None,
        };
        Some(inside.unwrap_or(name.span()))
    }

    pub(super) fn check_keys(&self, top: &[&str]) -> Result<(), Fault> {
        self.check_table(&self.table, top, "")?;
        for (section, known) in [
            ("workload", WORKLOAD_KEYS),
            ("store", STORE_KEYS),
            ("link", LINK_KEYS),
            ("runner", RUNNER_KEYS),
            ("baseline", &Settings::NAMES),
            ("sweep", &Settings::NAMES),
            ("limits", LIMITS_KEYS),
            ("validity", VALIDITY_KEYS),
            ("gate", GATE_KEYS),
        ] {
            if let Some(DeValue::Table(table)) = self.table.get(section).map(toml::Spanned::get_ref)
            {
                self.check_table(table, known, section)?;
            }
        }
        Ok(())
    }

    pub(super) fn check_table(
        &self,
        table: &DeTable<'_>,
        known: &[&str],
        name: &str,
    ) -> Result<(), Fault> {
        let Some((key, _)) = table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref()))
        else {
            return Ok(());
        };
        let at = if name.is_empty() { String::new() } else { format!(" in [{name}]") };
        let (key, span) = (key.get_ref(), key.span());
        let nearest = nearest(key, known);
        let message = format!("unknown key `{key}`{at}; the nearest known one is `{nearest}`");
        Err(self.fault_at(Some(span), message))
    }

    pub(super) fn resolve(&self, file: File) -> Result<Scenario, Fault> {
        self.check_top(&file)?;
        self.check_gate(&file.gate)?;
        let workload = self.workload(file.workload)?;
        let store = self.store(&file.store)?;
        let baseline = self.baseline(&file.baseline)?;
        let axes = match &file.sweep {
            Some(sweep) => self.axes(sweep, &baseline)?,
            // Two programs under one setting.
            None if self.table.get("gate").is_some() => Axes::new(),
            None => {
                let message = "there is neither a [sweep] of settings nor a [gate] for programs";
                return Err(self.fault_at(None, message));
            }
        };
        self.check_size(file.runs, file.warmup, &axes)?;
        let (settings, baseline) = self.grid(&baseline, &axes)?;
        let swept: Vec<String> = axes.into_iter().map(|(key, _)| key).collect();
        let runner = file.runner.as_ref();
        let fault = runner.and_then(|r| r.fault(&swept, file.link, &store));
        if let Some(message) = fault {
            return Err(self.fault_in("runner", "command", message));
        }
        Ok(Scenario {
            name: file.name,
            why: file.why,
            phase: file.phase,
            optimization: file.optimization,
            expected_percent: file.expected_percent,
            runs: file.runs,
            warmup: file.warmup,
            pairs: file.pairs,
            seed: file.seed,
            quick: false,
            workload,
            store,
            link: file.link,
            runner: file.runner,
            swept,
            settings,
            baseline,
            limits: file.limits,
            validity: file.validity,
            gate: file.gate,
        })
    }

    fn check_top(&self, file: &File) -> Result<(), Fault> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if file.name.is_empty() || !file.name.chars().all(plain) {
            let message = "takes lower-case letters, digits and hyphens: it names a folder";
            return Err(self.fault_in("", "name", message));
        }
        if file.runs < RUNS_MIN {
            let message = format!("takes at least {RUNS_MIN}: one run has no spread");
            return Err(self.fault_in("", "runs", message));
        }
        if file.pairs > PAIRS_MOST {
            return Err(self.fault_in("", "pairs", format!("takes at most {PAIRS_MOST}")));
        }
        if file.pairs < PAIRS_LEAST || !file.pairs.is_multiple_of(2) {
            let message = format!("takes an even number from {PAIRS_LEAST} on: half run A first");
            return Err(self.fault_in("", "pairs", message));
        }
        for (key, share) in [
            ("foreign_cpu_share_max", file.validity.foreign_cpu_share_max),
            ("steal_share_max", file.validity.steal_share_max),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(self.fault_in("validity", key, "takes a share from 0 to 1"));
            }
        }
        Ok(())
    }

    fn check_gate(&self, gate: &Gate) -> Result<(), Fault> {
        let fault = |key: &str, message: &str| Err(self.fault_in("gate", key, message));
        if !(gate.margin > 0.0 && gate.margin < 1.0) {
            return fault("margin", "takes a share above 0 and below 1, such as 0.05");
        }
        if gate.metrics.is_empty() {
            return fault("metrics", "takes at least one metric: the first decides");
        }
        let repeated = gate
            .metrics
            .iter()
            .enumerate()
            .find(|(index, metric)| gate.metrics[..*index].contains(metric));
        if let Some((_, metric)) = repeated {
            return fault("metrics", &format!("lists {} twice", metric.name()));
        }
        Ok(())
    }

    fn workload(&self, table: WorkloadTable) -> Result<Workload, Fault> {
        for (key, rate) in [("duplicates", table.duplicates), ("rejects", table.rejects)] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(self.fault_in("workload", key, "takes a share from 0 to 1"));
            }
        }
        check_name::<Profile>(&table.profile)
            .map_err(|message| self.fault_in("workload", "profile", message))?;
        Ok(Workload {
            records: self.records(&table.records, table.run_seconds)?,
            profile: table.profile,
            duplicates: table.duplicates,
            rejects: table.rejects,
            seed: table.seed,
        })
    }

    fn records(&self, value: &toml::Value, run_seconds: Option<f64>) -> Result<Records, Fault> {
        if value.as_str() == Some("auto") {
            let run_seconds = run_seconds.unwrap_or(0.8);
            if run_seconds.is_finite() && run_seconds > 0.0 {
                return Ok(Records::Auto { run_seconds });
            }
            return Err(self.fault_in("workload", "run_seconds", "takes seconds above 0"));
        }
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        let Some(number) = number.and_then(NonZeroU32::new) else {
            return Err(self.fault_in("workload", "records", "takes \"auto\" or a number above 0"));
        };
        if run_seconds.is_some() {
            let message = "has no effect beside a fixed number in `records`; take one of the two";
            return Err(self.fault_in("workload", "run_seconds", message));
        }
        Ok(Records::Fixed(number))
    }

    fn store(&self, table: &StoreTable) -> Result<Store, Fault> {
        let synchronous = table.synchronous.as_deref();
        if let Some(Err(message)) = synchronous.map(check_name::<Synchronous>) {
            return Err(self.fault_in("store", "synchronous", message));
        }
        Store::read(&table.url, synchronous)
            .map_err(|(key, message)| self.fault_in("store", key, message))
    }

    /// The baseline as a flat object: what the scenario says over the program's own defaults.
    pub(super) fn baseline(&self, table: &toml::Table) -> Result<Map<String, Value>, Fault> {
        let mut settings = default_settings();
        for (key, value) in table {
            settings.insert(key.clone(), json(value));
            typed(&settings).map_err(|message| self.fault_in("baseline", key, message))?;
        }
        Ok(settings)
    }

    /// The varied settings with their values, each value checked.
    pub(super) fn axes(
        &self,
        table: &toml::Table,
        baseline: &Map<String, Value>,
    ) -> Result<Axes, Fault> {
        let mut axes = Axes::new();
        for (key, value) in table {
            let fault = |message: String| self.fault_in("sweep", key, message);
            let listed = value.as_array().map_or(&[][..], Vec::as_slice);
            let values: Vec<Value> = listed.iter().map(json).collect();
            if values.is_empty() {
                return Err(fault("takes a list of values".into()));
            }
            for (index, value) in values.iter().enumerate() {
                if values[..index].contains(value) {
                    return Err(fault(format!("lists {} twice", plain(value))));
                }
                typed(&with(baseline, key, value)).map_err(fault)?;
            }
            axes.push((key.clone(), values));
        }
        if axes.is_empty() {
            let span = self.span("sweep", "");
            return Err(self.fault_at(span, "[sweep] varies nothing"));
        }
        Ok(axes)
    }

    /// Refuses what nobody can run, before it is laid out in memory.
    fn check_size(&self, runs: u32, warmup: u32, axes: &Axes) -> Result<(), Fault> {
        let combinations =
            axes.iter().map(|(_, values)| values.len()).fold(1, usize::saturating_mul);
        if combinations > SETTINGS_MAX {
            let message =
                format!("[sweep] has {combinations} combinations; {SETTINGS_MAX} are the most");
            return Err(self.fault_at(self.span("sweep", ""), message));
        }
        let blocks = u64::from(runs) + u64::from(warmup);
        // A baseline that the grid leaves out is run as well.
        let trials = blocks.saturating_mul(combinations as u64 + 1);
        if trials > TRIALS_MAX {
            let message = format!("makes {trials} runs with warm-up; {TRIALS_MAX} are the most");
            return Err(self.fault_in("", "runs", message));
        }
        Ok(())
    }

    /// Every combination of the values, and the baseline's index among them; a baseline that the
    /// grid leaves out comes first.
    fn grid(
        &self,
        baseline: &Map<String, Value>,
        axes: &Axes,
    ) -> Result<(Vec<Setting>, usize), Fault> {
        let mut points = vec![baseline.clone()];
        for (key, values) in axes {
            points = points
                .iter()
                .flat_map(|point| values.iter().map(|value| with(point, key, value)))
                .collect();
        }
        let index = points.iter().position(|point| point == baseline).unwrap_or_else(|| {
            points.insert(0, baseline.clone());
            0
        });
        let settings: Result<Vec<_>, _> = points.iter().map(|point| setting(point, axes)).collect();
        let settings = settings.map_err(|message| self.fault_in("sweep", "", message))?;
        Ok((settings, index))
    }
}

/// The varied settings with their values.
pub(super) type Axes = Vec<(String, Vec<Value>)>;

fn with(settings: &Map<String, Value>, key: &str, value: &Value) -> Map<String, Value> {
    let mut settings = settings.clone();
    settings.insert(key.into(), value.clone());
    settings
}

pub(super) fn typed(settings: &Map<String, Value>) -> Result<Settings, String> {
    Settings::deserialize(&Value::Object(settings.clone())).map_err(|error| error.to_string())
}

pub(super) fn setting(point: &Map<String, Value>, axes: &Axes) -> Result<Setting, String> {
    let value = |key: &str| point.get(key).map(plain).unwrap_or_default();
    let short: Vec<_> = axes.iter().map(|(key, _)| value(key)).collect();
    let label: Vec<_> = axes.iter().map(|(key, _)| format!("{key}={}", value(key))).collect();
    Ok(Setting { short: short.join(" × "), label: label.join(" "), settings: typed(point)? })
}

/// A value without the quotes of a text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// What the settings' types do not take (dates, tables) becomes a text that they refuse by name.
fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(truth) => Value::from(*truth),
        toml::Value::String(text) => Value::from(text.as_str()),
        other => Value::from(other.to_string()),
    }
}

/// Whether the migrator's own argument type knows the name.
fn check_name<T: ValueEnum>(name: &str) -> Result<(), String> {
    let values = T::value_variants().iter().filter_map(T::to_possible_value);
    let known: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    if known.iter().any(|value| value == name) {
        return Ok(());
    }
    Err(format!("takes one of {}", known.join(", ")))
}

/// The known key most like the unknown one.
pub(crate) fn nearest<'a>(key: &str, known: &[&'a str]) -> &'a str {
    let alike = |known: &&str| strsim::jaro_winkler(key, known);
    known.iter().copied().max_by(|a, b| alike(a).total_cmp(&alike(b))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"
name = "least"
why = "?"
phase = "II.1"
optimization = "Batch size tuning"
[sweep]
batch_size = [100, 1000]
"#;

    fn fault(text: &str) -> String {
        Scenario::parse(text).expect_err(text).to_string()
    }

    /// `LEAST` with `lines` before its last section, which then begin on line 6.
    fn with(lines: &str) -> String {
        LEAST.replace("[sweep]", &format!("{lines}\n[sweep]"))
    }

    #[test]
    fn unknown_keys_are_refused_with_their_line_and_the_nearest_known_one() {
        let refusals = [
            (LEAST.replace("name", "nam"), 2, "`nam`", "`name`"),
            (LEAST.replace("batch_size", "batchsize"), 7, "`batchsize` in [sweep]", "`batch_size`"),
            (with("[workload]\nrecord = 5"), 7, "`record` in [workload]", "`records`"),
            (with("[baseline]\nworker = 5"), 7, "`worker` in [baseline]", "`workers`"),
            (with("[limits]\n\ntimeout = 5"), 8, "`timeout` in [limits]", "`timeout_s`"),
            (with("[store]\nsynchronus = 1"), 7, "`synchronus` in [store]", "`synchronous`"),
            (with("[link]\nconnect = 5"), 7, "`connect` in [link]", "`connect_ms`"),
            (with("[validity]\nsteal = 1"), 7, "`steal` in [validity]", "`steal_share_max`"),
            (with("[gate]\nmetric = []"), 7, "`metric` in [gate]", "`metrics`"),
            (with("[runner]\ncomand = []"), 7, "`comand` in [runner]", "`command`"),
            (with("[limit]\ntimeout_s = 5"), 6, "`limit`", "`limits`"),
        ];
        for (text, line, unknown, nearest) in refusals {
            let known = format!("the nearest known one is {nearest}");
            assert_eq!(fault(&text), format!("line {line}: unknown key {unknown}; {known}"));
        }
    }

    #[test]
    fn values_out_of_range_are_refused_with_their_line_and_what_would_be_right() {
        let refusals = [
            (LEAST.replace("least", "Least/../"), "line 2: name: takes lower-case letters"),
            (with("runs = 1"), "line 6: runs: takes at least 2"),
            (with("pairs = 9"), "line 6: pairs: takes an even number from 8 on"),
            (with("pairs = 4000000000"), "line 6: pairs: takes at most 100000"),
            (with("pairs = 6"), "line 6: pairs: takes an even number from 8 on"),
            (with("[gate]\nmargin = 0.0"), "line 7: [gate] margin: takes a share above 0"),
            (with("[gate]\nmetrics = []"), "line 7: [gate] metrics: takes at least one"),
            (with("[gate]\nmetrics = [\"speed\"]"), "line 7: unknown variant `speed`"),
            (
                with("[gate]\nmetrics = [\"rec_per_min\", \"rec_per_min\"]"),
                "line 7: [gate] metrics: lists rec_per_min twice",
            ),
            (with("[gate]\nsmall = \"maybe\""), "line 7: unknown variant `maybe`"),
            (with("[workload]\nrejects = 1.5"), "line 7: [workload] rejects: takes a share"),
            (with("[workload]\nrecords = 0"), "line 7: [workload] records: takes \"auto\" or"),
            (with("[workload]\nrecords = \"some\""), "line 7: [workload] records: takes"),
            (
                with("[workload]\nrun_seconds = 0.0"),
                "line 7: [workload] run_seconds: takes seconds",
            ),
            (
                with("[workload]\nprofile = \"huge\""),
                "line 7: [workload] profile: takes one of staged",
            ),
            (with("[store]\nurl = \"a.db\""), "line 7: [store] url: takes \"sqlite:\""),
            (with("[store]\nurl = \"mssql://x\""), "line 7: [store] url: the form is mssql://"),
            (
                with("[store]\nurl = \"mssql:\"\nsynchronous = \"off\""),
                "line 8: [store] synchronous: would be ignored: it belongs to",
            ),
            (
                with("[store]\nsynchronous = \"no\""),
                "line 7: [store] synchronous: takes one of full",
            ),
            (
                with("[validity]\nsteal_share_max = 5.0"),
                "line 7: [validity] steal_share_max: takes a share",
            ),
            (with("[link]\nround_trip_ms = -1"), "line 7: invalid value: integer `-1`"),
            (with("[limits]\ntimeout_s = 0"), "line 7: invalid value: integer `0`"),
            (
                with("[runner]\ncommand = [\"p\", \"{report}\"]"),
                "line 7: [runner] command: has no {batch_size}, which would be ignored",
            ),
            (LEAST.replace("1000", "100"), "line 7: [sweep] batch_size: lists 100 twice"),
            (LEAST.replace("100, 1000", ""), "line 7: [sweep] batch_size: takes a list"),
            (LEAST.replace("[100, 1000]", "1000"), "line 7: [sweep] batch_size: takes a list"),
            (LEAST.replace("batch_size = [100, 1000]", ""), "line 6: [sweep] varies nothing"),
        ];
        for (text, expected) in refusals {
            let message = fault(&text);
            assert!(message.starts_with(expected), "{message}\nexpected {expected}");
        }
    }

    #[test]
    fn plans_that_nobody_can_run_are_refused_before_they_fill_the_memory() {
        let hundred = (1..=100).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let axes =
            ["workers", "queue_depth", "parse_threads"].map(|a| format!("{a} = [{hundred}]"));
        let grid = LEAST.replace("batch_size = [100, 1000]", &axes.join("\n"));
        assert_eq!(fault(&grid), "line 6: [sweep] has 1000000 combinations; 1000 are the most");
        for runs in ["runs = 4294967295", "warmup = 400000"] {
            let message = fault(&with(runs));
            assert!(message.contains("runs with warm-up; 1000000 are the most"), "{message}");
        }
    }

    #[test]
    fn a_setting_that_would_be_ignored_is_refused_by_a_message_that_names_both() {
        let message = fault(&with("[workload]\nrecords = 9\nrun_seconds = 1.0"));
        assert!(message.starts_with("line 8: [workload] run_seconds: "), "{message}");
        assert!(message.contains("`records`"), "{message}");
    }

    #[test]
    fn a_value_that_the_migrator_would_refuse_is_refused_with_its_line() {
        for (from, to) in [("[100, 1000]", "[100, 0]"), ("[100, 1000]", "[\"many\"]")] {
            let message = fault(&LEAST.replacen(from, to, 1));
            assert!(message.starts_with("line 7: [sweep] batch_size: invalid"), "{message}");
        }
        let message = fault(&with("[baseline]\ninsert = \"copy\""));
        assert!(message.starts_with("line 7: [baseline] insert: unknown variant"), "{message}");
    }

    #[test]
    fn a_missing_key_and_a_broken_file_are_refused() {
        assert!(fault(&LEAST.replace("why = \"?\"", "")).contains("missing field `why`"));
        assert!(fault("name = ").starts_with("line 1: "));
    }
}
