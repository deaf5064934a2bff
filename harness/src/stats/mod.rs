//! Statistics on plain numbers, without I/O, clocks or global state.
//!
//! A comparison of two arms takes these steps. Each is a module that imports only earlier ones:
//!
//! ```text
//! paired (pairs → estimate) → permutation (p values) → interval → looks → verdict
//! ```
//!
//! Random numbers come from a seed that the caller passes in.

pub(crate) mod binomial;
pub(crate) mod change_point;
pub mod confidence;
pub(crate) mod diagnostics;
pub(crate) mod dunnett;
pub mod group_sequential;
pub(crate) mod hodges_lehmann;
pub(crate) mod holm;
pub(crate) mod hsu;
pub(crate) mod interval;
mod median;
pub(crate) mod mssd;
pub mod paired;
pub mod permutation;
pub(crate) mod power;
mod quadrature;
pub(crate) mod quantile_support;
mod sample;
pub mod scale;
pub(crate) mod shapley;
pub mod verdict;

pub use sample::{BadSample, Sample};
