//! One measurement's folder, ledger and identity: begun or taken up again, run to the end, read
//! back. Knows no verb's flags beyond where results go and whether to start afresh.

use std::fs;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::analysis::sweep;
use crate::cli::args::StoreArgs;
use crate::cli::display::Display;
use crate::error::{Error, ErrorKind, Result};
use crate::report;
use crate::results_dir::Folder;
use crate::scenario::schedule::Shard;
use crate::session::event::{Event, Observer};
use crate::session::ledger;
use crate::session::ledger::{
    Ending, Ledger, Line, Origin, ProgramId, ResumedLine, ServerId, Session as Planned, SessionLine,
};
use crate::session::replay;
use crate::session::replay::Progress;
use crate::session::resume;
use crate::session::resume::{Earlier, Unfinished};
use crate::session::runner;
use crate::session::schema_lock::Claim;
use crate::session::state::Recorded;
use crate::session::strategy::Strategy;
use crate::trial::provenance;
use crate::trial::provenance::{Identity, Measured};
use crate::trial::{Access, Executor, Process, Program};

/// A measurement that is about to run, or to go on.
pub(super) struct Session {
    /// Where its results go.
    pub(super) folder: Folder,
    /// What is measured and where, as it was when the measurement began.
    pub(super) identity: Identity,
    progress: Progress,
    ledger: Ledger,
    /// Held until it ends.
    _claims: Vec<Claim>,
}

/// What a session needs to begin.
pub(super) struct Beginning<'a> {
    /// What is planned, and who measures.
    pub(super) line: SessionLine,
    /// Where results go.
    pub(super) out: &'a Path,
    /// Leave an unfinished measurement of the same plan alone.
    pub(super) fresh: bool,
    /// When this command began.
    pub(super) at: DateTime<Utc>,
    /// What is measured and where, now.
    pub(super) identity: Identity,
    /// The servers' schemas that it empties.
    claims: Vec<Claim>,
}

impl Beginning<'_> {
    /// The newest measurement of this plan, where that has ended: it need not be done again.
    pub(super) fn ended(&self) -> Result<Option<Recorded>> {
        match self.earlier()? {
            Earlier::Ended(recorded) => Ok(Some(*recorded)),
            Earlier::None | Earlier::Unfinished(_) => Ok(None),
        }
    }

    fn earlier(&self) -> Result<Earlier> {
        if self.fresh {
            return Ok(Earlier::None);
        }
        resume::newest(Folder::earlier(self.out, &self.line.session.name), &self.line)
    }
}

impl Session {
    /// Goes on with the unfinished measurement of this plan, or begins one.
    pub(super) fn open(beginning: Beginning<'_>, display: &mut Display) -> Result<Self> {
        match beginning.earlier()? {
            Earlier::Unfinished(unfinished) => Self::go_on(*unfinished, beginning, display),
            Earlier::None | Earlier::Ended(_) => Self::begin(beginning, display),
        }
    }

    fn begin(beginning: Beginning<'_>, display: &mut Display) -> Result<Self> {
        let Beginning { line, out, at, identity, claims, .. } = beginning;
        let time = at.format("%Y%m%dT%H%M%SZ").to_string();
        let name = &line.session.name;
        let fill = |folder: &Folder| {
            write_identity(folder, &identity)?;
            Ledger::create(&folder.ledger(), &line)
        };
        let (folder, ledger) =
            Folder::create(out, name, &time, provenance::short_revision(), fill)?;
        let ledger = ledger.moved(folder.ledger());
        display.observe(Event::Opened { session: &line.session, folder: folder.path() });
        let progress = Progress::of(line);
        Ok(Self { folder, identity, progress, ledger, _claims: claims })
    }

    fn go_on(
        unfinished: Unfinished,
        beginning: Beginning<'_>,
        display: &mut Display,
    ) -> Result<Self> {
        let Unfinished { folder, told } = unfinished;
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
        // Its beginning stays its beginning; a file that the crash took with it is made again.
        let text = fs::read_to_string(folder.identity()).unwrap_or_default();
        let identity = serde_json::from_str(&text).unwrap_or(beginning.identity);
        Ok(Self { folder, identity, progress, ledger, _claims: beginning.claims })
    }

    /// Runs what is left. What is analysed afterwards is what the ledger says, not what was in
    /// memory.
    pub(super) fn measure(
        &mut self,
        strategy: &dyn Strategy,
        executor: &mut dyn Executor,
        display: &mut Display,
    ) -> Result<Recorded> {
        if self.progress.recorded().ending.is_none() {
            let progress = self.progress.clone();
            let ran = runner::run(progress, strategy, executor, &mut self.ledger, display);
            ran.map_err(|error| self.with_ledger(&error))?;
        }
        let recorded = read(self.ledger.path())?.into_recorded()?;
        for (program, report) in first_reports(&recorded) {
            self.identity.learn(program, report);
        }
        write_identity(&self.folder, &self.identity)?;
        Ok(recorded)
    }

