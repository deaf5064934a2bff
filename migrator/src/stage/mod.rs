//! Pure stages: validate, parse, map, coerce. No I/O, no clock, no shared state.

pub mod coerce;
pub(crate) mod html;
pub mod map;
pub mod parse;
pub mod validate;
