//! Document of an inspection of the machine.

use crate::error::Result;
use crate::experiment::doctor::{DoctorReport, Noise, ProbeFinding, Severity};
use crate::report::model::{Check, Document, Headline, ReportKind, Section, Status, TrackedFigure};
use crate::report::numbers::{pretty, thousands};
use crate::report::text::doctor as words;

/// Builds the document; `command` repeats the inspection. Fails if the report cannot be serialized.
pub fn document(checkup: &DoctorReport, command: &str) -> Result<Document> {
    let host = checkup.machine.host.as_deref().unwrap_or("this machine");
    let quiet = checkup.count(Severity::Noisy) + checkup.count(Severity::Warn) == 0;
    Ok(Document {
        kind: ReportKind::Doctor,
        scenario: "doctor".into(),
        title: format!("Noise of {host}"),
        headline: Headline {
            status: if quiet { Status::Pass } else { Status::Warning },
            words: words::summary(checkup),
            ..Headline::default()
        },
        sections: sections(checkup),
        tracked: checkup.noise.iter().flat_map(tracked).collect(),
        command: command.into(),
        analysis: pretty(checkup)?,
        ..Document::default()
    })
}

/// Findings, and the noise of runs.
fn sections(checkup: &DoctorReport) -> Vec<Section> {
    let machine = Section {
        title: "The machine".into(),
        lead: Vec::new(),
        table: words::findings(checkup),
        words: Vec::new(),
        checks: checkup.findings.iter().map(check).collect(),
    };
    std::iter::once(machine).chain(noise(checkup)).collect()
}

fn check(finding: &ProbeFinding) -> Check {
    let status = match finding.level {
        Severity::Quiet => Status::Pass,
        Severity::Warn | Severity::Noisy => Status::Warning,
        Severity::Unknown => Status::Skipped,
    };
    let observed = format!("{}. {}", finding.here, finding.means);
    let text = match &finding.advice {
        Some(advice) => format!("{observed} {advice}"),
        None => observed,
    };
    Check::new(finding.probe.into(), status, text)
}

/// `None` if no runs were tried.
fn noise(checkup: &DoctorReport) -> Option<Section> {
    let title = "Noise of runs".to_owned();
    let Some(noise) = &checkup.noise else {
        let unknown = format!("Unknown: {}", checkup.noise_unknown.as_ref()?);
        let check = Check::new("baseline".into(), Status::Skipped, unknown.clone());
        let (lead, checks) = (vec![unknown], vec![check]);
        return Some(Section { title, lead, checks, ..Section::default() });
    };
    let pairs = noise.pairs.as_ref();
    Some(Section {
        title,
        lead: words::noise_words(noise),
        table: pairs.map(|pairs| words::detectable(&pairs.detectable)).unwrap_or_default(),
        words: pairs.map(|pairs| words::below(pairs, noise.pair_s).to_vec()).unwrap_or_default(),
        checks: noise.rec_per_min.iter().enumerate().map(run).collect(),
    })
}

/// Test case of a run of the baseline, which passes because it finished.
fn run((index, rate): (usize, &f64)) -> Check {
    let text = format!("{} records a minute", thousands(*rate));
    Check {
        value: Some(*rate),
        unit: "rec/min".into(),
        ..Check::new(format!("run {} of the baseline", index + 1), Status::Pass, text)
    }
}

fn tracked(noise: &Noise) -> Vec<TrackedFigure> {
    let figure = |measure: &str, unit: &str, bigger_is_better, value| TrackedFigure {
        benchmark: "baseline".into(),
        measure: measure.into(),
        unit: unit.into(),
        bigger_is_better,
        value,
        range: None,
        extra: format!("{} runs", noise.rec_per_min.len()),
    };
    let rate = figure("rec_per_min", "records/min", true, noise.median_rec_per_min);
    let spread = noise.pairs.as_ref().map(|pairs| TrackedFigure {
        range: Some(pairs.std_dev_interval.map(|end| end * 100.0)),
        ..figure("std_dev_of_a_pair", "%", false, pairs.std_dev * 100.0)
    });
    std::iter::once(rate).chain(spread).collect()
}
