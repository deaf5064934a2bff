//! Resolves an arm of the command line to a program: a git ref, a binary, a scenario's `[runner]`
//! command, or the results of an earlier session.

use std::fs;
use std::path::{Path, PathBuf};

use super::build_ref;
use super::build_ref::{Builds, Built, Commit};
use super::open_session;
use super::resolve_program::invoked;
use crate::cli::display::{Steps, say};
use crate::error::{Error, Result};
use crate::results_dir::ResultsDir;
use crate::scenario::{Scenario, Setting};
use crate::session::arms::{ArmRef, StoredBaseline, StoredWorkload};
use crate::session::ledger::{Ending, Kind, Origin, ServerId, TrialLine};
use crate::session::state::SessionState;
use crate::trial::Program;
use crate::trial::measurement::{Measurement, Outcome};
use crate::trial::provenance::{Provenance, fingerprint};

/// Target of an arm's name.
#[derive(Debug)]
pub(super) enum ArmTarget {
    /// A commit to build.
    Ref(Commit),
    /// An existing program.
    Program(Program),
    /// An earlier session.
    Results(Box<EarlierSession>),
}

/// An earlier session: folder, ledger and provenance.
#[derive(Debug)]
pub(super) struct EarlierSession {
    path: PathBuf,
    recorded: SessionState,
    identity: Provenance,
}

/// An arm ready to run.
#[derive(Debug)]
pub(super) struct ResolvedArm {
    /// Name of the arm.
    pub(super) side: ArmRef,
    /// Program of the arm.
    pub(super) program: Program,
}

/// Resolves a name. A file or folder takes precedence over a ref of the same name.
pub(super) fn named(name: &str) -> Result<ArmTarget> {
    let path = Path::new(name);
    if path.is_dir() && ResultsDir::existing(path).ledger().exists() {
        return EarlierSession::read(path).map(Box::new).map(ArmTarget::Results);
    }
    if path.is_file() {
        let scenario = path.extension().is_some_and(|extension| extension == "toml");
        return if scenario { runner(name) } else { Ok(Program::other(invoked(path))) }
            .map(ArmTarget::Program);
    }
    Commit::of(name).map(ArmTarget::Ref).ok_or_else(|| {
        Error::usage(format!("`{name}` is not a file, a results folder or a git ref here; for a branch of a remote, name origin/{name}"))
    })
}

/// The `[runner]` command of a scenario file.
fn runner(name: &str) -> Result<Program> {
    let text = fs::read_to_string(name)
        .map_err(|error| Error::caused(format!("reading {name}"), error))?;
    let scenario =
        Scenario::parse(&text).map_err(|fault| Error::usage(format!("{name}, {fault}")))?;
    scenario.runner.map(Program::Runner).ok_or_else(|| {
        Error::usage(format!("{name} has no [runner] command, so it is not a program to compare"))
    })
}

/// Resolves and builds both arms before anything runs.
pub(super) fn arms(
    names: [(&str, ArmTarget); 2],
    out: &Path,
    quiet: bool,
) -> Result<[ResolvedArm; 2]> {
    if build_ref::has_changes() && names.iter().any(|(name, _)| *name == "HEAD") && !quiet {
        say("uncommitted changes are not part of HEAD and are not measured");
    }
    let [base, head] = names;
    Ok([arm(base, out, quiet)?, arm(head, out, quiet)?])
}

pub(super) fn arm(
    (name, named): (&str, ArmTarget),
    out: &Path,
    quiet: bool,
) -> Result<ResolvedArm> {
    let side = |commit: Option<&Commit>| ArmRef {
        name: name.into(),
        commit: commit.map(|commit| commit.hash.clone()),
    };
    match named {
        ArmTarget::Program(program) => Ok(ResolvedArm { side: side(None), program }),
        ArmTarget::Ref(commit) => {
            let program = Program::other(built(name, &commit, out, quiet)?.program()?);
            Ok(ResolvedArm { side: side(Some(&commit)), program })
        }
        ArmTarget::Results(earlier) => {
            let (program, commit) = earlier.program(out, quiet)?;
            Ok(ResolvedArm { side: side(commit.as_ref()), program })
        }
    }
}

