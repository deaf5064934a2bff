//! Writes batches and checks rows, log and books: duplicates, rejected records, retries.

use std::collections::BTreeMap;

use migrator::config::{InsertMethod, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::error::{ErrorKind, Result};
use migrator::record::{MappingOutcome, Refusal, Reject, SqlValue, Stage, TypedRecord};
use migrator::store::checksum::checksum;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store, StoredValue};
use migrator::telemetry::metrics::{Metrics, Retry, TimedStage};
use migrator::telemetry::report::Books;
use migrator::write::insert::{Batch, BatchEntry, BatchResult, Writer};
use migrator::write::log::open_session;

use crate::support::backends::Backend;
use crate::support::store;
use crate::support::store::faulty::{Commit, Faults, FaultyStore};
use crate::support::store::{
    ADDRESS, BASE, CONTACT, CURRENT, EMPLOYMENT, HISTORY, OPERATIONAL, PREVIOUS, PRICING,
    address_row, catalogue, history_row, int, record, rows, text,
};

const ORDER: [usize; 6] = [BASE, CONTACT, OPERATIONAL, PRICING, ADDRESS, HISTORY];

/// Store that a test runs on.
struct On {
    backend: fn(&Catalogue, &str) -> Option<Backend>,
    name: &'static str,
}

impl On {
    /// A new, empty store; `None` if there is no server for it.
    fn fixture(&self) -> Option<Fixture> {
        (self.backend)(&catalogue(), self.name).map(|backend| Fixture { backend })
    }
}

/// Declares one test for each of these cases on each store.
macro_rules! suite {
    ($($backend:ident)+) => { $( suite! { $backend:
            a_batch_stores_every_row_once_and_logs_every_record
            records_that_mapping_rejects_are_logged_with_the_batch
            an_application_under_a_second_source_key_is_a_duplicate_record
            a_contact_of_another_application_keeps_its_row_and_gets_the_new_address_types
            of_the_rows_of_a_record_with_equal_keys_the_first_is_stored
            a_batch_that_fails_stores_all_but_the_offending_records
            a_key_of_a_rejected_record_goes_to_the_next_record
            rejections_name_table_column_and_key
            a_key_conflict_outside_of_deduplication_is_named
            a_retried_record_has_one_log_row
            a_record_that_another_process_logged_first_is_a_lost_race
            one_query_is_sent_for_each_key
            a_busy_store_is_retried_and_counted
            a_commit_whose_answer_was_lost_is_looked_up
    } )+ };
    ($backend:ident: $($clause:ident)+) => {
        mod $backend {
            $(
                #[test]
                fn $clause() {
                    let name = concat!("batches_", stringify!($clause));
                    super::$clause(&super::On { backend: crate::support::backends::$backend, name });
                }
            )+
        }
    };
}

suite! { sqlite double double_like_babelfish server }

/// A store of the test's own.
struct Fixture {
    backend: Backend,
}

impl Fixture {
    fn store(&self) -> &dyn Store {
        self.backend.store.as_ref()
    }

