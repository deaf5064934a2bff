//! The simulated network: exact message counts, and waits that do not block other connections.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use migrator::config::{InsertMethod, Link, PoolConfig, Synchronous};
use migrator::record::{MappingOutcome, SqlRow, SqlValue};
use migrator::store::checksum::checksum;
use migrator::store::pool::Pool;
use migrator::store::schema::Tables;
use migrator::store::simulated_network::SimulatedNetwork;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Connection, InsertOutcome, Key, Role, Store};
use migrator::store::{STATEMENT_PARAMETERS_MAX, STATEMENT_ROWS_MAX};
use migrator::telemetry::metrics::Metrics;
use migrator::telemetry::report::{RunReport, SimulatedLink};
use migrator::util::clock::Clock;
use migrator::write::insert::{Batch, BatchEntry, Writer};
use migrator::write::log::{Log, Session, open_session};
use tempfile::TempDir;

use crate::support::store;
use crate::support::store::faulty::{Commit, Faults, FaultyStore};
use crate::support::store::manual_clock::ManualClock;
use crate::support::store::{
    BASE, CONTACT, CURRENT, HISTORY, OPERATIONAL, SCORES, base_row, catalogue, contact_row,
    history_row, int, large_record, record, text,
};

const CONNECT_MS: u32 = 150;
const ROUND_TRIP_MS: u32 = 2;
const LINK: Link = Link { connect_ms: CONNECT_MS, round_trip_ms: ROUND_TRIP_MS };

