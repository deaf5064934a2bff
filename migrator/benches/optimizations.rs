//! What each optimization costs and brings: every setting alone against the baseline, on the embedded
//! store as it is and over a simulated link. Settings take turns within a round, so that drift hits
//! all; printed are medians and the middle half of the rounds, of records per minute.
//!
//! These are medians of a bench, no verdicts: those need the harness. `-- --quick` for a short one.
#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::sync::Arc;

use chrono::NaiveDateTime;
use migrator::clock::SystemClock;
use migrator::config::{Config, Link, Partition, Settings, Synchronous, TypedSettings};
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::interrupt::Interrupt;
use migrator::pipeline::{Job, RecordStages, run};
use migrator::source::generated::{Generated, Product, Profile, Spec};
use migrator::stage::coerce::Coercer;
use migrator::store::Store;
use migrator::store::link::Linked;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;

/// Each setting alone, beside the baseline.
const SETTINGS: &[(&str, &str)] = &[
    ("baseline", ""),
    ("batch_size=200", "batch_size = 200"),
    ("batch_size=50", "batch_size = 50"),
    ("pool=worker", "pool = 'worker'"),
    ("pool=shared", "pool = 'shared'"),
    ("queue_depth=2", "queue_depth = 2"),
    ("cache=batch", "cache = 'batch'"),
    ("cache=shared", "cache = 'shared'"),
    ("parse_threads=1", "parse_threads = 1"),
    ("parse_threads=2", "parse_threads = 2"),
    ("insert=bulk", "insert = 'bulk'"),
];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (records, rounds) = if quick { (400, 3) } else { (4000, 9) };
    report("embedded store", Link::default(), records, 1000, rounds);
    // Over a link batches are smaller, so that every worker has several.
    let link = Link { connect_ms: 150, round_trip_ms: 1 };
    report("simulated link, 150 ms a connect, 1 ms a message", link, records / 10, 100, rounds);
}

fn report(title: &str, link: Link, records: u32, batch_size: usize, rounds: usize) {
    let bench = Bench::new(records, batch_size, link);
    let mut rates = vec![Vec::new(); SETTINGS.len()];
    // The first round warms up and does not count.
    for round in 0..=rounds {
        for (rates, (_, typed)) in rates.iter_mut().zip(SETTINGS) {
            let rate = bench.rate(typed);
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    println!("{title}: {records} staged records, batches of {batch_size}, {rounds} rounds");
    let baseline = quartiles(&mut rates[0].clone());
    for (rates, (name, _)) in rates.iter_mut().zip(SETTINGS) {
        let [low, median, high] = quartiles(rates);
        let against = 100.0 * (median / baseline[1] - 1.0);
        println!("{name:>18} {median:9.0} rec/min ({low:.0} to {high:.0}) {against:+6.1} %");
    }
}

struct Bench {
    contract: Contract,
    catalogue: Catalogue,
    source: Generated,
    batch_size: usize,
    link: Link,
    now: NaiveDateTime,
}

impl Bench {
    fn new(records: u32, batch_size: usize, link: Link) -> Self {
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
            source: Generated::new(spec).unwrap(),
            batch_size,
            link,
            now: NaiveDateTime::default(),
        }
    }

    /// Records per minute of one run into a fresh store.
    fn rate(&self, typed: &str) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&self.catalogue).unwrap();
        let order: Vec<_> =
            self.contract.tables.iter().filter_map(|table| tables.find(&table.name)).collect();
        let path = folder.path().join("store.db");
        let sqlite = SqliteStore::new(&path, Synchronous::Full, tables).unwrap();
        let linked = Linked::new(&sqlite, self.link, Arc::new(SystemClock));
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
        run(&job, stages, &Interrupt::default(), &|_| {}).unwrap().rec_per_min
    }

    fn settings(&self, typed: &str) -> Settings {
        let mut settings: TypedSettings = toml::from_str(typed).unwrap();
        settings.batch_size.get_or_insert(self.batch_size.try_into().unwrap());
        settings.try_into().unwrap()
    }
}

/// Lower quartile, median, upper quartile.
fn quartiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() - 1) * share / 4];
    [at(1), at(2), at(3)]
}
