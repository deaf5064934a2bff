//! Document of a gate.

use super::pairs;
use super::session::{arm_runs, environment, failed, link};
use crate::analysis::test_result::Decision;
use crate::error::Result;
use crate::experiment::gate::{GateResult, GateVerdict, WorkloadResult, with_stored_times};
use crate::report::model::{ComparisonRow, Document, ExactRow, Fact, Headline, ReportKind, Status};
use crate::report::numbers::{pretty, rounded, thousands};
use crate::report::text::gate::{details, finding, name, why};
use crate::scenario::{Scenario, SmallPolicy};
use crate::session::state::{CompletedStep, SessionState};
use crate::stats::verdict::Verdict;
use crate::trial::measurement::StoreFingerprint;
use crate::trial::provenance::Provenance;

/// Builds the document. Fails if the decision cannot be serialized.
pub fn document(
    gated: &GateResult,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<Document> {
    let scenarios = &recorded.session.session.scenarios;
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let view = with_stored_times(recorded);
    let metrics = gated.workloads.iter().flat_map(|workload| metrics(gated, &view, workload));
    let first = gated.workloads.first();
    let doubts = identity.warnings();
    let warnings = gated.warnings.iter().cloned().chain(doubts.iter().map(ToString::to_string));
    Ok(Document {
        kind: ReportKind::Gate,
        scenario: names.join("+"),
        title: format!("{} against {}", gated.head, gated.base),
        link: link(recorded),
        headline: Headline {
            status: status(gated),
            words: finding(gated),
            details: details(gated),
            why: why(gated),
        },
        warnings: warnings.collect(),
        metrics: metrics.collect(),
        exact: gated.workloads.iter().flat_map(|workload| exact(gated, workload)).collect(),
        // The diagnostics of the first scenario, whose metric is the primary one.
        validity: first
            .and_then(|workload| workload.comparison.as_ref())
            .map(|comparison| comparison.validity),
        failed: failed(recorded),
        runs: arm_runs(recorded),
        measured: measured(gated, recorded, identity),
        // Both programs are listed under "measured"; the environment would name only one of them.
        environment: environment(identity)
            .into_iter()
            .filter(|fact| !fact.name.starts_with("migrator"))
            .collect(),
        command: identity.command.clone(),
        ledger: "ledger.jsonl".into(),
        analysis: pretty(gated)?,
        files: files(),
        ..Document::default()
    })
}

/// Status of the gate, which agrees with its exit code.
fn status(gated: &GateResult) -> Status {
    match gated.answer {
        GateVerdict::Small if gated.exit_code != 0 => Status::SmallFails,
        answer => answer.into(),
    }
}

impl From<GateVerdict> for Status {
    fn from(answer: GateVerdict) -> Self {
        match answer {
            GateVerdict::Improved => Self::Improved,
            GateVerdict::Pass => Self::Pass,
            GateVerdict::Small => Self::Small,
            GateVerdict::Regression => Self::Regression,
            GateVerdict::Inconclusive => Self::Inconclusive,
            GateVerdict::NotTestable => Self::NotTestable,
            GateVerdict::Invalid => Self::Invalid,
            GateVerdict::Failed => Self::Failed,
            GateVerdict::WrongResult => Self::WrongResult,
        }
    }
}

/// Metrics of a workload, with the verdicts after correction.
fn metrics(
    gated: &GateResult,
    view: &SessionState,
    workload: &WorkloadResult,
) -> Vec<ComparisonRow> {
    let Some(comparison) = &workload.comparison else {
        return Vec::new();
    };
    let steps: Vec<&CompletedStep> = view.steps_of(&workload.scenario).collect();
    let mut scenarios = view.session.session.scenarios.iter();
    let small_fails = scenarios.any(|scenario| {
        scenario.name == workload.scenario && scenario.gate.small == SmallPolicy::Fail
    });
    let shown = pairs::comparisons(comparison, &steps).into_iter().zip(&workload.tests);
    shown
        .map(|(shown, test)| ComparisonRow {
            name: name(gated, workload, test.metric.name()),
            against: gated.base.clone(),
            status: match (gated.answer, test.verdict) {
                (_, Decision::FailedRuns) => Status::NotJudged,
                (GateVerdict::Invalid, _) => Status::Invalid,
                (_, Decision::Judged(Verdict::Small)) if small_fails => Status::SmallFails,
                (_, verdict) => pairs::status(verdict),
            },
            reason: match (test.primary, gated.family) {
                (true, _) => "The metric that decides.".to_owned(),
                (false, 1) => "The one further metric.".to_owned(),
                (false, family) => format!("One of {family} further metrics, one family."),
            },
            ..shown
        })
        .collect()
}

fn exact(gated: &GateResult, workload: &WorkloadResult) -> Vec<ExactRow> {
    let both = match (&workload.stored, &workload.stored_by) {
        (Some(stored), _) => [stored, stored],
        (None, Some([base, head])) => [base, head],
        (None, None) => return Vec::new(),
    };
    let must = |what: &str, of: &dyn Fn(&StoreFingerprint) -> String| ExactRow {
        name: name(gated, workload, what),
        baseline: of(both[0]),
        head: of(both[1]),
        must_agree: true,
        fails: false,
    };
    let count = |count: u64| thousands(count as f64);
    let checksum = |stored: &StoreFingerprint| match stored.checksum.as_str() {
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
        let rows = |stored: &StoreFingerprint| stored.rows.get(table).copied().unwrap_or(0);
        if rows(both[0]) != rows(both[1]) {
            exact.push(must(&format!("rows of {table}"), &|stored| count(rows(stored))));
        }
    }
    exact.extend(
        workload
            .comparison
            .iter()
            .flat_map(pairs::exact)
            .map(|count| ExactRow { name: name(gated, workload, &count.name), ..count }),
    );
    exact
}

/// Name, version and hash of a program.
fn program(name: &str, recorded: &SessionState, identity: &Provenance, index: usize) -> String {
    let print = recorded.session.origin.programs.get(index).map_or("", |id| id.blake3.as_str());
    let ran = match index.checked_sub(1) {
        None => Some(&identity.program),
        Some(other) => identity.other_programs.get(other),
    };
    let known = |value: Option<&String>| value.map_or("unknown", String::as_str).to_owned();
    format!(
        "{name}, version {}, {}, BLAKE3 {}…",
        known(ran.and_then(|ran| ran.version.as_ref())),
        known(ran.and_then(|ran| ran.profile.as_ref())),
        print.get(..12).unwrap_or(print)
    )
}

fn measured(gated: &GateResult, recorded: &SessionState, identity: &Provenance) -> Vec<Fact> {
    let scenarios: &[Scenario] = &recorded.session.session.scenarios;
    let last = recorded.session.origin.programs.len().saturating_sub(1);
    let mut facts = Vec::new();
    if last > 0 {
        facts.push(Fact::new("baseline", program(&gated.base, recorded, identity, 0)));
    }
    facts.push(Fact::new("head", program(&gated.head, recorded, identity, last)));
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
        Fact::new("analysis.json", "the decision, with every figure"),
        Fact::new("ledger.jsonl", "the plan and every run's whole report"),
        Fact::new("identity.json", "revision, programs, machine"),
        Fact::new("junit.xml", "the verdicts as test cases"),
        Fact::new("report.html, charts/", "this report with its pictures"),
    ]
}
