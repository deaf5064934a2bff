//! Invariants for any records: batches store the same as one record after the other, whatever their
//! size, insert method and cache.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use migrator::config::{CacheConfig, CacheLimits, InsertMethod, Rate, Synchronous};
use migrator::record::{MappingOutcome, TypedRecord};
use migrator::store::checksum::checksum;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store};
use migrator::telemetry::metrics::Metrics;
use migrator::telemetry::report::{Books, CacheReport};
use migrator::write::cache::DedupCache;
use migrator::write::insert::{Batch, BatchEntry, Writer};
use migrator::write::log::open_session;
use proptest::prelude::*;

use crate::support::store;
use crate::support::store::faulty::{Faults, FaultyStore};
use crate::support::store::{
    ADDRESS, BASE, CONTACT, CURRENT, HISTORY, PREVIOUS, PRICING, catalogue, int, record,
};

/// A record in short form. Few ids, so that keys collide.
#[derive(Debug, Clone)]
struct Draft {
    app_id: i32,
    contacts: Vec<(i32, Vec<i64>)>,
    guilty: bool,
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let types = prop::sample::subsequence(vec![CURRENT, PREVIOUS], 0..=2);
    let contacts = prop::collection::vec((1..6_i32, types), 0..3);
    let draft = (1..12_i32, contacts, prop::bool::weighted(0.15))
        .prop_map(|(app_id, contacts, guilty)| Draft { app_id, contacts, guilty });
    prop::collection::vec(draft, 1..24)
}

fn typed(key: i32, draft: &Draft) -> TypedRecord {
    let contacts: Vec<_> = draft.contacts.iter().map(|(id, types)| (*id, &types[..])).collect();
    let mut record = record(key, draft.app_id, &contacts);
    if draft.guilty {
        for rows in record.tables.iter_mut().filter(|rows| rows.table == PRICING) {
            rows.rows[0][0] = int(999_999);
        }
    }
    record
}

/// Content of a store: statuses by key, applications, contacts with their owner, addresses.
#[derive(Debug, PartialEq, Eq, Default)]
struct Content {
    log: BTreeMap<i64, &'static str>,
    applications: BTreeSet<i64>,
    contacts: BTreeMap<i64, i64>,
    addresses: BTreeSet<(i64, i64)>,
}

/// Expected content after storing one record after the other.
fn model(drafts: &[Draft]) -> Content {
    let mut content = Content::default();
    for (key, draft) in (1_i64..).zip(drafts) {
        let app_id = i64::from(draft.app_id);
        let status = if content.applications.contains(&app_id) {
            "duplicate"
        } else if draft.guilty {
            "failed"
        } else {
            "success"
        };
        content.log.insert(key, status);
        if status == "success" {
            content.applications.insert(app_id);
            for (con_id, types) in &draft.contacts {
                let con_id = i64::from(*con_id);
                content.contacts.entry(con_id).or_insert(app_id);
                content.addresses.extend(types.iter().map(|kind| (con_id, *kind)));
            }
        }
    }
    content
}

/// Parameters of a run.
#[derive(Debug, Clone, Copy)]
struct Parameters {
    size: usize,
    method: InsertMethod,
    caching: CacheConfig,
    /// The batch that finds the store busy when it commits.
    busy: u32,
}

/// One record after the other, with one query for each key.
const PLAIN: Parameters =
    Parameters { size: 1, method: InsertMethod::Values, caching: CacheConfig::Off, busy: u32::MAX };

fn parameters() -> impl Strategy<Value = Parameters> {
    let limits = || {
        let max_keys = prop::sample::select(vec![1_usize, 2, 7, 1_000]);
        let rates = prop::sample::select(vec![0.0, 0.3, 1.0]);
        (max_keys, rates).prop_map(|(max_keys, rate)| CacheLimits {
            max_keys: max_keys.try_into().unwrap(),
            spot_check: Rate::try_from(rate).unwrap(),
        })
    };
    let caching = prop_oneof![
        Just(CacheConfig::Off),
        Just(CacheConfig::Batch),
        limits().prop_map(CacheConfig::Worker),
        limits().prop_map(CacheConfig::Shared),
    ];
    let methods = prop::sample::select(vec![InsertMethod::Values, InsertMethod::Bulk]);
    (1..30_usize, methods, caching, 0..4_u32).prop_map(|(size, method, caching, busy)| Parameters {
        size,
        method,
        caching,
        busy,
    })
}

