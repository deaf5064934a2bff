//! Threads of a run: workers with a mapping half and an inserting half, and the parse pool in front
//! of them.
//!
//! The threads cannot deadlock. Batches register their keys in number order. A worker maps its next
//! batch only after it has queued the last one. The parse pool's output is taken in number order. A
//! batch waits for the keys of earlier batches before it takes a connection. So the unfinished
//! batch with the lowest number never waits for another batch.

use std::num::NonZeroUsize;
use std::sync::PoisonError;
use std::time::Instant;

use crate::config::{QueueConfig, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{MappingOutcome, RawRecord, Reject};
use crate::run::batch_planner::{BatchPlanner, KeyBatch};
use crate::run::queue::{Queue, QueueCounts};
use crate::run::reorder_buffer::ReorderBuffer;
use crate::source::{Reader, Source};
use crate::store::pool::{Pool, WorkerHandle};
use crate::telemetry::metrics::{Metrics, TimedStage};
use crate::telemetry::report::Books;
use crate::util::cancel::CancellationToken;
use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::sync::{Mutex, thread};
use crate::write::cache::{DedupCache, WorkerCache};
use crate::write::insert::{Batch, BatchEntry, BatchResult, Writer};
use crate::write::key_locks::{KeyLocks, LockRequest};

/// Stages that do not use a store, split into the two parts that a parse pool runs on different
/// threads. Each thread has its own.
pub trait Stages {
    /// Result of the first part.
    type Parsed: Send;

    /// Validates and parses a record's text, and times both.
    ///
    /// # Errors
    ///
    /// The reject of the record.
    fn parse(
        &mut self,
        record: RawRecord,
        metrics: &mut Metrics,
    ) -> std::result::Result<Self::Parsed, Reject>;

    /// Maps and coerces a parsed record, and times both.
    fn map(&mut self, parsed: Self::Parsed, metrics: &mut Metrics) -> MappingOutcome;
}

/// Callback for a committed batch. Its second argument is the number of records skipped before the
/// batch.
pub type OnCommitted<'a> = &'a (dyn Fn(&BatchResult, u64) + Sync);

/// Threads of a run and their shared state.
pub struct WorkerPool<'a, P> {
    settings: &'a Settings,
    source: &'a dyn Source,
    planner: Mutex<BatchPlanner<'a>>,
    writer: &'a Writer<'a>,
    pool: &'a Pool<'a>,
    cache: &'a DedupCache,
    on_committed: OnCommitted<'a>,
    key_locks: KeyLocks,
    parsed_batches: Option<ReorderBuffer<ParsedBatch<P>>>,
    queues: Vec<Queue<PreparedBatch>>,
    stopped: AtomicBool,
}

/// Sums over all threads of a run.
pub struct RunTotals {
    /// Counters and times.
    pub metrics: Metrics,
    /// Number of records by outcome, without `skipped`.
    pub books: Books,
    /// Stored rows by table.
    pub rows: Vec<u64>,
    /// Time of the last commit.
    pub last_commit: Option<Instant>,
    /// Records parsed by the parse pool.
    pub parsed_in_pool: u64,
    /// Threads of the parse pool that parsed at least one record.
    pub parse_pool_threads: u64,
    /// Peaks of the queues; `None` without queues.
    pub queue: Option<QueueCounts>,
    /// Batches that waited for the keys of an earlier batch.
    pub lock_waits: u64,
}

/// Connections and cache of one inserting half.
struct WriterContext<'p> {
    connections: WorkerHandle<'p>,
    cache: WorkerCache,
}

/// A batch with parsed records.
struct ParsedBatch<P> {
    key_batch: KeyBatch,
    records: Vec<(i32, std::result::Result<P, Reject>)>,
    read_at: Vec<Instant>,
}

/// A batch ready for the store, with the time at which each record was read.
struct PreparedBatch {
    batch: Batch,
    read_at: Vec<Instant>,
    skipped: u64,
    request: LockRequest,
}

impl<'a, P: Send> WorkerPool<'a, P> {
    /// The threads for these settings. None runs before [`WorkerPool::work`].
    pub fn new(
        settings: &'a Settings,
        source: &'a dyn Source,
        planner: BatchPlanner<'a>,
        writer: &'a Writer<'a>,
        pool: &'a Pool<'a>,
        cache: &'a DedupCache,
        on_committed: OnCommitted<'a>,
    ) -> Self {
        let queues = match settings.queue {
            QueueConfig::Off => Vec::new(),
            QueueConfig::On(limits) => (0..settings.workers.get())
                .map(|_| Queue::new(limits.depth, limits.bytes_max.get()))
                .collect(),
        };
        Self {
            settings,
            source,
            planner: Mutex::new(planner),
            writer,
            pool,
            cache,
            on_committed,
            key_locks: KeyLocks::default(),
            parsed_batches: NonZeroUsize::new(settings.parse_threads).map(ReorderBuffer::new),
            queues,
            stopped: AtomicBool::new(false),
        }
    }

