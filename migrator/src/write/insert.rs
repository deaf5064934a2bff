//! Batches into the store: one transaction each, done again where the store is busy, and searched
//! for the guilty record where the store refuses one. Maps nothing and prints nothing.

use std::time::Instant;

use rustc_hash::FxHashMap;

use crate::config::InsertMethod;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{MappingOutcome, SqlRow, SqlValue, TypedRecord};
use crate::store::pool::WorkerHandle;
use crate::store::retry::{self, Backoff};
use crate::store::schema::Tables;
use crate::store::{Connection, InsertOutcome, Role, Rule, Store, Violation};
use crate::telemetry::metrics::{Metrics, Retry, TimedStage};
use crate::telemetry::report::Books;
use crate::write::cache::{KeyBytes, WorkerCache};
use crate::write::dedup::{Decision, Dedup, DedupResult, KeyLookup};
use crate::write::diagnose::Rejection;
#[cfg(feature = "planted-slowdown")]
use crate::write::injected_slowdown::InjectedSlowdown;
use crate::write::log;
use crate::write::log::{BatchRow, Log, LogStatus, Session};

/// A record of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchEntry {
    /// The source's key.
    pub key: i32,
    /// Whether the log has the record as failed and its row has to give way.
    pub retry: bool,
    /// What mapping made of it.
    pub mapped: MappingOutcome,
}

/// Consecutive records that are committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The batch's number in the session, from 0.
    pub number: u64,
    /// The records, by ascending key; at least one.
    pub entries: Vec<BatchEntry>,
}

impl Batch {
    /// How many bytes of memory the batch has been given: its entries, their rows and texts. What the
    /// allocator adds to a block is left out, and so are the keys that [`crate::write::key_locks`] holds.
    pub fn bytes(&self) -> u64 {
        let entries = self.entries.capacity() * size_of::<BatchEntry>();
        let within = self.entries.iter().map(|entry| entry.mapped.bytes());
        (entries + within.sum::<usize>()) as u64
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchResult {
    /// Where its records ended; `skipped` is not known here.
    pub books: Books,
    /// Rows stored, by table.
    pub rows: Vec<u64>,
    /// Records that the store refused: the key, the reason that is logged, the store's own words.
    pub refused: Vec<(i32, String, String)>,
}

/// Writes batches into one store for one session.
pub struct Writer<'a> {
    store: &'a dyn Store,
    session: Session,
    method: InsertMethod,
    /// Tables in the order of insertion.
    order: Vec<usize>,
    dedup: Dedup,
    log: Log,
    log_has_key: bool,
    #[cfg(feature = "planted-slowdown")]
    slowdown: InjectedSlowdown,
}

/// How a transaction ended.
enum TransactionEnd {
    Committed(BatchResult),
    /// A record was refused, and it is not known which.
    RecordRefused,
    /// The store undid everything together with a record that it refused.
    Undone,
    /// A row of the log or of the batch is refused, in this table.
    LogRefused(usize, Violation),
}

/// Where a record ended, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RecordOutcome {
    Stored,
    Duplicate(String),
    Rejected(String),
    Failed(String),
    LostRace,
}

impl<'a> Writer<'a> {
    /// A writer that inserts into the tables named in `order` first, in that order (contract.md
    /// 14.1), then into the others in the catalogue's.
    pub fn new(
        store: &'a dyn Store,
        session: Session,
        method: InsertMethod,
        order: &[usize],
        log_has_key: bool,
    ) -> Result<Self> {
        let tables = store.tables();
        let mut all = order.to_vec();
        all.extend((0..tables.target_tables().len()).filter(|index| !order.contains(index)));
        all.retain(|&index| index != tables.log);
        let (dedup, log) = (Dedup::new(tables), Log::new(tables)?);
        Ok(Self {
            store,
            session,
            method,
            order: all,
            dedup,
            log,
            log_has_key,
            #[cfg(feature = "planted-slowdown")]
            slowdown: InjectedSlowdown::from_environment()?,
        })
    }

