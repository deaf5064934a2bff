//! Audits of stores that runs over generated records have filled. The records share keys and break
//! every constraint that a store checks.

use std::path::PathBuf;

use migrator::config::{Config, InsertMethod, Settings, Synchronous};
use migrator::error::Result;
use migrator::record::{MappingOutcome, RawRecord, Reject, SqlValue, Stage, TypedRecord};
use migrator::run::pipeline::{Job, run};
use migrator::run::worker_pool::Stages;
use migrator::source::{Reader, Source};
use migrator::store::Store;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::telemetry::metrics::Metrics;
use migrator::util::cancel::CancellationToken;
use migrator::util::partition::Partition;
use migrator::verify::finding::Finding;
use migrator::verify::{Verification, VerifyReport};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::store;
use crate::support::store::{
    CONTACT, CURRENT, HISTORY, PREVIOUS, PRICING, catalogue, history_row, int, record,
};

/// Reason for which a record is rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Defect {
    None,
    /// A row refers to an application that does not exist.
    Reference,
    /// A row has the key of a row of the first application.
    KeyTaken,
    /// Two rows have the same key.
    KeyTwice,
    /// A column that must not be null is null.
    Null,
    /// Mapping rejects the record before it reaches the store.
    Rejected,
}

const GUILTS: [Defect; 6] = [
    Defect::None,
    Defect::Reference,
    Defect::KeyTaken,
    Defect::KeyTwice,
    Defect::Null,
    Defect::Rejected,
];

/// A record in short form. Few ids, so that keys collide.
#[derive(Debug, Clone)]
struct Draft {
    app_id: i32,
    contacts: Vec<(i32, Vec<i64>)>,
    defect: Defect,
}

fn plain(app_id: i32, con_id: i32) -> Draft {
    Draft { app_id, contacts: vec![(con_id, vec![CURRENT])], defect: Defect::None }
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let types = prop::sample::subsequence(vec![CURRENT, PREVIOUS], 0..=2);
    let contacts = prop::collection::vec((1..6_i32, types), 0..3);
    let defect = prop_oneof![4 => Just(Defect::None), 1 => prop::sample::select(&GUILTS[..])];
    let draft = (1..12_i32, contacts, defect).prop_map(|(app_id, contacts, defect)| Draft {
        app_id,
        contacts,
        defect,
    });
    prop::collection::vec(draft, 1..24)
}

fn typed(key: i32, draft: &Draft) -> TypedRecord {
    let contacts: Vec<_> = draft.contacts.iter().map(|(id, types)| (*id, &types[..])).collect();
    let mut record = record(key, draft.app_id, &contacts);
    for rows in &mut record.tables {
        match (draft.defect, rows.table) {
            (Defect::Reference, PRICING) => rows.rows[0][0] = int(999_999),
            (Defect::KeyTaken, HISTORY) => rows.rows[0][0] = int(1),
            (Defect::KeyTwice, HISTORY) => {
                rows.rows.push(history_row(draft.app_id, "[curr_address]"));
            }
            (Defect::Null, CONTACT) => rows.rows[0][4] = SqlValue::Null,
            _ => {}
        }
    }
    record
}

/// Drafts as a source whose keys are their positions from 1, and as the mapping of that source.
#[derive(Clone, Copy)]
struct Drafts<'d>(&'d [Draft]);

impl Source for Drafts<'_> {
    fn count(&self) -> u64 {
        self.0.len() as u64
    }
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(*self))
    }
}

impl Reader for Drafts<'_> {
    fn keys_after(&mut self, after: i32, most: usize) -> Result<Vec<i32>> {
        Ok((after + 1..=i32::try_from(self.0.len()).unwrap()).take(most).collect())
    }
    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        keys.iter().try_for_each(|&key| each(RawRecord { key, bytes: None }))
    }
}

impl Stages for Drafts<'_> {
    type Parsed = RawRecord;

    fn parse(&mut self, raw: RawRecord, _: &mut Metrics) -> std::result::Result<RawRecord, Reject> {
        Ok(raw)
    }

    fn map(&mut self, raw: RawRecord, _: &mut Metrics) -> MappingOutcome {
        let draft = &self.0[usize::try_from(raw.key).unwrap() - 1];
        if draft.defect == Defect::Rejected {
            return MappingOutcome::Rejected(Reject {
                stage: Stage::Mapping,
                reason: "made up".into(),
            });
        }
        MappingOutcome::Rows(typed(raw.key, draft))
    }
}

