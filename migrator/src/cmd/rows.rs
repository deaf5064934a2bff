//! `migrator rows`.

use std::process::ExitCode;

use crate::args::RowsArgs;
use crate::error::{Error, Result};

/// Runs the verb.
pub fn run(_args: &RowsArgs) -> Result<ExitCode> {
    Err(Error::usage("`migrator rows` is being written"))
}
