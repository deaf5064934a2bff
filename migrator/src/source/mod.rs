//! Where records come from.

pub mod files;
pub mod generated;
pub mod table;
