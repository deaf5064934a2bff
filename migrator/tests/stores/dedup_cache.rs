//! Key queries of batches, and the correctness and hit rates of the key cache.

use std::path::PathBuf;

use migrator::config::{CacheConfig, CacheLimits, InsertMethod, Rate, Synchronous};
use migrator::error::{ErrorKind, Result};
use migrator::record::{MappingOutcome, TypedRecord};
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store};
use migrator::telemetry::metrics::{Metrics, Retry};
use migrator::telemetry::report::CacheReport;
use migrator::write::cache::{DedupCache, WorkerCache};
use migrator::write::insert::{Batch, BatchEntry, BatchResult, Writer};
use migrator::write::log::{Session, open_session};
use tempfile::TempDir;

use crate::support::store;
use crate::support::store::faulty::{Commit, Faults, FaultyStore};
use crate::support::store::{CURRENT, PREVIOUS, catalogue, int, record};

/// A store, a session in it and one worker with a cache.
struct Fixture {
    _folder: TempDir,
    path: PathBuf,
    store: SqliteStore,
    session: Session,
    caches: DedupCache,
    worker: WorkerCache,
    metrics: Metrics,
    batches: u64,
}

impl Fixture {
    fn new(caching: CacheConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let tables = Tables::new(&catalogue()).unwrap();
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        store.create_missing().unwrap();
        let mut connection = store.connect(Role::Reader).unwrap();
        let now = store::now();
        let session = open_session(connection.as_mut(), store.tables(), now).unwrap();
        let caches = DedupCache::new(caching);
        let (worker, metrics) = (caches.for_worker(), Metrics::new().unwrap());
        Self { _folder: folder, path, store, session, caches, worker, metrics, batches: 0 }
    }

    /// Writes the next batch.
    fn write(&mut self, entries: Vec<BatchEntry>) -> BatchResult {
        self.try_write(entries, Faults::default()).unwrap()
    }

    /// Writes the next batch on a connection with these faults.
    fn try_write(&mut self, entries: Vec<BatchEntry>, faults: Faults) -> Result<BatchResult> {
        let faulty = FaultyStore::new(&self.store, 0, faults);
        let session = self.session.clone();
        let writer = Writer::new(&faulty, session, InsertMethod::Values, &[], true).unwrap();
        let batch = Batch { number: self.batches, entries };
        self.batches += 1;
        store::write_with(&faulty, &writer, &batch, &self.worker, &mut self.metrics)
    }

    /// Changes the store without the migrator's knowledge.
    fn delete(&self, sql: &str) {
        let file = rusqlite::Connection::open(&self.path).unwrap();
        assert_eq!(file.execute(sql, []).unwrap(), 1);
    }

    fn rows(&self, table: &str) -> u64 {
        let file = rusqlite::Connection::open(&self.path).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, u32>(0))
            .unwrap()
            .into()
    }

    /// Queries and set queries since the previous call.
    fn queries(&mut self) -> (u64, u64) {
        let Metrics { queries, set_queries, .. } = &mut self.metrics;
        (std::mem::take(queries), std::mem::take(set_queries))
    }
}

fn limits(max_keys: usize, spot_check: f64) -> CacheLimits {
    CacheLimits {
        max_keys: max_keys.try_into().unwrap(),
        spot_check: Rate::try_from(spot_check).unwrap(),
    }
}

/// A per-worker and a shared cache with these limits.
fn kept(max_keys: usize, spot_check: f64) -> [CacheConfig; 2] {
    let limits = limits(max_keys, spot_check);
    [CacheConfig::Worker(limits), CacheConfig::Shared(limits)]
}

fn entry(record: TypedRecord) -> BatchEntry {
    BatchEntry { key: record.key, retry: false, mapped: MappingOutcome::Rows(record) }
}

/// An application with one contact that has one address.
fn plain(key: i32, con_id: i32) -> BatchEntry {
    entry(record(key, key, &[(con_id, &[CURRENT])]))
}

/// The same application, rejected by the store: its pricing row refers to no application.
fn guilty(key: i32, con_id: i32) -> BatchEntry {
    let mut record = record(key, key, &[(con_id, &[CURRENT])]);
    record.tables[2].rows[0][0] = int(999_999);
    entry(record)
}

