//! Environment variables that the harness withholds from the programs that it runs.

use std::ffi::{OsStr, OsString};

/// Parts of variable names that indicate a secret.
const MARKS: [&str; 11] = [
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "AUTH",
    "CONNECTION_STRING",
    "CREDENTIAL",
    "DATABASE_URL",
    "PASS",
    "PRIVATE_KEY",
    "SECRET",
    "TOKEN",
];

/// Variables that no process receives: all whose names indicate a secret, because the output of a
/// program under test is kept and published. A run on a server receives only its password again.
///
/// An allow list was rejected: any program can be measured, and its needs (a module search path, a
/// locale) are unknown here.
pub(crate) fn withheld() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_secret(name))
}

fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    MARKS.iter().any(|mark| name.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognized_by_their_names() {
        for name in ["MIGRATOR_DB_PASSWORD", "GITHUB_TOKEN", "aws_secret_access_key", "PGPASSFILE"]
        {
            assert!(is_secret(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "HOME", "LANG", "PWD", "PYTHONPATH", "RUST_BACKTRACE", "TMPDIR"] {
            assert!(!is_secret(OsStr::new(name)), "{name}");
        }
    }
}
