//! Ledger of a measurement: one JSON line per event, appended and synced as it happens.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::results_dir::check_no_link;
use crate::scenario::Scenario;
use crate::scenario::schedule;
use crate::scenario::schedule::{Shard, Trial};
use crate::scenario::step::Step;
use crate::scenario::tune_plan::Tune;
use crate::session::arms::GateSpec;
use crate::trial::StoreDifference;
use crate::trial::measurement::Measurement;

/// Version of the ledger's lines; a reader rejects any other.
pub const FORMAT_VERSION: u32 = 3;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// First line: plan and origin.
    Session(Box<SessionLine>),
    /// Records per run of a scenario, before the first step of that scenario.
    Records(RecordsLine),
    /// Next step, before its first run.
    Step(Box<Step>),
    /// One trial of the last step that ended.
    Trial(TrialLine),
    /// The measurement was resumed here. The interrupted block is repeated whole.
    Resumed(ResumedLine),
    /// First difference of stores, after runs that stored different rows and before the end.
    Difference(StoreDifference),
    /// Last line: no run is left.
    Ended(EndedLine),
}

/// Plan and origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionLine {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u32,
    /// Origin.
    pub origin: Origin,
    /// [`schedule::hash`] of the session.
    pub plan_hash: String,
    /// Plan.
    pub session: Session,
    /// Shard of every step's blocks that this machine runs; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// True if failed runs are results: a block in which every run failed counts, and one in which
    /// the baseline failed is repeated once. False for ledgers of version 0.1.0.
    #[serde(default)]
    pub failures_count: bool,
}

/// Plan of a session. Together with the results of the runs it determines all steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Names the results folder.
    pub name: String,
    /// Kind of session.
    pub of: Kind,
    /// Scenarios with their seeds; steps name theirs by index.
    pub scenarios: Vec<Scenario>,
}

/// The kinds of sessions; each has a strategy that plans its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One scenario's settings, then the confirmation run of the candidate.
    Sweep,
    /// The phases of a plan, one after the other.
    Tune(Box<Tune>),
    /// A program against itself, alternating with sessions against its slowed copy.
    SelfTest {
        /// Number of sessions of each kind; `None` for as many as the budget allows.
        sessions: Option<u32>,
        /// Time limit for runs in seconds; `None` for as long as the sessions take.
        budget_s: Option<f64>,
        /// Relative slowdown of the slowed program.
        slowdown: f64,
    },
    /// A program against its baseline.
    Gate(GateSpec),
    /// Attribution of the difference of two programs, or of two settings of one.
    Explain(GateSpec),
}

/// Origin of a measurement; results of two origins are not comparable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The harness's revision.
    pub revision: String,
    /// Name of the machine, if it has one.
    pub host: Option<String>,
    /// The programs under test; arms refer to them by index.
    pub programs: Vec<ProgramId>,
    /// The servers that store the rows, in the order of their scenarios; empty if every run gets a
    /// fresh file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerId>,
}

/// A server that stores rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerId {
    /// Its URL, which has no password.
    pub url: String,
    /// Version that it reports.
    pub version: String,
}

/// A program under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramId {
    /// Name, the same for every build.
    pub name: String,
    /// BLAKE3 of it, 32 hex digits.
    pub blake3: String,
}

/// Time of a resumption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumedLine {
    /// UTC, ISO 8601.
    pub at: String,
}

/// End of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedLine {
    /// Kind of end.
    pub ending: Ending,
}

/// Reason why no run is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every step has run, as far as it could.
    Complete,
    /// Too many blocks were discarded for a result, or the baseline failed.
    Invalid,
    /// Runs stored different rows, so the rest of the plan is pointless.
    Differs,
}

/// Records per run of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordsLine {
    /// Index of the scenario.
    pub scenario: usize,
    /// Number of records.
    pub records: u32,
    /// The baseline's run that found the number, if the scenario leaves it to the harness. If it
    /// failed twice, the second failure.
    pub pilot: Option<Measurement>,
}

/// One trial that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialLine {
    /// Number of the step, from 1.
    pub step: usize,
    /// The trial.
    #[serde(flatten)]
    pub trial: Trial,
    /// Its result.
    #[serde(flatten)]
    pub measurement: Measurement,
}

