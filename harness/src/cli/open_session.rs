//! Opens the folder, ledger and provenance of one measurement: starts or resumes it, runs it and
//! reads it back.

use std::fs;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::analysis::sweep;
use crate::cli::args::StoreArgs;
use crate::cli::display::Display;
use crate::error::{Error, ErrorKind, Result};
use crate::report;
use crate::results_dir::ResultsDir;
use crate::scenario::schedule::Shard;
use crate::session::event::{Event, Observer};
use crate::session::ledger;
use crate::session::ledger::{
    Ending, Ledger, Line, Origin, ProgramId, ResumedLine, ServerId, Session as Planned, SessionLine,
};
use crate::session::replay;
use crate::session::replay::Replay;
use crate::session::resume;
use crate::session::resume::{PreviousSession, UnfinishedSession};
use crate::session::runner;
use crate::session::schema_lock::SchemaLock;
use crate::session::state::SessionState;
use crate::session::strategy::Strategy;
use crate::trial::provenance;
use crate::trial::provenance::{Measured, Provenance};
use crate::trial::{Credentials, Executor, Process, Program};

/// A measurement to start or resume.
pub(super) struct OpenSession {
    /// Results folder.
    pub(super) folder: ResultsDir,
    /// Provenance at the start of the measurement.
    pub(super) identity: Provenance,
    progress: Replay,
    ledger: Ledger,
    /// Held until the measurement ends.
    _claims: Vec<SchemaLock>,
}

/// Everything that a session needs to start.
pub(super) struct NewSession<'a> {
    /// First line of the ledger: plan and origin.
    pub(super) line: SessionLine,
    /// Folder for results.
    pub(super) out: &'a Path,
    /// True to ignore an unfinished measurement of the same plan.
    pub(super) fresh: bool,
    /// Start of this command.
    pub(super) at: DateTime<Utc>,
    /// Provenance now.
    pub(super) identity: Provenance,
    /// Locks on the server schemas that the session empties.
    claims: Vec<SchemaLock>,
}

impl NewSession<'_> {
    /// Newest measurement of this plan if it has finished, so that it need not run again.
    pub(super) fn ended(&self) -> Result<Option<SessionState>> {
        match self.earlier()? {
            PreviousSession::Ended(recorded) => Ok(Some(*recorded)),
            PreviousSession::None | PreviousSession::Resumable(_) => Ok(None),
        }
    }

    fn earlier(&self) -> Result<PreviousSession> {
        if self.fresh {
            return Ok(PreviousSession::None);
        }
        resume::newest(ResultsDir::earlier(self.out, &self.line.session.name), &self.line)
    }
}

impl OpenSession {
    /// Resumes the unfinished measurement of this plan, or starts a new one.
    pub(super) fn open(beginning: NewSession<'_>, display: &mut Display) -> Result<Self> {
        match beginning.earlier()? {
            PreviousSession::Resumable(unfinished) => Self::go_on(*unfinished, beginning, display),
            PreviousSession::None | PreviousSession::Ended(_) => Self::begin(beginning, display),
        }
    }

    fn begin(beginning: NewSession<'_>, display: &mut Display) -> Result<Self> {
        let NewSession { line, out, at, identity, claims, .. } = beginning;
        let time = at.format("%Y%m%dT%H%M%SZ").to_string();
        let name = &line.session.name;
        let fill = |folder: &ResultsDir| {
            write_identity(folder, &identity)?;
            Ledger::create(&folder.ledger(), &line)
        };
        let (folder, ledger) =
            ResultsDir::create(out, name, &time, provenance::short_revision(), fill)?;
        let ledger = ledger.moved(folder.ledger());
        display.observe(Event::Opened { session: &line.session, folder: folder.path() });
        let progress = Replay::of(line);
        Ok(Self { folder, identity, progress, ledger, _claims: claims })
    }

