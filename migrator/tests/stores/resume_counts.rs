//! A resumed migration skips the logged records. It counts rows where no record can be missing and
//! compares keys otherwise. It misses no record, whatever source and log contain.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use migrator::config::{Config, Settings, Synchronous};
use migrator::error::Result;
use migrator::record::RawRecord;
use migrator::run::batch_planner::BatchPlanner;
use migrator::source::{Reader, Source};
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store};
use migrator::util::partition::Partition;
use migrator::write::log::Log;
use proptest::prelude::*;

use crate::support::store::{catalogue, runs};

/// A source of these keys that counts the pages read from it.
#[derive(Default)]
struct Keys {
    keys: BTreeSet<i32>,
    pages: AtomicUsize,
}

impl Source for Keys {
    fn count(&self) -> u64 {
        self.keys.len() as u64
    }
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self))
    }
}

impl Reader for &Keys {
    fn keys_after(&mut self, after: i32, most: usize) -> Result<Vec<i32>> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        Ok(self.keys.range(after.saturating_add(1)..).take(most).copied().collect())
    }
    fn read(&mut self, _: &[i32], _: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        unreachable!("a planner reads no record")
    }
}

/// A store whose log has these keys, some of them as failed.
struct Logged {
    _folder: tempfile::TempDir,
    store: SqliteStore,
}

impl Logged {
    fn new(keys: impl IntoIterator<Item = i32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store =
            SqliteStore::new(&path, Synchronous::Off, Tables::new(&catalogue()).unwrap()).unwrap();
        store.create_missing().unwrap();
        let mut file = rusqlite::Connection::open(&path).unwrap();
        let log = file.transaction().unwrap();
        let insert = "INSERT INTO processing_log (app_id, status, processing_time) \
                      VALUES (?1, iif(?1 % 10, 'success', 'failed'), '2026-01-31 12:00:00.0000000')";
        for key in keys {
            log.prepare_cached(insert).unwrap().execute([key]).unwrap();
        }
        log.commit().unwrap();
        Self { _folder: folder, store }
    }

    /// The batches of a planner, and the number of records that it skips.
    fn handed_out(&self, source: &Keys, config: &Config, log_has_key: bool) -> (Vec<i32>, u64) {
        let connection = self.store.connect(Role::Reader).unwrap();
        let log = Log::new(self.store.tables()).unwrap();
        let reader = source.reader().unwrap();
        let mut planner =
            BatchPlanner::new(reader, &self.store, connection, log, log_has_key, config);
        let mut keys = Vec::new();
        while let Some(batch) = planner.next_key_batch().unwrap() {
            assert!(batch.keys.len() <= config.settings.batch_size.get());
            keys.extend(batch.keys);
        }
        (keys, planner.skipped())
    }
}

fn config(batch_size: usize, partition: Partition) -> Config {
    let batch_size = batch_size.try_into().unwrap();
    let settings = Settings { batch_size, ..Settings::default() };
    Config { partition, ..runs::config(settings) }
}

#[test]
fn a_log_without_gaps_is_counted_and_not_read() {
    let source = Keys { keys: (1..=20_050).collect(), ..Keys::default() };
    let logged = Logged::new(1..=20_000);
    let (keys, skipped) = logged.handed_out(&source, &config(10, Partition::ALL), true);
    assert_eq!((keys, skipped), ((20_001..=20_050).collect(), 20_000));
    // One page that is logged, five that are not, one that is empty.
    assert_eq!(source.pages.into_inner(), 7);
}

#[test]
fn a_log_with_the_right_count_but_other_keys_is_not_skipped() {
    for logged in [
        // As many rows as keys, but one of them lies behind a gap.
        (1..=199).chain([201]).collect::<BTreeSet<_>>(),
        // Rows below the first key of the source.
        (-50..=150).collect(),
        // Rows far above the last key.
        (1..=100).chain(1_000_000..1_000_100).collect(),
    ] {
        let source = Keys { keys: (1..=220).collect(), ..Keys::default() };
        let store = Logged::new(logged.iter().copied());
        let (keys, _) = store.handed_out(&source, &config(10, Partition::ALL), true);
        assert_eq!(keys, source.keys.difference(&logged).copied().collect::<Vec<_>>());
    }
}

#[test]
fn gaps_in_a_log_are_found_and_ranges_between_them_are_counted() {
    let source = Keys { keys: (1..=20_000).collect(), ..Keys::default() };
    let gaps = [1, 777, 7_000, 7_001, 12_345, 20_000];
    let logged = Logged::new((1..=20_000).filter(|key| !gaps.contains(key)));
    let (keys, skipped) = logged.handed_out(&source, &config(10, Partition::ALL), true);
    assert_eq!((keys, skipped), (gaps.into(), 20_000 - 6));
    let pages = source.pages.into_inner();
    assert!(pages < 60, "{pages} of 2,000");
}

#[test]
fn a_log_that_takes_a_record_twice_is_read_page_by_page() {
    let source = Keys { keys: (1..=2_000).collect(), ..Keys::default() };
    let logged = Logged::new(1..=2_000);
    let (keys, skipped) = logged.handed_out(&source, &config(10, Partition::ALL), false);
    assert_eq!((keys, skipped), (vec![], 2_000));
    assert_eq!(source.pages.into_inner(), 200 + 1);
}

#[test]
fn failed_records_are_searched_when_they_are_to_be_retried() {
    let source = Keys { keys: (1..=2_000).collect(), ..Keys::default() };
    let logged = Logged::new(1..=2_000);
    let again = Config { retry_failed: true, ..config(10, Partition::ALL) };
    let (keys, skipped) = logged.handed_out(&source, &again, true);
    assert_eq!((keys, skipped), ((1..=200).map(|tenth| 10 * tenth).collect(), 1_800));
}

/// Keys of a source or a log: runs with gaps between them.
fn runs_of_keys() -> impl Strategy<Value = BTreeSet<i32>> {
    prop::collection::vec((1..150_i32, 0..4_i32), 1..8).prop_map(|runs| {
        let (mut keys, mut next) = (BTreeSet::new(), 1);
        for (run, gap) in runs {
            keys.extend(next..next + run);
            next += run + gap;
        }
        keys
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_planner_returns_the_keys_of_the_source_that_are_not_logged(
        in_source in runs_of_keys(),
        in_log in runs_of_keys(),
        batch_size in 1..12_usize,
        shares in 1..4_u32,
    ) {
        let logged = Logged::new(in_log.iter().copied());
        let source = Keys { keys: in_source.clone(), ..Keys::default() };
        let (keys, _) = logged.handed_out(&source, &config(batch_size, Partition::ALL), true);
        let wanted: Vec<_> = in_source.difference(&in_log).copied().collect();
        prop_assert_eq!(&keys, &wanted);
        let mut of_shares = Vec::new();
        for index in 0..shares {
            let batch = Partition::new(index, shares).unwrap();
            let own = in_source.iter().copied().filter(|&key| batch.contains(key)).collect();
            let source = Keys { keys: own, ..Keys::default() };
            let (keys, skipped) = logged.handed_out(&source, &config(batch_size, batch), true);
            if in_log.is_subset(&in_source) {
                prop_assert_eq!(skipped + keys.len() as u64, source.count());
            }
            of_shares.extend(keys);
        }
        of_shares.sort_unstable();
        prop_assert_eq!(of_shares, wanted);
    }
}
