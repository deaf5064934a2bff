//! Document of an explanation.

use super::pairs;
use super::session::{arm_runs, environment, failed, link};
use crate::error::Result;
use crate::experiment::explain::ExplainResult;
use crate::report::model::{ComparisonRow, Document, Fact, Headline, ReportKind, Status};
use crate::report::numbers::{pretty, thousands};
use crate::report::text::explain as words;
use crate::session::state::{CompletedStep, SessionState};
use crate::trial::provenance::Provenance;

/// Builds the document. Fails if the analysis cannot be serialized.
pub fn document(
    explained: &ExplainResult,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<Document> {
    let comparison = &explained.comparison;
    let doubts = identity.warnings();
    let warnings = explained.warnings.iter().cloned();
    Ok(Document {
        kind: ReportKind::Explain,
        scenario: explained.scenario.clone(),
        title: format!("{} against {}", explained.head, explained.base),
        link: link(recorded),
        headline: Headline {
            status: comparison.verdict.map_or(Status::Invalid, pairs::status),
            words: words::headline(explained),
            ..Headline::default()
        },
        warnings: warnings.chain(doubts.iter().map(ToString::to_string)).collect(),
        metrics: metrics(explained, recorded),
        exact: pairs::exact(comparison),
        sections: words::sections(explained),
        validity: Some(comparison.validity),
        failed: failed(recorded),
        runs: arm_runs(recorded),
        measured: measured(explained),
        environment: environment(identity),
        command: identity.command.clone(),
        ledger: "ledger.jsonl".into(),
        analysis: pretty(explained)?,
        files: files(),
        ..Document::default()
    })
}

/// Every metric of the paired comparison, under its own name.
fn metrics(explained: &ExplainResult, recorded: &SessionState) -> Vec<ComparisonRow> {
    let comparison = &explained.comparison;
    let steps: Vec<&CompletedStep> = recorded.steps_of(&comparison.name).collect();
    let rows = pairs::comparisons(comparison, &steps).into_iter().zip(&comparison.metrics);
    rows.map(|(row, found)| ComparisonRow { name: found.metric.name().into(), ..row }).collect()
}

fn measured(explained: &ExplainResult) -> Vec<Fact> {
    vec![
        Fact::new(
            &explained.scenario,
            format!(
                "a fresh process and a fresh store for every run, the same {} records",
                thousands(f64::from(explained.records))
            ),
        ),
        Fact::new("plan", &*explained.plan_hash),
    ]
}

fn files() -> Vec<Fact> {
    vec![
        Fact::new("analysis.json", "the attribution, with every figure"),
        Fact::new("ledger.jsonl", "the plan and every run's whole report"),
        Fact::new("identity.json", "revision, programs, machine"),
        Fact::new("junit.xml", "verdicts and contributions as test cases"),
        Fact::new("report.html, charts/", "this report with its charts"),
    ]
}
