//! The wiring of a run: the only file that names every stage. Decides nothing that a stage, the
//! feed or the writer could decide, and prints nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::config::Config;
use crate::contract::model::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::feed::{Feed, Share};
use crate::insert::{Batch, Entry, Mapped, Writer, Written};
use crate::log::{self, Log};
use crate::metrics::{self, Metrics, Step, Usage};
use crate::record::{RawRecord, Reject, RowSet};
use crate::report::{Books, Build, FORMAT_VERSION, Io, RunReport, StageTimes};
use crate::source::{Reader, Source};
use crate::stage::coerce::Coercer;
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;
use crate::stage::validate::validate;
use crate::store::checksum::checksum;
use crate::store::{Connection, Role, Setup, Store};

/// How many records an imbalance names.
const MISSING_NAMED_MAX: usize = 20;

/// What a run works on.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Settings and limits.
    pub config: &'a Config,
    /// Where records come from.
    pub source: &'a dyn Source,
    /// The source's name for the report.
    pub source_name: &'a str,
    /// Where rows go.
    pub store: &'a dyn Store,
    /// The store's tables in the contract's order of insertion.
    pub order: &'a [usize],
}

/// The half of a worker that touches no store: from a record to typed rows.
pub trait Mapping {
    /// Maps one record, and times what it does.
    fn map(&mut self, record: RawRecord, metrics: &mut Metrics) -> Mapped;
}

/// What a run says while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// The store's log takes a record twice, so two processes on one range are not safe.
    LogWithoutKey,
    /// A batch is committed.
    Batch {
        /// Records in it.
        records: u64,
        /// Records that were passed over on the way to it because the log has them.
        skipped: u64,
    },
    /// The store refused a record.
    Refused {
        /// The record's key.
        key: i32,
        /// What the log says.
        reason: &'a str,
        /// What the store says.
        message: &'a str,
    },
}

/// Takes events from any thread.
pub type Observer<'a> = &'a (dyn Fn(&Event<'_>) + Sync);

/// Migrates what the source has and the log has not. `mapping` makes the mapping half of each
/// worker.
pub fn run<M: Mapping>(
    job: &Job<'_>,
    mapping: impl Fn() -> M + Sync,
    observe: Observer<'_>,
) -> Result<RunReport> {
    let setup = job.store.create_missing()?;
    if !setup.log_has_key {
        observe(&Event::LogWithoutKey);
    }
    let run = Run::begin(job, setup, observe)?;
    let before = Usage::now()?;
    let started = Instant::now();
    let tally = run.work(&mapping)?;
    let usage = Usage::now()?.since(&before);
    let peak_rss_bytes = metrics::peak_rss_bytes()?;
    let connections = job.store.connections();
    let wall = tally.last_commit.unwrap_or_else(Instant::now).duration_since(started);
    let mut reader = job.store.connect(Role::Reader)?;
    let books = run.balance(&tally.books, reader.as_mut())?;
    let checksum = checksum(reader.as_mut(), job.store.tables())?;
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
        stages: stages(&tally.metrics)?,
        connections,
        queries: tally.metrics.queries,
        insert_statements: tally.metrics.insert_statements,
        transactions: tally.metrics.transactions,
        retries: retries(&tally.metrics),
        rows: rows_by_table(job.store, &tally.rows),
        checksum,
    })
}

/// A run that has its session.
struct Run<'a> {
    job: &'a Job<'a>,
    feed: Mutex<Feed<'a>>,
    writer: Writer<'a>,
    observe: Observer<'a>,
    /// Set when a worker fails, so that the others stop after their batch.
    stop: AtomicBool,
}

/// What workers have done.
struct Tally {
    metrics: Metrics,
    books: Books,
    rows: Vec<u64>,
    last_commit: Option<Instant>,
}

