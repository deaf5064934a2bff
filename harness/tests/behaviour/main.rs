//! How the harness behaves: sweeps that nobody runs, and the real binary with a stand-in for the
//! migrator. One binary, because linking takes longer than running.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking, in their helpers too")]

mod choice;
mod common;
mod doctor;
mod explain;
#[path = "../support/files.rs"]
mod files;
mod gate;
mod gate_process;
mod help;
mod history;
mod hostile;
mod hostile_sessions;
mod judge;
mod measure;
mod mock;
mod previous_version;
mod processes;
mod report;
mod report_browser;
mod report_documents;
mod report_formats;
mod report_page;
mod resume;
mod self_test;
mod server_why;
mod session;
mod sweep;
mod tune;
mod tune_time;
