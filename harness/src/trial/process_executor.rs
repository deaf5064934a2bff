//! Trials as processes. Each trial is a new process on a new file, or on a server schema that was
//! emptied before.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use migrator::config::Settings;
use tempfile::TempDir;

use super::child_process::{ChildCommand, Exit, ProcessRunner};
use super::credentials::Credentials;
use super::executor::{Executor, Source, StoreDifference};
use super::program::{self, Migrator, Program, Trial};
use super::store_diff;
use super::system_counters::Counters;
use crate::error::{Error, Result};
use crate::results_dir::make;
use crate::scenario::step::Arm;
use crate::scenario::{Link, Scenario, Store, Workload};
use crate::trial::measurement::{Cause, Failure, Measurement, Outcome, TrialSpec, read_report};

/// Age above which sources of other builds are removed.
const STALE_SOURCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Time limit for emptying a schema: a server that takes longer to recreate some twenty tables does
/// not work.
const RESET_LIMIT_S: u32 = 120;

const SOURCE: &str = "source.sqlite";
const LOG: &str = "stderr.txt";

/// Runs every trial in a process of its own.
#[derive(Debug)]
pub struct Process {
    programs: Vec<Program>,
    fingerprints: Vec<String>,
    generator: Migrator,
    /// Identifies the build that generates the sources.
    generator_build: String,
    scenarios: Vec<Conditions>,
    access: Credentials,
    sources: PathBuf,
    trials: Trials,
    children: ProcessRunner,
}

/// Conditions of a scenario's trials.
#[derive(Debug, Clone)]
struct Conditions {
    workload: Workload,
    store: Store,
    link: Link,
    timeout_s: u32,
}

impl Conditions {
    fn of(scenario: &Scenario) -> Self {
        Self {
            workload: scenario.workload.clone(),
            store: scenario.store.clone(),
            link: scenario.link,
            timeout_s: scenario.limits.timeout_s.get(),
        }
    }
}

/// Folder of this harness's trials. A lock distinguishes it from the folder of a killed harness.
#[derive(Debug)]
struct Trials {
    folder: TempDir,
    _lock: File,
}

/// Locked while a harness runs trials next to it.
const LOCK: &str = "lock";