impl<'a> Run<'a> {
    fn begin(job: &'a Job<'a>, setup: Setup, observe: Observer<'a>) -> Result<Self> {
        let Job { config, source, store, order, .. } = *job;
        // This connection stays open until the end: when the last connection to a WAL closes,
        // SQLite writes the whole of it back, which would fall to every batch otherwise.
        let mut connection = store.connect(Role::Reader)?;
        let session = log::open_session(connection.as_mut(), store.tables(), config.now)?;
        let log = Log::new(store.tables())?;
        let feed = Feed::new(source.reader()?, connection, log, config);
        let method = config.settings.insert;
        let writer = Writer::new(store, session, method, order, setup.log_has_key)?;
        Ok(Self { job, feed: Mutex::new(feed), writer, observe, stop: AtomicBool::new(false) })
    }

    /// Runs the workers to their end; the first error of any of them is the run's.
    fn work<M: Mapping>(&self, mapping: &(impl Fn() -> M + Sync)) -> Result<Tally> {
        let workers = self.job.config.settings.workers.get();
        let results: Vec<_> = thread::scope(|scope| {
            let handles: Vec<_> =
                (0..workers).map(|_| scope.spawn(|| self.worker(mapping()))).collect();
            handles.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        let mut total = Tally::new(self.job.store)?;
        for result in results {
            match result {
                Ok(tally) => total.merge(&tally?)?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(total)
    }

    fn worker<M: Mapping>(&self, mapping: M) -> Result<Tally> {
        let done = self.batches(mapping);
        if done.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        done
    }

    fn batches<M: Mapping>(&self, mut mapping: M) -> Result<Tally> {
        let mut tally = Tally::new(self.job.store)?;
        let mut reader = self.job.source.reader()?;
        while !self.stop.load(Ordering::Relaxed) {
            let share = self.feed.lock().unwrap_or_else(PoisonError::into_inner).next_share()?;
            let Some(share) = share else { break };
            let prepared = prepare(&share, reader.as_mut(), &mut mapping, &mut tally.metrics)?;
            if prepared.batch.entries.is_empty() {
                continue;
            }
            let written = self.writer.write(&prepared.batch, &mut tally.metrics)?;
            tally.add(&written, &prepared.read_at);
            self.tell(&written, share.skipped);
        }
        Ok(tally)
    }

    fn tell(&self, written: &Written, skipped: u64) {
        for (key, reason, message) in &written.refused {
            (self.observe)(&Event::Refused { key: *key, reason, message });
        }
        (self.observe)(&Event::Batch { records: written.books.read, skipped });
    }

    /// The run's books, once it is sure that they balance: by arithmetic, and because the store's
    /// log has as many records of this session as the run accounts for.
    fn balance(&self, books: &Books, reader: &mut dyn Connection) -> Result<Books> {
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        let books = Books { skipped: feed.skipped(), ..*books };
        let logged = Log::new(self.job.store.tables())?.count(reader, self.writer.session())?;
        if books.balance() && logged == books.read - books.lost_race {
            return Ok(books);
        }
        let missing: Vec<_> =
            feed.unlogged(MISSING_NAMED_MAX)?.iter().map(ToString::to_string).collect();
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
}

/// A batch that is ready for the store, and when each of its records was read.
struct Prepared {
    batch: Batch,
    read_at: Vec<Instant>,
}

/// Reads and maps a batch record by record, so that no more than one text is held at a time.
fn prepare(
    share: &Share,
    reader: &mut dyn Reader,
    mapping: &mut impl Mapping,
    metrics: &mut Metrics,
) -> Result<Prepared> {
    let mut entries = Vec::with_capacity(share.keys.len());
    let mut read_at = Vec::with_capacity(share.keys.len());
    let mut waiting_since = Instant::now();
    reader.read(&share.keys, &mut |record| {
        let now = Instant::now();
        metrics.time(Step::Source, now - waiting_since);
        read_at.push(now);
        let (key, retry) = (record.key, share.retried.contains(&record.key));
        entries.push(Entry { key, retry, mapped: mapping.map(record, metrics) });
        waiting_since = Instant::now();
        Ok(())
    })?;
    Ok(Prepared { batch: Batch { number: share.number, entries }, read_at })
}

impl Tally {
    fn new(store: &dyn Store) -> Result<Self> {
        Ok(Self {
            metrics: Metrics::new()?,
            books: Books::default(),
            rows: vec![0; store.tables().yielded().len()],
            last_commit: None,
        })
    }

    fn add(&mut self, written: &Written, read_at: &[Instant]) {
        let committed = Instant::now();
        for read in read_at {
            self.metrics.time(Step::Record, committed - *read);
        }
        self.books.add(&written.books);
        add_rows(&mut self.rows, &written.rows);
        self.last_commit = Some(committed);
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.metrics.merge(&other.metrics)?;
        self.books.add(&other.books);
        add_rows(&mut self.rows, &other.rows);
        self.last_commit = self.last_commit.max(other.last_commit);
        Ok(())
    }
}

fn add_rows(total: &mut [u64], more: &[u64]) {
    for (total, more) in total.iter_mut().zip(more) {
        *total += more;
    }
}

fn build() -> Build {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    Build { version: env!("CARGO_PKG_VERSION").to_owned(), profile: profile.to_owned() }
}

fn per_minute(records: u64, wall: Duration) -> f64 {
    if wall.is_zero() { 0.0 } else { records as f64 * 60.0 / wall.as_secs_f64() }
}

fn stages(metrics: &Metrics) -> Result<BTreeMap<String, StageTimes>> {
    let times = |step: Step| Ok((step.name().to_owned(), StageTimes::of(metrics.timing(step))?));
    Step::ALL.into_iter().map(times).collect()
}

fn retries(metrics: &Metrics) -> BTreeMap<String, u64> {
    metrics.retries.iter().map(|(cause, count)| (cause.name().to_owned(), *count)).collect()
}

fn rows_by_table(store: &dyn Store, rows: &[u64]) -> BTreeMap<String, u64> {
    let tables = store.tables().yielded().iter();
    tables.zip(rows).map(|(table, count)| (table.name.clone(), *count)).collect()
}

/// The mapping half as a run has it: validate, parse, map, coerce.
pub struct RecordMapping<'c> {
    parser: Parser<'c>,
    mapper: Mapper<'c>,
    coercer: &'c Coercer,
}

impl<'c> RecordMapping<'c> {
    /// The stages for one worker; `now` is the run's one point in time.
    pub fn new(contract: &'c Contract, coercer: &'c Coercer, now: NaiveDateTime) -> Self {
        Self { parser: Parser::new(contract), mapper: Mapper::new(contract, now), coercer }
    }

    fn rows(
        &mut self,
        record: RawRecord,
        clock: &mut StageClock<'_>,
    ) -> std::result::Result<RowSet, Reject> {
        let valid = clock.time(Step::Validation, || validate(record))?;
        let parsed = clock.time(Step::Parsing, || self.parser.parse(&valid))?;
        let rows = clock.time(Step::Mapping, || self.mapper.map(&parsed));
        self.parser.recycle(parsed);
        rows
    }
}

impl Mapping for RecordMapping<'_> {
    fn map(&mut self, record: RawRecord, metrics: &mut Metrics) -> Mapped {
        let mut clock = StageClock { metrics };
        match self.rows(record, &mut clock) {
            Err(reject) => Mapped::Rejected(reject),
            Ok(rows) => match clock.time(Step::Coerce, || self.coercer.coerce(&rows)) {
                Ok(record) => Mapped::Rows(record),
                Err(refusal) => Mapped::Refused(refusal),
            },
        }
    }
}

/// Times stages one after the other.
struct StageClock<'a> {
    metrics: &'a mut Metrics,
}

impl StageClock<'_> {
    fn time<T>(&mut self, step: Step, stage: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let outcome = stage();
        self.metrics.time(step, started.elapsed());
        outcome
    }
}
