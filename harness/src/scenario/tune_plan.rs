//! A scenario of `harness tune`: a plan of phases, each a sweep that starts from the settings kept
//! by the phases before. Parses TOML text into a checked [`Tune`] and its base [`Scenario`].

use std::num::NonZeroU64;

use migrator::config::Settings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::link::Link;
use super::model::{Gate, Limits, Scenario, Setting, Validity};
use super::parse;
use super::parse::{
    Axes, Fault, File, Source, StoreTable, WorkloadTable, plain, setting as named, typed,
};
use super::runner::Runner;

/// The plans inside the binary: name and text.
const SHIPPED: &[(&str, &str)] = &[
    ("phase2", include_str!("../../../scenarios/phase2.toml")),
    ("phase2-sqlserver", include_str!("../../../scenarios/phase2-sqlserver.toml")),
    ("phase2-link", include_str!("../../../scenarios/phase2-link.toml")),
    ("phase2-full", include_str!("../../../scenarios/phase2-full.toml")),
    ("quick", include_str!("../../../scenarios/quick.toml")),
];

/// The scenario of a bare `harness`.
pub const DEFAULT: &str = "scenarios/phase2.toml";

/// Blocks and pairs of a `--quick` run: enough for a smoke test, too few for a verdict.
const QUICK_RUNS: u32 = 2;
const QUICK_PAIRS: u32 = 2;

/// Settings that depend on another one.
const DEPENDENTS: [(&str, &[&str]); 3] = [
    ("pool", &["pool_max", "pool_idle_s", "pool_lifetime_s"]),
    ("queue_depth", &["queue_bytes_max"]),
    ("cache", &["cache_max_keys", "cache_spot_check"]),
];

/// A plan of phases, in the order in which they are tuned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tune {
    /// Time limit of the whole session, in seconds.
    pub budget_s: NonZeroU64,
    /// Target of the plan, if it has one.
    pub target: Option<Target>,
    /// The phases.
    pub phases: Vec<Phase>,
}

/// Target of a plan, in records per minute, from and to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Starting range.
    pub from_rec_per_min: [f64; 2],
    /// Target range.
    pub rec_per_min: [f64; 2],
}

impl Target {
    /// The target range in percent of the starting range: from the lowest target over the highest
    /// start to the highest target over the lowest start.
    pub fn percent(&self) -> [f64; 2] {
        let ([from_low, from_high], [low, high]) = (self.from_rec_per_min, self.rec_per_min);
        [(low / from_high - 1.0) * 100.0, (high / from_low - 1.0) * 100.0]
    }
}

/// One phase of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its number, such as `II.1`.
    pub phase: String,
    /// Name of the optimization.
    pub optimization: String,
    /// The question that it answers.
    pub why: String,
    /// Expected improvement, from and to, in percent.
    pub expected_percent: Option<[f64; 2]>,
    /// Commit message for the change; a swept setting's name in braces is replaced by its value.
    pub commit: String,
    /// True if the phase is swept again after other phases have changed settings on which it
    /// depends.
    pub again: bool,
    /// The share of the time that parsing must take for the phase to be worth measuring, 0 to 1.
    pub parse_share_min: Option<f64>,
    /// The varied settings with their values.
    pub axes: Vec<(String, Vec<Value>)>,
}

impl Phase {
    /// The sweep of this phase with the current settings `present`. The scenario has every value of
    /// the phase over the current settings, and these as the baseline.
    pub fn scenario(&self, base: &Scenario, present: &Settings) -> Result<Scenario, String> {
        let here = flat(present);
        let mut points = vec![here.clone()];
        for (key, values) in &self.axes {
            let with = |point: &Map<String, Value>, value| self.with(point, key, value);
            points = points
                .iter()
                .flat_map(|point| values.iter().map(|value| with(point, value)))
                .collect();
        }
        let named = |point: &Map<String, Value>| named(point, &self.axes);
        let mut settings: Vec<Setting> = points.iter().map(named).collect::<Result<_, _>>()?;
        let place = settings.iter().position(|setting| setting.settings == *present);
        let baseline = if let Some(place) = place {
            place
        } else {
            settings.insert(0, named(&here)?);
            0
        };
        Ok(Scenario {
            why: self.why.clone(),
            phase: self.phase.clone(),
            optimization: self.optimization.clone(),
            expected_percent: self.expected_percent,
            swept: self.axes.iter().map(|(key, _)| key.clone()).collect(),
            settings,
            baseline,
            ..base.clone()
        })
    }

