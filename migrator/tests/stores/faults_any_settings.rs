//! Random settings, records and faults. The books balance, the stored rows equal those of a
//! sequential run, the queue keeps its limits, and cache and store agree.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use migrator::config::{
    CacheConfig, CacheLimits, InsertMethod, PoolConfig, PoolLimits, QueueConfig, QueueLimits, Rate,
    Settings,
};
use migrator::record::SqlValue;
use migrator::store::Store;
use migrator::store::schema::Tables;
use migrator::telemetry::report::RunReport;
use migrator::util::cancel::CancellationToken;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::counts;
use crate::support::store::memory::MemoryStore;
use crate::support::store::positions::{Kind, Place, PositionStore};
use crate::support::store::runs::{Numbers, Sharing, config, run_into, within_a_minute};
use crate::support::store::{BASE, catalogue};

/// One random case.
#[derive(Debug, Clone)]
struct Case {
    settings: Settings,
    records: i32,
    stages: Sharing,
    faults: Vec<(Place, Kind)>,
}

fn pooling() -> impl Strategy<Value = PoolConfig> {
    prop_oneof![
        Just(PoolConfig::Off),
        Just(PoolConfig::Worker),
        (1..4_usize).prop_map(|max| {
            PoolConfig::Shared(PoolLimits { max: max.try_into().unwrap(), ..PoolLimits::default() })
        }),
    ]
}

fn queueing() -> impl Strategy<Value = QueueConfig> {
    let limits = (1..4_usize, 1..4000_u64).prop_map(|(depth, bytes_max)| {
        QueueConfig::On(QueueLimits {
            depth: depth.try_into().unwrap(),
            bytes_max: bytes_max.try_into().unwrap(),
        })
    });
    prop_oneof![1 => Just(QueueConfig::Off), 2 => limits]
}