impl SessionLine {
    /// The first line of a new session.
    pub fn new(session: Session, origin: Origin, shard: Option<Shard>) -> Self {
        let plan_hash = session.plan_hash();
        Self { format: FORMAT_VERSION, origin, plan_hash, session, shard, failures_count: true }
    }
}

impl Kind {
    /// True if a block in which the baseline failed is repeated once. A gate counts the failures of
    /// both arms instead.
    pub(crate) fn repeats_failed_baseline(&self) -> bool {
        !matches!(self, Self::Gate(_))
    }
}

impl Session {
    /// The sweep of one scenario.
    pub fn sweep(scenario: Scenario) -> Self {
        Self { name: scenario.name.clone(), of: Kind::Sweep, scenarios: vec![scenario] }
    }

    /// A plan of phases under the conditions of a scenario.
    pub fn tune(base: Scenario, tune: Tune) -> Self {
        let of = Kind::Tune(Box::new(tune));
        Self { name: base.name.clone(), of, scenarios: vec![base] }
    }

    /// [`schedule::hash`] of the plan without the server's name. The server belongs to the origin,
    /// so that a session with another server is rejected by name instead of ignored.
    pub fn plan_hash(&self) -> String {
        let mut planned = self.clone();
        for scenario in &mut planned.scenarios {
            scenario.store = scenario.store.on_any_server();
        }
        schedule::hash(&planned)
    }
}

impl Origin {
    /// Differences from the other origin, one fragment each: `revision b instead of a`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let host = |origin: &Self| origin.host.clone().unwrap_or_else(|| "unknown".into());
        let mut parts = vec![
            ("revision".to_owned(), self.revision.clone(), other.revision.clone()),
            ("host".to_owned(), host(self), host(other)),
        ];
        let count = self.programs.len().max(other.programs.len());
        let id = |origin: &Self, index: usize| {
            origin.programs.get(index).map_or_else(|| "none".into(), |id| id.blake3.clone())
        };
        for index in 0..count {
            let named = self.programs.get(index).or(other.programs.get(index));
            let name = match named {
                Some(id) if count > 1 => format!("program under test ({})", id.name),
                _ => "program under test".into(),
            };
            parts.push((name, id(self, index), id(other, index)));
        }
        for index in 0..self.servers.len().max(other.servers.len()) {
            let [here, there] = [self, other].map(|origin| origin.servers.get(index));
            let part = |part: fn(&ServerId) -> &String| {
                [here, there].map(|id| id.map_or_else(|| "none".to_owned(), |id| part(id).clone()))
            };
            let ([url, other_url], [version, other_version]) =
                (part(|id| &id.url), part(|id| &id.version));
            let same_place = url == other_url;
            parts.push(("store".into(), url, other_url));
            if same_place {
                parts.push(("version of the store".into(), version, other_version));
            }
        }
        let differ = parts.into_iter().filter(|(_, here, there)| here != there);
        differ.map(|(name, here, there)| format!("{name} {there} instead of {here}")).collect()
    }
}

/// A ledger open for writing, locked against other writers.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    path: PathBuf,
}

impl Ledger {
    /// Begins a new ledger with its first line; an existing file is not touched.
    pub fn create(path: &Path, session: &SessionLine) -> Result<Self> {
        let file = File::create_new(path)
            .map_err(|error| Error::caused(format!("creating {}", path.display()), error))?;
        let mut ledger = Self::locked(file, path)?;
        ledger.append(&Line::Session(Box::new(session.clone())))?;
        Ok(ledger)
    }

    /// Opens a ledger to resume it. Removes a partial last line.
    pub fn reopen(path: &Path, whole_bytes: usize) -> Result<Self> {
        let failed = |error| Error::caused(format!("opening {}", path.display()), error);
        check_no_link(path)?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let ledger = Self::locked(file, path)?;
        let cut = ledger.file.set_len(whole_bytes as u64);
        cut.and_then(|()| ledger.file.sync_all()).map_err(failed)?;
        Ok(ledger)
    }

