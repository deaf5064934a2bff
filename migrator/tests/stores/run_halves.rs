//! The mapping and writing halves of workers, the parse pool and the order of key locks: behaviour,
//! and freedom from deadlock.

use migrator::config::{InsertMethod, PoolConfig, PoolLimits, QueueConfig, QueueLimits, Settings};
use migrator::telemetry::report::RunReport;
use proptest::prelude::*;

use crate::support::store::faulty::{Commit, Faults, FaultyStore};
use crate::support::store::runs::{Fixture, Numbers, Sharing, within_a_minute};

const RECORDS: i32 = 120;

fn numbers(last: i32) -> Numbers {
    Numbers { last, broken: None }
}

fn settings(workers: usize, batch_size: usize) -> Settings {
    Settings {
        workers: workers.try_into().unwrap(),
        batch_size: batch_size.try_into().unwrap(),
        ..Settings::default()
    }
}

fn queue(depth: usize, bytes_max: u64) -> QueueConfig {
    QueueConfig::On(QueueLimits {
        depth: depth.try_into().unwrap(),
        bytes_max: bytes_max.try_into().unwrap(),
    })
}

fn shared(max: usize) -> PoolConfig {
    PoolConfig::Shared(PoolLimits { max: max.try_into().unwrap(), ..PoolLimits::default() })
}

fn run(settings: Settings, stages: Sharing) -> RunReport {
    within_a_minute(move || {
        let fixture = Fixture::with(settings);
        fixture.try_run(&fixture.store, &numbers(RECORDS), stages).unwrap()
    })
}

/// The rows and books that a run of one worker stores.
fn run_sequentially(stages: Sharing) -> RunReport {
    run(settings(1, 1000), stages)
}

#[test]
fn a_shared_key_belongs_to_the_lowest_source_key_under_every_setting() {
    for contacts in [1, 3, 40] {
        let stages = Sharing { contacts, bad_every: 7 };
        let plain = run_sequentially(stages);
        assert!(plain.books.duplicate > 0 && plain.books.failed > 0, "{:?}", plain.books);
        for (workers, batch_size, pool, queueing, parse_threads) in [
            (8, 1, shared(1), queue(4, 1 << 20), 0),
            (8, 3, PoolConfig::Worker, queue(1, 1), 2),
            (4, 7, PoolConfig::Off, QueueConfig::Off, 3),
            (3, 10, shared(2), queue(8, 500), 1),
            (2, 50, PoolConfig::Off, queue(2, 1 << 20), 4),
        ] {
            let settings =
                Settings { pool, queue: queueing, parse_threads, ..settings(workers, batch_size) };
            let report = run(settings.clone(), stages);
            assert_eq!(report.books, plain.books, "{settings:?}");
            assert_eq!(report.rows, plain.rows, "{settings:?}");
            assert_eq!(report.checksum, plain.checksum, "{settings:?}");
        }
    }
}

#[test]
fn one_connection_many_workers_and_one_shared_key_cause_no_deadlock() {
    let stages = Sharing { contacts: 1, bad_every: 5 };
    let plain = run_sequentially(stages);
    for _ in 0..5 {
        let report =
            run(Settings { pool: shared(1), queue: queue(4, 1 << 20), ..settings(12, 1) }, stages);
        assert_eq!(report.checksum, plain.checksum);
        assert!(report.claim_waits > 0);
    }
}

#[test]
fn a_retried_batch_keeps_its_key_locks_before_waiting_batches() {
    let stages = Sharing { contacts: 1, bad_every: 100 };
    let plain = run_sequentially(stages);
    for busy in [1, 3] {
        let report = within_a_minute(move || {
            let fixture = Fixture::with(Settings {
                pool: shared(2),
                queue: queue(4, 1 << 20),
                ..settings(4, 10)
            });
            let faults = Faults { busy, ..Faults::default() };
            let store = FaultyStore::new(&fixture.store, 0, faults);
            fixture.try_run(&store, &numbers(RECORDS), stages).unwrap()
        });
        assert_eq!(report.retries["busy"], u64::from(busy));
        assert_eq!(report.checksum, plain.checksum);
    }
}

