//! The `migrator` program: its verbs are in `cmd/`.

use std::process::ExitCode;

fn main() -> ExitCode {
    migrator::cli::main(std::env::args_os())
}
