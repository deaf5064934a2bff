//! Checks that all runs of a scenario stored identical rows, and names the arms that did not. Times
//! are compared only if they did.

use crate::error::{Error, ErrorKind, Result};
use crate::scenario::step::Step;
use crate::session::ledger::TrialLine;
use crate::session::state::SessionState;
use crate::trial::measurement::StoreFingerprint;

/// A run and the rows that it stored.
struct Ran<'a> {
    step: &'a Step,
    line: &'a TrialLine,
    stored: StoreFingerprint,
}

/// Rows that all runs of a scenario stored. Fails with the arms that stored other rows.
pub fn check_stored_rows_agree(
    recorded: &SessionState,
    scenario: usize,
) -> Result<StoreFingerprint> {
    let steps = recorded.steps.iter().filter(|ran| ran.step.scenario == scenario);
    let trials = steps.flat_map(|ran| ran.trials().map(|line| (&ran.step, line)));
    let ran: Vec<Ran<'_>> = trials
        .filter_map(|(step, line)| {
            let stored = line.measurement.report().map(StoreFingerprint::of)?;
            Some(Ran { step, line, stored })
        })
        .collect();
    let votes = |candidate: &StoreFingerprint| {
        ran.iter().filter(|other| other.stored == *candidate).count()
    };
    // On equal counts the first wins, hence the reversal: `max_by_key` returns the last.
    let Some(common) = ran.iter().rev().map(|ran| &ran.stored).max_by_key(|stored| votes(stored))
    else {
        return Err(Error::environment("no run finished"));
    };
    let others = mismatches(recorded, &ran, common);
    if others.is_empty() {
        return Ok(common.clone());
    }
    let summary = format!(
        "runs stored different rows, so they cannot be compared; {} of {} runs agree on \
         checksum {}",
        votes(common),
        ran.len(),
        common.checksum
    );
    let first = recorded
        .difference
        .iter()
        .map(|difference| format!("\n  first difference: {}", difference.words));
    let lines: String = others.into_iter().chain(first).collect();
    Err(Error::new(ErrorKind::WrongResult, summary + &lines))
}

/// One line for each arm whose runs stored other rows.
fn mismatches(recorded: &SessionState, ran: &[Ran<'_>], common: &StoreFingerprint) -> Vec<String> {
    let mut groups: Vec<(&Ran<'_>, Vec<String>)> = Vec::new();
    for this in ran.iter().filter(|this| this.stored != *common) {
        let number = this.line.trial.number.to_string();
        let same = |other: &&Ran<'_>| {
            other.line.step == this.line.step
                && other.line.trial.arm == this.line.trial.arm
                && other.stored == this.stored
        };
        match groups.iter_mut().find(|(other, _)| same(other)) {
            Some((_, numbers)) => numbers.push(number),
            None => groups.push((this, vec![number])),
        }
    }
    let line = |(this, numbers): (&Ran<'_>, Vec<String>)| {
        let differences = common.differences(&this.stored).join(", ");
        let step = match recorded.steps.len() {
            1 => String::new(),
            _ => format!("{} ", this.step.name),
        };
        let label = label(recorded, this.step, this.line.trial.arm);
        format!("\n  {label} ({step}trial {}): {differences}", numbers.join(", "))
    };
    groups.into_iter().map(line).collect()
}

/// Label of an arm of a step.
pub fn label(recorded: &SessionState, step: &Step, arm: usize) -> String {
    step.arms.get(arm).map_or_else(|| "unknown".into(), |arm| recorded.arm_name(arm))
}