    fn go_on(
        unfinished: UnfinishedSession,
        beginning: NewSession<'_>,
        display: &mut Display,
    ) -> Result<Self> {
        let UnfinishedSession { folder, told } = unfinished;
        let mut ledger = Ledger::reopen(&folder.ledger(), told.whole_bytes)?;
        let mut progress = told.progress;
        let recorded = progress.recorded();
        let session = &recorded.session.session;
        display.observe(Event::Opened { session, folder: folder.path() });
        let ran = recorded.steps.iter().map(|ran| ran.blocks.len()).sum();
        let torn_bytes = told.torn_bytes;
        display.observe(Event::Resumed { folder: folder.path(), ran, torn_bytes });
        if recorded.ending.is_none() {
            let line = Line::Resumed(ResumedLine { at: iso(beginning.at) });
            ledger.append(&line)?;
            progress.take(line).map_err(Error::environment)?;
        }
        // Keeps the provenance of the start; writes it again if a crash lost the file.
        let text = fs::read_to_string(folder.identity()).unwrap_or_default();
        let identity = serde_json::from_str(&text).unwrap_or(beginning.identity);
        Ok(Self { folder, identity, progress, ledger, _claims: beginning.claims })
    }

    /// Runs the remaining trials, then reads the ledger back: the analysis uses the file, not
    /// memory.
    pub(super) fn measure(
        &mut self,
        strategy: &dyn Strategy,
        executor: &mut dyn Executor,
        display: &mut Display,
    ) -> Result<SessionState> {
        if self.progress.recorded().ending.is_none() {
            let progress = self.progress.clone();
            let ran = runner::run(progress, strategy, executor, &mut self.ledger, display);
            ran.map_err(|error| self.with_ledger(&error))?;
        }
        let recorded = read(self.ledger.path())?.into_recorded()?;
        for (program, report) in first_reports(&recorded) {
            self.identity.fill_from_report(program, report);
        }
        write_identity(&self.folder, &self.identity)?;
        Ok(recorded)
    }

    /// Error of a measurement that cannot be analysed; running the same command again would not
    /// help. An invalid session is named as such.
    pub(super) fn without_analysis(&self, recorded: &SessionState, error: &Error) -> Error {
        let reason = recorded.invalid_reason().filter(|_| error.kind() == ErrorKind::Environment);
        if let Some(reason) = reason {
            return self.with_ledger(&sweep::invalid(&reason));
        }
        let error = self.with_ledger(error);
        if error.kind() == ErrorKind::Invalid {
            // The same command starts a new session after an invalid one.
            return error;
        }
        Error::new(error.kind(), format!("{error}; `--fresh` starts a new measurement"))
    }

    /// Fails for a session that ended as invalid.
    pub(super) fn check_validity(&self, recorded: &SessionState) -> Result<()> {
        if recorded.ending != Some(Ending::Invalid) {
            return Ok(());
        }
        let reason = recorded.invalid_reason().unwrap_or_default();
        Err(self.with_ledger(&sweep::invalid(&reason)))
    }

    /// Adds the path of the ledger to an error.
    pub(super) fn with_ledger(&self, error: &Error) -> Error {
        let separator = if error.kind() == ErrorKind::WrongResult { "\n" } else { "; " };
        let ledger = self.folder.ledger();
        let go_on = match error.kind() {
            ErrorKind::Interrupted => "; run the same command again to resume",
            _ => "",
        };
        let message = format!("{error}{separator}finished runs are in {}{go_on}", ledger.display());
        Error::new(error.kind(), message)
    }
}

/// Reads and replays a ledger.
pub(super) fn read(path: &Path) -> Result<Replay> {
    let told = replay::parse_ledger(&ledger::text(path)?)
        .map_err(|message| Error::environment(format!("{}: {message}", path.display())))?;
    Ok(told.progress)
}

/// First report of each program, by program index.
fn first_reports(recorded: &SessionState) -> Vec<(usize, &migrator::telemetry::report::RunReport)> {
    let programs = 0..recorded.session.origin.programs.len();
    let first = |program: usize| {
        let lines = recorded.steps.iter().flat_map(|ran| ran.trials().map(move |line| (ran, line)));
        let mut ours = lines.filter(|(ran, line)| {
            ran.step.arms.get(line.trial.arm).is_some_and(|arm| arm.program == program)
        });
        ours.find_map(|(_, line)| line.measurement.report()).map(|report| (program, report))
    };
    programs.filter_map(first).collect()
}

