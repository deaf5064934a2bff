//! Parser from TOML text to [`Scenario`]: top level, and the order of its tables. Stops at the
//! first error, with its line.

mod gate;
mod spans;
mod store;
mod sweep;
mod validity;
mod workload;

use migrator::config::Settings;
use serde::Deserialize;

use super::link::Link;
use super::model::{Gate, Limits, Scenario, Validity};
use super::runner::Runner;

pub use spans::Fault;
pub(super) use spans::Source;
pub(super) use store::StoreTable;
pub(super) use sweep::{Axes, axes, baseline, plain, setting, typed};
pub(super) use workload::WorkloadTable;

/// Reads and checks a scenario's text.
pub(super) fn read(text: &str) -> Result<Scenario, Fault> {
    let source = Source::of(text)?;
    check_keys(&source, TOP_KEYS)?;
    let file: File = toml::from_str(text).map_err(|error| source.fault_of(&error))?;
    resolve(&source, file)
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

/// Fewer runs have no standard deviation.
const RUNS_MIN: u32 = 2;

/// Minimum number of pairs for a test.
const PAIRS_LEAST: u32 = 8;

/// Maximum number of pairs, which take weeks.
const PAIRS_MOST: u32 = 100_000;

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
const LINK_KEYS: &[&str] = &["connect_ms", "round_trip_ms"];
const RUNNER_KEYS: &[&str] = &["command"];
const LIMITS_KEYS: &[&str] = &["timeout_s", "peak_rss_bytes", "latency_p99_ms"];

/// Rejects unknown keys, at the top and in every table.
pub(super) fn check_keys(source: &Source<'_>, top: &[&str]) -> Result<(), Fault> {
    source.check_table(source.top(), top, "")?;
    for (section, known) in [
        ("workload", workload::KEYS),
        ("store", store::KEYS),
        ("link", LINK_KEYS),
        ("runner", RUNNER_KEYS),
        ("baseline", &Settings::NAMES),
        ("sweep", &Settings::NAMES),
        ("limits", LIMITS_KEYS),
        ("validity", validity::KEYS),
        ("gate", gate::KEYS),
    ] {
        if let Some(table) = source.section(section) {
            source.check_table(table, known, section)?;
        }
    }
    if let Some(table) = source.section("gate") {
        gate::check_keys(source, table)?;
    }
    Ok(())
}

/// The file, checked.
pub(super) fn resolve(source: &Source<'_>, file: File) -> Result<Scenario, Fault> {
    check_top(source, &file)?;
    validity::check(source, &file.validity)?;
    gate::check(source, &file.gate)?;
    let workload = workload::workload(source, file.workload)?;
    let store = store::store(source, &file.store)?;
    let baseline = baseline(source, &file.baseline)?;
    let axes = match &file.sweep {
        Some(sweep) => axes(source, sweep, &baseline)?,
        // Two programs under one setting.
        None if source.top().contains_key("gate") => Axes::new(),
        None => {
            let message = "there is neither a [sweep] of settings nor a [gate] for programs";
            return Err(source.fault_at(None, message));
        }
    };
    sweep::check_size(source, file.runs, file.warmup, &axes)?;
    let (settings, baseline) = sweep::grid(source, &baseline, &axes)?;
    let swept: Vec<String> = axes.into_iter().map(|(key, _)| key).collect();
    let runner = file.runner.as_ref();
    let fault = runner.and_then(|r| r.fault(&swept, file.link, &store));
    if let Some(message) = fault {
        return Err(source.fault_in("runner", "command", message));
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

fn check_top(source: &Source<'_>, file: &File) -> Result<(), Fault> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if file.name.is_empty() || !file.name.chars().all(plain) {
        let message = "takes lower-case letters, digits and hyphens: it names a folder";
        return Err(source.fault_in("", "name", message));
    }
    if file.runs < RUNS_MIN {
        let message = format!("takes at least {RUNS_MIN}: one run has no spread");
        return Err(source.fault_in("", "runs", message));
    }
    if file.pairs > PAIRS_MOST {
        return Err(source.fault_in("", "pairs", format!("takes at most {PAIRS_MOST}")));
    }
    if file.pairs < PAIRS_LEAST || !file.pairs.is_multiple_of(2) {
        let message = format!("takes an even number from {PAIRS_LEAST} on: half run A first");
        return Err(source.fault_in("", "pairs", message));
    }
    Ok(())
}

impl Scenario {
    /// Reads and checks a scenario's text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        read(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minimal scenario.
    pub(super) const LEAST: &str = r#"
name = "least"
why = "?"
phase = "II.1"
optimization = "Batch size tuning"
[sweep]
batch_size = [100, 1000]
"#;

    pub(super) fn fault(text: &str) -> String {
        Scenario::parse(text).expect_err(text).to_string()
    }

    /// `LEAST` with `lines` before its last section, which then begin on line 6.
    pub(super) fn with(lines: &str) -> String {
        LEAST.replace("[sweep]", &format!("{lines}\n[sweep]"))
    }

    /// Asserts that every text is rejected by a message with this beginning.
    pub(super) fn assert_refused<const N: usize>(refusals: [(String, &str); N]) {
        for (text, expected) in refusals {
            let message = fault(&text);
            assert!(message.starts_with(expected), "{message}\nexpected {expected}");
        }
    }

    #[test]
    fn unknown_keys_are_rejected_with_line_and_suggestion() {
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
    fn values_out_of_range_are_rejected_with_line_and_valid_range() {
        assert_refused([
            (LEAST.replace("least", "Least/../"), "line 2: name: takes lower-case letters"),
            (with("runs = 1"), "line 6: runs: takes at least 2"),
            (with("pairs = 9"), "line 6: pairs: takes an even number from 8 on"),
            (with("pairs = 4000000000"), "line 6: pairs: takes at most 100000"),
            (with("pairs = 6"), "line 6: pairs: takes an even number from 8 on"),
            (with("[link]\nround_trip_ms = -1"), "line 7: invalid value: integer `-1`"),
            (with("[limits]\ntimeout_s = 0"), "line 7: invalid value: integer `0`"),
            (
                with("[runner]\ncommand = [\"p\", \"{report}\"]"),
                "line 7: [runner] command: has no {batch_size}, which would be ignored",
            ),
        ]);
    }

    #[test]
    fn a_missing_key_and_an_invalid_file_are_rejected() {
        assert!(fault(&LEAST.replace("why = \"?\"", "")).contains("missing field `why`"));
        assert!(fault("name = ").starts_with("line 1: "));
    }
}
