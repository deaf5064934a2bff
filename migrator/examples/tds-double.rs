//! The tests' double of SQL Server as a process, to try commands on: a fixture, which says nothing of
//! any server's speed. It prints its URL, takes the password of `MIGRATOR_DB_PASSWORD`, keeps what is
//! stored until it is ended, and no longer.
//!
//! ```text
//! MIGRATOR_DB_PASSWORD='…' cargo run --package migrator --example tds-double
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a fixture fails by panicking, and the terminal is all it has"
)]

#[path = "../tests/support/tds/mod.rs"]
mod tds;

use std::process::ExitCode;

use migrator::store::mssql::url::PASSWORD_VARIABLE;
use tds::{Options, TdsDouble};

fn main() -> ExitCode {
    let Ok(password) = std::env::var(PASSWORD_VARIABLE) else {
        eprintln!("tds-double: {PASSWORD_VARIABLE} is not set: it is the password to log in with");
        return ExitCode::from(2);
    };
    let double = TdsDouble::start_with(Options { tls: true, password, ..Options::default() });
    let Options { user, database, .. } = double.options();
    println!("mssql://{user}@{}/{database}?trust_cert=true", double.address());
    loop {
        std::thread::park();
    }
}
