//! Counts of what was tried, past the test runner's capture: they are what a reader of the log of a
//! passed run looks for.
#![allow(dead_code, reason = "every test takes what it needs of this")]

use std::io::Write;

/// Prints one line.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "tried: {line}");
}

/// Whether the long form was asked for.
pub(crate) fn full() -> bool {
    std::env::var_os("SWEETSPOT_FULL").is_some()
}
