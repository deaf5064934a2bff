//! build.

pub mod gate;
pub mod pairs;
pub mod sweep;
pub mod tune;
