//! Runs concurrent code under a scheduler that controls every lock and every thread and draws one
//! order of steps after another. Covers the bounded queue, the pool's output, the order of key
//! locks, the shared cache, and whole runs with every setting on, interrupted or not. A wait that
//! never ends is a deadlock to the scheduler and fails the test.
//!
//! `cargo test --package migrator --features schedules --test schedules`; `SWEETSPOT_FULL=1` tries
//! 50 times as many orders.
#![cfg(test)]
#![cfg(feature = "schedules")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use migrator::config::{
    CacheConfig, CacheLimits, PoolConfig, PoolLimits, QueueConfig, QueueLimits, Rate, Settings,
};
use migrator::error::ErrorKind;
use migrator::record::SqlValue;
use migrator::run::queue::Queue;
use migrator::run::reorder_buffer::ReorderBuffer;
use migrator::store::Store;
use migrator::store::schema::Tables;
use migrator::telemetry::report::RunReport;
use migrator::util::cancel::CancellationToken;
use migrator::write::cache::{CacheLookup, DedupCache, KeyBytes};
use migrator::write::key_locks::KeyLocks;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Mutex;
use shuttle::thread;
use support::counts;
use support::store::catalogue;
use support::store::memory::MemoryStore;
use support::store::positions::{Kind, Place, PositionStore};
use support::store::runs::{Numbers, Sharing, config, run_into};

/// Counts over all orders. The scheduler does not see it.
#[derive(Debug, Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl Counter {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tries `orders` orders of steps. Half are drawn uniformly. The other half change threads rarely,
/// which finds errors that need one thread to lag far behind the others.
fn check(name: &str, orders: usize, steps: impl Fn() + Send + Sync + Clone + 'static) {
    let orders = if counts::full() { 50 * orders } else { orders };
    let tried = Counter::default();
    let counted = {
        let tried = tried.clone();
        move || {
            steps();
            tried.count();
        }
    };
    shuttle::check_random(counted.clone(), orders / 2);
    shuttle::check_pct(counted, orders - orders / 2, 3);
    let tried = tried.get();
    counts::print(&format!("{tried} orders of steps, {name}: all ended, all whole"));
}

fn key(number: u32) -> KeyBytes {
    KeyBytes::from_slice(&number.to_le_bytes())
}

#[test]
fn a_queue_keeps_its_order_and_limits_and_returns_rejected_items() {
    check("bounded queue", 4_000, || {
        const DEPTH: u64 = 2;
        const BYTES: u64 = 10;
        let queue = Queue::new(2.try_into().unwrap(), BYTES);
        let stops = thread_rng().gen_bool(0.5);
        let sizes: Vec<u64> = (0..6).map(|_| thread_rng().gen_range(1..14)).collect();
        let mut taken = Vec::new();
        let mut refused = Vec::new();
        thread::scope(|scope| {
            let producer = scope.spawn(|| {
                for (item, bytes) in sizes.iter().enumerate() {
                    if let Err(item) = queue.push(item, *bytes) {
                        return vec![item];
                    }
                }
                queue.finish();
                Vec::new()
            });
            if stops {
                scope.spawn(|| queue.stop());
            }
            taken = std::iter::from_fn(|| queue.pop()).collect();
            refused = producer.join().unwrap();
        });
        let counts = queue.counts();
        let large = sizes.iter().filter(|bytes| **bytes > BYTES).count() as u64;
        assert!(counts.items_peak <= DEPTH && counts.oversize <= large);
        assert!(counts.bytes_peak <= BYTES || counts.oversize > 0, "{counts:?}");
        assert_eq!(taken, (0..taken.len()).collect::<Vec<_>>());
        assert!(stops || (taken.len() == sizes.len() && refused.is_empty()));
        assert!(refused.iter().all(|item| !taken.contains(item)));
    });
}

