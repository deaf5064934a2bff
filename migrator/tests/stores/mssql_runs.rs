//! Whole runs over TDS against the test double: failures of transactions and connections, numbers
//! of connections, server statistics, and passwords that must not be shown.

use std::collections::BTreeMap;
use std::time::Duration;

use migrator::config::{InsertMethod, Settings};
use migrator::contract::catalogue::{Catalogue, SqlType};
use migrator::error::{ErrorKind, Result};
use migrator::record::{MappingOutcome, RawRecord, Reject, SqlValue, TypedRecord};
use migrator::run::worker_pool::Stages;
use migrator::store::mssql::MssqlStore;
use migrator::store::mssql::setup::Recreate;
use migrator::store::mssql::sql;
use migrator::store::{InsertOutcome, Role, Store, StoredValue};
use migrator::telemetry::metrics::Metrics;
use migrator::telemetry::report::{Books, RunReport, ServerWait};
use serde_json::{Value, json};
use tds_double::faults::{Fault, Trigger};
use tds_double::record::MessageKind;
use tds_double::{Datum, Engine, Options, TdsDouble, Type};

use crate::support::backends;
use crate::support::store;
use crate::support::store::runs::{Fixture, Numbers};
use crate::support::store::{BASE, CURRENT, PRICING, base_row, catalogue, int, record, text};

/// Records with one application each. Those in `guilty` refer to an application that does not
/// exist.
#[derive(Clone, Copy)]
struct Invented {
    guilty: &'static [i32],
}

const NONE_GUILTY: Invented = Invented { guilty: &[] };

impl Stages for Invented {
    type Parsed = RawRecord;

    fn parse(&mut self, raw: RawRecord, _: &mut Metrics) -> std::result::Result<RawRecord, Reject> {
        Ok(raw)
    }

    fn map(&mut self, raw: RawRecord, _: &mut Metrics) -> MappingOutcome {
        let key = raw.key;
        let mut record = record(key, key, &[(key, &[CURRENT])]);
        if self.guilty.contains(&key) {
            record.tables[2].rows[0][0] = int(999_999);
        }
        MappingOutcome::Rows(record)
    }
}

/// A double with the tables of a small catalogue.
struct OnDouble {
    double: TdsDouble,
    store: MssqlStore,
}

impl OnDouble {
    fn new() -> Self {
        Self::with(Options::default(), &catalogue())
    }

    fn with(options: Options, catalogue: &Catalogue) -> Self {
        let double = TdsDouble::start_with(options);
        let store = backends::store_on(&double, catalogue);
        store.create_missing().unwrap();
        Self { double, store }
    }

    fn try_run<S: Stages + Copy + Sync>(
        &self,
        settings: Value,
        last: i32,
        stages: S,
    ) -> Result<RunReport> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let source = Numbers { last, broken: None };
        Fixture::with(settings).try_run(&self.store, &source, stages)
    }

    /// Runs, asserts success, and asserts that no connection is left open.
    fn run<S: Stages + Copy + Sync>(&self, settings: Value, last: i32, stages: S) -> RunReport {
        let report = self.try_run(settings, last, stages).unwrap();
        assert!(self.double.all_closed_within(Duration::from_secs(5)));
        report
    }

    /// Log entries by the record's key.
    fn log(&self) -> BTreeMap<i64, String> {
        let mut connection = self.store.connect(Role::Reader).unwrap();
        let mut log = BTreeMap::new();
        let tables = self.store.tables();
        connection
            .scan(tables.log, &[1, 2, 3], None, &mut |row| {
                let [StoredValue::Int(key), StoredValue::Text(status), reason] = row else {
                    panic!()
                };
                let reason = if let StoredValue::Text(reason) = reason { reason } else { "" };
                assert_eq!(log.insert(*key, format!("{status} {reason}")), None);
                Ok(())
            })
            .unwrap();
        log
    }
}

fn committed(read: u64) -> Books {
    Books { read, committed: read, ..Books::default() }
}

