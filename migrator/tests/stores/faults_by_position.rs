//! Makes every call that a run makes to its store fail once, in every way. Every record must be
//! stored once or logged as failed, at the latest after the same command has run again.
//!
//! With the baseline settings every call fails; with other settings every third call and every
//! commit, or all with `SWEETSPOT_FULL=1`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use migrator::config::{
    CacheConfig, CacheLimits, InsertMethod, PoolConfig, PoolLimits, QueueConfig, QueueLimits,
    Settings,
};
use migrator::record::{MappingOutcome, RawRecord, Reject, Stage};
use migrator::run::worker_pool::Stages;
use migrator::store::Store;
use migrator::telemetry::metrics::Metrics;
use migrator::telemetry::report::RunReport;

use crate::support::counts;
use crate::support::counts::Harm;
use crate::support::store::positions::{Kind, Place, PositionStore};
use crate::support::store::runs::{Fixture, Numbers, Sharing, within_a_minute};

const RECORDS: i32 = 8;
/// Applications and contacts repeat, and mapping, coercion and the store each reject some records.
const STAGES: Sharing = Sharing { contacts: 3, bad_every: 3 };
const SOURCE: Numbers = Numbers { last: RECORDS, broken: None };

fn settings(workers: usize, batch_size: usize) -> Settings {
    let number = |number: usize| number.try_into().unwrap();
    Settings { workers: number(workers), batch_size: number(batch_size), ..Settings::default() }
}

/// The settings to try: the baseline, every setting on, and workers that race.
fn configurations() -> Vec<(&'static str, Settings)> {
    let shared = PoolLimits { max: 1.try_into().unwrap(), ..PoolLimits::default() };
    let limits =
        QueueLimits { depth: 2.try_into().unwrap(), bytes_max: (1 << 20).try_into().unwrap() };
    let all_on = Settings {
        pool: PoolConfig::Shared(shared),
        queue: QueueConfig::On(limits),
        parse_threads: 1,
        cache: CacheConfig::Shared(CacheLimits::default()),
        insert: InsertMethod::Bulk,
        ..settings(1, 3)
    };
    let racing = Settings {
        pool: PoolConfig::Worker,
        cache: CacheConfig::Worker(CacheLimits::default()),
        ..settings(3, 2)
    };
    vec![("baseline", settings(1, 3)), ("all on", all_on), ("racing", racing)]
}

/// Rejects every record.
#[derive(Clone, Copy)]
struct Rejecting;

impl Stages for Rejecting {
    type Parsed = RawRecord;

    fn parse(&mut self, raw: RawRecord, _: &mut Metrics) -> Result<RawRecord, Reject> {
        Ok(raw)
    }
    fn map(&mut self, _: RawRecord, _: &mut Metrics) -> MappingOutcome {
        MappingOutcome::Rejected(Reject { stage: Stage::Mapping, reason: "not yet".into() })
    }
}

/// A store in which the first records are logged as failed, so that a run that retries them has
/// rows to delete.
fn fixture(settings: &Settings) -> Fixture {
    let mut fixture = Fixture::with(settings.clone());
    fixture.config.limit = 3;
    fixture.try_run(&fixture.store, &SOURCE, Rejecting).unwrap();
    fixture.config.limit = u64::MAX;
    fixture.config.retry_failed = true;
    fixture
}

/// Asserts that the books balance.
fn assert_books(report: &RunReport, what: &str) {
    let books = report.books;
    assert!(books.balance(), "{what}: {books:?}");
    assert_eq!(books.read + books.skipped, u64::from(RECORDS.unsigned_abs()), "{what}");
    assert_eq!(books.lost_race, 0, "{what}");
}

/// Result of one fault at one position.
struct FaultResult {
    /// The name of the call, or `None` if the run made fewer calls.
    call: Option<&'static str>,
    /// True if a second run was needed.
    again: bool,
    harm: Harm,
}