    fn writer<'a>(&self, store: &'a dyn Store) -> Writer<'a> {
        self.writer_on(store, true)
    }

    fn writer_on<'a>(&self, store: &'a dyn Store, log_has_key: bool) -> Writer<'a> {
        let mut connection = self.store().connect(Role::Writer).unwrap();
        let now = store::now();
        let session = open_session(&mut *connection, self.store().tables(), now).unwrap();
        Writer::new(store, session, InsertMethod::Values, &ORDER, log_has_key).unwrap()
    }

    /// Writes one batch in a new session.
    fn write(&self, entries: Vec<BatchEntry>) -> BatchResult {
        let mut metrics = Metrics::new().unwrap();
        self.try_write(self.store(), entries, &mut metrics).unwrap()
    }

    /// Writes one batch through `store`, which wraps this one.
    fn try_write(
        &self,
        store: &dyn Store,
        entries: Vec<BatchEntry>,
        metrics: &mut Metrics,
    ) -> Result<BatchResult> {
        store::write(store, &self.writer(store), &batch(0, entries), metrics)
    }

    /// Columns of a table as text, joined by a bar, in order.
    fn rows(&self, table: &str, columns: &str) -> Vec<String> {
        let tables = self.store().tables();
        let table = tables.find(table).unwrap();
        let columns: Vec<_> =
            columns.split(' ').map(|column| tables.all()[table].column(column).unwrap()).collect();
        let mut rows = Vec::new();
        let mut connection = self.store().connect(Role::Reader).unwrap();
        connection
            .scan(table, &columns, None, &mut |row| {
                rows.push(row.iter().map(plain_text).collect::<Vec<_>>().join("|"));
                Ok(())
            })
            .unwrap();
        rows.sort_unstable();
        rows
    }

    fn count(&self, table: &str) -> u64 {
        let first = self.store().tables().find(table).map(|at| &self.store().tables().all()[at]);
        self.rows(table, &first.unwrap().columns[0].name).len() as u64
    }

    fn log(&self) -> Vec<String> {
        self.rows("processing_log", "app_id status failure_reason")
    }

    fn checksum(&self) -> String {
        let mut connection = self.store().connect(Role::Reader).unwrap();
        checksum(&mut *connection, self.store().tables()).unwrap()
    }
}

fn plain_text(value: &StoredValue<'_>) -> String {
    match value {
        StoredValue::Null => "-".to_owned(),
        StoredValue::Int(number) => number.to_string(),
        StoredValue::Float(number) => number.to_string(),
        StoredValue::Text(text) => (*text).to_owned(),
    }
}

fn batch(number: u64, entries: Vec<BatchEntry>) -> Batch {
    Batch { number, entries }
}

fn entry(record: TypedRecord) -> BatchEntry {
    BatchEntry { key: record.key, retry: false, mapped: MappingOutcome::Rows(record) }
}

/// A record with one contact, whose application id is its key.
fn plain(key: i32, con_id: i32) -> BatchEntry {
    entry(record(key, key, &[(con_id, &[CURRENT])]))
}

/// A record that the store rejects: its pricing row refers to no application.
fn guilty(key: i32, con_id: i32) -> BatchEntry {
    let mut record = record(key, key, &[(con_id, &[CURRENT])]);
    record.tables[2].rows[0][0] = int(999_999);
    entry(record)
}

fn books(entries: &[(&str, u64)]) -> Books {
    let of = |name: &str| entries.iter().find(|(n, _)| *n == name).map_or(0, |(_, count)| *count);
    Books {
        read: entries.iter().map(|(_, count)| count).sum(),
        committed: of("committed"),
        duplicate: of("duplicate"),
        rejected: of("rejected"),
        failed: of("failed"),
        lost_race: of("lost_race"),
        skipped: 0,
    }
}

fn a_batch_stores_every_row_once_and_logs_every_record(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    let written = fixture.write(vec![plain(1, 11), plain(2, 12)]);
    assert_eq!(written.books, books(&[("committed", 2)]));
    let tables = fixture.store().tables();
    let rows: BTreeMap<_, _> = written
        .rows
        .iter()
        .zip(tables.target_tables())
        .filter(|(count, _)| **count > 0)
        .map(|(count, table)| (table.name.as_str(), *count))
        .collect();
    let expected = [
        ("app_base", 2),
        ("app_contact_address", 2),
        ("app_contact_base", 2),
        ("app_historical_lookup", 4),
        ("app_pricing_cc", 2),
        ("processing_log", 2),
    ];
    assert_eq!(rows, BTreeMap::from(expected));
    for (table, count) in expected {
        assert_eq!(fixture.count(table), count);
    }
    assert_eq!(fixture.log(), ["1|success|-", "2|success|-"]);
    assert_eq!(
        fixture.rows("migration_batch", "session_id batch first_app_id last_app_id records"),
        ["20260131_120000|0|1|2|2"]
    );
    assert_eq!(
        fixture.rows("migration_run", "session_id now"),
        ["20260131_120000|2026-01-31 12:00:00.0000000"]
    );
    assert_eq!(
        fixture.rows("processing_log", "session_id processing_time"),
        ["20260131_120000|2026-01-31 12:00:00.0000000"; 2]
    );
}

