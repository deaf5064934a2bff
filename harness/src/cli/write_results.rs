//! Results of a verb: writes the files of a results folder and prints the requested format.

use crate::cli::args::OutputArgs;
use crate::cli::display;
use crate::error::Result;
use crate::report;
use crate::report::model::Document;
use crate::results_dir::ResultsDir;

/// Writes the files of a results folder other than ledger and provenance.
pub(super) fn write(folder: &ResultsDir, document: &Document) -> Result<()> {
    for file in report::files(document)? {
        folder.write(&file.name, file.bytes)?;
    }
    Ok(())
}

/// Prints a result: in the requested format, as the JSON of the verb, or as `text`.
pub(super) fn show(
    output: OutputArgs,
    document: &Document,
    json: &str,
    text: impl FnOnce() -> Result<String>,
) -> Result<()> {
    let shown = match output.format {
        Some(format) => report::render(format, document)?,
        None if output.json => json.to_owned(),
        None => text()?,
    };
    display::result(&shown);
    Ok(())
}
