//! `harness sweep`: measures one scenario, from the plan to the results folder.

use super::open_session::{OpenSession, SessionRequest};
use super::reproduce::CommandLine;
use super::resolve_program::program;
use super::resolve_scenario;
use super::write_results;
use crate::analysis::sweep::{Analysis, analyse};
use crate::cli::args::{SweepArgs, SweepFlags};
use crate::cli::display::Display;
use crate::error::{Error, Result};
use crate::experiment::sweep::SweepStrategy;
use crate::report;
use crate::results_dir::ResultsDir;
use crate::scenario::{Records, Scenario};
use crate::session::ledger;

/// Runs the verb.
pub(crate) fn run(args: &SweepArgs, command: &CommandLine) -> Result<()> {
    let flags = &args.flags;
    let scenario = resolve_scenario::load(&args.scenario, flags.common.seed, flags.common.quick)?;
    let scenario = resolve_scenario::placed(scenario, &flags.common.store)?;
    check_shard(flags, &scenario)?;
    let (program, path) = program(&flags.program, &scenario)?;
    let (mut executor, beginning) = SessionRequest {
        session: ledger::Session::sweep(scenario),
        programs: vec![("migrator", program, path)],
        shard: flags.shard,
        out: &flags.common.out,
        fresh: flags.common.fresh,
        store: &flags.common.store,
        command: command.to_string(),
    }
    .begin()?;
    let mut display = Display::new(flags.common.quiet);
    let mut session = OpenSession::open(beginning, &mut display)?;
    let recorded = session.measure(&SweepStrategy, &mut executor, &mut display)?;
    let analysis =
        analyse(&recorded).map_err(|error| session.without_analysis(&recorded, &error))?;
    let document = report::build::sweep::document(&analysis, &recorded, &session.identity)?;
    write_results::write(&session.folder, &document)?;
    write_results::show(flags.common.output, &document, &report::metrics(&document)?, || {
        Ok(text(&analysis, &session.folder))
    })?;
    session.check_validity(&recorded)?;
    complete(&analysis)
}

/// With `records = "auto"`, each machine would choose another number and run another plan.
fn check_shard(flags: &SweepFlags, scenario: &Scenario) -> Result<()> {
    match (flags.shard, scenario.workload.records) {
        (Some(shard), Records::Auto { .. }) => Err(Error::usage(format!(
            "--shard {shard} needs a number in [workload] records: every machine would find \
             another one for \"auto\""
        ))),
        _ => Ok(()),
    }
}

/// Table and summary for the terminal.
fn text(analysis: &Analysis, folder: &ResultsDir) -> String {
    let folder = folder.path().display().to_string();
    report::text::sweep::table(analysis) + &report::text::words::summary(analysis, &folder)
}

/// A sweep with an unmeasured setting is not complete.
fn complete(analysis: &Analysis) -> Result<()> {
    if analysis.unmeasured.is_empty() {
        return Ok(());
    }
    let reason = analysis.failed.iter().find(|run| analysis.unmeasured.contains(&run.setting));
    let reason = reason.map(|run| format!(": {}", run.reason)).unwrap_or_default();
    let settings = analysis.unmeasured.join(", ");
    Err(Error::environment(format!("no run of {settings} finished{reason}")))
}
