//! Tables of a phase's settings, the same in every format.

use super::model::{MetricSummary, PhaseReport, SettingRow, Waits};
use super::numbers::{mib, milliseconds, percent, thousands};
use super::table::{Table, cell};

/// One row for each setting.
pub(super) fn settings_table(phase: &PhaseReport) -> Table {
    let heading = phase.swept.join(" × ");
    let mut table = Table::new(
        "Every setting",
        &[
            &heading,
            "runs",
            "rec/min, median",
            "std dev",
            &format!("against {}", phase.against),
            "insert ms/1000",
            "prepare ms/1000",
            "peak RSS",
            "remarks",
        ],
    );
    for (index, setting) in phase.settings.iter().enumerate() {
        let time = |time: Option<MetricSummary>| cell(time, |time| milliseconds(time.median));
        table.rows.push(vec![
            setting.short.clone(),
            finished(setting).to_string(),
            thousands(setting.rec_per_min.median),
            cell(setting.rec_per_min.std_dev, thousands),
            percent(setting.vs_baseline_percent),
            time(setting.insert_ms),
            time(setting.prepare_ms),
            cell(setting.peak_rss_bytes, mib),
            remarks(phase, index),
        ]);
    }
    table.without_empty_columns()
}

fn finished(setting: &SettingRow) -> usize {
    setting.runs.iter().filter(|run| run.rec_per_min.is_some()).count()
}

/// Roles of a setting and its warnings.
pub(super) fn remarks(phase: &PhaseReport, index: usize) -> String {
    let setting = &phase.settings[index];
    let confirmed = phase.confirmation.is_some();
    let chosen = if confirmed || setting.in_set.is_some() { "chosen" } else { "highest median" };
    let remarks = [
        (phase.baseline == Some(index), phase.against.as_str()),
        (phase.chosen == Some(index), chosen),
        (setting.in_set == Some(true), "may be the best"),
        (!setting.within_limits, "over the limit"),
    ];
    let remarks: Vec<&str> =
        remarks.into_iter().filter(|(is, _)| *is).map(|(_, remark)| remark).collect();
    remarks.join(", ")
}

/// Table of waits and cache statistics; `None` if nothing is known.
pub(super) fn waits_table(phase: &PhaseReport) -> Option<Table> {
    let heading = phase.swept.join(" × ");
    let mut table = Table::new(
        "Medians over the runs; waits in milliseconds per 1,000 records, summed over workers",
        &[
            &heading,
            "connects",
            "waits for a connection",
            "waited",
            "for room in the queue",
            "for a prepared batch",
            "cache hits",
            "evictions",
        ],
    );
    for setting in &phase.settings {
        let Some(waits) = setting.waits else { continue };
        let Waits { queue_push_ms, queue_pop_ms, pool_waits, pool_ms, connects, .. } = waits;
        table.rows.push(vec![
            setting.short.clone(),
            cell(connects, thousands),
            cell(pool_waits, thousands),
            cell(pool_ms, milliseconds),
            cell(queue_push_ms, milliseconds),
            cell(queue_pop_ms, milliseconds),
            cell(waits.cache_hit_percent, |share| format!("{share:.1} %")),
            cell(waits.cache_evictions, thousands),
        ]);
    }
    (!table.rows.is_empty()).then(|| table.without_empty_columns())
}
