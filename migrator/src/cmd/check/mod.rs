//! `migrator check`: every fault of a contract, then every warning, to stdout.

mod report;
mod sample;

use std::path::Path;
use std::process::ExitCode;

use chrono::Utc;

use self::report::Source;
use self::sample::Seen;
use super::{inputs, records};
use crate::args::CheckArgs;
use crate::contract::catalogue::Catalogue;
use crate::contract::finding::{Finding, Severity, sort};
use crate::contract::model::Contract;
use crate::contract::warn::{Pair, warnings};
use crate::display;
use crate::error::Result;
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;

/// Exit code for a contract with faults, that of every unusable input.
const FAULTY: u8 = 2;

/// Prints the findings; the exit code is 2 if there is a fault among them, 0 for warnings.
pub fn run(args: &CheckArgs) -> Result<ExitCode> {
    let (name, text) = inputs::contract_text(&args.contract)?;
    // A catalogue with faults must not hide the contract's: it is an error when they are told.
    let catalogue = inputs::catalogue_if_there(&args.contract);
    let known = catalogue.as_ref().ok().and_then(Option::as_ref);
    let findings = findings(&text, known, args.sample.as_deref())?;
    tell(&findings, Source { name: &name, text: &text }, args.json);
    let faulty = findings.iter().any(|finding| finding.code.severity == Severity::Fault);
    match (catalogue?, inputs::tables_path(&args.contract)) {
        (None, Some(missing)) if !faulty => {
            let message = format!("columns are not compared: there is no {}", missing.display());
            display::note(&message);
        }
        _ => {}
    }
    Ok(if faulty { ExitCode::from(FAULTY) } else { ExitCode::SUCCESS })
}

fn findings(
    text: &str,
    catalogue: Option<&Catalogue>,
    sample: Option<&Path>,
) -> Result<Vec<Finding>> {
    let (draft, contract) = match Contract::read(text) {
        Ok(read) => read,
        Err(faults) => return Ok(faults),
    };
    let pair = Pair { draft: &draft, contract: &contract };
    let mut findings = warnings(pair, catalogue);
    if let Some(folder) = sample {
        findings.extend(unseen(pair, folder)?);
        sort(&mut findings);
    }
    Ok(findings)
}

/// Maps every record of a folder and tells what none of them has.
fn unseen(pair: Pair<'_>, folder: &Path) -> Result<Vec<Finding>> {
    let files = records::record_files(&[folder.to_path_buf()])?;
    let mut parser = Parser::new(pair.contract);
    let mapper = Mapper::new(pair.contract, Utc::now().naive_utc());
    let seen = Seen::default();
    let mut mapped = 0;
    for file in &files {
        let bytes = records::read(file)?;
        mapped += usize::from(records::map(bytes, &mut parser, &mapper, &seen).is_ok());
    }
    if mapped < files.len() {
        let rejected = files.len() - mapped;
        display::note(&format!("{rejected} of {} records are rejected", files.len()));
    }
    Ok(if mapped == 0 { Vec::new() } else { sample::unseen(pair, &seen, mapped) })
}

fn tell(findings: &[Finding], source: Source<'_>, as_json: bool) {
    if as_json {
        for finding in findings {
            display::print(&report::json(finding).to_string());
        }
    } else {
        display::print_styled(&report::text(findings, source, display::width()));
    }
}
