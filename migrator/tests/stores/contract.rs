//! The contract of a store, written against the traits. Each backend runs the same suite.

use migrator::config::{InsertMethod, Synchronous};
use migrator::error::ErrorKind;
use migrator::record::SqlValue;
use migrator::store::checksum::checksum;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{
    Connection, InsertOutcome, Key, Range, Role, Rule, Store, StoredValue, Violation,
};
use tempfile::TempDir;

use crate::support::store::{
    ADDRESS, BASE, CONTACT, CURRENT, ENUMS, HISTORY, PREVIOUS, PRICING, address_row, base_row,
    catalogue, contact_row, history_row, int, large_record, pricing_row, text,
};

const METHODS: [InsertMethod; 2] = [InsertMethod::Values, InsertMethod::Bulk];

/// Creates a new, empty store in `folder`.
fn sqlite(folder: &TempDir) -> Box<dyn Store> {
    let tables = Tables::new(&catalogue()).unwrap();
    let path = folder.path().join("store.db");
    Box::new(SqliteStore::new(&path, Synchronous::Off, tables).unwrap())
}

/// Declares one test for each clause of the contract on each backend.
macro_rules! suite {
    ($($backend:ident)+) => { $( suite! { $backend:
            creating_missing_tables_twice_changes_nothing
            a_run_finds_the_tables_ready_and_the_log_with_its_key
            rows_of_the_catalogue_are_there
            committed_rows_are_visible_to_others
            rolled_back_rows_are_not_stored
            a_dropped_connection_rolls_its_transaction_back
            rolling_back_to_a_savepoint_undoes_only_later_changes
            a_later_savepoint_replaces_the_earlier_one
            an_insert_of_any_number_of_rows_stores_each_once
            violations_name_the_constraint_and_the_column
            a_transaction_continues_after_a_violation
            keys_of_text_ignore_case
            a_key_of_two_columns_is_compared_in_both
            sets_of_keys_of_any_size_are_looked_up
            a_set_of_keys_is_compared_like_a_single_key
            omitted_identities_are_numbered
            deleting_gives_the_number_of_rows
            a_range_is_closed_and_ascending
            every_type_reads_back_in_its_text_form
            computed_columns_are_computed
            connections_are_counted_by_role
            writers_take_turns
            the_checksum_depends_on_rows_and_not_on_their_order_or_method
    } )+ };
    ($backend:ident: $($clause:ident)+) => {
        mod $backend {
            $(
                #[test]
                fn $clause() {
                    let catalogue = super::catalogue();
                    let backend = crate::support::backends::$backend(&catalogue, stringify!($clause));
                    let Some(backend) = backend else { return };
                    super::$clause(backend.store.as_ref());
                }
            )+
        }
    };
}

suite! { sqlite linked double double_like_babelfish server }

fn writer(store: &dyn Store) -> Box<dyn Connection> {
    let mut connection = store.connect(Role::Writer).unwrap();
    connection.begin().unwrap();
    connection
}

fn insert(
    connection: &mut dyn Connection,
    table: usize,
    rows: &[Box<[SqlValue]>],
) -> InsertOutcome {
    let rows: Vec<&[SqlValue]> = rows.iter().map(AsRef::as_ref).collect();
    connection.insert(table, &rows, InsertMethod::Values).unwrap()
}

fn stored(connection: &mut dyn Connection, table: usize, rows: &[Box<[SqlValue]>]) {
    let inserted = insert(connection, table, rows);
    assert!(matches!(inserted, InsertOutcome::Stored { .. }), "{inserted:?}");
}

fn refused(connection: &mut dyn Connection, table: usize, row: Box<[SqlValue]>) -> Violation {
    match insert(connection, table, &[row]) {
        InsertOutcome::Refused(violation) => violation,
        other @ InsertOutcome::Stored { .. } => panic!("{other:?}"),
    }
}

fn has(connection: &mut dyn Connection, table: usize, column: usize, value: &SqlValue) -> bool {
    connection.contains_key(&Key { table, columns: vec![column] }, &[value]).unwrap()
}

fn has_app(connection: &mut dyn Connection, app_id: i32) -> bool {
    has(connection, BASE, 0, &int(app_id))
}

