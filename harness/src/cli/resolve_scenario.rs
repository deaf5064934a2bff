//! Resolves a scenario or plan from the command line: a file or a shipped name.

use std::fs;
use std::path::Path;

use crate::cli::args::{PlanPart, StoreArgs};
use crate::error::{Error, Result};
use crate::scenario::tune_plan;
use crate::scenario::tune_plan::Tune;
use crate::scenario::{self, Scenario};

/// Loads a scenario that varies settings.
pub(super) fn load(name: &str, seed: Option<u64>, quick: bool) -> Result<Scenario> {
    let scenario = any(name, seed, quick)?;
    if scenario.swept.is_empty() {
        let message = "has no [sweep]; use it with `harness gate`";
        return Err(Error::usage(format!("{name} {message}")));
    }
    Ok(scenario)
}

/// Loads a scenario from a file or a shipped name, with the overrides of the command line.
pub(super) fn any(name: &str, seed: Option<u64>, quick: bool) -> Result<Scenario> {
    let text = read(name)?;
    if tune_plan::is_plan(&text) {
        return Err(Error::usage(format!("{name} is a plan of phases; run `harness tune {name}`")));
    }
    let mut scenario =
        Scenario::parse(&text).map_err(|fault| Error::usage(format!("{name}, {fault}")))?;
    if let Some(seed) = seed {
        scenario.seed = seed;
    }
    Ok(if quick { scenario.quick() } else { scenario })
}

/// Scenario with the store of the command line.
pub(super) fn placed(scenario: Scenario, store: &StoreArgs) -> Result<Scenario> {
    match &store.store {
        Some(url) => {
            scenario.stored_at(url).map_err(|message| Error::usage(format!("--store: {message}")))
        }
        None => Ok(scenario),
    }
}

/// Loads a plan from a file or a shipped name, with the overrides of the command line.
pub(super) fn load_plan(
    name: &str,
    part: &PlanPart,
    seed: Option<u64>,
    quick: bool,
) -> Result<(Scenario, Tune)> {
    let text = read(name)?;
    if Scenario::parse(&text).is_ok() {
        return Err(Error::usage(format!(
            "{name} is a sweep, not a plan of phases; run `harness sweep {name}`"
        )));
    }
    let plan = Tune::parse(&text).map_err(|fault| Error::usage(format!("{name}, {fault}")));
    let (mut base, mut tune) = plan?;
    if !part.phases.is_empty() {
        tune = tune
            .only(&part.phases)
            .map_err(|message| Error::usage(format!("--phases: {message}")))?;
    }
    if let Some(budget_s) = part.budget {
        tune.budget_s = budget_s;
    }
    if let Some(seed) = seed {
        base.seed = seed;
    }
    Ok((if quick { tune_plan::quick(base) } else { base }, tune))
}

/// True if the file or shipped name is a plan of phases.
pub(super) fn is_plan(name: &str) -> Result<bool> {
    Ok(tune_plan::is_plan(&read(name)?))
}

fn read(name: &str) -> Result<String> {
    match fs::read_to_string(Path::new(name)) {
        Ok(text) => Ok(text),
        Err(error) => match scenario::shipped(name).or_else(|| tune_plan::shipped(name)) {
            Some(text) => Ok(text.to_owned()),
            None => Err(unreadable(name, error)),
        },
    }
}

fn unreadable(name: &str, error: std::io::Error) -> Error {
    let shipped: Vec<_> = tune_plan::shipped_names().chain(scenario::shipped_names()).collect();
    let message = format!(
        "reading scenario {name} (no file and no shipped scenario; shipped are {})",
        shipped.join(", ")
    );
    Error::caused(message, error)
}
