//! Events during a measurement. The run loop emits them; the display prints them.

use std::path::Path;

use crate::scenario::schedule::{Shard, Trial};
use crate::session::ledger::Session;
use crate::session::state::{CompletedStep, DiscardReason};
use crate::trial::measurement::Measurement;

/// One event.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The ledger is open, new or resumed.
    Opened {
        /// Plan of the session.
        session: &'a Session,
        /// Results folder.
        folder: &'a Path,
    },
    /// A step begins or resumes.
    StepBegan {
        /// The step and its trials so far.
        ran: &'a CompletedStep,
        /// Shard that this process runs.
        shard: Option<Shard>,
        /// Upper estimate of the trials that may follow it.
        ahead: usize,
    },
    /// An interrupted measurement resumes.
    Resumed {
        /// Results folder.
        folder: &'a Path,
        /// Number of finished blocks, including pairs.
        ran: usize,
        /// Bytes of a partial line that were removed.
        torn_bytes: usize,
    },
    /// Records are about to be generated, unless a source of that size exists.
    PreparingSource {
        /// Number of records.
        records: u32,
    },
    /// The baseline's first run is about to determine the number of records.
    PilotStarted,
    /// The number of records of each run is known.
    RecordsKnown {
        /// Number of records.
        records: u32,
    },
    /// A trial ended or failed; its row is in the ledger.
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
    /// No run is left, or no more run is possible.
    Ended,
}

/// Receives events.
pub trait Observer {
    /// Receives one event.
    fn observe(&mut self, event: Event<'_>);
}