pub(super) fn built(name: &str, commit: &Commit, out: &Path, quiet: bool) -> Result<Built> {
    let name = ArmRef { name: name.into(), commit: Some(commit.hash.clone()) }.label();
    let builds = Builds::within(out)?;
    if builds.has(commit) {
        return builds.build(&name, commit);
    }
    let steps = Steps::new(quiet, "build", 1);
    steps.status(&format!("building {name} (takes some minutes)"));
    let built = builds.build(&name, commit);
    steps.end();
    built
}

impl EarlierSession {
    fn read(path: &Path) -> Result<Self> {
        let folder = ResultsDir::existing(path);
        let recorded = open_session::read(&folder.ledger())?.into_recorded()?;
        let file = folder.identity();
        let failed = format!("reading {}", file.display());
        let text = fs::read_to_string(&file).map_err(|e| Error::caused(failed.clone(), e))?;
        let identity = serde_json::from_str(&text).map_err(|e| Error::caused(failed, e))?;
        if matches!(recorded.session.session.of, Kind::SelfTest { .. }) {
            let message =
                "holds a self-test, whose programs were slowed on purpose; name another session";
            return Err(Error::usage(format!("{} {message}", path.display())));
        }
        Ok(Self { path: path.to_owned(), recorded, identity })
    }

    /// Index of the program that is the new baseline: the head of a gate, else the only program.
    fn of_program(&self) -> usize {
        self.recorded.session.origin.programs.len().saturating_sub(1)
    }

    /// Finds or builds the program of that session. Its times are not comparable with today's.
    fn program(&self, out: &Path, quiet: bool) -> Result<(Program, Option<Commit>)> {
        let ran = match self.of_program().checked_sub(1) {
            None => Some(&self.identity.program),
            Some(other) => self.identity.other_programs.get(other),
        };
        let path = ran.and_then(|ran| ran.path.as_ref()).map(PathBuf::from);
        let same = |path: &PathBuf| {
            path.is_file()
                && ran.is_some_and(|ran| fingerprint(path).is_ok_and(|print| print == ran.blake3))
        };
        if let Some(path) = path.as_ref().filter(|path| same(path)) {
            return Ok((Program::other(invoked(path)), None));
        }
        let commit = match &self.recorded.session.session.of {
            Kind::Gate(contest) | Kind::Explain(contest) if contest.head.commit.is_some() => {
                contest.head.commit.clone()
            }
            _ => path.is_none().then(|| self.identity.revision.clone()),
        };
        let folder = self.path.display();
        let Some(commit) = commit.as_deref().and_then(Commit::of) else {
            return Err(Error::usage(format!(
                "the program of {folder} does not exist any more and cannot be built again; name a \
                 ref or a binary as the baseline, or accept the stored times with \
                 --accept-stored-times"
            )));
        };
        let program = Program::other(built(&folder.to_string(), &commit, out, quiet)?.program()?);
        Ok((program, Some(commit)))
    }

    /// Checks that the session is complete and valid, so that its times can serve as the
    /// baseline's.
    fn check_whole(&self) -> Result<()> {
        let why = match self.recorded.ending {
            Some(Ending::Complete) if !self.has_failed_runs() => return Ok(()),
            Some(Ending::Complete) => "holds failed runs of the baseline".into(),
            None => format!("is unfinished; `{}` resumes it", self.identity.command),
            Some(Ending::Invalid) => {
                format!("is invalid; `{}` repeats it", self.identity.command)
            }
            Some(Ending::Differs) => {
                "holds runs that stored different rows; name another baseline".into()
            }
        };
        Err(Error::usage(format!(
            "{} {why} (--accept-stored-times needs a complete and valid session)",
            self.path.display()
        )))
    }

    /// True if a run of its program failed.
    fn has_failed_runs(&self) -> bool {
        let ours = self.of_program();
        self.recorded.steps.iter().any(|ran| {
            let arm = |line: &TrialLine| ran.step.arms.get(line.trial.arm);
            ran.failures().any(|(line, _)| arm(line).is_some_and(|arm| arm.program == ours))
        })
    }

