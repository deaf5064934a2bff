//! Ctrl-C in the middle of a run: it ends soon, says so, and the same command goes on.
#![cfg(test)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use migrator::report::RunReport;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};

const RECORDS: &str = "generated:small,6000,7";

fn command(store: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("migrator"));
    command.args(["run", "--source", RECORDS, "--synchronous", "off", "--batch-size", "5"]);
    command.args(["--now", "2026-01-31T12:00:00", "--store"]);
    command.arg(format!("sqlite:{}", store.display())).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Records that the store's log has; 0 while there is no log.
fn logged(store: &Path) -> i64 {
    let count = || {
        let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row("SELECT count(*) FROM processing_log", [], |row| row.get(0))
    };
    count().unwrap_or(0)
}

fn finish(store: &Path, options: &[&str]) -> RunReport {
    let output = command(store, &[options, &["--report", "-"]].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_interrupted_run_ends_with_130_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let whole = finish(&folder.path().join("whole.db"), &[]);
    for (number, options) in
        [&[][..], &["--queue-depth", "4", "--parse-threads", "2", "--pool", "worker"]]
            .into_iter()
            .enumerate()
    {
        let store = folder.path().join(format!("store{number}.db"));
        let mut child = command(&store, options).spawn().unwrap();
        while logged(&store) < 100 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("interrupted") && said.contains("the same command"), "{said}");
        let stored = logged(&store);
        assert!((100..6000).contains(&stored), "{stored} records were stored");
        assert_eq!(stored % 5, 0, "batches are stored whole");
        let rest = finish(&store, options);
        assert_eq!(rest.books.skipped, stored.unsigned_abs());
        assert_eq!(rest.books.read + rest.books.skipped, whole.books.read);
        assert_eq!(rest.checksum, whole.checksum);
    }
}
