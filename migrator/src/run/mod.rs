//! run.

pub mod batch_planner;
pub mod pipeline;
pub mod queue;
pub mod reorder_buffer;
pub mod worker_pool;
