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
use crate::report::Format;
use crate::results_dir::ResultsDir;
use crate::session::ledger::Kind;
use crate::session::state;
use crate::session::state::SessionState;
use crate::trial::provenance::Provenance;

/// Runs the verb.
pub fn run(args: &ReportArgs) -> Result<()> {
    let parts: Result<Vec<_>> = args.results.iter().map(|path| part(path)).collect();
    let recorded = state::merge(parts?)?;
    let text = match recorded.session.session.of {
        Kind::Sweep => sweep(args, &recorded)?,
        Kind::Tune(_) => tune(args, &recorded)?,
        Kind::Gate(_) => gate(args, &recorded)?,
        Kind::Explain(_) => explained(args, &recorded)?,
        Kind::SelfTest { .. } => self_test(args, &recorded)?,
    };
    display::result(&text);
    Ok(())
}

fn sweep(args: &ReportArgs, recorded: &SessionState) -> Result<String> {
    let analysis = analyse(recorded)?;
    if args.format == Format::Json {
        return report::pretty(&analysis);
    }
    let identity = identity(&args.results[0])?;
    let document = report::build::sweep::document(&analysis, recorded, &identity);
    report::render(args.format, &document)
}

fn tune(args: &ReportArgs, recorded: &SessionState) -> Result<String> {
    let tune_result = summarize(recorded)?;
    if args.format == Format::Json {
        return report::pretty(&tune_result);
    }
    let identity = identity(&args.results[0])?;
    let document = report::build::tune::document(&tune_result, recorded, &identity)?;
    report::render(args.format, &document)
}

fn self_test(args: &ReportArgs, recorded: &SessionState) -> Result<String> {
    let tested = SelfTestResult::of(recorded)?;
    match args.format {
        Format::Json => report::pretty(&tested),
        Format::Markdown => {
            let command = identity(&args.results[0])?.command;
            Ok(report::text::self_test::markdown(&tested, None, &command))
        }
        _ => Err(Error::usage("`self-test` results support only --format markdown and json")),
    }
}

fn explained(args: &ReportArgs, recorded: &SessionState) -> Result<String> {
    let explained = explain(recorded)?;
    match args.format {
        Format::Json => report::pretty(&explained),
        Format::Markdown => {
            let command = identity(&args.results[0])?.command;
            Ok(report::text::explain::markdown(&explained, &command))
        }
        _ => Err(Error::usage("`explain` results support only --format markdown and json")),
    }
}

fn gate(args: &ReportArgs, recorded: &SessionState) -> Result<String> {
    let gated = decide(recorded)?;
    if args.format == Format::Json {
        return report::pretty(&gated);
    }
    let identity = identity(&args.results[0])?;
    report::render(args.format, &report::build::gate::document(&gated, recorded, &identity))
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
