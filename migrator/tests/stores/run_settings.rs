//! No setting changes a stored row. Tests every pair of values of all seven settings over generated
//! records with shared keys and rejects, and audits each run.
//!
//! `SWEETSPOT_FULL=1 cargo test --release --package migrator --test stores run_settings` takes
//! 3,000 staged and 100 full records and repeats everything five times.

use std::path::Path;

use migrator::config::{Config, Settings, SettingsArgs, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::run::pipeline::{Job, RecordStages, run};
use migrator::run::worker_pool::Stages;
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::stage::coerce::Coercer;
use migrator::store::Store;
use migrator::store::mssql::setup::Recreate;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::telemetry::metrics::Metrics;
use migrator::telemetry::report::RunReport;
use migrator::util::cancel::CancellationToken;
use migrator::util::partition::Partition;
use migrator::verify::Verification;
use serde_json::{Map, Value, json};

use crate::support::backends;
use crate::support::pairwise::pairwise;

const LOAN_TABLES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/contracts/loans.tables.json");

/// Settings with the values to try. The first value is that of the baseline.
fn values() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("workers", vec![json!(2), json!(1), json!(5)]),
        ("batch_size", vec![json!(1000), json!(7), json!(60)]),
        ("pool", vec![json!("off"), json!("worker"), json!("shared")]),
        ("queue_depth", vec![json!(0), json!(1), json!(4)]),
        ("cache", vec![json!("off"), json!("batch"), json!("worker"), json!("shared")]),
        ("parse_threads", vec![json!(0), json!(1), json!(3)]),
        ("insert", vec![json!("values"), json!("bulk")]),
    ]
}

struct Fixture {
    contract: Contract,
    catalogue: Catalogue,
    source: SyntheticSource,
}

impl Fixture {
    fn new(product: Product, profile: Profile, records: u32) -> Self {
        let spec = Spec { product, profile, records, seed: 42, duplicates: 0.05, rejects: 0.02 };
        let (contract, catalogue) = match product {
            Product::Cc => (Contract::embedded(), Catalogue::embedded()),
            Product::Rl => (Contract::embedded_loans(), Catalogue::load(Path::new(LOAN_TABLES))),
        };
        Self {
            contract: contract.unwrap(),
            catalogue: catalogue.unwrap(),
            source: SyntheticSource::new(spec).unwrap(),
        }
    }

    /// Runs into a fresh embedded store.
    fn run(&self, settings: Settings) -> RunReport {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&self.catalogue).unwrap();
        let path = folder.path().join("store.db");
        self.run_into(&SqliteStore::new(&path, Synchronous::Off, tables).unwrap(), settings)
    }

    /// Runs into an empty store and audits it strictly: a shared key belongs to the lowest source
    /// key.
    fn run_into(&self, store: &dyn Store, settings: Settings) -> RunReport {
        let tables = store.tables();
        let order: Vec<_> =
            self.contract.tables.iter().filter_map(|table| tables.find(&table.name)).collect();
        let config = Config {
            settings,
            limit: u64::MAX,
            partition: Partition::ALL,
            retry_failed: false,
            now: "2026-01-31T12:00:00".parse().unwrap(),
        };
        let coercer = Coercer::new(&self.contract.tables, &self.catalogue, config.now).unwrap();
        let job = Job {
            config: &config,
            source: &self.source,
            source_name: "generated",
            store,
            order: &order,
        };
        let stages = || RecordStages::new(&self.contract, &coercer, config.now);
        let report = run(&job, stages, &CancellationToken::default(), &|_| {}).unwrap();
        let (mut stages, mut metrics) = (stages(), Metrics::new().unwrap());
        let audit = Verification { source: &self.source, store, strict: true };
        let mut map = |raw, now| {
            assert_eq!(now, config.now);
            Ok(match stages.parse(raw, &mut metrics) {
                Ok(parsed) => stages.map(parsed, &mut metrics),
                Err(reject) => migrator::record::MappingOutcome::Rejected(reject),
            })
        };
        let audited = audit.run(&mut map, &mut |_| {}).unwrap();
        assert!(audited.passed, "{:?}: {:?}", config.settings, audited.findings);
        report
    }

    fn every_pair_agrees(&self, at_most: usize) {
        self.every_pair_agrees_with(at_most, |settings| self.run(settings));
    }

    /// Compares the runs of every pair of values with a baseline run into an embedded store.
    fn every_pair_agrees_with(&self, at_most: usize, run: impl Fn(Settings) -> RunReport) {
        let values = values();
        let rows = pairwise(&values);
        assert!((12..60).contains(&rows.len()), "{} combinations", rows.len());
        let baseline = self.run(Settings::default());
        for row in rows.iter().take(at_most) {
            let typed: Map<String, Value> = values
                .iter()
                .zip(row)
                .map(|((name, values), place)| ((*name).to_owned(), values[*place].clone()))
                .collect();
            let typed: SettingsArgs = serde_json::from_value(Value::Object(typed)).unwrap();
            let settings: Settings = typed.try_into().unwrap();
            let report = run(settings.clone());
            assert_eq!(report.books, baseline.books, "{settings:?}");
            assert_eq!(report.rows, baseline.rows, "{settings:?}");
            assert_eq!(report.checksum, baseline.checksum, "{settings:?}");
        }
    }
}

