//! Deduplication decides the same, whichever way the store is queried.

use std::collections::BTreeSet;

use migrator::record::{SqlValue, TypedRecord};
use migrator::store::Key;
use migrator::store::canonical::plain;
use migrator::store::schema::Tables;
use migrator::write::dedup::{Dedup, DedupResult, RowKey};
use proptest::prelude::*;

use crate::support::store::{ADDRESS, CONTACT, CURRENT, PREVIOUS, catalogue, record, text};

/// A record in short form: the application id, and for each contact the number of its id and the
/// types of its addresses.
type Draft = (i32, Vec<(usize, Vec<i64>)>);

/// Contact ids. Some are equal for SQL Server, but different for a store that folds only `a` to
/// `z`.
const IDS: [&str; 6] = ["a", "A", "a ", "é", "É", "b"];

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let types = prop::sample::subsequence(vec![CURRENT, PREVIOUS], 0..=2);
    let contacts = prop::collection::vec((0..IDS.len(), types), 0..4);
    prop::collection::vec((1..8_i32, contacts), 1..16)
}

fn typed(key: i32, (app_id, contacts): &Draft) -> TypedRecord {
    let numbered: Vec<_> =
        contacts.iter().map(|(id, types)| (i32::try_from(*id).unwrap(), &types[..])).collect();
    let mut record = record(key, *app_id, &numbered);
    for rows in record.tables.iter_mut().filter(|r| r.table == CONTACT || r.table == ADDRESS) {
        for row in &mut rows.rows {
            let SqlValue::Int(id) = row[0] else { continue };
            row[0] = text(IDS[usize::try_from(id).unwrap()]);
        }
    }
    record
}

/// Keys in a store: the table, and the values in the form in which a store compares them.
type Stored = BTreeSet<(usize, Vec<String>)>;

fn stored_key(table: usize, values: &[&SqlValue]) -> (usize, Vec<String>) {
    (table, values.iter().map(|value| plain(value).to_ascii_lowercase()).collect())
}

/// Returns the decisions, and the keys that each query asked for.
fn decide(
    records: &[TypedRecord],
    stored: &Stored,
    at_once: bool,
) -> (DedupResult, Vec<(usize, usize)>) {
    let tables = Tables::new(&catalogue()).unwrap();
    let records: Vec<_> = records.iter().collect();
    let mut questions = Vec::new();
    let mut ask = |key: &Key, wanted: &[&RowKey<'_>]| {
        questions.push((key.table, wanted.len()));
        let has = |w: &&RowKey<'_>| stored.contains(&stored_key(key.table, &w.values));
        Ok(wanted.iter().map(has).collect())
    };
    let decided = Dedup::new(&tables).decide(&tables, &records, at_once, &mut ask).unwrap();
    (decided, questions)
}

/// Every `every`th key of these records.
fn keys(records: &[TypedRecord], every: usize) -> Stored {
    let of_table = |table: usize| if table == ADDRESS { 2 } else { 1 };
    let rows = records.iter().flat_map(|record| &record.tables);
    let keys = rows.flat_map(|rows| rows.rows.iter().map(move |row| (rows.table, row)));
    keys.map(|(table, row)| {
        stored_key(table, &row.iter().take(of_table(table)).collect::<Vec<_>>())
    })
    .step_by(every)
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn set_queries_and_single_queries_give_the_same_decisions(
        drafts in drafts(),
        before in drafts(),
        every in 1..9_usize,
    ) {
        let records: Vec<_> = (1..).zip(&drafts).map(|(key, draft)| typed(key, draft)).collect();
        let before: Vec<_> = before.iter().map(|draft| typed(0, draft)).collect();
        let stored = keys(&before, every);
        let (one_by_one, singles) = decide(&records, &stored, false);
        let (at_once, sets) = decide(&records, &stored, true);
        prop_assert_eq!(one_by_one, at_once);
        prop_assert!(singles.iter().all(|(_, keys)| *keys == 1));
        let tables: BTreeSet<_> = sets.iter().map(|(table, _)| table).collect();
        prop_assert_eq!(tables.len(), sets.len(), "one question for each table");
    }
}
