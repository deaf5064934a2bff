//! The test double of SQL Server as a process, for trying commands without a server.
//!
//! It prints its URL and runs until it is killed; stored rows are lost then. The password of its
//! login is the value of `MIGRATOR_DB_PASSWORD`.
//!
//! ```text
//! MIGRATOR_DB_PASSWORD='…' cargo run --package tds-double
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program prints its URL or its error"
)]

use std::process::ExitCode;

use tds_double::{Options, TdsDouble};

/// Environment variable that the migrator reads the password from as well.
const PASSWORD_VARIABLE: &str = "MIGRATOR_DB_PASSWORD";

fn main() -> ExitCode {
    let Ok(password) = std::env::var(PASSWORD_VARIABLE) else {
        eprintln!("tds-double: set {PASSWORD_VARIABLE} to the password of the login");
        return ExitCode::from(2);
    };
    let double = TdsDouble::start_with(Options { tls: true, password, ..Options::default() });
    let Options { user, database, .. } = double.options();
    println!("mssql://{user}@{}/{database}?trust_cert=true", double.address());
    loop {
        std::thread::park();
    }
}
