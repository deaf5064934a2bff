//! `migrator schema`.

use std::process::ExitCode;

use crate::args::SchemaArgs;
use crate::error::{Error, Result};

/// Runs the verb.
pub fn run(_args: &SchemaArgs) -> Result<ExitCode> {
    Err(Error::usage("`migrator schema` is being written"))
}