/// All rows of a table as text.
fn dump(connection: &mut dyn Connection, table: usize, columns: &[usize]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    connection
        .scan(table, columns, None, &mut |row| {
            rows.push(row.iter().map(plain).collect());
            Ok(())
        })
        .unwrap();
    rows
}

fn plain(value: &StoredValue<'_>) -> String {
    match value {
        StoredValue::Null => "NULL".to_owned(),
        StoredValue::Int(number) => number.to_string(),
        StoredValue::Float(number) => number.to_string(),
        StoredValue::Text(text) => format!("'{text}'"),
    }
}

fn a_run_finds_the_tables_ready_and_the_log_with_its_key(store: &dyn Store) {
    assert!(store.prepare_schema().unwrap().log_has_key);
    assert!(!store.info().version.is_empty());
}

fn creating_missing_tables_twice_changes_nothing(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    connection.commit().unwrap();
    store.create_missing().unwrap();
    assert!(has_app(&mut *connection, 1));
    assert_eq!(dump(&mut *connection, ENUMS, &[0]).len(), 2);
}

fn rows_of_the_catalogue_are_there(store: &dyn Store) {
    let mut connection = store.connect(Role::Reader).unwrap();
    let rows = dump(&mut *connection, ENUMS, &[0, 2]);
    assert_eq!(rows, [["10", "'CURR'"], ["11", "'PREV'"]]);
}

fn committed_rows_are_visible_to_others(store: &dyn Store) {
    let mut reader = store.connect(Role::Reader).unwrap();
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    assert!(has_app(&mut *connection, 1));
    // A store that locks rows on reading makes the reader wait instead.
    let key = Key { table: BASE, columns: vec![0] };
    match reader.contains_key(&key, &[&int(1)]) {
        Ok(seen) => assert!(!seen),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Busy),
    }
    connection.commit().unwrap();
    assert!(has_app(&mut *reader, 1));
}

fn rolled_back_rows_are_not_stored(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    connection.rollback().unwrap();
    assert!(!has_app(&mut *connection, 1));
    connection.rollback().unwrap();
    connection.begin().unwrap();
    stored(&mut *connection, BASE, &[base_row(1)]);
    connection.commit().unwrap();
    assert!(has_app(&mut *connection, 1));
}

fn a_dropped_connection_rolls_its_transaction_back(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    drop(connection);
    assert!(!has_app(&mut *writer(store), 1));
}

fn rolling_back_to_a_savepoint_undoes_only_later_changes(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    connection.savepoint().unwrap();
    for app_id in [2, 3] {
        stored(&mut *connection, BASE, &[base_row(app_id)]);
        connection.rollback_to_savepoint().unwrap();
    }
    connection.commit().unwrap();
    assert_eq!(dump(&mut *connection, BASE, &[0]), [["1"]]);
}

fn a_later_savepoint_replaces_the_earlier_one(store: &dyn Store) {
    let mut connection = writer(store);
    for app_id in [1, 2] {
        connection.savepoint().unwrap();
        stored(&mut *connection, BASE, &[base_row(app_id)]);
    }
    connection.rollback_to_savepoint().unwrap();
    connection.commit().unwrap();
    assert_eq!(dump(&mut *connection, BASE, &[0]), [["1"]]);
}

fn an_insert_of_any_number_of_rows_stores_each_once(store: &dyn Store) {
    let mut first = 1;
    for method in METHODS {
        for count in [0, 1, 2, 3, 15, 16, 17, 100] {
            let rows: Vec<_> = (first..first + count).map(base_row).collect();
            let slices: Vec<&[SqlValue]> = rows.iter().map(AsRef::as_ref).collect();
            let mut connection = writer(store);
            let inserted = connection.insert(BASE, &slices, method).unwrap();
            assert!(matches!(inserted, InsertOutcome::Stored { .. }), "{method:?} {count}");
            connection.commit().unwrap();
            first += count;
            assert_eq!(
                dump(&mut *connection, BASE, &[0]).len(),
                usize::try_from(first - 1).unwrap()
            );
        }
    }
}

