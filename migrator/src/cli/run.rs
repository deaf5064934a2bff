//! `migrator run`: resolves the arguments, runs the migration and writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{NaiveDateTime, SubsecRound, Utc};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::resolve;
use super::resolve::StoreLocation;
use crate::cli::args::RunArgs;
use crate::cli::display;
use crate::cli::display::Display;
use crate::config::{Config, Link, Synchronous};
use crate::error::{Error, ErrorKind, Result};
use crate::run::pipeline;
use crate::run::pipeline::{Job, RecordStages};
use crate::source::location::Location;
use crate::stage::coerce::Coercer;
use crate::store::simulated_network::SimulatedNetwork;
use crate::telemetry::report::{Books, RunReport};
use crate::util::cancel::CancellationToken;
use crate::util::clock::SystemClock;
use crate::util::partition::Partition;

/// Exit code of an interrupted run.
const INTERRUPTED: i32 = 130;

/// Fraction digits of the run's `now`. `migration_run` keeps this many on every server; with more,
/// `verify` would map with another `now`.
const NOW_DIGITS: u16 = 6;

/// Runs the verb.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let config = config(args)?;
    let cancellation = Arc::new(CancellationToken::default());
    cancel_on_signals(&cancellation)?;
    resolve::reject_unused(&args.server, &[&args.source, &args.store])?;
    let (contract, catalogue) = resolve::load(&args.contract)?;
    let location = resolve::source_location(&args.source, &contract, &args.server)?;
    let at = resolve::store_location(&args.store, &args.server)?;
    match &at {
        StoreLocation::Sqlite(path) => reject_same_file(&location, path)?,
        StoreLocation::Mssql(_) if args.synchronous.is_some() => {
            return Err(Error::usage(
                "--synchronous would be ignored with --store mssql://: it is the flush policy of sqlite:",
            ));
        }
        StoreLocation::Mssql(_) => {}
    }
    let misfit = resolve::fits(&location, &args.contract, &contract)?;
    let coercer = Coercer::new(&contract.tables, &catalogue, config.now)?;
    let source =
        location.open(resolve::source_names(&contract), config.partition, &cancellation)?;
    let opened =
        at.store(&args.server, args.synchronous.unwrap_or(Synchronous::Full), &catalogue)?;
    let order = resolve::insertion_order(&contract, opened.tables());
    let linked =
        link(args).map(|link| SimulatedNetwork::new(&*opened, link, Arc::new(SystemClock)));
    let store = linked.as_ref().map_or(&*opened, |linked| linked);
    let total = source.count().min(config.limit);
    if let Some(misfit) = misfit.filter(|_| !args.quiet) {
        display::note(&misfit);
    }
    let display = Display::new(total, args.quiet, store.simulated_link());
    let job = Job {
        config: &config,
        source: source.as_ref(),
        source_name: &args.source,
        store,
        order: &order,
    };
    let stages = || RecordStages::new(&contract, &coercer, config.now);
    let outcome = pipeline::run(&job, stages, &cancellation, &|event| display.show(event));
    display.finish();
    let report = outcome?;
    display.lost_races(&report.books);
    publish(args, &report, &display)?;
    Ok(exit_code(args, &report.books))
}

fn config(args: &RunArgs) -> Result<Config> {
    Ok(Config {
        settings: args.settings.clone().try_into()?,
        limit: args.limit.unwrap_or(u64::MAX),
        partition: args.partition.unwrap_or(Partition::ALL),
        retry_failed: args.retry_failed,
        now: match &args.now {
            Some(text) => point_in_time(text)?,
            None => Utc::now().naive_utc(),
        }
        .trunc_subsecs(NOW_DIGITS),
    })
}

/// The link to simulate; `None` if it has no latency.
fn link(args: &RunArgs) -> Option<Link> {
    let RunArgs { link_connect_ms: connect_ms, link_round_trip_ms: round_trip_ms, .. } = *args;
    let link = Link { connect_ms, round_trip_ms };
    link.takes_time().then_some(link)
}

/// Cancels the run on SIGINT or SIGTERM. Before the run starts, and at the second signal, the
/// process exits at once.
fn cancel_on_signals(cancellation: &Arc<CancellationToken>) -> Result<()> {
    let unheard = |cause| Error::caused(ErrorKind::Environment, "cannot listen for signals", cause);
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(unheard)?;
    let cancellation = Arc::clone(cancellation);
    // The thread ends with the process, because signals may arrive until then.
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if !cancellation.cancel() {
                std::process::exit(INTERRUPTED);
            }
        }
    });
    Ok(())
}

fn point_in_time(text: &str) -> Result<NaiveDateTime> {
    let text = text.trim_end_matches('Z');
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map_err(|cause| {
        let message = format!("--now {text}: expected a time such as 2026-01-31T12:00:00");
        Error::caused(ErrorKind::Usage, message, cause)
    })
}

/// Rejects one file as both source and store. It would be written while it is read, with another
/// schema.
fn reject_same_file(location: &Location, store: &Path) -> Result<()> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    match location.database().map(real) {
        Some(Some(source)) if real(store).as_ref() == Some(&source) => Err(Error::usage(format!(
            "--source and --store are the same file, {}: use another file for the store",
            store.display()
        ))),
        _ => Ok(()),
    }
}

fn publish(args: &RunArgs, report: &RunReport, display: &Display) -> Result<()> {
    let json = serde_json::to_string_pretty(report).map_err(|cause| {
        Error::caused(ErrorKind::Environment, "cannot write the run report", cause)
    })?;
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

/// Writes a file completely or not at all.
fn write_aside(path: &Path, text: &str) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    fs::write(&aside, text).and_then(|()| fs::rename(&aside, path)).map_err(|cause| {
        let message = format!("cannot write the run report {}", path.display());
        Error::caused(ErrorKind::Environment, message, cause)
    })
}

fn exit_code(args: &RunArgs, books: &Books) -> ExitCode {
    if args.fail_on_reject && books.rejected + books.failed > 0 {
        return ExitCode::from(1);
    }
    ExitCode::SUCCESS
}
