//! Measures what the settings of the migrator, or of any program with a run report, are worth.
//!
//! # How a trial flows
//!
//! ```text
//! scenario → schedule → trial → ledger → analysis → report
//!                ▲                │
//!                └── next step ───┘
//! ```
//!
//! 1. [`scenario`] parses a TOML file into a [`scenario::Scenario`]: settings, workload, limits.
//!    [`scenario::schedule`] draws the order of its trials from a seed.
//! 2. [`session::strategy::Strategy`] plans the next step from the recorded ones. There is one
//!    strategy for each verb, in [`experiment`].
//! 3. [`session::runner`] runs the trials of a step. [`trial`] starts one process for each, checks
//!    its report and watches the machine meanwhile.
//! 4. [`session::ledger`] appends each result to `ledger.jsonl`. [`session::replay`] reads it back;
//!    resuming a session is the same replay.
//! 5. [`analysis`] turns recorded trials into summaries, paired tests and verdicts. Its arithmetic
//!    is in [`stats`].
//! 6. [`report`] renders an analysis as text, Markdown, HTML, charts and CI formats.
//!
//! [`cli`] is the program: one file for each verb. Folders import only from those before them;
//! `tests/layering.rs` has their order. `harness/README.md` describes the verbs,
//! `harness/docs/statistics.md` the method.

pub mod analysis;
pub mod cli;
pub mod error;
pub mod experiment;
pub mod report;
pub mod results_dir;
pub mod sanitize;
pub mod scenario;
pub mod session;
pub mod stats;
pub mod trial;
