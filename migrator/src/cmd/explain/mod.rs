//! `migrator explain`.
use crate::args::ExplainArgs;
use crate::error::Result;
use std::process::ExitCode;
/// Runs.
pub fn run(_args: &ExplainArgs) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
