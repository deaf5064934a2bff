//! Strategy of a session: the next step, from the recorded ones. It is the only interface between
//! kinds of sessions and the run loop.
//!
//! A new kind of session is a variant of [`crate::session::ledger::Kind`] with its parameters, and
//! a type that implements [`Strategy`]. To resume, the same strategy is asked again with the
//! recorded ledger. So a strategy may use only the ledger: no clock, no file, no state. Time is the
//! `elapsed_s` of the runs; random draws come from the scenario's seed.

use std::num::NonZeroU32;

use crate::scenario::schedule;
use crate::scenario::step::Step;
use crate::session::ledger::Ending;
use crate::session::state::SessionState;

/// Next step of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum NextStep {
    /// Run this step. No earlier step has its name and look.
    Step(Box<Step>),
    /// The session has ended: [`Ending::Complete`] or [`Ending::Invalid`].
    Done(Ending),
}

/// Plans a session step by step, from its recorded state alone.
pub trait Strategy {
    /// Next step after the recorded ones, each of which is complete or invalid.
    fn next(&self, recorded: &SessionState) -> NextStep;

    /// Estimated number of trials after the running step, the last of `recorded`, for the remaining
    /// time.
    fn ahead(&self, recorded: &SessionState) -> usize;

    /// Messages about the finished steps before the next one starts, one per line.
    fn remarks(&self, recorded: &SessionState) -> Vec<String> {
        let _ = recorded;
        Vec::new()
    }

    /// Minimum number of records of a run of this scenario with `records = "auto"`: enough for two
    /// batches of every worker in every later step. By default it follows from the scenario's own
    /// settings; a session with larger batches in later steps overrides it.
    fn min_records(&self, recorded: &SessionState, scenario: usize) -> NonZeroU32 {
        let settings = recorded.scenario(scenario).map_or(&[][..], |scenario| &scenario.settings);
        schedule::min_records(settings)
    }
}
