//! Analysis → bytes for people and other programs. Pure: the same analysis gives the same bytes;
//! nothing here writes a file or asks a clock.

pub mod charts;
pub mod doctor;
mod format;
pub mod markdown;
pub mod metrics;
pub mod order;
pub mod self_test;
pub mod table;
pub mod words;

pub use format::pretty;
