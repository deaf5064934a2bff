//! The connections of batches: opened on demand, kept as long as the pool mode says, limited in
//! number, and never reused when their state is unknown.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use assert_cmd::Command;
use migrator::config::{InsertMethod, PoolConfig, PoolLimits, Synchronous};
use migrator::error::ErrorKind;
use migrator::record::MappingOutcome;
use migrator::store::pool::{Pool, STALL_MAX};
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Connection, InsertOutcome, Key, Role, Store};
use migrator::telemetry::metrics::{Metrics, Retry};
use migrator::telemetry::report::Connections;
use migrator::write::insert::{Batch, BatchEntry, Writer};
use migrator::write::log::open_session;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::store;
use crate::support::store::faulty::{Commit, Faults, FaultyStore};
use crate::support::store::manual_clock::ManualClock;
use crate::support::store::{BASE, CURRENT, base_row, catalogue, int, record};

const IDLE_S: u64 = 60;
const LIFETIME_S: u64 = 300;

fn shared(max: usize) -> PoolConfig {
    PoolConfig::Shared(PoolLimits {
        max: NonZeroUsize::new(max).unwrap(),
        idle_s: NonZeroU64::new(IDLE_S).unwrap(),
        lifetime_s: NonZeroU64::new(LIFETIME_S).unwrap(),
    })
}

/// An empty store with its tables, and a clock that stands still.
struct Fixture {
    _folder: TempDir,
    store: SqliteStore,
    clock: Arc<ManualClock>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&catalogue()).unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        store.create_missing().unwrap();
        Self { _folder: folder, store, clock: ManualClock::new() }
    }

    fn pool(&self, pooling: PoolConfig) -> Pool<'_> {
        self.pool_on(&self.store, pooling)
    }

    fn pool_on<'a>(&'a self, store: &'a dyn Store, pooling: PoolConfig) -> Pool<'a> {
        Pool::new(store, pooling, &*self.clock)
    }

    fn has_application(&self, app_id: i32) -> bool {
        let mut reader = self.store.connect(Role::Reader).unwrap();
        reader.contains_key(&Key { table: BASE, columns: vec![0] }, &[&int(app_id)]).unwrap()
    }
}

fn writers(pool: &Pool<'_>) -> Connections {
    pool.connections()["writer"].clone()
}

fn causes(causes: &[(&str, u64)]) -> BTreeMap<String, u64> {
    causes.iter().map(|&(cause, count)| (cause.to_owned(), count)).collect()
}

/// Runs a whole transaction.
fn store_application(connection: &mut dyn Connection, app_id: i32) {
    connection.begin().unwrap();
    insert_application(connection, app_id);
    connection.commit().unwrap();
}

fn insert_application(connection: &mut dyn Connection, app_id: i32) {
    let inserted = connection.insert(BASE, &[&base_row(app_id)], InsertMethod::Values).unwrap();
    assert!(matches!(inserted, InsertOutcome::Stored { .. }), "{inserted:?}");
}

/// Yields to other threads until this many checkouts are queued.
fn until_waiting(pool: &Pool<'_>, leases: u64) {
    while writers(pool).waited < leases {
        thread::yield_now();
    }
}

#[test]
fn connections_are_opened_on_demand() {
    for pooling in [PoolConfig::Off, PoolConfig::Worker, shared(3)] {
        let fixture = Fixture::new();
        let pool = fixture.pool(pooling);
        let mut handles = [pool.worker_handle(), pool.worker_handle()];
        assert_eq!(writers(&pool), Connections::default(), "{pooling:?}");
        drop(handles[1].check_out().unwrap());
        assert_eq!(writers(&pool).opened, 1, "{pooling:?}");
    }
}