#[test]
fn connections_are_opened_as_the_pool_mode_says() {
    for (settings, opened) in [
        (json!({"pool": "worker"}), 1..=2),
        (json!({"pool": "off"}), 20..=20),
        (json!({"pool": "shared", "pool_max": 1}), 1..=1),
        (json!({"pool": "shared", "pool_max": 2}), 1..=2),
    ] {
        let mut settings = settings;
        settings["workers"] = json!(2);
        settings["batch_size"] = json!(2);
        let server = OnDouble::new();
        let before = server.double.counts().opened;
        let report = server.run(settings.clone(), 40, NONE_GUILTY);
        assert_eq!(report.books, committed(40));
        assert_eq!(report.transactions, 20);
        let writers = &report.connections["writer"];
        assert!(opened.contains(&writers.opened), "{settings}: {}", writers.opened);
        assert_eq!((writers.left_open, writers.reused), (0, 20 - writers.opened), "{settings}");
        // The report counts every connection that the server has seen.
        let counted: u64 = report.connections.values().map(|role| role.opened).sum();
        let seen = server.double.counts().opened - before;
        assert!(seen as u64 <= counted + 1, "{settings}: {seen} seen, {counted} counted");
        eprintln!(
            "{settings}: 20 batches, {} writer connections opened, {} reused, {} left open",
            writers.opened, writers.reused, writers.left_open
        );
    }
}

#[test]
fn transient_errors_are_retried_and_counted_by_cause() {
    let pricing = || Trigger::Statement("INSERT INTO [migration].[app_pricing_cc]".into(), 1);
    for (fault, cause) in [
        (Fault::Deadlock, "deadlock"),
        (Fault::Error(1205), "deadlock"),
        (Fault::Error(1222), "busy"),
        (Fault::Error(3960), "conflict"),
        (Fault::Error(40_501), "unavailable"),
        (Fault::Error(9002), "unavailable"),
        (Fault::DropBefore, "disconnected"),
        (Fault::DropInAnswer, "disconnected"),
        (Fault::DropAfter, "disconnected"),
        (Fault::Stall, "disconnected"),
        (Fault::FatalWithoutEnd(596), "disconnected"),
    ] {
        let server = OnDouble::new();
        server.double.faults().once(pricing(), fault);
        let settings = json!({"batch_size": 5, "pool": "worker", "workers": 1});
        let report = server.run(settings, 20, NONE_GUILTY);
        assert_eq!(server.double.faults().met(), 1);
        assert_eq!(report.books, committed(20), "{fault:?}");
        assert_eq!(report.retries, BTreeMap::from([(cause.to_owned(), 1)]), "{fault:?}");
        assert_eq!(server.log().len(), 20);
    }
}

#[test]
fn the_result_of_a_commit_without_an_answer_is_looked_up() {
    for (fault, was_done) in [
        (Fault::DropBefore, false),
        (Fault::DropInside, false),
        (Fault::DropInAnswer, true),
        (Fault::DropAfter, true),
        (Fault::StallAfter, true),
        (Fault::Stall, false),
    ] {
        let server = OnDouble::new();
        // The first commits are those of the run's session.
        server.double.faults().once(Trigger::Kind(MessageKind::Commit, 2), fault);
        let settings = json!({"batch_size": 5, "workers": 1, "pool": "worker"});
        let report = server.run(settings, 20, NONE_GUILTY);
        assert_eq!(server.double.faults().met(), 1);
        assert_eq!(report.books, committed(20), "{fault:?}");
        assert_eq!(report.commits_looked_up, 1, "{fault:?}");
        let again = if was_done { None } else { Some(1) };
        assert_eq!(report.retries.get("disconnected").copied(), again, "{fault:?}");
        assert!(server.log().values().all(|entry| entry == "success "));
    }
}

#[test]
fn an_offending_record_is_found_with_both_methods_on_every_engine() {
    const GUILTY: Invented = Invented { guilty: &[3, 9, 10, 17] };
    for (engine, insert) in
        [(Engine::SqlServer, "values"), (Engine::SqlServer, "bulk"), (Engine::Babelfish, "values")]
    {
        let server = OnDouble::with(Options { engine, ..Options::default() }, &catalogue());
        let settings = json!({"batch_size": 10, "workers": 1, "insert": insert});
        let report = server.run(settings, 20, GUILTY);
        let books = Books { read: 20, committed: 16, failed: 4, ..Books::default() };
        assert_eq!(report.books, books, "{engine:?} {insert}");
        for (key, entry) in server.log() {
            let guilty = GUILTY.guilty.iter().any(|&guilty| i64::from(guilty) == key);
            let reason = "failed store: app_pricing_cc.app_id: there is no app_base 999999";
            assert_eq!(entry, if guilty { reason } else { "success " });
        }
    }
}