/// An empty store with its tables.
struct Fixture {
    folder: TempDir,
    store: SqliteStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&catalogue()).unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        store.create_missing().unwrap();
        Self { folder, store }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// The store behind the network, and the clock that the network sleeps on.
    fn linked(&self) -> (SimulatedNetwork<'_>, Arc<ManualClock>) {
        let clock = ManualClock::new();
        (SimulatedNetwork::new(&self.store, LINK, Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    fn session(&self) -> Session {
        let mut connection = self.store.connect(Role::Untimed).unwrap();
        open_session(&mut *connection, self.store.tables(), store::now()).unwrap()
    }
}

fn sent(store: &SimulatedNetwork<'_>) -> SimulatedLink {
    store.simulated_link().unwrap()
}

fn insert(connection: &mut dyn Connection, table: usize, rows: &[SqlRow], method: InsertMethod) {
    let inserted = try_insert(connection, table, rows, method);
    assert!(matches!(inserted, InsertOutcome::Stored { .. }), "{inserted:?}");
}

fn try_insert(
    connection: &mut dyn Connection,
    table: usize,
    rows: &[SqlRow],
    method: InsertMethod,
) -> InsertOutcome {
    let rows: Vec<&[SqlValue]> = rows.iter().map(AsRef::as_ref).collect();
    connection.insert(table, &rows, method).unwrap()
}

/// Looks an application up. The result does not matter here.
fn look_up(connection: &mut dyn Connection) {
    let key = Key { table: BASE, columns: vec![0] };
    assert!(!connection.contains_key(&key, &[&int(999)]).unwrap());
}

fn delete(connection: &mut dyn Connection) {
    let key = Key { table: BASE, columns: vec![0] };
    assert_eq!(connection.delete(&key, &[&int(999)]).unwrap(), 0);
}

#[test]
fn a_connect_is_one_connect_and_the_sessions_options_one_message() {
    let fixture = Fixture::new();
    let (store, clock) = fixture.linked();
    for role in [Role::Writer, Role::Reader] {
        let before = sent(&store);
        drop(store.connect(role).unwrap());
        let after = sent(&store);
        assert_eq!(after.connects - before.connects, 1, "{role:?}");
        assert_eq!(after.wire_messages - before.wire_messages, 1, "{role:?}");
        assert_eq!(clock.slept_ms(), [u128::from(CONNECT_MS), u128::from(ROUND_TRIP_MS)]);
    }
}

/// A call on a connection with an open transaction and a savepoint.
type Call = fn(&mut dyn Connection);

#[test]
fn each_call_takes_the_messages_of_the_table() {
    let calls: [(&str, Call, u64); 9] = [
        ("commit", |c| c.commit().unwrap(), 1),
        ("roll back", |c| c.rollback().unwrap(), 1),
        (
            "roll back without a transaction",
            |c| {
                c.rollback().unwrap();
                c.rollback().unwrap();
            },
            1,
        ),
        ("savepoint", |c| c.savepoint().unwrap(), 1),
        ("back to the savepoint", |c| c.rollback_to_savepoint().unwrap(), 1),
        ("look-up", look_up, 1),
        ("delete", delete, 1),
        ("read of a table", |c| c.scan(BASE, &[0], None, &mut |_| Ok(())).unwrap(), 1),
        (
            "begin, behind a commit",
            |c| {
                c.commit().unwrap();
                c.begin().unwrap();
            },
            2,
        ),
    ];
    let fixture = Fixture::new();
    let (store, _) = fixture.linked();
    for (name, call, messages) in calls {
        let mut connection = store.connect(Role::Writer).unwrap();
        connection.begin().unwrap();
        connection.savepoint().unwrap();
        let before = sent(&store);
        call(&mut *connection);
        assert_eq!(sent(&store).wire_messages - before.wire_messages, messages, "{name}");
        assert_eq!(sent(&store).connects, before.connects, "{name}");
    }
}

/// `count` rows of a table, each with its own keys, all children of application 1.
fn rows(table: usize, count: usize) -> Vec<SqlRow> {
    let tables = Tables::new(&catalogue()).unwrap();
    let wide = large_record(1).tables.swap_remove(2).rows.swap_remove(0);
    let now = SqlValue::DateTime(store::now());
    (1..=i32::try_from(count).unwrap())
        .map(|number| match table {
            BASE => base_row(number + 1),
            CONTACT => contact_row(number, 1),
            HISTORY => history_row(1, &number.to_string()),
            SCORES => [int(1), text(&number.to_string()), int(600)].into(),
            OPERATIONAL => {
                let mut row = wide.clone();
                row[0] = int(number);
                row
            }
            run if run == tables.run => [text(&number.to_string()), now.clone()].into(),
            log if log == tables.log => {
                let session = Session { id: "s".into(), now: store::now() };
                Log::new(&tables).unwrap().row(&session, number, None)
            }
            other => panic!("table {other}"),
        })
        .collect()
}

#[test]
fn rows_take_as_many_statements_as_on_sql_server() {
    use InsertMethod::{Bulk, Values};
    let Tables { run, log, .. } = Tables::new(&catalogue()).unwrap();
    for (table, method, count, messages) in [
        // Three columns, 699 rows a statement.
        (SCORES, Values, 1, 1),
        (SCORES, Values, 699, 1),
        (SCORES, Values, 700, 2),
        (SCORES, Values, 2 * 699, 2),
        (SCORES, Values, 2 * 699 + 1, 3),
        // Five columns, 419 rows.
        (HISTORY, Values, 419, 1),
        (HISTORY, Values, 420, 2),
        // Two columns: the parameters would allow 1,049 rows, but a statement takes 1,000.
        (run, Values, 1000, 1),
        (run, Values, 1001, 2),
        // Five columns with an explicit identity: IDENTITY_INSERT on and off.
        (BASE, Values, 1, 1 + 2),
        (BASE, Values, 419, 1 + 2),
        (BASE, Values, 420, 2 + 2),
        // Nine columns, one of them computed, with an explicit identity: 262 rows.
        (CONTACT, Values, 262, 1 + 2),
        (CONTACT, Values, 263, 2 + 2),
        // Eight columns with an identity that the store assigns: 299 rows.
        (log, Values, 299, 1),
        (log, Values, 300, 2),
        // A bulk load takes any number of rows, and explicit identity values.
        (SCORES, Bulk, 1, 3),
        (SCORES, Bulk, 3000, 3),
        (BASE, Bulk, 500, 3),
        (log, Bulk, 500, 3),
        (SCORES, Values, 0, 0),
        (SCORES, Bulk, 0, 0),
    ] {
        let fixture = Fixture::new();
        let (store, _) = fixture.linked();
        let mut connection = store.connect(Role::Writer).unwrap();
        connection.begin().unwrap();
        insert(&mut *connection, BASE, &[base_row(1)], Values);
        let before = sent(&store).wire_messages;
        insert(&mut *connection, table, &rows(table, count), method);
        let name = &store.tables().all()[table].name;
        assert_eq!(sent(&store).wire_messages - before, messages, "{count} {name} {method:?}");
    }
}

#[test]
fn a_wide_table_takes_few_rows_a_statement() {
    let fixture = Fixture::new();
    let (store, _) = fixture.linked();
    let mut connection = store.connect(Role::Writer).unwrap();
    connection.begin().unwrap();
    insert(&mut *connection, BASE, &[base_row(1)], InsertMethod::Bulk);
    insert(&mut *connection, BASE, &rows(BASE, 60), InsertMethod::Bulk);
    let before = sent(&store).wire_messages;
    // 41 columns.
    assert_eq!(STATEMENT_PARAMETERS_MAX / 41, 51);
    insert(&mut *connection, OPERATIONAL, &rows(OPERATIONAL, 52), InsertMethod::Values);
    assert_eq!(sent(&store).wire_messages - before, 2);
    assert_eq!((STATEMENT_PARAMETERS_MAX, STATEMENT_ROWS_MAX), (2_098, 1_000));
}

#[test]
fn explicit_and_generated_identities_share_no_statement() {
    let fixture = Fixture::new();
    let (store, _) = fixture.linked();
    let mut connection = store.connect(Role::Writer).unwrap();
    connection.begin().unwrap();
    let mut mixed = rows(BASE, 5);
    mixed[2][0] = SqlValue::Null;
    let before = sent(&store).wire_messages;
    insert(&mut *connection, BASE, &mixed, InsertMethod::Values);
    assert_eq!(sent(&store).wire_messages - before, (1 + 2) + 1 + (1 + 2));
}

#[test]
fn statements_after_a_rejected_one_are_not_sent() {
    // Of 1,400 rows in three statements, one is a duplicate. `app_base` has explicit identities.
    for (table, twice, messages) in
        [(SCORES, 700, 2), (SCORES, 1, 1), (SCORES, 1399, 3), (BASE, 500, 2 + 2)]
    {
        let fixture = Fixture::new();
        let (store, _) = fixture.linked();
        let mut connection = store.connect(Role::Writer).unwrap();
        connection.begin().unwrap();
        insert(&mut *connection, BASE, &[base_row(1)], InsertMethod::Bulk);
        let mut refused = rows(table, 1400);
        refused[twice] = refused[0].clone();
        let before = sent(&store).wire_messages;
        let inserted = try_insert(&mut *connection, table, &refused, InsertMethod::Values);
        assert!(matches!(inserted, InsertOutcome::Refused(_)), "{inserted:?}");
        assert_eq!(sent(&store).wire_messages - before, messages, "{table} {twice}");
    }
}

#[test]
fn a_whole_batch_is_counted_to_the_message() {
    for (pooling, connects) in [(PoolConfig::Off, 2), (PoolConfig::Worker, 1)] {
        let fixture = Fixture::new();
        let (store, clock) = fixture.linked();
        let order = [BASE, CONTACT];
        let writer =
            Writer::new(&store, fixture.session(), InsertMethod::Values, &order, true).unwrap();
        let pool = Pool::new(&store, pooling, &*clock);
        let mut handle = pool.worker_handle();
        let mut metrics = Metrics::new().unwrap();
        for number in 0..2_i32 {
            let key = |place| 1 + 2 * number + place;
            let entries = [0, 1].map(|place| {
                let mapped = MappingOutcome::Rows(record(
                    key(place),
                    key(place),
                    &[(key(place), &[CURRENT])],
                ));
                BatchEntry { key: key(place), retry: false, mapped }
            });
            let batch = Batch { number: number.unsigned_abs().into(), entries: entries.into() };
            writer.write(&batch, &mut handle, &store::no_cache(), &mut metrics).unwrap();
        }
        // Two records, each with an application, a contact, its address, a pricing row and two
        // history rows. 3 look-ups for each; 5 tables, two of them with explicit identities; log
        // row and batch row.
        let per_batch = 1 + 2 * 3 + (5 + 2 * 2) + 1 + 1 + 1;
        assert_eq!(metrics.queries, 2 * 2 * 3);
        let expected = SimulatedLink {
            connect_ms: CONNECT_MS,
            round_trip_ms: ROUND_TRIP_MS,
            connects,
            wire_messages: connects + 2 * per_batch,
        };
        assert_eq!(sent(&store), expected, "{pooling:?}");
        let slept: u128 = clock.slept_ms().iter().sum();
        let due =
            connects * u64::from(CONNECT_MS) + expected.wire_messages * u64::from(ROUND_TRIP_MS);
        assert_eq!(slept, due.into(), "every connect and message is waited for, once");
    }
}

#[test]
fn the_delay_of_a_transaction_is_slept_after_its_end() {
    let ends: [(&str, Call); 2] =
        [("commit", |c| c.commit().unwrap()), ("roll back", |c| c.rollback().unwrap())];
    for (name, end) in ends {
        let fixture = Fixture::new();
        let (store, clock) = fixture.linked();
        let mut connection = store.connect(Role::Writer).unwrap();
        clock.slept_ms();
        connection.begin().unwrap();
        look_up(&mut *connection);
        insert(&mut *connection, BASE, &[base_row(1)], InsertMethod::Bulk);
        assert!(clock.slept_ms().is_empty(), "{name}");
        end(&mut *connection);
        assert_eq!(clock.slept_ms(), [u128::from(ROUND_TRIP_MS) * (1 + 1 + 3 + 1)], "{name}");
        look_up(&mut *connection);
        assert_eq!(clock.slept_ms(), [u128::from(ROUND_TRIP_MS)], "{name}: outside, at once");
    }
}

#[test]
fn the_delay_of_a_failed_commit_includes_its_rollback() {
    let fixture = Fixture::new();
    let faults = Faults { commit: Commit::ConnectionLost, ..Faults::default() };
    let faulty = FaultyStore::new(&fixture.store, 0, faults);
    let clock = ManualClock::new();
    let store = SimulatedNetwork::new(&faulty, LINK, Arc::clone(&clock) as Arc<dyn Clock>);
    let mut connection = store.connect(Role::Writer).unwrap();
    connection.begin().unwrap();
    clock.slept_ms();
    connection.commit().unwrap_err();
    assert!(clock.slept_ms().is_empty());
    connection.rollback().unwrap();
    assert_eq!(clock.slept_ms(), [u128::from(ROUND_TRIP_MS) * 3]);
}

#[test]
fn a_begin_that_finds_the_store_busy_counts_as_a_message() {
    let fixture = Fixture::new();
    let faulty = FaultyStore::new(&fixture.store, 0, Faults { busy: 1, ..Faults::default() });
    let clock = ManualClock::new();
    let store = SimulatedNetwork::new(&faulty, LINK, Arc::clone(&clock) as Arc<dyn Clock>);
    let mut connection = store.connect(Role::Writer).unwrap();
    clock.slept_ms();
    connection.begin().unwrap_err();
    assert_eq!(clock.slept_ms(), [u128::from(ROUND_TRIP_MS)]);
    connection.rollback().unwrap();
    assert!(clock.slept_ms().is_empty(), "there was nothing to roll back");
}

#[test]
fn calls_outside_of_the_measured_time_take_no_time() {
    let fixture = Fixture::new();
    let (store, clock) = fixture.linked();
    store.create_missing().unwrap();
    let mut connection = store.connect(Role::Untimed).unwrap();
    checksum(&mut *connection, store.tables()).unwrap();
    assert!(clock.slept_ms().is_empty());
    assert_eq!((sent(&store).connects, sent(&store).wire_messages), (0, 0));
}

#[test]
fn latency_can_apply_to_connects_alone_or_messages_alone() {
    for (link, slept) in [
        (Link { connect_ms: 5, round_trip_ms: 0 }, vec![5]),
        (Link { connect_ms: 0, round_trip_ms: 5 }, vec![5]),
    ] {
        let fixture = Fixture::new();
        let clock = ManualClock::new();
        let store =
            SimulatedNetwork::new(&fixture.store, link, Arc::clone(&clock) as Arc<dyn Clock>);
        drop(store.connect(Role::Writer).unwrap());
        assert_eq!(clock.slept_ms(), slept);
        assert_eq!((sent(&store).connects, sent(&store).wire_messages), (1, 1));
    }
}

/// A clock whose sleeps fail if a transaction holds the lock of the store.
struct Unlocked {
    path: PathBuf,
    sleeps: Mutex<u32>,
}

impl Clock for Unlocked {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, _: Duration) {
        let other = rusqlite::Connection::open(&self.path).unwrap();
        other.busy_timeout(Duration::ZERO).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").unwrap();
        *self.sleeps.lock().unwrap() += 1;
    }
}

#[test]
fn no_lock_is_held_during_the_simulated_delay() {
    let fixture = Fixture::new();
    let clock = Arc::new(Unlocked { path: fixture.path(), sleeps: Mutex::new(0) });
    let store = SimulatedNetwork::new(&fixture.store, LINK, Arc::clone(&clock) as Arc<dyn Clock>);
    let mut connection = store.connect(Role::Writer).unwrap();
    for app_id in [1, 2] {
        connection.begin().unwrap();
        insert(&mut *connection, BASE, &[base_row(app_id)], InsertMethod::Values);
        connection.savepoint().unwrap();
        connection.rollback_to_savepoint().unwrap();
        look_up(&mut *connection);
        if app_id == 1 { connection.commit() } else { connection.rollback() }.unwrap();
    }
    assert_eq!(*clock.sleeps.lock().unwrap(), 2 + 2, "connect, its message, two transactions");
}

/// A clock whose sleepers wake when two sleep, or after this time without a second one.
struct Rendezvous {
    asleep: Mutex<u32>,
    met: Condvar,
}

const VAIN: Duration = Duration::from_secs(20);

impl Clock for Rendezvous {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, _: Duration) {
        let mut asleep = self.asleep.lock().unwrap();
        *asleep += 1;
        self.met.notify_all();
        let (_asleep, vain) =
            self.met.wait_timeout_while(asleep, VAIN, |asleep| *asleep < 2).unwrap();
        assert!(!vain.timed_out(), "the other worker could not get that far");
    }
}

