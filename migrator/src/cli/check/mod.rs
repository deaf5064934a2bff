//! `migrator check`: prints all errors of a contract, then all warnings.

mod report;
mod sample;
mod tables;

use std::path::Path;
use std::process::ExitCode;

use chrono::Utc;

use self::report::SourceText;
use self::sample::SampleCoverage;
use self::tables::{KnownTables, keep};
use super::{records, resolve};
use crate::cli::args::CheckArgs;
use crate::cli::display;
use crate::contract::diagnostic::{Diagnostic, Severity, sort};
use crate::contract::lint::{ContractPair, of_draft, warnings};
use crate::contract::model::Contract;
use crate::contract::syntax::ContractSyntax;
use crate::error::{Error, Result};
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;

/// Exit code for a contract with errors, the same as for any unusable input.
const FAULTY: u8 = 2;

/// Prints the diagnostics. The exit code is 2 if one is an error or if an input cannot be read,
/// otherwise 0.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    resolve::reject_unused(&args.server, &args.store.as_deref().into_iter().collect::<Vec<_>>())?;
    let (name, text) = resolve::contract_text(&args.contract)?;
    // An unreadable store or sample must not hide the contract's diagnostics.
    let mut errors = Vec::new();
    let known = KnownTables::new(args, &mut errors);
    let diagnostics = diagnostics(&text, &known, args.sample.as_deref(), &mut errors);
    print(&diagnostics, SourceText { name: &name, text: &text }, args.json);
    let faulty = diagnostics.iter().any(|diagnostic| diagnostic.code.severity() == Severity::Error);
    for error in &errors {
        display::note(&error.to_string());
    }
    if faulty || !errors.is_empty() {
        return Ok(ExitCode::from(FAULTY));
    }
    for note in known.notes(args)? {
        display::note(&note);
    }
    Ok(ExitCode::SUCCESS)
}

fn diagnostics(
    text: &str,
    known: &KnownTables,
    sample: Option<&Path>,
    errors: &mut Vec<Error>,
) -> Vec<Diagnostic> {
    let mut diagnostics = match Contract::read(text) {
        Ok((draft, contract)) => {
            let pair = ContractPair { draft: &draft, contract: &contract };
            let mut found = warnings(pair, known.targets());
            found.extend(known.differing(&draft));
            let unseen = sample.and_then(|folder| keep(unseen(pair, folder), errors));
            found.extend(unseen.into_iter().flatten());
            found
        }
        // A contract with errors is not compiled, but many checks do not need that.
        Err(mut errors) => {
            if let Ok(draft) = ContractSyntax::parse(text) {
                errors.extend(of_draft(&draft, known.targets()));
                errors.extend(known.differing(&draft));
            }
            errors
        }
    };
    sort(&mut diagnostics);
    diagnostics
}

/// Maps every record of a folder and warns about attributes and fields that none of them has.
fn unseen(pair: ContractPair<'_>, folder: &Path) -> Result<Vec<Diagnostic>> {
    let files = records::record_files(&[folder.to_path_buf()])?;
    let mut parser = Parser::new(pair.contract);
    let mapper = Mapper::new(pair.contract, Utc::now().naive_utc());
    let seen = SampleCoverage::default();
    let mut mapped = 0;
    for file in &files {
        let bytes = records::read(file)?;
        mapped += usize::from(records::map(bytes, &mut parser, &mapper, &seen).is_ok());
    }
    if mapped < files.len() {
        let rejected = files.len() - mapped;
        display::note(&format!("{rejected} of {} records of the sample are rejected", files.len()));
    }
    Ok(if mapped == 0 { Vec::new() } else { sample::unseen(pair, &seen, mapped) })
}

fn print(diagnostics: &[Diagnostic], source: SourceText<'_>, as_json: bool) {
    if as_json {
        for diagnostic in diagnostics {
            display::print(&report::json(diagnostic).to_string());
        }
    } else {
        display::print_styled(&report::text(diagnostics, source, display::width()));
    }
}
