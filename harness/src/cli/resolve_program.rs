//! Resolves the program under test from the command line.

use std::path::{Path, PathBuf};

use crate::cli::args::ProgramArgs;
use crate::error::{Error, Result};
use crate::scenario::Scenario;
use crate::trial::Program;

/// The program under test, and the user's name for it.
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

/// A program named without a folder is a file in the working directory, as for other paths, and not
/// looked up in `PATH`.
pub(super) fn invoked(path: &Path) -> PathBuf {
    if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() }
}
