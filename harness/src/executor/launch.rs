//! The process between the harness and one program: starts it, waits for it, says what the operating
//! system counted of it, and ends with it. Knows no trial and no report.
//!
//! A process that waits for exactly one child gets exactly that child's CPU time and peak memory
//! from getrusage(2), `RUSAGE_CHILDREN`: the safe way to what wait4(2) would say. The peak has a
//! floor of this process's own few MiB, which a child holds between fork and exec.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeVal;
use nix::unistd::getpgrp;
use serde::{Deserialize, Serialize};

use crate::measure::Usage;

/// What the launcher says on stdout, one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// The program ran and ended.
    Ended {
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// What it took.
        usage: Usage,
    },
    /// It could not be started, or not be waited for.
    Failed(String),
}

/// Runs a program (its path, then its arguments) to its end. The launcher must lead a process group
/// of its own: the group ends with the program, so that nothing that a trial leaves behind disturbs
/// the next one, and it ends when stdin does, so that no trial outlives a harness that was killed.
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    std::thread::spawn(|| {
        // An error is an end as well.
        let _ = io::copy(&mut io::stdin().lock().take(u64::MAX), &mut io::sink());
        end_group();
    });
    let word = run(words).unwrap_or_else(|error| Word::Failed(error.to_string()));
    let said = serde_json::to_vec(&word).map_err(io::Error::from).and_then(|line| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line)?;
        stdout.flush()
    });
    if said.is_ok() {
        end_group();
    }
    ExitCode::FAILURE
}

fn run(mut words: impl Iterator<Item = OsString>) -> io::Result<Word> {
    let program = words.next().ok_or_else(|| io::Error::other("no program to run"))?;
    let mut command = Command::new(program);
    let status = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    Ok(Word::Ended { code: status.code(), signal: status.signal(), usage: usage()? })
}

fn usage() -> io::Result<Usage> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(Usage {
        cpu_user_s: seconds(usage.user_time()),
        cpu_system_s: seconds(usage.system_time()),
        peak_rss_bytes: u64::try_from(usage.max_rss()).unwrap_or(0) * RSS_UNIT,
    })
}

/// getrusage(2) counts the resident set in KiB, and on macOS in bytes.
const RSS_UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };

/// Ends this process and everything in its group.
fn end_group() {
    // Where this fails there is no group left to end.
    let _ = killpg(getpgrp(), Signal::SIGKILL);
}
