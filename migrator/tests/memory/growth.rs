//! Costs that must not grow with a migration: reading a page of the log, and the size of a cache.
//!
//! `SWEETSPOT_FULL=1` takes 10 million log rows instead of 200,000.
#![cfg(target_os = "linux")]

use std::fs;

use migrator::config::{CacheConfig, CacheLimits, Rate, Synchronous};
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store};
use migrator::write::cache::{CacheLookup, DedupCache, KeyBytes};
use migrator::write::log::{Log, LogStatus};

use super::allocations::{alone, counted};
use crate::support::counts;
use crate::support::store::catalogue;

/// Bytes that this thread has read from files so far, whether the system had them cached or not.
fn read_bytes() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    line.parse().unwrap()
}

/// Bytes read by a look-up of 1,000 records in a log of `rows` rows: at its beginning, in its
/// middle and behind its end.
fn page_costs(rows: i32) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let tables = Tables::new(&catalogue()).unwrap();
    let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
    store.create_missing().unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
             INSERT INTO processing_log (app_id, status, processing_time, session_id) \
             SELECT i, iif(i % 10, 'success', 'failed'), '2026-01-31 12:00:00.0000000', 's' FROM n",
            [rows],
        )
        .unwrap();
    let log = Log::new(store.tables()).unwrap();
    let cost = |first: i32| {
        let mut connection = store.connect(Role::Reader).unwrap();
        let before = read_bytes();
        let found = log.look_up(connection.as_mut(), first, first + 999).unwrap();
        let read = read_bytes() - before;
        assert_eq!(found.len(), if first > rows { 0 } else { 1_000 });
        assert!(first > rows || found[&(first / 10 * 10 + 10)] == LogStatus::Failed);
        read
    };
    [1, rows / 2, rows - 999, rows + 1].map(cost).into()
}

#[test]
fn the_cost_of_a_log_page_is_independent_of_the_log_size() {
    let _alone = alone();
    let rows = if counts::full() { 10_000_000 } else { 200_000 };
    let (short, long) = (page_costs(2_000), page_costs(rows));
    counts::print(&format!(
        "a page of 1,000 records in a log of 2,000 rows reads {short:?} bytes, of {rows} {long:?}"
    ));
    // A tree with a hundred times as many rows is one or two levels higher.
    let most = short.iter().max().unwrap();
    assert!(long.iter().all(|read| *read <= 2 * most + 65_536), "{short:?}, {long:?}");
    assert!(long[3] < 65_536, "behind the end: {long:?}");
}

#[test]
fn a_cache_keeps_its_limit_and_evicts_the_oldest_keys() {
    const KEYS: u32 = 1_000_000;
    const MAX: u32 = 100_000;
    let _alone = alone();
    let limits = CacheLimits {
        max_keys: (MAX as usize).try_into().unwrap(),
        spot_check: Rate::try_from(0.0).unwrap(),
    };
    let cache = DedupCache::new(CacheConfig::Shared(limits));
    let worker = cache.for_worker();
    let key = |number: u32| {
        let mut key = KeyBytes::from_slice(b"\x05i????i\x14");
        key[2..6].copy_from_slice(&number.to_le_bytes());
        key
    };
    let ((), held) = counted(|| worker.keep((0..KEYS).map(key)));
    // The last keys are known, all others were evicted.
    for number in [0, KEYS - MAX - 1, KEYS - MAX, KEYS - 1] {
        let known = worker.look_up([&key(number)].into_iter(), false)[0];
        let expected = if number >= KEYS - MAX { CacheLookup::Hit } else { CacheLookup::Miss };
        assert_eq!(known, expected, "{number}");
    }
    let report = cache.close();
    assert_eq!((report.keys_peak, report.evictions), (MAX.into(), u64::from(KEYS - MAX)));
    let said = usize::try_from(report.bytes_peak).unwrap();
    assert!(held.left <= said && said < 75 * MAX as usize, "{held:?}, {said} by its own account");
    counts::print(&format!("{KEYS} keys through a cache of {MAX}: {} bytes held", held.left));
}
