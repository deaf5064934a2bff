//! History of a baseline's rate: lines of a file that outlives results folders, and series of one
//! machine and plan each. A hint for people; no gate uses it, because levels of two sessions differ
//! for reasons that no test detects.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stats::Sample;
use crate::stats::change_point::{POINTS_MAX, POINTS_MIN, changes};
use crate::trial::provenance::Provenance;

/// Version of a line; a reader rejects newer ones.
pub const FORMAT_VERSION: u32 = 1;
/// Probability of a false change in a series without one.
pub const ALPHA: f64 = 0.05;
/// Verdicts of phases without a measurement of their own.
const NO_FIGURES: [&str; 3] = ["skipped", "INVALID", "WRONG RESULT"];

/// One line of a history: the baseline of one phase in one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u32,
    /// Start of the session: UTC, ISO 8601.
    pub time: String,
    /// Revision of the harness, and of the program if the harness measured itself.
    pub revision: String,
    /// Version that the program reports.
    #[serde(default)]
    pub version: Option<String>,
    /// BLAKE3 of the program, 32 hex digits.
    pub program: String,
    /// Machine; a series has only one.
    pub machine: HistoryMachine,
    /// Operating system and kernel release.
    #[serde(default)]
    pub kernel: Option<String>,
    /// URL of the store, without a password; a series has only one.
    pub store: String,
    /// Kind and version of the store.
    #[serde(default)]
    pub store_version: Option<String>,
    /// Name of the scenario or plan.
    pub plan: String,
    /// Hash of the plan; two hashes are two plans.
    pub plan_hash: String,
    /// Phase.
    pub phase: String,
    /// Settings of the baseline.
    pub settings: Map<String, Value>,
    /// Median of its runs.
    pub rec_per_min: f64,
    /// Sample standard deviation (n − 1).
    #[serde(default)]
    pub std_dev: Option<f64>,
    /// Number of runs.
    pub runs: usize,
    /// Improvement of the phase's setting in confirmation pairs, by medians, in percent.
    #[serde(default)]
    pub improvement_percent: Option<f64>,
    /// Verdict on that improvement.
    pub verdict: String,
    /// Checksum of the stored rows; empty if the program reports none.
    #[serde(default)]
    pub checksum: String,
}

/// Identity of a machine. The kernel is not part of it: an update is reported as a difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HistoryMachine {
    /// Host name.
    pub host: Option<String>,
    /// Processor model.
    pub cpu: Option<String>,
    /// Number of processors that a program may use.
    pub cpus: usize,
    /// File system of the stores.
    pub filesystem: Option<String>,
}

/// The parts of a `metrics.json` row that a history needs.
#[derive(Deserialize)]
struct Row {
    phase: String,
    baseline_rec_per_min: f64,
    #[serde(default)]
    std_dev_baseline: Option<f64>,
    #[serde(default)]
    improvement_percent: Option<f64>,
    verdict: String,
    runs: usize,
    settings_baseline: Map<String, Value>,
    #[serde(default)]
    checksum: String,
}

/// Identity of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    plan: String,
    phase: String,
    settings: String,
    machine: HistoryMachine,
    store: String,
    plan_hash: String,
}

/// Points of one machine, store, plan, phase and baseline, by time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistorySeries {
    /// Name of the scenario or plan.
    pub plan: String,
    /// Hash of the plan.
    pub plan_hash: String,
    /// Phase.
    pub phase: String,
    /// Settings of the baseline: `workers=2 batch_size=1000 …`.
    pub settings: String,
    /// Machine.
    pub machine: HistoryMachine,
    /// URL of the store.
    pub store: String,
    /// Points, by time.
    pub points: Vec<HistoryPoint>,
    /// True if the series is long enough for the change point test.
    pub tested: bool,
    /// Detected level shifts.
    pub changes: Vec<LevelShift>,
}

/// A shift of the level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelShift {
    /// Index of the first point at the new level.
    pub at: usize,
    /// Change between the medians of the two levels, in percent.
    pub percent: f64,
    /// p-value: share of permutations that split the points at least as well.
    pub p: f64,
    /// Other differences from the point before, such as `kernel Linux 6.2 instead of Linux 6.1`.
    pub also: Vec<String>,
}

