//! What holds for any records: batches, whatever their size and method, store what one record after
//! the other would.
#![cfg(test)]

mod store_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use migrator::config::{InsertMethod, Synchronous};
use migrator::insert::{Batch, Entry, Mapped, Writer};
use migrator::log::open_session;
use migrator::metrics::Metrics;
use migrator::record::TypedRecord;
use migrator::report::Books;
use migrator::store::checksum::checksum;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Role, Store};
use proptest::prelude::*;
use store_support::{
    ADDRESS, BASE, CONTACT, CURRENT, HISTORY, PREVIOUS, PRICING, catalogue, int, record,
};

/// A record in short: few ids, so that keys meet.
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

/// What is in a store: statuses by key, applications, contacts with their owner, addresses.
#[derive(Debug, PartialEq, Eq, Default)]
struct Content {
    log: BTreeMap<i64, &'static str>,
    applications: BTreeSet<i64>,
    contacts: BTreeMap<i64, i64>,
    addresses: BTreeSet<(i64, i64)>,
}

/// What storing one record after the other leaves.
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

/// Stores the records in batches; gives the content, the books and the checksum.
fn store(drafts: &[Draft], size: usize, method: InsertMethod) -> (Content, Books, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let tables = Tables::new(&catalogue()).unwrap();
    let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
    store.create_missing().unwrap();
    let mut connection = store.connect(Role::Reader).unwrap();
    let session = open_session(&mut *connection, store.tables(), store_support::now()).unwrap();
    let order = [BASE, CONTACT, PRICING, ADDRESS, HISTORY];
    let writer = Writer::new(&store, session, method, &order, true).unwrap();
    let entries: Vec<_> = (1..)
        .zip(drafts)
        .map(|(key, draft)| Entry { key, retry: false, mapped: Mapped::Rows(typed(key, draft)) })
        .collect();
    let mut metrics = Metrics::new().unwrap();
    let mut books = Books::default();
    for (number, entries) in (0..).zip(entries.chunks(size)) {
        let batch = Batch { number, entries: entries.to_vec() };
        books.add(&writer.write(&batch, &mut metrics).unwrap().books);
    }
    let sum = checksum(&mut *connection, store.tables()).unwrap();
    (content(&path), books, sum)
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
    fn batches_store_what_one_record_after_the_other_would(
        drafts in drafts(),
        size in 1..30_usize,
        bulk in any::<bool>(),
    ) {
        let method = if bulk { InsertMethod::Bulk } else { InsertMethod::Values };
        let (content, books, sum) = store(&drafts, size, method);
        prop_assert_eq!(content, model(&drafts));
        prop_assert!(books.balance());
        prop_assert_eq!(books.read, drafts.len() as u64);
        let (_, _, one_by_one) = store(&drafts, 1, InsertMethod::Values);
        prop_assert_eq!(sum, one_by_one);
    }
}
