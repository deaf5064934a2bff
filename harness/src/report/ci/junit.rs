//! `JUnit` XML, as Jenkins' xUnit schema (`junit-10.xsd`) has it: a suite for each phase or kind of
//! comparison, a case for everything that was asked of it. A regression or a wrong result fails, an
//! invalid measurement is an error, and what could not be told is skipped with its reason.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::error::{Error, Result};
use crate::report::model::{Comparison, Document, Exact, Phase, Setting, Standing};
use crate::report::numbers::{legal, percent, percent_range, thousands};
use crate::report::table::cell;

/// One question and its answer.
struct Case {
    name: String,
    seconds: f64,
    standing: Standing,
    words: String,
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

/// The elements that say that a case has not passed.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Failure,
    Error,
    Skipped,
}

impl Mark {
    const ALL: [Self; 3] = [Self::Failure, Self::Error, Self::Skipped];

    fn of(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Improved | Standing::Pass | Standing::Small | Standing::NothingToConfirm => {
                None
            }
            Standing::Regression | Standing::WrongResult => Some(Self::Failure),
            Standing::Invalid | Standing::Failed => Some(Self::Error),
            Standing::Inconclusive
            | Standing::NotConfirmed
            | Standing::NotTestable
            | Standing::Skipped => Some(Self::Skipped),
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

/// The file's text.
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
        standing: document.headline.standing,
        words: document.headline.words.clone(),
    };
    let exact = document.exact.iter().map(exact_case).collect();
    let comparisons = |name: &str, all: &[Comparison]| Suite {
        name: name.into(),
        cases: all.iter().map(comparison_case).collect(),
    };
    let mut suites = vec![Suite { name: "verdict".into(), cases: vec![verdict] }];
    suites.push(comparisons("metrics", &document.metrics));
    suites.push(Suite { name: "exact".into(), cases: exact });
    suites.extend(document.phases.iter().map(phase_suite));
    suites.push(comparisons("alone", &document.alone));
    suites.push(comparisons("all that is kept", document.last.as_slice()));
    suites.retain(|suite| !suite.cases.is_empty());
    suites
}

fn phase_suite(phase: &Phase) -> Suite {
    let mut cases: Vec<Case> = phase.settings.iter().map(setting_case).collect();
    cases.extend(phase.confirmation.iter().map(comparison_case));
    cases.extend(phase.skipped.iter().map(|reason| Case {
        name: phase.optimization.clone(),
        seconds: 0.0,
        standing: Standing::Skipped,
        words: reason.clone(),
    }));
    let name = format!("{} {}", phase.phase, phase.optimization);
    Suite { name: name.trim().into(), cases }
}

/// A setting passes when its runs gave figures within the limits: speed is asked elsewhere.
fn setting_case(setting: &Setting) -> Case {
    let failures: Vec<&str> =
        setting.runs.iter().filter_map(|run| run.failure.as_deref()).collect();
    let (standing, words) = match failures.first() {
        Some(first) => {
            let words =
                format!("{} of {} runs failed: {first}", failures.len(), setting.runs.len());
            (Standing::Invalid, words)
        }
        None if !setting.within_limits => (Standing::Invalid, "a run was over the limits".into()),
        None => {
            let rate = thousands(setting.rec_per_min.median);
            (Standing::Pass, format!("{rate} records a minute"))
        }
    };
    let seconds = setting.runs.iter().map(|run| run.elapsed_s).sum();
    Case { name: setting.label.clone(), seconds, standing, words }
}

fn comparison_case(comparison: &Comparison) -> Case {
    let words = format!(
        "{}: {} ({}), {} pairs. {}",
        comparison.standing.words(),
        cell(comparison.effect_percent, percent),
        cell(comparison.interval_percent, percent_range),
        comparison.pairs,
        comparison.reason
    );
    let name = format!("{} against {}", comparison.name, comparison.against);
    let words = words.trim().to_owned();
    Case { name, seconds: 0.0, standing: comparison.standing, words }
}

fn exact_case(exact: &Exact) -> Case {
    let wrong = exact.must_agree && !exact.agrees();
    Case {
        name: exact.name.clone(),
        seconds: 0.0,
        standing: if wrong { Standing::WrongResult } else { Standing::Pass },
        words: format!("{} in the baseline, {} in the head", exact.baseline, exact.head),
    }
}

fn count(suites: &[Suite], mark: Mark) -> String {
    let cases = suites.iter().flat_map(|suite| &suite.cases);
    cases.filter(|case| Mark::of(case.standing) == Some(mark)).count().to_string()
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
        .with_attribute(("failures", &*count(suites, Mark::Failure)))
        .with_attribute(("errors", &*count(suites, Mark::Error)))
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
    let [failures, errors, skipped] = Mark::ALL.map(|mark| count(all, mark));
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
            match Mark::of(case.standing) {
                Some(mark) => writer
                    .create_element(mark.element())
                    .with_attribute(("type", case.standing.word()))
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