fn records_that_mapping_rejects_are_logged_with_the_batch(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    let rejected =
        MappingOutcome::Rejected(Reject { stage: Stage::Validation, reason: "blank".into() });
    let refused = MappingOutcome::Refused(Refusal {
        stage: Stage::Coerce,
        table: "app_base".into(),
        column: Some("ip_address".into()),
        reason: "longer than 39".into(),
    });
    let entries = vec![
        BatchEntry { key: 1, retry: false, mapped: rejected },
        plain(2, 12),
        BatchEntry { key: 3, retry: false, mapped: refused },
    ];
    let written = fixture.write(entries);
    assert_eq!(written.books, books(&[("committed", 1), ("rejected", 1), ("failed", 1)]));
    assert_eq!(
        fixture.log(),
        [
            "1|failed|validation: blank",
            "2|success|-",
            "3|failed|coerce: app_base.ip_address: longer than 39"
        ]
    );
}

fn an_application_under_a_second_source_key_is_a_duplicate_record(on: &On) {
    for batches in [vec![vec![1, 2, 3]], vec![vec![1], vec![2, 3]]] {
        let Some(fixture) = on.fixture() else { return };
        let mut total = Books::default();
        for keys in batches {
            // All three records are application 7 and differ in the contact.
            let entries =
                keys.iter().map(|&key| entry(record(key, 7, &[(10 + key, &[CURRENT])]))).collect();
            let written = fixture.write(entries);
            total.committed += written.books.committed;
            total.duplicate += written.books.duplicate;
        }
        assert_eq!((total.committed, total.duplicate), (1, 2));
        assert_eq!(
            fixture.log(),
            [
                "1|success|-",
                "2|failed|duplicate: app_base.app_id 7 is already stored",
                "3|failed|duplicate: app_base.app_id 7 is already stored"
            ]
        );
        assert_eq!(fixture.rows("app_contact_base", "con_id"), ["11"]);
    }
}

fn a_contact_of_another_application_keeps_its_row_and_gets_the_new_address_types(on: &On) {
    for batches in [vec![vec![1, 2]], vec![vec![1], vec![2]]] {
        let Some(fixture) = on.fixture() else { return };
        let types: BTreeMap<i32, &[i64]> =
            BTreeMap::from([(1, &[CURRENT][..]), (2, &[CURRENT, PREVIOUS][..])]);
        for keys in batches {
            let entries = keys.iter().map(|&key| entry(record(key, key, &[(50, types[&key])])));
            let written = fixture.write(entries.collect());
            assert_eq!(written.books.committed, written.books.read);
        }
        assert_eq!(fixture.rows("app_contact_base", "con_id app_id"), ["50|1"]);
        assert_eq!(
            fixture.rows("app_contact_address", "con_id address_type_enum"),
            ["50|10", "50|11"]
        );
        assert_eq!(fixture.rows("app_base", "app_id"), ["1", "2"]);
    }
}

fn of_the_rows_of_a_record_with_equal_keys_the_first_is_stored(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    let mut twice = record(1, 1, &[(50, &[CURRENT, CURRENT])]);
    twice.tables[3].rows[1][2] = text("second");
    let employment =
        |name| [int(50), int(CURRENT), text(name), SqlValue::Null, SqlValue::Bit(true)];
    twice.tables.push(rows(EMPLOYMENT, vec![employment("a").into(), employment("b").into()]));
    let written = fixture.write(vec![entry(twice)]);
    assert_eq!(written.books, books(&[("committed", 1)]));
    assert_eq!(fixture.rows("app_contact_address", "city"), ["MISSING"]);
    assert_eq!(fixture.rows("app_contact_employment", "business_name"), ["a"]);
}

