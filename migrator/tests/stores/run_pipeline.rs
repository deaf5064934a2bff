//! Whole runs over a source and a store, with a mapping defined here: batches, books, resuming.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use migrator::config::{InsertMethod, Link, PoolConfig, PoolLimits, Synchronous};
use migrator::error::ErrorKind;
use migrator::record::{MappingOutcome, RawRecord, Reject, Stage};
use migrator::run::pipeline::{Job, RunEvent, run};
use migrator::run::worker_pool::Stages;
use migrator::store::Store;
use migrator::store::schema::Tables;
use migrator::store::simulated_network::SimulatedNetwork;
use migrator::store::sqlite::SqliteStore;
use migrator::telemetry::metrics::{Metrics, TimedStage};
use migrator::telemetry::report::{Books, Connections, RunReport};
use migrator::util::cancel::CancellationToken;
use migrator::util::clock::Clock;

use crate::support::store::faulty::{Commit, Faults, FaultyStore};
use crate::support::store::manual_clock::ManualClock;
use crate::support::store::runs::{Fixture, Numbers};
use crate::support::store::{CURRENT, catalogue, int, record};

/// Rejects every tenth record. Every other tenth record is rejected by the store, unless `healed`.
#[derive(Clone, Copy, Default)]
struct Invented {
    healed: bool,
}

impl Stages for Invented {
    type Parsed = RawRecord;

    fn parse(&mut self, raw: RawRecord, metrics: &mut Metrics) -> Result<RawRecord, Reject> {
        metrics.time(TimedStage::Parsing, std::time::Duration::from_nanos(1));
        Ok(raw)
    }

    fn map(&mut self, raw: RawRecord, metrics: &mut Metrics) -> MappingOutcome {
        metrics.time(TimedStage::Mapping, std::time::Duration::from_nanos(1));
        let key = raw.key;
        let mut record = record(key, key, &[(key, &[CURRENT])]);
        match key % 10 {
            0 => MappingOutcome::Rejected(Reject { stage: Stage::Mapping, reason: "tenth".into() }),
            5 if !self.healed => {
                record.tables[2].rows[0][0] = int(999_999);
                MappingOutcome::Rows(record)
            }
            _ => MappingOutcome::Rows(record),
        }
    }
}

trait InventedRuns {
    fn run(&self, last: i32) -> RunReport;
}

impl InventedRuns for Fixture {
    fn run(&self, last: i32) -> RunReport {
        self.try_run(&self.store, &Numbers { last, broken: None }, Invented::default()).unwrap()
    }
}

fn books(read: u64, committed: u64, rejected: u64, failed: u64, skipped: u64) -> Books {
    Books { read, committed, rejected, failed, skipped, ..Books::default() }
}

#[test]
fn every_setting_stores_the_same_and_balances() {
    let mut checksums = Vec::new();
    for workers in [1, 3] {
        for batch_size in [1, 7, 100] {
            for insert in [InsertMethod::Values, InsertMethod::Bulk] {
                let report = Fixture::new(workers, batch_size, insert).run(95);
                assert_eq!(report.books, books(95, 76, 9, 10, 0));
                checksums.push(report.checksum);
            }
        }
    }
    assert!(checksums.iter().all(|sum| *sum == checksums[0]), "{checksums:?}");
}

#[test]
fn a_report_has_the_counts_of_the_run() {
    let fixture = Fixture::new(2, 10, InsertMethod::Values);
    let report = fixture.run(95);
    assert_eq!(report.transactions, 10);
    assert_eq!(report.connections["writer"].opened, 10, "one for each batch");
    assert!(report.connections["writer"].peak <= 2);
    let one = Connections { opened: 1, peak: 1, ..Connections::default() };
    assert_eq!(report.connections["reader"], Connections { left_open: 1, ..one.clone() });
    assert_eq!(report.connections["untimed"], one, "the schema's");
    assert_eq!(report.retries, BTreeMap::from([("refused_record".to_owned(), 10)]));
    assert_eq!(report.rows["app_base"], 76);
    assert_eq!(report.rows["processing_log"], 95);
    assert_eq!(report.rows["app_enums"], 0);
    assert!(report.queries >= 3 * 86);
    assert!(report.insert_statements > 0 && report.peak_rss_bytes > 1 << 20);
    assert!(report.wall_s > 0.0 && report.rec_per_min > 0.0);
    for (stage, count) in [("source", 95), ("mapping", 95), ("record", 95), ("connect", 10)] {
        assert_eq!(report.stages[stage].count, count, "{stage}");
    }
    assert_eq!(report.stages["commit"].count, 10);
    assert_eq!(report.stages.len(), TimedStage::ALL.len());
    let json = serde_json::to_string(&report).unwrap();
    let back: RunReport = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (back.books, back.stages, back.checksum),
        (report.books, report.stages, report.checksum)
    );
}