#[test]
fn a_bisection_continues_after_the_server_aborts_its_transaction() {
    let server = OnDouble::new();
    // The fifth of eight records aborts every transaction that inserts it. The bisection inserts it
    // five times: in the batch, in the whole batch again, in its right half, in the left half of
    // that, and alone. Between these the remaining records are inserted again. The last rule is
    // tried first.
    for nth in [7, 5, 3, 1, 0] {
        let insert = Trigger::Statement("INSERT INTO [migration].[app_pricing_cc]".into(), nth);
        server.double.faults().once(insert, Fault::Error(245));
    }
    let report = server.run(json!({"batch_size": 8, "workers": 1}), 8, NONE_GUILTY);
    assert_eq!(server.double.faults().met(), 5);
    let books = Books { read: 8, committed: 7, failed: 1, ..Books::default() };
    assert_eq!(report.books, books);
    let retries = [("refused_record".to_owned(), 1), ("undone".to_owned(), 4)];
    assert_eq!(report.retries, BTreeMap::from(retries));
    for (key, entry) in server.log() {
        let refused = "failed store: app_pricing_cc: the store refuses the value";
        assert_eq!(entry, if key == 5 { refused } else { "success " }, "{key}");
    }
}

#[test]
fn rows_unfit_for_bulk_are_inserted_with_parameters_in_the_same_transaction() {
    let mut catalogue = catalogue();
    let text_column = catalogue.tables[BASE].columns.len() - 1;
    catalogue.tables[BASE].columns[text_column].sql_type = SqlType::NVarChar(None);
    for engine in [Engine::SqlServer, Engine::Babelfish] {
        let server = OnDouble::with(Options { engine, ..Options::default() }, &catalogue);
        let long = "→".repeat(70_000);
        let rows: Vec<_> = [(1, "short"), (2, &*long), (3, "also short")]
            .into_iter()
            .map(|(app_id, value)| {
                let mut row = base_row(app_id);
                row[text_column] = text(value);
                row
            })
            .collect();
        let rows: Vec<&[SqlValue]> = rows.iter().map(AsRef::as_ref).collect();
        let before = server.double.messages().len();
        let mut connection = server.store.connect(Role::Writer).unwrap();
        connection.begin().unwrap();
        let inserted = connection.insert(BASE, &rows, InsertMethod::Bulk).unwrap();
        assert_eq!(inserted, InsertOutcome::Stored { statements: 2 });
        connection.commit().unwrap();
        let mut lengths = Vec::new();
        connection
            .scan(BASE, &[text_column], None, &mut |row| {
                let StoredValue::Text(text) = row[0] else { panic!() };
                lengths.push(text.chars().count());
                Ok(())
            })
            .unwrap();
        lengths.sort_unstable();
        assert_eq!(lengths, [5, 10, 70_000]);
        let messages = server.double.messages();
        let sent = |kind| messages[before..].iter().filter(|m| m.kind == kind).count();
        assert_eq!(sent(MessageKind::Bulk), 1);
        assert!(messages[before..].iter().all(|m| m.kind != MessageKind::Bulk || m.in_transaction));
    }
}

#[test]
fn a_bulk_load_of_many_rows_stays_below_lock_escalation() {
    let server = OnDouble::new();
    let rows: Vec<_> = (1..=9_001).map(base_row).collect();
    let rows: Vec<&[SqlValue]> = rows.iter().map(AsRef::as_ref).collect();
    let mut connection = server.store.connect(Role::Writer).unwrap();
    connection.begin().unwrap();
    let inserted = connection.insert(BASE, &rows, InsertMethod::Bulk).unwrap();
    assert_eq!(inserted, InsertOutcome::Stored { statements: 3 });
    let loads = server.double.messages().iter().filter(|m| m.kind == MessageKind::Bulk).count();
    assert_eq!(loads, 3);
    connection.rollback().unwrap();
}