fn a_batch_that_fails_stores_all_but_the_offending_records(on: &On) {
    for guilty_keys in [vec![1], vec![4], vec![8], vec![1, 2], vec![2, 7], (1..=8).collect()] {
        let Some(fixture) = on.fixture() else { return };
        let entries = (1..=8)
            .map(|key| if guilty_keys.contains(&key) { guilty(key, key) } else { plain(key, key) });
        let mut metrics = Metrics::new().unwrap();
        let written = fixture.try_write(fixture.store(), entries.collect(), &mut metrics).unwrap();
        let failed = guilty_keys.len() as u64;
        assert_eq!(written.books, books(&[("committed", 8 - failed), ("failed", failed)]));
        assert_eq!(metrics.retries, BTreeMap::from([(Retry::RefusedRecord, 1)]));
        assert_eq!(metrics.transactions, 1);
        let reason = "store: app_pricing_cc.app_id: there is no app_base 999999";
        let expected: Vec<_> = (1..=8)
            .map(|key| {
                if guilty_keys.contains(&key) {
                    format!("{key}|failed|{reason}")
                } else {
                    format!("{key}|success|-")
                }
            })
            .collect();
        assert_eq!(fixture.log(), expected);
        // No row of a rejected record is left.
        let stored: Vec<_> =
            (1..=8).filter(|key| !guilty_keys.contains(key)).map(|key| key.to_string()).collect();
        for (table, column) in [("app_base", "app_id"), ("app_contact_base", "con_id")] {
            assert_eq!(fixture.rows(table, column), stored);
        }
        // The store's error message goes to the terminal and not into the log.
        assert_eq!(written.refused.len(), guilty_keys.len());
        assert!(written.refused.iter().all(|(_, _, own)| own.contains("FOREIGN KEY")));
    }
}

fn a_key_of_a_rejected_record_goes_to_the_next_record(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    let duplicate_of_guilty = entry(record(3, 1, &[(50, &[CURRENT])]));
    let entries =
        vec![guilty(1, 50), entry(record(2, 2, &[(50, &[PREVIOUS])])), duplicate_of_guilty];
    let written = fixture.write(entries);
    assert_eq!(written.books, books(&[("committed", 2), ("failed", 1)]));
    assert_eq!(fixture.rows("app_contact_base", "con_id app_id"), ["50|2"]);
    assert_eq!(fixture.rows("app_base", "app_id"), ["1", "2"]);
}

fn rejections_name_table_column_and_key(on: &On) {
    let with = |change: &dyn Fn(&mut TypedRecord)| {
        let mut record = record(1, 1, &[(50, &[CURRENT])]);
        change(&mut record);
        entry(record)
    };
    let no_name = with(&|record| record.tables[1].rows[0][4] = SqlValue::Null);
    let no_number = with(&|record| record.tables[2].rows[0][2] = text("much"));
    let unknown_type = with(&|record| record.tables[3].rows[0][1] = int(77));
    let twice = with(&|record| record.tables[4].rows[1][1] = text("[CURR_address]"));
    let orphan = with(&|record| record.tables[3].rows = vec![address_row(51, CURRENT)]);
    for (entry, reason) in [
        (no_name, "store: app_contact_base.first_name: null is not allowed"),
        (no_number, "store: app_pricing_cc.credit_line: the store refuses the value"),
        (unknown_type, "store: app_contact_address.address_type_enum: there is no app_enums 77"),
        (orphan, "store: app_contact_address.con_id: there is no app_contact_base 51"),
        (twice, "store: app_historical_lookup.app_id, name: the record has a key twice"),
    ] {
        let Some(fixture) = on.fixture() else { return };
        let written = fixture.write(vec![entry]);
        assert_eq!(written.books, books(&[("failed", 1)]));
        assert_eq!(fixture.log(), [format!("1|failed|{reason}")]);
        assert_eq!(fixture.count("app_base"), 0);
    }
}

fn a_key_conflict_outside_of_deduplication_is_named(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    let mut intruder = record(2, 2, &[]);
    intruder.tables[2].rows.push(history_row(1, "[curr_address]"));
    let written = fixture.write(vec![plain(1, 50), entry(intruder)]);
    assert_eq!(written.books, books(&[("committed", 1), ("failed", 1)]));
    assert_eq!(
        fixture.log()[1],
        "2|failed|store: app_historical_lookup.app_id, name: key 1, [curr_address] is taken"
    );
}