fn violations_name_the_constraint_and_the_column(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    stored(&mut *connection, CONTACT, &[contact_row(7, 1)]);
    let mut no_name = contact_row(8, 1);
    no_name[4] = SqlValue::Null;
    let mut a_text = base_row(2);
    a_text[2] = text("six");
    for (table, row, rule, column) in [
        (BASE, base_row(1), Rule::Key, Some("app_id")),
        (CONTACT, contact_row(7, 1), Rule::Key, Some("con_id")),
        (CONTACT, no_name, Rule::NotNull, Some("first_name")),
        (ADDRESS, address_row(99, CURRENT), Rule::Reference, None),
        (ADDRESS, address_row(7, 77), Rule::Reference, None),
        (BASE, a_text, Rule::Other, Some("product_line_enum")),
    ] {
        let violation = refused(&mut *connection, table, row);
        assert_eq!(violation.rule, rule, "{violation:?}");
        // If a row breaks two keys, stores differ in which one they name.
        let names = |column: &str| violation.columns.iter().any(|name| name == column);
        assert!(column.is_none_or(names), "{violation:?}");
        assert!(!violation.message.is_empty());
    }
}

fn a_transaction_continues_after_a_violation(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    connection.savepoint().unwrap();
    refused(&mut *connection, BASE, base_row(1));
    connection.rollback_to_savepoint().unwrap();
    stored(&mut *connection, BASE, &[base_row(2)]);
    connection.commit().unwrap();
    assert_eq!(dump(&mut *connection, BASE, &[0]), [["1"], ["2"]]);
}

fn keys_of_text_ignore_case(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    stored(&mut *connection, HISTORY, &[history_row(1, "[City]")]);
    assert!(has(&mut *connection, HISTORY, 1, &text("[CITY]")));
    let violation = refused(&mut *connection, HISTORY, history_row(1, "[city]"));
    assert_eq!(violation.rule, Rule::Key);
}

fn omitted_identities_are_numbered(store: &dyn Store) {
    let mut connection = writer(store);
    let mut row = base_row(1);
    row[0] = SqlValue::Null;
    stored(&mut *connection, BASE, &[base_row(41), row]);
    assert_eq!(dump(&mut *connection, BASE, &[0]), [["41"], ["42"]]);
}

fn deleting_gives_the_number_of_rows(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    let rows = ["a", "b"].map(|name| history_row(1, name));
    stored(&mut *connection, HISTORY, &rows);
    let key = Key { table: HISTORY, columns: vec![0, 1] };
    assert_eq!(connection.delete(&key, &[&int(1), &text("a")]).unwrap(), 1);
    assert_eq!(connection.delete(&key, &[&int(1), &text("a")]).unwrap(), 0);
    assert_eq!(dump(&mut *connection, HISTORY, &[1]), [["'b'"]]);
}

fn a_range_is_closed_and_ascending(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[9, 3, 5, 7, 1].map(base_row));
    let mut found = Vec::new();
    let range = Range { column: 0, first: 3, last: 7 };
    connection
        .scan(BASE, &[0], Some(range), &mut |row| {
            found.push(plain(&row[0]));
            Ok(())
        })
        .unwrap();
    assert_eq!(found, ["3", "5", "7"]);
    assert_eq!(connection.count(BASE, Some(range)).unwrap(), 3);
    let above = Range { first: 10, last: i64::MAX, ..range };
    assert_eq!(connection.count(BASE, Some(above)).unwrap(), 0);
    assert_eq!(connection.count(BASE, None).unwrap(), 5);
}

fn every_type_reads_back_in_its_text_form(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    stored(&mut *connection, PRICING, &[pricing_row(1)]);
    stored(&mut *connection, CONTACT, &[contact_row(1, 1)]);
    let columns: Vec<_> = (1..10).collect();
    assert_eq!(
        dump(&mut *connection, PRICING, &columns),
        [[
            "'BLANK'",
            "5000",
            "'49.50'",
            "'-0.05'",
            "NULL",
            "'Y'",
            "0.1",
            "'2026-01-31 12:00:00'",
            "'2026-01-31 12:00:00.0000000'"
        ]]
    );
    assert_eq!(dump(&mut *connection, BASE, &[3]), [["'2026-01-31 12:00:00.000'"]]);
    assert_eq!(dump(&mut *connection, CONTACT, &[2, 7]), [["'1970-02-03'", "1"]]);
}

fn computed_columns_are_computed(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    let short = {
        let mut row = contact_row(2, 1);
        row[6] = text("12");
        row
    };
    stored(&mut *connection, CONTACT, &[contact_row(1, 1), short]);
    assert_eq!(dump(&mut *connection, CONTACT, &[8]), [["'6789'"], ["'12'"]]);
}

