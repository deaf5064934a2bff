//! `metrics.json`: an array with one object per phase (results/README.md).

use migrator::config::Settings;
use serde::Serialize;

use crate::error::Result;
use crate::report::model::{Document, PhaseMetrics, PhaseReport};
use crate::report::numbers::{pretty, rounded};

/// Object of a phase, rounded to two decimals.
#[derive(Debug, Serialize)]
struct PhaseObject<'a> {
    phase: &'a str,
    optimization: &'a str,
    baseline_rec_per_min: f64,
    optimized_rec_per_min: f64,
    improvement_percent: f64,
    std_dev_baseline: Option<f64>,
    std_dev_optimized: Option<f64>,
    confidence: &'a str,
    notes: String,
    verdict: &'static str,
    interval_percent: Option<[Option<f64>; 2]>,
    runs: usize,
    settings_baseline: &'a Settings,
    settings_optimized: &'a Settings,
    kept: bool,
    expected_percent: Option<[f64; 2]>,
    checksum: &'a str,
}

/// Text of the file, for the phases with an outcome.
pub(in crate::report) fn metrics(document: &Document) -> Result<String> {
    let phases = document.phases.iter();
    let rows = phases.filter_map(|phase| Some(row(phase, phase.outcome.as_ref()?)));
    pretty(&rows.collect::<Vec<_>>())
}

fn row<'a>(phase: &'a PhaseReport, outcome: &'a PhaseMetrics) -> PhaseObject<'a> {
    PhaseObject {
        phase: &phase.phase,
        optimization: &phase.optimization,
        baseline_rec_per_min: rounded(outcome.baseline_rec_per_min),
        optimized_rec_per_min: rounded(outcome.optimized_rec_per_min),
        improvement_percent: rounded(outcome.improvement_percent),
        std_dev_baseline: outcome.std_dev_baseline.map(rounded),
        std_dev_optimized: outcome.std_dev_optimized.map(rounded),
        confidence: &outcome.confidence,
        notes: phase.notes.join("; "),
        verdict: outcome.status.word(),
        interval_percent: outcome.interval_percent.map(|ends| ends.map(|end| end.map(rounded))),
        runs: outcome.runs,
        settings_baseline: &outcome.settings_baseline,
        settings_optimized: &outcome.settings_optimized,
        kept: outcome.kept,
        expected_percent: outcome.expected_percent,
        checksum: &outcome.checksum,
    }
}
