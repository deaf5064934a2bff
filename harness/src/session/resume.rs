//! Which earlier measurement a command goes on with, and whether it may. Reads ledgers and changes
//! none.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::results_dir::ResultsDir;
use crate::scenario::schedule::Shard;
use crate::session::ledger;
use crate::session::ledger::{Ending, FORMAT_VERSION, SessionLine};
use crate::session::replay;
use crate::session::replay::ParsedLedger;
use crate::session::state::SessionState;

/// A measurement that was cut off.
#[derive(Debug)]
pub struct UnfinishedSession {
    /// Where it is.
    pub folder: ResultsDir,
    /// What its ledger says.
    pub told: ParsedLedger,
}

/// What the first line of a ledger has in every format.
#[derive(Debug, Deserialize)]
struct LedgerHead {
    format: u32,
    plan_hash: String,
    shard: Option<Shard>,
}

/// The newest earlier measurement of a plan, by the one rule on which all of them are taken up.
#[derive(Debug)]
pub enum PreviousSession {
    /// There is none, or one that says nothing of this plan here and now.
    None,
    /// It was cut off, and can go on.
    Resumable(Box<UnfinishedSession>),
    /// It has ended, by the same programs on the same machine, and said something.
    Ended(Box<SessionState>),
}

/// The newest measurement of this plan. Only that one counts: one that `--fresh` has left behind is
/// not to be taken up when its successor has ended. An error where it was cut off and may not be
/// gone on with: figures of two revisions, machines or programs are not one measurement.
pub fn newest(earlier: Vec<ResultsDir>, session: &SessionLine) -> Result<PreviousSession> {
    for folder in earlier {
        // A folder without a readable ledger, or with none yet, is no measurement of this plan.
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
        // An invalid one says nothing, and is measured again.
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
