//! session.

pub mod arms;
pub mod budget;
pub mod event;
pub mod ledger;
pub mod replay;
pub mod resume;
pub mod runner;
pub mod schema_lock;
pub mod state;
pub mod strategy;
