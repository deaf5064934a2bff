//! Records with the rows that they must become. `tests/golden/README.md` describes the sets.
//!
//! Rows of a table are compared as a multiset. Null equals missing, and numbers compare as numbers.
//! For a rejected record only the stage is compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use chrono::{NaiveDateTime, Utc};
use serde_json::{Map, Value as Json};

/// A row whose cells have one text for equal values.
type Row = BTreeMap<String, String>;

/// Folder of a set of golden records: `own`, `cc` or `rl`.
pub(super) fn set(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The lines of `migrator rows`, or of an expectation, by file name.
fn by_file(lines: &str) -> BTreeMap<String, Json> {
    lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let json: Json = serde_json::from_str(line).unwrap();
            (json["file"].as_str().unwrap().to_owned(), json)
        })
        .collect()
}

fn mapped(contract: &Path, records: &Path) -> BTreeMap<String, Json> {
    let output = Command::cargo_bin("migrator")
        .unwrap()
        .arg("rows")
        .arg("--contract")
        .args([contract, records])
        .assert()
        .success();
    by_file(std::str::from_utf8(&output.get_output().stdout).unwrap())
}

fn canonical(value: &Json) -> String {
    match value {
        Json::Bool(truth) => format!("{:.9}", f64::from(u8::from(*truth))),
        Json::Number(number) => format!("{:.9}", number.as_f64().unwrap()),
        Json::String(text) => format!("'{}'", canonical_text(text)),
        other => other.to_string(),
    }
}

/// A timestamp with `T`, and without zeros at the end of its fraction; any other text unchanged.
fn canonical_text(text: &str) -> String {
    let is_timestamp = text.len() >= 19
        && text.as_bytes()[4] == b'-'
        && [b'T', b' '].contains(&text.as_bytes()[10])
        && text.as_bytes()[13] == b':';
    if !is_timestamp {
        return text.to_owned();
    }
    let text = text.replacen(' ', "T", 1);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn rows(table: Option<&Json>) -> Vec<Row> {
    let mut rows: Vec<Row> =
        table.and_then(Json::as_array).into_iter().flatten().map(cells).collect();
    rows.sort();
    rows
}

fn cells(row: &Json) -> Row {
    let cells = row.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    cells.map(|(column, value)| (column.clone(), canonical(value))).collect()
}

/// Differences between a record's expectation and its rows, one a line.
fn differences(wanted: &Json, actual: Option<&Json>) -> Vec<String> {
    let Some(actual) = actual else { return vec!["there is no line for it".to_owned()] };
    if wanted["status"] != actual["status"] {
        return vec![format!(
            "{} ({}), expected {}",
            actual["status"], actual["reason"], wanted["status"]
        )];
    }
    if wanted["status"] == "rejected" {
        let agree = wanted["stage"] == actual["stage"];
        let message = format!("rejected at {}, expected {}", actual["stage"], wanted["stage"]);
        return if agree { Vec::new() } else { vec![message] };
    }
    let none = Map::new();
    let of = |json: &Json| json["tables"].as_object().unwrap_or(&none).clone();
    let (wanted, actual) = (of(wanted), of(actual));
    let mut found = Vec::new();
    for table in wanted.keys().chain(actual.keys().filter(|table| !wanted.contains_key(*table))) {
        let (wanted, actual) = (rows(wanted.get(table)), rows(actual.get(table)));
        if wanted != actual {
            found.push(format!("{table}: {actual:?}\n      expected {wanted:?}"));
        }
    }
    found
}

/// Maps every record of a set and compares the rows. The message names each record that differs.
fn assert_set_agrees(name: &str, records: usize) {
    let set = set(name);
    let expected = std::fs::read_to_string(set.join("expected.jsonl")).unwrap();
    let expected = by_file(&expected);
    let actual = mapped(&set.join("contract.json"), &set.join("records"));
    let mut complaints = Vec::new();
    for (file, wanted) in &expected {
        for difference in differences(wanted, actual.get(file)) {
            let why = wanted["why"].as_str().unwrap_or("");
            complaints.push(format!("  {file} [{why}]\n    {difference}"));
        }
    }
    assert!(
        complaints.is_empty(),
        "{} differences over {} records of {}\n{}",
        complaints.len(),
        expected.len(),
        set.display(),
        complaints.join("\n")
    );
    assert_eq!(expected.len(), records, "expectations of {name}");
    assert_eq!(actual.len(), records, "records of {name}");
}

#[test]
fn own_records_become_the_rows_of_the_contract() {
    assert_set_agrees("own", 174);
}

#[test]
fn cc_records_become_the_rows_of_the_replaced_program() {
    assert_set_agrees("cc", 211);
}

#[test]
fn rl_records_become_the_rows_of_the_replaced_program() {
    assert_set_agrees("rl", 120);
}

#[test]
fn a_blank_getutcdate_column_gets_the_time_of_the_run() {
    // (contract.md 9.4)
    let before = Utc::now().naive_utc();
    let actual = mapped(&set("own").join("contract.json"), &set("own").join("now"));
    let after = Utc::now().naive_utc();
    let employment = &actual["employment.xml"]["tables"]["app_contact_employment"][0];
    let stamp: NaiveDateTime = employment["verified_at"].as_str().unwrap().parse().unwrap();
    assert!(before <= stamp && stamp <= after, "{before} {stamp} {after}");
}

#[test]
fn every_own_record_has_an_expectation_with_its_reason() {
    let expected = std::fs::read_to_string(set("own").join("expected.jsonl")).unwrap();
    let expected = by_file(&expected);
    for entry in std::fs::read_dir(set("own").join("records")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let why = expected.get(&file).and_then(|line| line["why"].as_str());
        assert!(why.is_some_and(|why| !why.is_empty()), "{file}");
    }
}