    /// Returns the planner, after the work.
    pub fn into_planner(self) -> BatchPlanner<'a> {
        self.planner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs all threads to their end.
    ///
    /// # Errors
    ///
    /// The first error of a thread that is not a consequence of another one. `Interrupted` if no
    /// thread failed and the user cancelled the run.
    pub fn work<S: Stages<Parsed = P>>(
        &self,
        stages: &(impl Fn() -> S + Sync),
        cancellation: &CancellationToken,
        tables: usize,
    ) -> Result<RunTotals> {
        let outer = (cancellation, tables);
        let results = thread::scope(|scope| {
            let _watch = CompleteGuard(cancellation);
            scope.spawn(|| {
                if cancellation.wait() {
                    self.stop();
                }
            });
            let mut threads = Vec::new();
            for _ in 0..self.settings.parse_threads {
                threads.push(scope.spawn(|| self.guarded(outer, |t| self.parse_loop(stages(), t))));
            }
            for worker in 0..self.settings.workers.get() {
                if let Some(queue) = self.queues.get(worker) {
                    threads.push(scope.spawn(|| {
                        self.guarded(outer, |totals| self.map_loop(queue, stages(), totals))
                    }));
                    threads
                        .push(scope.spawn(|| {
                            self.guarded(outer, |totals| self.write_loop(queue, totals))
                        }));
                } else {
                    threads.push(scope.spawn(|| {
                        self.guarded(outer, |totals| self.map_and_write_loop(stages(), totals))
                    }));
                }
            }
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        let mut total = RunTotals::new(tables)?;
        let mut stopped = None;
        for result in results {
            match result {
                Ok(Err(error)) if error.kind() == ErrorKind::Stopped => stopped = Some(error),
                Ok(totals) => total.merge(&totals?)?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        if cancellation.is_cancelled_by_user() {
            return Err(Error::new(
                ErrorKind::Interrupted,
                "interrupted; committed batches are kept. Run the same command again to resume",
            ));
        }
        stopped.map_or(Ok(()), Err)?;
        total.queue = self.queues.iter().map(Queue::counts).reduce(merged);
        total.lock_waits = self.key_locks.waits();
        Ok(total)
    }

    /// Ends all waits. A thread that writes a batch finishes it first.
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.key_locks.stop();
        self.queues.iter().for_each(Queue::stop);
        if let Some(parsed_batches) = &self.parsed_batches {
            parsed_batches.stop();
        }
    }

    /// Runs one thread's part. If it fails or panics, all others stop.
    fn guarded(
        &self,
        (cancellation, tables): (&CancellationToken, usize),
        part: impl FnOnce(&mut RunTotals) -> Result<()>,
    ) -> Result<RunTotals> {
        let mut guard = StopGuard { workers: self, cancellation, done: false };
        let mut totals = RunTotals::new(tables)?;
        part(&mut totals)?;
        guard.done = true;
        Ok(totals)
    }

    fn check_stopped(&self) -> Result<()> {
        if self.stopped.load(Ordering::SeqCst) { Err(stopped()) } else { Ok(()) }
    }

    fn next_key_batch(&self) -> Result<Option<KeyBatch>> {
        self.check_stopped()?;
        self.planner.lock().unwrap_or_else(PoisonError::into_inner).next_key_batch()
    }

    /// A thread of the parse pool.
    fn parse_loop<S: Stages<Parsed = P>>(
        &self,
        mut stages: S,
        totals: &mut RunTotals,
    ) -> Result<()> {
        let Some(parsed_batches) = &self.parsed_batches else { return Ok(()) };
        let mut reader = self.source.reader()?;
        while parsed_batches.reserve() {
            let Some(key_batch) = self.next_key_batch()? else {
                let total = self.planner.lock().unwrap_or_else(PoisonError::into_inner).planned();
                parsed_batches.finish(total);
                break;
            };
            let number = key_batch.number;
            let mut records = Vec::with_capacity(key_batch.keys.len());
            let read_at =
                read(&key_batch, reader.as_mut(), &mut totals.metrics, |record, metrics| {
                    records.push((record.key, stages.parse(record, metrics)));
                })?;
            totals.parsed_in_pool += records.len() as u64;
            parsed_batches.push(number, ParsedBatch { key_batch, records, read_at });
        }
        totals.parse_pool_threads = u64::from(totals.parsed_in_pool > 0);
        Ok(())
    }

    /// A worker without a queue: maps a batch, then inserts it.
    fn map_and_write_loop<S: Stages<Parsed = P>>(
        &self,
        stages: S,
        totals: &mut RunTotals,
    ) -> Result<()> {
        let mut mapper = self.mapper(stages)?;
        let mut context = self.context();
        while let Some(prepared) = mapper.next(&mut totals.metrics)? {
            self.write(prepared, &mut context, totals)?;
        }
        Ok(())
    }

    /// Mapping half of a worker.
    fn map_loop<S: Stages<Parsed = P>>(
        &self,
        queue: &Queue<PreparedBatch>,
        stages: S,
        totals: &mut RunTotals,
    ) -> Result<()> {
        let mut mapper = self.mapper(stages)?;
        while let Some(prepared) = mapper.next(&mut totals.metrics)? {
            let bytes = prepared.batch.bytes();
            let started = Instant::now();
            // A batch that the queue returns is not stored and not logged. The next run maps it
            // again.
            queue.push(prepared, bytes).map_err(|_| stopped())?;
            totals.metrics.time(TimedStage::QueuePush, started.elapsed());
        }
        queue.finish();
        Ok(())
    }

    /// Inserting half of a worker.
    fn write_loop(&self, queue: &Queue<PreparedBatch>, totals: &mut RunTotals) -> Result<()> {
        let mut context = self.context();
        loop {
            let started = Instant::now();
            let Some(prepared) = queue.pop() else { break };
            totals.metrics.time(TimedStage::QueuePop, started.elapsed());
            self.write(prepared, &mut context, totals)?;
        }
        self.check_stopped()
    }

    fn write(
        &self,
        prepared: PreparedBatch,
        context: &mut WriterContext<'_>,
        totals: &mut RunTotals,
    ) -> Result<()> {
        let started = Instant::now();
        self.key_locks.wait(&prepared.request).map_err(|_| stopped())?;
        totals.metrics.time(TimedStage::LockWait, started.elapsed());
        if !prepared.batch.entries.is_empty() {
            let WriterContext { connections, cache } = context;
            let metrics = &mut totals.metrics;
            let written = self.writer.write(&prepared.batch, connections, cache, metrics)?;
            totals.add(&written, &prepared.read_at);
            (self.on_committed)(&written, prepared.skipped);
        }
        self.key_locks.release(prepared.request);
        Ok(())
    }

    fn context(&self) -> WriterContext<'_> {
        WriterContext { connections: self.pool.worker_handle(), cache: self.cache.for_worker() }
    }

    fn mapper<S: Stages<Parsed = P>>(&self, stages: S) -> Result<BatchMapper<'_, 'a, S>> {
        let reader = if self.parsed_batches.is_none() { Some(self.source.reader()?) } else { None };
        Ok(BatchMapper { workers: self, stages, reader })
    }
}

/// Produces the mapped batches of one worker.
struct BatchMapper<'c, 'a, S: Stages> {
    workers: &'c WorkerPool<'a, S::Parsed>,
    stages: S,
    /// `None` with a parse pool, which reads instead.
    reader: Option<Box<dyn Reader + 'a>>,
}

impl<S: Stages> BatchMapper<'_, '_, S>
where
    S::Parsed: Send,
{
    /// The next mapped batch, with its keys registered. `None` at the end.
    fn next(&mut self, metrics: &mut Metrics) -> Result<Option<PreparedBatch>> {
        let mapped = if self.reader.is_some() {
            self.read_and_map(metrics)?
        } else {
            self.map_parsed(metrics)
        };
        let Some((key_batch, entries, read_at)) = mapped else {
            self.workers.check_stopped()?;
            return Ok(None);
        };
        let batch = Batch { number: key_batch.number, entries };
        let started = Instant::now();
        let keys = self.workers.writer.keys_to_lock(&batch);
        let request = self.workers.key_locks.register(batch.number, keys).map_err(|_| stopped())?;
        metrics.time(TimedStage::LockTurn, started.elapsed());
        Ok(Some(PreparedBatch { batch, read_at, skipped: key_batch.skipped, request }))
    }

    /// Reads and maps record by record, so that only one text is in memory.
    fn read_and_map(&mut self, metrics: &mut Metrics) -> Result<Option<MappedBatch>> {
        let Some(key_batch) = self.workers.next_key_batch()? else { return Ok(None) };
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let stages = &mut self.stages;
        let mut entries = Vec::with_capacity(key_batch.keys.len());
        let read_at = read(&key_batch, reader.as_mut(), metrics, |record, metrics| {
            let key = record.key;
            let parsed = stages.parse(record, metrics);
            entries.push(entry(key, &key_batch, parsed, stages, metrics));
        })?;
        Ok(Some((key_batch, entries, read_at)))
    }

    fn map_parsed(&mut self, metrics: &mut Metrics) -> Option<MappedBatch> {
        let started = Instant::now();
        let ParsedBatch { key_batch, records, read_at } =
            self.workers.parsed_batches.as_ref()?.pop()?;
        metrics.time(TimedStage::ParseWait, started.elapsed());
        let entries = records
            .into_iter()
            .map(|(key, parsed)| entry(key, &key_batch, parsed, &mut self.stages, metrics))
            .collect();
        Some((key_batch, entries, read_at))
    }
}

/// A mapped batch before its keys are registered.
type MappedBatch = (KeyBatch, Vec<BatchEntry>, Vec<Instant>);

fn entry<S: Stages>(
    key: i32,
    key_batch: &KeyBatch,
    parsed: std::result::Result<S::Parsed, Reject>,
    stages: &mut S,
    metrics: &mut Metrics,
) -> BatchEntry {
    let mapped = match parsed {
        Ok(parsed) => stages.map(parsed, metrics),
        Err(reject) => MappingOutcome::Rejected(reject),
    };
    BatchEntry { key, retry: key_batch.retried.contains(&key), mapped }
}

/// Reads the records of a batch one by one. Returns the time at which each was read.
fn read(
    key_batch: &KeyBatch,
    reader: &mut dyn Reader,
    metrics: &mut Metrics,
    mut each: impl FnMut(RawRecord, &mut Metrics),
) -> Result<Vec<Instant>> {
    let mut read_at = Vec::with_capacity(key_batch.keys.len());
    let mut waiting_since = Instant::now();
    reader.read(&key_batch.keys, &mut |record| {
        let now = Instant::now();
        metrics.time(TimedStage::Source, now - waiting_since);
        read_at.push(now);
        each(record, metrics);
        waiting_since = Instant::now();
        Ok(())
    })?;
    Ok(read_at)
}

fn stopped() -> Error {
    Error::new(ErrorKind::Stopped, "the run has stopped")
}

fn merged(one: QueueCounts, other: QueueCounts) -> QueueCounts {
    QueueCounts {
        items_peak: one.items_peak.max(other.items_peak),
        bytes_peak: one.bytes_peak.max(other.bytes_peak),
        oversize: one.oversize + other.oversize,
    }
}

/// Ends the wait for a cancellation when the threads have ended.
struct CompleteGuard<'i>(&'i CancellationToken);

impl Drop for CompleteGuard<'_> {
    fn drop(&mut self) {
        self.0.complete();
    }
}