    /// The keys that a batch's rows claim.
    pub fn keys_to_lock(&self, batch: &Batch) -> Vec<KeyBytes> {
        let rows = batch.entries.iter().filter_map(|entry| match &entry.mapped {
            MappingOutcome::Rows(record) => Some(record),
            MappingOutcome::Rejected(_) | MappingOutcome::Refused(_) => None,
        });
        self.dedup.keys_of(&rows.collect::<Vec<_>>())
    }

    /// The session whose batches these are.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Stores a batch on one connection: rows, log and the batch's row in one transaction. Keys enter
    /// the cache when that has committed.
    pub fn write(
        &self,
        batch: &Batch,
        connections: &mut WorkerHandle<'_>,
        cache: &WorkerCache,
        metrics: &mut Metrics,
    ) -> Result<BatchResult> {
        let mut backoff = Backoff::default();
        let started = Instant::now();
        let mut connection = loop {
            match connections.check_out() {
                Ok(checkout) => break checkout,
                Err(error) => metrics.retry(wait(&mut backoff, batch, error)?),
            }
        };
        metrics.time(TimedStage::Connect, started.elapsed());
        let mut search = false;
        let mut look_up_log = !self.log_has_key;
        let mut known_bad_groups = BadGroups::default();
        let mut races = 0;
        loop {
            let mut transaction = Transaction {
                look_up_log,
                ..Transaction::new(
                    self,
                    batch,
                    &mut connection,
                    cache,
                    metrics,
                    &mut known_bad_groups,
                )
            };
            let again = match transaction.run(search) {
                Ok(TransactionEnd::Committed(written)) => return Ok(written),
                Ok(TransactionEnd::RecordRefused) => Retry::RefusedRecord,
                Ok(TransactionEnd::Undone) => Retry::Undone,
                // Only a key can be another process's; nothing that is done again mends the rest.
                Ok(TransactionEnd::LogRefused(_, Violation { rule: Rule::Key, .. }))
                    if races < retry::RACE_RETRIES_MAX =>
                {
                    races += 1;
                    Retry::LostRace
                }
                Ok(TransactionEnd::LogRefused(table, violation)) => {
                    return Err(of_batch(batch, self.log_refused(table, &violation)));
                }
                Err(error) => wait(&mut backoff, batch, error)?,
            };
            search |= again == Retry::RefusedRecord;
            look_up_log |= again == Retry::LostRace;
            metrics.retry(again);
            while let Err(error) = connection.recover() {
                metrics.retry(wait(&mut backoff, batch, error)?);
            }
        }
    }

    /// Whether a batch is committed whose commit had no answer. Nothing is guessed: where it cannot
    /// be found out, the run stops, and the next one finds it in the log.
    fn was_committed(&self, number: u64) -> Result<bool> {
        let (tables, session) = (self.tables(), &self.session);
        let looked_up = retry::with_connection(self.store, Role::Reader, &mut |connection| {
            log::is_committed(connection, tables, session, number)
        });
        looked_up.map_err(|cause| {
            let message = format!(
                "batch {number}: it is not known whether it is committed; the same command finds \
                 out and goes on"
            );
            Error::caused(ErrorKind::Environment, message, cause)
        })
    }

    fn log_refused(&self, table: usize, violation: &Violation) -> Error {
        let name = &self.tables().all()[table].name;
        Error::new(ErrorKind::Data, format!("a row of {name} is refused: {}", violation.message))
    }

    fn tables(&self) -> &Tables {
        self.store.tables()
    }
}

/// Waits until a batch's transaction may be done again.
fn wait(backoff: &mut Backoff, batch: &Batch, error: Error) -> Result<Retry> {
    backoff.wait(error).map_err(|error| of_batch(batch, error))
}

fn of_batch(batch: &Batch, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Stopped => error,
        kind => Error::caused(kind, format!("batch {}", batch.number), error),
    }
}

/// BadGroups of records, by the first one's place and their number, for one of which the store has
/// undone a whole transaction; with the table that refused a row, and what the store said. They are
/// not tried again as they are.
type BadGroups = FxHashMap<(usize, usize), (usize, Violation)>;