struct Fixture {
    folder: TempDir,
    store: SqliteStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&catalogue()).unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        Self { folder, store }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    fn run(&self, drafts: &[Draft], workers: usize, batch_size: usize, insert: InsertMethod) {
        let settings = Settings {
            workers: workers.try_into().unwrap(),
            batch_size: batch_size.try_into().unwrap(),
            insert,
            ..Settings::default()
        };
        let config = Config {
            settings,
            limit: u64::MAX,
            partition: Partition::ALL,
            retry_failed: false,
            now: store::now(),
        };
        let (source, store) = (&Drafts(drafts), &self.store);
        let order: Vec<_> = (1..store.tables().target_tables().len()).collect();
        let job = Job { config: &config, source, source_name: "drafts", store, order: &order };
        run(&job, || Drafts(drafts), &CancellationToken::default(), &|_| {}).unwrap();
    }

    fn audit(&self, drafts: &[Draft], strict: bool) -> VerifyReport {
        let (mut mapping, mut metrics) = (Drafts(drafts), Metrics::new().unwrap());
        let audit = Verification { source: &Drafts(drafts), store: &self.store, strict };
        let mut map = |raw, now| {
            assert_eq!(now, store::now());
            Ok(mapping.map(raw, &mut metrics))
        };
        audit.run(&mut map, &mut |_| {}).unwrap()
    }

    fn execute(&self, sql: &str) {
        let store = rusqlite::Connection::open(self.path()).unwrap();
        store.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(store.execute(sql, []).unwrap() > 0, "{sql}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_audit_passes_for_any_records_and_settings(
        drafts in drafts(),
        workers in 1..4_usize,
        batch_size in 1..30_usize,
        bulk in any::<bool>(),
    ) {
        let fixture = Fixture::new();
        let insert = if bulk { InsertMethod::Bulk } else { InsertMethod::Values };
        fixture.run(&drafts, workers, batch_size, insert);
        // Deduplication does not look at a row under another application's key. Which of two such
        // records the store rejects depends on the order.
        let ordered = workers == 1 || !drafts.iter().any(|d| d.defect == Defect::KeyTaken);
        let audit = fixture.audit(&drafts, ordered);
        prop_assert_eq!(audit.findings, []);
        prop_assert!(audit.passed);
        let records = audit.records;
        prop_assert_eq!(
            records.stored + records.duplicate + records.rejected + records.failed,
            drafts.len() as u64
        );
    }

    #[test]
    fn an_audit_of_other_records_fails(drafts in drafts(), at in any::<prop::sample::Index>()) {
        let fixture = Fixture::new();
        fixture.run(&drafts, 1, 5, InsertMethod::Values);
        let mut others = drafts.clone();
        let other = at.get_mut(&mut others);
        (other.app_id, other.defect) = (other.app_id + 100, Defect::None);
        prop_assert!(!fixture.audit(&others, false).passed);
    }
}

/// Three applications, the second of them with this error, and the store that they are in.
fn with_defect(defect: Defect) -> (Vec<Draft>, Fixture) {
    let mut drafts = vec![plain(1, 10), plain(2, 20), plain(3, 30)];
    drafts[1].defect = defect;
    let fixture = Fixture::new();
    fixture.run(&drafts, 1, 10, InsertMethod::Values);
    (drafts, fixture)
}

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_record_that_the_store_refused_has_no_rows() {
    for defect in [Defect::Reference, Defect::KeyTaken, Defect::KeyTwice, Defect::Null] {
        let (drafts, fixture) = with_defect(defect);
        let audit = fixture.audit(&drafts, true);
        assert_eq!((audit.records.failed, audit.findings), (1, vec![]), "{defect:?}");
        fixture.execute(
            "INSERT INTO app_base (app_id, product_line_enum, receive_date) VALUES (2, 600, '')",
        );
        let audit = fixture.audit(&drafts, true);
        let extra = ["app_base (app_id 2): no record accounts for this row"];
        assert_eq!(texts(&audit.findings), extra, "{defect:?}");
    }
}

#[test]
fn an_impossible_failure_reason_is_reported() {
    let told = |reason| {
        format!(
            "UPDATE processing_log SET failure_reason = '{reason}', status = \
                                 'failed' WHERE app_id = 2"
        )
    };
    for reason in [
        "store: app_pricing_cc.app_id: there is no app_base 999999",
        "store: app_contact_base.first_name: null is not allowed",
        "store: no_table: the store refuses the value",
    ] {
        let (drafts, fixture) = with_defect(Defect::None);
        fixture.execute(&told(reason));
        let audit = fixture.audit(&drafts, true);
        let logged = format!("failed: {reason}");
        let expected =
            format!("record 2, processing_log: logged as `{logged}`, should be `success`");
        assert_eq!(texts(&audit.findings), [expected]);
    }
}

#[test]
fn a_record_that_is_logged_twice_is_reported() {
    let (drafts, fixture) = with_defect(Defect::None);
    // A log that the user created may lack the key that prevents this.
    let store = rusqlite::Connection::open(fixture.path()).unwrap();
    store
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             CREATE TABLE own (log_id INTEGER PRIMARY KEY, app_id INTEGER, status TEXT,
                 failure_reason TEXT, processing_time TEXT, session_id TEXT,
                 app_id_start INTEGER, app_id_end INTEGER);
             INSERT INTO own SELECT * FROM processing_log;
             INSERT INTO own SELECT 9, app_id, status, failure_reason, processing_time, session_id,
                 app_id_start, app_id_end FROM processing_log WHERE app_id = 2;
             DROP TABLE processing_log;
             ALTER TABLE own RENAME TO processing_log;",
        )
        .unwrap();
    drop(store);
    let audit = fixture.audit(&drafts, true);
    assert_eq!(texts(&audit.findings), ["record 2, processing_log: logged more than once"]);
    assert_eq!(audit.records.unclear, 1);
}

#[test]
fn a_stored_record_with_a_repeated_key_is_reported() {
    let (mut drafts, fixture) = with_defect(Defect::None);
    drafts[1].defect = Defect::KeyTwice;
    let audit = fixture.audit(&drafts, true);
    let key = "(app_id 2, name [curr_address])";
    let expected = format!(
        "record 2, app_historical_lookup {key}: logged as stored, but the record has this key twice"
    );
    assert_eq!(texts(&audit.findings), [expected]);
}

#[test]
fn with_an_empty_source_every_stored_row_is_extra() {
    let (_, fixture) = with_defect(Defect::None);
    let audit = fixture.audit(&[], true);
    assert_eq!(audit.records.read, 0);
    assert_eq!(audit.finding_counts["processing_log"], 3);
    assert_eq!(audit.finding_counts["app_base"], 3);
    assert_eq!(audit.finding_counts["app_historical_lookup"], 6);
}