#[test]
fn a_rejected_login_stops_the_run_at_once() {
    let server = OnDouble::new();
    server.double.faults().times(Trigger::Kind(MessageKind::Login, 0), Fault::Error(18_456), 9);
    let error = server.try_run(json!({}), 5, NONE_GUILTY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert!(error.to_string().contains("18456"), "{error}");
    assert_eq!(server.double.faults().met(), 1);
}

#[test]
fn an_unreachable_server_stops_the_run_after_a_bounded_number_of_retries() {
    let server = OnDouble::new();
    let insert = Trigger::Statement("INSERT INTO [migration].[app_base]".into(), 0);
    server.double.faults().times(insert, Fault::Error(1222), 100);
    let settings = json!({"workers": 1, "batch_size": 5});
    let error = server.try_run(settings, 5, NONE_GUILTY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("giving up after 5 retries (busy)"), "{error}");
    assert!(server.log().is_empty());
    server.double.faults().clear();
    assert_eq!(server.run(json!({}), 5, NONE_GUILTY).books, committed(5));
}

#[test]
fn server_statistics_are_in_the_report_if_the_server_gives_them() {
    let server = OnDouble::new();
    assert_eq!(server.run(json!({}), 5, NONE_GUILTY).server, None);
    let names = ["wait_type", "waiting_tasks_count", "wait_time_ms", "signal_wait_time_ms"];
    let types = [Type::NVarChar(None), Type::BigInt, Type::BigInt, Type::BigInt];
    let mut columns: Vec<_> = names.into_iter().zip(types).collect();
    columns.push(("session_id", Type::SmallInt));
    let rows = |spid| {
        vec![vec![
            Datum::Text("WRITELOG".into()),
            Datum::Int(3),
            Datum::Int(40),
            Datum::Int(1),
            Datum::Int(spid),
        ]]
    };
    // Holds whatever numbers the sessions of the two writers have.
    let all = (0..2_000).flat_map(rows).collect();
    server.double.fill_view("dm_exec_session_wait_stats", &columns, all);
    let report =
        server.run(json!({"pool": "worker", "workers": 1, "batch_size": 2}), 10, NONE_GUILTY);
    let waits = report.server.unwrap().waits;
    let wait = ServerWait { count: 3, wait_ms: 40, signal_ms: 1 };
    assert_eq!(waits, BTreeMap::from([("WRITELOG".to_owned(), wait)]));
}

#[test]
fn different_and_missing_tables_are_named() {
    let server = OnDouble::new();
    let mut wider = catalogue();
    wider.tables[PRICING].columns[2].sql_type = SqlType::BigInt;
    let store = backends::store_on(&server.double, &wider);
    for error in [store.create_missing().unwrap_err(), store.prepare_schema().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Environment);
        let text = error.to_string();
        assert!(text.contains("app_pricing_cc") && text.contains("credit_line"), "{text}");
    }
    let mut other = catalogue();
    other.schema = "elsewhere".into();
    let store = backends::store_on(&server.double, &other);
    let error = store.prepare_schema().unwrap_err().to_string();
    assert!(
        error.contains("table app_enums does not exist") && error.contains("migrator init"),
        "{error}"
    );
}

#[test]
fn tables_are_recreated_only_in_an_own_or_explicitly_named_schema() {
    let server = OnDouble::new();
    assert_eq!(server.run(json!({}), 5, NONE_GUILTY).books, committed(5));
    server.store.recreate(Recreate::OwnSchema).unwrap();
    assert!(server.log().is_empty());
    // A schema that another program created.
    let mut foreign = catalogue();
    foreign.schema = "dbo".into();
    let store = backends::store_on(&server.double, &foreign);
    store.create_missing().unwrap();
    let error = store.recreate(Recreate::OwnSchema).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("`--recreate dbo`"), "{error}");
    assert!(store.recreate(Recreate::Named("migration")).is_err());
    store.recreate(Recreate::Named("dbo")).unwrap();
}

#[test]
fn statements_keep_the_parameter_limit_and_cast_text_keys() {
    let server = OnDouble::new();
    let settings = json!({"batch_size": 300, "workers": 1, "cache": "batch"});
    assert_eq!(server.run(settings, 300, NONE_GUILTY).books, committed(300));
    let messages = server.double.messages();
    let most = messages.iter().map(|message| message.parameters).max().unwrap();
    assert!((1_000..=2_098).contains(&most), "{most}");
    let inserts: std::collections::BTreeSet<_> = messages
        .iter()
        .filter(|message| message.text.starts_with("INSERT INTO"))
        .map(|message| message.text.as_str())
        .collect();
    assert!(inserts.len() < 30, "{} texts", inserts.len());
    assert!(messages.iter().all(|m| !m.text.contains("NOLOCK") && !m.text.contains("MERGE")));
    // Batches without a rejected record send no savepoint.
    assert!(messages.iter().all(|message| message.text != sql::SAVEPOINT));
}

#[test]
fn both_insert_methods_store_the_same_rows_in_every_table() {
    let mut checksums = Vec::new();
    for insert in ["values", "bulk"] {
        let server = OnDouble::new();
        let report = server.run(json!({"insert": insert, "batch_size": 7}), 20, Large);
        assert_eq!(report.books, committed(20));
        checksums.push(report.checksum);
    }
    assert_eq!(checksums[0], checksums[1]);
}

/// Records with a row in every table.
#[derive(Clone, Copy)]
struct Large;

impl Stages for Large {
    type Parsed = RawRecord;

    fn parse(&mut self, raw: RawRecord, _: &mut Metrics) -> std::result::Result<RawRecord, Reject> {
        Ok(raw)
    }

    fn map(&mut self, raw: RawRecord, _: &mut Metrics) -> MappingOutcome {
        let record: TypedRecord = store::large_record(raw.key);
        MappingOutcome::Rows(record)
    }
}