    /// These settings with the values of this phase taken from `from`.
    pub fn taken_over(&self, base: &Settings, from: &Settings) -> Result<Settings, String> {
        let from = flat(from);
        let mut settings = flat(base);
        for (key, _) in &self.axes {
            for name in std::iter::once(key.as_str()).chain(dependents(key).iter().copied()) {
                settings.remove(name);
                if let Some(value) = from.get(name) {
                    settings.insert(name.into(), value.clone());
                }
            }
        }
        typed(&settings)
    }

    /// The phase's own values in these settings, such as `batch_size=200`.
    pub fn label(&self, settings: &Settings) -> String {
        named(&flat(settings), &self.axes).map(|setting| setting.label).unwrap_or_default()
    }

    /// Commit message for these settings, without the improvement.
    pub fn commit(&self, settings: &Settings) -> String {
        let settings = flat(settings);
        let filled = self.axes.iter().fold(self.commit.clone(), |line, (key, _)| {
            let value = settings.get(key).map(plain).unwrap_or_default();
            line.replace(&format!("{{{key}}}"), &value)
        });
        format!("Phase {}: {filled}", self.phase)
    }

    /// A changed setting removes those that depend on it.
    fn with(&self, point: &Map<String, Value>, key: &str, value: &Value) -> Map<String, Value> {
        let mut point = point.clone();
        let changed = point.insert(key.into(), value.clone()).as_ref() != Some(value);
        let ours = |name: &&&str| self.axes.iter().any(|(key, _)| key == **name);
        for name in dependents(key).iter().filter(|name| changed && !ours(name)) {
            point.remove(*name);
        }
        point
    }
}

/// Differences between two settings, such as `batch_size=200 pool=shared`; `none` if they are
/// equal. Dependent settings are ignored.
pub fn difference(base: &Settings, other: &Settings) -> String {
    let (base, other) = (flat(base), flat(other));
    let main = |name: &&String| !DEPENDENTS.iter().any(|(_, names)| names.contains(&name.as_str()));
    let differs = other.keys().filter(main).filter(|name| base.get(*name) != other.get(*name));
    let shown =
        differs.map(|name| format!("{name}={}", other.get(name).map_or_else(String::new, plain)));
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "none".into() } else { shown.join(" ") }
}

/// Every setting that applies, by its name.
fn flat(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    }
}

fn dependents(key: &str) -> &'static [&'static str] {
    DEPENDENTS.iter().find(|(parent, _)| *parent == key).map_or(&[], |(_, names)| names)
}

/// The text of a shipped plan, by its bare name or its path in the repository.
pub fn shipped(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("scenarios/").unwrap_or(name);
    let name = name.strip_suffix(".toml").unwrap_or(name);
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of the shipped plans.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// True if a text is a plan of phases, as far as it can be parsed.
pub fn is_plan(text: &str) -> bool {
    Source::of(text).is_ok_and(|source| !source.phases().is_empty())
}

/// The same plan on few records, with few blocks and pairs.
#[must_use]
pub fn quick(base: Scenario) -> Scenario {
    let mut base = base.quick();
    base.runs = base.runs.min(QUICK_RUNS);
    base.pairs = base.pairs.min(QUICK_PAIRS);
    base
}

impl Tune {
    /// Reads and checks a plan's text: the conditions that all phases share, and the phases.
    pub fn parse(text: &str) -> Result<(Scenario, Self), Fault> {
        let mut source = Source::of(text)?;
        parse::check_keys(&source, TOP_KEYS)?;
        for phase in source.phases() {
            source.check_table(phase, PHASE_KEYS, "[phase]")?;
            let sweep = phase.get("sweep").map(toml::Spanned::get_ref);
            if let Some(sweep) = sweep.and_then(toml::de::DeValue::as_table) {
                source.check_table(sweep, &Settings::NAMES, "phase.sweep")?;
            }
        }
        let file: PlanFile = toml::from_str(text).map_err(|error| source.fault_of(&error))?;
        let budget_s =
            seconds(&file.budget).map_err(|message| source.fault_in("", "budget", message))?;
        if let Some(target) = &file.target {
            check_target(&source, target)?;
        }
        let mut base: Option<Scenario> = None;
        let mut phases: Vec<Phase> = Vec::new();
        for (index, table) in file.phase.iter().enumerate() {
            source.phase = Some(index);
            let (scenario, phase) = read_phase(&source, &file, table, &phases)?;
            base.get_or_insert(scenario);
            phases.push(phase);
        }
        let Some(mut base) = base else {
            source.phase = None;
            return Err(source.fault_in("", "phase", "takes at least one table [[phase]]"));
        };
        base.why = file.why;
        base.phase = "II".into();
        base.optimization = "The whole plan".into();
        base.expected_percent = None;
        base.swept.clear();
        let mut baseline = base.settings.swap_remove(base.baseline);
        baseline.short = "baseline".into();
        baseline.label = "baseline".into();
        base.settings = vec![baseline];
        base.baseline = 0;
        Ok((base, Self { budget_s, target: file.target, phases }))
    }

    /// The plan with only these phases, in its own order.
    pub fn only(mut self, names: &[String]) -> Result<Self, String> {
        let known: Vec<&str> = self.phases.iter().map(|phase| phase.phase.as_str()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("there is no phase {unknown}; there is {}", known.join(", ")));
        }
        self.phases.retain(|phase| names.contains(&phase.phase));
        Ok(self)
    }
}