#[test]
fn the_reorder_buffer_delivers_in_order_and_limits_its_lead() {
    check("parse pool", 2_000, || {
        const TOTAL: u64 = 5;
        let buffer = ReorderBuffer::new(2.try_into().unwrap());
        let next = Mutex::new(0);
        let stops = thread_rng().gen_bool(0.3);
        let taken = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while buffer.reserve() {
                        let mut next = next.lock().unwrap();
                        let number = *next;
                        if number == TOTAL {
                            buffer.finish(TOTAL);
                            break;
                        }
                        *next += 1;
                        drop(next);
                        buffer.push(number, number);
                    }
                });
                scope.spawn(|| {
                    let mut last = None;
                    while let Some(item) = buffer.pop() {
                        assert!(last.is_none_or(|last| last < item), "a taker goes backwards");
                        last = Some(item);
                        taken.lock().unwrap().push(item);
                    }
                });
            }
            if stops {
                scope.spawn(|| buffer.stop());
            }
        });
        let mut taken = taken.into_inner().unwrap();
        taken.sort_unstable();
        let all: Vec<_> = (0..TOTAL).collect();
        assert!(stops || taken == all, "{taken:?}");
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "given out twice: {taken:?}");
        assert!(buffer.ready_peak() <= 2 + 2, "{}", buffer.ready_peak());
    });
}

#[test]
fn batches_that_share_a_key_end_in_number_order() {
    check("order of key locks", 2_000, || {
        const BATCHES: u64 = 5;
        let key_locks = KeyLocks::default();
        let held: Vec<Vec<KeyBytes>> = (0..BATCHES)
            .map(|_| (0..3).map(|_| key(thread_rng().gen_range(0..4))).collect())
            .collect();
        let (next, ended) = (Mutex::new(0), Mutex::new(Vec::new()));
        let stops = thread_rng().gen_bool(0.3);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let number = {
                            let mut next = next.lock().unwrap();
                            *next += 1;
                            *next - 1
                        };
                        if number >= BATCHES {
                            break;
                        }
                        let own = held[usize::try_from(number).unwrap()].clone();
                        let Ok(request) = key_locks.register(number, own) else { break };
                        if key_locks.wait(&request).is_err() {
                            break;
                        }
                        ended.lock().unwrap().push(number);
                        key_locks.release(request);
                    }
                });
            }
            if stops {
                scope.spawn(|| key_locks.stop());
            }
        });
        let ended = ended.into_inner().unwrap();
        assert!(stops || ended.len() as u64 == BATCHES);
        for (place, later) in ended.iter().enumerate() {
            let keys = |number: u64| held[usize::try_from(number).unwrap()].iter();
            let shares = |other: u64| keys(*later).any(|key| keys(other).any(|k| k == key));
            let earlier = (0..*later).filter(|other| shares(*other));
            for other in earlier {
                assert!(ended[..place].contains(&other), "{later} before {other}: {ended:?}");
            }
        }
    });
}

#[test]
fn a_shared_cache_knows_committed_keys_and_no_others() {
    let known_keys = Counter::default();
    let counter = known_keys.clone();
    check("shared cache", 2_000, move || {
        let counter = &counter;
        let limits = CacheLimits {
            max_keys: thread_rng().gen_range(1..5_usize).try_into().unwrap(),
            spot_check: Rate::default(),
        };
        let cache = DedupCache::new(CacheConfig::Shared(limits));
        let committed = Mutex::new(BTreeSet::new());
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let worker = cache.for_worker();
                    for _ in 0..4 {
                        let number = thread_rng().gen_range(0..6_u32);
                        let asked = key(number);
                        let known = worker.look_up([&asked].into_iter(), false)[0];
                        if known == CacheLookup::Hit {
                            assert!(committed.lock().unwrap().contains(&number), "{number}");
                            counter.count();
                        } else if thread_rng().gen_bool(0.6) {
                            committed.lock().unwrap().insert(number);
                            worker.keep([asked.clone()]);
                        }
                    }
                });
            }
        });
        let kept = cache.close();
        assert!(kept.keys_peak <= limits.max_keys.get() as u64);
    });
    assert!(known_keys.get() > 0, "nothing was ever known");
}

const SOURCE: Numbers = Numbers { last: 8, broken: None };
const STAGES: Sharing = Sharing { contacts: 2, bad_every: 3 };

fn store() -> MemoryStore {
    MemoryStore::new(Tables::new(&catalogue()).unwrap())
}

