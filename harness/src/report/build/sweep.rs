//! Document of a sweep. Latencies, waits and times come from the run reports, all other figures
//! from the analysis.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use migrator::telemetry::report::RunReport;

use super::pairs;
use super::session::{environment, link, run, timed_trials};
use crate::analysis::comparison;
use crate::analysis::sweep::{Analysis, NAMES, Names, PhaseOutcome, SettingSummary, SummaryStats};
use crate::analysis::test_result::Decision;
use crate::error::Result;
use crate::report::model::{
    ComparisonRow, Document, Drift, DriftPoint, Fact, Grid, Headline, Latency, MetricSummary,
    PhaseMetrics, PhaseReport, ReportKind, SettingRow, Status, Waits,
};
use crate::report::numbers::{counted, pretty, rounded, thousands};
use crate::report::text::words;
use crate::scenario::metric::Metric;
use crate::session::ledger::TrialLine;
use crate::session::state::{CompletedStep, SessionState};
use crate::stats::{Sample, quantile_support};
use crate::trial::measurement::stage_ms;
use crate::trial::provenance::Provenance;

/// Stages in processing order; all others follow by name.
const WAY: [&str; 16] = [
    "source",
    "parse_wait",
    "validation",
    "parsing",
    "mapping",
    "turn",
    "coerce",
    "queue_push",
    "queue_pop",
    "claims",
    "connect",
    "begin",
    "dedup",
    "insert",
    "log",
    "commit",
];