/// True for a `--quick` session, whose runs are too short to count. Read from the first line of its
/// ledger; without a readable one, from the command line.
pub fn is_quick(first_line: Option<&str>, identity: &Provenance) -> bool {
    #[derive(Deserialize)]
    struct First {
        session: Planned,
    }
    #[derive(Deserialize)]
    struct Planned {
        scenarios: Vec<Looked>,
    }
    #[derive(Deserialize)]
    struct Looked {
        quick: bool,
    }
    let recorded = first_line.and_then(|line| serde_json::from_str::<First>(line).ok());
    match recorded {
        Some(First { session }) => session.scenarios.iter().any(|scenario| scenario.quick),
        None => identity.command.split_whitespace().any(|word| word == "--quick"),
    }
}

/// Points of all phases of a session whose baseline was measured. `plan` is the scenario's name,
/// `metrics` the text of `metrics.json`.
pub fn points(
    plan: &str,
    identity: &Provenance,
    metrics: &str,
) -> Result<Vec<HistoryPoint>, String> {
    let rows: Vec<Row> = serde_json::from_str(metrics).map_err(|error| error.to_string())?;
    let measured = rows.into_iter().filter(|row| {
        !NO_FIGURES.contains(&row.verdict.as_str()) && row.baseline_rec_per_min > 0.0
    });
    Ok(measured.map(|row| point(plan, identity, row)).collect())
}

fn point(plan: &str, identity: &Provenance, row: Row) -> HistoryPoint {
    let (machine, store) = (&identity.machine, &identity.store);
    HistoryPoint {
        format: FORMAT_VERSION,
        time: identity.started.clone(),
        revision: identity.revision.clone(),
        version: identity.program.version.clone(),
        program: identity.program.blake3.clone(),
        machine: HistoryMachine {
            host: machine.host.clone(),
            cpu: machine.cpu.clone(),
            cpus: machine.cpus,
            filesystem: store.filesystem.clone(),
        },
        kernel: machine.kernel.clone(),
        store: store.url.clone(),
        store_version: store.version.clone(),
        plan: plan.into(),
        plan_hash: identity.plan_hash.clone(),
        phase: row.phase,
        settings: row.settings_baseline,
        rec_per_min: row.baseline_rec_per_min,
        std_dev: row.std_dev_baseline,
        runs: row.runs,
        improvement_percent: row.improvement_percent,
        verdict: row.verdict,
        checksum: row.checksum,
    }
}

/// Parses the text of a history. Errors name the line.
pub fn read(text: &str) -> Result<Vec<HistoryPoint>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| line_of(line).map_err(|e| format!("line {}: {e}", index + 1)))
        .collect()
}

fn line_of(line: &str) -> Result<HistoryPoint, String> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let Versioned { format } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if format > FORMAT_VERSION {
        return Err(format!("its format is {format}, newer than {FORMAT_VERSION}"));
    }
    let point: HistoryPoint = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if !(point.rec_per_min.is_finite() && point.rec_per_min > 0.0) {
        return Err(format!("its rec_per_min is {}", point.rec_per_min));
    }
    Ok(point)
}

/// Formats points as lines of a history.
pub fn lines<'a>(
    points: impl IntoIterator<Item = &'a HistoryPoint>,
) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for point in points {
        text.push_str(&serde_json::to_string(point)?);
        text.push('\n');
    }
    Ok(text)
}

impl HistoryPoint {
    fn key(&self) -> Key {
        Key {
            plan: self.plan.clone(),
            phase: self.phase.clone(),
            settings: label(&self.settings),
            machine: self.machine.clone(),
            store: self.store.clone(),
            plan_hash: self.plan_hash.clone(),
        }
    }

    /// Identity of a measurement: a point in both a folder and a history is one point.
    fn id(&self) -> (Key, String, String) {
        (self.key(), self.time.clone(), self.program.clone())
    }

