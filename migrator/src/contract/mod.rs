//! Mapping contract and table catalogue: loading, checking, compiling.

pub mod case;
pub mod catalogue;
mod catalogue_parser;
pub mod check;
pub mod column;
mod compile;
pub mod convert;
pub mod diagnostic;
pub mod expr;
pub mod json;
pub mod lint;
pub mod loader;
pub mod model;
pub mod shape;
pub mod syntax;
