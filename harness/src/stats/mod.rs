//! Statistics: numbers in, numbers out. No I/O, no clock, no global state, nothing else of ours.
//!
//! What decides a comparison of two arms, each step a module that imports only from those before:
//!
//! ```text
//! paired (pairs → estimate) → permutation (p values) → interval → looks → verdict
//! ```
//!
//! Everything that is drawn comes from a seed that the caller passes in.

pub mod change;
pub mod confidence;
pub mod dunnett;
pub mod holm;
pub mod hsu;
pub mod interval;
pub mod looks;
mod middle;
pub mod paired;
pub mod permutation;
pub mod power;
mod quadrature;
pub mod rate;
mod sample;
pub mod shares;
pub mod successive;
pub mod tails;
pub mod validity;
pub mod verdict;
pub mod walsh;

pub use sample::{BadSample, Sample};
