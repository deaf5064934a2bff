//! `harness self-test`: how often the harness's own verdicts are wrong on this machine and store.

use std::time::Duration;

use super::load;
use super::session::{Asked, Session};
use super::sweep::{program, quoted, stored};
use crate::args::SelfTestArgs;
use crate::display::{self, Display};
use crate::doctor;
use crate::error::Result;
use crate::render;
use crate::results;
use crate::scenario;
use crate::self_test::rates::SelfTested;
use crate::self_test::{self, SelfTest};

/// Where neither sessions nor a budget are asked for.
const BUDGET: Duration = Duration::from_secs(5 * 60);

/// Runs the verb.
pub fn run(args: &SelfTestArgs) -> Result<()> {
    // Its baseline alone is run, so it need not vary anything.
    let scenario = load::any(&args.scenario, args.seed, args.quick)?;
    let scenario = load::placed(scenario, &args.store)?;
    let (program, path) = program(args.migrator.as_deref(), &scenario)?;
    let slowed = program.clone().slowed(self_test::planted(&scenario));
    let (sessions, budget) = limits(args);
    let budget_s = budget.map(|budget| budget.as_secs_f64());
    let (mut executor, beginning) = Asked {
        session: self_test::session(scenario, sessions, budget_s),
        programs: vec![("migrator", program, path.clone()), ("slowed migrator", slowed, path)],
        shard: None,
        out: &args.out,
        fresh: args.fresh,
        store: &args.store,
        command: command(args),
    }
    .begin()?;
    let mut display = Display::new(args.quiet);
    let mut session = Session::open(beginning, &mut display)?;
    // Before the runs: what goes on beside them is what is to be seen, not they.
    let checkup = doctor::look(executor.stores());
    let recorded = session.measure(&SelfTest, &mut executor, &mut display)?;
    let tested = SelfTested::of(&recorded).map_err(|error| session.with_ledger(&error))?;
    let (folder, json) = (&session.folder, render::pretty(&tested)?);
    folder.write("self-test.json", &json)?;
    let report = render::self_test::markdown(&tested, Some(&checkup), &session.identity.command);
    folder.write(results::LAST_FILE, &report)?;
    if args.json {
        display::result(&json);
    } else {
        display::result(&render::self_test::text(&tested, &folder.path().display().to_string()));
    }
    Ok(())
}

/// The default budget holds where nothing else is asked for; a quick look takes one session of each
/// kind.
fn limits(args: &SelfTestArgs) -> (Option<u32>, Option<Duration>) {
    match (args.sessions, args.budget) {
        (None, None) if args.quick => (Some(1), None),
        (None, None) => (None, Some(BUDGET)),
        asked => asked,
    }
}

/// The command that measures the same again.
fn command(args: &SelfTestArgs) -> String {
    let mut words = vec!["harness".to_owned(), "self-test".into()];
    let (sessions, budget) = (args.sessions.map(|n| n.to_string()), args.budget);
    let budget = budget.map(|budget| humantime::format_duration(budget).to_string());
    let path = args.migrator.as_ref().map(|path| path.display().to_string());
    let seed = args.seed.map(|seed| seed.to_string());
    if args.scenario != scenario::DEFAULT {
        words.push(quoted(&args.scenario));
    }
    if args.quick {
        words.push("--quick".into());
    }
    for (flag, value) in
        [("--sessions", sessions), ("--budget", budget), ("--seed", seed), ("--migrator", path)]
    {
        words.extend(value.into_iter().flat_map(|value| [flag.into(), quoted(&value)]));
    }
    words.extend(stored(&args.store));
    words.join(" ")
}
