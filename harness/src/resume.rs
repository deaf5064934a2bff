//! Which earlier measurement a command goes on with, and whether it may. Reads ledgers and changes
//! none.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::ledger::{self, Ending, FORMAT_VERSION, SessionLine};
use crate::plan::Shard;
use crate::progress::{self, Told};
use crate::results::Folder;

/// A measurement that was cut off.
#[derive(Debug)]
pub struct Unfinished {
    /// Where it is.
    pub folder: Folder,
    /// What its ledger says.
    pub told: Told,
}

/// What the first line of a ledger has in every format.
#[derive(Debug, Deserialize)]
struct First {
    format: u32,
    plan_hash: String,
    shard: Option<Shard>,
}

/// The measurement of this plan that was cut off, if its newest was. Only the newest counts: one
/// that `--fresh` has left behind is not to be taken up when its successor has ended. An error
/// where it may not be gone on with: figures of two revisions, machines or programs are not one
/// measurement.
pub fn find(earlier: Vec<Folder>, session: &SessionLine) -> Result<Option<Unfinished>> {
    for folder in earlier {
        // A folder without a readable ledger, or with none yet, is no measurement of this plan.
        let Ok(text) = ledger::text(&folder.ledger()) else {
            continue;
        };
        let ours =
            |first: &First| first.plan_hash == session.plan_hash && first.shard == session.shard;
        let Some(first) = first(&text).filter(ours) else {
            continue;
        };
        return decide(folder, &text, &first, session);
    }
    Ok(None)
}

fn first(text: &str) -> Option<First> {
    serde_json::from_str(text.lines().next()?).ok()
}

fn decide(
    folder: Folder,
    text: &str,
    first: &First,
    session: &SessionLine,
) -> Result<Option<Unfinished>> {
    if first.format != FORMAT_VERSION {
        let difference = format!("format {} instead of {FORMAT_VERSION}", first.format);
        return if folder.is_reported() { Ok(None) } else { Err(refused(&folder, &difference)) };
    }
    let told = progress::tell(text).map_err(|message| {
        let message = format!("it cannot be read: {message}");
        refused(&folder, &message)
    })?;
    let recorded = told.progress.recorded();
    match recorded.ending {
        Some(Ending::Differs | Ending::Invalid) => return Ok(None),
        Some(Ending::Complete) if folder.is_reported() => return Ok(None),
        Some(Ending::Complete) | None => {}
    }
    let differences = session.origin.differences(&recorded.session.origin);
    if differences.is_empty() {
        return Ok(Some(Unfinished { folder, told }));
    }
    Err(refused(&folder, &differences.join(", ")))
}

fn refused(folder: &Folder, difference: &str) -> Error {
    Error::usage(format!(
        "{} holds an unfinished measurement of this plan that cannot go on: {difference}; \
         `--fresh` starts a new one",
        folder.path().display()
    ))
}
