//! Rows a second into `SQLite` by insert method and batch size, on fresh connections as a run has
//! them. The store alone: no mapping, no log.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]
#![expect(clippy::panic, reason = "a bench that cannot go on stops")]

#[path = "../tests/store_support/mod.rs"]
mod store_support;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use migrator::config::{InsertMethod, Synchronous};
use migrator::record::{SqlValue, TypedRecord};
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Inserted, Role, Store};

const ROWS_PER_RECORD: u64 = 50;

fn store(folder: &Path) -> SqliteStore {
    let tables = Tables::new(&store_support::catalogue()).unwrap();
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
        assert!(matches!(inserted, Inserted::Stored { .. }), "{inserted:?}");
    }
    connection.commit().unwrap();
}

/// Time for so many batches into one store, which is new each time; making records is not timed.
fn time_batches(batches: u64, batch_size: usize, method: InsertMethod) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let _keeps_the_file_open = store.connect(Role::Reader).unwrap();
    let mut next_key = 1;
    let mut elapsed = Duration::ZERO;
    for _ in 0..batches {
        let records: Vec<_> = (0..batch_size)
            .map(|_| {
                next_key += 1;
                store_support::large_record(next_key)
            })
            .collect();
        let started = Instant::now();
        insert_batch(&store, &records, method);
        elapsed += started.elapsed();
    }
    elapsed
}

fn insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for method in [InsertMethod::Values, InsertMethod::Bulk] {
        for batch_size in [50, 200, 1000] {
            group.throughput(Throughput::Elements(batch_size as u64 * ROWS_PER_RECORD));
            let id = BenchmarkId::new(format!("{method:?}").to_lowercase(), batch_size);
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|batches| time_batches(batches, batch_size, method));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, insert);
criterion_main!(benches);
