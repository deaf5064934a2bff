//! How one trial is run: the line between what is planned and what does it. Two ways, processes and
//! a mock; neither knows the plan nor judges what comes out.

pub mod launch;
mod mock;
mod process;
pub(crate) mod surroundings;

pub use mock::{Mock, report};
pub use process::{Migrator, Process, Program};

use std::path::PathBuf;

use migrator::config::Settings;

use crate::error::Result;
use crate::measure::Measurement;

/// The verb under which the harness's own binary is the migrator.
pub const MIGRATOR_VERB: &str = "migrator";

/// The verb under which the harness's own binary is the launcher of one program.
pub const LAUNCH_VERB: &str = "launch";

/// The records that every trial of a scenario reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Index of the scenario in its session.
    pub scenario: usize,
    /// The `SQLite` file.
    pub path: PathBuf,
    /// How many records it holds.
    pub records: u32,
}

/// Runs trials, one at a time.
pub trait Executor {
    /// Makes the source of this many records for a scenario of the session, or finds it made.
    fn prepare(&mut self, scenario: usize, records: u32) -> Result<Source>;

    /// Migrates the source once with this program of the session under these settings, into a fresh
    /// store. A run that fails is a measurement; an error stops everything.
    fn measure(
        &mut self,
        source: &Source,
        program: usize,
        settings: &Settings,
    ) -> Result<Measurement>;
}
