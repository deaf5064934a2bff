//! The ledger: one JSON line per step of a measurement, appended and synced as it happens. It says
//! what was planned and what came of it, and decides nothing.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::measure::Measurement;
use crate::plan::{Plan, Trial};
use crate::scenario::Scenario;

/// The version of the ledger's lines; a reader refuses newer ones.
pub const FORMAT_VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// The first: what is going to happen.
    Plan(Box<PlanLine>),
    /// The second: how many records each run takes.
    Records(RecordsLine),
    /// Every other: one trial that ended.
    Trial(TrialLine),
}

/// What is going to happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u32,
    /// `plan::hash` of the scenario.
    pub plan_hash: String,
    /// What is measured.
    pub scenario: Scenario,
    /// In which order.
    pub plan: Plan,
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

/// Everything that a ledger of a whole measurement says.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The first line.
    pub plan: PlanLine,
    /// The second line.
    pub records: RecordsLine,
    /// The others, in the order in which the trials ran.
    pub trials: Vec<TrialLine>,
}

/// A ledger being written.
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
        let mut ledger = Self { file, path: path.to_owned() };
        ledger.append(&Line::Plan(Box::new(plan.clone())))?;
        Ok(ledger)
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

/// Reads a ledger back.
pub fn read(path: &Path) -> Result<Recorded> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::caused(format!("reading {}", path.display()), error))?;
    parse(&text).map_err(|message| Error::environment(format!("{}: {message}", path.display())))
}

fn parse(text: &str) -> std::result::Result<Recorded, String> {
    let mut lines = text.lines().enumerate();
    let mut next = || lines.next().map(|(index, text)| parse_line(index + 1, text)).transpose();
    let Some(Line::Plan(plan)) = next()? else {
        return Err("line 1 holds no plan".into());
    };
    let Some(Line::Records(records)) = next()? else {
        return Err("line 2 does not say how many records a run takes".into());
    };
    let mut trials = Vec::new();
    while let Some(line) = next()? {
        let Line::Trial(trial) = line else {
            return Err(format!("line {} is no trial", trials.len() + 3));
        };
        trials.push(trial);
    }
    Ok(Recorded { plan: *plan, records, trials })
}

/// What every format's first line has.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

fn parse_line(number: usize, text: &str) -> std::result::Result<Line, String> {
    if let Ok(Versioned { format }) = serde_json::from_str(text)
        && format > FORMAT_VERSION
    {
        return Err(format!("its format is {format}, newer than {FORMAT_VERSION}"));
    }
    serde_json::from_str(text).map_err(|error| format!("line {number}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Cause, Failure, Outcome};
    use crate::scenario::shipped;

    fn lines() -> Vec<Line> {
        let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
        let plan = Plan::of(&scenario);
        let trial = plan.trials().next().unwrap();
        let failure = Failure { cause: Cause::Timeout { limit_s: 9 }, detail: "slow".into() };
        let measurement = Measurement { elapsed_s: 9.5, outcome: Outcome::Failure(failure) };
        let plan_hash = crate::plan::hash(&scenario);
        vec![
            Line::Plan(Box::new(PlanLine { format: FORMAT_VERSION, plan_hash, scenario, plan })),
            Line::Records(RecordsLine { records: 5, pilot: Some(measurement.clone()) }),
            Line::Trial(TrialLine { trial, measurement }),
        ]
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let lines = lines();
        let recorded = parse(&text(&lines)).unwrap();
        assert_eq!(Line::Plan(Box::new(recorded.plan)), lines[0]);
        assert_eq!(Line::Records(recorded.records), lines[1]);
        assert_eq!(Line::Trial(recorded.trials[0].clone()), lines[2]);
    }

    #[test]
    fn a_ledger_is_never_begun_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        std::fs::write(&path, "mine").unwrap();
        let Line::Plan(plan) = &lines()[0] else { panic!("no plan") };
        assert!(Ledger::create(&path, plan).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn what_is_no_whole_ledger_is_refused_with_the_line() {
        let lines = lines();
        let newer = text(&lines).replacen("\"format\":1", "\"format\":2", 1);
        let torn = text(&lines)[..text(&lines).len() - 9].to_owned();
        for (text, expected) in [
            (String::new(), "line 1 holds no plan"),
            (text(&lines[1..]), "line 1 holds no plan"),
            (text(&lines[..1]), "line 2 does not say how many records"),
            (text(&[lines.as_slice(), &lines[1..2]].concat()), "line 4 is no trial"),
            (newer, "its format is 2, newer than 1"),
            (torn, "line 3: EOF"),
        ] {
            let message = parse(&text).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