fn shared(max: usize) -> PoolConfig {
    let max = max.try_into().unwrap();
    PoolConfig::Shared(PoolLimits { max, ..PoolLimits::default() })
}

#[test]
fn the_pool_mode_determines_the_number_of_connections_and_none_is_left_open() {
    const BATCHES: u64 = 20;
    let baseline = Fixture::new(1, 5, InsertMethod::Values).run(100);
    for (workers, pooling, opened_max) in [
        (4, PoolConfig::Off, BATCHES),
        (1, PoolConfig::Worker, 1),
        (4, PoolConfig::Worker, 4),
        (4, shared(1), 1),
        (4, shared(3), 3),
        (2, shared(9), 2),
        // Each setting switched off again is the baseline.
        (1, PoolConfig::Off, BATCHES),
    ] {
        let mut fixture = Fixture::new(workers, 5, InsertMethod::Values);
        fixture.config.settings.pool = pooling;
        let report = fixture.run(100);
        let writers = &report.connections["writer"];
        let name = format!("{workers} workers, {pooling:?}: {writers:?}");
        assert!((1..=opened_max).contains(&writers.opened), "{name}");
        assert_eq!(writers.opened + writers.reused, BATCHES, "{name}");
        assert_eq!(writers.opened == BATCHES, pooling == PoolConfig::Off, "{name}");
        assert!(writers.peak <= opened_max.min(workers as u64), "{name}");
        assert_eq!((writers.left_open, writers.discarded.len()), (0, 0), "{name}");
        assert_eq!(report.stages["connect"].count, BATCHES, "{name}");
        assert_eq!(report.checksum, baseline.checksum, "{name}");
        assert_eq!(report.books, baseline.books, "{name}");
        assert_eq!(report.settings.pool, pooling);
    }
}

#[test]
fn a_worker_without_a_batch_opens_no_connection() {
    for pooling in [PoolConfig::Worker, shared(8)] {
        let mut fixture = Fixture::new(8, 5, InsertMethod::Values);
        fixture.config.settings.pool = pooling;
        assert!(fixture.run(10).connections["writer"].opened <= 2, "{pooling:?}");
    }
}

#[test]
fn a_stopped_run_reports_the_first_cause_only() {
    let mut fixture = Fixture::new(4, 1, InsertMethod::Values);
    fixture.config.settings.pool = shared(1);
    let broken = Numbers { last: 50, broken: Some(33) };
    let error = fixture.try_run(&fixture.store, &broken, Invented::default()).unwrap_err();
    assert_eq!(error.to_string(), "record 33 cannot be read");
    assert_eq!(fixture.store.connections()["writer"].left_open, 0);
}

#[test]
fn a_simulated_network_is_reported_with_its_traffic() {
    let fixture = Fixture::new(2, 10, InsertMethod::Values);
    let clock = ManualClock::new();
    let link = Link { connect_ms: 150, round_trip_ms: 1 };
    let linked = SimulatedNetwork::new(&fixture.store, link, Arc::clone(&clock) as Arc<dyn Clock>);
    let numbers = Numbers { last: 50, broken: None };
    let report = fixture.try_run(&linked, &numbers, Invented::default()).unwrap();
    let over = report.simulated_link.unwrap();
    assert_eq!((over.connect_ms, over.round_trip_ms), (150, 1));
    assert_eq!(over.connects, 5 + 1, "five batches, one reader");
    assert_eq!(report.connections["writer"].opened, 5);
    let slept: u128 = clock.slept_ms().iter().sum();
    assert_eq!(slept, u128::from(150 * over.connects + over.wire_messages));
    let plain = Fixture::new(2, 10, InsertMethod::Values).run(50);
    assert_eq!(plain.simulated_link, None);
    assert_eq!((plain.checksum, plain.books), (report.checksum, report.books));
}

#[test]
fn a_second_run_stores_nothing_twice() {
    let fixture = Fixture::new(2, 10, InsertMethod::Values);
    let first = fixture.run(50);
    let second = fixture.run(50);
    assert_eq!(second.books, books(0, 0, 0, 0, 50));
    assert_eq!(second.checksum, first.checksum);
    let third = fixture.run(60);
    assert_eq!(third.books, books(10, 8, 1, 1, 50));
    let at_once = Fixture::new(1, 100, InsertMethod::Bulk).run(60);
    assert_eq!(third.checksum, at_once.checksum);
}

#[test]
fn the_record_limit_counts_records_that_are_read() {
    let mut fixture = Fixture::new(2, 10, InsertMethod::Values);
    fixture.config.limit = 25;
    assert_eq!(fixture.run(50).books, books(25, 20, 2, 3, 0));
    let second = fixture.run(50);
    assert_eq!((second.books.read, second.books.skipped), (25, 25));
    assert_eq!(fixture.run(50).books, books(0, 0, 0, 0, 50));
}

