//! Writes the files of a results folder other than ledger and provenance.

use crate::analysis::sweep::Analysis;
use crate::error::Result;
use crate::experiment::gate::GateResult;
use crate::experiment::tune::TuneResult;
use crate::report;
use crate::report::Format;
use crate::results_dir::ResultsDir;
use crate::session::state::SessionState;
use crate::trial::provenance::Provenance;

/// Writes the results of a sweep; returns the text of `metrics.json`.
pub(super) fn sweep(
    folder: &ResultsDir,
    analysis: &Analysis,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<String> {
    folder.write("analysis.json", report::pretty(analysis)?)?;
    let document = report::build::sweep::document(analysis, recorded, identity);
    for file in report::files(&document)? {
        folder.write(&file.name, file.bytes)?;
    }
    report::metrics(&document)
}

/// Writes the results of a plan; returns the text of `metrics.json`.
pub(super) fn tune(
    folder: &ResultsDir,
    tuning: &TuneResult,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<String> {
    folder.write("analysis.json", report::pretty(tuning)?)?;
    let document = report::build::tune::document(tuning, recorded, identity)?;
    for file in report::files(&document)? {
        folder.write(&file.name, file.bytes)?;
    }
    report::metrics(&document)
}

/// Writes the results of a gate; returns the text of `report.md`.
pub(super) fn gate(
    folder: &ResultsDir,
    gated: &GateResult,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<String> {
    let document = report::build::gate::document(gated, recorded, identity);
    folder.write("analysis.json", report::pretty(gated)?)?;
    folder.write("junit.xml", report::render(Format::Junit, &document)?)?;
    for file in report::files(&document)? {
        folder.write(&file.name, file.bytes)?;
    }
    report::markdown(&document)
}
