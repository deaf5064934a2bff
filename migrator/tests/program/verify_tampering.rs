//! `migrator verify` on stores that were changed by hand. It finds and names every kind of change
//! in every table and column.

use std::collections::BTreeSet;

use migrator::contract::catalogue::{Catalogue, Table};
use migrator::store::schema::{LOG_TABLE, Tables};
use migrator::verify::VerifyReport;
use migrator::verify::finding::{Discrepancy, Finding};
use rusqlite::Connection;

use crate::support::command::{Migration, open};

/// Difference between the application ids of generated records and their source keys.
const APP_ID_BASE: i64 = 1_000_000;

/// Enough records for every table to have rows to spare, few enough to be quick.
const RECORDS: u32 = 40;

fn migrated() -> Migration {
    let migration = Migration::new(RECORDS, 0.0, 0.0);
    migration.run(&["--batch-size", "16"]);
    assert_eq!(migration.audit(&["--strict"]).findings, []);
    migration
}

/// Tables of a migration without the log: those of the shipped catalogue.
fn tables() -> Vec<Table> {
    let tables = Tables::new(&Catalogue::embedded().unwrap()).unwrap();
    let yielded = tables.target_tables().iter().filter(|table| table.name != LOG_TABLE);
    yielded.cloned().collect()
}

fn key_columns(table: &Table) -> Vec<&str> {
    table.primary_key.iter().map(|&column| table.columns[column].name.as_str()).collect()
}

/// One row: its key as a condition and as text, and the record that it comes from.
struct Row {
    condition: String,
    key: String,
    record: Option<i32>,
}

/// The `number`th row of a table.
fn row(store: &Connection, table: &Table, number: usize) -> Row {
    let names = key_columns(table);
    let quoted: Vec<_> = names.iter().map(|name| format!("quote(\"{name}\")")).collect();
    let list = quoted.join(", ");
    let sql = format!("SELECT {list} FROM {} ORDER BY {list} LIMIT 1 OFFSET {number}", table.name);
    let values: Vec<String> = store
        .query_row(&sql, [], |row| (0..names.len()).map(|place| row.get(place)).collect())
        .unwrap_or_else(|error| panic!("{}: row {number}: {error}", table.name));
    let pairs = || names.iter().zip(&values);
    let condition: Vec<_> = pairs().map(|(name, value)| format!("\"{name}\" = {value}")).collect();
    let key: Vec<_> =
        pairs().map(|(name, value)| format!("{name} {}", value.trim_matches('\''))).collect();
    let condition = condition.join(" AND ");
    Row { record: record(store, table, &condition), key: key.join(", "), condition }
}

/// The record that a row comes from, by the ids in the row.
fn record(store: &Connection, table: &Table, condition: &str) -> Option<i32> {
    let has = |name: &str| table.columns.iter().any(|column| column.name == name);
    let app_id = if has("app_id") {
        format!("SELECT app_id FROM {} WHERE {condition}", table.name)
    } else if has("con_id") {
        format!(
            "SELECT app_id FROM app_contact_base WHERE con_id = \
             (SELECT con_id FROM {} WHERE {condition})",
            table.name
        )
    } else {
        return None;
    };
    let app_id: i64 = store.query_row(&app_id, [], |row| row.get(0)).unwrap();
    Some(i32::try_from(app_id - APP_ID_BASE).unwrap())
}

fn findings<'r>(report: &'r VerifyReport, table: &str) -> Vec<&'r Finding> {
    report.findings.iter().filter(|finding| finding.table == table).collect()
}

fn finding(table: &str, record: Option<i32>, key: &str, fault: Discrepancy) -> Finding {
    Finding { table: table.to_owned(), record, key: Some(key.to_owned()), fault }
}

#[test]
fn a_deleted_row_of_any_table_is_reported() {
    let migration = migrated();
    let store = migration.open();
    let rows: Vec<_> = tables().into_iter().map(|table| (row(&store, &table, 3), table)).collect();
    for (row, table) in &rows {
        let sql = format!("DELETE FROM {} WHERE {}", table.name, row.condition);
        assert_eq!(store.execute(&sql, []).unwrap(), 1, "{}", table.name);
    }
    drop(store);
    let report = migration.audit(&[]);
    for (row, table) in &rows {
        let expected = finding(&table.name, row.record, &row.key, Discrepancy::Missing);
        assert_eq!(findings(&report, &table.name), [&expected]);
    }
    assert_eq!(report.finding_counts.len(), rows.len());
}