/// One attempt at a batch.
struct Transaction<'a> {
    writer: &'a Writer<'a>,
    batch: &'a Batch,
    connection: &'a mut dyn Connection,
    cache: &'a WorkerCache,
    metrics: &'a mut Metrics,
    known_bad_groups: &'a mut BadGroups,
    method: InsertMethod,
    look_up_log: bool,
    /// Whether the store has refused a row of the batch, so that nothing is taken for granted.
    doubt: bool,
    /// Keys that are stored once this has committed: those that the store has, some of which this
    /// transaction may have inserted itself, and those of rows that are inserted.
    known: Vec<KeyBytes>,
    /// One for each entry, in the entries' order.
    outcomes: Vec<RecordOutcome>,
    rows: Vec<u64>,
    refused: Vec<(i32, String, String)>,
}

impl<'a> Transaction<'a> {
    fn new(
        writer: &'a Writer<'a>,
        batch: &'a Batch,
        connection: &'a mut dyn Connection,
        cache: &'a WorkerCache,
        metrics: &'a mut Metrics,
        known_bad_groups: &'a mut BadGroups,
    ) -> Self {
        Self {
            writer,
            batch,
            connection,
            cache,
            metrics,
            known_bad_groups,
            method: writer.method,
            look_up_log: false,
            doubt: false,
            known: Vec::new(),
            outcomes: batch.entries.iter().map(outcome_of_mapping).collect(),
            rows: vec![0; writer.tables().target_tables().len()],
            refused: Vec::new(),
        }
    }

    /// `search` finds the records that the store refuses; without it, one such record ends the
    /// transaction, so that batches without one pay for no savepoint. The search sends rows as
    /// values: not every store lets a transaction live after a bulk load that it refuses.
    fn run(&mut self, search: bool) -> Result<TransactionEnd> {
        self.doubt = search;
        if search {
            self.method = InsertMethod::Values;
        }
        self.begin()?;
        self.clear_retried_log_rows()?;
        let places: Vec<_> = (0..self.outcomes.len())
            .filter(|&at| self.outcomes[at] == RecordOutcome::Stored)
            .collect();
        if search {
            if !self.bisect_rejected(&places)? {
                return Ok(TransactionEnd::Undone);
            }
        } else if self.store(&places)?.is_some() {
            return Ok(TransactionEnd::RecordRefused);
        }
        if let Some((table, violation)) = self.write_log()? {
            return Ok(TransactionEnd::LogRefused(table, violation));
        }
        self.commit()?;
        self.keep_known();
        Ok(TransactionEnd::Committed(self.result()))
    }

    fn begin(&mut self) -> Result<()> {
        let started = Instant::now();
        self.connection.begin()?;
        self.metrics.time(TimedStage::Begin, started.elapsed());
        Ok(())
    }

    /// Takes out the failures that are tried again, and marks what another process has logged.
    fn clear_retried_log_rows(&mut self) -> Result<()> {
        let log = &self.writer.log;
        for entry in self.batch.entries.iter().filter(|entry| entry.retry) {
            log.forget_failure(self.connection, entry.key)?;
        }
        let entries = &self.batch.entries;
        if let (true, Some(first), Some(last)) = (self.look_up_log, entries.first(), entries.last())
        {
            let logged: FxHashMap<i32, LogStatus> =
                log.look_up(self.connection, first.key, last.key)?;
            for (entry, outcome) in entries.iter().zip(&mut self.outcomes) {
                if logged.contains_key(&entry.key) {
                    *outcome = RecordOutcome::LostRace;
                }
            }
        }
        Ok(())
    }

