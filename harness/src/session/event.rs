//! Events during a measurement. The run loop emits them; the display prints them.

use std::path::Path;

use crate::scenario::schedule::{Shard, Trial};
use crate::session::ledger::Session;
use crate::session::state::{CompletedStep, DiscardReason};
use crate::trial::measurement::Measurement;

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The ledger is there, new or found again.
    Opened {
        /// Plan of the session.
        session: &'a Session,
        /// Results folder.
        folder: &'a Path,
    },
    /// A step begins, or goes on.
    StepBegan {
        /// The step, with what has been run of it before.
        ran: &'a CompletedStep,
        /// Shard that this process runs.
        shard: Option<Shard>,
        /// At most about how many trials may follow on it.
        ahead: usize,
    },
    /// A measurement that was cut off goes on.
    Resumed {
        /// Results folder.
        folder: &'a Path,
        /// Number of finished blocks, including pairs.
        ran: usize,
        /// Bytes of a line that was being written when it was cut off, now removed.
        torn_bytes: usize,
    },
    /// Records are about to be generated, unless a source of that size is there.
    PreparingSource {
        /// Number of records.
        records: u32,
    },
    /// The baseline's first run is about to find the number of records.
    PilotStarted,
    /// It is known how many records each run takes.
    RecordsKnown {
        /// Number of records.
        records: u32,
    },
    /// A trial ended, well or not; its row is in the ledger.
    TrialEnded {
        /// The trial.
        trial: &'a Trial,
        /// Label of its settings.
        label: &'a str,
        /// Its result.
        measurement: &'a Measurement,
    },
    /// The block that has just ended is discarded and repeated at the end of its step.
    Voided {
        /// Reason.
        reason: &'a DiscardReason,
    },
    /// A message about the finished steps.
    Remark {
        /// One line.
        text: &'a str,
    },
    /// Nothing is left to run, or nothing more can be.
    Ended,
}

/// Receives events.
pub trait Observer {
    /// Takes note of one event.
    fn observe(&mut self, event: Event<'_>);
}
