//! The files of a results folder but for the ledger and the identity. Adds nothing to what is rendered.

use crate::analysis::sweep::Analysis;
use crate::error::Result;
use crate::experiment::gate::Gated;
use crate::experiment::tune::Tuning;
use crate::render::{self, Format};
use crate::results::Folder;
use crate::session::state::Recorded;
use crate::trial::provenance::Identity;

/// Writes what a sweep says; gives the text of `metrics.json`.
pub(super) fn sweep(
    folder: &Folder,
    analysis: &Analysis,
    recorded: &Recorded,
    identity: &Identity,
) -> Result<String> {
    folder.write("analysis.json", render::pretty(analysis)?)?;
    let document = render::document::sweep::document(analysis, recorded, identity);
    for file in render::files(&document)? {
        folder.write(&file.name, file.bytes)?;
    }
    render::metrics(&document)
}

/// Writes what a plan's session says; gives the text of `metrics.json`.
pub(super) fn tune(
    folder: &Folder,
    tuning: &Tuning,
    recorded: &Recorded,
    identity: &Identity,
) -> Result<String> {
    folder.write("analysis.json", render::pretty(tuning)?)?;
    let document = render::document::tune::document(tuning, recorded, identity)?;
    for file in render::files(&document)? {
        folder.write(&file.name, file.bytes)?;
    }
    render::metrics(&document)
}

/// Writes what a gate says; gives the text of `report.md`.
pub(super) fn gate(
    folder: &Folder,
    gated: &Gated,
    recorded: &Recorded,
    identity: &Identity,
) -> Result<String> {
    let document = render::document::gate::document(gated, recorded, identity);
    folder.write("analysis.json", render::pretty(gated)?)?;
    folder.write("junit.xml", render::render(Format::Junit, &document)?)?;
    for file in render::files(&document)? {
        folder.write(&file.name, file.bytes)?;
    }
    render::markdown(&document)
}
