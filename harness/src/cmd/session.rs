//! One measurement's folder, ledger and identity: begun or taken up again, run to the end, read
//! back. Knows no verb's flags beyond where results go and whether to start afresh.

use std::fs;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::display::Display;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};
use crate::executor::Process;
use crate::identity::{self, Identity};
use crate::ledger::{self, Ledger, Line, PlanLine, Recorded, ResumedLine};
use crate::progress::{self, Progress};
use crate::render;
use crate::results::Folder;
use crate::resume::{self, Unfinished};
use crate::run;

/// A measurement that is about to run, or to go on.
pub(super) struct Session {
    /// Where its results go.
    pub(super) folder: Folder,
    /// What is measured and where, as it was when the measurement began.
    pub(super) identity: Identity,
    progress: Progress,
    ledger: Ledger,
}

/// What a session needs to begin.
pub(super) struct Beginning<'a> {
    /// What is going to happen.
    pub(super) plan: PlanLine,
    /// Where results go.
    pub(super) out: &'a Path,
    /// Leave an unfinished measurement of the same plan alone.
    pub(super) fresh: bool,
    /// When this command began.
    pub(super) at: DateTime<Utc>,
    /// What is measured and where, now.
    pub(super) identity: Identity,
}

impl Session {
    /// Goes on with the unfinished measurement of this plan, or begins one.
    pub(super) fn open(beginning: Beginning<'_>, display: &mut Display) -> Result<Self> {
        let Beginning { plan, out, fresh, .. } = &beginning;
        let earlier = Folder::earlier(out, &plan.scenario.name);
        let unfinished = if *fresh { None } else { resume::find(earlier, plan)? };
        match unfinished {
            Some(unfinished) => Self::go_on(unfinished, beginning, display),
            None => Self::begin(beginning, display),
        }
    }

    fn begin(beginning: Beginning<'_>, display: &mut Display) -> Result<Self> {
        let Beginning { plan, out, at, identity, .. } = beginning;
        let time = at.format("%Y%m%dT%H%M%SZ").to_string();
        let name = &plan.scenario.name;
        let folder = Folder::create(out, name, &time, identity::short_revision())?;
        write_identity(&folder, &identity)?;
        let ledger = Ledger::create(&folder.ledger(), &plan)?;
        announce(&plan, &folder, display);
        Ok(Self { folder, identity, progress: Progress::of(plan), ledger })
    }

    fn go_on(
        unfinished: Unfinished,
        beginning: Beginning<'_>,
        display: &mut Display,
    ) -> Result<Self> {
        let Unfinished { folder, told } = unfinished;
        let mut ledger = Ledger::reopen(&folder.ledger(), told.whole_bytes)?;
        let progress = told.progress;
        if progress.ending.is_none() {
            ledger.append(&Line::Resumed(ResumedLine { at: iso(beginning.at) }))?;
        }
        announce(&progress.plan, &folder, display);
        display.observe(Event::Resumed {
            folder: folder.path(),
            ran: progress.blocks.len(),
            torn_bytes: told.torn_bytes,
        });
        // Its beginning stays its beginning; a file that the crash took with it is made again.
        let text = fs::read_to_string(folder.identity()).unwrap_or_default();
        let identity = serde_json::from_str(&text).unwrap_or(beginning.identity);
        Ok(Self { folder, identity, progress, ledger })
    }

    /// Runs what is left. What is analysed afterwards is what the ledger says, not what was in
    /// memory.
    pub(super) fn measure(
        &mut self,
        executor: &mut Process,
        display: &mut Display,
    ) -> Result<Recorded> {
        if self.progress.ending.is_none() {
            let ran = run::run(&self.progress, executor, &mut self.ledger, display);
            ran.map_err(|error| self.with_ledger(&error))?;
        }
        let path = self.ledger.path();
        let told = progress::tell(&ledger::text(path)?)
            .map_err(|message| Error::environment(format!("{}: {message}", path.display())))?;
        let recorded = told.progress.recorded()?;
        if let Some(report) = recorded.trials.iter().find_map(|line| line.measurement.report()) {
            self.identity.learn(report);
        }
        write_identity(&self.folder, &self.identity)?;
        Ok(recorded)
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

fn announce(plan: &PlanLine, folder: &Folder, display: &mut Display) {
    let PlanLine { scenario, plan, shard, .. } = plan;
    let blocks = plan.blocks_of(*shard);
    let trials = blocks.iter().map(|index| plan.blocks[*index].settings.len()).sum();
    display.observe(Event::Planned { scenario, plan, trials, folder: folder.path() });
}

fn write_identity(folder: &Folder, identity: &Identity) -> Result<()> {
    folder.write("identity.json", &render::pretty(identity)?)
}

/// A point in time as files have it.
pub(super) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