#[test]
fn queries_are_counted_by_mode() {
    let all = [CacheConfig::Off, CacheConfig::Batch].into_iter().chain(kept(100, 0.0));
    for caching in all {
        let mut fixture = Fixture::new(caching);
        // Two applications, two contacts and three addresses, none of them stored yet.
        let second = entry(record(2, 2, &[(12, &[CURRENT, PREVIOUS])]));
        fixture.write(vec![plain(1, 11), second]);
        let expected = if caching == CacheConfig::Off { (7, 0) } else { (0, 3) };
        assert_eq!(fixture.queries(), expected, "{caching:?}");
        // A new application with a contact and an address that are stored already.
        fixture.write(vec![plain(3, 11)]);
        let expected = match caching {
            CacheConfig::Off => (3, 0),
            CacheConfig::Batch => (0, 3),
            CacheConfig::Worker(_) | CacheConfig::Shared(_) => (0, 1),
        };
        assert_eq!(fixture.queries(), expected, "{caching:?}");
        let report = fixture.caches.close();
        let kept = expected == (0, 1);
        let counts = (report.hits, report.misses, report.keys_peak, report.keys_left);
        assert_eq!(counts, if kept { (2, 8, 8, 0) } else { (0, 0, 0, 0) }, "{caching:?}");
    }
}

#[test]
fn the_keys_of_a_large_batch_are_queried_in_statements_of_a_thousand() {
    for (records, statements) in [(1_000, 3), (1_001, 6)] {
        let mut fixture = Fixture::new(CacheConfig::Batch);
        let written = fixture.write((1..=records).map(|key| plain(key, key)).collect());
        assert_eq!(written.books.committed, u64::from(records.unsigned_abs()));
        assert_eq!(fixture.queries(), (0, statements));
    }
}

#[test]
fn a_repeated_key_of_a_batch_is_queried_once() {
    let mut fixture = Fixture::new(CacheConfig::Shared(limits(100, 0.0)));
    fixture.write((1..=5).map(|key| plain(key, 50)).collect());
    let report = fixture.caches.close();
    assert_eq!((report.hits, report.misses, report.keys_peak), (0, 5 + 1 + 1, 7));
    assert_eq!(fixture.rows("app_contact_base"), 1);
}

#[test]
fn the_contacts_of_a_duplicate_are_not_queried() {
    for caching in [CacheConfig::Off, CacheConfig::Batch].into_iter().chain(kept(100, 0.0)) {
        let mut fixture = Fixture::new(caching);
        fixture.write(vec![plain(1, 11)]);
        fixture.queries();
        let again = entry(record(2, 1, &[(12, &[CURRENT])]));
        assert_eq!(fixture.write(vec![again]).books.duplicate, 1);
        let expected = match caching {
            CacheConfig::Off => (1, 0),
            CacheConfig::Batch => (0, 1),
            CacheConfig::Worker(_) | CacheConfig::Shared(_) => (0, 0),
        };
        assert_eq!(fixture.queries(), expected, "{caching:?}");
        assert_eq!(fixture.rows("app_contact_base"), 1);
        assert!(fixture.caches.close().keys_peak <= 3, "a duplicate claims nothing");
    }
}

#[test]
fn keys_stored_by_earlier_batches_are_cache_hits() {
    for (with_duplicates, shared) in [(false, 0), (true, 16)] {
        for caching in kept(10_000, 0.0) {
            let mut fixture = Fixture::new(caching);
            for first in [1, 21, 41, 61, 81] {
                // Every fifth record has a contact of the previous batch, and its address.
                let shares = |key: i32| with_duplicates && first > 1 && key % 5 == 0;
                let con_id = |key: i32| if shares(key) { key - 21 } else { key };
                let entries = (first..first + 20).map(|key| plain(key, con_id(key))).collect();
                assert_eq!(fixture.write(entries).books.committed, 20);
            }
            assert_eq!(fixture.rows("app_contact_base"), 100 - shared);
            assert_eq!(fixture.rows("app_contact_address"), 100 - shared);
            let report = fixture.caches.close();
            assert_eq!((report.hits, report.misses), (2 * shared, 300 - 2 * shared));
            assert_eq!((report.keys_peak, report.evictions), (300 - 2 * shared, 0));
        }
    }
}