    /// Stores these records, halving where one is refused: the left half is finished before the
    /// right one is tried, and each try decides again about duplicates, so a key that a refused
    /// record claimed is free for the records behind it. False if the store has undone the whole
    /// transaction: another one then passes over the group for which it did.
    fn bisect_rejected(&mut self, places: &[usize]) -> Result<bool> {
        let Some(&first) = places.first() else { return Ok(true) };
        let group = (first, places.len());
        let (table, violation) = if let Some(known) = self.known_bad_groups.get(&group) {
            known.clone()
        } else {
            self.connection.savepoint()?;
            let Some((table, violation)) = self.store(places)? else { return Ok(true) };
            if violation.ended_transaction {
                self.known_bad_groups.insert(group, (table, violation));
                return Ok(false);
            }
            self.connection.rollback_to_savepoint()?;
            (table, violation)
        };
        if let [only] = *places {
            self.refuse(only, table, violation)?;
            return Ok(true);
        }
        let (left, right) = places.split_at(places.len() / 2);
        Ok(self.bisect_rejected(left)? && self.bisect_rejected(right)?)
    }

    /// Stores these records, or says which table refuses a row of them.
    fn store(&mut self, places: &[usize]) -> Result<Option<(usize, Violation)>> {
        let records: Vec<_> = places
            .iter()
            .filter_map(|&place| match &self.batch.entries[place].mapped {
                MappingOutcome::Rows(record) => Some(record),
                MappingOutcome::Rejected(_) | MappingOutcome::Refused(_) => None,
            })
            .collect();
        let DedupResult { decisions, claimed } = self.decide(&records)?;
        let kept = kept_rows(&records, &decisions, self.writer.tables().target_tables().len());
        let started = Instant::now();
        for &table in &self.writer.order {
            if let Some(violation) = self.insert(table, &kept[table])? {
                self.metrics.time(TimedStage::Insert, started.elapsed());
                return Ok(Some((table, violation)));
            }
        }
        #[cfg(feature = "planted-slowdown")]
        self.writer.slowdown.spin(started.elapsed());
        self.metrics.time(TimedStage::Insert, started.elapsed());
        for (total, rows) in self.rows.iter_mut().zip(&kept) {
            *total += rows.len() as u64;
        }
        for (&place, decision) in places.iter().zip(decisions) {
            if let Decision::Duplicate { key } = decision {
                self.outcomes[place] = RecordOutcome::Duplicate(log::duplicate_reason(&key));
            }
        }
        if self.cache.keeps() {
            self.known.extend(claimed);
        }
        Ok(None)
    }

    fn decide(&mut self, records: &[&TypedRecord]) -> Result<DedupResult> {
        let started = Instant::now();
        let mut lookup = KeyLookup {
            connection: self.connection,
            cache: self.cache,
            doubt: self.doubt,
            metrics: self.metrics,
            found: &mut self.known,
        };
        let decided = self.writer.dedup.decide(
            self.writer.tables(),
            records,
            self.cache.asks_in_sets(),
            &mut |key, wanted| lookup.which_exist(key, wanted),
        )?;
        self.metrics.time(TimedStage::Dedup, started.elapsed());
        Ok(decided)
    }

    /// Lets the cache know what is stored, now that it is committed.
    fn keep_known(&mut self) {
        if self.cache.keeps() {
            let started = Instant::now();
            self.cache.keep(self.known.drain(..));
            self.metrics.time(TimedStage::Dedup, started.elapsed());
        }
    }

    fn insert(&mut self, table: usize, rows: &[&[SqlValue]]) -> Result<Option<Violation>> {
        if rows.is_empty() {
            return Ok(None);
        }
        match self.connection.insert(table, rows, self.method)? {
            InsertOutcome::Stored { statements } => {
                self.metrics.insert_statements += statements;
                Ok(None)
            }
            InsertOutcome::Refused(violation) => Ok(Some(violation)),
        }
    }

