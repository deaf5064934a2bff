//! What a session measures next, from what it has measured: the one seam between the kinds of
//! sessions and the loop that runs them. Decides nothing itself.
//!
//! A new kind of session is a variant of [`crate::session::ledger::Kind`] that holds all that it is planned
//! from, and a type that implements [`Strategy`]. Going on with a session that was cut off is asking
//! the same strategy again about what the ledger holds, so nothing but the ledger may be asked: no
//! clock, no file, no state. Time is the runs' own `elapsed_s`; whatever is drawn comes from the
//! scenario's seed.

use std::num::NonZeroU32;

use crate::scenario::schedule;
use crate::scenario::step::Step;
use crate::session::ledger::Ending;
use crate::session::state::SessionState;

/// What a session does now.
#[derive(Debug, Clone, PartialEq)]
pub enum NextStep {
    /// It runs this step. Its name and batch are no earlier step's.
    Step(Box<Step>),
    /// It has ended: [`Ending::Complete`] or [`Ending::Invalid`].
    Done(Ending),
}

/// Plans a session step by step. Pure.
pub trait Strategy {
    /// What comes after these steps, each of which has run to its end or become invalid.
    fn next(&self, recorded: &SessionState) -> NextStep;

    /// About how many trials are to follow on those of the step that is running, the last of
    /// `recorded`: for the time left.
    fn ahead(&self, recorded: &SessionState) -> usize;

    /// What is to be said of the steps so far before the next one begins, a line each.
    fn remarks(&self, recorded: &SessionState) -> Vec<String> {
        let _ = recorded;
        Vec::new()
    }

    /// How many records a run of this scenario must last for where `records = "auto"`: enough for
    /// two batches of every worker in every step to come. By default those of the scenario's own
    /// settings; a session whose later steps have larger batches says so here.
    fn min_records(&self, recorded: &SessionState, scenario: usize) -> NonZeroU32 {
        let settings = recorded.scenario(scenario).map_or(&[][..], |scenario| &scenario.settings);
        schedule::min_records(settings)
    }
}