#[test]
fn keys_found_in_the_store_enter_the_cache() {
    for caching in kept(100, 0.0) {
        let mut fixture = Fixture::new(caching);
        fixture.write(vec![plain(1, 11)]);
        // Another run has another cache.
        fixture.caches = DedupCache::new(caching);
        fixture.worker = fixture.caches.for_worker();
        fixture.write(vec![plain(2, 11)]);
        fixture.write(vec![plain(3, 11)]);
        let report = fixture.caches.close();
        assert_eq!((report.hits, report.misses, report.keys_peak), (2, 3 + 1, 4));
    }
}

#[test]
fn keys_of_a_failed_commit_do_not_enter_the_cache() {
    for caching in kept(100, 0.0) {
        let mut fixture = Fixture::new(caching);
        let lost = Faults { commit: Commit::ConnectionLost, ..Faults::default() };
        let error = fixture.try_write(vec![plain(1, 11)], lost).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Environment);
        assert_eq!(fixture.write(vec![plain(2, 11)]).books.committed, 1);
        assert_eq!(fixture.rows("app_contact_base"), 1);
        assert_eq!(fixture.caches.close().hits, 0);
    }
}

#[test]
fn keys_of_a_commit_whose_answer_was_lost_enter_the_cache() {
    for caching in kept(100, 0.0) {
        let mut fixture = Fixture::new(caching);
        let lost = Faults { commit: Commit::AnswerLost, ..Faults::default() };
        fixture.try_write(vec![plain(1, 11)], lost).unwrap();
        fixture.write(vec![plain(2, 11)]);
        assert_eq!(fixture.caches.close().hits, 2);
    }
}

#[test]
fn a_retried_batch_does_not_find_its_own_keys() {
    for caching in kept(100, 0.0) {
        let mut fixture = Fixture::new(caching);
        let busy = Faults { busy_commits: 2, ..Faults::default() };
        let written = fixture.try_write(vec![plain(1, 11)], busy).unwrap();
        assert_eq!(written.books.committed, 1);
        assert_eq!(fixture.metrics.retries[&Retry::Busy], 2);
        let report = fixture.caches.close();
        assert_eq!((report.hits, report.misses, report.keys_peak), (0, 3 * 3, 3));
    }
}

#[test]
fn a_rejected_record_leaves_no_key_in_the_cache() {
    for guilty_key in 1..=4 {
        for caching in kept(100, 0.0) {
            let mut fixture = Fixture::new(caching);
            // All four records share one contact. The first stored record gets it; the others find
            // the key of a row that is not committed yet.
            let of = |key| if key == guilty_key { guilty(key, 50) } else { plain(key, 50) };
            let written = fixture.write((1..=4).map(of).collect());
            assert_eq!((written.books.committed, written.books.failed), (3, 1));
            fixture.queries();
            let next = vec![plain(5, 50), plain(10 + guilty_key, 60)];
            assert_eq!(fixture.write(next).books.committed, 2);
            let again = entry(record(7, guilty_key, &[(70, &[CURRENT])]));
            assert_eq!(fixture.write(vec![again]).books.committed, 1, "its application is free");
            let report = fixture.caches.close();
            assert_eq!((report.hits, report.disagreements), (2, 0));
            // Five keys of the first batch, four of the second, three of the third.
            assert_eq!(report.keys_peak, 5 + 4 + 3);
        }
    }
}

#[test]
fn a_cache_that_is_too_small_changes_queries_but_no_rows() {
    let plain_run = run_with(CacheConfig::Batch);
    for max_keys in [1, 2, 7] {
        for caching in kept(max_keys, 1.0) {
            let (rows, report) = run_with(caching);
            assert_eq!(rows, plain_run.0);
            assert_eq!(report.keys_peak, max_keys as u64);
            assert!(report.evictions > 0);
            assert_eq!((report.disagreements, report.checks), (0, report.hits));
        }
    }
    let (rows, report) = run_with(CacheConfig::Shared(limits(1_000, 1.0)));
    assert_eq!((rows, report.evictions), (plain_run.0, 0));
    assert_eq!(plain_run.1, CacheReport::default());
}

