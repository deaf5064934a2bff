//! `harness tune`: measures a plan of phases, from the first run to the results folder.

use super::open_session::{OpenSession, SessionRequest};
use super::reproduce::CommandLine;
use super::resolve_program::program;
use super::resolve_scenario;
use super::write_results;
use crate::cli::args::TuneArgs;
use crate::cli::display::Display;
use crate::error::Result;
use crate::experiment::tune::{TuneStrategy, summarize};
use crate::report;
use crate::session::ledger;

/// Runs the verb.
pub(crate) fn run(args: &TuneArgs, command: &CommandLine) -> Result<()> {
    let flags = &args.flags.common;
    let part = &args.flags.part;
    let (base, plan) = resolve_scenario::load_plan(&args.scenario, part, flags.seed, flags.quick)?;
    let base = resolve_scenario::placed(base, &flags.store)?;
    let (program, path) = program(&args.flags.program, &base)?;
    let (mut executor, beginning) = SessionRequest {
        session: ledger::Session::tune(base, plan),
        programs: vec![("migrator", program, path)],
        shard: None,
        out: &flags.out,
        fresh: flags.fresh,
        store: &flags.store,
        command: command.to_string(),
    }
    .begin()?;
    let mut display = Display::new(flags.quiet);
    let mut session = OpenSession::open(beginning, &mut display)?;
    let recorded = session.measure(&TuneStrategy, &mut executor, &mut display)?;
    let tune_result =
        summarize(&recorded).map_err(|error| session.without_analysis(&recorded, &error))?;
    let document = report::build::tune::document(&tune_result, &recorded, &session.identity)?;
    write_results::write(&session.folder, &document)?;
    write_results::show(flags.output, &document, &report::metrics(&document)?, || {
        let folder = session.folder.path().display().to_string();
        report::text::tune::summary(&tune_result, &folder)
    })?;
    session.check_validity(&recorded)
}
