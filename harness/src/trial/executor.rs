//! Interface between the plan of a trial and its execution, by processes or by a mock.

use std::path::PathBuf;

use migrator::config::Settings;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::scenario::step::Arm;
use crate::trial::measurement::Measurement;

/// The verb under which the harness's own binary acts as the migrator.
pub const MIGRATOR_VERB: &str = "migrator";

/// The fixed time of every trial. Values from the clock must not differ between runs whose
/// checksums are compared.
pub(super) const FIXED_NOW: &str = "2026-01-01T00:00:00";

/// The verb under which the harness's own binary launches one program.
pub const LAUNCH_VERB: &str = "launch";

/// The records of every trial of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Index of the scenario in its session.
    pub scenario: usize,
    /// The `SQLite` file.
    pub path: PathBuf,
    /// Number of its records.
    pub records: u32,
}

/// First difference between the stores of two arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDifference {
    /// The table.
    pub table: String,
    /// Key of the record, if the table has one.
    pub record: Option<i64>,
    /// Description of the difference, with the names of both arms.
    pub words: String,
}

/// Runs trials, one at a time.
pub trait Executor {
    /// Generates the source of this many records for a scenario, or returns an existing one.
    fn prepare(&mut self, scenario: usize, records: u32) -> Result<Source>;

    /// Runs one trial: the program with this index migrates the source under these settings. A
    /// failed run is a [`Measurement`] too. An error stops the session.
    fn measure(
        &mut self,
        source: &Source,
        program: usize,
        settings: &Settings,
    ) -> Result<Measurement>;

    /// Migrates the source once more with each arm, into stores that are kept meanwhile, and
    /// returns their first difference. `names` are the names of the arms in its text. `None` if
    /// they are equal, or if stores cannot be read.
    fn first_difference(
        &mut self,
        _source: &Source,
        _arms: &[Arm; 2],
        _names: [&str; 2],
    ) -> Result<Option<StoreDifference>> {
        Ok(None)
    }
}