    /// Checks that the session ran in the same environment. Any other difference would look like
    /// one of the programs.
    pub(super) fn check_place(&self, identity: &Provenance, origin: &Origin) -> Result<()> {
        let mut differences = identity.differences_around(&self.identity);
        let version = |server: &ServerId| {
            let then = self.recorded.session.origin.servers.iter();
            then.filter(|then| then.url == server.url).map(|then| then.version.clone()).next()
        };
        differences.extend(origin.servers.iter().filter_map(|server| {
            let (here, there) = (&server.version, version(server)?);
            (*here != there).then(|| format!("version of the store {there} instead of {here}"))
        }));
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::usage(format!(
            "the stored times of {} come from another environment: {}; remove \
             --accept-stored-times to run both programs here",
            self.path.display(),
            differences.join(", ")
        )))
    }

    /// Its runs for each scenario. Fails if a scenario has none.
    pub(super) fn stored(
        &self,
        scenarios: &[Scenario],
        times_accepted: bool,
    ) -> Result<StoredBaseline> {
        if times_accepted {
            self.check_whole()?;
        }
        let workloads = scenarios.iter().enumerate().map(|(index, scenario)| {
            self.workload(index, scenario).ok_or_else(|| {
                Error::usage(format!(
                    "{} has no run with the settings, the workload, the store and the link of {}",
                    self.path.display(),
                    scenario.name
                ))
            })
        });
        Ok(StoredBaseline {
            folder: self.path.display().to_string(),
            revision: self.recorded.session.origin.revision.clone(),
            times_accepted,
            workloads: workloads.collect::<Result<_>>()?,
        })
    }

    fn workload(&self, index: usize, scenario: &Scenario) -> Option<StoredWorkload> {
        let ours = &scenario.settings[scenario.baseline];
        let theirs = self.recorded.session.session.scenarios.iter();
        let (place, _) = theirs.enumerate().find(|(_, there)| is_alike(scenario, there))?;
        let records = self.recorded.records.get(place)?.as_ref()?.records;
        let steps = self.recorded.steps.iter().filter(|ran| ran.step.scenario == place);
        let lines = steps.flat_map(|ran| {
            let blocks = ran.counted().flat_map(|block| &block.trials);
            blocks.map(move |line| (ran.step.arms.get(line.trial.arm), line))
        });
        let runs: Vec<Measurement> = lines
            .filter(|(arm, _)| {
                arm.is_some_and(|arm| arm.program == self.of_program() && same(&arm.setting, ours))
            })
            .filter_map(|(_, line)| slim(&line.measurement))
            .collect();
        (!runs.is_empty()).then_some(StoredWorkload { scenario: index, records, runs })
    }
}

fn same(one: &Setting, other: &Setting) -> bool {
    one.settings == other.settings
}

/// True if two scenarios run the same work, apart from the number of records.
fn is_alike(one: &Scenario, other: &Scenario) -> bool {
    let workload = |scenario: &Scenario| {
        let workload = &scenario.workload;
        let shares = [workload.duplicates, workload.rejects].map(f64::to_bits);
        (workload.profile.clone(), shares, workload.seed)
    };
    workload(one) == workload(other) && one.store == other.store && one.link == other.link
}

/// A run without its histograms, which are not compared; `None` if it failed.
fn slim(measurement: &Measurement) -> Option<Measurement> {
    let mut slim = measurement.clone();
    let Outcome::Report(report) = &mut slim.outcome else {
        return None;
    };
    for times in report.stages.values_mut() {
        times.histogram.clear();
    }
    Some(slim)
}

/// Rejects a runner that would ignore a part of a scenario.
pub(super) fn check_runners(
    programs: &[(&str, Program, Option<String>)],
    scenarios: &[Scenario],
) -> Result<()> {
    for (name, program, _) in programs {
        let Program::Runner(runner) = program else { continue };
        for scenario in scenarios {
            let Scenario { swept, link, store, .. } = scenario;
            if let Some(fault) = runner.fault(swept, *link, store) {
                let message =
                    format!("the {name}'s [runner] command in {}: {fault}", scenario.name);
                return Err(Error::usage(message));
            }
        }
    }
    Ok(())
}
