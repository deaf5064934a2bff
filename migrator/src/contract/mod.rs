//! The mapping contract and the table catalogue: loading, checking, compiling.

pub mod catalogue;
pub mod convert;
pub mod expr;
pub mod load;
pub mod model;
