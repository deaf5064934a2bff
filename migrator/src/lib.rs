//! Maps XML application records with a JSON mapping contract and stores the rows.
//!
//! One record's way, each step a module:
//!
//! ```text
//! source → validate → parse → map → coerce → (queue) → dedup → insert + log
//! ```

pub mod cli;
pub mod config;
pub mod contract;
pub mod error;
pub mod record;
pub mod run;
pub mod source;
pub mod stage;
pub mod store;
pub mod telemetry;
pub mod util;
pub mod verify;
pub mod write;
