//! What a sweep says, in words: the same on the terminal and in the report. Claims no more than
//! the analysis does.

use super::format::{milliseconds, percent, thousands, wrapped};
use crate::analyse::{Analysis, Doubt};
use crate::metric::Metric;

/// Widest line on a terminal.
const COLUMNS: usize = 100;

/// The finding in one sentence.
pub fn finding(analysis: &Analysis) -> String {
    let (baseline, highest) = (analysis.baseline(), analysis.highest());
    let rate = |median: f64| format!("{} records a minute", thousands(median));
    if analysis.highest == analysis.baseline {
        return format!(
            "The baseline {} had the highest median itself: {}.",
            baseline.setting.label,
            rate(baseline.metrics.rec_per_min.median)
        );
    }
    format!(
        "{} had the highest median: {}, {} against the baseline {} ({}).",
        highest.setting.label,
        rate(highest.metrics.rec_per_min.median),
        percent(highest.vs_baseline_percent),
        baseline.setting.label,
        thousands(baseline.metrics.rec_per_min.median)
    )
}

/// What the finding is worth, in one or two sentences.
pub fn worth(analysis: &Analysis) -> String {
    let settings = analysis.settings.len();
    if analysis.invalid {
        return "Invalid: too much went on beside the runs, and what is left of them says nothing."
            .into();
    }
    if analysis.scenario.quick {
        return "Not testable: a quick look shows that everything works, not what is faster."
            .into();
    }
    if analysis.highest == analysis.baseline {
        return "Not confirmed: a setting that is equally good or a little better may have looked \
                worse by chance."
            .into();
    }
    format!(
        "Not confirmed, and optimistic: the best of {settings} settings looks better than it is. \
         Only fresh runs of it against the baseline alone can show a gain."
    )
}

/// How the time of the setting with the highest median divides, in one sentence; none where the
/// program under test does not say.
pub fn times(analysis: &Analysis) -> Option<String> {
    let highest = analysis.highest();
    let insert = highest.metrics.get(Metric::Insert)?;
    let prepare = highest.metrics.get(Metric::Prepare)?;
    Some(format!(
        "With {}, 1,000 records took {} ms to insert and {} ms to prepare (summed over workers).",
        highest.setting.label,
        milliseconds(insert.median),
        milliseconds(prepare.median)
    ))
}

/// The doubts that [`worth`] does not put into words already.
pub fn further_doubts(analysis: &Analysis) -> impl Iterator<Item = &Doubt> {
    analysis.doubts.iter().filter(|doubt| {
        !matches!(doubt, Doubt::Quick { .. } | Doubt::NotConfirmed { .. } | Doubt::NothingToConfirm)
    })
}

/// Everything that a terminal says below the table; `folder` is where the files are.
pub fn summary(analysis: &Analysis, folder: &str) -> String {
    let mut lines = vec![finding(analysis), worth(analysis)];
    lines.extend(times(analysis));
    lines.extend(further_doubts(analysis).map(|doubt| format!("note: {doubt}")));
    lines.push(format!("Report, metrics, charts and ledger: {folder}/"));
    let wrapped: Vec<String> = lines.iter().map(|line| wrapped(line, COLUMNS)).collect();
    format!("\n{}\n", wrapped.join("\n"))
}