/// Content of the store and results of the batches.
struct Outcome {
    content: Content,
    books: Books,
    checksum: String,
    cache: CacheReport,
}

/// Stores the records in batches, which two workers take in turn.
fn store(drafts: &[Draft], parameters: Parameters) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let tables = Tables::new(&catalogue()).unwrap();
    let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
    store.create_missing().unwrap();
    let mut connection = store.connect(Role::Reader).unwrap();
    let session = open_session(&mut *connection, store.tables(), store::now()).unwrap();
    let order = [BASE, CONTACT, PRICING, ADDRESS, HISTORY];
    let busy =
        FaultyStore::new(&store, parameters.busy, Faults { busy_commits: 1, ..Faults::default() });
    let writer = Writer::new(&busy, session, parameters.method, &order, true).unwrap();
    let entries: Vec<_> = (1..)
        .zip(drafts)
        .map(|(key, draft)| BatchEntry {
            key,
            retry: false,
            mapped: MappingOutcome::Rows(typed(key, draft)),
        })
        .collect();
    let mut metrics = Metrics::new().unwrap();
    let mut books = Books::default();
    let cache = DedupCache::new(parameters.caching);
    let workers = [cache.for_worker(), cache.for_worker()];
    for (number, entries) in (0..).zip(entries.chunks(parameters.size)) {
        let batch = Batch { number: number as u64, entries: entries.to_vec() };
        let written =
            store::write_with(&store, &writer, &batch, &workers[number % 2], &mut metrics).unwrap();
        books.add(&written.books);
    }
    let checksum = checksum(&mut *connection, store.tables()).unwrap();
    Outcome { content: content(&path), books, checksum, cache: cache.close() }
}

fn content(path: &Path) -> Content {
    let file = rusqlite::Connection::open(path).unwrap();
    let pairs = |sql: &str| -> Vec<(i64, i64)> {
        let mut statement = file.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let statuses = ["success", "duplicate", "failed"];
    let log = "SELECT app_id, CASE WHEN status = 'success' THEN 0 \
               WHEN failure_reason LIKE 'duplicate%' THEN 1 ELSE 2 END FROM processing_log";
    Content {
        log: pairs(log)
            .into_iter()
            .map(|(key, status)| (key, statuses[usize::try_from(status).unwrap()]))
            .collect(),
        applications: pairs("SELECT app_id, 0 FROM app_base").into_iter().map(|p| p.0).collect(),
        contacts: pairs("SELECT con_id, app_id FROM app_contact_base").into_iter().collect(),
        addresses: pairs("SELECT con_id, address_type_enum FROM app_contact_address")
            .into_iter()
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn batches_store_the_same_as_one_record_after_the_other(drafts in drafts(), parameters in parameters()) {
        let outcome = store(&drafts, parameters);
        prop_assert_eq!(outcome.content, model(&drafts));
        prop_assert!(outcome.books.balance());
        prop_assert_eq!(outcome.books.read, drafts.len() as u64);
        prop_assert_eq!(outcome.checksum, store(&drafts, PLAIN).checksum);
    }

    #[test]
    fn a_cache_has_only_keys_of_the_store(drafts in drafts(), parameters in parameters()) {
        let cache = store(&drafts, parameters).cache;
        prop_assert_eq!(cache.disagreements, 0);
        prop_assert_eq!(cache.keys_left, 0);
        let (workers, limits) = match parameters.caching {
            CacheConfig::Off | CacheConfig::Batch => {
                prop_assert_eq!(cache, CacheReport::default());
                return Ok(());
            }
            CacheConfig::Worker(limits) => (2, limits),
            CacheConfig::Shared(limits) => (1, limits),
        };
        prop_assert!(cache.keys_peak <= workers * limits.max_keys.get() as u64);
        if limits.spot_check == Rate::try_from(1.0).unwrap() {
            prop_assert_eq!(cache.checks, cache.hits);
        }
    }
}