#[test]
fn an_added_row_of_any_table_is_reported() {
    let migration = migrated();
    let store = migration.open();
    let mut keys = Vec::new();
    for table in tables() {
        let row = row(&store, &table, 5);
        let first = key_columns(&table)[0];
        let columns: Vec<_> = table
            .columns
            .iter()
            .filter(|column| column.computed.is_none())
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        let values: Vec<_> = columns
            .iter()
            .map(|name| if name.trim_matches('"') == first { "-7".into() } else { name.clone() })
            .collect();
        let sql = format!(
            "INSERT INTO {0} ({1}) SELECT {2} FROM {0} WHERE {3}",
            table.name,
            columns.join(", "),
            values.join(", "),
            row.condition
        );
        assert_eq!(store.execute(&sql, []).unwrap(), 1, "{}", table.name);
        let rest = row.key.split_once(',').map(|(_, rest)| format!(",{rest}")).unwrap_or_default();
        keys.push((table.name.clone(), format!("{first} -7{rest}")));
    }
    drop(store);
    let report = migration.audit(&[]);
    for (table, key) in &keys {
        assert_eq!(findings(&report, table), [&finding(table, None, key, Discrepancy::Extra)]);
    }
    assert_eq!(report.finding_counts.len(), keys.len());
}

/// Replaces the column's value, whatever it is, by another value of its storage class.
fn change(store: &Connection, table: &str, column: &str, condition: &str) {
    let class: String = store
        .query_row(
            "SELECT type FROM pragma_table_xinfo(?1) WHERE name = ?2",
            [table, column],
            |row| row.get(0),
        )
        .unwrap();
    let value = match class.as_str() {
        "TEXT" => format!("ifnull(\"{column}\", '') || '~'"),
        _ => format!("ifnull(\"{column}\", 0) + 1000000000"),
    };
    let sql = format!("UPDATE \"{table}\" SET \"{column}\" = {value} WHERE {condition}");
    assert_eq!(store.execute(&sql, []).unwrap(), 1, "{table}.{column}");
}

#[test]
fn a_changed_value_of_any_column_is_reported() {
    // Columns changed in one round. An audit names only the first rows of a table.
    const COLUMNS_AT_ONCE: usize = 16;
    let mut found = BTreeSet::new();
    for round in 0.. {
        let migration = migrated();
        let store = migration.open();
        let mut changed = Vec::new();
        for table in tables() {
            let values = table.columns.iter().enumerate().filter(|(place, column)| {
                column.computed.is_none() && !table.primary_key.contains(place)
            });
            let share = values.skip(round * COLUMNS_AT_ONCE).take(COLUMNS_AT_ONCE);
            for (number, (_, column)) in share.enumerate() {
                let row = row(&store, &table, number);
                changed.push((table.name.clone(), column.name.clone(), row));
            }
        }
        if changed.is_empty() {
            break;
        }
        for (table, column, row) in &changed {
            change(&store, table, column, &row.condition);
        }
        drop(store);
        let report = migration.audit(&[]);
        assert_eq!(report.findings.len(), changed.len());
        for (table, column, row) in changed {
            let fault = Discrepancy::Differs { columns: vec![column.clone()] };
            let expected = finding(&table, row.record, &row.key, fault);
            assert!(report.findings.contains(&expected), "{expected}");
            found.insert((table, column));
        }
    }
    assert!(found.len() > 150, "{} columns", found.len());
}

#[test]
fn a_changed_key_is_reported_as_one_missing_and_one_extra_row() {
    let migration = migrated();
    let store = migration.open();
    let rows: Vec<_> = tables().into_iter().map(|table| (row(&store, &table, 2), table)).collect();
    for (row, table) in &rows {
        change(&store, &table.name, key_columns(table).last().unwrap(), &row.condition);
    }
    drop(store);
    let report = migration.audit(&[]);
    for (row, table) in &rows {
        let found = findings(&report, &table.name);
        let [extra, missing] = found[..] else { panic!("{found:?}") };
        assert_eq!((&extra.fault, extra.record), (&Discrepancy::Extra, None));
        assert_eq!(*missing, finding(&table.name, row.record, &row.key, Discrepancy::Missing));
    }
}

