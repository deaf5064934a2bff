//! `harness gate`: compares a program with its baseline, for a verdict and an exit code.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::open_session::{OpenSession, SessionRequest};
use super::reproduce::CommandLine;
use super::resolve_arm;
use super::resolve_arm::ArmTarget;
use super::resolve_scenario;
use super::write_results;
use crate::cli::args::GateArgs;
use crate::cli::display;
use crate::cli::display::Display;
use crate::error::{Error, Result};
use crate::experiment::gate;
use crate::experiment::gate::{GateStrategy, decide};
use crate::report;
use crate::scenario::{self, Records, Scenario};
use crate::session::arms::{ArmRef, GateSpec, StoredBaseline};
use crate::trial::Program;

/// Variable with the file to which a GitHub Actions step appends its summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Runs the verb.
pub(crate) fn run(args: &GateArgs, command: &CommandLine) -> Result<ExitCode> {
    let mut scenarios = scenarios(args)?;
    let (base, head) = (resolve_arm::named(&args.base)?, resolve_arm::named(&args.head)?);
    let stored = stored(args, &base, &mut scenarios)?;
    let times_accepted = stored.as_ref().is_some_and(|stored| stored.times_accepted);
    let ((sides, programs), earlier) = match base {
        ArmTarget::Results(earlier) if times_accepted => (head_alone(args, head)?, Some(earlier)),
        base => (both(args, base, head)?, None),
    };
    resolve_arm::check_runners(&programs, &scenarios)?;
    let [base, head] = sides;
    let command = command.with_arms([&base, &head]).to_string();
    let contest = GateSpec {
        one_program: stored.is_none() && !args.measure_anyway && is_one_program(&programs)?,
        accept_failing_base: args.accept_failing_base,
        stored,
        ..GateSpec::new(base, head, args.budget.as_secs_f64())
    };
    let (mut executor, beginning) = SessionRequest {
        session: gate::session(contest, scenarios),
        programs,
        shard: None,
        out: &args.common.out,
        fresh: args.common.fresh,
        store: &args.common.store,
        command,
    }
    .begin()?;
    if let Some(earlier) = earlier {
        earlier.check_place(&beginning.identity, &beginning.line.origin)?;
    }
    let mut display = Display::new(args.common.quiet);
    let mut session = OpenSession::open(beginning, &mut display)?;
    let recorded = session.measure(&GateStrategy, &mut executor, &mut display)?;
    let gated = decide(&recorded).map_err(|error| session.with_ledger(&error))?;
    let document = report::build::gate::document(&gated, &recorded, &session.identity)?;
    write_results::write(&session.folder, &document)?;
    write_results::show(args.common.output, &document, &document.analysis, || {
        Ok(report::text::gate::text(&gated, &session.folder.path().display().to_string()))
    })?;
    // An unwritable summary does not change the verdict.
    if let Err(error) = summarize(&report::markdown(&document)?) {
        display::complain(&error);
    }
    Ok(ExitCode::from(gated.exit_code))
}

/// Scenarios to run. Two with the same name would be one comparison.
fn scenarios(args: &GateArgs) -> Result<Vec<Scenario>> {
    let named = args.scenario.iter().map(String::as_str);
    let default = args.scenario.is_empty().then_some(scenario::GATE);
    let load = |name: &str| {
        let scenario = resolve_scenario::any(name, args.common.seed, args.common.quick)?;
        for_programs(resolve_scenario::placed(scenario, &args.common.store)?, args.common.quiet)
    };
    let scenarios: Vec<Scenario> = named.chain(default).map(load).collect::<Result<_>>()?;
    for (index, scenario) in scenarios.iter().enumerate() {
        if scenarios[..index].iter().any(|other| other.name == scenario.name) {
            return Err(Error::usage(format!(
                "two scenarios are named {}; rename one",
                scenario.name
            )));
        }
        if scenario.runner.is_some() {
            return Err(Error::usage(format!(
                "the [runner] of {} would be ignored: what a gate compares is named by --base and \
                 --head, which take such a file as well",
                scenario.name
            )));
        }
    }
    Ok(scenarios)
}

/// Scenario for comparing programs: its baseline, without a sweep.
pub(super) fn for_programs(scenario: Scenario, quiet: bool) -> Result<Scenario> {
    if gate::is_reserved(&scenario.name) {
        return Err(Error::usage(format!(
            "`{}` is the name of a built-in gate step; rename the scenario",
            scenario.name
        )));
    }
    if scenario.swept.is_empty() {
        return Ok(scenario);
    }
    if !quiet {
        let name = &scenario.name;
        display::say(&format!(
            "the [sweep] of {name} is ignored: programs run with its [baseline]"
        ));
    }
    Ok(scenario.baseline_alone())
}

/// Stored results of the baseline, if --base names a session. New runs then use the same number of
/// records.
fn stored(
    args: &GateArgs,
    base: &ArmTarget,
    scenarios: &mut [Scenario],
) -> Result<Option<StoredBaseline>> {
    let ArmTarget::Results(earlier) = base else {
        return if args.accept_stored_times {
            Err(Error::usage("--accept-stored-times would be ignored: --base names no results"))
        } else {
            Ok(None)
        };
    };
    let stored = earlier.stored(scenarios, args.accept_stored_times)?;
    for workload in &stored.workloads {
        if let Some(records) = std::num::NonZeroU32::new(workload.records) {
            scenarios[workload.scenario].workload.records = Records::Fixed(records);
        }
    }
    Ok(Some(stored))
}

/// True if both arms are one program. Arguments, environment and scenario are the same for both.
fn is_one_program(programs: &[(&str, Program, Option<String>)]) -> Result<bool> {
    match programs {
        [(_, base, _), (_, head, _)] => base.is_same_as(head),
        _ => Ok(false),
    }
}

/// Names of the arms, and their programs for the executor.
type Arms<'a> = ([ArmRef; 2], Vec<(&'a str, Program, Option<String>)>);

fn both(args: &GateArgs, base: ArmTarget, head: ArmTarget) -> Result<Arms<'static>> {
    let [base, head] = resolve_arm::arms(
        [(&args.base, base), (&args.head, head)],
        &args.common.out,
        args.common.quiet,
    )?;
    let programs = vec![
        ("base", base.program, Some(base.side.label())),
        ("head", head.program, Some(head.side.label())),
    ];
    Ok(([base.side, head.side], programs))
}

/// With stored times of the baseline, only the head runs.
fn head_alone(args: &GateArgs, head: ArmTarget) -> Result<Arms<'static>> {
    let head = resolve_arm::arm((&args.head, head), &args.common.out, args.common.quiet)?;
    let base = ArmRef { name: args.base.clone(), commit: None };
    let programs = vec![("head", head.program, Some(head.side.label()))];
    Ok(([base, head.side], programs))
}

/// Appends the report to the summary of a CI step, if there is one.
fn summarize(report: &str) -> Result<()> {
    let Some(path) = env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let path = PathBuf::from(path);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(report.as_bytes()))
        .map_err(|error| Error::caused(format!("writing {}", path.display()), error))
}
