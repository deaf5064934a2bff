//! Migrations in several runs or by several processes. No record is stored twice or lost, and an
//! audit of the whole passes.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use migrator::telemetry::report::{Books, RunReport};
use rusqlite::{Connection, OpenFlags};

use crate::support::command::Migration;

/// Far longer than a run takes, so that a wait in vain fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

fn assert_whole(migration: &Migration) {
    let audit = migration.audit(&[]);
    assert_eq!((audit.passed, audit.findings), (true, vec![]));
}

/// Checksum of the same migration in one run of one process.
fn checksum_in_one_go(migration: &Migration, options: &[&str]) -> String {
    std::fs::remove_file(migration.path("store.db")).unwrap();
    migration.run(options).checksum
}

#[test]
fn the_same_command_again_stores_nothing_twice() {
    let migration = Migration::new(60, 0.1, 0.05);
    let first = migration.run(&["--batch-size", "10"]);
    let second = migration.run(&["--batch-size", "10"]);
    assert_eq!(second.books, Books { skipped: 60, ..Books::default() });
    assert_eq!(second.checksum, first.checksum);
    assert_whole(&migration);
}

#[test]
fn an_interrupted_run_resumes_at_its_end() {
    let migration = Migration::new(60, 0.1, 0.05);
    let now = ["--now", "2026-01-31T12:00:00", "--workers", "1"];
    let mut last = None;
    for (limit, skipped) in [("7", 0), ("20", 7), ("1", 27), ("1000", 28)] {
        let report = migration.run(&[&now[..], &["--limit", limit, "--batch-size", "6"]].concat());
        assert_eq!(report.books.skipped, skipped);
        assert!(report.books.balance());
        last = Some(report.checksum);
    }
    assert_whole(&migration);
    assert_eq!(last.unwrap(), checksum_in_one_go(&migration, &now));
}

#[test]
fn failed_records_are_retried_only_on_request_and_fail_again() {
    let migration = Migration::new(60, 0.0, 0.3);
    let first = migration.run(&[]).books;
    let failed = first.rejected + first.failed;
    assert!(failed > 0);
    assert_eq!(migration.run(&[]).books, Books { skipped: 60, ..Books::default() });
    let again = migration.run(&["--retry-failed", "--batch-size", "4"]).books;
    assert_eq!(again, Books { read: failed, skipped: 60 - failed, committed: 0, ..first });
    assert_whole(&migration);
}

#[test]
fn records_that_failed_for_their_text_are_stored_after_a_correction() {
    let migration = Migration::new(40, 0.0, 0.0);
    let source = Connection::open(migration.path("source.db")).unwrap();
    let spoil = "UPDATE app_xml_staging SET app_XML = '<' || app_XML WHERE app_id % 5 = 0";
    source.execute(spoil, []).unwrap();
    let first = migration.run(&[]).books;
    assert_eq!(first.rejected, 8);
    assert_whole(&migration);
    let mend = "UPDATE app_xml_staging SET app_XML = substr(app_XML, 2) WHERE app_id % 5 = 0";
    source.execute(mend, []).unwrap();
    assert!(!migration.audit(&[]).passed, "the log still has them as rejected");
    let again = migration.run(&["--retry-failed"]).books;
    assert_eq!((again.rejected, again.committed), (0, 8));
    assert_whole(&migration);
}

/// Number of records in the log; 0 while there is no store yet.
fn logged(migration: &Migration) -> u64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let count = Connection::open_with_flags(migration.path("store.db"), flags).and_then(|store| {
        store.query_row("SELECT count(*) FROM processing_log", [], |row| row.get::<_, i64>(0))
    });
    count.map_or(0, i64::unsigned_abs)
}

/// Waits until the log has more than `than` records. Returns false if the process ends before that.
fn wait_for_more(migration: &Migration, than: u64, run: &mut Child) -> bool {
    let started = Instant::now();
    while logged(migration) <= than {
        assert!(started.elapsed() < PATIENCE);
        if run.try_wait().unwrap().is_some() {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

#[test]
fn a_run_killed_repeatedly_completes() {
    let migration = Migration::new(240, 0.05, 0.02);
    let options = ["--batch-size", "5", "--now", "2026-01-31T12:00:00", "--workers", "1"];
    let mut killed = 0;
    for _ in 0..3 {
        let mut run = migration.spawn(&options);
        let before = logged(&migration);
        if wait_for_more(&migration, before, &mut run) && run.try_wait().unwrap().is_none() {
            killed += 1;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        let unlogged = 240 - logged(&migration);
        let audit = migration.audit(&[]);
        assert_eq!(audit.records.unclear, unlogged);
        assert_eq!(
            audit.finding_counts.keys().collect::<Vec<_>>().len(),
            usize::from(unlogged > 0)
        );
    }
    assert!(killed > 0, "every run ended before it could be killed");
    let last = migration.run(&options);
    assert_eq!(last.books.read + last.books.skipped, 240);
    assert_whole(&migration);
    assert_eq!(last.checksum, checksum_in_one_go(&migration, &options));
}

/// Waits for concurrent processes, which must all succeed.
fn reports(runs: Vec<Child>) -> Vec<RunReport> {
    runs.into_iter()
        .map(|run| {
            let output = run.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect()
}

fn sum(reports: &[RunReport]) -> Books {
    let mut sum = Books::default();
    for report in reports {
        assert!(report.books.balance(), "{:?}", report.books);
        sum.add(&report.books);
    }
    sum
}

#[test]
fn processes_that_share_a_migration_store_everything_once() {
    let migration = Migration::new(150, 0.1, 0.05);
    let shares = ["0/3", "1/3", "2/3"];
    let start = |share: &&str| migration.spawn(&["--batch-size", "4", "--partition", share]);
    let together = reports(shares.iter().map(start).collect());
    assert!(together.iter().all(|report| report.books.read == 50 && report.books.skipped == 0));
    assert_whole(&migration);
    let books = sum(&together);
    assert_eq!(books.lost_race, 0);
    let again = reports(shares.iter().map(start).collect());
    assert_eq!(sum(&again), Books { skipped: 150, ..Books::default() });
    // The owner of a shared key depends on the race, but the outcome of a record does not.
    std::fs::remove_file(migration.path("store.db")).unwrap();
    let alone = migration.run(&[]).books;
    assert_eq!((books.rejected, books.failed), (alone.rejected, alone.failed));
    assert_eq!((books.committed, books.duplicate), (alone.committed, alone.duplicate));
}

#[test]
fn processes_on_one_range_lose_races_and_no_records() {
    let migration = Migration::new(150, 0.1, 0.05);
    let start = |_: &u32| migration.spawn(&["--batch-size", "4"]);
    let reports = reports([1, 2, 3].iter().map(start).collect());
    let books = sum(&reports);
    assert_eq!(books.read - books.lost_race, 150);
    assert_whole(&migration);
}

#[test]
fn a_partition_that_does_not_exist_is_rejected() {
    let migration = Migration::new(5, 0.0, 0.0);
    for (share, part) in [
        ("3/3", "partition index must be 0 to 2"),
        ("0/0", "the number of partitions must be 1 or more"),
        ("one", "expected INDEX/COUNT, e.g. 0/3"),
    ] {
        let output = migration.command(&["--partition", share]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(part), "{message}");
    }
    assert!(!migration.path("store.db").exists());
}
