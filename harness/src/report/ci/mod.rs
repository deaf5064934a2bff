//! Formats for programs.

mod benchmarks;
mod csv;
mod junit;
mod metrics;

pub(super) use benchmarks::{bencher, github_action_benchmark};
pub(super) use csv::csv;
pub(super) use junit::junit;
pub(super) use metrics::metrics;
