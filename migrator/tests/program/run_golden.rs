//! Runs records through the shipped contract and compares all rows, log entries and books.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use migrator::telemetry::report::{Books, RunReport};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Every row of every table but the catalogue's own, nulls left out.
fn dump(store: &Path) -> String {
    let file = Connection::open(store).unwrap();
    let mut tables = file
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rootpage")
        .unwrap();
    let names: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut text = String::new();
    for name in names.iter().filter(|name| *name != "app_enums") {
        let mut statement = file.prepare(&format!("SELECT * FROM {name} ORDER BY 1, 2")).unwrap();
        let columns: Vec<_> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            write!(text, "{name}:").unwrap();
            for (place, column) in columns.iter().enumerate() {
                match row.get_ref(place).unwrap() {
                    ValueRef::Null => Ok(()),
                    ValueRef::Text(value) => {
                        write!(text, " {column}='{}'", String::from_utf8_lossy(value))
                    }
                    ValueRef::Integer(value) => write!(text, " {column}={value}"),
                    other => panic!("{other:?} in {name}.{column}"),
                }
                .unwrap();
            }
            text.push('\n');
        }
    }
    text
}

fn run(folder: &Path, options: &[&str]) -> (RunReport, String) {
    let store = folder.join("store.db");
    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run_records");
    let output = Command::new(cargo_bin("migrator"))
        .args(["run", "--now", "2026-01-31T12:00:00", "--report", "-", "--source"])
        .arg(records)
        .arg("--store")
        .arg(format!("sqlite:{}", store.display()))
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (serde_json::from_slice(&output.stdout).unwrap(), dump(&store))
}

#[test]
fn records_become_rows_and_log_entries_and_books() {
    let folder = tempfile::tempdir().unwrap();
    let (report, rows) = run(folder.path(), &["--workers", "1"]);
    let expected =
        Books { read: 9, committed: 4, duplicate: 1, rejected: 2, failed: 2, ..Books::default() };
    assert_eq!(report.books, expected);
    insta::assert_snapshot!(rows);
}

#[test]
fn no_setting_changes_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = run(folder.path(), &["--workers", "1"]);
    for options in [["--batch-size", "1"], ["--batch-size", "4"], ["--insert", "bulk"]] {
        let folder = tempfile::tempdir().unwrap();
        let (other, _) = run(folder.path(), &[&["--workers", "1"], &options[..]].concat());
        assert_eq!((other.books, other.checksum), (report.books, report.checksum.clone()));
    }
}
