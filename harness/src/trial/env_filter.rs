//! Which variables of its own environment the harness keeps from the programs that it runs. Starts
//! nothing.

use std::ffi::{OsStr, OsString};

/// Parts of names under which environments hold secrets.
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

/// The variables that no process gets: everything named like a secret. What a program under test
/// writes is kept and published. A run whose store is on a server gets the one password for it
/// again, and nothing else.
///
/// A list of what is let through was turned down: any program can be measured, and what one needs
/// of its environment (a search path for modules, a locale) nobody here knows.
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
    fn secrets_are_known_by_their_names() {
        for name in ["MIGRATOR_DB_PASSWORD", "GITHUB_TOKEN", "aws_secret_access_key", "PGPASSFILE"]
        {
            assert!(is_secret(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "HOME", "LANG", "PWD", "PYTHONPATH", "RUST_BACKTRACE", "TMPDIR"] {
            assert!(!is_secret(OsStr::new(name)), "{name}");
        }
    }
}
