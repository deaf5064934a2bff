//! The mapping contract and the table catalogue: loading, checking, compiling.

pub mod case;
pub mod catalogue;
pub mod check;
pub mod column;
mod compile;
pub mod convert;
pub mod draft;
pub mod expr;
pub mod finding;
pub mod json;
pub mod load;
pub mod model;
mod read;
pub mod shape;
pub mod warn;
