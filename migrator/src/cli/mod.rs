//! Command line: one module per verb, and the entry point.

pub mod args;
pub(crate) mod check;
pub(crate) mod display;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod init;
mod records;
mod resolve;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod verify;

use std::borrow::Cow;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::{Cli, Verb};
use crate::util::secrets::without_secrets;

/// Runs the program with these arguments, its own name first, and returns its exit code. Errors are
/// printed to stderr.
///
/// The harness calls this function too, so the measuring and the measured program are one binary.
pub fn main<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            print_usage(&error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = match &cli.verb {
        Verb::Run(args) => run::run(args),
        Verb::Init(args) => init::run(args),
        Verb::Rows(args) => rows::run(args),
        Verb::Generate(args) => generate::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Schema(args) => schema::run(args),
        Verb::Verify(args) => verify::run(args),
    };
    result.unwrap_or_else(|error| {
        complain(&error);
        ExitCode::from(error.exit_code())
    })
}

/// Prints help, or a usage error without the secrets that its arguments may hold. A broken pipe is
/// not an error here.
#[expect(clippy::print_stderr, reason = "clap's own output, with secrets removed")]
pub fn print_usage(error: &clap::Error) {
    let text = error.render().to_string();
    match without_secrets(&text) {
        Cow::Borrowed(_) => drop(error.print()),
        Cow::Owned(text) => eprint!("{text}"),
    }
}

#[expect(clippy::print_stderr, reason = "the one place where the migrator reports an error")]
fn complain(error: &crate::error::Error) {
    eprintln!("migrator: {}", without_secrets(&error.to_string()));
}
