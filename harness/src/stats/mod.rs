//! Statistics on plain numbers, without I/O, clocks or global state.
//!
//! A comparison of two arms takes these steps. Each is a module that imports only earlier ones:
//!
//! ```text
//! paired (pairs → estimate) → permutation (p values) → interval → looks → verdict
//! ```
//!
//! Random numbers come from a seed that the caller passes in.

pub mod binomial;
pub mod change_point;
pub mod confidence;
pub mod diagnostics;
pub mod dunnett;
pub mod group_sequential;
pub mod hodges_lehmann;
pub mod holm;
pub mod hsu;
pub mod interval;
mod median;
pub mod mssd;
pub mod paired;
pub mod permutation;
pub mod power;
mod quadrature;
pub mod quantile_support;
mod sample;
pub mod shapley;
pub mod verdict;

pub use sample::{BadSample, Sample};
