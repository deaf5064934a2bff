//! One measurement: its ledger, the replay of a ledger, the time budget and the run loop.

pub mod arms;
pub mod budget;
pub mod event;
pub mod ledger;
pub mod replay;
pub mod resume;
pub mod runner;
pub(crate) mod schema_lock;
pub mod state;
pub mod strategy;
