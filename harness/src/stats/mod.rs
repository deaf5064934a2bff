//! Statistics: numbers in, numbers out. No I/O, no clock, no global state, nothing else of ours.

mod sample;

pub use sample::{BadSample, Sample};
