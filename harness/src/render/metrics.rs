//! `metrics.json`: an array with one object per phase, in the names that users' tools read.

use migrator::config::Settings;
use serde::Serialize;

use super::format::{pretty, rounded};
use crate::analyse::Analysis;
use crate::error::Result;

/// What the Phase II plan expected of each optimization, in percent.
const EXPECTED_PERCENT: [f64; 2] = [5.0, 20.0];

/// One phase. Rates are medians of raw records per minute, deviations have n − 1, and the
/// improvement is that of the two medians; all rounded to two decimals.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the file")]
struct Phase<'a> {
    phase: &'a str,
    optimization: &'a str,
    baseline_rec_per_min: f64,
    optimized_rec_per_min: f64,
    improvement_percent: f64,
    std_dev_baseline: Option<f64>,
    std_dev_optimized: Option<f64>,
    confidence: &'a str,
    notes: String,
    verdict: &'a str,
    interval_percent: Option<[f64; 2]>,
    runs: usize,
    settings_baseline: &'a Settings,
    settings_optimized: &'a Settings,
    kept: bool,
    expected_percent: [f64; 2],
    checksum: &'a str,
}

/// The file's text. A sweep alone confirms nothing: confidence is `none`, there is no interval, and
/// nothing is kept.
pub fn metrics(analysis: &Analysis) -> Result<String> {
    let (baseline, highest) = (analysis.baseline(), analysis.highest());
    let notes: Vec<String> = analysis.doubts.iter().map(ToString::to_string).collect();
    let phase = Phase {
        phase: &analysis.scenario.phase,
        optimization: &analysis.scenario.optimization,
        baseline_rec_per_min: rounded(baseline.metrics.rec_per_min.median),
        optimized_rec_per_min: rounded(highest.metrics.rec_per_min.median),
        improvement_percent: rounded(highest.vs_baseline_percent),
        std_dev_baseline: baseline.metrics.rec_per_min.std_dev.map(rounded),
        std_dev_optimized: highest.metrics.rec_per_min.std_dev.map(rounded),
        confidence: "none",
        notes: notes.join("; "),
        verdict: match (analysis.invalid, analysis.scenario.quick) {
            (true, _) => "invalid",
            (false, true) => "not testable",
            (false, false) => "not confirmed",
        },
        interval_percent: None,
        runs: highest.runs,
        settings_baseline: &baseline.setting.settings,
        settings_optimized: &highest.setting.settings,
        kept: false,
        expected_percent: EXPECTED_PERCENT,
        checksum: &analysis.stored.checksum,
    };
    pretty(&[phase])
}
