//! CSV for spreadsheets and notebooks.

use csv::{Terminator, WriterBuilder};

use crate::error::{Error, Result};
use crate::report::model::{ArmRun, Check, Document, RunRow, Section};
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

/// Columns of a document without runs.
const CHECK_COLUMNS: [&str; 6] = ["section", "name", "status", "value", "unit", "words"];

/// Text of the file: one row per run, or one per check of a document without runs. Missing figures
/// are empty cells.
pub(in crate::report) fn csv(document: &Document) -> Result<String> {
    let failed = |error| Error::caused("writing CSV", error);
    let mut writer =
        WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    let checks: Vec<[String; 6]> = check_rows(document);
    if checks.is_empty() {
        writer.write_record(COLUMNS).map_err(failed)?;
        for cells in run_rows(document) {
            writer.write_record(cells).map_err(failed)?;
        }
    } else {
        writer.write_record(CHECK_COLUMNS).map_err(failed)?;
        for cells in checks {
            writer.write_record(cells).map_err(failed)?;
        }
    }
    let bytes =
        writer.into_inner().map_err(|error| Error::caused("writing CSV", error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::caused("writing CSV", error))
}

/// Runs of phases, then those of arms.
fn run_rows(document: &Document) -> Vec<[String; 15]> {
    let link = document.link.as_deref();
    let mut rows = Vec::new();
    for phase in &document.phases {
        for (index, setting) in phase.settings.iter().enumerate() {
            let name = [&phase.phase, &phase.optimization, &setting.label];
            let roles = [phase.baseline, phase.chosen].map(|role| role == Some(index));
            rows.extend(setting.runs.iter().map(|run| cells(name, roles, run, link)));
        }
    }
    let of_arm = |arm: &ArmRun| {
        cells([&arm.step, &String::new(), &arm.arm], [arm.is_baseline, false], &arm.run, link)
    };
    rows.extend(document.runs.iter().map(of_arm));
    rows
}

/// Checks of a document without runs.
fn check_rows(document: &Document) -> Vec<[String; 6]> {
    if !document.runs.is_empty() || !document.phases.is_empty() {
        return Vec::new();
    }
    let row = |section: &Section, check: &Check| {
        [
            inert(&section.title),
            inert(&check.name),
            check.status.word().to_owned(),
            figure(check.value),
            inert(&check.unit),
            inert(&check.words),
        ]
    };
    let sections = document.sections.iter();
    sections
        .flat_map(|section| section.checks.iter().map(move |check| row(section, check)))
        .collect()
}

fn figure(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Row of a run. `name` is its phase, optimization and setting; `roles` are baseline and chosen.
fn cells(name: [&String; 3], roles: [bool; 2], run: &RunRow, link: Option<&str>) -> [String; 15] {
    let [phase, optimization, setting] = name.map(|name| inert(name));
    let [baseline, chosen] = roles.map(|role| role.to_string());
    [
        phase,
        optimization,
        setting,
        baseline,
        chosen,
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

/// Text that is no formula to a spreadsheet and no command to a terminal.
fn inert(text: &str) -> String {
    let sign = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("{sign}{}", shown(text))
}