/// Builds the document. Fails if the analysis cannot be serialized.
pub fn document(
    analysis: &Analysis,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<Document> {
    let scenario = &analysis.scenario;
    let phase = phase(analysis, recorded, NAMES);
    let confirmation = analysis.confirmation.as_ref();
    let warnings = words::other_caveats(analysis).map(ToString::to_string);
    Ok(Document {
        kind: ReportKind::Sweep,
        scenario: scenario.name.clone(),
        title: format!("{}: {} ({})", scenario.name, scenario.optimization, scenario.phase),
        link: link(recorded),
        question: Some(scenario.why.clone()),
        headline: Headline {
            status: status(analysis),
            words: words::sentence(analysis),
            details: std::iter::once(words::worth(analysis))
                .chain(words::times(analysis))
                .chain(unconfirmed(analysis, recorded, &identity.command))
                .collect(),
            why: None,
        },
        warnings: warnings.chain(identity.warnings().iter().map(ToString::to_string)).collect(),
        exact: confirmation.map(pairs::exact).unwrap_or_default(),
        validity: confirmation.map(|fresh| fresh.validity),
        drift: drift(&phase),
        phases: vec![phase],
        failed: analysis.failed.clone(),
        measured: measured(analysis),
        environment: environment(identity),
        command: match recorded.shards.len() {
            0 | 1 => identity.command.clone(),
            _ => whole(&identity.command),
        },
        ledger: "ledger.jsonl".into(),
        analysis: pretty(analysis)?,
        files: files(),
        ..Document::default()
    })
}

/// Instruction for confirming a choice after a sharded sweep, which cannot confirm it.
fn unconfirmed(analysis: &Analysis, recorded: &SessionState, command: &str) -> Option<String> {
    let is_unconfirmed =
        analysis.answer() == PhaseOutcome::NotConfirmed && !recorded.shards.is_empty();
    is_unconfirmed.then(|| {
        format!(
            "A machine that has a part of a plan cannot choose for the others, so nothing is \
             confirmed. To confirm a choice, run this on one machine, which sweeps afresh and tests \
             what it chooses in confirmation pairs: {}",
            whole(command)
        )
    })
}

/// Command of the whole plan, from the command of a shard.
fn whole(command: &str) -> String {
    let Some((before, part)) = command.split_once(" --shard ") else {
        return command.into();
    };
    let behind = part.split_once(' ').map(|(_, behind)| format!(" {behind}"));
    format!("{before}{}", behind.unwrap_or_default())
}

pub(in crate::report) fn status(analysis: &Analysis) -> Status {
    match analysis.answer() {
        PhaseOutcome::Invalid => Status::Invalid,
        PhaseOutcome::Confirmed(_) | PhaseOutcome::NothingToConfirm if analysis.scenario.quick => {
            Status::NotTestable
        }
        PhaseOutcome::Confirmed(outcome) => pairs::status(outcome),
        PhaseOutcome::NothingToConfirm => Status::NothingToConfirm,
        PhaseOutcome::NotConfirmed => Status::NotConfirmed,
    }
}

/// Phase whose steps have these names.
pub(crate) fn phase(analysis: &Analysis, recorded: &SessionState, names: Names<'_>) -> PhaseReport {
    let scenario = &analysis.scenario;
    let fresh: Vec<&CompletedStep> = recorded.steps_of(names.confirmation).collect();
    let runs = Runs::of(recorded, names.sweep);
    let index =
        |summary: &SettingSummary| scenario.settings.iter().position(|s| *s == summary.setting);
    let mut settings: Vec<SettingRow> = analysis
        .settings
        .iter()
        .filter_map(|summary| Some(setting(index(summary)?, summary, &runs)))
        .collect();
    let Some(baseline) = analysis.settings.get(analysis.baseline) else {
        return PhaseReport::default();
    };
    for (index, setting) in settings.iter_mut().enumerate() {
        setting.in_set = analysis.best.as_ref().map(|_| analysis.may_be_best(index));
        let place = |name: &String| WAY.iter().position(|stage| stage == name);
        setting.stages.sort_by_key(|(name, _)| place(name).unwrap_or(WAY.len()));
    }
    let link = scenario.link;
    let link = if link.is_simulated() { format!(", {link}") } else { String::new() };
    PhaseReport {
        phase: scenario.phase.clone(),
        optimization: scenario.optimization.clone(),
        why: scenario.why.clone(),
        finding: match analysis.confirmation {
            // The confirmation runs have a sentence of their own.
            Some(_) => words::worth(analysis),
            None => format!("{} {}", words::worth(analysis), words::finding(analysis)),
        },
        swept: scenario.swept.clone(),
        runs: format!(
            "{} runs of each setting, {} records a run{link}",
            scenario.runs,
            thousands(f64::from(analysis.records))
        ),
        grid: grid(analysis),
        settings,
        baseline: Some(analysis.baseline),
        against: "baseline".into(),
        chosen: Some(analysis.choice),
        confirmation: confirmation(analysis, &fresh),
        skipped: None,
        notes: analysis.doubts.iter().map(ToString::to_string).collect(),
        outcome: Some(outcome(analysis, baseline)),
    }
}

/// Row of the primary metric for the choice.
fn confirmation(analysis: &Analysis, fresh: &[&CompletedStep]) -> Option<ComparisonRow> {
    let first = pairs::comparisons(analysis.confirmation.as_ref()?, fresh).into_iter().next()?;
    let reason = words::sentence(analysis);
    Some(ComparisonRow { kept: Some(analysis.kept), reason, ..first })
}

/// Figures of the confirmation pairs, or of the current setting without them. The sweep's own
/// estimate of its best setting is too optimistic and is never reported.
fn outcome(analysis: &Analysis, baseline: &SettingSummary) -> PhaseMetrics {
    // Figures of the pairs that are left after a failure are not a gain.
    let is_decided = |fresh: &&comparison::Comparison| fresh.verdict != Some(Decision::FailedRuns);
    let fresh = analysis.confirmation.as_ref().filter(is_decided);
    let arms = fresh.and_then(|fresh| {
        let arm =
            |arm: &'_ comparison::ArmFigures| Some((arm.figures.clone()?, arm.settings.clone()));
        Some([arm(&fresh.baseline)?, arm(&fresh.candidate)?])
    });
    let present = || (baseline.figures.clone(), baseline.setting.settings.clone());
    let [before, after] = arms.unwrap_or_else(|| [present(), present()]);
    let [old, new] = [&before.0, &after.0].map(|figures| figures.metrics.rec_per_min.clone());
    let primary = fresh.and_then(comparison::Comparison::primary);
    let rate = primary.filter(|primary| primary.metric == Metric::RecPerMin);
    let confidence = match (analysis.answer(), fresh) {
        (PhaseOutcome::Confirmed(_), Some(fresh)) => fresh.confidence.to_string(),
        _ => "none".into(),
    };
    PhaseMetrics {
        baseline_rec_per_min: old.median,
        optimized_rec_per_min: new.median,
        improvement_percent: (new.median / old.median - 1.0) * 100.0,
        std_dev_baseline: old.std_dev,
        std_dev_optimized: new.std_dev,
        confidence,
        status: status(analysis),
        interval_percent: rate.and_then(|rate| rate.change_interval_percent),
        runs: after.0.runs,
        settings_baseline: before.1,
        settings_optimized: after.1,
        kept: analysis.kept,
        expected_percent: analysis.scenario.expected_percent,
        checksum: analysis.stored.checksum.clone(),
    }
}

/// Counted runs of a sweep, each with the running time before it in seconds.
struct Runs<'a>(Vec<(&'a TrialLine, f64)>);

