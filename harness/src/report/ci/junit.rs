//! `JUnit` XML by the xUnit schema of Jenkins (`junit-10.xsd`): a suite for each phase, section or
//! kind of comparison, a test case for each verdict. A regression or a wrong result fails, an
//! invalid measurement is an error, and an undecided test is skipped with its reason.

use std::convert::identity;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::error::{Error, Result};
use crate::report::model::{
    Check, ComparisonRow, Document, ExactRow, PhaseReport, Section, SettingRow, Status, StatusClass,
};
use crate::report::numbers::{legal, thousands};
use crate::report::table::cell;

/// Test case.
struct Case {
    name: String,
    seconds: f64,
    status: Status,
    words: String,
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

/// Elements of a test case that has not passed.
#[derive(Clone, Copy, PartialEq)]
enum CaseElement {
    Failure,
    Error,
    Skipped,
}

impl CaseElement {
    const ALL: [Self; 3] = [Self::Failure, Self::Error, Self::Skipped];

    fn of(status: Status) -> Option<Self> {
        match status.class() {
            StatusClass::Good | StatusClass::Note | StatusClass::Plain => None,
            StatusClass::Failure => Some(Self::Failure),
            StatusClass::Error => Some(Self::Error),
            StatusClass::Open | StatusClass::NotMeasured => Some(Self::Skipped),
        }
    }

