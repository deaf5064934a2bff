//! The strategies, one module for each: what a session runs next, and what its ledger shows.

pub mod bisect;
pub mod doctor;
pub mod explain;
pub mod gate;
pub mod self_test;
pub mod sweep;
pub mod tune;
