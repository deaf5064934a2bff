//! From what the command line says of the program under test to the program.

use std::path::{Path, PathBuf};

use crate::cli::args::ProgramArgs;
use crate::error::{Error, Result};
use crate::scenario::Scenario;
use crate::trial::Program;

/// The program under test, and what the user called it.
pub(super) fn program(
    asked: &ProgramArgs,
    scenario: &Scenario,
) -> Result<(Program, Option<String>)> {
    match (&scenario.runner, asked.migrator.as_deref()) {
        (Some(_), Some(_)) => {
            Err(Error::usage("--migrator would be ignored: the scenario has a [runner] command"))
        }
        (Some(runner), None) => {
            Ok((Program::Runner(runner.clone()), Some(runner.command.join(" "))))
        }
        (None, Some(path)) => Ok((Program::other(invoked(path)), Some(path.display().to_string()))),
        (None, None) => Ok((Program::own()?, None)),
    }
}

/// A program named without a folder is one in this folder, as the other paths of a command are,
/// and not one that `PATH` knows.
pub(super) fn invoked(path: &Path) -> PathBuf {
    if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() }
}