impl Trials {
    fn within(all: &Path) -> Result<Self> {
        make(all)?;
        // Folders are made and removed one process at a time, so a folder without a lock file is
        // from a harness that was killed before it could write one.
        let failed = |error: io::Error| Error::caused(format!("locking {}", all.display()), error);
        let all_locked = File::open(all).map_err(failed)?;
        all_locked.lock().map_err(failed)?;
        for entry in fs::read_dir(all).into_iter().flatten().flatten() {
            let left_behind = match File::open(entry.path().join(LOCK)) {
                Ok(lock) => lock.try_lock().is_ok(),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
            if left_behind {
                // A folder that cannot be removed only costs disk space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folder = temporary(all)?;
        let path = folder.path().join(LOCK);
        let failed = |error: io::Error| Error::caused(format!("locking {}", path.display()), error);
        let lock = File::create(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self { folder, _lock: lock })
    }
}

impl Process {
    /// Arms and steps name programs and scenarios by their index. Sources and stores live in hidden
    /// folders under `out`, on the disk that holds the results.
    pub fn new(programs: Vec<Program>, scenarios: &[Scenario], out: &Path) -> Result<Self> {
        let fingerprints: Result<Vec<_>> = programs.iter().map(Program::fingerprint).collect();
        let fingerprints = fingerprints?;
        // Compared programs read the same source, which none of them generates.
        let generator = match programs.as_slice() {
            [only] => only.migrator()?,
            _ => Migrator::own()?,
        };
        let generator_build = generator.fingerprint()?[..8].to_owned();
        let sources = out.join(".sources");
        make(&sources)?;
        let trials = Trials::within(&out.join(".trials"))?;
        Ok(Self {
            programs,
            fingerprints,
            generator,
            generator_build,
            scenarios: scenarios.iter().map(Conditions::of).collect(),
            access: Credentials::default(),
            sources,
            trials,
            children: ProcessRunner::new()?,
        })
    }

    /// The same executor with credentials for the servers of its scenarios.
    #[must_use]
    pub fn with_access(self, access: Credentials) -> Self {
        Self { access, ..self }
    }

    /// BLAKE3 of the programs under test, 32 hex digits each, in order.
    pub fn fingerprints(&self) -> &[String] {
        &self.fingerprints
    }

    fn conditions(&self, scenario: usize) -> Result<&Conditions> {
        let conditions = self.scenarios.get(scenario);
        conditions.ok_or_else(|| Error::environment(format!("there is no scenario {scenario}")))
    }

    /// The folder that holds the trials' stores while they run.
    pub fn stores(&self) -> &Path {
        self.trials.folder.path()
    }

    fn generate(
        &mut self,
        workload: &Workload,
        records: u32,
        file: &Path,
        log: &Path,
    ) -> Result<()> {
        let words = self.generator.generate(workload, records, file);
        let job = ChildCommand { words, slowed_by: 0.0, log, limit_s: None, access: None };
        match self.children.run(&job)?.failure {
            None if file.exists() => Ok(()),
            None => Err(Error::environment(format!("generating {records} records left no file"))),
            Some(failure) => {
                Err(Error::environment(format!("generating {records} records: {failure}")))
            }
        }
    }

    fn source_name(&self, workload: &Workload, records: u32) -> String {
        let Workload { profile, duplicates, rejects, seed, .. } = workload;
        let build = &self.generator_build;
        format!("{profile}-{records}-seed{seed}-dup{duplicates}-rej{rejects}-{build}")
    }

    /// Every build generates its own sources, because the generator may differ. Sources of old
    /// builds would pile up.
    fn remove_stale_sources(&self) {
        let ours = format!("-{}", self.generator_build);
        let entries = fs::read_dir(&self.sources).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(&ours)) {
            let made = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            let age = made.and_then(|made| SystemTime::now().duration_since(made).ok());
            if age.is_some_and(|age| age > STALE_SOURCE) {
                // A folder that cannot be removed only costs disk space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn program(&self, index: usize) -> Result<Program> {
        let program = self.programs.get(index).cloned();
        program.ok_or_else(|| Error::environment(format!("the scenario has no program {index}")))
    }

    /// Empties the store of a trial on a server; a migrator recreates its own tables. Returns the
    /// error message if that fails.
    fn reset(&mut self, program: &Program, store: &Store, log: &Path) -> Result<Option<Failure>> {
        let words = program.migrator()?.reset(store, self.access.recreate());
        let access = Some(&self.access);
        let job = ChildCommand { words, slowed_by: 0.0, log, limit_s: Some(RESET_LIMIT_S), access };
        let failure = self.children.run(&job)?.failure;
        Ok(failure.map(|failure| Failure::new(Cause::Reset, failure.to_string())))
    }

    /// One trial, with its report, and its store if that is a file, in this folder.
    fn run_in(
        &mut self,
        folder: &Path,
        source: &Source,
        program: usize,
        settings: &Settings,
        store: &Store,
    ) -> Result<Measurement> {
        let &Conditions { link, timeout_s, .. } = self.conditions(source.scenario)?;
        let program = self.program(program)?;
        let log = folder.join(LOG);
        let mut reset_s = None;
        if store.is_server() {
            let start = Instant::now();
            let failure = self.reset(&program, store, &log)?;
            reset_s = Some(start.elapsed().as_secs_f64());
            if let Some(failure) = failure {
                let not_begun = Measurement::new(0.0, Outcome::Failure(failure));
                return Ok(Measurement { reset_s, ..not_begun });
            }
        }
        let trial = Trial { source: &source.path, store, settings, link, folder };
        let measured = self.trial(&program, &trial, &log, timeout_s)?;
        Ok(Measurement { reset_s, ..measured })
    }

    /// The run itself; only this part is timed.
    fn trial(
        &mut self,
        program: &Program,
        trial: &Trial<'_>,
        log: &Path,
        timeout_s: u32,
    ) -> Result<Measurement> {
        let (unslowed, slowed_by) = program.unslowed();
        let foreign = unslowed.is_runner();
        let access = trial.store.is_server().then_some(&self.access);
        let words = unslowed.run(trial);
        let job = ChildCommand { words, slowed_by, log, limit_s: Some(timeout_s), access };
        let before = Counters::now();
        let start = Instant::now();
        let Exit { usage, failure } = self.children.run(&job)?;
        let elapsed = start.elapsed();
        let after = Counters::now();
        // An unreadable report is treated like an empty one and rejected for its missing fields.
        let text = fs::read_to_string(trial.report()).unwrap_or_default();
        let text = if access.is_some() { self.access.hidden_in_report(text) } else { text };
        let asked = TrialSpec { settings: trial.settings, link: trial.link, foreign };
        let outcome = match failure {
            None => read_report(&text, &asked),
            // A run that was killed may have left a partial report.
            Some(failure) if !matches!(failure.cause, Cause::Exit { .. }) => {
                Outcome::Failure(failure)
            }
            Some(failure) => Outcome::Failure(failure.with_report(&text)),
        };
        let surroundings = before
            .zip(after)
            .zip(usage)
            .and_then(|((before, after), usage)| after.since(before, elapsed, usage));
        let measured = Measurement::new(elapsed.as_secs_f64(), outcome);
        Ok(Measurement { usage, surroundings, ..measured })
    }
}

impl Executor for Process {
    fn prepare(&mut self, scenario: usize, records: u32) -> Result<Source> {
        let workload = self.conditions(scenario)?.workload.clone();
        let folder = self.sources.join(self.source_name(&workload, records));
        let source = Source { scenario, path: folder.join(SOURCE), records };
        if source.path.exists() {
            return Ok(source);
        }
        self.remove_stale_sources();
        let aside = temporary(&self.sources)?;
        let log = temporary(self.stores())?;
        self.generate(&workload, records, &aside.path().join(SOURCE), &log.path().join(LOG))?;
        // Another measurement may have generated the same source meanwhile; either one can be used.
        match fs::rename(aside.path(), &folder) {
            Err(error) if !source.path.exists() => {
                Err(Error::caused(format!("writing {}", folder.display()), error))
            }
            _ => Ok(source),
        }
    }

    fn measure(
        &mut self,
        source: &Source,
        program: usize,
        settings: &Settings,
    ) -> Result<Measurement> {
        let folder = temporary(self.stores())?;
        let store = self.conditions(source.scenario)?.store.clone();
        self.run_in(folder.path(), source, program, settings, &store)
    }

    fn first_difference(
        &mut self,
        source: &Source,
        arms: &[Arm; 2],
        names: [&str; 2],
    ) -> Result<Option<StoreDifference>> {
        let mut store = self.conditions(source.scenario)?.store.clone();
        if store.is_server() {
            // A second run into one schema replaces the rows of the first. Two builds write the
            // same rows into files as into a server. The effect of a foreign command on files is
            // unknown.
            let [one, other] = [self.program(arms[0].program)?, self.program(arms[1].program)?];
            if one.is_runner() || other.is_runner() {
                return Ok(None);
            }
            store = Store::files();
        }
        let folders = [temporary(self.stores())?, temporary(self.stores())?];
        for (folder, arm) in folders.iter().zip(arms) {
            self.run_in(folder.path(), source, arm.program, &arm.setting.settings, &store)?;
        }
        let [one, other] = folders.each_ref().map(|folder| program::file(folder.path()));
        if !one.exists() || !other.exists() {
            return Ok(None);
        }
        // The store of a runner may not be a readable database.
        Ok(store_diff::first(&one, &other, names).unwrap_or_default())
    }
}

fn temporary(within: &Path) -> Result<TempDir> {
    tempfile::tempdir_in(within)
        .map_err(|error| Error::caused(format!("creating a folder in {}", within.display()), error))
}
