//! Runs one process at a time. The process and its group are killed at the time limit or when the
//! user interrupts.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use migrator::store::mssql::url::PASSWORD_VARIABLE;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::signal::unix::{self, SignalKind};

use super::credentials::Credentials;
use super::env_filter;
use super::executor::LAUNCH_VERB;
use super::launcher::LauncherMessage;
use super::program::own_binary;
use crate::error::{Error, ErrorKind, Result};
use crate::sanitize::shown;
use crate::trial::measurement::{Cause, Failure, Usage};

/// Maximum length of a failed process's last output in a row of the ledger.
const LAST_WORDS_BYTES_MAX: usize = 500;

/// A process to run.
pub(crate) struct ChildCommand<'a> {
    /// Its program and its arguments.
    pub(crate) words: Vec<OsString>,
    /// Share by which it is slowed.
    pub(crate) slowed_by: f64,
    /// File for its stderr.
    pub(crate) log: &'a Path,
    /// Time limit in seconds; `None` for no limit.
    pub(crate) limit_s: Option<u32>,
    /// Credentials; `None` if it uses no server.
    pub(crate) access: Option<&'a Credentials>,
}

/// Runs processes.
#[derive(Debug)]
pub(crate) struct ProcessRunner {
    runtime: Runtime,
    interrupts: Interrupts,
}

/// The signals by which a user ends a measurement. From now on they no longer end the process. A
/// hang-up is not among them: handling it would undo `nohup`.
#[derive(Debug)]
struct Interrupts {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Interrupts {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Way in which a process ended.
enum ExitKind {
    /// With exit code 0.
    Well(Usage),
    /// With another exit code or by a signal.
    Badly(Cause, Option<Usage>),
    TimedOut,
}

/// Resources that a process used, or the reason of its failure.
pub(crate) struct Exit {
    /// Usage counted by the operating system, if it could be read.
    pub(crate) usage: Option<Usage>,
    /// Failure, with the last lines of its output.
    pub(crate) failure: Option<Failure>,
}

impl ProcessRunner {
    /// Starts listening to signals.
    pub(crate) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::caused("starting the runtime", error))?;
        let interrupts = {
            let _inside = runtime.enter();
            Interrupts::listen().map_err(|error| Error::caused("listening to signals", error))?
        };
        Ok(Self { runtime, interrupts })
    }

    /// Runs the program to its end. The time limit and signals end it and all processes that it
    /// started.
    pub(crate) fn run(&mut self, job: &ChildCommand<'_>) -> Result<Exit> {
        let (usage, cause) = match self.end(job)? {
            ExitKind::Well(usage) => (Some(usage), None),
            ExitKind::Badly(cause, usage) => (usage, Some(cause)),
            ExitKind::TimedOut => {
                (None, Some(Cause::Timeout { limit_s: job.limit_s.unwrap_or_default() }))
            }
        };
        let failure = |cause| Failure::new(cause, last_words(job.log, job.access));
        Ok(Exit { usage, failure: cause.map(failure) })
    }

    fn end(&mut self, job: &ChildCommand<'_>) -> Result<ExitKind> {
        let name = job.words.first().map(|word| word.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let failed = |error: io::Error| Error::caused(format!("running {name}"), error);
        let log = File::create(job.log).map_err(failed)?;
        let mut command = command(job)?;
        command.stderr(log);
        let limit = job.limit_s.map(|limit_s| Duration::from_secs(limit_s.into()));
        let interrupts = &mut self.interrupts;
        self.runtime.block_on(async move {
            let mut child = command.spawn().map_err(failed)?;
            // Dropping this end of the pipe makes the launcher end the trial.
            let _held = child.stdin.take();
            let said = tokio::select! {
                said = last_word(&mut child) => Some(said),
                () = sleep(limit) => None,
                () = interrupts.next() => {
                    end_group(&mut child).await.map_err(failed)?;
                    return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
                }
            };
            end_group(&mut child).await.map_err(failed)?;
            match said {
                Some(said) => end_of(&said.map_err(failed)?).map_err(failed),
                None => Ok(ExitKind::TimedOut),
            }
        })
    }
}

/// The launcher of a job, with the environment that the job gets.
fn command(job: &ChildCommand<'_>) -> Result<Command> {
    let mut command = Command::new(own_binary()?);
    command
        .arg(LAUNCH_VERB)
        .arg(job.slowed_by.to_string())
        .args(&job.words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for secret in env_filter::withheld() {
        command.env_remove(secret);
    }
    if let Some(password) = job.access.and_then(Credentials::password) {
        command.env(PASSWORD_VARIABLE, password);
    }
    Ok(command)
}

/// Output of a launcher until it and the program have ended.
async fn last_word(child: &mut Child) -> io::Result<String> {
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said).await?;
    }
    Ok(said)
}

/// Exit of the program from its launcher's message; a launcher without a message was killed.
fn end_of(said: &str) -> io::Result<ExitKind> {
    if said.is_empty() {
        let signal = Signal::SIGKILL as i32;
        return Ok(ExitKind::Badly(Cause::Signal { signal }, None));
    }
    Ok(match serde_json::from_str(said)? {
        LauncherMessage::Ended { code: Some(0), usage, .. } => ExitKind::Well(usage),
        LauncherMessage::Ended { code: Some(code), usage, .. } => {
            ExitKind::Badly(Cause::Exit { code }, Some(usage))
        }
        LauncherMessage::Ended { code: None, signal, usage } => {
            let signal = signal.unwrap_or_default();
            ExitKind::Badly(Cause::Signal { signal }, Some(usage))
        }
        LauncherMessage::Failed(reason) => return Err(io::Error::other(reason)),
    })
}

async fn sleep(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Kills the process and its group, and waits for their end.
async fn end_group(child: &mut Child) -> io::Result<()> {
    if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // The group may have ended already.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    child.wait().await.map(|_| ())
}

/// The end of a process's stderr, on one line. The password and characters that control a terminal
/// are removed.
fn last_words(log: &Path, access: Option<&Credentials>) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let text = access.map_or_else(|| text.clone(), |access| access.hidden(&text));
    let mut start = text.len().saturating_sub(LAST_WORDS_BYTES_MAX);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let words: Vec<_> = text[start..].split_whitespace().collect();
    shown(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::is_command;

    #[test]
    fn last_words_are_one_short_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, format!("{}\nmigrator: no such\n  file\n", "ä".repeat(600))).unwrap();
        let words = last_words(&log, None);
        assert!(words.ends_with("migrator: no such file"), "{words}");
        assert!(words.len() <= LAST_WORDS_BYTES_MAX);
        assert_eq!(last_words(Path::new("/nonexistent"), None), "");
        fs::write(&log, "\u{202e}\u{1b}[2J\u{1b}]0;mine\u{7} \u{9b}31m red\r\u{8}").unwrap();
        let words = last_words(&log, None);
        assert!(words.contains("[2J") && !words.contains(is_command), "{words:?}");
    }

    #[test]
    fn last_words_do_not_contain_any_part_of_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let access = Credentials::with("Sesame\"1 and more");
        for before in 450..520 {
            let text = format!("Sesame\"1 and more{}", "x".repeat(before));
            fs::write(&log, text).unwrap();
            let words = last_words(&log, Some(&access));
            assert!(!words.contains("more"), "{words}");
        }
    }
}