/// A time such as `14m`, `90s` or `1h 30m`, in whole seconds.
pub fn seconds(text: &str) -> Result<NonZeroU64, String> {
    let time = humantime::parse_duration(text).ok();
    let seconds = time.and_then(|time| NonZeroU64::new(time.as_secs()));
    seconds.ok_or_else(|| "takes a time of a second or more, such as 14m, 90s or 1h".into())
}

const TOP_KEYS: &[&str] = &[
    "name", "why", "budget", "runs", "warmup", "pairs", "seed", "workload", "store", "link",
    "runner", "baseline", "limits", "validity", "gate", "target", "phase",
];
const PHASE_KEYS: &[&str] = &[
    "phase",
    "optimization",
    "why",
    "expected_percent",
    "commit",
    "again",
    "parse_share_min",
    "sweep",
];

/// The file as typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    name: String,
    why: String,
    budget: String,
    #[serde(default = "File::runs")]
    runs: u32,
    #[serde(default = "File::warmup")]
    warmup: u32,
    #[serde(default = "File::pairs")]
    pairs: u32,
    #[serde(default = "File::seed")]
    seed: u64,
    #[serde(default)]
    workload: WorkloadTable,
    #[serde(default)]
    store: StoreTable,
    #[serde(default)]
    link: Link,
    runner: Option<Runner>,
    #[serde(default)]
    baseline: toml::Table,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    validity: Validity,
    #[serde(default)]
    gate: Gate,
    target: Option<Target>,
    #[serde(default)]
    phase: Vec<PhaseTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseTable {
    phase: String,
    optimization: String,
    why: String,
    expected_percent: Option<[f64; 2]>,
    commit: String,
    #[serde(default)]
    again: bool,
    parse_share_min: Option<f64>,
    sweep: toml::Table,
}

/// Parses a phase by the rules of a scenario of its own.
fn read_phase(
    source: &Source<'_>,
    file: &PlanFile,
    table: &PhaseTable,
    before: &[Phase],
) -> Result<(Scenario, Phase), Fault> {
    let alone = File {
        name: file.name.clone(),
        why: table.why.clone(),
        phase: table.phase.clone(),
        optimization: table.optimization.clone(),
        expected_percent: table.expected_percent,
        runs: file.runs,
        warmup: file.warmup,
        pairs: file.pairs,
        seed: file.seed,
        workload: file.workload.clone(),
        store: file.store.clone(),
        link: file.link,
        runner: file.runner.clone(),
        baseline: file.baseline.clone(),
        sweep: Some(table.sweep.clone()),
        limits: file.limits,
        validity: file.validity,
        gate: file.gate.clone(),
    };
    let scenario = parse::resolve(source, alone)?;
    let axes = parse::axes(source, &table.sweep, &parse::baseline(source, &file.baseline)?)?;
    if before.iter().any(|other| other.phase == table.phase) {
        return Err(source.fault_in("", "phase", format!("{} is there twice", table.phase)));
    }
    if let Some(share) = table.parse_share_min.filter(|share| !(0.0..=1.0).contains(share)) {
        let message = format!("takes a share from 0 to 1, not {share}");
        return Err(source.fault_in("", "parse_share_min", message));
    }
    check_axes(source, &axes, before)?;
    check_commit(source, &table.commit, &axes)?;
    let phase = Phase {
        phase: table.phase.clone(),
        optimization: table.optimization.clone(),
        why: table.why.clone(),
        expected_percent: table.expected_percent,
        commit: table.commit.clone(),
        again: table.again,
        parse_share_min: table.parse_share_min,
        axes,
    };
    Ok((scenario, phase))
}

