//! The pipeline of a run and its threads.

pub mod batch_planner;
pub mod pipeline;
pub mod queue;
pub mod reorder_buffer;
pub mod worker_pool;