    /// What has run cannot be analysed, and running the same command again would not change that.
    pub(super) fn without_analysis(&self, error: &Error) -> Error {
        let error = self.with_ledger(error);
        if error.kind() == ErrorKind::Invalid {
            // What is invalid is not gone on with: the same command begins anew by itself.
            return error;
        }
        Error::new(error.kind(), format!("{error}; `--fresh` measures anew"))
    }

    /// A session of which too much was void has not done what was asked for.
    pub(super) fn check_validity(&self, recorded: &Recorded) -> Result<()> {
        if recorded.ending != Some(Ending::Invalid) {
            return Ok(());
        }
        let mut void = recorded.steps.iter().filter(|ran| ran.invalid).flat_map(|ran| &ran.voided);
        let first = void.next().map(|voided| voided.disturbance.to_string());
        Err(self.with_ledger(&sweep::invalid(&first.unwrap_or_default())))
    }

    /// The error, and where to look.
    pub(super) fn with_ledger(&self, error: &Error) -> Error {
        let separator = if error.kind() == ErrorKind::WrongResult { "\n" } else { "; " };
        let ledger = self.folder.ledger();
        let go_on = match error.kind() {
            ErrorKind::Interrupted => "; the same command goes on",
            _ => "",
        };
        let message = format!("{error}{separator}what ran is in {}{go_on}", ledger.display());
        Error::new(error.kind(), message)
    }
}

/// What a ledger says.
pub(super) fn read(path: &Path) -> Result<Progress> {
    let told = replay::tell(&ledger::text(path)?)
        .map_err(|message| Error::environment(format!("{}: {message}", path.display())))?;
    Ok(told.progress)
}

/// The first report of every program, by its index.
fn first_reports(recorded: &Recorded) -> Vec<(usize, &migrator::telemetry::report::RunReport)> {
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

fn write_identity(folder: &Folder, identity: &Identity) -> Result<()> {
    folder.write("identity.json", &report::pretty(identity)?)
}

/// A point in time as files have it.
pub(super) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What a verb measures, and how it is asked to.
pub(super) struct Asked<'a> {
    /// What is planned.
    pub(super) session: Planned,
    /// The programs under test, each with the name that is the same for every build of it, and what
    /// the user called it, if it is not the harness's own.
    pub(super) programs: Vec<(&'a str, Program, Option<String>)>,
    /// The part of every step that this machine takes.
    pub(super) shard: Option<Shard>,
    /// Where results go.
    pub(super) out: &'a Path,
    /// Leave an unfinished measurement of the same plan alone.
    pub(super) fresh: bool,
    /// What a server asks for.
    pub(super) store: &'a StoreArgs,
    /// The command that measures the same again.
    pub(super) command: String,
}

impl<'a> Asked<'a> {
    /// The executor of these programs, and how the session begins.
    pub(super) fn begin(self) -> Result<(Process, Beginning<'a>)> {
        let Asked { session, programs, shard, out, fresh, store, command } = self;
        let at = Utc::now();
        let (names, (programs, paths)): (Vec<_>, (Vec<_>, Vec<_>)) =
            programs.into_iter().map(|(name, program, path)| (name, (program, path))).unzip();
        let file = store.password_file.as_deref();
        let access = Access::of(&session.scenarios, file, store.recreate.as_deref())?;
        let claims = claims(&session, out)?;
        let servers = servers(&session, &access)?;
        let executor = Process::new(programs, &session.scenarios, out)?.with_access(access);
        let fingerprints = executor.fingerprints();
        let mut identities: Vec<provenance::Program> = paths
            .into_iter()
            .zip(fingerprints)
            .map(|(path, blake3)| provenance::Program::before(path, blake3.clone()))
            .collect();
        let Some(scenario) = session.scenarios.first().filter(|_| !identities.is_empty()) else {
            return Err(Error::usage("there is nothing to measure"));
        };
        let plan_hash = session.plan_hash();
        let measured = Measured { plan_hash: &plan_hash, started: &iso(at), command: &command };
        let first = identities.remove(0);
        let identity =
            Identity::before(measured, first, identities, &scenario.store, executor.stores());
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
        Ok((executor, Beginning { line, out, fresh, at, identity, claims }))
    }
}

/// The schemas of a session's servers. Before any is emptied: a session that runs already has its
/// rows there.
fn claims(session: &Planned, out: &Path) -> Result<Vec<Claim>> {
    let mut claims: Vec<Claim> = Vec::new();
    let stores = session.scenarios.iter().map(|scenario| &scenario.store);
    for store in stores.filter(|store| store.is_server()) {
        let url = Access::url(store)?;
        if claims.iter().all(|claim| !claim.is_of(&url)) {
            claims.push(Claim::of(out, &url)?);
        }
    }
    Ok(claims)
}

/// The servers of a session, each of which is there and lets us in.
fn servers(session: &Planned, access: &Access) -> Result<Vec<ServerId>> {
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