/// If two phases vary the same setting, the later one would undo the earlier one.
fn check_axes(source: &Source<'_>, axes: &Axes, before: &[Phase]) -> Result<(), Fault> {
    for (key, _) in axes {
        for phase in before {
            let clash = phase.axes.iter().find(|(other, _)| {
                other == key
                    || dependents(other).contains(&key.as_str())
                    || dependents(key).contains(&other.as_str())
            });
            if let Some((other, _)) = clash {
                let message =
                    format!("{} varies {other} already, on which it depends", phase.phase);
                return Err(source.fault_in("sweep", key, message));
            }
        }
    }
    Ok(())
}

fn check_commit(source: &Source<'_>, commit: &str, axes: &Axes) -> Result<(), Fault> {
    let filled = axes
        .iter()
        .fold(commit.to_owned(), |text, (key, _)| text.replace(&format!("{{{key}}}"), ""));
    if commit.lines().count() == 1 && !filled.contains(['{', '}']) {
        return Ok(());
    }
    let names: Vec<String> = axes.iter().map(|(key, _)| format!("{{{key}}}")).collect();
    let message = format!("takes one line with no braces but {}", names.join(", "));
    Err(source.fault_in("", "commit", message))
}

fn check_target(source: &Source<'_>, target: &Target) -> Result<(), Fault> {
    for (key, [low, high]) in
        [("from_rec_per_min", target.from_rec_per_min), ("rec_per_min", target.rec_per_min)]
    {
        if !(low > 0.0 && low <= high && high.is_finite()) {
            let message = "takes two rates above 0, the lower one first";
            return Err(source.fault_in("target", key, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"
name = "least"
why = "?"
budget = "10m"
[[phase]]
phase = "II.2"
optimization = "Pooling"
why = "?"
commit = "Pool connections ({pool})"
[phase.sweep]
pool = ["off", "shared"]
[[phase]]
phase = "II.1"
optimization = "Batch size tuning"
why = "?"
commit = "Optimize batch size to {batch_size}"
[phase.sweep]
batch_size = [100, 200]
"#;

    fn fault(text: &str) -> String {
        Tune::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn every_shipped_plan_is_valid_and_named_as_its_file() {
        for name in shipped_names() {
            let (base, tune) = Tune::parse(shipped(name).unwrap()).unwrap();
            assert_eq!(base.name, name);
            let phases: Vec<&str> = tune.phases.iter().map(|phase| phase.phase.as_str()).collect();
            assert_eq!(phases, ["II.1", "II.2", "II.3", "II.4", "II.5"], "{name}");
            assert!(tune.phases.iter().all(|phase| phase.expected_percent == Some([5.0, 20.0])));
            let [low, high] = tune.target.unwrap().rec_per_min.map(|rate| rate.to_string());
            assert_eq!((low.as_str(), high.as_str()), ("400", "600"));
            assert_eq!(base.link.is_simulated(), name.ends_with("-link"), "{name}");
            assert_eq!(base.store.is_server(), name.ends_with("-sqlserver"), "{name}");
            assert_eq!(base.store.is_known(), !base.store.is_server(), "{name} knows a server");
        }
        assert!(shipped(DEFAULT).is_some() && is_plan(shipped(DEFAULT).unwrap()));
        assert!(!is_plan(super::super::shipped("batch-size").unwrap()));
    }

    #[test]
    fn a_phase_starts_from_the_current_settings_and_includes_dependent_ones() {
        let (base, tune) = Tune::parse(LEAST).unwrap();
        let baseline = &base.settings[0].settings;
        let pool = tune.phases[0].scenario(&base, baseline).unwrap();
        let labels: Vec<&str> = pool.settings.iter().map(|s| s.label.as_str()).collect();
        assert_eq!((labels, pool.baseline), (vec!["pool=off", "pool=shared"], 0));
        let shared = &pool.settings[1].settings;
        let sizes = tune.phases[1].scenario(&base, shared).unwrap();
        let shorts: Vec<&str> = sizes.settings.iter().map(|s| s.short.as_str()).collect();
        // The incumbent is not among the values, and comes first.
        assert_eq!((shorts, sizes.baseline), (vec!["1000", "100", "200"], 0));
        assert!(sizes.settings.iter().all(|s| s.settings.pool == shared.pool));
        let back = tune.phases[0].scenario(&base, &sizes.settings[2].settings).unwrap();
        assert_eq!(back.baseline, 1);
        let small = &sizes.settings[2].settings;
        assert_eq!(difference(baseline, small), "batch_size=200 pool=shared");
        assert_eq!(difference(baseline, baseline), "none");
        let alone = tune.phases[1].taken_over(baseline, small).unwrap();
        assert_eq!(difference(baseline, &alone), "batch_size=200");
        assert_eq!(tune.phases[0].taken_over(baseline, small).unwrap(), *shared);
        assert_eq!(tune.phases[1].commit(small), "Phase II.1: Optimize batch size to 200");
    }

    #[test]
    fn errors_of_a_plan_are_named_with_their_lines() {
        for (from, to, expected) in [
            ("budget", "bugdet", "line 4: unknown key `bugdet`; the nearest known one is `budget`"),
            ("10m", "soon", "line 4: budget: takes a time of a second"),
            ("commit = \"Opt", "comit = \"Opt", "line 16: unknown key `comit` in [[phase]]; the"),
            (
                "batch_size = [",
                "batchsize = [",
                "line 18: unknown key `batchsize` in [phase.sweep]",
            ),
            ("{batch_size}\"", "{size}\"", "line 16: commit: takes one line with no braces but"),
            ("[100, 200]", "[100, 0]", "line 18: sweep] batch_size: "),
            ("batch_size = [100, 200]", "pool_max = [1]", "line 18: [sweep] pool_max: "),
            ("phase = \"II.1\"", "phase = \"II.2\"", "line 13: phase: II.2 is there twice"),
            (
                "why = \"?\"\nbudget",
                "why = \"?\"\nruns = 1\nbudget",
                "line 4: runs: takes at least",
            ),
            (
                "[[phase]]\nphase = \"II.2\"",
                "[target]\nfrom_rec_per_min = [2, 1]\nrec_per_min = \
             [1, 2]\n[[phase]]\nphase = \"II.2\"",
                "line 6: [target] from_rec_per_min: takes two",
            ),
        ] {
            let expected = expected.replace("line 18: sweep]", "line 18: [sweep]");
            let message = fault(&LEAST.replacen(from, to, 1));
            assert!(message.starts_with(&expected), "{message}\nexpected {expected}");
        }
        assert!(fault(LEAST.split("[[phase]]").next().unwrap()).contains("at least one table"));
    }

    #[test]
    fn phases_are_chosen_by_name_and_kept_in_order() {
        let tune = || Tune::parse(LEAST).unwrap().1;
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let both = tune().only(&names(&["II.1", "II.2"])).unwrap();
        assert_eq!(both, tune());
        assert_eq!(tune().only(&names(&["II.1"])).unwrap().phases.len(), 1);
        let refused = tune().only(&names(&["II.9"])).unwrap_err();
        assert_eq!(refused, "there is no phase II.9; there is II.2, II.1");
    }

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, expected) in [("14m", 840), ("90s", 90), ("1h", 3600)] {
            assert_eq!(seconds(text).unwrap().get(), expected);
        }
        for text in ["", "m", "0m", "-1m", "14", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_shipped_plan_has_two_batches_for_every_worker_in_every_sweep() {
        for name in shipped_names() {
            let (base, tune) = Tune::parse(shipped(name).unwrap()).unwrap();
            let present = &base.settings[base.baseline].settings;
            let swept = tune.phases.iter().map(|phase| phase.scenario(&base, present).unwrap());
            // A phase may begin with any setting of those before it.
            let settings: Vec<Setting> = swept.flat_map(|scenario| scenario.settings).collect();
            let few = crate::scenario::schedule::min_records(&settings);
            if let crate::scenario::Records::Fixed(records) = base.workload.records {
                assert!(records >= few, "{name}: {records} records, not {few}");
            }
        }
    }

    #[test]
    fn a_target_is_a_range_of_percents() {
        let target = Target { from_rec_per_min: [300.0, 350.0], rec_per_min: [400.0, 600.0] };
        let [low, high] = target.percent();
        assert!((low - 14.2857).abs() < 1e-3 && (high - 100.0).abs() < 1e-9);
    }
}
