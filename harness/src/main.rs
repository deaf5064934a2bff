//! The `harness` program: its verbs are in `cmd/`.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::cli::main(std::env::args_os())
}
