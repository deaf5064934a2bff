//! `harness self-test`: measures how often the harness's own verdicts are wrong on this machine and
//! store.

use std::time::Duration;

use super::open_session::{OpenSession, SessionRequest};
use super::reproduce::CommandLine;
use super::resolve_program::program;
use super::resolve_scenario;
use super::write_results;
use crate::cli::args::SelfTestArgs;
use crate::cli::display::Display;
use crate::error::Result;
use crate::experiment::doctor;
use crate::experiment::self_test;
use crate::experiment::self_test::SelfTestStrategy;
use crate::experiment::self_test::error_rates::SelfTestResult;
use crate::report;

/// Budget if neither sessions nor a budget are given.
const BUDGET: Duration = Duration::from_secs(5 * 60);

/// Runs the verb.
pub(crate) fn run(args: &SelfTestArgs, command: &CommandLine) -> Result<()> {
    // Only its baseline runs, so it need not vary anything.
    let scenario = resolve_scenario::any(&args.scenario, args.common.seed, args.common.quick)?;
    let scenario = resolve_scenario::placed(scenario, &args.common.store)?;
    let (program, path) = program(&args.program, &scenario)?;
    let slowed = program.clone().slowed(self_test::planted(&scenario));
    let (sessions, budget) = limits(args);
    let budget_s = budget.map(|budget| budget.as_secs_f64());
    let (mut executor, beginning) = SessionRequest {
        session: self_test::session(scenario, sessions, budget_s),
        programs: vec![("migrator", program, path.clone()), ("slowed migrator", slowed, path)],
        shard: None,
        out: &args.common.out,
        fresh: args.common.fresh,
        store: &args.common.store,
        command: command.to_string(),
    }
    .begin()?;
    let mut display = Display::new(args.common.quiet);
    let mut session = OpenSession::open(beginning, &mut display)?;
    // Inspects the machine before the runs, so that they do not appear as interference.
    let checkup = doctor::inspect(executor.stores());
    let recorded = session.measure(&SelfTestStrategy, &mut executor, &mut display)?;
    let tested = SelfTestResult::of(&recorded).map_err(|error| session.with_ledger(&error))?;
    let machine = report::build::doctor::document(&checkup, "harness doctor")?;
    session.folder.write("doctor.json", &machine.analysis)?;
    session.folder.write("doctor.html", report::html(&machine)?)?;
    let document = report::build::self_test::document(&tested, &recorded, &session.identity)?;
    write_results::write(&session.folder, &document)?;
    write_results::show(args.common.output, &document, &document.analysis, || {
        let folder = session.folder.path().display().to_string();
        Ok(report::text::self_test::text(&tested, &folder))
    })
}

/// The default budget applies if nothing else is given. A `--quick` run has one session of each
/// kind.
fn limits(args: &SelfTestArgs) -> (Option<u32>, Option<Duration>) {
    match (args.sessions, args.budget) {
        (None, None) if args.common.quick => (Some(1), None),
        (None, None) => (None, Some(BUDGET)),
        asked => asked,
    }
}
