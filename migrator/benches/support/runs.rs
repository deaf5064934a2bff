//! Whole runs into fresh stores, for benches that compare settings.

#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]

use std::sync::Arc;

use chrono::NaiveDateTime;
use migrator::config::{Config, Link, Settings, SettingsArgs, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::run::pipeline::{Job, RecordStages, run};
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::stage::coerce::Coercer;
use migrator::store::Store;
use migrator::store::schema::Tables;
use migrator::store::simulated_network::SimulatedNetwork;
use migrator::store::sqlite::SqliteStore;
use migrator::telemetry::report::RunReport;
use migrator::util::cancel::CancellationToken;
use migrator::util::clock::SystemClock;
use migrator::util::partition::Partition;

/// Runs into fresh stores, of the same generated records.
pub(crate) struct Bench {
    contract: Contract,
    catalogue: Catalogue,
    source: SyntheticSource,
    batch_size: usize,
    link: Link,
    now: NaiveDateTime,
}

impl Bench {
    /// A bench with this many staged records.
    pub(crate) fn new(records: u32, batch_size: usize, link: Link) -> Self {
        let spec = Spec {
            product: Product::Cc,
            profile: Profile::Staged,
            records,
            seed: 42,
            duplicates: 0.05,
            rejects: 0.01,
        };
        Self {
            contract: Contract::embedded().unwrap(),
            catalogue: Catalogue::embedded().unwrap(),
            source: SyntheticSource::new(spec).unwrap(),
            batch_size,
            link,
            now: NaiveDateTime::default(),
        }
    }

    /// Records per minute of one run into a fresh store.
    pub(crate) fn rate(&self, typed: &str) -> f64 {
        self.run(typed).rec_per_min
    }

    /// One run of a setting into a fresh store.
    pub(crate) fn run(&self, typed: &str) -> RunReport {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&self.catalogue).unwrap();
        let order: Vec<_> =
            self.contract.tables.iter().filter_map(|table| tables.find(&table.name)).collect();
        let path = folder.path().join("store.db");
        let sqlite = SqliteStore::new(&path, Synchronous::Full, tables).unwrap();
        let linked = SimulatedNetwork::new(&sqlite, self.link, Arc::new(SystemClock));
        let store: &dyn Store = if self.link.takes_time() { &linked } else { &sqlite };
        let config = Config {
            settings: self.settings(typed),
            limit: u64::MAX,
            partition: Partition::ALL,
            retry_failed: false,
            now: self.now,
        };
        let coercer = Coercer::new(&self.contract.tables, &self.catalogue, self.now).unwrap();
        let stages = || RecordStages::new(&self.contract, &coercer, self.now);
        let source = &self.source;
        let job = Job { config: &config, source, source_name: "generated", store, order: &order };
        run(&job, stages, &CancellationToken::default(), &|_| {}).unwrap()
    }

    fn settings(&self, typed: &str) -> Settings {
        let mut settings: SettingsArgs = toml::from_str(typed).unwrap();
        settings.batch_size.get_or_insert(self.batch_size.try_into().unwrap());
        settings.try_into().unwrap()
    }
}