#[test]
fn connections_live_as_long_as_the_pool_mode_requires() {
    // Two workers with three batches each, one after the other.
    for (pooling, opened, reused, left_open) in
        [(PoolConfig::Off, 6, 0, 0), (PoolConfig::Worker, 2, 4, 2), (shared(2), 1, 5, 1)]
    {
        let fixture = Fixture::new();
        let pool = fixture.pool(pooling);
        let mut handles = [pool.worker_handle(), pool.worker_handle()];
        for app_id in 0..6 {
            let handle = &mut handles[usize::try_from(app_id % 2).unwrap()];
            store_application(&mut handle.check_out().unwrap(), app_id + 1);
        }
        let counted = writers(&pool);
        assert_eq!(
            (counted.opened, counted.reused, counted.left_open),
            (opened, reused, left_open),
            "{pooling:?}"
        );
        assert_eq!(counted.discarded, causes(&[]));
        drop(handles);
        pool.close();
        assert_eq!(writers(&pool).left_open, 0, "{pooling:?}");
    }
}

#[test]
fn limits_are_checked_at_checkout_and_at_return() {
    // Seconds checked out, seconds back in the pool, reason for discarding.
    for (out_s, back_s, cause) in [
        (0, IDLE_S - 1, None),
        (0, IDLE_S, Some("idle")),
        (LIFETIME_S - 1, 0, None),
        (LIFETIME_S, 0, Some("lifetime")),
        (LIFETIME_S - IDLE_S + 1, IDLE_S - 1, Some("lifetime")),
    ] {
        let fixture = Fixture::new();
        let pool = fixture.pool(shared(1));
        let mut handle = pool.worker_handle();
        let checkout = handle.check_out().unwrap();
        fixture.clock.advance_s(out_s);
        drop(checkout);
        fixture.clock.advance_s(back_s);
        drop(handle.check_out().unwrap());
        let counted = writers(&pool);
        let expected = cause.map_or(causes(&[]), |cause| causes(&[(cause, 1)]));
        assert_eq!(counted.discarded, expected, "{out_s} s out, {back_s} s back");
        assert_eq!(counted.opened, 1 + u64::from(cause.is_some()));
        assert_eq!((counted.peak, counted.left_open), (1, 1));
    }
}

#[test]
fn returning_a_connection_closes_expired_ones() {
    let fixture = Fixture::new();
    let pool = fixture.pool(shared(2));
    let (mut one, mut other) = (pool.worker_handle(), pool.worker_handle());
    let (first, second) = (one.check_out().unwrap(), other.check_out().unwrap());
    drop(first);
    fixture.clock.advance_s(IDLE_S);
    assert_eq!(writers(&pool).left_open, 2);
    drop(second);
    assert_eq!(writers(&pool).left_open, 1, "the return of one closed the one that was idle");
    assert_eq!(writers(&pool).discarded, causes(&[("idle", 1)]));
}

#[test]
fn unused_connections_expire() {
    let fixture = Fixture::new();
    let pool = fixture.pool(shared(2));
    let (mut one, mut other) = (pool.worker_handle(), pool.worker_handle());
    let both = (one.check_out().unwrap(), other.check_out().unwrap());
    drop(both);
    for _ in 0..3 {
        fixture.clock.advance_s(IDLE_S / 3);
        drop(one.check_out().unwrap());
    }
    assert_eq!(writers(&pool).discarded, causes(&[("idle", 1)]));
    assert_eq!((writers(&pool).opened, writers(&pool).left_open), (2, 1));
}

#[test]
fn a_shared_pool_never_has_more_than_its_maximum() {
    const WORKERS: i32 = 6;
    const BATCHES: i32 = 10;
    for max in [1, 2, 4] {
        let fixture = Fixture::new();
        let pool = fixture.pool(shared(max));
        thread::scope(|scope| {
            for worker in 0..WORKERS {
                let mut handle = pool.worker_handle();
                scope.spawn(move || {
                    for batch in 0..BATCHES {
                        let app_id = 1 + worker * BATCHES + batch;
                        store_application(&mut handle.check_out().unwrap(), app_id);
                    }
                });
            }
        });
        let counted = writers(&pool);
        assert!(counted.peak <= max as u64, "{counted:?}");
        assert!(counted.opened <= max as u64, "nothing is closed that can be used: {counted:?}");
        assert_eq!(counted.opened + counted.reused, 60);
        pool.close();
        assert_eq!(writers(&pool).left_open, 0);
        assert!((1..=60).all(|app_id| fixture.has_application(app_id)));
    }
}

