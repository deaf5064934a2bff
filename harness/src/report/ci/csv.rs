//! CSV: one row for each run, so that a spreadsheet or a notebook can go on from there.

use csv::{Terminator, WriterBuilder};

use crate::error::{Error, Result};
use crate::report::model::{Document, Phase, Run};
use crate::sanitize::shown;

const COLUMNS: [&str; 15] = [
    "phase",
    "optimization",
    "setting",
    "baseline",
    "chosen",
    "run",
    "block",
    "at_s",
    "elapsed_s",
    "rec_per_min",
    "insert_ms_per_1000_records",
    "prepare_ms_per_1000_records",
    "peak_rss_bytes",
    "link",
    "failure",
];

/// The file's text; a figure that is not there is an empty cell.
pub(in crate::report) fn csv(document: &Document) -> Result<String> {
    let failed = |error| Error::caused("writing CSV", error);
    let mut writer =
        WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(failed)?;
    for phase in &document.phases {
        for (index, setting) in phase.settings.iter().enumerate() {
            for run in &setting.runs {
                let cells = cells(phase, index, run, document.link.as_deref());
                writer.write_record(cells).map_err(failed)?;
            }
        }
    }
    let bytes =
        writer.into_inner().map_err(|error| Error::caused("writing CSV", error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::caused("writing CSV", error))
}

fn cells(phase: &Phase, index: usize, run: &Run, link: Option<&str>) -> [String; 15] {
    let figure = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        inert(&phase.phase),
        inert(&phase.optimization),
        inert(&phase.settings[index].label),
        (phase.baseline == Some(index)).to_string(),
        (phase.chosen == Some(index)).to_string(),
        run.number.to_string(),
        run.block.to_string(),
        format!("{:.3}", run.at_s),
        format!("{:.3}", run.elapsed_s),
        figure(run.rec_per_min),
        figure(run.insert_ms),
        figure(run.prepare_ms),
        figure(run.peak_rss_bytes),
        inert(link.unwrap_or_default()),
        inert(run.failure.as_deref().unwrap_or_default()),
    ]
}

/// A text that a spreadsheet does not take for a formula, nor a terminal for a command.
fn inert(text: &str) -> String {
    let sign = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("{sign}{}", shown(text))
}
