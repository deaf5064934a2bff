//! Machine-readable formats, each against its published schema or an example of the program that
//! reads it.

use std::collections::BTreeMap;

use harness::report::model::{Document, Status};
use harness::report::{Format, render};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use scraper::{Html, Selector};
use serde_json::{Value, json};

use crate::report_documents::{HOSTILE, a_gate, a_hostile_document, a_sweep, a_tuning};
use crate::{doctor, explain, history, self_test};

fn json_of(format: Format, document: &Document) -> Value {
    serde_json::from_str(&render(format, document).unwrap()).unwrap()
}

/// The median of an even number of values.
fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    f64::midpoint(sorted[half - 1], sorted[half])
}

/// A number as `335,442`.
fn with_commas(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn every_format_has_the_median_rate_of_every_setting() {
    let document = a_sweep();
    let said = |format| render(format, &document).unwrap();
    let mut rates: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let csv = said(Format::Csv);
    for row in csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap) {
        rates.entry(row[2].to_owned()).or_default().push(row[9].parse().unwrap());
    }
    assert_eq!(rates.len(), 6);
    let (markdown, junit) = (said(Format::Markdown), said(Format::Junit));
    let page = Html::parse_document(&said(Format::Html));
    let [row, cell] = ["#phase-1-ii-1 tbody tr", "th, td"].map(|s| Selector::parse(s).unwrap());
    let rows: Vec<Vec<String>> = page
        .select(&row)
        .map(|row| row.select(&cell).map(|cell| cell.text().collect()).collect())
        .collect();
    let json = json_of(Format::Json, &document);
    let bigger = json_of(Format::GithubActionBenchmark, &document);
    let bencher = json_of(Format::Bencher, &document);
    for (label, rates) in rates {
        assert_eq!(rates.len(), 10, "{label}");
        let (rate, short) = (middle(&rates), label.strip_prefix("batch_size=").unwrap());
        let words = with_commas(rate);
        assert!(markdown.contains(&format!("\n| {short} | 10 | {words} |")), "{label}: {words}");
        assert!(rows.iter().any(|row| row[..3] == [short, "10", words.as_str()]), "{label}");
        assert!(junit.contains(&format!("<system-out>{words} records a minute<")), "{label}");
        let same = |value: &Value| (value.as_f64().unwrap() - rate).abs() < 0.006;
        let settings = json["settings"].as_array().unwrap();
        let setting = settings.iter().find(|setting| setting["label"] == label.as_str()).unwrap();
        assert!(same(&setting["metrics"]["rec_per_min"]["median"]), "{label}");
        let name = format!("II.1 {label}");
        assert!(same(&bencher[&name]["rec_per_min"]["value"]), "{label}");
        let named = format!("{name}: rec_per_min");
        let entry = bigger.as_array().unwrap().iter().find(|entry| entry["name"] == named.as_str());
        assert!(same(&entry.unwrap()["value"]), "{label}");
    }
}

#[test]
fn csv_has_a_row_for_every_run_and_neutralizes_formulas() {
    let text = render(Format::Csv, &a_sweep()).unwrap();
    insta::assert_snapshot!("sweep.csv", text.lines().take(4).collect::<Vec<_>>().join("\n"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.records().map(Result::unwrap).count(), 60);

    let text = render(Format::Csv, &a_hostile_document()).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let first = reader.records().next().unwrap().unwrap();
    assert_eq!(first[2], format!("'{HOSTILE}"));
    assert_eq!(first[14], format!("'{HOSTILE}"));
}

type Element =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// Jenkins' xUnit plugin, `junit-10.xsd`: for each element its attributes, the required ones among
/// them, and its children. Attributes that hold a time must match `SUREFIRE_TIME`.
const JUNIT: [Element; 7] = [
    ("testsuites", &["name", "time", "tests", "failures", "errors"], &[], &["testsuite"]),
    (
        "testsuite",
        &[
            "name",
            "tests",
            "failures",
            "errors",
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ],
        &["name", "tests", "failures", "errors"],
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
    ),
    (
        "testcase",
        &["name", "time", "classname", "group"],
        &["name"],
        &["skipped", "error", "failure", "system-out", "system-err"],
    ),
    ("skipped", &["type", "message"], &[], &[]),
    ("error", &["type", "message"], &[], &[]),
    ("failure", &["type", "message"], &[], &[]),
    ("system-out", &[], &[], &[]),
];

/// Panics unless the text follows [`JUNIT`] and the counts of its suites are right. Returns the
/// number of each element.
fn valid_junit(text: &str) -> BTreeMap<String, usize> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    let mut counts = BTreeMap::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(tag) => {
                check(&tag, open.last());
                let name = tag.name().as_ref().to_owned();
                *counts.entry(name.clone()).or_default() += 1;
                open.push(name);
            }
            Event::Empty(tag) => check(&tag, open.last()),
            Event::End(_) => drop(open.pop()),
            _ => {}
        }
    }
    assert!(open.is_empty());
    counts
}

