//! Mapping contract and table catalogue: loading, checking, compiling.

pub mod case;
pub mod catalogue;
mod catalogue_parser;
pub(crate) mod check;
pub(crate) mod column;
mod compile;
pub(crate) mod convert;
pub mod diagnostic;
pub mod expr;
pub(crate) mod json;
pub mod lint;
pub mod loader;
pub mod model;
pub mod shape;
pub mod syntax;
