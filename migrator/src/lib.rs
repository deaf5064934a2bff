//! Maps XML application records with a JSON mapping contract and stores the rows.
//!
//! A record passes through these steps; the module of each step is below it:
//!
//! ```text
//! source → validate → parse → map → coerce → (queue) → dedup → insert + log
//! source   stage      stage   stage  stage    run       write   write
//! ```
//!
//! [`run::pipeline::run`] connects the steps. The mapping rules are in `migrator/docs/contract.md`.

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
