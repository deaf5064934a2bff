//! What happens during a measurement, as it happens. Doers emit these; `display` alone prints.

use std::path::Path;

use crate::measure::Measurement;
use crate::plan::{Plan, Trial};
use crate::scenario::Scenario;
use crate::validity::Disturbance;

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The order is drawn and the ledger begun.
    Planned {
        /// What is measured.
        scenario: &'a Scenario,
        /// In which order.
        plan: &'a Plan,
        /// How many trials of it this process's measurement takes.
        trials: usize,
        /// Where the results go.
        folder: &'a Path,
    },
    /// A measurement that was cut off goes on.
    Resumed {
        /// Where its results are.
        folder: &'a Path,
        /// How many blocks have run.
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
        /// How many blocks have run before.
        ran: usize,
    },
    /// A trial ended, well or not; its row is in the ledger.
    TrialEnded {
        /// Which.
        trial: &'a Trial,
        /// What it gave.
        measurement: &'a Measurement,
    },
    /// The block that has just ended is void and is run again at the end.
    Voided {
        /// Why.
        disturbance: &'a Disturbance,
    },
    /// Every trial has run.
    Ended,
}

/// Somebody who wants to know.
pub trait Observer {
    /// Takes note of one event.
    fn observe(&mut self, event: Event<'_>);
}
