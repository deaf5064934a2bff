//! Builders of documents, one for each kind of session.

pub mod bisect;
pub mod doctor;
pub mod explain;
pub mod gate;
pub mod history;
pub mod pairs;
pub mod self_test;
mod session;
pub mod sweep;
pub mod tune;
