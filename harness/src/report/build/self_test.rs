//! Document of a self-test.

use super::pairs;
use super::session::{arm_runs, environment, failed, link};
use crate::error::Result;
use crate::experiment::self_test::Truth;
use crate::experiment::self_test::error_rates::{ErrorRate, SelfTestResult, SessionGroup};
use crate::report::model::{
    Check, ComparisonRow, Document, Fact, Headline, ReportKind, Section, Status, TrackedFigure,
};
use crate::report::numbers::{pretty, thousands};
use crate::report::text::self_test as words;
use crate::session::state::SessionState;
use crate::trial::provenance::Provenance;

/// Builds the document. Fails if the analysis cannot be serialized.
pub fn document(
    tested: &SelfTestResult,
    recorded: &SessionState,
    identity: &Provenance,
) -> Result<Document> {
    let groups = [&tested.same, &tested.slowed];
    Ok(Document {
        kind: ReportKind::SelfTest,
        scenario: tested.scenario.clone(),
        title: format!("Self-test with {}", tested.scenario),
        link: link(recorded),
        headline: Headline {
            status: status(tested),
            words: words::what(tested),
            details: std::iter::once(words::LEGEND.to_owned())
                .chain(words::refused(tested))
                .collect(),
            why: None,
        },
        warnings: identity.warnings().iter().map(ToString::to_string).collect(),
        metrics: groups.into_iter().filter_map(|group| together(tested, group)).collect(),
        sections: groups.into_iter().map(|group| section(tested, group)).collect(),
        failed: failed(recorded),
        runs: arm_runs(recorded),
        tracked: groups.into_iter().flat_map(tracked).collect(),
        measured: vec![Fact::new(
            "runs",
            format!(
                "a fresh process and a fresh store for every run, the same {} records",
                thousands(f64::from(tested.records))
            ),
        )],
        environment: environment(identity),
        command: identity.command.clone(),
        ledger: "ledger.jsonl".into(),
        analysis: pretty(tested)?,
        files: files(),
        ..Document::default()
    })
}

/// Invalid if an error is more frequent than promised, not testable without a judged session or
/// if the slowed program was not as slow as intended.
fn status(tested: &SelfTestResult) -> Status {
    let groups = [&tested.same, &tested.slowed];
    if groups.iter().any(|group| group.rates.iter().any(words::exceeds_promise)) {
        return Status::Invalid;
    }
    let judged = groups.iter().all(|group| group.judged() > 0);
    if judged && tested.slowed_as_made { Status::Pass } else { Status::NotTestable }
}

fn section(tested: &SelfTestResult, group: &SessionGroup) -> Section {
    Section {
        title: words::title(tested, group),
        lead: Vec::new(),
        table: words::rates(group),
        words: words::below(tested, group),
        checks: group.rates.iter().map(check).collect(),
    }
}

fn check(rate: &ErrorRate) -> Check {
    let status = match rate.sessions {
        0 => Status::Skipped,
        _ if words::exceeds_promise(rate) => Status::Regression,
        _ => Status::Pass,
    };
    let text = words::row(rate).join(", ");
    Check {
        value: percent_of(rate),
        unit: "% of sessions".into(),
        ..Check::new(words::name(rate.what).into(), status, text)
    }
}

/// All pairs of a group as one comparison.
fn together(tested: &SelfTestResult, group: &SessionGroup) -> Option<ComparisonRow> {
    let found = group.together.as_ref()?;
    let name = match group.truth {
        Truth::Same => "the same program".to_owned(),
        Truth::Slowed => format!("slowed by {} %", tested.planted_percent),
    };
    let [low, high] = found.interval_percent.unwrap_or([None, None]);
    Some(ComparisonRow {
        name,
        against: "the program".into(),
        lower_is_better: true,
        status: pairs::status(found.verdict),
        effect_percent: found.effect_percent,
        interval_percent: low.zip(high).map(<[f64; 2]>::from),
        margin_percent: Some(tested.margin_percent),
        pairs: found.pairs,
        confidence: "none".into(),
        reason: "All pairs of these sessions together.".into(),
        ..ComparisonRow::default()
    })
}

fn percent_of(rate: &ErrorRate) -> Option<f64> {
    (rate.sessions > 0).then(|| rate.events as f64 / rate.sessions as f64 * 100.0)
}

fn tracked(group: &SessionGroup) -> Vec<TrackedFigure> {
    let benchmark = match group.truth {
        Truth::Same => "the same program",
        Truth::Slowed => "slowed program",
    };
    let figure = |rate: &ErrorRate| {
        Some(TrackedFigure {
            benchmark: benchmark.into(),
            measure: words::name(rate.what).into(),
            unit: "% of sessions".into(),
            bigger_is_better: words::is_success(rate.what),
            value: percent_of(rate)?,
            range: Some(rate.interval.map(|end| end * 100.0)),
            extra: format!("{} of {} sessions", rate.events, rate.sessions),
        })
    };
    group.rates.iter().filter_map(figure).collect()
}

fn files() -> Vec<Fact> {
    vec![
        Fact::new("self-test.json", "the rates, with every session"),
        Fact::new("ledger.jsonl", "the plan and every run's whole report"),
        Fact::new("identity.json", "revision, programs, machine"),
        Fact::new("doctor.json, doctor.html", "the machine before the first run"),
        Fact::new("report.html, charts/", "this report with its charts"),
    ]
}
