//! `migrator verify`: resolves the arguments, runs the verification and prints the result.

use std::collections::hash_map::Entry;
use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::NaiveDateTime;
use rustc_hash::FxHashMap;

use super::resolve;
use crate::cli::args::VerifyArgs;
use crate::cli::display;
use crate::cli::display::Display;
use crate::config::Synchronous;
use crate::contract::catalogue::Catalogue;
use crate::contract::model::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{MappingOutcome, RawRecord, Reject, RowSet};
use crate::stage::coerce::Coercer;
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;
use crate::stage::validate::validate;
use crate::util::partition::Partition;
use crate::verify::{Verification, VerifyReport};

/// Maximum number of cached coercers, one per run's `now`. Records of concurrent processes are
/// interleaved; for sequential runs one coercer would do.
const COERCERS_KEPT_MAX: usize = 64;

/// Runs the verb.
pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    resolve::reject_unused(&args.server, &[&args.source, &args.store])?;
    let (contract, catalogue) = resolve::load(&args.contract)?;
    let location = resolve::source_location(&args.source, &contract, &args.server)?;
    let at = resolve::store_location(&args.store, &args.server)?;
    let misfit = resolve::fits(&location, &args.contract, &contract)?;
    let source =
        location.open(resolve::source_names(&contract), Partition::ALL, &Arc::default())?;
    let store = at.store(&args.server, Synchronous::Full, &catalogue)?;
    if let Some(misfit) = misfit.filter(|_| !args.quiet) {
        display::note(&misfit);
    }
    let display = Display::new(source.count(), args.quiet, None);
    let mut stages = MappingStages::new(&contract, &catalogue);
    let audit = Verification { source: source.as_ref(), store: &*store, strict: args.strict };
    let outcome = audit
        .run(&mut |record, now| stages.map(record, now), &mut |records| display.advance(records));
    display.finish();
    let report = outcome?;
    if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(|cause| {
            Error::caused(ErrorKind::Environment, "cannot write the result", cause)
        })?;
        display::print(&json);
    } else {
        publish(&report, args.quiet);
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The mapping half of a run, for any `now`.
struct MappingStages<'c> {
    contract: &'c Contract,
    catalogue: &'c Catalogue,
    parser: Parser<'c>,
    coercers: FxHashMap<NaiveDateTime, Coercer>,
}

impl<'c> MappingStages<'c> {
    fn new(contract: &'c Contract, catalogue: &'c Catalogue) -> Self {
        let coercers = FxHashMap::default();
        Self { contract, catalogue, parser: Parser::new(contract), coercers }
    }

    fn map(&mut self, record: RawRecord, now: NaiveDateTime) -> Result<MappingOutcome> {
        let rows = match self.rows(record, now) {
            Ok(rows) => rows,
            Err(reject) => return Ok(MappingOutcome::Rejected(reject)),
        };
        Ok(match self.coercer(now)?.coerce(&rows) {
            Ok(record) => MappingOutcome::Rows(record),
            Err(refusal) => MappingOutcome::Refused(refusal),
        })
    }

    fn rows(
        &mut self,
        record: RawRecord,
        now: NaiveDateTime,
    ) -> std::result::Result<RowSet, Reject> {
        let valid = validate(record)?;
        let parsed = self.parser.parse(&valid)?;
        let rows = Mapper::new(self.contract, now).map(&parsed);
        self.parser.recycle(parsed);
        rows
    }

    fn coercer(&mut self, now: NaiveDateTime) -> Result<&Coercer> {
        if self.coercers.len() >= COERCERS_KEPT_MAX && !self.coercers.contains_key(&now) {
            self.coercers.clear();
        }
        Ok(match self.coercers.entry(now) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Coercer::new(&self.contract.tables, self.catalogue, now)?)
            }
        })
    }
}

fn publish(report: &VerifyReport, quiet: bool) {
    let mut text = findings(report);
    if !quiet {
        text.push_str(&summary(report));
    }
    if !text.is_empty() {
        display::print(text.trim_end());
    }
}

/// One line per kept finding, then the number of further ones.
fn findings(report: &VerifyReport) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{finding}");
    }
    for (table, count) in &report.finding_counts {
        let named = report.findings.iter().filter(|finding| finding.table == *table).count();
        let more = count.saturating_sub(named as u64);
        if more > 0 {
            let _ = writeln!(text, "{table}: {more} more");
        }
    }
    text
}

/// Three lines: records, rows and outcome.
fn summary(report: &VerifyReport) -> String {
    let records = &report.records;
    let rows: u64 = report.rows.values().sum();
    let faults: u64 = report.finding_counts.values().sum();
    let outcome = match faults {
        0 => "audit passed".to_owned(),
        1 => "audit failed: 1 fault".to_owned(),
        faults => format!("audit failed: {faults} faults"),
    };
    format!(
        "records {}: stored {}, duplicate {}, rejected {}, failed {}, unclear {}\n\
         rows {rows}; shared keys {}, of which not with the lowest source key {}\n\
         {outcome}",
        records.read,
        records.stored,
        records.duplicate,
        records.rejected,
        records.failed,
        records.unclear,
        report.shared_keys,
        report.shared_keys_not_lowest,
    )
}
