//! What a gate says as a [`Document`]: takes over what was decided. Decides nothing.

use super::sweep::environment;
use super::{
    Comparison, Document, Exact, Fact, FailedRun, Headline, Kind, Standing, ValidityFigures,
};
use crate::compare::{MetricFinding, pairs};
use crate::gate::{Answer, Gated, Test, Workload};
use crate::identity::Identity;
use crate::measure::Stored;
use crate::metric::Metric;
use crate::recorded::Recorded;
use crate::render::format::{rounded, thousands};
use crate::render::gate::{details, finding, name, range, why};
use crate::scenario::Scenario;

/// The document of a gate.
pub fn document(gated: &Gated, recorded: &Recorded, identity: &Identity) -> Document {
    let scenarios = &recorded.session.session.scenarios;
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let link = scenarios.iter().map(|scenario| scenario.link).find(|link| link.is_simulated());
    let metrics = gated.workloads.iter().flat_map(|workload| {
        workload.findings().map(|(found, test)| metric(gated, recorded, workload, found, test))
    });
    let doubts = identity.doubts();
    let warnings = gated.warnings.iter().cloned().chain(doubts.iter().map(ToString::to_string));
    Document {
        kind: Kind::Gate,
        scenario: names.join("+"),
        title: format!("{} against {}", gated.head, gated.base),
        link: link.map(|link| link.to_string()),
        headline: Headline {
            standing: gated.answer.into(),
            words: finding(gated),
            details: details(gated),
            why: why(gated),
        },
        warnings: warnings.collect(),
        metrics: metrics.collect(),
        exact: gated.workloads.iter().flat_map(|workload| exact(gated, workload)).collect(),
        validity: validity(gated),
        failed: failed(recorded),
        measured: measured(gated, recorded, scenarios),
        environment: environment(identity),
        command: identity.command.clone(),
        ledger: "ledger.jsonl".into(),
        files: files(),
        ..Document::default()
    }
}

impl From<Answer> for Standing {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Improved => Self::Improved,
            Answer::Pass => Self::Pass,
            Answer::Small => Self::Small,
            Answer::Regression => Self::Regression,
            Answer::Inconclusive => Self::Inconclusive,
            Answer::NotTestable => Self::NotTestable,
            // A program that does not run cannot be measured.
            Answer::Invalid | Answer::Failed => Self::Invalid,
            Answer::WrongResult => Self::WrongResult,
        }
    }
}

fn metric(
    gated: &Gated,
    recorded: &Recorded,
    workload: &Workload,
    found: &MetricFinding,
    test: &Test,
) -> Comparison {
    let Some(comparison) = &workload.comparison else {
        return Comparison::default();
    };
    let figures = [&comparison.baseline, &comparison.candidate].map(|arm| arm.figures.as_ref());
    let medians = match figures {
        [Some(base), Some(head)] => base
            .metrics
            .get(found.metric)
            .zip(head.metrics.get(found.metric))
            .map(|(base, head)| [base.median, head.median]),
        _ => None,
    };
    let shown = Comparison {
        name: name(gated, workload, found.metric.name()),
        against: gated.base.clone(),
        unit: unit(found.metric).into(),
        lower_is_better: found.metric != Metric::RecPerMin,
        medians,
        margin_percent: Some(comparison.margin_percent),
        each_percent: each(recorded, workload, found.metric),
        pairs: found.finding.pairs,
        ..Comparison::default()
    };
    let shown = match &found.finding.judgement {
        Some(judgement) => shown.judged(judgement, comparison.confidence),
        None => Comparison {
            effect_percent: found.change_percent,
            confidence: comparison.confidence.to_string(),
            ..shown
        },
    };
    let standing = test.verdict.verdict().map_or(Standing::NotTestable, Standing::from);
    let reason = match (test.primary, gated.family) {
        (true, _) => "The metric that decides.".to_owned(),
        (false, 1) => "The one further metric.".to_owned(),
        (false, family) => format!("One of {family} further metrics, corrected as a family."),
    };
    Comparison { standing, reason, ..shown }
}

fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::RecPerMin => "rec/min",
        Metric::PeakRss => "bytes",
        Metric::Insert | Metric::Prepare | Metric::Coerce | Metric::LatencyP99 => "ms",
    }
}

/// The change of every pair, in percent of the raw value.
fn each(recorded: &Recorded, workload: &Workload, metric: Metric) -> Vec<f64> {
    let Some(found) = pairs(recorded, &workload.scenario, metric) else {
        return Vec::new();
    };
    let sign = if metric == Metric::RecPerMin { -1.0 } else { 1.0 };
    found.pairs.iter().map(|pair| (sign * pair.ratio()).exp_m1() * 100.0).collect()
}

