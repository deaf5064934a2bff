//! A sweep's analysis as a [`Document`]: takes over what was found and adds what only the whole run
//! reports hold (latencies, waits, the order in time). Decides nothing.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use migrator::telemetry::report::RunReport;

use super::pairs;
use crate::analysis::comparison;
use crate::analysis::sweep::{Analysis, NAMES, Names, PhaseOutcome, SettingSummary, SummaryStats};
use crate::report::model::{
    Comparison, Document, Drift, Fact, FailedRun, Figures, Grid, Headline, Kind, Latency, Level,
    Outcome, Phase, Run, Setting, Standing, Waits,
};
use crate::report::numbers::{counted, mib, rounded, thousands};
use crate::report::text::words;
use crate::scenario::metric::Metric;
use crate::session::ledger::TrialLine;
use crate::session::state::{CompletedStep, SessionState};
use crate::stats::{Sample, quantile_support};
use crate::trial::measurement::stage_ms;
use crate::trial::provenance::Provenance;

/// The stages in the order of a record's way; others follow by name.
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

/// The document of a sweep.
pub fn document(analysis: &Analysis, recorded: &SessionState, identity: &Provenance) -> Document {
    let scenario = &analysis.scenario;
    let phase = phase(analysis, recorded, NAMES);
    let confirmation = analysis.confirmation.as_ref();
    let warnings = words::further_doubts(analysis).map(ToString::to_string);
    let failed = |run: &crate::analysis::sweep::FailedRun| FailedRun {
        number: run.trial,
        setting: run.setting.clone(),
        reason: run.reason.clone(),
    };
    Document {
        kind: Kind::Sweep,
        scenario: scenario.name.clone(),
        title: format!("{}: {} ({})", scenario.name, scenario.optimization, scenario.phase),
        link: scenario.link.is_simulated().then(|| scenario.link.to_string()),
        question: Some(scenario.why.clone()),
        headline: Headline {
            standing: standing(analysis),
            words: words::sentence(analysis),
            details: std::iter::once(words::worth(analysis))
                .chain(words::times(analysis))
                .chain(unconfirmed(analysis, recorded, &identity.command))
                .collect(),
            why: None,
        },
        warnings: warnings.chain(identity.doubts().iter().map(ToString::to_string)).collect(),
        exact: confirmation.map(pairs::exact).unwrap_or_default(),
        validity: confirmation.map(pairs::validity),
        drift: drift(&phase),
        phases: vec![phase],
        failed: analysis.failed.iter().map(failed).collect(),
        measured: measured(analysis),
        environment: environment(identity),
        command: match recorded.shards.len() {
            0 | 1 => identity.command.clone(),
            _ => whole(&identity.command),
        },
        ledger: "ledger.jsonl".into(),
        files: files(),
        ..Document::default()
    }
}

/// How a choice is confirmed that the machines with the parts of a plan could not confirm.
fn unconfirmed(analysis: &Analysis, recorded: &SessionState, command: &str) -> Option<String> {
    let is_unconfirmed =
        analysis.answer() == PhaseOutcome::NotConfirmed && !recorded.shards.is_empty();
    is_unconfirmed.then(|| {
        format!(
            "A machine that has a part of a plan cannot choose for the others, so nothing is \
             confirmed. To confirm a choice, run this on one machine, which sweeps afresh and tests \
             what it chooses in fresh pairs: {}",
            whole(command)
        )
    })
}

/// The command of a part as that of the whole plan.
fn whole(command: &str) -> String {
    let Some((before, part)) = command.split_once(" --shard ") else {
        return command.into();
    };
    let behind = part.split_once(' ').map(|(_, behind)| format!(" {behind}"));
    format!("{before}{}", behind.unwrap_or_default())
}