fn connections_are_counted_by_role(store: &dyn Store) {
    let counted = |role: Role| store.connections().remove(role.name()).unwrap_or_default();
    let (writers, readers) = (counted(Role::Writer), counted(Role::Reader));
    let first = store.connect(Role::Reader).unwrap();
    let second = store.connect(Role::Reader).unwrap();
    assert_eq!(counted(Role::Reader).left_open, 2);
    drop((first, second));
    drop(store.connect(Role::Reader).unwrap());
    let after = counted(Role::Reader);
    assert_eq!((after.opened, after.peak, after.left_open), (readers.opened + 3, 2, 0));
    assert_eq!(counted(Role::Writer), writers);
}

fn writers_take_turns(store: &dyn Store) {
    const TURNS: i32 = 20;
    std::thread::scope(|scope| {
        for worker in 0..2 {
            scope.spawn(move || {
                for turn in 0..TURNS {
                    let mut connection = writer(store);
                    stored(&mut *connection, BASE, &[base_row(1 + worker * TURNS + turn)]);
                    connection.commit().unwrap();
                }
            });
        }
    });
    let mut connection = store.connect(Role::Reader).unwrap();
    assert_eq!(dump(&mut *connection, BASE, &[0]).len(), 2 * TURNS as usize);
}

fn the_checksum_depends_on_rows_and_not_on_their_order_or_method(store: &dyn Store) {
    let mut sums = Vec::new();
    let orders = [vec![1, 2, 3], vec![3, 1, 2], vec![1, 2]];
    for (order, method) in orders.iter().flat_map(|order| METHODS.map(|method| (order, method))) {
        let mut connection = writer(store);
        let records: Vec<_> = order.iter().map(|&key| large_record(key)).collect();
        for table in 0..store.tables().all().len() {
            let rows: Vec<&[SqlValue]> = records
                .iter()
                .flat_map(|record| &record.tables)
                .filter(|rows| rows.table == table)
                .flat_map(|rows| rows.rows.iter().map(AsRef::as_ref))
                .collect();
            connection.insert(table, &rows, method).unwrap();
        }
        sums.push(checksum(&mut *connection, store.tables()).unwrap());
        connection.rollback().unwrap();
    }
    assert!(sums[..4].iter().all(|sum| *sum == sums[0]), "{sums:?}");
    assert_eq!(sums[4], sums[5]);
    assert_ne!(sums[0], sums[4]);
    assert_eq!(sums[0].len(), 32);
}

