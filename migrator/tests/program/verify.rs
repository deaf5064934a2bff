//! `migrator verify` on stores that runs have filled. It passes under all settings and prints its
//! counts. Its exit code separates a passed audit, a failed audit and a wrong command.

use std::path::Path;

use migrator::verify::finding::Discrepancy;
use migrator::verify::walk::RecordCounts;

use crate::support::command::{Migration, migrator};

const SETTINGS: [&[&str]; 6] = [
    &["--workers", "1"],
    &["--batch-size", "1"],
    &["--batch-size", "7", "--workers", "4"],
    &["--insert", "bulk"],
    &["--insert", "bulk", "--batch-size", "33", "--workers", "3"],
    &["--now", "2020-02-29T23:59:59.123456789"],
];

#[test]
fn an_audit_passes_whatever_the_settings_were() {
    let migration = Migration::new(120, 0.05, 0.02);
    for settings in SETTINGS {
        let books = migration.run(settings).books;
        let audit = migration.audit(&[]);
        assert_eq!((audit.passed, audit.findings), (true, vec![]), "{settings:?}");
        let (stored, read) = (books.committed, books.read);
        let (duplicate, rejected, failed) = (books.duplicate, books.rejected, books.failed);
        let records = RecordCounts { read, stored, duplicate, rejected, failed, unclear: 0 };
        assert_eq!(audit.records, records, "{settings:?}");
        assert!(audit.shared_keys > 0);
        std::fs::remove_file(migration.path("store.db")).unwrap();
    }
}

#[test]
fn one_process_with_one_worker_passes_a_strict_audit() {
    let migration = Migration::new(120, 0.3, 0.02);
    let report = migration.run(&["--workers", "1", "--batch-size", "10"]);
    assert!(report.books.duplicate > 0);
    let audit = migration.audit(&["--strict"]);
    assert_eq!((audit.passed, audit.findings, audit.strict), (true, vec![], true));
    assert_eq!(audit.shared_keys_not_lowest, 0);
    // A report counts the rows of its run. The others came with the schema or are the log.
    let (mut stored, mut audited) = (report.rows, audit.rows);
    for table in ["app_enums", "processing_log"] {
        stored.remove(table);
        audited.remove(table);
    }
    assert_eq!(audited, stored);
}

#[test]
fn a_shared_key_may_belong_to_any_record_unless_the_audit_is_strict() {
    let migration = Migration::new(120, 0.4, 0.0);
    // The second half goes first, so that it gets the keys that it shares with the first.
    migration.run(&["--partition", "1/2"]);
    migration.run(&["--partition", "0/2"]);
    let audit = migration.audit(&[]);
    assert_eq!((audit.passed, audit.findings), (true, vec![]));
    assert!(audit.shared_keys > audit.shared_keys_not_lowest);
    assert!(audit.shared_keys_not_lowest > 0);
    let strict = migration.audit(&["--strict"]);
    assert_eq!(strict.finding_counts.values().sum::<u64>(), audit.shared_keys_not_lowest);
    for finding in &strict.findings {
        let Discrepancy::NotLowest { holder } = finding.fault else { panic!("{finding}") };
        assert!(finding.record.unwrap() < holder, "{finding}");
        assert!(finding.record.unwrap() % 2 == 0 && holder % 2 == 1, "{finding}");
    }
}

#[test]
fn records_that_no_run_has_processed_fail_an_audit() {
    let migration = Migration::new(60, 0.0, 0.0);
    migration.run(&["--limit", "57"]);
    let audit = migration.audit(&[]);
    let found: Vec<_> = audit.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, [58, 59, 60].map(|key| format!("record {key}, processing_log: not logged")));
    assert_eq!(audit.records.unclear, 3);
}

