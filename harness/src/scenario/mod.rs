//! A scenario: varied settings, records and limits. Parses and checks TOML texts, and draws the
//! order of their runs.

mod link;
pub mod metric;
mod model;
mod parse;
mod runner;
pub mod schedule;
mod share;
mod shipped;
pub mod step;
pub(crate) mod store;
mod suggest;
pub mod tune_plan;

pub use link::Link;
pub use model::{Exact, Gate, Limits, Records, Scenario, Setting, SmallPolicy, Validity, Workload};
pub use parse::Fault;
pub use runner::Runner;
pub use share::parse_margin;
pub use shipped::{DEFAULT, GATE, shipped, shipped_names};
pub use store::Store;
pub(crate) use suggest::nearest;
