//! Wiring of a run: connects source, stages, writer and store, and builds the report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::config::Config;
use crate::contract::model::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{MappingOutcome, ParsedRecord, RawRecord, Reject};
use crate::run::batch_planner::BatchPlanner;
use crate::run::worker_pool::{RunTotals, Stages, WorkerPool};
use crate::source::Source;
use crate::stage::coerce::Coercer;
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;
use crate::stage::validate::validate;
use crate::store::checksum::checksum;
use crate::store::pool::Pool;
use crate::store::retry;
use crate::store::{Connection, Role, Store};
use crate::telemetry::metrics;
use crate::telemetry::metrics::{Metrics, TimedStage, Usage};
use crate::telemetry::report::{
    Books, Build, CacheReport, Connections, FORMAT_VERSION, Io, QueueReport, RunReport,
    ServerReport, StageTimes,
};
use crate::util::cancel::CancellationToken;
use crate::util::clock::SystemClock;
use crate::write::cache::DedupCache;
use crate::write::insert::{BatchResult, Writer};
use crate::write::log;
use crate::write::log::{Log, Session};

/// Maximum number of records that an imbalance error names.
const MISSING_NAMED_MAX: usize = 20;

/// Inputs of a run.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Settings and limits.
    pub config: &'a Config,
    /// Source of the records.
    pub source: &'a dyn Source,
    /// Name of the source in the report.
    pub source_name: &'a str,
    /// Target of the rows.
    pub store: &'a dyn Store,
    /// Store tables in the contract's order of insertion.
    pub order: &'a [usize],
}

/// Progress of a run.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// The store's log accepts a record twice. Two processes on the same range of keys are not
    /// safe.
    LogWithoutKey,
    /// A batch is committed.
    Batch {
        /// Records in the batch.
        records: u64,
        /// Records skipped before the batch because the log has them.
        skipped: u64,
    },
    /// The store rejected a record.
    Refused {
        /// Key of the record.
        key: i32,
        /// Reason in the log.
        reason: &'a str,
        /// Message of the store.
        message: &'a str,
    },
}

