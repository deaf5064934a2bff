//! The verbs: one file each, and the way from a command line to an exit code.

pub(crate) mod args;
mod bisect;
mod build_ref;
pub(crate) mod display;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod judge;
mod open_session;
pub(crate) mod plan;
pub(crate) mod report;
mod reproduce;
mod resolve_arm;
mod resolve_program;
mod resolve_scenario;
pub(crate) mod self_test;
pub(crate) mod sweep;
pub(crate) mod tune;
mod write_results;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use self::reproduce::CommandLine;
use crate::cli::args::{Cli, TuneArgs, Verb};
use crate::scenario::tune_plan::DEFAULT;
use crate::trial::launcher;
use crate::trial::{LAUNCH_VERB, MIGRATOR_VERB};

/// Runs the program with these arguments (the program's own name first) and returns its exit code.
/// Errors are printed to stderr.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|verb| verb == MIGRATOR_VERB) {
        return migrator::cli::main(arguments.into_iter().skip(1));
    }
    if arguments.get(1).is_some_and(|verb| verb == LAUNCH_VERB) {
        return launcher::main(arguments.into_iter().skip(2));
    }
    let command = CommandLine::from_arguments(&arguments);
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            migrator::cli::print_usage(&error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = |()| ExitCode::SUCCESS;
    let result = match cli.verb {
        Some(Verb::Tune(args)) => tune::run(&args, &command).map(done),
        Some(Verb::Sweep(args)) => sweep::run(&args, &command).map(done),
        Some(Verb::Plan(args)) => plan::run(&args).map(done),
        Some(Verb::Judge(args)) => judge::run(&args),
        Some(Verb::Report(args)) => report::run(&args).map(done),
        Some(Verb::Doctor(args)) => doctor::run(&args, &command).map(done),
        Some(Verb::Gate(args)) => gate::run(&args, &command),
        Some(Verb::Explain(args)) => explain::run(&args, &command),
        Some(Verb::History(args)) => history::run(&args, &command).map(done),
        Some(Verb::SelfTest(args)) => self_test::run(&args, &command).map(done),
        None => {
            let tune = TuneArgs { scenario: DEFAULT.into(), flags: cli.tune };
            tune::run(&tune, &command).map(done)
        }
    };
    result.unwrap_or_else(|error| {
        display::complain(&error);
        ExitCode::from(error.exit_code())
    })
}