fn caching() -> impl Strategy<Value = CacheConfig> {
    // Every answer of the cache is checked against the store.
    let spot_check = Rate::try_from(1.0).unwrap();
    let limits = (1..60_usize)
        .prop_map(move |keys| CacheLimits { max_keys: keys.try_into().unwrap(), spot_check });
    prop_oneof![
        Just(CacheConfig::Off),
        Just(CacheConfig::Batch),
        limits.clone().prop_map(CacheConfig::Worker),
        limits.prop_map(CacheConfig::Shared),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let settings =
        (1..6_usize, 1..20_usize, pooling(), queueing(), 0..4_usize, caching(), any::<bool>());
    let settings =
        settings.prop_map(|(workers, batch, pool, queue, parse_threads, cache, bulk)| Settings {
            workers: workers.try_into().unwrap(),
            batch_size: batch.try_into().unwrap(),
            pool,
            queue,
            parse_threads,
            cache,
            insert: if bulk { InsertMethod::Bulk } else { InsertMethod::Values },
        });
    let stages =
        (1..40_i32, 2..30_i32).prop_map(|(contacts, bad_every)| Sharing { contacts, bad_every });
    // Most calls are look-ups and inserts, but a commit can fail in the most ways.
    let calls = prop::sample::select(vec![
        "begin",
        "contains_keys",
        "insert",
        "commit",
        "rollback",
        "connect",
    ]);
    let place = prop_oneof![
        1 => (0..200_u64).prop_map(Place::Of),
        1 => (calls, 0..4_u64).prop_map(|(call, number)| Place::Named(call, number)),
        1 => (0..8_u64).prop_map(|number| Place::Named("commit", number)),
    ];
    let fault = (place, prop::sample::select(Kind::ALL.to_vec()));
    (settings, 1..70_i32, stages, prop::collection::vec(fault, 0..5))
        .prop_map(|(settings, records, stages, faults)| Case { settings, records, stages, faults })
}

fn store() -> MemoryStore {
    MemoryStore::new(Tables::new(&catalogue()).unwrap())
}

fn run(case: &Case, store: &dyn Store) -> migrator::error::Result<RunReport> {
    let source = Numbers { last: case.records, broken: None };
    run_into(
        store,
        &config(case.settings.clone()),
        &source,
        case.stages,
        &CancellationToken::default(),
    )
}

/// Runs one worker, one batch after the other, without faults.
fn run_sequentially(case: &Case) -> RunReport {
    let plain = Settings { workers: 1.try_into().unwrap(), ..Settings::default() };
    run(&Case { settings: plain, ..case.clone() }, &store()).unwrap()
}

/// Asserts that each logged key is there once, and that its application exists if it is logged as
/// stored.
fn assert_log(store: &MemoryStore, case: &Case) {
    let log = store.rows(store.tables().log);
    let keys: BTreeSet<String> = log.iter().map(|row| format!("{:?}", row[1])).collect();
    assert_eq!(keys.len(), case.records.unsigned_abs() as usize, "lost: {case:?}");
    assert_eq!(log.len(), keys.len(), "logged twice: {case:?}");
    let success = log.iter().filter(|row| row[2] == SqlValue::Text("success".into())).count();
    assert_eq!(store.rows(BASE).len(), success, "partial: {case:?}");
}

fn assert_report(report: &RunReport, case: &Case) {
    let books = report.books;
    assert!(books.balance() && books.lost_race == 0, "{books:?} of {case:?}");
    assert_eq!(books.read + books.skipped, u64::from(case.records.unsigned_abs()), "{case:?}");
    assert_eq!(report.cache.disagreements, 0, "the cache knew what the store did not: {case:?}");
    match (case.settings.queue, report.queue) {
        (QueueConfig::Off, None) => {}
        (QueueConfig::On(limits), Some(seen)) => {
            assert!(seen.items_peak <= limits.depth.get() as u64, "{seen:?} of {case:?}");
            let within = seen.bytes_peak <= limits.bytes_max.get();
            assert!(within || (seen.oversize > 0 && seen.items_peak > 0), "{seen:?} of {case:?}");
        }
        (asked, seen) => panic!("{asked:?} gave {seen:?}"),
    }
}

/// Runs a case. Returns whether it met a fault, and whether it needed a second run.
fn try_case(case: &Case) -> (bool, bool) {
    let plain = run_sequentially(case);
    let store = store();
    let faulty = PositionStore::new(&store, case.faults.iter().copied());
    let first = run(case, &faulty);
    let again = first.is_err();
    let report = first.or_else(|_| run(case, &store)).unwrap();
    assert_report(&report, case);
    assert_log(&store, case);
    // After a run that was cut off, batches that overtook others keep the keys that they share with
    // them.
    if !again || case.settings.workers.get() == 1 {
        assert_eq!(report.checksum, plain.checksum, "{case:?}");
    }
    if !again {
        assert_eq!(report.books, plain.books, "{case:?}");
    }
    (faulty.calls().struck.is_some(), again)
}

#[test]
fn any_settings_records_and_faults_store_the_same_as_a_sequential_run() {
    let cases_max = if counts::full() { 20_000 } else { 300 };
    let [tried, struck, again] = [(); 3].map(|()| AtomicU64::new(0));
    let mut runner = TestRunner::new(ProptestConfig { cases: cases_max, ..Default::default() });
    let outcome = runner.run(&cases(), |case| {
        let (was_struck, took_again) = within_a_minute(move || try_case(&case));
        tried.fetch_add(1, Ordering::Relaxed);
        struck.fetch_add(u64::from(was_struck), Ordering::Relaxed);
        again.fetch_add(u64::from(took_again), Ordering::Relaxed);
        Ok(())
    });
    let [tried, struck, again] = [tried, struck, again].map(AtomicU64::into_inner);
    counts::print(&format!(
        "{tried} plans of settings, records and faults, {struck} of which met one and {again} took \
         a second run"
    ));
    outcome.unwrap();
    assert!(struck > 0 && again > 0, "the faults were not met");
}

/// The look-up of a commit waits for the transaction in question, and no other thread would end it.
#[test]
fn a_commit_and_rollback_that_both_fail_do_not_block_other_writers() {
    for (pool, kind) in
        [PoolConfig::Off, PoolConfig::Worker, PoolConfig::Shared(PoolLimits::default())]
            .into_iter()
            .flat_map(|pool| [Kind::Busy, Kind::Before].map(|kind| (pool, kind)))
    {
        let case = Case {
            settings: Settings { batch_size: 3.try_into().unwrap(), pool, ..Settings::default() },
            records: 20,
            stages: Sharing { contacts: 5, bad_every: 100 },
            faults: vec![(Place::Named("commit", 1), kind), (Place::Named("rollback", 0), kind)],
        };
        let (struck, again) = within_a_minute(move || try_case(&case));
        assert!(struck);
        // Only a busy store is retried within the run.
        assert_eq!(again, kind == Kind::Before);
    }
}
