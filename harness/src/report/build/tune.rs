//! Document of a tuned plan.

use super::pairs;
use super::session::{environment, link};
use super::sweep::{drift, phase};
use crate::analysis::arm_summary::ArmSummary;
use crate::analysis::comparison;
use crate::analysis::sweep::Names;
use crate::error::Result;
use crate::experiment::tune::{Ablation, PhaseResult, TuneResult, improvement};
use crate::report::model::{
    ComparisonRow, Cumulative, CumulativeRow, Document, Drift, Fact, FailedRun, Headline, Paste,
    PhaseMetrics, PhaseReport, PlanTarget, ReportKind, Status,
};
use crate::report::numbers::{percent, pretty, rounded, thousands};
use crate::report::text::tune as words;
use crate::report::text::words::on_server;
use crate::session::state::{CompletedStep, SessionState};
use crate::trial::provenance::Provenance;

/// Builds the document. Fails if the result cannot be serialized.
pub fn document(
    tuning: &TuneResult,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<Document> {
    let base = &tuning.scenario;
    let phases: Vec<PhaseReport> =
        tuning.phases.iter().map(|tuned| tuned_phase(tuning, tuned, recorded)).collect();
    let last = tuning.last.last();
    let warnings = words::warnings(tuning).into_iter();
    Ok(Document {
        kind: ReportKind::Tune,
        scenario: base.name.clone(),
        title: format!("{}: the whole plan", base.name),
        link: link(recorded),
        question: Some(base.why.clone()),
        headline: Headline {
            status: status(tuning),
            words: words::sentence(tuning),
            details: words::told(tuning)
                .into_iter()
                .chain(words::all_that_could_not_tell(tuning))
                .chain(words::family(tuning))
                .collect(),
            why: tuning.final_test().and_then(on_server),
        },
        warnings: warnings.chain(identity.warnings().iter().map(ToString::to_string)).collect(),
        cumulative: Some(cumulative(tuning)),
        last: last.and_then(|found| shown(found, recorded, &found.name)),
        alone: tuning.alone.iter().filter_map(|alone| shown_alone(alone, recorded)).collect(),
        exact: last.map(pairs::exact).unwrap_or_default(),
        paste: Some(Paste::of(&tuning.settings)?),
        commits: words::commits(tuning),
        drift: whole_drift(&phases),
        validity: last.map(|found| found.validity),
        failed: failed(tuning),
        phases,
        measured: measured(tuning),
        environment: environment(identity),
        command: identity.command.clone(),
        ledger: "ledger.jsonl".into(),
        analysis: pretty(tuning)?,
        files: files(),
        ..Document::default()
    })
}

/// Status of the settings in use against the baseline.
fn status(tuning: &TuneResult) -> Status {
    match tuning.final_test() {
        _ if tuning.scenario.quick => Status::NotTestable,
        Some(last) => last.verdict.map_or(Status::Invalid, pairs::status),
        None if tuning.phases.iter().any(|tuned| words::could_not_tell(tuned).is_some()) => {
            Status::Inconclusive
        }
        None if tuning.is_unchanged() => Status::NothingToConfirm,
        None => Status::NotConfirmed,
    }
}

fn tuned_phase(tuning: &TuneResult, tuned: &PhaseResult, recorded: &SessionState) -> PhaseReport {
    let confirmation = format!("{} confirmation", tuned.name);
    let names = Names { sweep: &tuned.name, confirmation: &confirmation };
    let mut shown = match &tuned.analysis {
        Some(analysis) => phase(analysis, recorded, names),
        None => PhaseReport {
            optimization: tuned.optimization.clone(),
            why: tuned.why.clone(),
            finding: crate::experiment::tune::log_lines::phase(tuned),
            outcome: skipped(tuning, tuned),
            ..PhaseReport::default()
        },
    };
    shown.phase.clone_from(&tuned.name);
    shown.skipped.clone_from(&tuned.skipped);
    if tuned.before != tuning.settings_baseline {
        shown.against = "current setting".into();
    }
    let share = tuned.parse_share.filter(|_| tuned.skipped.is_none());
    let share = share.map(|share| format!("parsing took {} % of the time", rounded(share * 100.0)));
    let back = words::reverted(tuned);
    let open = words::could_not_tell(tuned);
    let own = std::mem::take(&mut shown.notes);
    let first = tuned.skipped.clone().into_iter().chain(share).chain(back).chain(open);
    shown.notes = first.chain(own).collect();
    if let Some(outcome) = &mut shown.outcome {
        outcome.kept = tuned.is_active();
    }
    if let Some(found) = &mut shown.confirmation {
        found.kept = Some(tuned.is_active());
    }
    shown
}

/// Figures of a phase that was not measured: the latest ones of the current setting.
fn skipped(tuning: &TuneResult, tuned: &PhaseResult) -> Option<PhaseMetrics> {
    let figures: &ArmSummary = tuned.present_figures.as_ref().or(tuning.baseline.as_ref())?;
    let rate = &figures.metrics.rec_per_min;
    Some(PhaseMetrics {
        baseline_rec_per_min: rate.median,
        optimized_rec_per_min: rate.median,
        improvement_percent: 0.0,
        std_dev_baseline: rate.std_dev,
        std_dev_optimized: rate.std_dev,
        confidence: "none".into(),
        status: Status::Skipped,
        interval_percent: None,
        runs: figures.runs,
        settings_baseline: tuned.before.clone(),
        settings_optimized: tuned.before.clone(),
        kept: false,
        expected_percent: tuned.expected_percent,
        checksum: tuning.stored.checksum.clone(),
    })
}

/// Row of the primary metric.
fn shown(
    found: &comparison::Comparison,
    recorded: &SessionState,
    steps: &str,
) -> Option<ComparisonRow> {
    let steps: Vec<&CompletedStep> = recorded.steps_of(steps).collect();
    pairs::comparisons(found, &steps).into_iter().next()
}

fn shown_alone(alone: &Ablation, recorded: &SessionState) -> Option<ComparisonRow> {
    let found = shown(&alone.found, recorded, &alone.from)?;
    let reason = match alone.from.strip_suffix(" alone") {
        Some(_) => String::new(),
        None => format!("The same two were compared in {} already.", alone.from),
    };
    Some(ComparisonRow { name: format!("{}: {}", alone.phase, alone.label), reason, ..found })
}

fn cumulative(tuning: &TuneResult) -> Cumulative {
    let row =
        |(tuned, (gain_percent, cumulative_percent)): (&PhaseResult, (f64, f64))| CumulativeRow {
            phase: tuned.name.clone(),
            setting: words::setting_after(tuned).into(),
            gain_percent,
            cumulative_percent,
            expected_percent: tuned.expected_percent,
            status: words::status(tuned),
            confidence: words::confidence(tuned),
            kept: tuned.is_active(),
        };
    let target = tuning.target.map(|target| PlanTarget {
        name: "The plan's target".into(),
        range_percent: target.percent(),
        reached_percent: tuning.final_test().and_then(improvement),
        words: format!("{}.", words::wanted(&target)),
    });
    Cumulative { rows: tuning.phases.iter().zip(words::gains(tuning)).map(row).collect(), target }
}

/// Drift of all phases, one after the other.
fn whole_drift(phases: &[PhaseReport]) -> Option<Drift> {
    let all: Vec<Drift> = phases.iter().filter_map(drift).collect();
    (!all.is_empty()).then(|| Drift {
        runs: all.iter().flat_map(|drift| drift.runs.iter().copied()).collect(),
        blocks: all.iter().flat_map(|drift| drift.blocks.iter().copied()).collect(),
    })
}

fn failed(tuning: &TuneResult) -> Vec<FailedRun> {
    let analyses = tuning.phases.iter().filter_map(|tuned| Some((tuned, tuned.analysis.as_ref()?)));
    let of = |(tuned, analysis): (&PhaseResult, &crate::analysis::sweep::Analysis)| {
        let failed = analysis.failed.iter().map(|run| FailedRun {
            trial: run.trial,
            setting: format!("{} {}", tuned.name, run.setting),
            reason: run.reason.clone(),
        });
        failed.collect::<Vec<_>>()
    };
    analyses.flat_map(of).collect()
}

fn measured(tuning: &TuneResult) -> Vec<Fact> {
    let (base, stored) = (&tuning.scenario, &tuning.stored);
    let (workload, books) = (&base.workload, &stored.books);
    let checksum = if stored.checksum.is_empty() { "unverified" } else { &stored.checksum };
    let mut facts = Vec::new();
    if let Some(effort) = tuning.effort.as_ref().filter(|_| !base.quick) {
        facts.push(Fact::new(
            "effort",
            crate::experiment::tune::log_lines::effort(effort, tuning.budget_s),
        ));
    }
    facts.extend([
        Fact::new(
            "time",
            format!(
                "about {:.1} min of {}; seed {}",
                tuning.used_s / 60.0,
                crate::experiment::tune::log_lines::time(tuning.budget_s),
                base.seed
            ),
        ),
        Fact::new(
            "every run",
            format!(
                "a fresh process, a fresh store, the same {} records (profile {}, {} duplicates, {} \
                 rejects, seed {})",
                thousands(f64::from(tuning.records)),
                workload.profile,
                percent(workload.duplicates * 100.0).trim_start_matches('+'),
                percent(workload.rejects * 100.0).trim_start_matches('+'),
                workload.seed
            ),
        ),
        Fact::new(
            "stored by every run",
            format!(
                "{} records committed, {} rejected, {} failed, {} duplicates",
                thousands(books.committed as f64),
                thousands(books.rejected as f64),
                thousands(books.failed as f64),
                thousands(books.duplicate as f64)
            ),
        ),
        Fact::new("checksum", checksum),
        Fact::new("plan", &*tuning.plan_hash),
    ]);
    facts
}

fn files() -> Vec<Fact> {
    vec![
        Fact::new("metrics.json", "every phase in the names that tools read"),
        Fact::new("analysis.json", "every figure"),
        Fact::new("ledger.jsonl", "the plan and every run's whole report"),
        Fact::new("identity.json", "revision, program, machine"),
        Fact::new("report.html, charts/", "this report with its pictures"),
    ]
}