fn full() -> bool {
    std::env::var_os("SWEETSPOT_FULL").is_some()
}

#[test]
fn every_two_values_of_two_settings_store_the_same_staged_records() {
    let (records, times) = if full() { (3000, 5) } else { (150, 1) };
    for _ in 0..times {
        Fixture::new(Product::Cc, Profile::Staged, records).every_pair_agrees(usize::MAX);
    }
}

#[test]
fn every_two_values_of_two_settings_store_the_same_full_records() {
    let (records, combinations, times) = if full() { (100, usize::MAX, 5) } else { (12, 4, 1) };
    for _ in 0..times {
        Fixture::new(Product::Cc, Profile::Full, records).every_pair_agrees(combinations);
    }
}

/// A run over TDS gives the same rows as a run into the embedded store. The tables are created
/// again before each run, as a sweep does.
#[test]
fn every_two_values_of_two_settings_store_the_same_over_tds() {
    for (engine, combinations) in
        [(tds_double::Engine::SqlServer, usize::MAX), (tds_double::Engine::Babelfish, 4)]
    {
        let records = if full() { 1000 } else { 30 };
        let combinations = if full() { usize::MAX } else { combinations };
        let fixture = Fixture::new(Product::Cc, Profile::Staged, records);
        let options = tds_double::Options { engine, ..tds_double::Options::default() };
        let double = tds_double::TdsDouble::start_with(options);
        let store = backends::store_on(&double, &fixture.catalogue);
        fixture.every_pair_agrees_with(combinations, |settings| {
            store.recreate(Recreate::OwnSchema).unwrap();
            fixture.run_into(&store, settings)
        });
        assert!(double.all_closed_within(std::time::Duration::from_secs(5)));
    }
}

#[test]
fn loans_and_full_records_are_stored_the_same_over_tds() {
    for (product, profile, records) in
        [(Product::Rl, Profile::Staged, 40), (Product::Cc, Profile::Full, 6)]
    {
        let fixture = Fixture::new(product, profile, records);
        let double = tds_double::TdsDouble::start();
        let store = backends::store_on(&double, &fixture.catalogue);
        let expected = fixture.run(Settings::default());
        for insert in ["values", "bulk"] {
            store.recreate(Recreate::OwnSchema).unwrap();
            let settings = serde_json::from_value(json!({ "insert": insert })).unwrap();
            let report = fixture.run_into(&store, settings);
            assert_eq!(report.books, expected.books);
            assert_eq!(report.checksum, expected.checksum, "{insert}");
        }
    }
}

#[test]
fn the_baseline_and_all_optimizations_store_the_same_loans() {
    let on = json!({
        "workers": 3, "batch_size": 40, "pool": "shared", "queue_depth": 2, "cache": "shared",
        "parse_threads": 2, "insert": "bulk",
    });
    let typed: SettingsArgs = serde_json::from_value(on).unwrap();
    let fixture = Fixture::new(Product::Rl, Profile::Staged, if full() { 3000 } else { 300 });
    let baseline = fixture.run(Settings::default());
    let all_on = fixture.run(typed.try_into().unwrap());
    assert_eq!(all_on.books, baseline.books);
    assert_eq!(all_on.rows, baseline.rows);
    assert_eq!(all_on.checksum, baseline.checksum);
    assert!(baseline.books.duplicate > 0 && baseline.books.rejected > 0, "{:?}", baseline.books);
    for table in ["app_collateral_rl", "app_warranties_rl", "app_policy_exceptions_rl"] {
        assert!(baseline.rows[table] > 100, "{table}: {}", baseline.rows[table]);
    }
}

#[test]
fn each_optimization_switched_on_and_off_again_is_the_baseline() {
    let fixture = Fixture::new(Product::Cc, Profile::Staged, 60);
    let baseline = fixture.run(Settings::default());
    let counters = |report: &RunReport| {
        let writer = report.connections["writer"].clone();
        (
            report.books,
            report.checksum.clone(),
            report.queries,
            report.set_queries,
            report.transactions,
            (writer.opened, writer.reused),
            report.queue,
            report.parsed_in_pool,
            report.cache,
        )
    };
    for (name, values) in values().into_iter().filter(|(name, _)| *name != "workers") {
        let typed = |value: &Value| -> Settings {
            serde_json::from_value(json!({ name: value.clone() })).unwrap()
        };
        for on in &values[1..] {
            assert_eq!(fixture.run(typed(on)).checksum, baseline.checksum, "{name} = {on}");
        }
        let off = fixture.run(typed(&values[0]));
        assert_eq!(counters(&off), counters(&baseline), "{name}");
    }
}