fn exact(gated: &Gated, workload: &Workload) -> Vec<Exact> {
    let both = match (&workload.stored, &workload.stored_by) {
        (Some(stored), _) => [stored, stored],
        (None, Some([base, head])) => [base, head],
        (None, None) => return Vec::new(),
    };
    let must = |what: &str, of: &dyn Fn(&Stored) -> String| Exact {
        name: name(gated, workload, what),
        baseline: of(both[0]),
        head: of(both[1]),
        must_agree: true,
    };
    let count = |count: u64| thousands(count as f64);
    let checksum = |stored: &Stored| match stored.checksum.as_str() {
        "" => "unverified".to_owned(),
        checksum => checksum.to_owned(),
    };
    let mut exact = vec![
        must("records committed", &|stored| count(stored.books.committed)),
        must("records rejected", &|stored| count(stored.books.rejected)),
        must("records failed", &|stored| count(stored.books.failed)),
        must("records duplicate", &|stored| count(stored.books.duplicate)),
        must("rows", &|stored| count(stored.rows.values().sum())),
        must("checksum", &checksum),
    ];
    let only = both[1].rows.keys().filter(|table| !both[0].rows.contains_key(*table));
    for table in both[0].rows.keys().chain(only) {
        let rows = |stored: &Stored| stored.rows.get(table).copied().unwrap_or(0);
        if rows(both[0]) != rows(both[1]) {
            exact.push(must(&format!("rows of {table}"), &|stored| count(rows(stored))));
        }
    }
    let counts = workload.comparison.iter().flat_map(|comparison| &comparison.exact);
    exact.extend(counts.map(|count| Exact {
        name: name(gated, workload, count.quantity.name()),
        baseline: range(count.baseline),
        head: range(count.candidate),
        must_agree: false,
    }));
    exact
}

/// Those of the first scenario, whose metric decides.
fn validity(gated: &Gated) -> Option<ValidityFigures> {
    let figures = &gated.workloads.first()?.comparison.as_ref()?.measured_validity;
    Some(ValidityFigures::from(*figures))
}

fn failed(recorded: &Recorded) -> Vec<FailedRun> {
    let lines = recorded.steps.iter().flat_map(|ran| ran.trials().map(move |line| (ran, line)));
    let failed = lines.filter_map(|(ran, line)| {
        let arm = ran.step.arms.get(line.trial.arm)?;
        Some(FailedRun {
            number: line.trial.number,
            setting: format!("{}, {}", recorded.arm_name(arm), ran.step.name),
            reason: line.measurement.failure()?.to_string(),
        })
    });
    failed.collect()
}

fn measured(gated: &Gated, recorded: &Recorded, scenarios: &[Scenario]) -> Vec<Fact> {
    let programs = &recorded.session.origin.programs;
    let print = |index: usize| {
        programs.get(index).map_or("", |program| program.blake3.get(..12).unwrap_or_default())
    };
    let mut facts = Vec::new();
    if programs.len() > 1 {
        facts.push(Fact::new("baseline", format!("{}, BLAKE3 {}…", gated.base, print(0))));
    }
    let last = programs.len().saturating_sub(1);
    facts.push(Fact::new("head", format!("{}, BLAKE3 {}…", gated.head, print(last))));
    for (scenario, workload) in scenarios.iter().zip(&gated.workloads) {
        let shares = [scenario.workload.duplicates, scenario.workload.rejects];
        let [duplicates, rejects] = shares.map(|share| rounded(share * 100.0));
        facts.push(Fact::new(
            &scenario.name,
            format!(
                "a fresh process and a fresh store for every run, the same {} records (profile {}, \
                 {duplicates} % duplicates, {rejects} % rejects, seed {}); order drawn from seed {}",
                thousands(f64::from(workload.records)),
                scenario.workload.profile,
                scenario.workload.seed,
                scenario.seed
            ),
        ));
    }
    facts.push(Fact::new("plan", &*gated.plan_hash));
    facts
}

fn files() -> Vec<Fact> {
    vec![
        Fact::new("analysis.json", "what was decided, with every figure"),
        Fact::new("ledger.jsonl", "the plan and every run's whole report"),
        Fact::new("identity.json", "revision, programs, machine"),
        Fact::new("junit.xml", "the verdicts as test cases"),
        Fact::new("report.html, charts/", "this report with its pictures"),
    ]
}
