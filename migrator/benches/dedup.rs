//! Cost of deduplication by `cache` and batch size: the time of the step `dedup` of batches that
//! are written into a store with many records.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]
#![expect(clippy::panic, reason = "a bench that cannot go on stops")]

#[path = "../tests/support/store/mod.rs"]
mod store;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use migrator::config::{CacheConfig, CacheLimits, InsertMethod, Synchronous};
use migrator::record::{MappingOutcome, TypedRecord};
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store};
use migrator::telemetry::metrics::{Metrics, TimedStage};
use migrator::write::cache::{DedupCache, WorkerCache};
use migrator::write::insert::{Batch, BatchEntry, Writer};
use migrator::write::log::open_session;
use store::{CURRENT, PREVIOUS, record};

/// Records stored before the first batch that counts.
const STORED: i32 = 20_000;
/// One record in this many has a contact of the record with half its key.
const SHARES_CONTACT: i32 = 20;

/// Consecutive batches of records into one store.
struct Run<'a> {
    store: &'a dyn Store,
    writer: Writer<'a>,
    cache: WorkerCache,
    next_key: i32,
    batches: u64,
}

impl Run<'_> {
    /// Writes the next batch and returns the time of its step `dedup`.
    fn write(&mut self, batch_size: i32) -> Duration {
        let keys = self.next_key..self.next_key + batch_size;
        let batch = Batch { number: self.batches, entries: keys.map(entry).collect() };
        let mut metrics = Metrics::new().unwrap();
        let written =
            store::write_with(self.store, &self.writer, &batch, &self.cache, &mut metrics).unwrap();
        assert_eq!(written.books.committed, batch.entries.len() as u64);
        self.next_key += batch_size;
        self.batches += 1;
        Duration::from_nanos(metrics.timing(TimedStage::Dedup).total_ns)
    }
}

fn entry(key: i32) -> BatchEntry {
    BatchEntry { key, retry: false, mapped: MappingOutcome::Rows(application(key)) }
}

/// A record with two contacts and three addresses.
fn application(key: i32) -> TypedRecord {
    // An odd key, whose record shares no contact itself.
    let owner = if key % SHARES_CONTACT == 0 { key / 2 + 1 } else { key };
    record(key, key, &[(2 * owner, &[CURRENT, PREVIOUS]), (2 * key + 1, &[CURRENT])])
}

fn dedup(criterion: &mut Criterion) {
    let limits = CacheLimits::default();
    let mut group = criterion.benchmark_group("dedup");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for (name, caching) in [
        ("off", CacheConfig::Off),
        ("batch", CacheConfig::Batch),
        ("worker", CacheConfig::Worker(limits)),
        ("shared", CacheConfig::Shared(limits)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&store::catalogue()).unwrap();
        let path = folder.path().join("b.db");
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        store.create_missing().unwrap();
        let mut reader = store.connect(Role::Reader).unwrap();
        let now = store::now();
        let session = open_session(reader.as_mut(), store.tables(), now).unwrap();
        let writer = Writer::new(&store, session, InsertMethod::Values, &[], true).unwrap();
        let caches = DedupCache::new(caching);
        let mut run =
            Run { store: &store, writer, cache: caches.for_worker(), next_key: 1, batches: 0 };
        while run.next_key <= STORED {
            run.write(1_000);
        }
        for batch_size in [50_i32, 200, 1_000] {
            group.throughput(Throughput::Elements(batch_size.unsigned_abs().into()));
            group.bench_function(BenchmarkId::new(name, batch_size), |bencher| {
                bencher.iter_custom(|batches| (0..batches).map(|_| run.write(batch_size)).sum());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, dedup);
criterion_main!(benches);
