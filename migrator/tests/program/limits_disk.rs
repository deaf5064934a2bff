//! A store that runs out of space at any size, by `SQLite`'s own limit on the pages of a file. The
//! run reports it and leaves no partial batch. The same command does the rest once there is space.

use std::num::NonZeroU32;
use std::path::Path;

use migrator::config::{Config, Settings, SettingsArgs, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::error::{ErrorKind, Result};
use migrator::run::pipeline::{Job, RecordStages, run};
use migrator::source::table::{TableNames, TableSource};
use migrator::stage::coerce::Coercer;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::telemetry::report::RunReport;
use migrator::util::cancel::CancellationToken;
use migrator::util::partition::Partition;
use rusqlite::Connection;

use crate::support::command::Migration;
use crate::support::counts;
use crate::support::counts::Harm;

const RECORDS: u32 = 80;
const SIZES: u32 = 16;

/// Settings that vary from size to size. They change the place within a batch at which the space
/// ends, and the thread that notices it.
const SETTINGS: [&str; 4] = [
    "batch_size = 4\ncache = 'shared'",
    "batch_size = 30\ninsert = 'bulk'\npool = 'worker'",
    "batch_size = 7\nworkers = 4\npool = 'shared'\nqueue_depth = 2\ncache = 'batch'",
    "batch_size = 1000\nparse_threads = 1\nworkers = 1",
];

/// A run into a file of at most `pages` pages.
fn run_within(migration: &Migration, file: &Path, pages: u32, settings: &str) -> Result<RunReport> {
    let typed: SettingsArgs = toml::from_str(settings).unwrap();
    let settings: Settings = typed.try_into().unwrap();
    let now = chrono::NaiveDate::from_ymd_opt(2026, 1, 31).unwrap().and_hms_opt(12, 0, 0).unwrap();
    let (limit, partition, retry_failed) = (u64::MAX, Partition::ALL, false);
    let config = Config { settings, limit, partition, retry_failed, now };
    let (contract, catalogue) = (Contract::embedded().unwrap(), Catalogue::embedded().unwrap());
    let tables = Tables::new(&catalogue).unwrap();
    let order: Vec<_> =
        contract.tables.iter().filter_map(|table| tables.find(&table.name)).collect();
    let store = SqliteStore::new(file, Synchronous::Off, tables)
        .unwrap()
        .with_pages_max(NonZeroU32::new(pages).unwrap());
    let names = TableNames {
        table: &contract.source_table,
        text_column: &contract.source_column,
        application_table: &contract.source_application_table,
    };
    let source = TableSource::open(&migration.path("source.db"), names, partition).unwrap();
    let coercer = Coercer::new(&contract.tables, &catalogue, now).unwrap();
    let stages = || RecordStages::new(&contract, &coercer, now);
    let (source, store) = (&source, &store);
    let job = Job { config: &config, source, source_name: "source.db", store, order: &order };
    run(&job, stages, &CancellationToken::default(), &|_| {})
}

/// Number of pages, and of rows in the log; 0 if there is no file or no table.
fn found(file: &Path) -> (u32, u64) {
    let store = Connection::open(file).unwrap();
    let count = |text: &str| store.query_row(text, [], |row| row.get::<_, i64>(0));
    let pages = count("PRAGMA page_count").unwrap();
    let logged = count("SELECT count(*) FROM processing_log").unwrap_or(0);
    (u32::try_from(pages).unwrap(), logged.unsigned_abs())
}

/// Numbers of pages to try for a file with `schema` pages before the first record: from one page,
/// too small for any table, to nearly all. The pages of a file depend a little on the order of its
/// rows.
fn sizes(schema: u32, whole: u32) -> impl Iterator<Item = u32> {
    let spread = (1..SIZES).map(move |nth| schema + (whole - schema) * nth / SIZES);
    [1, schema / 2, schema - 1, schema].into_iter().chain(spread)
}

#[test]
fn a_run_into_a_full_file_stops_and_the_next_run_resumes() {
    let migration = Migration::new(RECORDS, 0.1, 0.05);
    let whole = migration.path("whole.db");
    run_within(&migration, &whole, u32::MAX, SETTINGS[0]).unwrap();
    let whole = found(&whole).0;
    let empty = migration.path("empty.db");
    let catalogue = Catalogue::embedded().unwrap();
    let tables = Tables::new(&catalogue).unwrap();
    let store = SqliteStore::new(&empty, Synchronous::Off, tables).unwrap();
    migrator::store::Store::create_missing(&store).unwrap();
    let schema = found(&empty).0;
    let (mut without_tables, mut without_records, mut between, mut harm) =
        (0, 0, 0, Harm::default());
    for (number, pages) in sizes(schema, whole).enumerate() {
        let settings = SETTINGS[number % SETTINGS.len()];
        let case = format!("{pages} of {whole} pages, {settings}");
        let name = format!("store{number}.db");
        let file = migration.path(&name);
        let error = run_within(&migration, &file, pages, settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Environment, "{case}: {error}");
        let said = error.to_string();
        assert!(said.contains(&name) && said.contains("full"), "{case}: {said}");
        let (grown, logged) = found(&file);
        assert!(grown <= pages.max(1), "{case}: {grown}");
        let has_tables = pages >= schema;
        without_tables += u32::from(!has_tables);
        without_records += u32::from(has_tables && logged == 0);
        between += u32::from(logged > 0);
        let output = migration.command_into(&name, &[]).output().unwrap();
        assert!(output.status.success(), "{case}: {output:?}");
        let rest: RunReport = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(rest.books.skipped, logged, "{case}");
        assert_eq!(rest.books.read + rest.books.skipped, u64::from(RECORDS), "{case}");
        let audit = migration.audit_of(&name, &[]);
        assert!(audit.passed, "{case}: {:?}", audit.findings);
        harm += Harm::found_by(&audit);
    }
    assert!(without_tables >= 3 && without_records > 0 && between > 8);
    counts::print(&format!(
        "{} full files ({without_tables} without tables, {without_records} without records, \
         {between} with some of them): {harm}",
        without_tables + without_records + between
    ));
}
