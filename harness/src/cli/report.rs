//! `harness report`: renders finished sessions again. Several folders are shards of one plan and
//! are merged.

use std::fs;
use std::path::Path;

use super::open_session;
use crate::analysis::sweep::analyse;
use crate::cli::args::ReportArgs;
use crate::cli::display;
use crate::error::{Error, Result};
use crate::experiment::explain::explain;
use crate::experiment::gate::decide;
use crate::experiment::self_test::error_rates::SelfTestResult;
use crate::experiment::tune::summarize;
use crate::report;
use crate::report::build;
use crate::report::model::Document;
use crate::results_dir::ResultsDir;
use crate::session::ledger::Kind;
use crate::session::state;
use crate::session::state::SessionState;
use crate::trial::provenance::Provenance;

/// Runs the verb.
pub(crate) fn run(args: &ReportArgs) -> Result<()> {
    let parts: Result<Vec<_>> = args.results.iter().map(|path| part(path)).collect();
    let recorded = state::merge(parts?)?;
    let document = document(&recorded, &identity(&args.results[0])?)?;
    display::result(&report::render(args.format, &document)?);
    Ok(())
}

/// Analyses a session and builds its document.
fn document(recorded: &SessionState, identity: &Provenance) -> Result<Document> {
    match recorded.session.session.of {
        Kind::Sweep => build::sweep::document(&analyse(recorded)?, recorded, identity),
        Kind::Tune(_) => build::tune::document(&summarize(recorded)?, recorded, identity),
        Kind::Gate(_) => build::gate::document(&decide(recorded)?, recorded, identity),
        Kind::Explain(_) => build::explain::document(&explain(recorded)?, recorded, identity),
        Kind::SelfTest { .. } => {
            let tested = SelfTestResult::of(recorded)?;
            build::self_test::document(&tested, recorded, identity)
        }
    }
}

/// Name of a results folder for messages, and its replayed ledger.
fn part(path: &Path) -> Result<(String, SessionState)> {
    let folder = ResultsDir::existing(path);
    let name = path.display().to_string();
    let recorded = open_session::read(&folder.ledger())?.into_recorded();
    let recorded = recorded.map_err(|error| Error::environment(format!("{name}: {error}")))?;
    if recorded.ending.is_none() {
        return Err(Error::usage(format!(
            "{name} is unfinished; run the command that started it again to resume"
        )));
    }
    Ok((name, recorded))
}

/// Provenance of a results folder.
fn identity(path: &Path) -> Result<Provenance> {
    let path = ResultsDir::existing(path).identity();
    let failed = format!("reading {}", path.display());
    let text = fs::read_to_string(path).map_err(|error| Error::caused(failed.clone(), error))?;
    serde_json::from_str(&text).map_err(|error| Error::caused(failed, error))
}