    /// Writes the log rows and the batch's row, or says which table refuses one.
    fn write_log(&mut self) -> Result<Option<(usize, Violation)>> {
        let started = Instant::now();
        let writer = self.writer;
        let rows: Vec<SqlRow> = self
            .batch
            .entries
            .iter()
            .zip(&self.outcomes)
            .filter_map(|(entry, outcome)| {
                let reason = match outcome {
                    RecordOutcome::Stored => None,
                    RecordOutcome::Duplicate(why)
                    | RecordOutcome::Rejected(why)
                    | RecordOutcome::Failed(why) => Some(why.as_str()),
                    RecordOutcome::LostRace => return None,
                };
                Some(writer.log.row(&writer.session, entry.key, reason))
            })
            .collect();
        let slices: Vec<&[SqlValue]> = rows.iter().map(AsRef::as_ref).collect();
        if let Some(violation) = self.insert(writer.log.table(), &slices)? {
            return Ok(Some((writer.log.table(), violation)));
        }
        self.rows[writer.log.table()] += rows.len() as u64;
        let (tables, row) = (writer.tables(), batch_row(self.batch));
        let refused = log::write_batch(self.connection, tables, &writer.session, row)?;
        self.metrics.time(TimedStage::Log, started.elapsed());
        Ok(refused.map(|violation| (tables.batch, violation)))
    }

    /// Commits; where that fails, the batch's own row says whether it was done all the same.
    fn commit(&mut self) -> Result<()> {
        let started = Instant::now();
        if let Err(error) = self.connection.commit() {
            // The answer to the roll back does not matter: the look-up decides.
            let _ = self.connection.rollback();
            self.metrics.commits_looked_up += 1;
            if !self.writer.was_committed(self.batch.number)? {
                return Err(error);
            }
        }
        self.metrics.time(TimedStage::Commit, started.elapsed());
        self.metrics.transactions += 1;
        Ok(())
    }

    fn result(&mut self) -> BatchResult {
        let mut books = Books { read: self.batch.entries.len() as u64, ..Books::default() };
        for outcome in &self.outcomes {
            let place = match outcome {
                RecordOutcome::Stored => &mut books.committed,
                RecordOutcome::Duplicate(_) => &mut books.duplicate,
                RecordOutcome::Rejected(_) => &mut books.rejected,
                RecordOutcome::Failed(_) => &mut books.failed,
                RecordOutcome::LostRace => &mut books.lost_race,
            };
            *place += 1;
        }
        let (rows, refused) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.refused));
        BatchResult { books, rows, refused }
    }

    /// Writes off the record that the store refuses.
    fn refuse(&mut self, place: usize, table: usize, violation: Violation) -> Result<()> {
        let entry = &self.batch.entries[place];
        let MappingOutcome::Rows(record) = &entry.mapped else { return Ok(()) };
        let rejection =
            Rejection { tables: self.writer.tables(), record, table, violation: &violation };
        let refusal = rejection.diagnose(self.connection)?;
        let reason = log::refusal_reason(&refusal);
        self.refused.push((entry.key, reason.clone(), violation.message));
        self.outcomes[place] = RecordOutcome::Failed(reason);
        Ok(())
    }
}

fn outcome_of_mapping(entry: &BatchEntry) -> RecordOutcome {
    match &entry.mapped {
        MappingOutcome::Rows(_) => RecordOutcome::Stored,
        MappingOutcome::Rejected(reject) => RecordOutcome::Rejected(log::reject_reason(reject)),
        MappingOutcome::Refused(refusal) => RecordOutcome::Failed(log::refusal_reason(refusal)),
    }
}

fn batch_row(batch: &Batch) -> BatchRow {
    let key = |entry: Option<&BatchEntry>| entry.map_or(0, |entry| entry.key);
    BatchRow {
        number: batch.number,
        first: key(batch.entries.first()),
        last: key(batch.entries.last()),
        records: batch.entries.len() as u64,
    }
}

/// The rows that are stored, by table.
fn kept_rows<'a>(
    records: &[&'a TypedRecord],
    decisions: &[Decision],
    tables: usize,
) -> Vec<Vec<&'a [SqlValue]>> {
    let mut kept = vec![Vec::new(); tables];
    for (record, decision) in records.iter().zip(decisions) {
        for (table, rows) in record.tables.iter().enumerate() {
            let of_table = &mut kept[rows.table];
            let stored =
                rows.rows.iter().enumerate().filter(|(row, _)| decision.keeps(table, *row));
            of_table.extend(stored.map(|(_, row)| &**row));
        }
    }
    kept
}
