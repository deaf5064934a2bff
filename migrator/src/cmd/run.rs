//! `migrator run`: resolves the command line, wires source, store and display, writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{NaiveDateTime, Utc};

use super::inputs;
use crate::args::RunArgs;
use crate::config::{Config, Settings};
use crate::display::{self, Display};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{self, Job, RecordMapping};
use crate::report::{Books, RunReport};
use crate::source::location::Location;
use crate::stage::coerce::Coercer;
use crate::store::schema::Tables;
use crate::store::sqlite::SqliteStore;

/// Runs the verb.
pub fn run(args: &RunArgs) -> Result<ExitCode> {
    let config = config(args)?;
    let location = Location::parse(&args.source)?;
    let path = store_path(&args.store)?;
    refuse_one_file(&location, path)?;
    let (contract, catalogue) = inputs::load(&args.contract)?;
    let tables = Tables::new(&catalogue)?;
    let order = inputs::insertion_order(&contract, &tables);
    let coercer = Coercer::new(&contract.tables, &catalogue, config.now)?;
    let source = location.open(inputs::source_names(&contract))?;
    let store = SqliteStore::new(path, args.synchronous, tables)?;
    let display = Display::new(source.count().min(config.limit), args.quiet);
    let job = Job {
        config: &config,
        source: source.as_ref(),
        source_name: &args.source,
        store: &store,
        order: &order,
    };
    let mapping = || RecordMapping::new(&contract, &coercer, config.now);
    let outcome = pipeline::run(&job, mapping, &|event| display.show(event));
    display.finish();
    let report = outcome?;
    publish(args, &report, &display)?;
    Ok(exit_code(args, &report.books))
}

fn config(args: &RunArgs) -> Result<Config> {
    let baseline = Settings::default();
    Ok(Config {
        settings: Settings {
            workers: args.workers.unwrap_or(baseline.workers),
            batch_size: args.batch_size.unwrap_or(baseline.batch_size),
            insert: args.insert.unwrap_or(baseline.insert),
        },
        limit: args.limit.unwrap_or(u64::MAX),
        retry_failed: args.retry_failed,
        now: match &args.now {
            Some(text) => point_in_time(text)?,
            None => Utc::now().naive_utc(),
        },
    })
}

fn point_in_time(text: &str) -> Result<NaiveDateTime> {
    let text = text.trim_end_matches('Z');
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map_err(|cause| {
        let message = format!("--now {text}: the form is 2026-01-31T12:00:00");
        Error::caused(ErrorKind::Usage, message, cause)
    })
}

fn store_path(store: &str) -> Result<&Path> {
    match store.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(Path::new(path)),
        _ => Err(Error::usage(format!("--store {store}: the form is sqlite:PATH"))),
    }
}

/// A source that is written to while it is read, by another schema, helps nobody.
fn refuse_one_file(location: &Location, store: &Path) -> Result<()> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    match location.database().map(real) {
        Some(Some(source)) if real(store).as_ref() == Some(&source) => Err(Error::usage(format!(
            "--source and --store are the same file, {}",
            store.display()
        ))),
        _ => Ok(()),
    }
}

fn publish(args: &RunArgs, report: &RunReport, display: &Display) -> Result<()> {
    let json = serde_json::to_string_pretty(report)
        .map_err(|cause| Error::caused(ErrorKind::Environment, "write the run report", cause))?;
    match &args.report {
        Some(path) if path.as_os_str() == "-" => display::print(&json),
        Some(path) => {
            write_aside(path, &json)?;
            display.summary(report);
        }
        None => display.summary(report),
    }
    Ok(())
}

/// Writes a file whole or not at all.
fn write_aside(path: &Path, text: &str) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    fs::write(&aside, text).and_then(|()| fs::rename(&aside, path)).map_err(|cause| {
        let message = format!("write the run report {}", path.display());
        Error::caused(ErrorKind::Environment, message, cause)
    })
}

fn exit_code(args: &RunArgs, books: &Books) -> ExitCode {
    if args.fail_on_reject && books.rejected + books.failed > 0 {
        return ExitCode::from(1);
    }
    ExitCode::SUCCESS
}