#[test]
fn a_duplicate_that_is_logged_as_stored_is_found_with_its_owner() {
    let migration = Migration::new(120, 0.4, 0.0);
    migration.run(&["--workers", "1"]);
    let store = migration.open();
    let (record, app_id): (i32, i32) = store
        .query_row(
            "SELECT app_id, substr(failure_reason, 28, 7) FROM processing_log \
             WHERE failure_reason LIKE 'duplicate: app_base.app_id %' LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get::<_, String>(1)?.parse().unwrap())),
        )
        .unwrap();
    let sql =
        "UPDATE processing_log SET status = 'success', failure_reason = NULL WHERE app_id = ?1";
    store.execute(sql, [record]).unwrap();
    drop(store);
    let audit = migration.audit(&[]);
    let owner = app_id - 1_000_000;
    let expected = format!(
        "record {record}, app_base (app_id {app_id}): record {owner} is stored under this key too"
    );
    let found: Vec<_> = audit.findings.iter().map(ToString::to_string).collect();
    assert!(found.contains(&expected), "{found:?}");
}

#[test]
fn a_duplicate_of_a_record_that_is_not_stored_is_found() {
    let migration = Migration::new(120, 0.4, 0.0);
    migration.run(&["--workers", "1"]);
    let store = migration.open();
    let owner: i32 = store
        .query_row(
            "SELECT substr(failure_reason, 28, 7) - 1000000 FROM processing_log \
             WHERE failure_reason LIKE 'duplicate: app_base.app_id %' LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    store.execute("DELETE FROM processing_log WHERE app_id = ?1", [owner]).unwrap();
    drop(store);
    let audit = migration.audit(&[]);
    let of_owner = |fault: &Discrepancy| *fault == Discrepancy::NotLogged;
    assert!(audit.findings.iter().any(|f| f.record == Some(owner) && of_owner(&f.fault)));
    assert!(
        audit.findings.iter().any(|f| f.fault == Discrepancy::NoOwner && f.table == "app_base")
    );
}

#[test]
fn an_audit_prints_its_counts() {
    let migration = Migration::new(40, 0.0, 0.0);
    migration.run(&[]);
    let verify = |options: &[&str]| {
        let mut command = migrator("verify");
        command.args(["--source", &migration.source(), "--store"]);
        command.arg(format!("sqlite:{}", migration.path("store.db").display())).args(options);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = verify(&[]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 3), "{text}");
    assert!(lines[0].starts_with("records 40: stored ") && lines[0].ends_with(", unclear 0"));
    assert!(lines[1].starts_with("rows ") && lines[1].ends_with("the lowest source key 0"));
    assert_eq!(lines[2], "audit passed");
    assert_eq!(verify(&["--quiet"]), (Some(0), String::new()));
    migration.open().execute("DELETE FROM indicators", []).unwrap();
    let (code, text) = verify(&[]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(code, Some(1));
    assert!(lines[0].contains(", indicators (app_id 10"), "{text}");
    assert!(lines[20].starts_with("indicators: ") && lines[20].ends_with(" more"), "{text}");
    assert!(lines[23].starts_with("audit failed: "), "{text}");
    let (code, quiet) = verify(&["--quiet"]);
    assert_eq!((code, quiet.lines().count()), (Some(1), 21), "{quiet}");
}

/// Runs `migrator verify`, which must exit with 2, and returns its message.
fn complaint(source: &str, store: &str) -> String {
    let output = migrator("verify").args(["--source", source, "--store", store]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_wrong_command_has_another_exit_code_than_a_failed_audit() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.db");
    let absent_url = format!("sqlite:{}", absent.display());
    let source = "generated:small,3,7";
    for (source, store, part) in [
        (source, "absent.db", "--store absent.db: expected sqlite:PATH"),
        (source, absent_url.as_str(), "absent.db: open"),
        ("generated:huge", absent_url.as_str(), "expected generated:PROFILE,N,SEED"),
        (absent_url.as_str(), absent_url.as_str(), "absent.db: no such file"),
    ] {
        let message = complaint(source, store);
        assert!(message.contains(part), "{message}");
    }
    assert!(!Path::new(&absent).exists());
    let empty = folder.path().join("empty.db");
    rusqlite::Connection::open(&empty).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let message = complaint(source, &format!("sqlite:{}", empty.display()));
    assert!(message.contains("migration_run"), "{message}");
}
