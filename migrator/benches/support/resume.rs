//! A resumed migration that is nearly complete: a source, and a store whose log has every record
//! but the last ones.

#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;
use migrator::config::{Config, Settings, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::record::{MappingOutcome, ParsedRecord, RawRecord, Reject};
use migrator::run::pipeline::{Job, RecordStages, run};
use migrator::run::worker_pool::Stages;
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::source::table::{TableNames, TableSource};
use migrator::stage::coerce::Coercer;
use migrator::store::Store;
use migrator::store::schema::{Tables, quoted, sqlite_source_table};
use migrator::store::sqlite::SqliteStore;
use migrator::telemetry::metrics::Metrics;
use migrator::telemetry::report::Books;
use migrator::util::cancel::CancellationToken;
use migrator::util::partition::Partition;
use rusqlite::{Connection, params};

/// Number of records that are not in the log.
pub(crate) const NEW: u32 = 1_000;

/// A store and a source in a folder of their own.
pub(crate) struct Resumed {
    folder: tempfile::TempDir,
    contract: Contract,
    catalogue: Catalogue,
}

/// Times and books of a resumed run.
pub(crate) struct ResumeResult {
    /// Time until the source was open.
    pub(crate) opened: Duration,
    /// Time until the first unlogged record reached the parser, including opening.
    pub(crate) first: Duration,
    /// Time until the last record reached the parser, so that the whole log was skipped.
    pub(crate) last: Duration,
    /// Books of the run.
    pub(crate) books: Books,
}

impl Resumed {
    /// Creates `logged` logged records with keys `step` apart, then [`NEW`] others. With a gap the
    /// one in the middle is not logged.
    pub(crate) fn new(logged: u32, step: u32, with_gap: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (contract, catalogue) = (Contract::embedded().unwrap(), Catalogue::embedded().unwrap());
        let resumed = Self { folder, contract, catalogue };
        resumed.fill_source(logged, step).unwrap();
        resumed.fill_log(logged, step, if with_gap { logged / 2 } else { 0 }).unwrap();
        resumed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The texts of logged records are not read, so they are short.
    fn fill_source(&self, logged: u32, step: u32) -> rusqlite::Result<()> {
        let (table, text) = (&self.contract.source_table, &self.contract.source_column);
        let mut source = open_fast(&self.path("source.db"))?;
        source.execute_batch(&sqlite_source_table(table, text))?;
        let transaction = source.transaction()?;
        let insert = format!("INSERT INTO {} (app_id, {}) ", quoted(table), quoted(text));
        transaction
            .execute(&format!("{insert} {NUMBERS} SELECT i * ?2, '' FROM n"), [logged, step])?;
        let spec = Spec {
            product: Product::Cc,
            profile: Profile::Small,
            records: NEW,
            seed: 42,
            duplicates: 0.0,
            rejects: 0.0,
        };
        for record in SyntheticSource::new(spec).unwrap().iter() {
            let key = i64::from(logged) * i64::from(step) + i64::from(record.key);
            transaction
                .execute(&format!("{insert} VALUES (?1, ?2)"), params![key, record.bytes])?;
        }
        transaction.commit()
    }

    fn fill_log(&self, logged: u32, step: u32, but: u32) -> rusqlite::Result<()> {
        self.store().create_missing().unwrap();
        let log = open_fast(&self.path("store.db"))?;
        let insert = format!(
            "INSERT INTO processing_log (app_id, status, processing_time, session_id) {NUMBERS} \
             SELECT i * ?2, 'success', '2026-01-31 12:00:00.0000000', '20260131_120000' FROM n WHERE i <> ?3"
        );
        log.execute(&insert, [logged, step, but])?;
        log.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn store(&self) -> SqliteStore {
        let tables = Tables::new(&self.catalogue).unwrap();
        SqliteStore::new(&self.path("store.db"), Synchronous::Full, tables).unwrap()
    }

    /// Resumes the migration.
    pub(crate) fn resume(&self) -> ResumeResult {
        let (contract, now) = (&self.contract, NaiveDateTime::default());
        let coercer = Coercer::new(&contract.tables, &self.catalogue, now).unwrap();
        let store = self.store();
        let order: Vec<_> =
            contract.tables.iter().filter_map(|table| store.tables().find(&table.name)).collect();
        let config = Config {
            settings: Settings::default(),
            limit: u64::MAX,
            partition: Partition::ALL,
            retry_failed: false,
            now,
        };
        let names = TableNames {
            table: &contract.source_table,
            text_column: &contract.source_column,
            application_table: &contract.source_application_table,
        };
        let started = Instant::now();
        let source = TableSource::open(&self.path("source.db"), names, config.partition).unwrap();
        let opened = started.elapsed();
        let (first, last) = (OnceLock::new(), Mutex::new(started));
        let stages = || TimedStages {
            stages: RecordStages::new(contract, &coercer, now),
            first: &first,
            last: &last,
        };
        let job = Job {
            config: &config,
            source: &source,
            source_name: "source.db",
            store: &store,
            order: &order,
        };
        let report = run(&job, stages, &CancellationToken::default(), &|_| {}).unwrap();
        let first = first.get().unwrap().duration_since(started);
        let last = last.into_inner().unwrap().duration_since(started);
        ResumeResult { opened, first, last, books: report.books }
    }
}

/// The numbers from 1 to `?1`.
const NUMBERS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";

/// Opens a file without durability, because filling it is not measured.
fn open_fast(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")?;
    Ok(connection)
}

/// Stages that record the times of the first and the latest record.
struct TimedStages<'a> {
    stages: RecordStages<'a>,
    first: &'a OnceLock<Instant>,
    last: &'a Mutex<Instant>,
}

impl Stages for TimedStages<'_> {
    type Parsed = ParsedRecord;

    fn parse(&mut self, record: RawRecord, metrics: &mut Metrics) -> Result<ParsedRecord, Reject> {
        let now = Instant::now();
        self.first.get_or_init(|| now);
        *self.last.lock().unwrap() = now;
        self.stages.parse(record, metrics)
    }

    fn map(&mut self, parsed: ParsedRecord, metrics: &mut Metrics) -> MappingOutcome {
        self.stages.map(parsed, metrics)
    }
}
