//! Stores that reject a row of the log or of the batch table. A duplicate key is a lost race. Any
//! other error stops the run with its cause and leaves no rows.

use std::path::Path;

use migrator::config::{InsertMethod, Synchronous};
use migrator::error::{Error, ErrorKind};
use migrator::record::MappingOutcome;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store};
use migrator::telemetry::metrics::Metrics;
use migrator::write::insert::{Batch, BatchEntry, Writer};
use migrator::write::log::open_session;
use tds_double::faults::{Fault, Trigger};
use tds_double::{Engine, Options};

use crate::support::backends;
use crate::support::store;
use crate::support::store::{BASE, CONTACT, CURRENT, PRICING, catalogue, now, record};

/// Tables that a batch fills besides the rows of its records.
const OWN: [&str; 2] = ["processing_log", "migration_batch"];

/// Number of rows in the tables that only a stored batch fills.
fn count_batch_rows(store: &dyn Store) -> usize {
    let mut connection = store.connect(Role::Reader).unwrap();
    let tables = store.tables();
    let mut rows = 0;
    for table in [BASE, CONTACT, PRICING, tables.log, tables.batch] {
        let mut count = |_: &[migrator::store::StoredValue<'_>]| {
            rows += 1;
            Ok(())
        };
        connection.scan(table, &[0], None, &mut count).unwrap();
    }
    rows
}

/// Writes a batch of three records. `spoil` has to make the store reject it.
fn write_rejected(
    store: &dyn Store,
    method: InsertMethod,
    spoil: impl FnOnce(),
) -> (Error, Metrics) {
    let mut connection = store.connect(Role::Writer).unwrap();
    let session = open_session(connection.as_mut(), store.tables(), now()).unwrap();
    drop(connection);
    let writer = Writer::new(store, session, method, &[BASE, CONTACT, PRICING], true).unwrap();
    let entry = |key| {
        let mapped = MappingOutcome::Rows(record(key, key, &[(50 + key, &[CURRENT])]));
        BatchEntry { key, retry: false, mapped }
    };
    let batch = Batch { number: 0, entries: (1..=3).map(entry).collect() };
    let mut metrics = Metrics::new().unwrap();
    spoil();
    let error = store::write(store, &writer, &batch, &mut metrics).unwrap_err();
    (error, metrics)
}

/// Asserts that the batch stopped at once, with an error that names the table and the cause.
fn assert_stopped(
    store: &dyn Store,
    (error, metrics): &(Error, Metrics),
    table: &str,
    cause: &str,
) {
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    let said = error.to_string();
    assert!(said.starts_with(&format!("batch 0: the store rejects a row of {table}: ")), "{said}");
    assert!(said.contains(cause), "{said}");
    assert!(metrics.retries.is_empty(), "{said}: {:?}", metrics.retries);
    assert_eq!(count_batch_rows(store), 0, "{said}");
}

fn on_file(path: &Path) -> SqliteStore {
    let tables = Tables::new(&catalogue()).unwrap();
    let store = SqliteStore::new(path, Synchronous::Off, tables).unwrap();
    store.create_missing().unwrap();
    store
}

#[test]
fn a_log_row_that_a_file_rejects_stops_the_run_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for method in [InsertMethod::Values, InsertMethod::Bulk] {
        for table in OWN {
            let path = folder.path().join(format!("{table}{method:?}.db"));
            let store = on_file(&path);
            let came = write_rejected(&store, method, || {
                let trigger = format!(
                    "CREATE TRIGGER shut BEFORE INSERT ON {table} \
                     BEGIN SELECT RAISE(ABORT, 'closed for the audit'); END"
                );
                rusqlite::Connection::open(&path).unwrap().execute_batch(&trigger).unwrap();
            });
            assert_stopped(&store, &came, table, "closed for the audit");
        }
    }
}

#[test]
fn a_log_row_that_a_server_rejects_stops_the_run_with_the_reason() {
    for engine in [Engine::SqlServer, Engine::Babelfish] {
        for table in OWN {
            // A text that is too long, null in a not-null column, a failed check, an unknown
            // number.
            for number in [8152, 515, 547, 50_001] {
                let on =
                    backends::on_double(&catalogue(), Options { engine, ..Options::default() });
                let double = on.double.as_ref().unwrap();
                let store = on.store.as_ref();
                let came = write_rejected(store, InsertMethod::Values, || {
                    let insert = format!("INSERT INTO [migration].[{table}]");
                    double.faults().once(Trigger::Statement(insert, 0), Fault::Error(number));
                });
                assert_eq!(double.faults().met(), 1);
                assert_stopped(store, &came, table, "");
            }
        }
    }
}

#[test]
fn an_unexplained_log_key_conflict_is_retried_and_then_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = on_file(&path);
    let (error, metrics) = write_rejected(&store, InsertMethod::Values, || {
        // Inserts a log row with the same key first. No look-up finds a record of the previous
        // batch.
        let trigger = "CREATE TRIGGER twice BEFORE INSERT ON processing_log WHEN new.app_id = 2 \
                       BEGIN INSERT INTO processing_log (app_id, status, processing_time) \
                       VALUES (2, 'success', 'now'); END";
        rusqlite::Connection::open(&path).unwrap().execute_batch(trigger).unwrap();
    });
    assert!(error.to_string().contains("UNIQUE constraint failed: processing_log.app_id"));
    assert_eq!(metrics.retries, [(migrator::telemetry::metrics::Retry::LostRace, 5)].into());
    assert_eq!(count_batch_rows(&store), 0);
}
