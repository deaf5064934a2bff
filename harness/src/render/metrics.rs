//! `metrics.json`: an array with one object per phase, in the names that users' tools read.

use migrator::config::Settings;
use serde::Serialize;

use super::format::{pretty, rounded};
use crate::analyse::{Analysis, Answer};
use crate::compare::Comparison;
use crate::error::Result;
use crate::figures::Figures;
use crate::metric::Metric;

/// What the Phase II plan expected of each optimization, in percent.
const EXPECTED_PERCENT: [f64; 2] = [5.0, 20.0];

/// One phase. Rates are medians of raw records per minute, deviations have n − 1, and the
/// improvement is that of the two medians; all rounded to two decimals. The interval is that of the
/// fresh pairs, an end `null` where it has none.
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
    confidence: String,
    notes: String,
    verdict: String,
    interval_percent: Option<[Option<f64>; 2]>,
    runs: usize,
    settings_baseline: &'a Settings,
    settings_optimized: &'a Settings,
    kept: bool,
    expected_percent: [f64; 2],
    checksum: &'a str,
}

/// The text of a file with one phase.
pub fn metrics(analysis: &Analysis) -> Result<String> {
    phases(&[analysis])
}

/// The file's text, a phase for each analysis. What a sweep finds about its own best is never told:
/// figures are those of the fresh pairs, and where there are none the present setting's.
pub fn phases(analyses: &[&Analysis]) -> Result<String> {
    let phases: Vec<Phase<'_>> = analyses.iter().map(|analysis| phase(analysis)).collect();
    pretty(&phases)
}

/// The figures of an arm, and under which settings.
struct Arm<'a> {
    figures: &'a Figures,
    settings: &'a Settings,
}

impl Arm<'_> {
    fn std_dev(&self) -> Option<f64> {
        self.figures.metrics.rec_per_min.std_dev.map(rounded)
    }

    fn rec_per_min(&self) -> f64 {
        self.figures.metrics.rec_per_min.median
    }
}

/// The arms of the fresh pairs, where both have figures.
fn fresh_arms(fresh: &Comparison) -> Option<[Arm<'_>; 2]> {
    let [baseline, candidate] = [&fresh.baseline, &fresh.candidate]
        .map(|arm| arm.figures.as_ref().map(|figures| Arm { figures, settings: &arm.settings }));
    Some([baseline?, candidate?])
}

fn phase(analysis: &Analysis) -> Phase<'_> {
    let present = || {
        let summary = analysis.baseline();
        Arm { figures: &summary.figures, settings: &summary.setting.settings }
    };
    let fresh = analysis.confirmation.as_ref();
    let [baseline, optimized] =
        fresh.and_then(fresh_arms).unwrap_or_else(|| [present(), present()]);
    let primary = fresh.and_then(Comparison::primary);
    let interval = primary
        .filter(|primary| primary.metric == Metric::RecPerMin)
        .and_then(|primary| primary.change_interval_percent);
    let notes: Vec<String> = analysis.doubts.iter().map(ToString::to_string).collect();
    let ratio = optimized.rec_per_min() / baseline.rec_per_min();
    let answer = analysis.answer();
    Phase {
        phase: &analysis.scenario.phase,
        optimization: &analysis.scenario.optimization,
        baseline_rec_per_min: rounded(baseline.rec_per_min()),
        optimized_rec_per_min: rounded(optimized.rec_per_min()),
        improvement_percent: rounded((ratio - 1.0) * 100.0),
        std_dev_baseline: baseline.std_dev(),
        std_dev_optimized: optimized.std_dev(),
        confidence: match (answer, fresh) {
            (Answer::Confirmed(_), Some(fresh)) => fresh.confidence.to_string(),
            _ => "none".into(),
        },
        notes: notes.join("; "),
        verdict: match answer {
            Answer::Confirmed(_) | Answer::NothingToConfirm if analysis.scenario.quick => {
                "not testable".into()
            }
            answer => answer.to_string(),
        },
        interval_percent: interval.map(|ends| ends.map(|end| end.map(rounded))),
        runs: optimized.figures.runs,
        settings_baseline: baseline.settings,
        settings_optimized: optimized.settings,
        kept: analysis.kept,
        expected_percent: EXPECTED_PERCENT,
        checksum: &analysis.stored.checksum,
    }
}