#[test]
fn delays_of_two_workers_overlap() {
    let fixture = Fixture::new();
    let clock = Arc::new(Rendezvous { asleep: Mutex::new(0), met: Condvar::new() });
    let link = Link { connect_ms: 0, round_trip_ms: 1 };
    let store = SimulatedNetwork::new(&fixture.store, link, Arc::clone(&clock) as Arc<dyn Clock>);
    // Both threads connect together, which wakes both; then their commits have to meet.
    let met = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        for app_id in [1, 2] {
            let (store, clock, met) = (&store, &clock, &met);
            scope.spawn(move || {
                let mut connection = store.connect(Role::Writer).unwrap();
                if met.wait().is_leader() {
                    *clock.asleep.lock().unwrap() = 0;
                }
                met.wait();
                connection.begin().unwrap();
                insert(&mut *connection, BASE, &[base_row(app_id)], InsertMethod::Values);
                connection.commit().unwrap();
            });
        }
    });
    assert_eq!(*clock.asleep.lock().unwrap(), 2);
}

/// Runs the program over a few generated records.
fn run(folder: &TempDir, link: &[&str]) -> (String, RunReport) {
    let report = folder.path().join("report.json");
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let output = Command::cargo_bin("migrator")
        .unwrap()
        .args(["run", "--source", "generated:small,4,1", "--store", &store, "--batch-size", "2"])
        .args(["--workers", "1", "--pool", "worker", "--report", report.to_str().unwrap()])
        .args(["--now", "2026-01-31T12:00:00"])
        .args(link)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    (String::from_utf8(output.stdout).unwrap(), report)
}

#[test]
fn a_run_over_a_simulated_network_reports_it_and_stores_the_same() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let link = ["--link-connect-ms", "2", "--link-round-trip-ms", "1"];
    let (printed, report) = run(&folders[0], &link);
    let simulated = report.simulated_link.unwrap();
    assert!(printed.contains("simulated link (connect 2 ms, round trip 1 ms)"), "{printed}");
    assert!(report.store.version.contains("simulated link"), "{:?}", report.store);
    let connections = &report.connections;
    assert_eq!(connections["writer"].opened, 1);
    let connects = connections["writer"].opened + connections["reader"].opened;
    assert_eq!(simulated.connects, connects);
    // Connect, session, page, look-ups and inserts: each statement is at least one message.
    assert!(simulated.wire_messages > report.queries + report.insert_statements);

    for (folder, link) in
        folders[1..].iter().zip([&[][..], &["--link-connect-ms", "0", "--link-round-trip-ms", "0"]])
    {
        let (printed, plain) = run(folder, link);
        assert!(!printed.contains("simulated"), "{printed}");
        assert_eq!(plain.simulated_link, None);
        assert!(!plain.store.version.contains("simulated"));
        assert_eq!((plain.checksum, plain.books), (report.checksum.clone(), report.books));
    }
}
