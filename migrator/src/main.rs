//! The `migrator` program. Its verbs are in [`migrator::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    migrator::cli::main(std::env::args_os())
}