    /// Differences from an earlier point of its series, other than the program.
    fn differences(&self, earlier: &Self) -> Vec<String> {
        let named = [
            ("kernel", &earlier.kernel, &self.kernel),
            ("store", &earlier.store_version, &self.store_version),
        ];
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
        let differ = named.iter().filter(|(_, before, after)| before != after);
        let mut found: Vec<String> = differ
            .map(|(name, before, after)| {
                format!("{name} {} instead of {}", text(after), text(before))
            })
            .collect();
        if self.checksum != earlier.checksum {
            found.push("other rows are stored".into());
        }
        found
    }
}

/// `workers=2 batch_size=1000`.
fn label(settings: &Map<String, Value>) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
    let parts = settings.iter().map(|(name, value)| format!("{name}={}", plain(value)));
    parts.collect::<Vec<_>>().join(" ")
}

/// Points of `found` that are not in `known`, each once, by time.
pub fn missing(known: &[HistoryPoint], found: &[HistoryPoint]) -> Vec<HistoryPoint> {
    let mut seen: BTreeSet<_> = known.iter().map(HistoryPoint::id).collect();
    let mut new: Vec<HistoryPoint> =
        found.iter().filter(|point| seen.insert(point.id())).cloned().collect();
    new.sort_by(|a, b| a.time.cmp(&b.time));
    new
}

/// Groups points into series and detects their level shifts; `seed` draws the permutations of the
/// test.
pub fn series(points: &[HistoryPoint], seed: u64) -> Vec<HistorySeries> {
    let mut groups: BTreeMap<Key, Vec<HistoryPoint>> = BTreeMap::new();
    for point in missing(&[], points) {
        groups.entry(point.key()).or_default().push(point);
    }
    groups.into_iter().map(|(key, points)| series_of(key, points, seed)).collect()
}

fn series_of(key: Key, points: Vec<HistoryPoint>, seed: u64) -> HistorySeries {
    let logs: Vec<f64> = points.iter().map(|point| point.rec_per_min.ln()).collect();
    let found = changes(&logs, ALPHA, seed);
    let ends: Vec<usize> = found.iter().map(|change| change.at).chain([points.len()]).collect();
    let mut from = points.len().saturating_sub(POINTS_MAX);
    let mut changes = Vec::new();
    for (change, to) in found.iter().zip(&ends[1..]) {
        let levels = [&points[from..change.at], &points[change.at..*to]].map(level);
        let [Some(before), Some(after)] = levels else { continue };
        let also = points[change.at].differences(&points[change.at - 1]);
        let percent = (after / before - 1.0) * 100.0;
        changes.push(LevelShift { at: change.at, percent, p: change.p, also });
        from = change.at;
    }
    HistorySeries {
        plan: key.plan,
        plan_hash: key.plan_hash,
        phase: key.phase,
        settings: key.settings,
        machine: key.machine,
        store: key.store,
        tested: points.len() >= POINTS_MIN,
        points,
        changes,
    }
}

/// Median rate.
fn level(points: &[HistoryPoint]) -> Option<f64> {
    let rates = points.iter().map(|point| point.rec_per_min).collect();
    Sample::new(rates).ok().map(|rates| rates.median())
}

