//! Fixtures that the test binaries share.
#![allow(dead_code, reason = "no test binary uses every fixture")]

pub(crate) mod backends;
pub(crate) mod command;
pub(crate) mod counts;
pub(crate) mod pairwise;
pub(crate) mod store;