/// Stops all threads when one fails or panics.
struct StopGuard<'c, 'a, P: Send> {
    workers: &'c WorkerPool<'a, P>,
    cancellation: &'c CancellationToken,
    done: bool,
}

impl<P: Send> Drop for StopGuard<'_, '_, P> {
    fn drop(&mut self) {
        if !self.done {
            self.cancellation.abort();
            self.workers.stop();
            self.workers.pool.close();
        }
    }
}

impl RunTotals {
    fn new(tables: usize) -> Result<Self> {
        Ok(Self {
            metrics: Metrics::new()?,
            books: Books::default(),
            rows: vec![0; tables],
            last_commit: None,
            parsed_in_pool: 0,
            parse_pool_threads: 0,
            queue: None,
            lock_waits: 0,
        })
    }

    fn add(&mut self, written: &BatchResult, read_at: &[Instant]) {
        let committed = Instant::now();
        for read in read_at {
            self.metrics.time(TimedStage::Record, committed - *read);
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
        self.parsed_in_pool += other.parsed_in_pool;
        self.parse_pool_threads += other.parse_pool_threads;
        Ok(())
    }
}

fn add_rows(total: &mut [u64], more: &[u64]) {
    for (total, more) in total.iter_mut().zip(more) {
        *total += more;
    }
}
