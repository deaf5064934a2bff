//! Measures what the migrator's settings are worth.
//!
//! The order of one session, each word a module that imports only from those before it:
//!
//! ```text
//! scenario → plan → step → executor (one process per trial) → ledger → recorded → progress
//!          → strategy → run → compare → analyse → sweep, tune, gate, explain → render → display
//! ```
//!
//! A session is a ledger of steps. [`session::strategy::Strategy`] says what the next step is, from what is
//! recorded; [`run`] runs it; [`compare`] and [`analyse`] say what it means.

pub mod analysis;
pub mod cli;
pub mod error;
pub mod experiment;
pub mod report;
pub mod results_dir;
pub mod sanitize;
pub mod scenario;
pub mod session;
pub mod stats;
pub mod trial;