fn write_identity(folder: &ResultsDir, identity: &Provenance) -> Result<()> {
    folder.write("identity.json", &report::pretty(identity)?)
}

/// Point in time in the format of files.
pub(super) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Request for a measurement by a verb.
pub(super) struct SessionRequest<'a> {
    /// Plan of the session.
    pub(super) session: Planned,
    /// Programs under test: a name that is the same for all builds, the program, and the user's
    /// name for it if it is not the built-in one.
    pub(super) programs: Vec<(&'a str, Program, Option<String>)>,
    /// Shard of the blocks that this machine runs.
    pub(super) shard: Option<Shard>,
    /// Folder for results.
    pub(super) out: &'a Path,
    /// True to ignore an unfinished measurement of the same plan.
    pub(super) fresh: bool,
    /// Login for a server.
    pub(super) store: &'a StoreArgs,
    /// Command line that repeats the measurement.
    pub(super) command: String,
}

impl<'a> SessionRequest<'a> {
    /// Creates the executor of the programs, and everything that the session needs to start.
    pub(super) fn begin(self) -> Result<(Process, NewSession<'a>)> {
        let SessionRequest { session, programs, shard, out, fresh, store, command } = self;
        let at = Utc::now();
        let (names, (programs, paths)): (Vec<_>, (Vec<_>, Vec<_>)) =
            programs.into_iter().map(|(name, program, path)| (name, (program, path))).unzip();
        let file = store.password_file.as_deref();
        let access = Credentials::of(&session.scenarios, file, store.recreate.as_deref())?;
        let claims = claims(&session, out)?;
        let servers = servers(&session, &access)?;
        let executor = Process::new(programs, &session.scenarios, out)?.with_access(access);
        let fingerprints = executor.fingerprints();
        let mut identities: Vec<provenance::ProgramIdentity> = paths
            .into_iter()
            .zip(fingerprints)
            .map(|(path, blake3)| provenance::ProgramIdentity::before(path, blake3.clone()))
            .collect();
        let Some(scenario) = session.scenarios.first().filter(|_| !identities.is_empty()) else {
            return Err(Error::usage("there is nothing to measure"));
        };
        let plan_hash = session.plan_hash();
        let measured = Measured { plan_hash: &plan_hash, started: &iso(at), command: &command };
        let first = identities.remove(0);
        let identity =
            Provenance::before(measured, first, identities, &scenario.store, executor.stores());
        let ids = names.iter().zip(fingerprints);
        let origin = Origin {
            revision: identity.revision.clone(),
            host: identity.machine.host.clone(),
            programs: ids
                .map(|(name, blake3)| ProgramId {
                    name: (*name).to_owned(),
                    blake3: blake3.clone(),
                })
                .collect(),
            servers,
        };
        let line = SessionLine::new(session, origin, shard);
        Ok((executor, NewSession { line, out, fresh, at, identity, claims }))
    }
}

/// Locks all server schemas of a session before any is emptied: a running session may have its rows
/// there.
fn claims(session: &Planned, out: &Path) -> Result<Vec<SchemaLock>> {
    let mut claims: Vec<SchemaLock> = Vec::new();
    let stores = session.scenarios.iter().map(|scenario| &scenario.store);
    for store in stores.filter(|store| store.is_server()) {
        let url = Credentials::url(store)?;
        if claims.iter().all(|claim| !claim.is_of(&url)) {
            claims.push(SchemaLock::of(out, &url)?);
        }
    }
    Ok(claims)
}

/// Servers of a session; each must be reachable and accept the login.
fn servers(session: &Planned, access: &Credentials) -> Result<Vec<ServerId>> {
    let mut servers: Vec<ServerId> = Vec::new();
    let stores = session.scenarios.iter().map(|scenario| &scenario.store);
    for store in stores.filter(|store| store.is_server()) {
        if servers.iter().all(|known| known.url != store.url) {
            let version = access.try_out(store)?;
            servers.push(ServerId { url: store.url.clone(), version });
        }
    }
    Ok(servers)
}
