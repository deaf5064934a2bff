//! `migrator run`.

use std::process::ExitCode;

use crate::args::RunArgs;
use crate::error::{Error, Result};

/// Runs the verb.
pub fn run(_args: &RunArgs) -> Result<ExitCode> {
    Err(Error::usage("`migrator run` is being written"))
}