#[test]
fn waiting_checkouts_are_served_in_order() {
    let fixture = Fixture::new();
    let pool = fixture.pool(shared(1));
    let order = Mutex::new(Vec::new());
    let mut handle = pool.worker_handle();
    let checkout = handle.check_out().unwrap();
    thread::scope(|scope| {
        for number in 1..=4 {
            let (pool, order) = (&pool, &order);
            scope.spawn(move || {
                let mut handle = pool.worker_handle();
                let _checkout = handle.check_out().unwrap();
                order.lock().unwrap().push(number);
            });
            until_waiting(pool, number);
        }
        fixture.clock.advance_s(7);
        drop(checkout);
        // The last to ask is served last, even though a connection is free at this moment.
        let mut late = pool.worker_handle();
        let _checkout = late.check_out().unwrap();
        order.lock().unwrap().push(5);
    });
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5]);
    let counted = writers(&pool);
    assert_eq!((counted.opened, counted.reused, counted.peak), (1, 5, 1));
    assert!(counted.waited >= 4);
    assert_eq!(counted.waited_ns, 4 * 7_000_000_000);
}

#[test]
fn waits_end_when_the_run_stops() {
    let fixture = Fixture::new();
    let pool = fixture.pool(shared(1));
    let mut handle = pool.worker_handle();
    let checkout = handle.check_out().unwrap();
    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| pool.worker_handle().check_out().map(drop).unwrap_err().kind());
        until_waiting(&pool, 1);
        pool.close();
        assert_eq!(waiting.join().unwrap(), ErrorKind::Stopped);
    });
    drop(checkout);
    assert_eq!(writers(&pool).left_open, 0, "what comes back is closed");
    assert_eq!(handle.check_out().map(drop).unwrap_err().kind(), ErrorKind::Stopped);
}

#[test]
fn a_wait_times_out_when_no_call_has_ended_for_an_hour() {
    let fixture = Fixture::new();
    let pool = fixture.pool(shared(1));
    let mut handle = pool.worker_handle();
    let checkout = handle.check_out().unwrap();
    let (ended, second_ended) = mpsc::channel::<()>();
    let error = thread::scope(|scope| {
        let pool = &pool;
        scope.spawn(move || {
            let mut handle = pool.worker_handle();
            let _checkout = handle.check_out().unwrap();
            // No message is sent: this keeps the connection until the other thread has ended.
            second_ended.recv().unwrap_err();
        });
        until_waiting(pool, 1);
        let second = scope.spawn(move || {
            let _ended = ended;
            pool.worker_handle().check_out().map(drop).unwrap_err()
        });
        until_waiting(pool, 2);
        fixture.clock.advance_s(STALL_MAX.as_secs());
        // The first thread gets the connection, and the second one wakes up without any.
        drop(checkout);
        second.join().unwrap()
    });
    assert_eq!(error.kind(), ErrorKind::Environment);
    // The first thread may not have taken the returned connection yet.
    let message = error.to_string().replace("0 of 1", "1 of 1");
    assert_eq!(
        message,
        "no connection of the pool came free: 1 of 1 are in use, and no call on them has ended for \
         60 minutes. Check what blocks the store, then run the same command again to resume"
    );
    drop(handle.check_out().unwrap());
}

#[test]
fn a_failed_connect_frees_its_place_in_the_pool() {
    let fixture = Fixture::new();
    let faults = Faults { connect: true, ..Faults::default() };
    let store = FaultyStore::new(&fixture.store, 0, faults);
    let pool = fixture.pool_on(&store, shared(1));
    let mut handle = pool.worker_handle();
    assert_eq!(handle.check_out().map(drop).unwrap_err().to_string(), "connection refused");
    store_application(&mut handle.check_out().unwrap(), 1);
    assert_eq!(writers(&pool).opened, 1);
}