    fn element(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// Text of the file.
pub(in crate::report) fn junit(document: &Document) -> Result<String> {
    let suites = suites(document);
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let failed = |error| Error::caused("writing JUnit XML", error);
    writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| write(&mut writer, &document.heading(), &suites))
        .map_err(failed)?;
    let text = String::from_utf8(writer.into_inner());
    text.map(|text| text + "\n").map_err(|error| Error::caused("writing JUnit XML", error))
}

fn suites(document: &Document) -> Vec<Suite> {
    let verdict = Case {
        name: document.heading(),
        seconds: 0.0,
        status: document.headline.status,
        words: document.headline.words.clone(),
    };
    let exact = document.exact.iter().map(exact_case).collect();
    let comparisons = |name: &str, all: &[ComparisonRow]| Suite {
        name: name.into(),
        cases: all.iter().map(comparison_case).collect(),
    };
    let mut suites = vec![Suite { name: "verdict".into(), cases: vec![verdict] }];
    suites.push(comparisons("metrics", &document.metrics));
    suites.push(Suite { name: "exact".into(), cases: exact });
    suites.extend(document.phases.iter().map(phase_suite));
    suites.extend(document.sections.iter().map(section_suite));
    suites.push(comparisons("alone", &document.alone));
    suites.push(comparisons("all kept settings", document.last.as_slice()));
    suites.retain(|suite| !suite.cases.is_empty());
    suites
}

fn phase_suite(phase: &PhaseReport) -> Suite {
    let mut cases: Vec<Case> = phase.settings.iter().map(setting_case).collect();
    cases.extend(phase.confirmation.iter().map(comparison_case));
    cases.extend(phase.skipped.iter().map(|reason| Case {
        name: phase.optimization.clone(),
        seconds: 0.0,
        status: Status::Skipped,
        words: reason.clone(),
    }));
    let name = format!("{} {}", phase.phase, phase.optimization);
    Suite { name: name.trim().into(), cases }
}

fn section_suite(section: &Section) -> Suite {
    let case = |check: &Check| Case {
        name: check.name.clone(),
        seconds: 0.0,
        status: check.status,
        words: check.words.clone(),
    };
    Suite { name: section.title.clone(), cases: section.checks.iter().map(case).collect() }
}

/// Test case of a setting: it passes if its runs have figures within the limits.
fn setting_case(setting: &SettingRow) -> Case {
    let failures: Vec<&str> =
        setting.runs.iter().filter_map(|run| run.failure.as_deref()).collect();
    let (status, words) = match failures.first() {
        Some(first) => {
            let words =
                format!("{} of {} runs failed: {first}", failures.len(), setting.runs.len());
            (Status::Invalid, words)
        }
        None if !setting.within_limits => (Status::Invalid, "a run was over the limits".into()),
        None => {
            let rate = thousands(setting.rec_per_min.median);
            (Status::Pass, format!("{rate} records a minute"))
        }
    };
    let seconds = setting.runs.iter().map(|run| run.elapsed_s).sum();
    Case { name: setting.label.clone(), seconds, status, words }
}

fn comparison_case(comparison: &ComparisonRow) -> Case {
    let words = format!(
        "{}: {} ({}; {}), {} pairs. {}",
        comparison.status.words(),
        cell(comparison.change_text(), identity),
        cell(comparison.interval_text(), identity),
        comparison.direction(),
        comparison.pairs,
        comparison.reason
    );
    let name = format!("{} against {}", comparison.name, comparison.against);
    let words = words.trim().to_owned();
    Case { name, seconds: 0.0, status: comparison.status, words }
}

fn exact_case(exact: &ExactRow) -> Case {
    let wrong = exact.must_agree && !exact.agrees();
    Case {
        name: exact.name.clone(),
        seconds: 0.0,
        status: match (wrong, exact.fails) {
            (true, _) => Status::WrongResult,
            (_, true) => Status::Regression,
            _ => Status::Pass,
        },
        words: format!("{} in the baseline, {} in the head", exact.baseline, exact.head),
    }
}

fn count(suites: &[Suite], mark: CaseElement) -> String {
    let cases = suites.iter().flat_map(|suite| &suite.cases);
    cases.filter(|case| CaseElement::of(case.status) == Some(mark)).count().to_string()
}

fn write(
    writer: &mut Writer<Vec<u8>>,
    title: &str,
    suites: &[Suite],
) -> std::result::Result<(), std::io::Error> {
    let cases: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    writer
        .create_element("testsuites")
        .with_attribute(("name", &*legal(title)))
        .with_attribute(("tests", &*cases.to_string()))
        .with_attribute(("failures", &*count(suites, CaseElement::Failure)))
        .with_attribute(("errors", &*count(suites, CaseElement::Error)))
        .write_inner_content(|writer| {
            suites.iter().try_for_each(|suite| write_suite(writer, suite))
        })?;
    Ok(())
}

fn write_suite(
    writer: &mut Writer<Vec<u8>>,
    suite: &Suite,
) -> std::result::Result<(), std::io::Error> {
    let all = std::slice::from_ref(suite);
    let [failures, errors, skipped] = CaseElement::ALL.map(|mark| count(all, mark));
    let seconds: f64 = suite.cases.iter().map(|case| case.seconds).sum();
    writer
        .create_element("testsuite")
        .with_attribute(("name", &*legal(&suite.name)))
        .with_attribute(("tests", &*suite.cases.len().to_string()))
        .with_attribute(("failures", &*failures))
        .with_attribute(("errors", &*errors))
        .with_attribute(("skipped", &*skipped))
        .with_attribute(("time", &*format!("{seconds:.3}")))
        .write_inner_content(|writer| {
            suite.cases.iter().try_for_each(|case| write_case(writer, &suite.name, case))
        })?;
    Ok(())
}

fn write_case(
    writer: &mut Writer<Vec<u8>>,
    suite: &str,
    case: &Case,
) -> std::result::Result<(), std::io::Error> {
    let words = legal(&case.words);
    writer
        .create_element("testcase")
        .with_attribute(("name", &*legal(&case.name)))
        .with_attribute(("classname", &*legal(suite)))
        .with_attribute(("time", &*format!("{:.3}", case.seconds)))
        .write_inner_content(|writer| {
            match CaseElement::of(case.status) {
                Some(mark) => writer
                    .create_element(mark.element())
                    .with_attribute(("type", case.status.word()))
                    .with_attribute(("message", &*words))
                    .write_text_content(BytesText::new(&words))?,
                None => writer
                    .create_element("system-out")
                    .write_text_content(BytesText::new(&words))?,
            };
            Ok(())
        })?;
    Ok(())
}