pub(in crate::report) fn standing(analysis: &Analysis) -> Standing {
    match analysis.answer() {
        PhaseOutcome::Invalid => Standing::Invalid,
        PhaseOutcome::Confirmed(_) | PhaseOutcome::NothingToConfirm if analysis.scenario.quick => {
            Standing::NotTestable
        }
        PhaseOutcome::Confirmed(outcome) => pairs::standing(outcome),
        PhaseOutcome::NothingToConfirm => Standing::NothingToConfirm,
        PhaseOutcome::NotConfirmed => Standing::NotConfirmed,
    }
}

/// A phase whose steps have these names.
pub(crate) fn phase(analysis: &Analysis, recorded: &SessionState, names: Names<'_>) -> Phase {
    let scenario = &analysis.scenario;
    let fresh: Vec<&CompletedStep> = recorded.steps_of(names.confirmation).collect();
    let runs = Runs::of(recorded, names.sweep);
    let index =
        |summary: &SettingSummary| scenario.settings.iter().position(|s| *s == summary.setting);
    let mut settings: Vec<Setting> = analysis
        .settings
        .iter()
        .filter_map(|summary| Some(setting(index(summary)?, summary, &runs)))
        .collect();
    let Some(baseline) = analysis.settings.get(analysis.baseline) else {
        return Phase::default();
    };
    for (index, setting) in settings.iter_mut().enumerate() {
        setting.in_set = analysis.best.as_ref().map(|_| analysis.may_be_best(index));
        let place = |name: &String| WAY.iter().position(|stage| stage == name);
        setting.stages.sort_by_key(|(name, _)| place(name).unwrap_or(WAY.len()));
    }
    let link = scenario.link;
    let link = if link.is_simulated() { format!(", {link}") } else { String::new() };
    Phase {
        phase: scenario.phase.clone(),
        optimization: scenario.optimization.clone(),
        why: scenario.why.clone(),
        finding: match analysis.confirmation {
            // What those say stands with them.
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

/// What the metric that decides says of the choice.
fn confirmation(analysis: &Analysis, fresh: &[&CompletedStep]) -> Option<Comparison> {
    let first = pairs::comparisons(analysis.confirmation.as_ref()?, fresh).into_iter().next()?;
    let reason = words::sentence(analysis);
    Some(Comparison { kept: Some(analysis.kept), reason, ..first })
}

/// Figures are those of the fresh pairs, and where there are none the present setting's: what a
/// sweep finds about its own best is never told.
fn outcome(analysis: &Analysis, baseline: &SettingSummary) -> Outcome {
    let fresh = analysis.confirmation.as_ref();
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
    Outcome {
        baseline_rec_per_min: old.median,
        optimized_rec_per_min: new.median,
        improvement_percent: (new.median / old.median - 1.0) * 100.0,
        std_dev_baseline: old.std_dev,
        std_dev_optimized: new.std_dev,
        confidence,
        standing: standing(analysis),
        interval_percent: rate.and_then(|rate| rate.change_interval_percent),
        runs: after.0.runs,
        settings_baseline: before.1,
        settings_optimized: after.1,
        kept: analysis.kept,
        expected_percent: analysis.scenario.expected_percent,
        checksum: analysis.stored.checksum.clone(),
    }
}

/// The counted runs of a sweep with when they began.
struct Runs<'a>(Vec<(&'a TrialLine, usize, f64)>);

impl<'a> Runs<'a> {
    fn of(recorded: &'a SessionState, sweep: &str) -> Self {
        let mut at_s = 0.0;
        let mut runs = Vec::new();
        for ran in &recorded.steps {
            for line in ran.trials() {
                at_s += line.measurement.reset_s.unwrap_or_default();
                if !line.trial.warmup && ran.step.name == sweep {
                    runs.push((line, line.trial.block, at_s));
                }
                at_s += line.measurement.elapsed_s;
            }
        }
        Self(runs)
    }
}

/// `index` is the setting's among those of the scenario.
fn setting(index: usize, summary: &SettingSummary, runs: &Runs<'_>) -> Setting {
    let mine: Vec<_> = runs.0.iter().filter(|(line, _, _)| line.trial.arm == index).collect();
    let reports: Vec<&RunReport> =
        mine.iter().filter_map(|(line, _, _)| line.measurement.report()).collect();
    let figures = |metric| summary.metrics.get(metric).map(figures);
    Setting {
        short: summary.setting.short.clone(),
        label: summary.setting.label.clone(),
        runs: mine.iter().map(|(line, block, at_s)| run(line, *block, *at_s)).collect(),
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

fn run(line: &TrialLine, block: usize, at_s: f64) -> Run {
    let measurement = &line.measurement;
    Run {
        number: line.trial.number,
        block,
        at_s,
        elapsed_s: measurement.elapsed_s,
        rec_per_min: measurement.value(Metric::RecPerMin),
        insert_ms: measurement.value(Metric::Insert),
        prepare_ms: measurement.value(Metric::Prepare),
        peak_rss_bytes: measurement.value(Metric::PeakRss),
        failure: measurement.failure().map(ToString::to_string),
    }
}

fn figures(estimate: &SummaryStats) -> Figures {
    Figures {
        median: estimate.median,
        std_dev: estimate.std_dev,
        middle_half: [estimate.lower_quartile, estimate.upper_quartile],
        interval: None,
    }
}

/// The histograms of all runs together; `None` where one of them cannot be read.
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

/// Medians over the runs of what they say of waits; `None` where they say nothing.
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

/// The settings of two varied names as a grid.
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

/// Every run in percent of its setting's median, and the means of the blocks.
pub(crate) fn drift(phase: &Phase) -> Option<Drift> {
    let mut runs = Vec::new();
    let mut blocks: BTreeMap<usize, Vec<Level>> = BTreeMap::new();
    for setting in &phase.settings {
        for run in &setting.runs {
            let Some(rate) = run.rec_per_min else { continue };
            let percent = rate / setting.rec_per_min.median * 100.0;
            let level = Level { at_s: run.at_s, percent };
            runs.push(level);
            blocks.entry(run.block).or_default().push(level);
        }
    }
    runs.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let mean = |levels: &Vec<Level>| {
        let mean =
            |value: fn(&Level) -> f64| levels.iter().map(value).sum::<f64>() / levels.len() as f64;
        Level { at_s: mean(|level| level.at_s), percent: mean(|level| level.percent) }
    };
    let mut blocks: Vec<Level> = blocks.values().map(mean).collect();
    // A void block ran again at the end.
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

pub(crate) fn environment(identity: &Provenance) -> Vec<Fact> {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
    let (machine, program, store) = (&identity.machine, &identity.program, &identity.store);
    let path = program.path.clone().unwrap_or_else(|| "the harness's own".into());
    let memory = machine.memory_bytes.map(|bytes| mib(bytes as f64));
    let load = machine.load.map(|load| format!("{load:.2}"));
    vec![
        Fact::new("began", &*identity.started),
        Fact::new("harness revision", &*identity.revision),
        Fact::new("migrator", path),
        Fact::new(
            "migrator build",
            format!("version {}, {}", known(&program.version), known(&program.profile)),
        ),
        Fact::new("migrator BLAKE3", &*program.blake3),
        Fact::new(
            "store",
            match &store.synchronous {
                Some(synchronous) => format!(
                    "{}, synchronous {synchronous}, on {}",
                    known(&store.version),
                    known(&store.filesystem)
                ),
                None => format!("{} at {}", known(&store.version), store.url),
            },
        ),
        Fact::new("host", known(&machine.host)),
        Fact::new("processors", format!("{} ({})", machine.cpus, known(&machine.cpu))),
        Fact::new("memory", known(&memory)),
        Fact::new("kernel", known(&machine.kernel)),
        Fact::new("governor", known(&machine.governor)),
        Fact::new("load before the first run", known(&load)),
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
