//! Process between the harness and one program: starts it, waits for it, reports its resource
//! usage, and ends with it.
//!
//! A process that waits for exactly one child gets exactly that child's CPU time and peak memory
//! from getrusage(2), `RUSAGE_CHILDREN`; this is the safe form of wait4(2). The peak includes a few
//! MiB of this process, which a child holds between fork and exec.
//!
//! It can also slow a program by a known share, by pausing it at short intervals, to test a harness
//! with a slowdown of known size.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::time::TimeVal;
use nix::unistd::{Pid, getpgrp};
use serde::{Deserialize, Serialize};

use crate::trial::measurement::Usage;

/// Time between two pauses of a slowed program. It is short compared with a run. It is long enough
/// that a scheduler under load, which prefers processes that have just paused, compensates for few
/// of the pauses.
const RUN_SLICE: Duration = Duration::from_millis(50);

/// Interval at which a slowed program is checked for its end.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Message of the launcher on stdout, one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LauncherMessage {
    /// The program ran and ended.
    Ended {
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// Resource usage.
        usage: Usage,
    },
    /// It could not be started, or not be waited for.
    Failed(String),
}

/// Runs a program to its end. The words are the share of slowdown (0 for none), its path and its
/// arguments.
///
/// The launcher must lead its own process group. The group ends with the program, so that no
/// left-over process disturbs the next trial. It also ends when stdin is closed, so that no trial
/// outlives a killed harness.
pub(crate) fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    std::thread::spawn(|| {
        // An error ends the wait too.
        let _ = io::copy(&mut io::stdin().lock().take(u64::MAX), &mut io::sink());
        end_group();
    });
    let word = run(words).unwrap_or_else(|error| LauncherMessage::Failed(error.to_string()));
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

fn run(mut words: impl Iterator<Item = OsString>) -> io::Result<LauncherMessage> {
    let share = words.next().and_then(|share| share.to_str()?.parse::<f64>().ok());
    let share = share.filter(|share| share.is_finite() && *share >= 0.0);
    let share = share.ok_or_else(|| io::Error::other("no share to slow a program by"))?;
    let program = words.next().ok_or_else(|| io::Error::other("no program to run"))?;
    let mut command = Command::new(program);
    let mut child = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let status = if share > 0.0 { wait_slowing(&mut child, share)? } else { child.wait()? };
    Ok(LauncherMessage::Ended { code: status.code(), signal: status.signal(), usage: usage()? })
}

/// Waits for a program and stops it repeatedly, each time for `share` of the time that it has just
/// run. The next stop corrects the error of the previous one, so the share holds over a run. Work of
/// the operating system for the program, such as writing to a disk, continues during a stop.
fn wait_slowing(child: &mut Child, share: f64) -> io::Result<ExitStatus> {
    let pid = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
    let mut owed_s = 0.0;
    loop {
        let runs = Instant::now();
        while runs.elapsed() < RUN_SLICE {
            sleep(POLL_INTERVAL);
            // A program that has ended keeps its id until here, so no other process is ever stopped.
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
        }
        kill(pid, Signal::SIGSTOP)?;
        let stopped = Instant::now();
        owed_s += (stopped - runs).as_secs_f64() * share;
        sleep(Duration::try_from_secs_f64(owed_s).unwrap_or_default());
        kill(pid, Signal::SIGCONT)?;
        owed_s -= stopped.elapsed().as_secs_f64();
    }
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
    // If this fails, the group has ended already.
    let _ = killpg(getpgrp(), Signal::SIGKILL);
}
