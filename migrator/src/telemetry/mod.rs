//! Counters and times of a run, and the report that holds them.

pub mod metrics;
pub mod report;
