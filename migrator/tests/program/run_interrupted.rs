//! Ctrl-C in the middle of a run: the run ends soon and reports it, and the same command resumes.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use migrator::telemetry::report::RunReport;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};

use crate::support::command::Migration;

const RECORDS: &str = "generated:small,6000,7";
/// Half the time for which a run waits for a locked source.
const HUNG: Duration = Duration::from_secs(30);

fn command(store: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("migrator"));
    command.args(["run", "--source", RECORDS, "--synchronous", "off", "--batch-size", "5"]);
    command.args(["--now", "2026-01-31T12:00:00", "--store"]);
    command.arg(format!("sqlite:{}", store.display())).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Number of records in the store's log; 0 while there is no log.
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

fn interrupt(child: &Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
}

/// Output of a process that has to end by itself; a kill would show in its exit code.
fn ended(mut child: Child) -> Output {
    let since = Instant::now();
    while since.elapsed() < HUNG && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    child.wait_with_output().unwrap()
}

/// Locks the source against the run.
fn hold(migration: &Migration) -> Connection {
    let other = Connection::open(migration.path("source.db")).unwrap();
    other.busy_timeout(HUNG).unwrap();
    let mode: String =
        other.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete", "readers would not have to wait");
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_waits_for_its_source_to_open_is_interrupted_at_once() {
    let migration = Migration::new(5, 0.0, 0.0);
    let held = hold(&migration);
    let mut child = migration.spawn(&[]);
    let files = format!("/proc/{}/fd", child.id());
    let source = migration.path("source.db");
    let has_opened = || {
        let mut links = std::fs::read_dir(&files).unwrap().flatten();
        links.any(|link| std::fs::read_link(link.path()).is_ok_and(|file| file == source))
    };
    while !has_opened() {
        assert!(child.try_wait().unwrap().is_none(), "it has not waited");
        std::thread::sleep(Duration::from_millis(2));
    }
    interrupt(&child);
    let output = ended(child);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!migration.path("store.db").exists());
    drop(held);
    assert_eq!(migration.run(&[]).books.read, 5);
}

#[test]
fn a_run_that_waits_for_its_source_in_the_middle_is_interrupted_at_once() {
    let migration = Migration::new(400, 0.0, 0.0);
    for options in [&[][..], &["--parse-threads", "1", "--queue-depth", "2"]] {
        let store = migration.path("store.db");
        let before = logged(&store);
        let slow = ["--batch-size", "1", "--link-round-trip-ms", "5"];
        let mut child = migration.spawn(&[&slow[..], options].concat());
        while logged(&store) < before + 5 {
            assert!(child.try_wait().unwrap().is_none(), "it has not begun");
            std::thread::sleep(Duration::from_millis(2));
        }
        let held = hold(&migration);
        // The records read before are stored; after that the run can only wait.
        let mut seen = -1;
        while seen != logged(&store) {
            seen = logged(&store);
            std::thread::sleep(Duration::from_millis(500));
        }
        assert!(child.try_wait().unwrap().is_none(), "it has not waited");
        interrupt(&child);
        let output = ended(child);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("interrupted") && said.contains("the same command"), "{said}");
        assert_eq!(logged(&store), seen);
        drop(held);
    }
    let rest = migration.run(&[]);
    assert_eq!(rest.books.read + rest.books.skipped, 400);
    assert!(migration.audit(&[]).passed);
}

#[test]
fn an_interrupted_run_exits_with_130_and_the_same_command_resumes() {
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
        interrupt(&child);
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
