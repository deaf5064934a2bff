//! Strategy of a session: the next step, from the recorded ones. The only seam between kinds of
//! sessions and the run loop.
//!
//! A new kind of session is a variant of [`crate::session::ledger::Kind`] with everything that it
//! is planned from, and a type that implements [`Strategy`]. Resuming means asking the same
//! strategy again about the ledger. So a strategy may use nothing but the ledger: no clock, no
//! file, no state. Time is the runs' own `elapsed_s`; random draws come from the scenario's seed.

use std::num::NonZeroU32;

use crate::scenario::schedule;
use crate::scenario::step::Step;
use crate::session::ledger::Ending;
use crate::session::state::SessionState;

/// Next step of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum NextStep {
    /// It runs this step. Its name and batch are no earlier step's.
    Step(Box<Step>),
    /// It has ended: [`Ending::Complete`] or [`Ending::Invalid`].
    Done(Ending),
}

/// Plans a session step by step, from its recorded state alone.
pub trait Strategy {
    /// Next step after these, each of which is complete or invalid.
    fn next(&self, recorded: &SessionState) -> NextStep;

    /// About how many trials are to follow on those of the step that is running, the last of
    /// `recorded`: for the time left.
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