fn all_on() -> Settings {
    let number = |number: usize| number.try_into().unwrap();
    Settings {
        workers: number(2),
        batch_size: number(2),
        pool: PoolConfig::Shared(PoolLimits { max: number(1), ..PoolLimits::default() }),
        queue: QueueConfig::On(QueueLimits {
            depth: number(1),
            bytes_max: 600.try_into().unwrap(),
        }),
        parse_threads: 1,
        cache: CacheConfig::Shared(CacheLimits::default()),
        ..Settings::default()
    }
}

/// Runs one worker with one batch at a time, outside of any schedule.
fn run_sequentially() -> RunReport {
    let report = Arc::new(std::sync::Mutex::new(None));
    let inside = Arc::clone(&report);
    shuttle::check_random(
        move || {
            let workers = 1.try_into().unwrap();
            let config = config(Settings { workers, ..Settings::default() });
            let plain = run_into(&store(), &config, &SOURCE, STAGES, &CancellationToken::default());
            *inside.lock().unwrap() = Some(plain.unwrap());
        },
        1,
    );
    Arc::into_inner(report).unwrap().into_inner().unwrap().unwrap()
}

/// Asserts that every record is in the log once, and that every record logged as stored is stored.
fn assert_whole(store: &MemoryStore) {
    let tables = store.tables();
    let log = store.rows(tables.log);
    let keys: BTreeSet<_> = log
        .iter()
        .map(|row| match row[1] {
            SqlValue::Int(key) => key,
            _ => panic!("a record without a key"),
        })
        .collect();
    assert_eq!((log.len(), keys.len()), (8, 8), "lost or twice");
    let success = log.iter().filter(|row| row[2] == SqlValue::Text("success".into())).count();
    assert_eq!(store.rows(support::store::BASE).len(), success, "partial");
}

#[test]
fn a_run_with_every_setting_on_stores_the_same_in_any_order_of_steps() {
    let plain = run_sequentially();
    check("whole runs", 300, move || {
        let store = store();
        let run =
            run_into(&store, &config(all_on()), &SOURCE, STAGES, &CancellationToken::default())
                .unwrap();
        assert_eq!((run.books, run.checksum), (plain.books, plain.checksum.clone()));
        let queue = run.queue.unwrap();
        assert!(queue.items_peak <= 1 && (queue.bytes_peak <= 600 || queue.oversize > 0));
        assert!(run.connections["writer"].peak <= 1 && run.connections["writer"].left_open == 0);
        assert_whole(&store);
    });
}

#[test]
fn a_run_interrupted_at_any_step_ends_and_the_next_run_resumes() {
    let interrupted = Counter::default();
    let counter = interrupted.clone();
    check("interrupted runs", 200, move || {
        let (store, interrupt) = (store(), Arc::new(CancellationToken::default()));
        // No scope: the scheduler takes the end of an outer scope's threads for the end of an inner
        // one's.
        let raiser = {
            let interrupt = Arc::clone(&interrupt);
            thread::spawn(move || {
                for _ in 0..thread_rng().gen_range(0..60) {
                    thread::yield_now();
                }
                interrupt.cancel();
            })
        };
        let first = run_into(&store, &config(all_on()), &SOURCE, STAGES, &interrupt);
        raiser.join().unwrap();
        if let Err(error) = first {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
            counter.count();
        }
        run_into(&store, &config(all_on()), &SOURCE, STAGES, &CancellationToken::default())
            .unwrap();
        assert_whole(&store);
    });
    assert!(interrupted.get() > 0, "no interrupt came in time");
}

#[test]
fn a_run_whose_store_fails_at_any_step_ends_and_the_next_run_resumes() {
    let struck = Counter::default();
    let counter = struck.clone();
    check("runs with a fault", 200, move || {
        let store = store();
        let kinds = [Kind::Before, Kind::After, Kind::AnswerLost, Kind::Gone, Kind::DiskFull];
        let kind = kinds[thread_rng().gen_range(0..kinds.len())];
        let place = Place::Of(thread_rng().gen_range(0..90));
        let faulty = PositionStore::new(&store, [(place, kind)]);
        let _ =
            run_into(&faulty, &config(all_on()), &SOURCE, STAGES, &CancellationToken::default());
        if faulty.calls().struck.is_some() {
            counter.count();
        }
        run_into(&store, &config(all_on()), &SOURCE, STAGES, &CancellationToken::default())
            .unwrap();
        assert_whole(&store);
    });
    assert!(struck.get() > 0, "no fault was met");
}
