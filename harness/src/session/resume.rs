//! Finds the earlier measurement that a command resumes, and checks that it may.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::results_dir::ResultsDir;
use crate::scenario::schedule::Shard;
use crate::session::ledger;
use crate::session::ledger::{Ending, FORMAT_VERSION, SessionLine};
use crate::session::replay;
use crate::session::replay::ParsedLedger;
use crate::session::state::SessionState;

/// An interrupted measurement.
#[derive(Debug)]
pub struct UnfinishedSession {
    /// Folder of the session.
    pub folder: ResultsDir,
    /// Its ledger.
    pub told: ParsedLedger,
}

/// Fields of a ledger's first line in every format.
#[derive(Debug, Deserialize)]
struct LedgerHead {
    format: u32,
    plan_hash: String,
    shard: Option<Shard>,
}

/// Newest earlier session of a plan; all verbs resume by this rule.
#[derive(Debug)]
pub enum PreviousSession {
    /// None, or one without a result for this plan on this machine.
    None,
    /// It was interrupted and can resume.
    Resumable(Box<UnfinishedSession>),
    /// Completed by the same programs on the same machine.
    Ended(Box<SessionState>),
}

/// Finds the newest session of this plan. Older ones do not count: a session left behind by
/// `--fresh` is not resumed after its successor has ended. Fails if the newest one is unfinished
/// and cannot resume. Results of two revisions, machines or programs are not one measurement.
pub fn newest(earlier: Vec<ResultsDir>, session: &SessionLine) -> Result<PreviousSession> {
    for folder in earlier {
        // A folder without a readable or complete ledger is not a measurement of this plan.
        let Ok(text) = ledger::text(&folder.ledger()) else {
            continue;
        };
        let ours = |first: &LedgerHead| {
            first.plan_hash == session.plan_hash && first.shard == session.shard
        };
        let Some(first) = first(&text).filter(ours) else {
            continue;
        };
        return decide(folder, &text, &first, session);
    }
    Ok(PreviousSession::None)
}

fn first(text: &str) -> Option<LedgerHead> {
    serde_json::from_str(text.lines().next()?).ok()
}

fn decide(
    folder: ResultsDir,
    text: &str,
    first: &LedgerHead,
    session: &SessionLine,
) -> Result<PreviousSession> {
    if first.format != FORMAT_VERSION {
        let difference = format!("format {} instead of {FORMAT_VERSION}", first.format);
        return if folder.is_reported() {
            Ok(PreviousSession::None)
        } else {
            Err(refused(&folder, &difference))
        };
    }
    let told = replay::parse_ledger(text).map_err(|message| {
        let message = format!("it cannot be read: {message}");
        refused(&folder, &message)
    })?;
    let recorded = told.progress.recorded();
    let differences = session.origin.differences(&recorded.session.origin);
    let ours = differences.is_empty();
    match recorded.ending {
        // An invalid session is measured again.
        Some(Ending::Invalid) => Ok(PreviousSession::None),
        Some(Ending::Differs) if !folder.is_reported() => Ok(PreviousSession::None),
        Some(Ending::Complete | Ending::Differs) if folder.is_reported() => {
            let ended = told.progress.into_recorded().ok().filter(|_| ours).map(Box::new);
            Ok(ended.map_or(PreviousSession::None, PreviousSession::Ended))
        }
        Some(Ending::Complete | Ending::Differs) | None if ours => {
            Ok(PreviousSession::Resumable(Box::new(UnfinishedSession { folder, told })))
        }
        Some(Ending::Complete | Ending::Differs) | None => {
            Err(refused(&folder, &differences.join(", ")))
        }
    }
}

fn refused(folder: &ResultsDir, difference: &str) -> Error {
    Error::usage(format!(
        "{} holds an unfinished measurement of this plan that cannot go on: {difference}; \
         `--fresh` starts a new one",
        folder.path().display()
    ))
}