/// Injects one kind of fault at one position.
fn inject(template: &Fixture, position: u64, kind: Kind, plain: &str) -> FaultResult {
    let (fixture, settings) = (template.copy(), &template.config.settings);
    let store = PositionStore::new(&fixture.store, [(Place::Of(position), kind)]);
    let what = format!("{kind:?} at call {position} with {settings:?}");
    let first = fixture.try_run(&store, &SOURCE, STAGES);
    let again = first.is_err();
    let report = first
        .or_else(|_| fixture.try_run(&fixture.store, &SOURCE, STAGES))
        .unwrap_or_else(|error| panic!("{what}: the second run fails too: {error}"));
    assert_books(&report, &what);
    let sequential = settings.workers.get() == 1;
    let audit = fixture.audit(&SOURCE, STAGES, sequential);
    assert!(audit.passed, "{what}: {:?}", audit.findings);
    if sequential {
        assert_eq!(report.checksum, plain, "{what}");
    }
    assert_eq!(fixture.store.connections()["writer"].left_open, 0, "{what}");
    FaultResult { call: store.calls().struck, again, harm: Harm::found_by(&audit) }
}

/// Injects every kind of fault at every position, or at every `step`th and at the commits.
fn inject_all(name: &str, settings: &Settings, step: usize) -> u64 {
    let template = Arc::new(fixture(settings));
    let counted = template.copy();
    let store = PositionStore::new(&counted.store, []);
    let plain = counted.try_run(&store, &SOURCE, STAGES).unwrap();
    assert_books(&plain, name);
    let calls = store.calls();
    let tried = |(position, call): &(usize, &&str)| position % step == 0 || **call == "commit";
    let positions: Vec<u64> =
        calls.names.iter().enumerate().filter(tried).map(|(position, _)| position as u64).collect();
    let next = AtomicUsize::new(0);
    let struck = Mutex::new(BTreeMap::<(Kind, &str), (u64, u64, Harm)>::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&position) = positions.get(next) else { break };
                    for kind in Kind::ALL {
                        let (template, plain) = (Arc::clone(&template), plain.checksum.clone());
                        let one =
                            within_a_minute(move || inject(&template, position, kind, &plain));
                        // If threads race, a run may make fewer calls than the counted run.
                        let Some(call) = one.call else { continue };
                        let mut struck = struck.lock().unwrap();
                        let (times, second, harm) = struck.entry((kind, call)).or_default();
                        *times += 1;
                        *second += u64::from(one.again);
                        *harm += one.harm;
                    }
                }
            });
        }
    });
    let struck = struck.into_inner().unwrap();
    for call in &calls.names {
        let is_struck = struck.keys().any(|(_, struck)| struck == call);
        assert!(step > 1 || is_struck, "{call} was never struck");
    }
    Kind::ALL.into_iter().map(|kind| print_results(name, kind, &struck)).sum()
}

/// Prints the results of one kind of fault and the number of positions.
fn print_results(name: &str, kind: Kind, struck: &BTreeMap<(Kind, &str), (u64, u64, Harm)>) -> u64 {
    let (mut positions, mut again, mut harm) = (0, 0, Harm::default());
    for (_, (times, second, its_harm)) in struck.iter().filter(|((other, _), _)| *other == kind) {
        positions += times;
        again += second;
        harm += *its_harm;
    }
    counts::print(&format!(
        "{name}, {kind:?}: {positions} calls struck, {again} of which took a second run: {harm}"
    ));
    assert_eq!(harm, Harm::default());
    assert!(again == 0 || kind != Kind::Slow, "waiting changes nothing");
    positions
}

#[test]
fn after_any_failed_call_every_record_is_stored_once_or_logged_as_failed() {
    let mut struck = 0;
    for (name, settings) in configurations() {
        let step = if counts::full() || name == "baseline" { 1 } else { 3 };
        struck += inject_all(name, &settings, step);
    }
    counts::print(&format!("{struck} faults in all, {} kinds at each call", Kind::ALL.len()));
}
