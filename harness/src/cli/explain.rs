//! `harness explain`: attributes a difference between settings or programs, and with `--bisect` to
//! a commit.

use std::process::ExitCode;

use migrator::config::Settings;

use super::bisect;
use super::gate::for_programs;
use super::open_session::{OpenSession, SessionRequest};
use super::reproduce::CommandLine;
use super::resolve_arm;
use super::resolve_program::program;
use super::resolve_scenario;
use super::write_results;
use crate::cli::args::ExplainArgs;
use crate::cli::display::Display;
use crate::error::{Error, Result};
use crate::experiment::explain;
use crate::experiment::explain::settings::{BASELINE, asked, is_settings};
use crate::experiment::explain::{ExplainResult, ExplainStrategy};
use crate::report;
use crate::report::model::Document;
use crate::scenario::{self, Scenario};
use crate::session::arms::{ArmRef, GateSpec};
use crate::trial::Program;

/// Runs the verb.
pub(crate) fn run(args: &ExplainArgs, command: &CommandLine) -> Result<ExitCode> {
    let name = args.scenario.as_deref().unwrap_or(scenario::GATE);
    let scenario = resolve_scenario::any(name, args.common.seed, args.common.quick)?;
    let scenario = resolve_scenario::placed(scenario, &args.common.store)?;
    if args.bisect {
        return bisect::run(args, command, for_programs(scenario, args.common.quiet)?);
    }
    let settings = [&args.base, &args.head].map(|arm| is_settings(arm));
    let of_settings = match settings {
        [true, true] => true,
        [true, false] => is_baseline(&args.head)?,
        [false, true] => is_baseline(&args.base)?,
        [false, false] => false,
    };
    let question =
        if of_settings { by_settings(args, scenario)? } else { by_programs(args, scenario)? };
    let (explained, document, session) = measure(args, command, question)?;
    write_results::write(&session.folder, &document)?;
    write_results::show(args.common.output, &document, &document.analysis, || {
        let folder = session.folder.path().display().to_string();
        Ok(report::text::explain::text(&explained, &folder))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// An arm with settings can only be compared with the scenario's baseline or other settings.
fn is_baseline(other: &str) -> Result<bool> {
    if other == BASELINE {
        return Ok(true);
    }
    Err(Error::usage(format!(
        "`{other}` names no settings, but the other arm does: pass name=value,… or {BASELINE} for \
         both, or a program for both"
    )))
}

/// Session to run: arms, scenario and programs.
struct Question<'a> {
    contest: GateSpec,
    scenario: Scenario,
    programs: Vec<(&'a str, Program, Option<String>)>,
}

fn by_settings(args: &ExplainArgs, scenario: Scenario) -> Result<Question<'static>> {
    let baseline = &scenario.settings[scenario.baseline].settings;
    let of = |flag: &str, text: &str| -> Result<Settings> {
        asked(text, baseline).map_err(|message| Error::usage(format!("{flag} {text}: {message}")))
    };
    let (base, head) = (of("--base", &args.base)?, of("--head", &args.head)?);
    if base == head {
        return Err(Error::usage("both arms have the same settings: there is nothing to explain"));
    }
    let (program, path) = program(&args.program, &scenario)?;
    let scenario = explain::of_settings(scenario, &base, &head);
    let side = |name: &str| ArmRef { name: name.into(), commit: None };
    let contest = contest(args, [side(&args.base), side(&args.head)]);
    Ok(Question { contest, scenario, programs: vec![("migrator", program, path)] })
}

fn by_programs(args: &ExplainArgs, scenario: Scenario) -> Result<Question<'static>> {
    if args.program.migrator.is_some() {
        return Err(Error::usage("--migrator would be ignored: --base and --head name programs"));
    }
    if scenario.runner.is_some() {
        return Err(Error::usage(format!(
            "the [runner] of {} would be ignored: --base and --head name programs",
            scenario.name
        )));
    }
    let (base, head) = (resolve_arm::named(&args.base)?, resolve_arm::named(&args.head)?);
    let [base, head] = resolve_arm::arms(
        [(&args.base, base), (&args.head, head)],
        &args.common.out,
        args.common.quiet,
    )?;
    let programs = vec![
        ("base", base.program, Some(base.side.label())),
        ("head", head.program, Some(head.side.label())),
    ];
    let scenario = scenario.baseline_alone();
    resolve_arm::check_runners(&programs, std::slice::from_ref(&scenario))?;
    Ok(Question { contest: contest(args, [base.side, head.side]), scenario, programs })
}

fn contest(args: &ExplainArgs, [base, head]: [ArmRef; 2]) -> GateSpec {
    GateSpec::new(base, head, args.budget.as_secs_f64())
}

fn measure(
    args: &ExplainArgs,
    command: &CommandLine,
    question: Question<'_>,
) -> Result<(ExplainResult, Document, OpenSession)> {
    let Question { contest, scenario, programs } = question;
    let command = command.with_arms([&contest.base, &contest.head]).to_string();
    let (mut executor, beginning) = SessionRequest {
        session: explain::session(contest, scenario),
        programs,
        shard: None,
        out: &args.common.out,
        store: &args.common.store,
        fresh: args.common.fresh,
        command,
    }
    .begin()?;
    let mut display = Display::new(args.common.quiet);
    let mut session = OpenSession::open(beginning, &mut display)?;
    let recorded = session.measure(&ExplainStrategy, &mut executor, &mut display)?;
    session.check_validity(&recorded)?;
    let explained =
        explain::explain(&recorded).map_err(|error| session.without_analysis(&recorded, &error))?;
    let document = report::build::explain::document(&explained, &recorded, &session.identity)?;
    Ok((explained, document, session))
}