fn check(tag: &BytesStart<'_>, parent: Option<&String>) {
    let name = tag.name().as_ref().to_owned();
    let rule = |name: &str| JUNIT.iter().find(|rule| rule.0 == name).unwrap();
    let (_, allowed, needed, _) = rule(&name);
    if let Some(parent) = parent {
        assert!(rule(parent).3.contains(&name.as_str()), "{name} in {parent}");
    } else {
        assert_eq!(name, "testsuites");
    }
    let attributes: BTreeMap<String, String> = tag
        .attributes()
        .map(Result::unwrap)
        .map(|a| {
            let key = a.key.as_ref().to_owned();
            (key, a.value.to_string())
        })
        .collect();
    for attribute in attributes.keys() {
        assert!(allowed.contains(&attribute.as_str()), "{attribute} of {name}");
    }
    for needed in *needed {
        assert!(attributes.contains_key(*needed), "{needed} of {name}");
    }
    if let Some(time) = attributes.get("time") {
        let (whole, part) = time.split_once('.').unwrap();
        assert!(whole.chars().chain(part.chars()).all(|c| c.is_ascii_digit()), "{time}");
    }
}

#[test]
fn junit_follows_the_schema_and_marks_failures() {
    let text = render(Format::Junit, &a_gate(Status::Regression)).unwrap();
    let counts = valid_junit(&text);
    // The verdict, the rate and the time.
    assert_eq!((counts["failure"], counts.get("error")), (3, None));
    insta::assert_snapshot!("gate-regression.xml", text);

    let counts = valid_junit(&render(Format::Junit, &a_gate(Status::Inconclusive)).unwrap());
    assert_eq!((counts["skipped"], counts.get("failure")), (3, None));
    let counts = valid_junit(&render(Format::Junit, &a_gate(Status::WrongResult)).unwrap());
    assert_eq!(counts["failure"], 4, "the rows of app_base among them");
    let counts = valid_junit(&render(Format::Junit, &a_tuning()).unwrap());
    assert!(counts["testcase"] > 20, "{counts:?}");
    let counts = valid_junit(&render(Format::Junit, &a_hostile_document()).unwrap());
    assert_eq!(counts["error"], 1, "the setting with a failed run");
}

/// github-action-benchmark, `src/extract.ts` and its `customBiggerIsBetter_output.json`: an array
/// of objects with a name, a unit and a value. `range` and `extra` are strings.
#[test]
fn github_action_benchmark_gets_its_array_format() {
    let bigger = json_of(Format::GithubActionBenchmark, &a_sweep());
    let smaller = json_of(Format::GithubActionBenchmarkSmaller, &a_sweep());
    for entry in bigger.as_array().unwrap().iter().chain(smaller.as_array().unwrap()) {
        for (name, value) in entry.as_object().unwrap() {
            match name.as_str() {
                "name" | "unit" | "range" | "extra" => assert!(value.is_string(), "{entry}"),
                "value" => assert!(value.is_number(), "{entry}"),
                other => panic!("{other} in {entry}"),
            }
        }
        assert!(["name", "unit", "value"].iter().all(|name| entry.get(name).is_some()));
    }
    assert_eq!(bigger.as_array().unwrap().len(), 6, "a rate for each setting");
    assert_eq!(smaller.as_array().unwrap().len(), 18, "two times and the memory");
    insta::assert_json_snapshot!("sweep.gab", json!([bigger[0], smaller[0], smaller[2]]));
    // A gate reports its head.
    let gate = json_of(Format::GithubActionBenchmark, &a_gate(Status::Regression));
    let mut names = gate.as_array().unwrap().iter().map(|entry| &entry["name"]);
    assert!(names.any(|name| name == "batch-size: rec_per_min: median"), "{gate}");
}