#[test]
fn an_error_in_either_half_stops_the_other_and_the_next_run_resumes() {
    let stages = Sharing { contacts: 3, bad_every: 50 };
    let plain = run_sequentially(stages);
    for (broken, commit) in [(Some(77), Commit::Done), (None, Commit::ConnectionLost)] {
        for parse_threads in [0, 2] {
            let rest = within_a_minute(move || {
                let fixture = Fixture::with(Settings {
                    queue: queue(2, 1 << 20),
                    parse_threads,
                    ..settings(3, 5)
                });
                let store =
                    FaultyStore::new(&fixture.store, 4, Faults { commit, ..Faults::default() });
                let source = Numbers { last: RECORDS, broken };
                let error = fixture.try_run(&store, &source, stages).unwrap_err().to_string();
                let expected = if broken.is_some() { "cannot be read" } else { "connection lost" };
                assert!(error.contains(expected), "{error}");
                fixture.try_run(&fixture.store, &numbers(RECORDS), stages).unwrap()
            });
            assert_eq!(rest.books.read + rest.books.skipped, u64::from(RECORDS.unsigned_abs()));
            assert_eq!(rest.checksum, plain.checksum);
        }
    }
}

#[test]
fn a_queue_keeps_its_limits_of_batches_and_bytes_and_drops_nothing() {
    let stages = Sharing { contacts: 40, bad_every: 50 };
    let plain = run_sequentially(stages);
    for depth in [1, 2, 4] {
        let report = run(Settings { queue: queue(depth, 1 << 20), ..settings(2, 3) }, stages);
        let seen = report.queue.unwrap();
        assert!((1..=depth as u64).contains(&seen.items_peak), "{seen:?}");
        assert_eq!(seen.oversize, 0);
        assert_eq!(report.stages["queue_push"].count, 40, "each batch passed the queue");
        assert_eq!(report.checksum, plain.checksum);
    }
    let tiny = run(Settings { queue: queue(4, 1), ..settings(2, 3) }, stages);
    let seen = tiny.queue.unwrap();
    assert_eq!((seen.items_peak, seen.oversize), (1, 40), "each batch passed alone");
    assert_eq!(tiny.checksum, plain.checksum);
    let off = run(settings(2, 3), stages);
    assert_eq!((off.queue, off.stages["queue_push"].count), (None, 0));
}

#[test]
fn parsing_runs_on_the_threads_of_the_parse_pool() {
    let stages = Sharing { contacts: 40, bad_every: 50 };
    let all = u64::from(RECORDS.unsigned_abs());
    for parse_threads in [1, 2, 4] {
        let report = run(Settings { parse_threads, ..settings(2, 1) }, stages);
        assert_eq!(report.parsed_in_pool, all);
        assert!((1..=parse_threads as u64).contains(&report.parse_pool_threads));
        assert_eq!(report.stages["source"].count, all);
    }
    let inside = run(settings(2, 1), stages);
    assert_eq!((inside.parsed_in_pool, inside.parse_pool_threads), (0, 0));
    assert_eq!(inside.stages["parse_wait"].count, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_settings_store_the_same_as_one_sequential_worker(
        workers in 1_usize..6,
        batch_size in 1_usize..30,
        depth in 0_usize..4,
        bytes_max in 1_u64..5000,
        parse_threads in 0_usize..4,
        pool in 0_usize..4,
        bulk: bool,
        contacts in 1_i32..60,
        bad_every in 2_i32..40,
    ) {
        let stages = Sharing { contacts, bad_every };
        let plain = run_sequentially(stages);
        let report = run(
            Settings {
                pool: match pool {
                    0 => PoolConfig::Off,
                    1 => PoolConfig::Worker,
                    most => shared(most - 1),
                },
                queue: if depth == 0 { QueueConfig::Off } else { queue(depth, bytes_max) },
                parse_threads,
                insert: if bulk { InsertMethod::Bulk } else { InsertMethod::Values },
                ..settings(workers, batch_size)
            },
            stages,
        );
        prop_assert_eq!(report.books, plain.books);
        prop_assert_eq!(report.checksum, plain.checksum);
    }
}