#[test]
fn a_connection_within_a_transaction_is_not_reused() {
    for pooling in [PoolConfig::Off, PoolConfig::Worker, shared(1)] {
        let fixture = Fixture::new();
        let pool = fixture.pool(pooling);
        let mut handle = pool.worker_handle();
        let mut checkout = handle.check_out().unwrap();
        checkout.begin().unwrap();
        insert_application(&mut checkout, 1);
        drop(checkout);
        store_application(&mut handle.check_out().unwrap(), 2);
        let counted = writers(&pool);
        assert_eq!(counted.discarded, causes(&[("open_transaction", 1)]), "{pooling:?}");
        assert_eq!((counted.opened, counted.reused, counted.peak), (2, 0, 1));
        assert!(!fixture.has_application(1) && fixture.has_application(2));
    }
}

#[test]
fn a_worker_that_panics_leaks_no_connection() {
    let fixture = Fixture::new();
    let pool = fixture.pool(shared(1));
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut handle = pool.worker_handle();
            let mut checkout = handle.check_out().unwrap();
            checkout.begin().unwrap();
            std::panic::resume_unwind(Box::new("a worker's own fault"));
        });
        assert!(worker.join().is_err());
    });
    store_application(&mut pool.worker_handle().check_out().unwrap(), 1);
    assert_eq!(writers(&pool).discarded, causes(&[("open_transaction", 1)]));
}

#[test]
fn recovering_keeps_a_connection_that_rolls_back_and_replaces_one_that_does_not() {
    for (rollback_fails, opened, discarded) in
        [(false, 1, causes(&[])), (true, 2, causes(&[("rollback_failed", 1)]))]
    {
        let fixture = Fixture::new();
        let faults = Faults { rollback: rollback_fails, ..Faults::default() };
        let store = FaultyStore::new(&fixture.store, 0, faults);
        let pool = fixture.pool_on(&store, shared(1));
        let mut handle = pool.worker_handle();
        let mut checkout = handle.check_out().unwrap();
        checkout.begin().unwrap();
        insert_application(&mut checkout, 1);
        checkout.recover().unwrap();
        store_application(&mut checkout, 1);
        drop(checkout);
        let counted = writers(&pool);
        assert_eq!((counted.opened, counted.left_open, counted.peak), (opened, 1, 1));
        assert_eq!(counted.discarded, discarded);
    }
}

/// Writes two batches of one record each on a store whose first connection has these faults.
fn write_two_batches(pooling: PoolConfig, faults: Faults) -> (Connections, Metrics) {
    let fixture = Fixture::new();
    let store = FaultyStore::new(&fixture.store, 0, faults);
    let mut reader = store.connect(Role::Reader).unwrap();
    let session = open_session(&mut *reader, store.tables(), store::now()).unwrap();
    let writer = Writer::new(&store, session, InsertMethod::Values, &[BASE], true).unwrap();
    let pool = fixture.pool_on(&store, pooling);
    let mut metrics = Metrics::new().unwrap();
    let mut handle = pool.worker_handle();
    for key in 1..=2 {
        let mapped = MappingOutcome::Rows(record(key, key, &[(key, &[CURRENT])]));
        let entries = vec![BatchEntry { key, retry: false, mapped }];
        let batch = Batch { number: key.unsigned_abs().into(), entries };
        let written = writer.write(&batch, &mut handle, &store::no_cache(), &mut metrics).unwrap();
        assert_eq!(written.books.committed, 1);
        assert!(fixture.has_application(key));
    }
    (writers(&pool), metrics)
}