impl HistorySeries {
    /// Levels between shifts: index of the first point, index after the last point, median rate.
    pub fn levels(&self) -> Vec<(usize, usize, f64)> {
        let first = self.points.len().saturating_sub(POINTS_MAX);
        let starts = std::iter::once(first).chain(self.changes.iter().map(|change| change.at));
        let starts: Vec<usize> = starts.chain([self.points.len()]).collect();
        let pieces = starts.windows(2).map(|two| (two[0], two[1]));
        pieces.filter_map(|(from, to)| Some((from, to, level(&self.points[from..to])?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(day: usize, host: &str, rec_per_min: f64) -> HistoryPoint {
        HistoryPoint {
            format: FORMAT_VERSION,
            time: format!("2026-01-{day:02}T00:00:00Z"),
            revision: format!("{day:040}"),
            version: None,
            program: format!("{day:032}"),
            machine: HistoryMachine {
                host: Some(host.into()),
                cpu: None,
                cpus: 2,
                filesystem: None,
            },
            kernel: Some("Linux 6.1".into()),
            store: "sqlite:".into(),
            store_version: None,
            plan: "phase2".into(),
            plan_hash: "h".into(),
            phase: "II.1".into(),
            settings: Map::from_iter([("batch_size".into(), Value::from(1000))]),
            rec_per_min,
            std_dev: Some(10.0),
            runs: 10,
            improvement_percent: None,
            verdict: "PASS".into(),
            checksum: String::new(),
        }
    }

    /// Days of one machine, with another rate from the sixth day on.
    fn stepped(days: usize, after: f64) -> Vec<HistoryPoint> {
        let rate = |day| if day < 6 { 1000.0 } else { after } + [0.0, 3.0, -2.0][day % 3];
        (1..=days).map(|day| point(day, "a", rate(day))).collect()
    }

    #[test]
    fn a_series_has_one_machine_store_plan_phase_and_baseline() {
        let mut other = vec![point(2, "a", 1.0); 5];
        other[0].machine.cpus = 4;
        other[1].plan_hash = "other".into();
        other[2].phase = "II.2".into();
        other[3].settings.insert("workers".into(), Value::from(4));
        other[4].store = "mssql://a@b/c".into();
        let mut points = vec![point(3, "a", 1.0), point(1, "a", 2.0), point(1, "b", 3.0)];
        points.extend(other);
        let found = series(&points, 1);
        let lengths: Vec<usize> = found.iter().map(|series| series.points.len()).collect();
        assert_eq!(lengths.iter().sum::<usize>(), 8);
        assert_eq!(lengths.iter().filter(|length| **length == 1).count(), 6);
        let two = found.iter().find(|series| series.points.len() == 2).unwrap();
        assert!(two.points[0].time < two.points[1].time);
        assert_eq!(two.settings, "batch_size=1000");
    }

    #[test]
    fn a_step_is_found_from_eight_points_with_the_other_changes() {
        let mut points = stepped(10, 1200.0);
        for point in &mut points[5..] {
            point.kernel = Some("Linux 6.2".into());
        }
        let found = series(&points, 1).remove(0);
        assert!(found.tested);
        assert_eq!(found.changes.len(), 1);
        let change = &found.changes[0];
        assert_eq!(change.at, 5);
        assert!((change.percent - 20.0).abs() < 0.5, "{change:?}");
        assert_eq!(change.also, ["kernel Linux 6.2 instead of Linux 6.1"]);
        assert_eq!(found.levels().len(), 2);
        let few = series(&points[2..9], 1).remove(0);
        assert!(!few.tested && few.changes.is_empty());
    }

    #[test]
    fn a_point_of_the_file_is_not_added_again() {
        let points = stepped(4, 1000.0);
        let text = lines(&points[..3]).unwrap();
        let known = read(&text).unwrap();
        assert_eq!(known, points[..3]);
        assert_eq!(missing(&known, &points), points[3..]);
        assert_eq!(series(&[points.clone(), points.clone()].concat(), 1)[0].points, points);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let good = lines(&[point(1, "a", 1.0)]).unwrap();
        let newer = good.replace("\"format\":1", "\"format\":2");
        let rateless = good.replace("\"rec_per_min\":1.0", "\"rec_per_min\":0.0");
        for (text, expected) in [
            (format!("{good}\n{{\"format\":1"), "line 3: "),
            (newer, "line 1: its format is 2, newer than 1"),
            (rateless, "line 1: its rec_per_min is 0"),
        ] {
            let said = read(&text).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected(text in "\\PC{0,200}") {
            let _ = read(&text);
        }

        #[test]
        fn levels_cover_the_series_without_a_gap(
            rates in proptest::collection::vec(1.0_f64..1000.0, 1..28),
        ) {
            let points: Vec<HistoryPoint> = rates
                .iter()
                .enumerate()
                .map(|(day, rate)| point(day + 1, "a", *rate))
                .collect();
            let found = series(&points, 1).remove(0);
            let levels = found.levels();
            prop_assert_eq!(levels[0].0, 0);
            prop_assert_eq!(levels.last().unwrap().1, points.len());
            prop_assert!(levels.windows(2).all(|two| two[0].1 == two[1].0));
        }
    }
}
