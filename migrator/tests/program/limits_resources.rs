//! Resources that are missing or run out during a run: disk, permissions, connections, memory, an
//! advancing clock, a source that does not change. The run names the resource and the place. The
//! same command does the rest once the resource is back.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use migrator::telemetry::report::RunReport;

use crate::support::command::{Migration, migrator};
use crate::support::counts;
use crate::support::counts::Harm;

/// The user `nobody`, for whom permissions are enforced.
const NOBODY: u32 = 65_534;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A run under limits that a shell sets first.
fn limited(migration: &Migration, limits: &str, options: &[&str]) -> Output {
    let run = migration.command(options);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]);
    shell.arg(run.get_program()).args(run.get_args());
    shell.output().unwrap()
}

/// Completes a migration, once the missing resource is back.
fn finish(migration: &Migration, records: u64) -> Harm {
    let rest = migration.run(&[]);
    assert_eq!(rest.books.read + rest.books.skipped, records);
    let audit = migration.audit(&[]);
    assert!(audit.passed, "{:?}", audit.findings);
    Harm::found_by(&audit)
}

#[test]
fn a_run_on_a_full_disk_stops_and_the_next_run_resumes() {
    let migration = Migration::new(120, 0.1, 0.05);
    let options = ["--batch-size", "4", "--cache", "shared"];
    let (mut full, mut killed) = (0, 0);
    // In units of 512 bytes, from no space for the tables to space for almost all rows.
    for blocks in (40..2_400).step_by(120) {
        for ignored in ["trap '' XFSZ", "true"] {
            let output = limited(&migration, &format!("{ignored}; ulimit -f {blocks}"), &options);
            match (output.status.code(), output.status.signal()) {
                (Some(0), None) => {}
                (Some(2), None) => {
                    let said = said(&output);
                    assert!(said.contains("store sqlite:") && said.contains("disk"), "{said}");
                    full += 1;
                }
                (None, Some(25)) => killed += 1,
                other => panic!("{other:?}: {}", said(&output)),
            }
        }
    }
    assert!(full > 5 && killed > 5, "{full} full, {killed} killed");
    let harm = finish(&migration, 120);
    counts::print(&format!("{full} full disks, {killed} ends by the limit's signal: {harm}"));
}

#[test]
fn a_run_without_file_handles_stops_and_the_next_run_resumes() {
    let migration = Migration::new(120, 0.1, 0.05);
    let options = ["--batch-size", "1", "--workers", "12", "--pool", "worker"];
    let mut refused = 0;
    for handles in [4, 6, 8, 10, 13, 16, 20, 24, 30] {
        let output = limited(&migration, &format!("ulimit -n {handles}"), &options);
        match output.status.code() {
            Some(0) => {}
            Some(2) => {
                let said = said(&output);
                assert!(said.contains("sqlite:") || said.contains("signals"), "{said}");
                refused += 1;
            }
            other => panic!("{other:?}: {}", said(&output)),
        }
    }
    assert!(refused > 3, "{refused}");
    let harm = finish(&migration, 120);
    counts::print(&format!("{refused} runs out of connections: {harm}"));
}

/// Runs as a user for whom permissions are enforced. They are not enforced for root.
fn as_nobody(mut command: Command, folder: &Path) -> Output {
    if fs::metadata(folder).unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().unwrap()
}

#[test]
fn missing_write_permissions_are_named() {
    let migration = Migration::new(5, 0.0, 0.0);
    let folder = migration.path("");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&folder, 0o555);
    mode(&migration.path("source.db"), 0o444);
    let output = as_nobody(migration.command(&[]), &folder);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("store.db"), "{}", said(&output));
    // A store that exists and must not be changed.
    mode(&folder, 0o755);
    migration.run(&[]);
    mode(&migration.path("store.db"), 0o444);
    mode(&folder, 0o555);
    let output = as_nobody(migration.command(&[]), &folder);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("store.db"), "{}", said(&output));
    mode(&folder, 0o755);
    mode(&migration.path("store.db"), 0o644);
    assert_eq!(finish(&migration, 5), Harm::default());
}

#[test]
fn an_unwritable_report_is_named_and_no_record_is_stored_twice() {
    let migration = Migration::new(5, 0.0, 0.0);
    let mut command = migrator("run");
    command.args(["--source", &migration.source(), "--report", "/nonexistent/report.json"]);
    command.arg("--store").arg(format!("sqlite:{}", migration.path("store.db").display()));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("/nonexistent/report.json"), "{}", said(&output));
    assert_eq!(finish(&migration, 5), Harm::default());
}

