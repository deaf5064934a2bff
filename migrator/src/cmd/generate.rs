//! `migrator generate`.

use std::process::ExitCode;

use crate::args::GenerateArgs;
use crate::error::{Error, Result};

/// Runs the verb.
pub fn run(_args: &GenerateArgs) -> Result<ExitCode> {
    Err(Error::usage("`migrator generate` is being written"))
}