/// Writes ten batches of applications that share contacts, some of them rejected. Returns row
/// counts of the tables with shared keys, and the cache report.
fn run_with(caching: CacheConfig) -> ([u64; 3], CacheReport) {
    let mut fixture = Fixture::new(caching);
    for batch in 0..10 {
        let keys = batch * 5 + 1..=batch * 5 + 5;
        let of = |key: i32| if key % 7 == 0 { guilty(key, key % 9) } else { plain(key, key % 9) };
        fixture.write(keys.map(of).collect());
    }
    let tables = ["app_base", "app_contact_base", "app_contact_address"];
    (tables.map(|table| fixture.rows(table)), fixture.caches.close())
}

#[test]
fn a_spot_check_detects_a_deleted_key() {
    for caching in kept(100, 1.0) {
        let mut fixture = Fixture::new(caching);
        fixture.write(vec![plain(1, 11), plain(2, 12)]);
        // Deleting the contact deletes its address.
        fixture.delete("DELETE FROM app_contact_base WHERE con_id = 11");
        fixture.write(vec![plain(3, 11), plain(4, 12)]);
        assert_eq!(fixture.rows("app_contact_base"), 2);
        assert_eq!(fixture.metrics.retries.len(), 0);
        fixture.write(vec![plain(5, 11)]);
        let report = fixture.caches.close();
        assert_eq!((report.hits, report.checks, report.disagreements), (6, 6, 2));
    }
}

#[test]
fn only_the_requested_share_of_hits_is_checked() {
    for (rate, checks) in [(0.0, 0), (0.1, 2), (0.5, 10), (1.0, 20)] {
        for caching in kept(100, rate) {
            let mut fixture = Fixture::new(caching);
            fixture.write(vec![plain(1, 11)]);
            for key in 2..=11 {
                fixture.write(vec![plain(key, 11)]);
            }
            let report = fixture.caches.close();
            assert_eq!((report.hits, report.checks, report.disagreements), (20, checks, 0));
        }
    }
}

#[test]
fn a_rejected_row_makes_the_batch_query_the_store_again() {
    for caching in kept(100, 0.0) {
        let mut fixture = Fixture::new(caching);
        fixture.write(vec![plain(1, 11)]);
        fixture.delete("DELETE FROM app_contact_base WHERE con_id = 11");
        // The cache has the contact, so its row is left out, and the new address has no parent.
        let written = fixture.write(vec![entry(record(2, 2, &[(11, &[PREVIOUS])]))]);
        assert_eq!(written.books.committed, 1);
        assert_eq!(fixture.metrics.retries[&Retry::RefusedRecord], 1);
        assert_eq!((fixture.rows("app_contact_base"), fixture.rows("app_contact_address")), (1, 1));
        let report = fixture.caches.close();
        assert_eq!((report.hits, report.checks, report.disagreements), (2, 1, 1));
    }
}

#[test]
fn a_key_stored_concurrently_is_found_after_the_violation() {
    for caching in [CacheConfig::Off, CacheConfig::Batch].into_iter().chain(kept(100, 0.0)) {
        let mut fixture = Fixture::new(caching);
        fixture.write(vec![plain(1, 11)]);
        fixture.worker = DedupCache::new(caching).for_worker();
        // Look-ups of one attempt: applications, contacts, addresses.
        let early = Faults { early_look_ups: 3, ..Faults::default() };
        let written = fixture.try_write(vec![plain(2, 11)], early).unwrap();
        assert_eq!(written.books.committed, 1);
        assert_eq!(fixture.metrics.retries[&Retry::RefusedRecord], 1);
        assert_eq!((fixture.rows("app_base"), fixture.rows("app_contact_base")), (2, 1));
    }
}

#[test]
fn a_closed_cache_answers_nothing() {
    for caching in kept(100, 0.0) {
        let mut fixture = Fixture::new(caching);
        fixture.write(vec![plain(1, 11)]);
        let report = fixture.caches.close();
        assert_eq!((report.keys_peak, report.keys_left), (3, 0));
        fixture.queries();
        fixture.write(vec![plain(2, 11)]);
        assert_eq!(fixture.queries(), (0, 3));
    }
}

#[test]
fn a_shared_cache_answers_for_what_another_worker_stored() {
    let [worker, shared] = kept(100, 0.0);
    for (caching, statements) in [(worker, 3), (shared, 1)] {
        let mut fixture = Fixture::new(caching);
        fixture.write(vec![plain(1, 11)]);
        fixture.queries();
        fixture.worker = fixture.caches.for_worker();
        fixture.write(vec![plain(2, 11)]);
        assert_eq!(fixture.queries(), (0, statements));
    }
}