#[test]
fn a_clock_that_goes_backwards_between_runs_changes_no_record() {
    let migration = Migration::new(60, 0.1, 0.05);
    let times = [
        "2026-03-29T03:00:00",
        "2026-03-29T02:00:00",
        "1999-12-31T23:59:59",
        "9999-12-31T23:59:59",
    ];
    for (number, now) in times.iter().enumerate() {
        let report = migration.run(&["--now", now, "--limit", "10", "--batch-size", "3"]);
        assert_eq!(report.books.skipped, 10 * number as u64);
    }
    // Both runs have the same second.
    for _ in 0..2 {
        migration.run(&["--now", times[0], "--limit", "3"]);
    }
    let sessions: i64 = migration
        .open()
        .query_row("SELECT count(DISTINCT session_id) FROM processing_log", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sessions, 6, "each run is a session of its own");
    let harm = finish(&migration, 60);
    counts::print(&format!("6 sessions of clocks that jump: {harm}"));
}

#[test]
fn a_source_that_is_modified_during_the_run_is_migrated_completely() {
    let migration = Migration::new(150, 0.1, 0.0);
    let over = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let source = rusqlite::Connection::open(migration.path("source.db")).unwrap();
            source.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
            let (mut key, mut written) = (150, 0);
            while !over.load(Ordering::Relaxed) && key < 300 {
                key += 1;
                // A copy of a record under a key at the end, and an update that changes no value.
                let copy = "INSERT INTO app_xml_staging (app_id, app_XML) \
                            SELECT ?1, replace(app_XML, 'ID=\"' || (?1 - 150) || '\"', 'ID=\"' || ?1 || '\"') \
                            FROM app_xml_staging WHERE app_id = ?1 - 150";
                source.execute(copy, [key]).unwrap();
                let touch = "UPDATE app_xml_staging SET extracted_at = 'touched' WHERE app_id % 7 = ?1 % 7";
                source.execute(touch, [key]).unwrap();
                written += 1;
                thread::sleep(std::time::Duration::from_millis(1));
            }
            written
        });
        for _ in 0..3 {
            let report = migration.run(&["--batch-size", "2", "--limit", "60"]);
            assert!(report.books.balance());
        }
        over.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    assert!(written > 0, "nothing was written meanwhile");
    let harm = finish(&migration, 150 + written);
    counts::print(&format!("{written} records written to the source while it was read: {harm}"));
}

#[test]
fn a_record_of_a_terabyte_is_rejected_within_the_memory_of_its_limit() {
    let migration = Migration::new(1, 0.0, 0.0);
    let records = migration.path("records");
    fs::create_dir(&records).unwrap();
    fs::File::create(records.join("1.xml")).unwrap().set_len(1 << 40).unwrap();
    let mut command = migrator("run");
    command.args(["--source", records.to_str().unwrap(), "--report", "-", "--quiet"]);
    command.arg("--store").arg(format!("sqlite:{}", migration.path("t.db").display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let report: RunReport = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report.books.read, report.books.rejected), (1, 1));
    assert!(report.peak_rss_bytes < 300 << 20, "{} bytes", report.peak_rss_bytes);
    let log = rusqlite::Connection::open(migration.path("t.db")).unwrap();
    let reason: String =
        log.query_row("SELECT failure_reason FROM processing_log", [], |row| row.get(0)).unwrap();
    assert_eq!(reason, "validation: the text is longer than 64 MiB");
}

#[test]
fn ten_times_as_many_records_take_no_more_memory() {
    let (few, many) = if counts::full() { (10_000, 100_000) } else { (300, 3_000) };
    let folder = tempfile::tempdir().unwrap();
    let peak = |records: u32, profile: &str| {
        let mut command = migrator("run");
        command.args(["--source", &format!("generated:{profile},{records},7"), "--quiet"]);
        command.args(["--synchronous", "off", "--report", "-", "--batch-size", "100"]);
        command.args(["--cache", "shared", "--cache-max-keys", "1000", "--queue-depth", "2"]);
        let store = folder.path().join(format!("{profile}{records}.db"));
        command.arg("--store").arg(format!("sqlite:{}", store.display()));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let report: RunReport = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report.books.read, u64::from(records));
        report.peak_rss_bytes
    };
    // Records of 8.7 kB, so that a leak of one in each batch is visible.
    let profile = "staged";
    let (less, more) = (peak(few, profile), peak(many, profile));
    counts::print(&format!(
        "{few} and {many} {profile} records made on the fly: peak {} and {} MiB",
        less >> 20,
        more >> 20
    ));
    assert!(more as f64 <= 1.3 * less as f64, "{less} bytes, then {more}");
}