#[test]
fn a_lost_connection_is_replaced_and_its_batch_retried() {
    for pooling in [PoolConfig::Off, PoolConfig::Worker, shared(1)] {
        let (counted, metrics) =
            write_two_batches(pooling, Faults { gone: true, ..Faults::default() });
        assert_eq!(metrics.retries, BTreeMap::from([(Retry::Disconnected, 1)]), "{pooling:?}");
        assert_eq!(counted.discarded, causes(&[("broken", 1)]), "{pooling:?}");
        let opened = if pooling == PoolConfig::Off { 3 } else { 2 };
        assert_eq!((counted.opened, counted.peak), (opened, 1), "{pooling:?}");
    }
}

#[test]
fn a_busy_store_keeps_the_connection() {
    let faults = Faults { busy: 2, ..Faults::default() };
    let (counted, metrics) = write_two_batches(PoolConfig::Worker, faults);
    assert_eq!(metrics.retries, BTreeMap::from([(Retry::Busy, 2)]));
    assert_eq!((counted.opened, counted.reused), (1, 1));
    assert_eq!(counted.discarded, causes(&[]));
}

#[test]
fn a_connection_with_an_uncertain_commit_is_not_reused() {
    let faults = Faults { commit: Commit::AnswerLost, ..Faults::default() };
    let (counted, metrics) = write_two_batches(PoolConfig::Worker, faults);
    assert_eq!(metrics.retries, BTreeMap::new());
    assert_eq!(counted.discarded, causes(&[("broken", 1)]));
    assert_eq!((counted.opened, counted.reused), (2, 0));
}

/// End of a checkout.
#[derive(Debug, Clone, Copy)]
enum End {
    Committed,
    RolledBack,
    Unused,
    Abandoned,
}

fn end() -> impl Strategy<Value = End> {
    use End::{Abandoned, Committed, RolledBack, Unused};
    prop::sample::select(vec![Committed, RolledBack, Unused, Abandoned])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_connection_that_was_opened_is_discarded_or_closed(
        max in 1..4_usize,
        workers in prop::collection::vec(prop::collection::vec(end(), 0..8), 1..5),
    ) {
        let fixture = Fixture::new();
        let pool = fixture.pool(shared(max));
        thread::scope(|scope| {
            for ends in &workers {
                let (mut handle, clock) = (pool.worker_handle(), &fixture.clock);
                scope.spawn(move || {
                    for end in ends {
                        let mut checkout = handle.check_out().unwrap();
                        match end {
                            End::Unused => clock.advance_s(IDLE_S / 2),
                            End::Committed => {
                                checkout.begin().unwrap();
                                checkout.commit().unwrap();
                            }
                            End::RolledBack => {
                                checkout.begin().unwrap();
                                checkout.rollback().unwrap();
                            }
                            End::Abandoned => checkout.begin().unwrap(),
                        }
                    }
                });
            }
        });
        let before = writers(&pool);
        let leases: usize = workers.iter().map(Vec::len).sum();
        let discarded: u64 = before.discarded.values().sum();
        prop_assert_eq!(before.opened + before.reused, leases as u64);
        prop_assert!(before.peak <= max as u64);
        prop_assert_eq!(before.opened, discarded + before.left_open);
        pool.close();
        prop_assert_eq!(writers(&pool).left_open, 0);
    }
}

#[test]
fn a_limit_without_its_pool_is_rejected_on_the_command_line() {
    for limit in ["--pool-max", "--pool-idle-s", "--pool-lifetime-s"] {
        for pool in [&[][..], &["--pool", "off"], &["--pool", "worker"]] {
            let output = Command::cargo_bin("migrator")
                .unwrap()
                .args(["run", "--source", "generated:small,1,1", "--store", "sqlite:none.db"])
                .args(pool)
                .args([limit, "2"])
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2));
            let complaint = String::from_utf8(output.stderr).unwrap();
            let name = limit.trim_start_matches("--").replace('-', "_");
            assert!(
                complaint.contains(&name) && complaint.contains("pool = shared"),
                "{complaint}"
            );
        }
    }
}