/// The schema at `https://bencher.dev/bmf.json`.
fn bencher_schema() -> Value {
    json!({
        "type": "object",
        "patternProperties": { ".+": {
            "type": "object",
            "patternProperties": { ".+": {
                "type": "object",
                "properties": {
                    "value": { "type": "number" },
                    "lower_value": { "type": "number" },
                    "upper_value": { "type": "number" }
                },
                "required": ["value"]
            } }
        } }
    })
}

/// The part of JSON schema that this schema uses. Its only pattern matches every non-empty name.
fn assert_valid(value: &Value, schema: &Value) {
    match schema["type"].as_str() {
        Some("number") => assert!(value.is_number(), "{value}"),
        _ => assert!(value.is_object(), "{value}"),
    }
    for needed in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(needed.as_str().unwrap()).is_some(), "{value}");
    }
    for (name, child) in value.as_object().into_iter().flatten() {
        let property = schema.get("properties").map(|properties| &properties[name]);
        let pattern = schema.get("patternProperties").map(|patterns| &patterns[".+"]);
        assert!(!name.is_empty());
        assert_valid(child, property.or(pattern).unwrap());
    }
}

#[test]
fn bencher_gets_its_metric_format() {
    for document in [a_sweep(), a_tuning(), a_gate(Status::Improved), a_hostile_document()] {
        assert_valid(&json_of(Format::Bencher, &document), &bencher_schema());
    }
    let sweep = json_of(Format::Bencher, &a_sweep());
    assert_eq!(sweep.as_object().unwrap().len(), 6);
    insta::assert_json_snapshot!("sweep.bmf", sweep["II.1 batch_size=200"]);
}

/// Documents of the sessions whose reports consist of sections.
fn documents_with_sections() -> [Document; 5] {
    [
        explain::a_document(),
        explain::a_bisection(),
        self_test::a_document(),
        doctor::a_document(),
        history::a_document(),
    ]
}

#[test]
fn every_section_is_in_markdown_and_on_the_page_and_every_check_in_csv_or_junit() {
    for document in documents_with_sections() {
        let kind = document.kind.name();
        let said = |format| render(format, &document).unwrap();
        let (markdown, junit) = (said(Format::Markdown), said(Format::Junit));
        let page = Html::parse_document(&said(Format::Html));
        let titles = Selector::parse("main h2").unwrap();
        let titles: Vec<String> =
            page.select(&titles).map(|title| title.text().collect()).collect();
        let mut checks = 0;
        for section in &document.sections {
            assert!(markdown.contains("\n## "), "{kind}: {markdown}");
            assert!(titles.contains(&section.title), "{kind}: {titles:?}");
            checks += section.checks.len();
        }
        let counts = valid_junit(&junit);
        assert!(counts["testcase"] > checks && checks > 0, "{kind}: {counts:?}");
        let csv = said(Format::Csv);
        let rows = csv::Reader::from_reader(csv.as_bytes()).into_records().count();
        let expected = if document.runs.is_empty() { checks } else { document.runs.len() };
        assert_eq!(rows, expected, "{kind}: {csv}");
        assert!(json_of(Format::Json, &document).is_object(), "{kind}");
    }
}

#[test]
fn trackers_get_figures_of_every_kind_of_session_but_a_bisection_which_has_none() {
    for document in documents_with_sections() {
        let kind = document.kind.name();
        let rendered = render(Format::Bencher, &document);
        if kind == "bisect" {
            let error = rendered.unwrap_err().to_string();
            assert!(error.contains("render the results folder of one of its gates"), "{error}");
            continue;
        }
        let json: Value = serde_json::from_str(&rendered.unwrap()).unwrap();
        assert_valid(&json, &bencher_schema());
        assert!(!json.as_object().unwrap().is_empty(), "{kind}");
        let both = [Format::GithubActionBenchmark, Format::GithubActionBenchmarkSmaller]
            .map(|format| json_of(format, &document).as_array().unwrap().len());
        assert!(both.iter().sum::<usize>() > 0, "{kind}: {both:?}");
    }
}