#[test]
fn a_store_in_a_missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::new(&catalogue()).unwrap();
    let path = folder.path().join("absent").join("store.db");
    let store = SqliteStore::new(&path, Synchronous::Full, tables).unwrap();
    let error = store.create_missing().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert!(error.to_string().contains("absent does not exist"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_not_a_database_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    std::fs::write(folder.path().join("store.db"), "<Provenir>".repeat(999)).unwrap();
    let error = store.create_missing().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[test]
fn a_table_that_differs_from_the_catalogue_is_named() {
    for (ddl, word) in [
        (
            "CREATE TABLE scores (app_id INTEGER NOT NULL, score_identifier TEXT NOT NULL, \
          PRIMARY KEY (app_id, score_identifier))",
            "column score is missing",
        ),
        (
            "CREATE TABLE scores (app_id INTEGER NOT NULL, score_identifier TEXT NOT NULL, \
          score INTEGER, extra TEXT, PRIMARY KEY (app_id, score_identifier))",
            "column extra is not in the catalogue",
        ),
        (
            "CREATE TABLE scores (app_id INTEGER NOT NULL, name TEXT NOT NULL, score INTEGER, \
          PRIMARY KEY (app_id, name))",
            "column 2 is name in the store but score_identifier",
        ),
        (
            "CREATE TABLE scores (app_id INTEGER NOT NULL, score_identifier TEXT NOT NULL, \
          score TEXT, PRIMARY KEY (app_id, score_identifier))",
            "column score has another type",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(ddl).unwrap();
        let error = sqlite(&folder).create_missing().unwrap_err().to_string();
        assert!(error.contains("table scores differs") && error.contains(word), "{error}");
        // No table was left behind.
        let count: i64 = rusqlite::Connection::open(&path)
            .unwrap()
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(count, 1);
    }
}

#[test]
fn a_writer_in_another_process_makes_a_transaction_busy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let tables = Tables::new(&catalogue()).unwrap();
    let store = SqliteStore::new(&path, Synchronous::Off, tables)
        .unwrap()
        .with_busy_timeout(std::time::Duration::from_millis(1));
    store.create_missing().unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut connection = store.connect(Role::Writer).unwrap();
    assert!(connection.begin().unwrap_err().is_retryable());
    other.execute_batch("COMMIT").unwrap();
    connection.begin().unwrap();
    stored(&mut *connection, BASE, &[base_row(1)]);
    connection.commit().unwrap();
}

#[test]
fn an_existing_log_without_its_key_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    store.create_missing().unwrap();
    let file = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    let ddl: String = file
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'processing_log'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let without = ddl.replace(",\n  UNIQUE (\"app_id\")", "");
    assert_ne!(ddl, without);
    file.execute_batch(&format!("DROP TABLE processing_log; {without}")).unwrap();
    assert!(!store.create_missing().unwrap().log_has_key);
}

fn a_key_of_two_columns_is_compared_in_both(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    stored(&mut *connection, CONTACT, &[contact_row(5, 1)]);
    stored(&mut *connection, ADDRESS, &[CURRENT, PREVIOUS].map(|kind| address_row(5, kind)));
    let key = Key { table: ADDRESS, columns: vec![0, 1] };
    assert!(connection.contains_key(&key, &[&int(5), &int(PREVIOUS)]).unwrap());
    assert!(!connection.contains_key(&key, &[&int(6), &int(PREVIOUS)]).unwrap());
}

fn sets_of_keys_of_any_size_are_looked_up(store: &dyn Store) {
    let mut connection = writer(store);
    let rows: Vec<_> = (1..=500).map(|number| base_row(2 * number)).collect();
    stored(&mut *connection, BASE, &rows);
    stored(&mut *connection, CONTACT, &[contact_row(4, 4), contact_row(6, 6)]);
    stored(&mut *connection, ADDRESS, &[address_row(4, CURRENT), address_row(6, PREVIOUS)]);
    let base = Key { table: BASE, columns: vec![0] };
    let address = Key { table: ADDRESS, columns: vec![0, 1] };
    assert_eq!((base.per_statement(), address.per_statement()), (1_000, 1_000));
    assert_eq!(Key { table: BASE, columns: vec![0, 1, 2] }.per_statement(), 699);
    for count in [1, 2, 3, 5, 64, 65, 999, 1_000] {
        let numbers: Vec<_> = (1..=count).map(int).collect();
        let keys: Vec<_> = numbers.iter().map(|number| [number]).collect();
        let keys: Vec<&[&SqlValue]> = keys.iter().map(AsRef::as_ref).collect();
        let even: Vec<_> = (1..=count).map(|number| number % 2 == 0).collect();
        assert_eq!(connection.contains_keys(&base, &keys).unwrap(), even, "{count}");
        let kind = int(PREVIOUS);
        let keys: Vec<_> = numbers.iter().map(|number| [number, &kind]).collect();
        let keys: Vec<&[&SqlValue]> = keys.iter().map(AsRef::as_ref).collect();
        let six: Vec<_> = (1..=count).map(|number| number == 6).collect();
        assert_eq!(connection.contains_keys(&address, &keys).unwrap(), six, "{count}");
    }
}

fn a_set_of_keys_is_compared_like_a_single_key(store: &dyn Store) {
    let mut connection = writer(store);
    stored(&mut *connection, BASE, &[base_row(1)]);
    stored(&mut *connection, HISTORY, &[history_row(1, "[City]")]);
    let key = Key { table: HISTORY, columns: vec![1, 0] };
    let names = ["[CITY]", "[city]", "[town]", "", "1"].map(text);
    let (one, null) = (int(1), SqlValue::Null);
    let keys: Vec<_> = names.iter().flat_map(|name| [[name, &one], [name, &null]]).collect();
    let keys: Vec<&[&SqlValue]> = keys.iter().map(AsRef::as_ref).collect();
    let single: Vec<_> =
        keys.iter().map(|values| connection.contains_key(&key, values).unwrap()).collect();
    assert_eq!(connection.contains_keys(&key, &keys).unwrap(), single);
    assert_eq!(single.iter().filter(|is_there| **is_there).count(), 2);
}
