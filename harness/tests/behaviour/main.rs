//! Tests of the harness: sessions with a mock executor, and real processes with a stand-in for the
//! migrator. They are modules of one binary because linking takes longer than running.
#![cfg(test)]

mod choice;
mod common;
mod doctor;
mod error_rates;
mod explain;
mod failures;
mod files;
mod gate;
mod gate_process;
mod help;
mod history;
mod hostile;
mod hostile_sessions;
mod judge;
mod judge_inputs;
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
mod security;
mod self_test;
mod server;
mod server_why;
mod session;
mod sweep;
mod tune;
mod tune_time;
