//! Whole runs over numbered records, with stages that a test makes up.

use migrator::config::{Config, InsertMethod, Partition, Settings, Synchronous};
use migrator::error::{Error, Result};
use migrator::interrupt::Interrupt;
use migrator::pipeline::{Job, run};
use migrator::record::RawRecord;
use migrator::report::RunReport;
use migrator::source::{Reader, Source};
use migrator::store::Store;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::workers::Stages;
use tempfile::TempDir;

use super::{catalogue, now};

/// Records 1 to `last`; reading the one at `broken` fails.
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
        let config = Config {
            settings,
            limit: u64::MAX,
            partition: Partition::ALL,
            retry_failed: false,
            now: now(),
        };
        Self { folder, store, config }
    }

    pub(crate) fn try_run<S: Stages + Copy + Sync>(
        &self,
        store: &dyn Store,
        source: &Numbers,
        stages: S,
    ) -> Result<RunReport> {
        let order: Vec<_> = (1..store.tables().yielded().len()).collect();
        let config = &self.config;
        let job = Job { config, source, source_name: "numbers", store, order: &order };
        run(&job, || stages, &Interrupt::default(), &|_| {})
    }
}