impl<'a> Runs<'a> {
    fn of(recorded: &'a SessionState, sweep: &str) -> Self {
        let counted = timed_trials(recorded)
            .filter(|(ran, line, _)| !line.trial.warmup && ran.step.name == sweep);
        Self(counted.map(|(_, line, at_s)| (line, at_s)).collect())
    }
}

/// Row of a setting; `index` is its index among the scenario's settings.
fn setting(index: usize, summary: &SettingSummary, runs: &Runs<'_>) -> SettingRow {
    let mine: Vec<_> = runs.0.iter().filter(|(line, _)| line.trial.arm == index).collect();
    let reports: Vec<&RunReport> =
        mine.iter().filter_map(|(line, _)| line.measurement.report()).collect();
    let figures = |metric| summary.metrics.get(metric).map(figures);
    SettingRow {
        short: summary.setting.short.clone(),
        label: summary.setting.label.clone(),
        runs: mine.iter().map(|(line, at_s)| run(line, *at_s)).collect(),
        rec_per_min: self::figures(&summary.metrics.rec_per_min),
        vs_baseline_percent: summary.vs_baseline_percent,
        insert_ms: figures(Metric::Insert),
        prepare_ms: figures(Metric::Prepare),
        peak_rss_bytes: Some(summary.metrics.peak_rss_bytes.max),
        within_limits: summary.within_limits,
        in_set: None,
        stages: summary
            .stage_ms_per_1000_records
            .iter()
            .map(|(name, ms)| (name.clone(), *ms))
            .collect(),
        latency: latency(&reports),
        waits: waits(&reports),
    }
}

fn figures(estimate: &SummaryStats) -> MetricSummary {
    MetricSummary {
        median: estimate.median,
        std_dev: estimate.std_dev,
        middle_half: [estimate.lower_quartile, estimate.upper_quartile],
        interval: None,
    }
}

/// Latency over all runs; `None` if a histogram is unreadable.
fn latency(reports: &[&RunReport]) -> Option<Latency> {
    let mut all: Option<Histogram<u64>> = None;
    for report in reports {
        let bytes = STANDARD.decode(&report.stages.get("record")?.histogram).ok()?;
        let one: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).ok()?;
        match &mut all {
            Some(all) => all.add(one).ok()?,
            None => all = Some(one),
        }
    }
    let all = all.filter(|all| !all.is_empty())?;
    let ms = |quantile| all.value_at_quantile(quantile) as f64 / 1e6;
    let tail =
        |quantile| quantile_support::check(quantile, all.len()).is_ok().then(|| ms(quantile));
    Some(Latency {
        count: all.len(),
        p50_ms: ms(0.5),
        p90_ms: ms(0.9),
        p99_ms: tail(0.99),
        p999_ms: tail(0.999),
        max_ms: all.max() as f64 / 1e6,
    })
}

/// Medians of the reported waits over the runs; `None` if nothing is reported.
fn waits(reports: &[&RunReport]) -> Option<Waits> {
    let each = |value: &dyn Fn(&RunReport) -> Option<f64>| {
        let values: Option<Vec<f64>> = reports.iter().map(|report| value(report)).collect();
        Sample::new(values?).ok().map(|sample| sample.median())
    };
    let queue = |report: &RunReport, stage| report.queue.map(|_| stage_ms(report, stage));
    let writer = |report: &RunReport| report.connections.get("writer").cloned();
    let waited_ms = |report: &RunReport| {
        writer(report).map(|writer| writer.waited_ns as f64 / report.books.read as f64 / 1000.0)
    };
    let hits = |report: &RunReport| {
        let (hits, misses) = (report.cache.hits as f64, report.cache.misses as f64);
        (hits + misses > 0.0).then(|| hits / (hits + misses) * 100.0)
    };
    let waits = Waits {
        queue_push_ms: each(&|report| queue(report, "queue_push")),
        queue_pop_ms: each(&|report| queue(report, "queue_pop")),
        pool_waits: each(&|report| writer(report).map(|writer| writer.waited as f64)),
        pool_ms: each(&waited_ms),
        connects: each(&|report| writer(report).map(|writer| writer.opened as f64)),
        cache_hit_percent: each(&hits),
        cache_evictions: each(&|report| hits(report).map(|_| report.cache.evictions as f64)),
    };
    (waits != Waits::default()).then_some(waits)
}

