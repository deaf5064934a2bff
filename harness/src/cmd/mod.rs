//! The verbs: one file each, and the way from a command line to an exit code.

pub mod judge;
pub mod plan;
pub mod sweep;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, SweepArgs, Verb};
use crate::display;
use crate::error::{Error, Result};
use crate::executor::MIGRATOR_VERB;
use crate::scenario::{self, Scenario};

/// Runs the program with these arguments (the program's own name first) and returns its exit
/// code; what went wrong is said on stderr.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|verb| verb == MIGRATOR_VERB) {
        return migrator::cmd::main(arguments.into_iter().skip(1));
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A broken pipe while printing help is nobody's problem.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = |()| ExitCode::SUCCESS;
    let result = match cli.verb {
        Some(Verb::Sweep(args)) => sweep::run(&args).map(done),
        Some(Verb::Plan(args)) => plan::run(&args).map(done),
        Some(Verb::Judge(args)) => judge::run(&args),
        None => {
            let sweep = SweepArgs { scenario: scenario::DEFAULT.into(), flags: cli.sweep };
            sweep::run(&sweep).map(done)
        }
    };
    result.unwrap_or_else(|error| {
        display::complain(&error);
        ExitCode::from(error.exit_code())
    })
}

/// The scenario of a file or of a shipped name, with what the command line changes in it.
fn load(name: &str, seed: Option<u64>, quick: bool) -> Result<Scenario> {
    let path = Path::new(name);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => match scenario::shipped(name) {
            Some(text) => text.to_owned(),
            None => return Err(unreadable(name, error)),
        },
    };
    let mut scenario =
        Scenario::parse(&text).map_err(|fault| Error::usage(format!("{name}, {fault}")))?;
    if let Some(seed) = seed {
        scenario.seed = seed;
    }
    Ok(if quick { scenario.quick() } else { scenario })
}

fn unreadable(name: &str, error: std::io::Error) -> Error {
    let shipped: Vec<_> = scenario::shipped_names().collect();
    let message =
        format!("reading scenario {name} (no shipped one either; there is {})", shipped.join(", "));
    Error::caused(message, error)
}