fn a_retried_record_has_one_log_row(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    fixture.write(vec![guilty(1, 50), plain(2, 52)]);
    let again = BatchEntry { retry: true, ..plain(1, 50) };
    assert_eq!(fixture.write(vec![again]).books, books(&[("committed", 1)]));
    assert_eq!(fixture.log(), ["1|success|-", "2|success|-"]);
    let sessions = fixture.rows("processing_log", "app_id session_id");
    assert_eq!(sessions, ["1|20260131_120000_2", "2|20260131_120000"]);
}

fn a_record_that_another_process_logged_first_is_a_lost_race(on: &On) {
    for log_has_key in [true, false] {
        let Some(fixture) = on.fixture() else { return };
        fixture.write(vec![plain(2, 52)]);
        let before = fixture.checksum();
        let mut metrics = Metrics::new().unwrap();
        let entries = vec![plain(1, 51), plain(2, 52), plain(3, 53)];
        let writer = fixture.writer_on(fixture.store(), log_has_key);
        let written =
            store::write(fixture.store(), &writer, &batch(0, entries), &mut metrics).unwrap();
        assert_eq!(written.books, books(&[("committed", 2), ("lost_race", 1)]));
        assert_eq!(metrics.retries.contains_key(&Retry::LostRace), log_has_key);
        assert_eq!(fixture.log(), ["1|success|-", "2|success|-", "3|success|-"]);
        assert_ne!(before, fixture.checksum());
    }
}

fn one_query_is_sent_for_each_key(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    let mut metrics = Metrics::new().unwrap();
    // Each record has the application, the contact and two addresses. The second shares the first's
    // contact, so that key is already locked and is not asked for again.
    let entries = [1, 2].map(|key| entry(record(key, key, &[(50, &[CURRENT, PREVIOUS])])));
    fixture.try_write(fixture.store(), entries.into(), &mut metrics).unwrap();
    assert_eq!(metrics.queries, 4 + 1);
    assert_eq!(metrics.timing(TimedStage::Connect).histogram.len(), 1);
    assert_eq!(metrics.timing(TimedStage::Commit).histogram.len(), 1);
}

fn a_busy_store_is_retried_and_counted(on: &On) {
    let Some(fixture) = on.fixture() else { return };
    let flaky = FaultyStore::new(fixture.store(), 0, Faults { busy: 3, ..Faults::default() });
    let mut metrics = Metrics::new().unwrap();
    let written = fixture.try_write(&flaky, vec![plain(1, 50)], &mut metrics).unwrap();
    assert_eq!(written.books, books(&[("committed", 1)]));
    assert_eq!(metrics.retries, BTreeMap::from([(Retry::Busy, 3)]));
    assert_eq!(fixture.log(), ["1|success|-"]);
}

#[test]
fn a_store_that_stays_busy_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let tables = Tables::new(&catalogue()).unwrap();
    let store = SqliteStore::new(&path, Synchronous::Off, tables)
        .unwrap()
        .with_busy_timeout(std::time::Duration::from_millis(1));
    store.create_missing().unwrap();
    let on_file = Fixture { backend: Backend::of(Box::new(store)) };
    let store = on_file.store();
    let writer = on_file.writer(store);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut metrics = Metrics::new().unwrap();
    let batch = batch(0, vec![plain(1, 50)]);
    let error = store::write(store, &writer, &batch, &mut metrics).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("busy"), "{error}");
    drop(other);
    assert!(on_file.log().is_empty());
}

fn a_commit_whose_answer_was_lost_is_looked_up(on: &On) {
    for (commit, rows) in [(Commit::AnswerLost, 1), (Commit::ConnectionLost, 0)] {
        let Some(fixture) = on.fixture() else { return };
        let flaky = FaultyStore::new(fixture.store(), 0, Faults { commit, ..Faults::default() });
        let mut metrics = Metrics::new().unwrap();
        let result = fixture.try_write(&flaky, vec![plain(1, 50)], &mut metrics);
        let kind = result.map(|written| written.books).map_err(|error| error.kind());
        let expected =
            if rows == 1 { Ok(books(&[("committed", 1)])) } else { Err(ErrorKind::Environment) };
        assert_eq!(kind, expected);
        assert_eq!(fixture.log().len(), rows);
    }
}
