//! Writes batches into the store, one transaction each. Retries a transaction when the store is
//! busy. If the store rejects a row, a bisection finds the rejected record.

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
    /// Key in the source.
    pub key: i32,
    /// True if the log has the record as failed; that row is then deleted.
    pub retry: bool,
    /// Result of mapping the record.
    pub mapped: MappingOutcome,
}

/// Consecutive records that are committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Number of the batch in the session, from 0.
    pub number: u64,
    /// Records by ascending key, at least one.
    pub entries: Vec<BatchEntry>,
}

impl Batch {
    /// Memory of the batch in bytes: its entries, their rows and texts. Excludes the allocator's
    /// overhead and the keys in [`crate::write::key_locks`].
    pub fn bytes(&self) -> u64 {
        let entries = self.entries.capacity() * size_of::<BatchEntry>();
        let within = self.entries.iter().map(|entry| entry.mapped.bytes());
        (entries + within.sum::<usize>()) as u64
    }
}

/// Result of a committed batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchResult {
    /// Number of records by outcome, without `skipped`.
    pub books: Books,
    /// Stored rows by table.
    pub rows: Vec<u64>,
    /// Records that the store rejected: key, logged reason, message of the store.
    pub refused: Vec<(i32, String, String)>,
}

/// Writes the batches of one session into one store.
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

/// End of one transaction.
enum TransactionEnd {
    Committed(BatchResult),
    /// The store rejected a record that is not yet identified.
    RecordRefused,
    /// The store rolled back the whole transaction when it rejected a record.
    Undone,
    /// The store rejected a row of the log or of the batch table. Holds the table.
    LogRefused(usize, Violation),
}

/// Outcome of a record, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EntryOutcome {
    Stored,
    Duplicate(String),
    Rejected(String),
    Failed(String),
    LostRace,
}

impl<'a> Writer<'a> {
    /// A writer for the tables in `order`, in that order (contract.md 14.1), then for the other
    /// tables in catalogue order.
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

    /// Keys of a batch's rows, to lock before the batch is written.
    pub fn keys_to_lock(&self, batch: &Batch) -> Vec<KeyBytes> {
        let rows = batch.entries.iter().filter_map(|entry| match &entry.mapped {
            MappingOutcome::Rows(record) => Some(record),
            MappingOutcome::Rejected(_) | MappingOutcome::Refused(_) => None,
        });
        self.dedup.keys_of(&rows.collect::<Vec<_>>())
    }

    /// Session of the batches.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Writes a batch on one connection: rows, log rows and the batch's own row in one transaction.
    /// Its keys enter the cache after the commit.
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
                // Only a key violation can come from another process. No retry fixes the others.
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

    /// Looks up if a batch whose commit had no answer is committed.
    ///
    /// # Errors
    ///
    /// `Environment` if the look-up fails. The run then stops, and the next run reads the outcome
    /// from the log.
    fn was_committed(&self, number: u64) -> Result<bool> {
        let (tables, session) = (self.tables(), &self.session);
        let looked_up = retry::with_connection(self.store, Role::Reader, &mut |connection| {
            log::is_committed(connection, tables, session, number)
        });
        looked_up.map_err(|cause| {
            let message = format!(
                "batch {number}: the connection was lost during the commit and its outcome is unknown. \
                 Run the same command again: it looks the batch up and resumes"
            );
            Error::caused(ErrorKind::Environment, message, cause)
        })
    }

    fn log_refused(&self, table: usize, violation: &Violation) -> Error {
        let name = &self.tables().all()[table].name;
        Error::new(
            ErrorKind::Data,
            format!("the store rejects a row of {name}: {}", violation.message),
        )
    }

    fn tables(&self) -> &Tables {
        self.store.tables()
    }
}

/// Waits before the next attempt at a batch.
fn wait(backoff: &mut Backoff, batch: &Batch, error: Error) -> Result<Retry> {
    backoff.wait(error).map_err(|error| of_batch(batch, error))
}

fn of_batch(batch: &Batch, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Stopped => error,
        kind => Error::caused(kind, format!("batch {}", batch.number), error),
    }
}