#[test]
fn failed_records_are_retried_only_on_request() {
    let mut fixture = Fixture::new(2, 10, InsertMethod::Values);
    fixture.run(50);
    fixture.config.retry_failed = true;
    let numbers = Numbers { last: 50, broken: None };
    let healed = fixture.try_run(&fixture.store, &numbers, Invented { healed: true }).unwrap();
    assert_eq!(healed.books, books(10, 5, 5, 0, 40));
    assert_eq!(healed.rows["app_base"], 5);
    fixture.config.retry_failed = false;
    assert_eq!(fixture.run(50).books.skipped, 50);
}

#[test]
fn a_run_without_records_succeeds() {
    let report = Fixture::new(2, 10, InsertMethod::Values).run(0);
    assert_eq!(report.books, Books::default());
    assert_eq!(report.transactions, 0);
    assert_eq!(report.stages["record"].count, 0);
}

#[test]
fn an_unreadable_record_stops_the_run_and_the_next_run_resumes_there() {
    let fixture = Fixture::new(2, 10, InsertMethod::Values);
    let broken = Numbers { last: 50, broken: Some(33) };
    let error = fixture.try_run(&fixture.store, &broken, Invented::default()).unwrap_err();
    assert_eq!(error.to_string(), "record 33 cannot be read");
    let rest = fixture.run(50);
    assert!(rest.books.skipped < 50);
    assert_eq!(rest.checksum, Fixture::new(1, 50, InsertMethod::Values).run(50).checksum);
}

#[test]
fn progress_counts_every_record_and_names_rejected_ones() {
    let fixture = Fixture::new(2, 10, InsertMethod::Values);
    let (read, refused) = (Mutex::new(0), Mutex::new(Vec::new()));
    let config = &fixture.config;
    let source = &Numbers { last: 50, broken: None };
    let job = Job { config, source, source_name: "", store: &fixture.store, order: &[] };
    run(&job, Invented::default, &CancellationToken::default(), &|event| match event {
        RunEvent::Batch { records, skipped } => *read.lock().unwrap() += records + skipped,
        RunEvent::Refused { key, message, .. } => {
            assert!(message.contains("FOREIGN KEY"));
            refused.lock().unwrap().push(*key);
        }
        RunEvent::LogWithoutKey => panic!("{event:?}"),
    })
    .unwrap();
    let mut refused = refused.into_inner().unwrap();
    refused.sort_unstable();
    assert_eq!(*read.lock().unwrap(), 50);
    assert_eq!(refused, [5, 15, 25, 35, 45]);
}

#[test]
fn records_lost_by_a_store_are_named() {
    let fixture = Fixture::new(1, 10, InsertMethod::Values);
    let forgotten = Faults { commit: Commit::Forgotten, ..Faults::default() };
    let liar = FaultyStore::new(&fixture.store, 3, forgotten);
    let numbers = Numbers { last: 35, broken: None };
    let error = fixture.try_run(&liar, &numbers, Invented { healed: true }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Imbalance);
    assert_eq!(error.exit_code(), 1);
    let message = error.to_string();
    assert!(message.contains("35 records read, 30 logged"), "{message}");
    assert!(message.ends_with("not in the log: 31, 32, 33, 34, 35"), "{message}");
}

#[test]
fn two_processes_on_one_range_share_it() {
    let fixture = Fixture::new(2, 5, InsertMethod::Values);
    fixture.store.create_missing().unwrap();
    // The other store locks the file as another process would.
    let tables = Tables::new(&catalogue()).unwrap();
    let path = fixture.folder.path().join("store.db");
    let other = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
    let numbers = Numbers { last: 100, broken: None };
    let stores: [&SqliteStore; 2] = [&fixture.store, &other];
    let reports: Vec<_> = std::thread::scope(|scope| {
        let run = |store| fixture.try_run(store, &numbers, Invented { healed: true }).unwrap();
        let handles = stores.map(|store| scope.spawn(move || run(store)));
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    let sum = |count: fn(&Books) -> u64| reports.iter().map(|r| count(&r.books)).sum::<u64>();
    assert_eq!(sum(|books| books.committed), 90);
    assert_eq!(sum(|books| books.rejected), 10);
    assert_eq!(sum(|books| books.lost_race + books.skipped), 100);
    let alone = Fixture::new(1, 100, InsertMethod::Values);
    let alone = alone.try_run(&alone.store, &numbers, Invented { healed: true }).unwrap();
    assert_eq!(fixture.run(100).checksum, alone.checksum);
}
