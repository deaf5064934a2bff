//! Writes mapped batches into the store: duplicates, inserts, rejected records, log.

pub mod cache;
pub mod dedup;
pub(crate) mod diagnose;
#[cfg(feature = "planted-slowdown")]
pub(crate) mod injected_slowdown;
pub mod insert;
pub mod key_locks;
pub mod log;