/// Groups of records that made the store roll back a whole transaction, by first place and length.
/// Each has the rejecting table and the store's message. Such a group is split without another
/// attempt.
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
    /// True after the store has rejected a row of the batch. The cache is then not trusted.
    doubt: bool,
    /// Keys that are stored once the transaction has committed: keys that the store has, some of
    /// them from this transaction, and keys of inserted rows.
    known: Vec<KeyBytes>,
    /// One per entry, in the order of the entries.
    outcomes: Vec<EntryOutcome>,
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

    /// Runs the transaction. With `search`, bisects for the records that the store rejects. Without
    /// it, a rejected record ends the transaction, so batches without one need no savepoint.
    ///
    /// A search sends rows as values: not every store keeps a transaction after a rejected bulk
    /// load.
    fn run(&mut self, search: bool) -> Result<TransactionEnd> {
        self.doubt = search;
        if search {
            self.method = InsertMethod::Values;
        }
        self.begin()?;
        self.clear_retried_log_rows()?;
        let places: Vec<_> = (0..self.outcomes.len())
            .filter(|&at| self.outcomes[at] == EntryOutcome::Stored)
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

    /// Deletes the log rows of retried failures and finds records that another process has logged.
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
                    *outcome = EntryOutcome::LostRace;
                }
            }
        }
        Ok(())
    }

    /// Stores these records and splits the group in half when the store rejects one.
    ///
    /// The left half is finished before the right one is tried. Each attempt checks duplicates
    /// again, so a rejected record's key is free for the records after it. Returns false if the
    /// store has rolled back the whole transaction. The next transaction then splits that group at
    /// once.
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

    /// Stores these records. Returns the table that rejects a row, with the violation.
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
                self.outcomes[place] = EntryOutcome::Duplicate(log::duplicate_reason(&key));
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

    /// Adds the committed keys to the cache.
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

    /// Writes the log rows and the batch's row. Returns the table that rejects one, with the
    /// violation.
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
                    EntryOutcome::Stored => None,
                    EntryOutcome::Duplicate(why)
                    | EntryOutcome::Rejected(why)
                    | EntryOutcome::Failed(why) => Some(why.as_str()),
                    EntryOutcome::LostRace => return None,
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

    /// Commits. After a failure, looks up the batch's row to learn if the commit took effect.
    fn commit(&mut self) -> Result<()> {
        let started = Instant::now();
        if let Err(error) = self.connection.commit() {
            // The look-up decides, whatever the rollback returns.
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
                EntryOutcome::Stored => &mut books.committed,
                EntryOutcome::Duplicate(_) => &mut books.duplicate,
                EntryOutcome::Rejected(_) => &mut books.rejected,
                EntryOutcome::Failed(_) => &mut books.failed,
                EntryOutcome::LostRace => &mut books.lost_race,
            };
            *place += 1;
        }
        let (rows, refused) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.refused));
        BatchResult { books, rows, refused }
    }

    /// Marks the record that the store rejects as failed.
    fn refuse(&mut self, place: usize, table: usize, violation: Violation) -> Result<()> {
        let entry = &self.batch.entries[place];
        let MappingOutcome::Rows(record) = &entry.mapped else { return Ok(()) };
        let rejection =
            Rejection { tables: self.writer.tables(), record, table, violation: &violation };
        let refusal = rejection.diagnose(self.connection)?;
        let reason = log::refusal_reason(&refusal);
        self.refused.push((entry.key, reason.clone(), violation.message));
        self.outcomes[place] = EntryOutcome::Failed(reason);
        Ok(())
    }
}

fn outcome_of_mapping(entry: &BatchEntry) -> EntryOutcome {
    match &entry.mapped {
        MappingOutcome::Rows(_) => EntryOutcome::Stored,
        MappingOutcome::Rejected(reject) => EntryOutcome::Rejected(log::reject_reason(reject)),
        MappingOutcome::Refused(refusal) => EntryOutcome::Failed(log::refusal_reason(refusal)),
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

/// Rows to store, by table.
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
