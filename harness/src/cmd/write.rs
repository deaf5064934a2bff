//! The files of a results folder but for the ledger and the identity. Adds nothing to what is rendered.

use crate::analyse::Analysis;
use crate::error::Result;
use crate::identity::Identity;
use crate::render;
use crate::results::{self, Folder};

/// Writes what a sweep says; gives the text of `metrics.json`.
pub(super) fn sweep(folder: &Folder, analysis: &Analysis, identity: &Identity) -> Result<String> {
    let metrics = render::metrics::metrics(analysis)?;
    folder.write("metrics.json", &metrics)?;
    folder.write("analysis.json", &render::pretty(analysis)?)?;
    folder.write(render::charts::RATES_FILE, &render::charts::rates(analysis)?)?;
    if let Some(times) = render::charts::times(analysis)? {
        folder.write(render::charts::TIMES_FILE, &times)?;
    }
    folder.write(results::LAST_FILE, &render::markdown::markdown(analysis, identity))?;
    Ok(metrics)
}
