//! Invented records of production shape under every setting: the books balance, the rows are the
//! same.
#![cfg(test)]

use migrator::config::{Config, InsertMethod, Settings, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::pipeline::{Job, RecordMapping, run};
use migrator::report::RunReport;
use migrator::source::generated::{Generated, Profile, Spec};
use migrator::stage::coerce::Coercer;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;

const RECORDS: u32 = 60;

/// The contract that ships and records for it.
struct Fixture {
    contract: Contract,
    catalogue: Catalogue,
    source: Generated,
}

impl Fixture {
    fn new(duplicates: f64, rejects: f64) -> Self {
        let profile = Profile::Staged;
        let spec = Spec { profile, records: RECORDS, seed: 11, duplicates, rejects };
        Self {
            contract: Contract::embedded().unwrap(),
            catalogue: Catalogue::embedded().unwrap(),
            source: Generated::new(spec).unwrap(),
        }
    }

    fn run(&self, workers: usize, batch_size: usize, insert: InsertMethod) -> RunReport {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&self.catalogue).unwrap();
        let order: Vec<_> =
            self.contract.tables.iter().filter_map(|table| tables.find(&table.name)).collect();
        let path = folder.path().join("store.db");
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        let config = Config {
            settings: Settings {
                workers: workers.try_into().unwrap(),
                batch_size: batch_size.try_into().unwrap(),
                insert,
            },
            limit: u64::MAX,
            retry_failed: false,
            now: "2026-01-31T12:00:00".parse().unwrap(),
        };
        let coercer = Coercer::new(&self.contract.tables, &self.catalogue, config.now).unwrap();
        let job = Job {
            config: &config,
            source: &self.source,
            source_name: "generated",
            store: &store,
            order: &order,
        };
        run(&job, || RecordMapping::new(&self.contract, &coercer, config.now), &|_| {}).unwrap()
    }

    /// Runs under every combination of settings with so many workers, which must agree.
    fn agree(&self, workers: &[usize]) -> RunReport {
        let first = self.run(1, 1000, InsertMethod::Values);
        for &workers in workers {
            for batch_size in [7, 60] {
                for insert in [InsertMethod::Values, InsertMethod::Bulk] {
                    let other = self.run(workers, batch_size, insert);
                    let setting = format!("{workers} workers, batches of {batch_size}, {insert:?}");
                    assert_eq!(other.books, first.books, "{setting}");
                    assert_eq!(other.rows, first.rows, "{setting}");
                    assert_eq!(other.checksum, first.checksum, "{setting}");
                }
            }
        }
        first
    }
}

#[test]
fn no_setting_changes_the_rows_of_records_with_keys_of_their_own() {
    let report = Fixture::new(0.0, 0.1).agree(&[1, 3]);
    assert!(report.books.rejected > 0 && report.books.committed > 40, "{:?}", report.books);
    for stage in ["source", "validation", "record"] {
        assert_eq!(report.stages[stage].count, u64::from(RECORDS), "{stage}");
    }
    let mapped = u64::from(RECORDS) - report.books.rejected;
    assert_eq!(report.stages["coerce"].count, mapped);
    assert!(report.rows["app_historical_lookup"] > mapped);
}

#[test]
fn no_setting_changes_the_rows_of_duplicates_that_one_worker_writes() {
    let report = Fixture::new(0.4, 0.05).agree(&[1]);
    assert!(report.books.duplicate > 0, "{:?}", report.books);
}