/// Receives events, from any thread.
pub type RunObserver<'a> = &'a (dyn Fn(&RunEvent<'_>) + Sync);

/// Migrates the records of the source that the log does not have. `stages` creates the stages of
/// one thread.
///
/// # Errors
///
/// The first error that stopped the run. `Interrupted` if the user cancelled it, and `Imbalance` if
/// the books of a finished run do not balance.
pub fn run<S: Stages>(
    job: &Job<'_>,
    stages: impl Fn() -> S + Sync,
    cancellation: &CancellationToken,
    observe: RunObserver<'_>,
) -> Result<RunReport> {
    let Job { config, source, store, order, .. } = *job;
    let setup = retry::at_start(|| store.prepare_schema())?;
    if !setup.log_has_key {
        observe(&RunEvent::LogWithoutKey);
    }
    // This connection stays open until the end. When the last connection to a WAL closes, SQLite
    // checkpoints the whole WAL. Without it that cost would fall on every batch.
    let (connection, session) = open_session(store, config.now)?;
    let (log, log_has_key) = (Log::new(store.tables())?, setup.log_has_key);
    let planner = BatchPlanner::new(source.reader()?, store, connection, log, log_has_key, config);
    let method = config.settings.insert;
    let writer = Writer::new(store, session, method, order, log_has_key)?;
    let pool = Pool::new(store, config.settings.pool, &SystemClock);
    let cache = DedupCache::new(config.settings.cache);
    let on_committed = |written: &BatchResult, skipped: u64| notify(observe, written, skipped);
    let workers =
        WorkerPool::new(&config.settings, source, planner, &writer, &pool, &cache, &on_committed);
    let before = Usage::now()?;
    let started = Instant::now();
    let worked = workers.work(&stages, cancellation, store.tables().target_tables().len());
    pool.close();
    let totals = worked?;
    let measured = Measurements {
        usage: Usage::now()?.since(&before),
        peak_rss_bytes: metrics::peak_rss_bytes()?,
        wall: totals.last_commit.unwrap_or_else(Instant::now).duration_since(started),
        connections: pool.connections(),
        server: store.server(),
        cache: cache.close(),
    };
    let mut planner = workers.into_planner();
    let (books, checksum) = retry::with_connection(store, Role::Untimed, &mut |reader| {
        let books = balance(job, &totals.books, &mut planner, writer.session(), reader)?;
        Ok((books, checksum(reader, store.tables())?))
    })?;
    report(job, &totals, measured, books, checksum)
}

/// Opens the run's session. Returns the connection used for it.
fn open_session(store: &dyn Store, now: NaiveDateTime) -> Result<(Box<dyn Connection>, Session)> {
    retry::at_start(|| {
        let mut connection = store.connect(Role::Reader)?;
        let session = log::open_session(connection.as_mut(), store.tables(), now)?;
        Ok((connection, session))
    })
}

/// Values measured around the work.
struct Measurements {
    usage: Usage,
    peak_rss_bytes: u64,
    wall: Duration,
    connections: BTreeMap<String, Connections>,
    server: Option<ServerReport>,
    cache: CacheReport,
}

fn report(
    job: &Job<'_>,
    totals: &RunTotals,
    measured: Measurements,
    books: Books,
    checksum: String,
) -> Result<RunReport> {
    let Measurements { usage, peak_rss_bytes, wall, connections, server, cache } = measured;
    let metrics = &totals.metrics;
    Ok(RunReport {
        format: FORMAT_VERSION,
        build: build(),
        settings: job.config.settings.clone(),
        source: job.source_name.to_owned(),
        store: job.store.info(),
        books,
        rec_per_min: per_minute(books.read, wall),
        wall_s: wall.as_secs_f64(),
        cpu_user_s: usage.user_s,
        cpu_system_s: usage.system_s,
        peak_rss_bytes,
        io: usage.storage_bytes.map(|(read_bytes, written_bytes)| Io { read_bytes, written_bytes }),
        stages: stage_times(metrics)?,
        connections,
        simulated_link: job.store.simulated_link(),
        queue: totals.queue.map(|counts| QueueReport {
            items_peak: counts.items_peak,
            bytes_peak: counts.bytes_peak,
            oversize: counts.oversize,
        }),
        claim_waits: totals.lock_waits,
        parsed_in_pool: totals.parsed_in_pool,
        parse_pool_threads: totals.parse_pool_threads,
        queries: metrics.queries,
        set_queries: metrics.set_queries,
        cache,
        insert_statements: metrics.insert_statements,
        transactions: metrics.transactions,
        retries: retries(metrics),
        commits_looked_up: metrics.commits_looked_up,
        server,
        rows: rows_by_table(job.store, &totals.rows),
        checksum,
    })
}

fn notify(observe: RunObserver<'_>, written: &BatchResult, skipped: u64) {
    for (key, reason, message) in &written.refused {
        observe(&RunEvent::Refused { key: *key, reason, message });
    }
    observe(&RunEvent::Batch { records: written.books.read, skipped });
}

/// Checks the run's books: their sum, and the number of records that the store's log has for this
/// session.
///
/// # Errors
///
/// `Imbalance`, with the first keys that the log lacks.
fn balance(
    job: &Job<'_>,
    books: &Books,
    planner: &mut BatchPlanner<'_>,
    session: &Session,
    reader: &mut dyn Connection,
) -> Result<Books> {
    let books = Books { skipped: planner.skipped(), ..*books };
    let logged = Log::new(job.store.tables())?.count(reader, session)?;
    if books.balance() && logged == books.read - books.lost_race {
        return Ok(books);
    }
    let missing: Vec<_> =
        planner.missing_keys(MISSING_NAMED_MAX)?.iter().map(ToString::to_string).collect();
    Err(Error::new(
        ErrorKind::Imbalance,
        format!(
            "the books do not balance: {} records read, {logged} logged, {} lost to another \
             process; not in the log: {}",
            books.read,
            books.lost_race,
            if missing.is_empty() { "none".to_owned() } else { missing.join(", ") }
        ),
    ))
}

fn build() -> Build {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let planted = if cfg!(feature = "planted-slowdown") { "+planted-slowdown" } else { "" };
    let version = format!("{}{planted}", env!("CARGO_PKG_VERSION"));
    Build { version, profile: profile.to_owned() }
}

fn per_minute(records: u64, wall: Duration) -> f64 {
    if wall.is_zero() { 0.0 } else { records as f64 * 60.0 / wall.as_secs_f64() }
}

fn stage_times(metrics: &Metrics) -> Result<BTreeMap<String, StageTimes>> {
    let times =
        |step: TimedStage| Ok((step.name().to_owned(), StageTimes::of(metrics.timing(step))?));
    TimedStage::ALL.into_iter().map(times).collect()
}

fn retries(metrics: &Metrics) -> BTreeMap<String, u64> {
    metrics.retries.iter().map(|(cause, count)| (cause.name().to_owned(), *count)).collect()
}

fn rows_by_table(store: &dyn Store, rows: &[u64]) -> BTreeMap<String, u64> {
    let tables = store.tables().target_tables().iter();
    tables.zip(rows).map(|(table, count)| (table.name.clone(), *count)).collect()
}

/// Stages of a record: validate and parse, then map and coerce.
pub struct RecordStages<'c> {
    parser: Parser<'c>,
    mapper: Mapper<'c>,
    coercer: &'c Coercer,
}

impl<'c> RecordStages<'c> {
    /// Stages for one thread. `now` is the run's single point in time.
    pub fn new(contract: &'c Contract, coercer: &'c Coercer, now: NaiveDateTime) -> Self {
        Self { parser: Parser::new(contract), mapper: Mapper::new(contract, now), coercer }
    }
}

impl Stages for RecordStages<'_> {
    type Parsed = ParsedRecord;

    fn parse(
        &mut self,
        record: RawRecord,
        metrics: &mut Metrics,
    ) -> std::result::Result<ParsedRecord, Reject> {
        let mut clock = StageClock { metrics };
        let valid = clock.time(TimedStage::Validation, || validate(record))?;
        clock.time(TimedStage::Parsing, || self.parser.parse(&valid))
    }

    fn map(&mut self, parsed: ParsedRecord, metrics: &mut Metrics) -> MappingOutcome {
        let mut clock = StageClock { metrics };
        let rows = clock.time(TimedStage::Mapping, || self.mapper.map(&parsed));
        self.parser.recycle(parsed);
        match rows {
            Err(reject) => MappingOutcome::Rejected(reject),
            Ok(rows) => match clock.time(TimedStage::Coerce, || self.coercer.coerce(&rows)) {
                Ok(record) => MappingOutcome::Rows(record),
                Err(refusal) => MappingOutcome::Refused(refusal),
            },
        }
    }
}

/// Times stages one after the other.
struct StageClock<'a> {
    metrics: &'a mut Metrics,
}

impl StageClock<'_> {
    fn time<T>(&mut self, step: TimedStage, stage: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let outcome = stage();
        self.metrics.time(step, started.elapsed());
        outcome
    }
}