    /// Two harnesses that resume one measurement would run each block twice. The lock ends with the
    /// process.
    fn locked(file: File, path: &Path) -> Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path: path.to_owned() }),
            Err(TryLockError::WouldBlock) => Err(Error::environment(format!(
                "{}: another harness is measuring into it; wait for its end, or take another --out",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => {
                Err(Error::caused(format!("locking {}", path.display()), error))
            }
        }
    }

    /// The same ledger after its folder was renamed.
    #[must_use]
    pub fn moved(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// Path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line and syncs it to the disk.
    pub fn append(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line)
            .map_err(|error| Error::caused(format!("writing {}", self.path.display()), error))?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|error| Error::caused(format!("writing {}", self.path.display()), error))
    }
}

/// The text of a ledger. Bytes that are not UTF-8, for instance after a power cut, become
/// replacement characters, which no valid line contains.
pub fn text(path: &Path) -> Result<String> {
    let bytes = fs::read(path)
        .map_err(|error| Error::caused(format!("reading {}", path.display()), error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped;

    fn session() -> SessionLine {
        let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
        SessionLine::new(Session::sweep(scenario), origin("r", "h", &["p"]), None)
    }

    fn origin(revision: &str, host: &str, programs: &[&str]) -> Origin {
        let id = |(index, blake3): (usize, &&str)| ProgramId {
            name: ["base", "head"][index].into(),
            blake3: (*blake3).into(),
        };
        Origin {
            revision: revision.into(),
            host: Some(host.into()),
            programs: programs.iter().enumerate().map(id).collect(),
            servers: Vec::new(),
        }
    }

    #[test]
    fn another_server_keeps_the_plan_and_changes_the_named_origin() {
        let on = |url: &str, version: &str| {
            let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
            let scenario = scenario.stored_at(url).unwrap();
            let url = scenario.store.url.clone();
            let server = ServerId { url, version: version.into() };
            let origin = Origin { servers: vec![server], ..origin("r", "h", &["p"]) };
            SessionLine::new(Session::sweep(scenario), origin, None)
        };
        let here = on("mssql://sa@here/x", "2022 CU1");
        assert_ne!(here.plan_hash, session().plan_hash);
        for (there, difference) in [
            (
                on("mssql://sa@there/x", "2022 CU2"),
                "store mssql://sa@there/x?schema=sweetspot instead of \
                 mssql://sa@here/x?schema=sweetspot",
            ),
            (
                on("mssql://sa@here/x", "2022 CU2"),
                "version of the store 2022 CU2 instead of 2022 CU1",
            ),
        ] {
            assert_eq!(here.plan_hash, there.plan_hash);
            assert_eq!(here.origin.differences(&there.origin), [difference]);
        }
        assert!(here.origin.differences(&here.origin).is_empty());
    }

    #[test]
    fn a_new_ledger_never_overwrites_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, "mine").unwrap();
        assert!(Ledger::create(&path, &session()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_ledger_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let first = Ledger::create(&path, &session()).unwrap();
        let bytes = text(&path).unwrap().len();
        let refused = Ledger::reopen(&path, bytes).unwrap_err().to_string();
        assert!(refused.contains("another harness is measuring"), "{refused}");
        drop(first);
        Ledger::reopen(&path, bytes).unwrap();
    }

    #[test]
    fn a_partial_line_is_removed_before_the_next_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, "{}\n{\"kind\":\"tri").unwrap();
        let mut ledger = Ledger::reopen(&path, 3).unwrap();
        ledger.append(&Line::Ended(EndedLine { ending: Ending::Complete })).unwrap();
        let expected = "{}\n{\"kind\":\"ended\",\"ending\":\"complete\"}\n";
        assert_eq!(text(&path).unwrap(), expected);
    }

    #[test]
    fn origins_differ_by_name() {
        let ours = origin("a", "here", &["1"]);
        assert!(ours.differences(&ours).is_empty());
        assert_eq!(
            ours.differences(&origin("b", "there", &["2"])),
            [
                "revision b instead of a",
                "host there instead of here",
                "program under test 2 instead of 1"
            ]
        );
        let two = origin("a", "here", &["1", "2"]);
        assert_eq!(
            two.differences(&origin("a", "here", &["1", "3"])),
            ["program under test (head) 3 instead of 2"]
        );
        assert_eq!(ours.differences(&two), ["program under test (head) 2 instead of none"]);
    }
}
