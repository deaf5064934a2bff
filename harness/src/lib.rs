//! Measures what the migrator's settings are worth.
//!
//! The order of one measurement, each step a module that imports only from those above it:
//!
//! ```text
//! scenario → plan → executor (one process per trial) → ledger → analyse → render → display
//! ```

pub mod analyse;
pub mod args;
pub mod cmd;
pub mod display;
pub mod doctor;
pub mod error;
pub mod event;
pub mod executor;
pub mod identity;
pub mod judge;
pub mod ledger;
pub mod measure;
pub mod metric;
pub mod plan;
pub mod progress;
pub mod render;
pub mod results;
pub mod resume;
pub mod run;
pub mod scenario;
pub mod stats;
pub mod validity;
