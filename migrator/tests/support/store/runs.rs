//! Whole runs over numbered records, with stages that a test defines.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use migrator::config::{Config, InsertMethod, Settings, Synchronous};
use migrator::error::{Error, Result};
use migrator::record::{MappingOutcome, RawRecord, Refusal, Reject, Stage};
use migrator::run::pipeline::{Job, run};
use migrator::run::worker_pool::Stages;
use migrator::source::{Reader, Source};
use migrator::store::Store;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::telemetry::metrics::Metrics;
use migrator::telemetry::report::RunReport;
use migrator::util::cancel::CancellationToken;
use migrator::util::partition::Partition;
use migrator::verify::{Verification, VerifyReport};
use tempfile::TempDir;

use super::{CONTACT, CURRENT, PREVIOUS, catalogue, int, now, record};

/// Records 1 to `last`; reading the record `broken` fails.
pub(crate) struct Numbers {
    pub(crate) last: i32,
    pub(crate) broken: Option<i32>,
}

impl Source for Numbers {
    fn count(&self) -> u64 {
        self.last.unsigned_abs().into()
    }
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self))
    }
}

impl Reader for &Numbers {
    fn keys_after(&mut self, after: i32, most: usize) -> Result<Vec<i32>> {
        Ok((after + 1..=self.last).take(most).collect())
    }
    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        for &key in keys {
            if self.broken == Some(key) {
                return Err(Error::environment(format!("record {key} cannot be read")));
            }
            each(RawRecord { key, bytes: None })?;
        }
        Ok(())
    }
}

/// Records that share keys: every application has a contact whose id many others have, and some
/// application ids repeat. Mapping, coercion and the store each reject some records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sharing {
    /// Number of contact ids.
    pub(crate) contacts: i32,
    /// Every `bad_every`th record is rejected, in turn by mapping, by coercion and by the store.
    pub(crate) bad_every: i32,
}

impl Stages for Sharing {
    type Parsed = RawRecord;

    fn parse(&mut self, raw: RawRecord, _: &mut Metrics) -> std::result::Result<RawRecord, Reject> {
        Ok(raw)
    }

    fn map(&mut self, raw: RawRecord, _: &mut Metrics) -> MappingOutcome {
        let key = raw.key;
        let app_id = if key % 11 == 0 { key - 1 } else { key };
        let con_id = 1 + key % self.contacts;
        let kind = if key % 2 == 0 { CURRENT } else { PREVIOUS };
        let mut record = record(key, app_id, &[(con_id, &[kind])]);
        match key % (3 * self.bad_every) {
            0 => MappingOutcome::Rejected(Reject { stage: Stage::Mapping, reason: "bad".into() }),
            n if n == self.bad_every => MappingOutcome::Refused(Refusal {
                stage: Stage::Coerce,
                table: "app_base".into(),
                column: None,
                reason: "bad".into(),
            }),
            n if n == 2 * self.bad_every => {
                // A type of address that no row of the catalogue has.
                record.tables.iter_mut().find(|t| t.table == CONTACT).unwrap().rows[0][1] = int(-5);
                MappingOutcome::Rows(record)
            }
            _ => MappingOutcome::Rows(record),
        }
    }
}

/// Fails instead of hanging: a run of a second must not take a minute.
pub(crate) fn within_a_minute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let worker = thread::spawn(move || done.send(work()));
    match result.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the run hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => panic!("the run ended without a result"),
        },
    }
}

/// A configuration with all records and the tests' point in time.
pub(crate) fn config(settings: Settings) -> Config {
    Config { settings, limit: u64::MAX, partition: Partition::ALL, retry_failed: false, now: now() }
}

/// A run into any store.
pub(crate) fn run_into<S: Stages + Copy + Sync>(
    store: &dyn Store,
    config: &Config,
    source: &Numbers,
    stages: S,
    interrupt: &CancellationToken,
) -> Result<RunReport> {
    let order: Vec<_> = (1..store.tables().target_tables().len()).collect();
    let job = Job { config, source, source_name: "numbers", store, order: &order };
    run(&job, || stages, interrupt, &|_| {})
}

/// A store of its own, and the settings of runs into it.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) store: SqliteStore,
    pub(crate) config: Config,
}

impl Fixture {
    pub(crate) fn new(workers: usize, batch_size: usize, insert: InsertMethod) -> Self {
        Self::with(Settings {
            workers: workers.try_into().unwrap(),
            batch_size: batch_size.try_into().unwrap(),
            insert,
            ..Settings::default()
        })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&catalogue()).unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        Self { folder, store, config: config(settings) }
    }

    /// A fixture with a copy of this store, which no connection has open.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::with(self.config.settings.clone());
        let file = "store.db";
        std::fs::copy(self.folder.path().join(file), copy.folder.path().join(file)).unwrap();
        Self { config: self.config.clone(), ..copy }
    }

    pub(crate) fn try_run<S: Stages + Copy + Sync>(
        &self,
        store: &dyn Store,
        source: &Numbers,
        stages: S,
    ) -> Result<RunReport> {
        run_into(store, &self.config, source, stages, &CancellationToken::default())
    }

    /// An audit of the store against the records that these stages make of the numbers.
    pub(crate) fn audit<S: Stages<Parsed = RawRecord> + Copy>(
        &self,
        source: &Numbers,
        stages: S,
        strict: bool,
    ) -> VerifyReport {
        let (mut stages, mut metrics) = (stages, Metrics::new().unwrap());
        let mut map = |raw, _| {
            Ok(match stages.parse(raw, &mut metrics) {
                Ok(parsed) => stages.map(parsed, &mut metrics),
                Err(reject) => MappingOutcome::Rejected(reject),
            })
        };
        Verification { source, store: &self.store, strict }.run(&mut map, &mut |_| {}).unwrap()
    }
}
