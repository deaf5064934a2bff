//! Texts for the terminal, and the sentences that other formats share with it.

pub mod bisect;
pub mod doctor;
pub mod explain;
pub mod gate;
pub mod history;
pub mod plan;
pub mod self_test;
pub mod sweep;
pub mod tune;
pub mod words;
