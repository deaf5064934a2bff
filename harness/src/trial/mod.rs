//! trial.

mod child_process;
mod credentials;
mod env_filter;
pub mod executor;
pub mod interference;
pub mod launcher;
pub mod measurement;
mod mock_executor;
mod process_executor;
mod program;
pub mod provenance;
mod store_diff;
pub(crate) mod system_counters;
