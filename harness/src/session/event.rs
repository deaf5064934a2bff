//! What happens during a measurement, as it happens. Doers emit these; `display` alone prints.

use std::path::Path;

use crate::scenario::schedule::{Shard, Trial};
use crate::session::ledger::Session;
use crate::session::state::CompletedStep;
use crate::trial::interference::Interference;
use crate::trial::measurement::Measurement;

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The ledger is there, new or found again.
    Opened {
        /// What is planned.
        session: &'a Session,
        /// Where the results go.
        folder: &'a Path,
    },
    /// A step begins, or goes on.
    StepBegan {
        /// The step, with what has been run of it before.
        ran: &'a CompletedStep,
        /// Which part of it this process takes.
        shard: Option<Shard>,
        /// At most about how many trials may follow on it.
        ahead: usize,
    },
    /// A measurement that was cut off goes on.
    Resumed {
        /// Where its results are.
        folder: &'a Path,
        /// How many blocks have run, pairs among them.
        ran: usize,
        /// Bytes of a line that was being written when it was cut off, now removed.
        torn_bytes: usize,
    },
    /// Records are about to be generated, unless a source of that size is there.
    PreparingSource {
        /// How many.
        records: u32,
    },
    /// The baseline's first run is about to find the number of records.
    PilotStarted,
    /// It is known how many records each run takes.
    RecordsKnown {
        /// How many.
        records: u32,
    },
    /// A trial ended, well or not; its row is in the ledger.
    TrialEnded {
        /// Which.
        trial: &'a Trial,
        /// What its settings are called.
        label: &'a str,
        /// What it gave.
        measurement: &'a Measurement,
    },
    /// The block that has just ended is void and is run again at the end of its step.
    Voided {
        /// Why.
        disturbance: &'a Interference,
    },
    /// Something is to be said of the steps that have run.
    Remark {
        /// One line.
        text: &'a str,
    },
    /// Nothing is left to run, or nothing more can be.
    Ended,
}

/// Somebody who wants to know.
pub trait Observer {
    /// Takes note of one event.
    fn observe(&mut self, event: Event<'_>);
}
