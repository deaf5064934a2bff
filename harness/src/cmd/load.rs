//! From what the command line calls a scenario to the scenario.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::scenario::{self, Scenario};

/// A scenario that varies settings.
pub(super) fn load(name: &str, seed: Option<u64>, quick: bool) -> Result<Scenario> {
    let scenario = any(name, seed, quick)?;
    if scenario.swept.is_empty() {
        let message = "varies no settings in a [sweep]; it is for `harness gate`";
        return Err(Error::usage(format!("{name} {message}")));
    }
    Ok(scenario)
}

/// The scenario of a file or of a shipped name, with what the command line changes in it.
pub(super) fn any(name: &str, seed: Option<u64>, quick: bool) -> Result<Scenario> {
    let path = Path::new(name);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => match scenario::shipped(name) {
            Some(text) => text.to_owned(),
            None => return Err(unreadable(name, error)),
        },
    };
    let mut scenario =
        Scenario::parse(&text).map_err(|fault| Error::usage(format!("{name}, {fault}")))?;
    if let Some(seed) = seed {
        scenario.seed = seed;
    }
    Ok(if quick { scenario.quick() } else { scenario })
}

fn unreadable(name: &str, error: std::io::Error) -> Error {
    let shipped: Vec<_> = scenario::shipped_names().collect();
    let message =
        format!("reading scenario {name} (no shipped one either; there is {})", shipped.join(", "));
    Error::caused(message, error)
}
