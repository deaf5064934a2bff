//! One trial: runs a process, reads its report and watches the machine meanwhile.

mod child_process;
mod credentials;
mod env_filter;
mod executor;
pub(crate) mod interference;
pub(crate) mod launcher;
pub mod measurement;
mod mock_executor;
mod process_executor;
mod program;
pub mod provenance;
mod store_diff;
pub(crate) mod system_counters;

pub use credentials::Credentials;
pub use executor::{Executor, LAUNCH_VERB, MIGRATOR_VERB, Source, StoreDifference};
pub use mock_executor::{Mock, report};
pub use process_executor::Process;
pub use program::{Migrator, Program};
