//! Rows a second into `SQLite` by insert method and batch size, on fresh connections as a run has
//! them: the store alone (`insert`), and whole batches with duplicate queries and log (`batch`).

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]
#![expect(clippy::panic, reason = "a bench that cannot go on stops")]

#[path = "../tests/support/store/mod.rs"]
mod store;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use migrator::config::{InsertMethod, Synchronous};
use migrator::record::{MappingOutcome, SqlValue, TypedRecord};
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{InsertOutcome, Role, Store};
use migrator::telemetry::metrics::Metrics;
use migrator::write::insert::{Batch, BatchEntry, Writer};
use migrator::write::log::open_session;

const ROWS_PER_RECORD: u64 = 50;

fn store(folder: &Path) -> SqliteStore {
    let tables = Tables::new(&store::catalogue()).unwrap();
    let store = SqliteStore::new(&folder.join("b.db"), Synchronous::Off, tables).unwrap();
    store.create_missing().unwrap();
    store
}

/// One batch: a connection, a transaction, every table's rows.
fn insert_batch(store: &SqliteStore, records: &[TypedRecord], method: InsertMethod) {
    let mut connection = store.connect(Role::Writer).unwrap();
    connection.begin().unwrap();
    for table in 0..store.tables().all().len() {
        let rows: Vec<&[SqlValue]> = records
            .iter()
            .flat_map(|record| &record.tables)
            .filter(|rows| rows.table == table)
            .flat_map(|rows| rows.rows.iter().map(AsRef::as_ref))
            .collect();
        let inserted = connection.insert(table, &rows, method).unwrap();
        assert!(matches!(inserted, InsertOutcome::Stored { .. }), "{inserted:?}");
    }
    connection.commit().unwrap();
}

fn records(first_key: i32, count: usize) -> Vec<TypedRecord> {
    (first_key..).take(count).map(store::large_record).collect()
}

/// Time of `batches` inserts into one new store. Making the records is not timed.
fn time_inserts(batches: u64, batch_size: usize, method: InsertMethod) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let _keeps_the_file_open = store.connect(Role::Reader).unwrap();
    let mut elapsed = Duration::ZERO;
    for number in 0..batches {
        let records = records(first_key(number, batch_size), batch_size);
        let started = Instant::now();
        insert_batch(&store, &records, method);
        elapsed += started.elapsed();
    }
    elapsed
}

/// Time of `batches` whole batches as a run writes them.
fn time_writes(batches: u64, batch_size: usize, method: InsertMethod) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut keeps_the_file_open = store.connect(Role::Reader).unwrap();
    let now = store::now();
    let session = open_session(keeps_the_file_open.as_mut(), store.tables(), now).unwrap();
    let writer = Writer::new(&store, session, method, &[], true).unwrap();
    let mut metrics = Metrics::new().unwrap();
    let mut elapsed = Duration::ZERO;
    for number in 0..batches {
        let records = records(first_key(number, batch_size), batch_size);
        let entry = |record: TypedRecord| BatchEntry {
            key: record.key,
            retry: false,
            mapped: MappingOutcome::Rows(record),
        };
        let batch = Batch { number, entries: records.into_iter().map(entry).collect() };
        let started = Instant::now();
        let written = store::write(&store, &writer, &batch, &mut metrics).unwrap();
        elapsed += started.elapsed();
        assert_eq!(written.books.committed, batch_size as u64);
    }
    elapsed
}

fn first_key(batch: u64, batch_size: usize) -> i32 {
    i32::try_from(1 + batch * batch_size as u64).unwrap()
}

fn rows_per_second(criterion: &mut Criterion) {
    type Timed = fn(u64, usize, InsertMethod) -> Duration;
    for (name, timed) in [("insert", time_inserts as Timed), ("batch", time_writes)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        for method in [InsertMethod::Values, InsertMethod::Bulk] {
            for batch_size in [50, 200, 1000] {
                group.throughput(Throughput::Elements(batch_size as u64 * ROWS_PER_RECORD));
                let id = BenchmarkId::new(format!("{method:?}").to_lowercase(), batch_size);
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|batches| timed(batches, batch_size, method));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, rows_per_second);
criterion_main!(benches);