/// Executes a statement on a copy of the store and returns the findings of this table.
fn found_after(migration: &Migration, sql: &str, table: &str) -> Vec<String> {
    let copy = migration.path("copy.db");
    std::fs::copy(migration.path("store.db"), &copy).unwrap();
    assert!(open(&copy).execute(sql, []).unwrap() > 0, "{sql}");
    let report = migration.audit_of("copy.db", &[]);
    findings(&report, table).iter().map(ToString::to_string).collect()
}

#[test]
fn a_deleted_or_changed_log_row_is_reported_with_its_record() {
    let migration = migrated();
    let where_7 = "WHERE app_id = 7";
    for (sql, expected) in [
        (
            format!("DELETE FROM processing_log {where_7}"),
            vec!["record 7, processing_log: not logged"],
        ),
        (
            format!("UPDATE processing_log SET status = 'failed' {where_7}"),
            vec!["record 7, processing_log: logged as `failed`, should be `success`"],
        ),
        (
            format!("UPDATE processing_log SET failure_reason = 'mapping: x' {where_7}"),
            vec!["record 7, processing_log: logged as `success: mapping: x`, should be `success`"],
        ),
        (
            format!("UPDATE processing_log SET processing_time = '2001-02-03' {where_7}"),
            vec!["record 7, processing_log: differs in processing_time"],
        ),
        (
            format!("UPDATE processing_log SET session_id = 'x' {where_7}"),
            vec!["record 7, processing_log: session `x` is not in migration_run"],
        ),
        (
            format!("UPDATE processing_log SET app_id_start = 1 {where_7}"),
            vec!["record 7, processing_log: differs in app_id_start"],
        ),
        (
            format!("UPDATE processing_log SET app_id = 0 {where_7}"),
            vec![
                "processing_log (app_id 0): logged, but not in the source",
                "record 7, processing_log: not logged",
            ],
        ),
        (
            "UPDATE processing_log SET app_id = 2000000000 WHERE app_id = 40".to_owned(),
            vec![
                "record 40, processing_log: not logged",
                "processing_log (app_id 2000000000): logged, but not in the source",
            ],
        ),
    ] {
        assert_eq!(found_after(&migration, &sql, LOG_TABLE), expected, "{sql}");
    }
}

#[test]
fn bookkeeping_tables_that_disagree_with_the_log_are_reported() {
    let migration = migrated();
    let session = "(SELECT session_id FROM migration_run)";
    for (sql, table, part) in [
        (
            "UPDATE migration_run SET now = '2001-02-03 00:00:00.0000000'",
            "migration_run",
            "now is 2001",
        ),
        ("UPDATE migration_run SET now = 'x'", "migration_run", "now is 1970"),
        ("DELETE FROM migration_run", "migration_batch", "its session is not in migration_run"),
        (
            "DELETE FROM migration_batch WHERE batch = 1",
            "migration_batch",
            "record 17, migration_batch: no batch of its session covers it",
        ),
        (
            "UPDATE migration_batch SET records = records + 1 WHERE batch = 1",
            "migration_batch",
            "batch 1): it counts 17 records, of which the log has 16",
        ),
        (
            "UPDATE migration_batch SET last_app_id = last_app_id - 1 WHERE batch = 1",
            "migration_batch",
            "it counts 16 records, of which the log has 15",
        ),
        (
            "UPDATE migration_batch SET first_app_id = first_app_id - 1 WHERE batch = 1",
            "migration_batch",
            "it does not follow the batch before it",
        ),
        (
            "UPDATE migration_batch SET first_app_id = 0 WHERE batch = 0",
            "migration_batch",
            "its first or its last record is not logged",
        ),
        (
            &format!("INSERT INTO migration_batch VALUES ({session}, 9, 90, 91, 2)"),
            "migration_batch",
            "batch 9): its first or its last record is not logged",
        ),
    ] {
        let found = found_after(&migration, sql, table);
        assert!(found.iter().any(|line| line.contains(part)), "{sql}: {found:?}");
    }
}

#[test]
fn many_findings_are_counted_and_the_first_are_named() {
    let migration = migrated();
    let store = migration.open();
    let deleted = store.execute("DELETE FROM scores", []).unwrap();
    drop(store);
    let report = migration.audit(&[]);
    assert_eq!(report.finding_counts["scores"], deleted as u64);
    assert_eq!(findings(&report, "scores").len(), migrator::verify::finding::NAMED_MAX);
    assert_eq!(report.rows["scores"], 0);
}