/// Grid of the settings if two names were varied.
fn grid(analysis: &Analysis) -> Option<Grid> {
    let [down, across] = analysis.scenario.swept.as_slice() else { return None };
    let places: Option<Vec<(String, String)>> = analysis
        .settings
        .iter()
        .map(|summary| {
            let (row, column) = summary.setting.short.split_once(" × ")?;
            Some((row.to_owned(), column.to_owned()))
        })
        .collect();
    let places = places?;
    let (mut rows, mut columns): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (row, column) in &places {
        if !rows.contains(row) {
            rows.push(row.clone());
        }
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    let cell = |row: &String, column: &String| {
        places.iter().position(|place| place.0 == *row && place.1 == *column)
    };
    let cells =
        rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect();
    Some(Grid { names: [down.clone(), across.clone()], rows, columns, cells })
}

/// Every run in percent of the median of its setting, and the means of the blocks.
pub(crate) fn drift(phase: &PhaseReport) -> Option<Drift> {
    let mut runs = Vec::new();
    let mut blocks: BTreeMap<usize, Vec<DriftPoint>> = BTreeMap::new();
    for setting in &phase.settings {
        for run in &setting.runs {
            let Some(rate) = run.rec_per_min else { continue };
            let percent = rate / setting.rec_per_min.median * 100.0;
            let level = DriftPoint { at_s: run.at_s, percent };
            runs.push(level);
            blocks.entry(run.block).or_default().push(level);
        }
    }
    runs.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let mean = |levels: &Vec<DriftPoint>| {
        let mean = |value: fn(&DriftPoint) -> f64| {
            levels.iter().map(value).sum::<f64>() / levels.len() as f64
        };
        DriftPoint { at_s: mean(|level| level.at_s), percent: mean(|level| level.percent) }
    };
    let mut blocks: Vec<DriftPoint> = blocks.values().map(mean).collect();
    // A discarded block ran again at the end.
    blocks.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    (blocks.len() > 1).then_some(Drift { runs, blocks })
}

fn measured(analysis: &Analysis) -> Vec<Fact> {
    let (scenario, stored) = (&analysis.scenario, &analysis.stored);
    let (workload, books) = (&scenario.workload, &stored.books);
    let checksum = if stored.checksum.is_empty() { "unverified" } else { &stored.checksum };
    let count = |count: u64| thousands(count as f64);
    vec![
        Fact::new(
            "order",
            format!(
                "{} settings, each once in every block: {} after {}; seed {}",
                scenario.settings.len(),
                counted(scenario.runs, "block"),
                counted(scenario.warmup, "warm-up block"),
                scenario.seed
            ),
        ),
        Fact::new(
            "every run",
            format!(
                "a fresh process, a fresh store, the same {} records (profile {}, {} % \
                 duplicates, {} % rejects, seed {})",
                thousands(f64::from(analysis.records)),
                workload.profile,
                rounded(workload.duplicates * 100.0),
                rounded(workload.rejects * 100.0),
                workload.seed
            ),
        ),
        Fact::new(
            "stored by every run",
            format!(
                "{} records committed, {} rejected, {} failed, {} duplicates",
                count(books.committed),
                count(books.rejected),
                count(books.failed),
                count(books.duplicate)
            ),
        ),
        Fact::new("checksum", checksum),
        Fact::new("plan", &*analysis.plan_hash),
    ]
}

fn files() -> Vec<Fact> {
    vec![
        Fact::new("metrics.json", "the phase in the names that tools read"),
        Fact::new("analysis.json", "every figure of every run"),
        Fact::new("ledger.jsonl", "the plan and every run's whole report"),
        Fact::new("identity.json", "revision, program, machine"),
        Fact::new("report.html, charts/", "this report with its pictures"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_of_a_part_becomes_that_of_the_whole_plan() {
        for (part, expected) in [
            ("harness sweep pool --seed 3 --shard 0/2", "harness sweep pool --seed 3"),
            ("harness sweep pool --shard 1/12 --quick", "harness sweep pool --quick"),
            ("harness sweep pool", "harness sweep pool"),
        ] {
            assert_eq!(whole(part), expected);
        }
    }
}
