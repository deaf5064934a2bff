//! The ledger: one JSON line per step of a measurement, appended and synced as it happens. It says
//! what was planned and what came of it, and decides nothing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::measure::Measurement;
use crate::plan::{Plan, Shard, Trial};
use crate::scenario::Scenario;
use crate::validity::{self, Disturbance};

/// The version of the ledger's lines; a reader refuses any other.
pub const FORMAT_VERSION: u32 = 2;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// The first: what is going to happen.
    Plan(Box<PlanLine>),
    /// The second: how many records each run takes.
    Records(RecordsLine),
    /// One trial that ended.
    Trial(TrialLine),
    /// The measurement went on here after it had been cut off; the block that was running then is
    /// run again whole.
    Resumed(ResumedLine),
    /// The last: there is nothing left to run.
    Ended(EndedLine),
}

/// What is going to happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u32,
    /// Who measures.
    pub origin: Origin,
    /// `plan::hash` of the scenario.
    pub plan_hash: String,
    /// What is measured.
    pub scenario: Scenario,
    /// In which order.
    pub plan: Plan,
    /// Which part of the plan this machine takes; absent for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// Who measures: figures of two origins are not one measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The harness's revision.
    pub revision: String,
    /// The machine's name, where it has one.
    pub host: Option<String>,
    /// BLAKE3 of the program under test, 32 hex digits.
    pub program: String,
}

/// When a measurement went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumedLine {
    /// UTC, ISO 8601.
    pub at: String,
}

/// How a measurement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedLine {
    /// How.
    pub ending: Ending,
}

/// Why there is nothing left to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every block of the plan has run.
    Complete,
    /// Too many blocks were void.
    Invalid,
    /// Runs stored different things, so that the rest of the plan has nothing to add.
    Differs,
}

/// How many records each run takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordsLine {
    /// How many.
    pub records: u32,
    /// The baseline's run that found the number, where the scenario leaves it to the harness.
    pub pilot: Option<Measurement>,
}

/// One trial that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialLine {
    /// Which.
    #[serde(flatten)]
    pub trial: Trial,
    /// What it gave.
    #[serde(flatten)]
    pub measurement: Measurement,
}

/// What the complete blocks of a ledger say: what an analysis works from.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// What was planned.
    pub plan: PlanLine,
    /// How many records each run took.
    pub records: RecordsLine,
    /// The trials of every complete block that is not void, in the order in which they ran.
    pub trials: Vec<TrialLine>,
    /// How many blocks were void, in words why, one each.
    pub voided: Vec<String>,
    /// Whether they were too many for the rest to say anything.
    pub invalid: bool,
}

impl PlanLine {
    /// What voids the block with this index, whose runs gave this; nothing voids a warm-up.
    pub fn disturbance(&self, index: usize, measured: &[&Measurement]) -> Option<Disturbance> {
        let counted = self.plan.blocks.get(index).is_some_and(|block| !block.warmup);
        counted.then(|| validity::disturbance(&self.scenario, measured)).flatten()
    }
}

impl Origin {
    /// What the other origin has differently, one fragment each: `revision b instead of a`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let host = |origin: &Self| origin.host.clone().unwrap_or_else(|| "unknown".into());
        let parts = [
            ("revision", self.revision.clone(), other.revision.clone()),
            ("host", host(self), host(other)),
            ("program under test", self.program.clone(), other.program.clone()),
        ];
        let differ = parts.into_iter().filter(|(_, here, there)| here != there);
        differ.map(|(name, here, there)| format!("{name} {there} instead of {here}")).collect()
    }
}

/// A ledger being written; nobody else can write it meanwhile.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    path: PathBuf,
}

impl Ledger {
    /// Begins a new ledger with its plan; an existing file is not touched.
    pub fn create(path: &Path, plan: &PlanLine) -> Result<Self> {
        let file = File::create_new(path)
            .map_err(|error| Error::caused(format!("creating {}", path.display()), error))?;
        let mut ledger = Self::locked(file, path)?;
        ledger.append(&Line::Plan(Box::new(plan.clone())))?;
        Ok(ledger)
    }

    /// Opens a ledger to go on with it. What stands behind its last whole line is cut off, so that
    /// the next line begins at the beginning of one.
    pub fn reopen(path: &Path, whole_bytes: usize) -> Result<Self> {
        let failed = |error| Error::caused(format!("opening {}", path.display()), error);
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let ledger = Self::locked(file, path)?;
        let cut = ledger.file.set_len(whole_bytes as u64);
        cut.and_then(|()| ledger.file.sync_all()).map_err(failed)?;
        Ok(ledger)
    }

    /// Two harnesses that go on with one measurement would run each block twice. The lock ends with
    /// the process, however that ends.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line; when this returns, the line has been handed to the disk.
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

/// A ledger's text. Bytes that are none (a line torn by a power cut may hold anything) become
/// replacement characters, which no line can hold.
pub fn text(path: &Path) -> Result<String> {
    let bytes = fs::read(path)
        .map_err(|error| Error::caused(format!("reading {}", path.display()), error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped;

    fn plan() -> PlanLine {
        let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
        PlanLine {
            format: FORMAT_VERSION,
            origin: origin("r", "h", "p"),
            plan_hash: crate::plan::hash(&scenario),
            plan: Plan::of(&scenario),
            scenario,
            shard: None,
        }
    }

    fn origin(revision: &str, host: &str, program: &str) -> Origin {
        Origin { revision: revision.into(), host: Some(host.into()), program: program.into() }
    }

    #[test]
    fn a_ledger_is_never_begun_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, "mine").unwrap();
        assert!(Ledger::create(&path, &plan()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_ledger_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let first = Ledger::create(&path, &plan()).unwrap();
        let bytes = text(&path).unwrap().len();
        let refused = Ledger::reopen(&path, bytes).unwrap_err().to_string();
        assert!(refused.contains("another harness is measuring"), "{refused}");
        drop(first);
        Ledger::reopen(&path, bytes).unwrap();
    }

    #[test]
    fn a_torn_line_is_cut_off_before_the_next_is_written() {
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
        let ours = origin("a", "here", "1");
        assert!(ours.differences(&ours).is_empty());
        assert_eq!(
            ours.differences(&origin("b", "there", "2")),
            [
                "revision b instead of a",
                "host there instead of here",
                "program under test 2 instead of 1"
            ]
        );
    }
}
