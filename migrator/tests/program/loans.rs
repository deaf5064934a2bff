//! The second product line from `generate` to `verify`, as a user runs it: generated loans under
//! `scenarios/contracts/loans.json`.

use std::path::Path;
use std::process::Command;

use migrator::telemetry::report::RunReport;

use crate::support::command::{Migration, migrator};

const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/contracts/loans.json");

#[test]
fn two_settings_store_the_same_loans_and_a_strict_audit_passes() {
    let migration = Migration::of_loans(300, 0.05, 0.02);
    let run = |settings: &[&str]| {
        // Records without a time of change get this time.
        let report = migration.run(&[settings, &["--now", "2026-01-31T12:00:00"]].concat());
        let audit = migration.audit(&["--strict"]);
        assert_eq!((audit.passed, audit.findings), (true, vec![]), "{settings:?}");
        assert!(audit.shared_keys > 0);
        std::fs::remove_file(migration.path("store.db")).unwrap();
        report
    };
    let baseline = run(&[]);
    let other = run(&[
        "--workers",
        "3",
        "--batch-size",
        "25",
        "--pool",
        "worker",
        "--queue-depth",
        "2",
        "--cache",
        "shared",
        "--insert",
        "bulk",
    ]);
    assert_eq!((other.books, other.checksum), (baseline.books, baseline.checksum));
    let books = baseline.books;
    assert_eq!(books.read, 300);
    assert!(books.duplicate > 0 && books.rejected > 0, "{books:?}");
    // Only the values that are meant to be rejected fail: one in 200.
    assert!(books.failed <= 6, "{books:?}");
    for table in ["app_collateral_rl", "app_warranties_rl", "app_policy_exceptions_rl"] {
        assert!(baseline.rows[table] > 100, "{table}: {}", baseline.rows[table]);
    }
}

/// Runs over a generated source into a store in `folder`.
fn run_generated(source: &str, folder: &Path) -> RunReport {
    let mut command: Command = migrator("run");
    command.args(["--contract", CONTRACT, "--source", source, "--quiet", "--report", "-"]);
    command.args(["--store", &format!("sqlite:{}", folder.join("store.db").display())]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_fourth_field_of_a_generated_source_selects_the_product_line() {
    let folder = tempfile::tempdir().unwrap();
    let loans = run_generated("generated:small,20,7,rl", folder.path());
    assert_eq!((loans.books.read, loans.books.committed), (20, 20));
    let folder = tempfile::tempdir().unwrap();
    let cards = run_generated("generated:small,20,7", folder.path());
    assert_eq!((cards.books.read, cards.books.rejected), (20, 20), "the other product line");
}
