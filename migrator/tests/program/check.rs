//! `migrator check` on contracts with planted errors and warnings. A key `_` on a line names the
//! kinds of diagnostics that the line must cause.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use migrator::contract::catalogue::Catalogue;
use migrator::contract::diagnostic::{Code, Severity};
use migrator::contract::lint::{ContractPair, Targets, of_draft, warnings};
use migrator::contract::model::Contract;
use migrator::contract::shape::TableShape;
use migrator::contract::syntax::ContractSyntax;
use migrator::record::RawRecord;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::golden;

/// Line and kind of a diagnostic.
type Finding = (u64, String);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check")
}

fn check(arguments: &[&str]) -> Assert {
    Command::cargo_bin("migrator")
        .unwrap()
        .current_dir(folder())
        .arg("check")
        .args(arguments)
        .assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn objects(assert: &Assert) -> Vec<Json> {
    stdout(assert).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn found(assert: &Assert) -> BTreeSet<Finding> {
    let of =
        |json: Json| (json["line"].as_u64().unwrap(), json["code"].as_str().unwrap().to_owned());
    objects(assert).into_iter().map(of).collect()
}

/// Names of all kinds of this severity.
fn codes(severity: Severity) -> impl Iterator<Item = &'static str> {
    Code::ALL.iter().filter(move |code| code.severity() == severity).map(|code| code.name())
}

/// Diagnostics planted in a contract: `"_": "kind"` on a line, or the kind itself as a piece.
fn planted(file: &str) -> BTreeSet<Finding> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let mut planted = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let marks = line.split("\"_").skip(1);
        let marks = marks.filter_map(|rest| rest.split_once(": \"")?.1.split('"').next());
        let piece = line.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix("\","));
        let piece = piece.filter(|word| codes(Severity::Error).any(|name| name == *word));
        planted.extend(marks.chain(piece).map(|kind| (number, kind.to_owned())));
    }
    planted
}

fn kinds(findings: &BTreeSet<Finding>) -> BTreeSet<&str> {
    findings.iter().map(|(_, kind)| kind.as_str()).collect()
}

/// A store with a table that differs from `faulty.tables.json`.
const DIFFERING: &str = "
    CREATE TABLE app_base (app_id INTEGER NOT NULL PRIMARY KEY, colour_enum INTEGER,
        shade INTEGER NOT NULL) STRICT;
    CREATE TABLE orphans (app_id INTEGER NOT NULL PRIMARY KEY, a TEXT, c TEXT) STRICT;";

/// `migrator check` with the catalogue beside the contract and a store of these tables.
fn check_all(contract: &str, ddl: &str, options: &[&str]) -> Assert {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("store.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch(ddl).unwrap();
    let store = format!("sqlite:{}", file.display());
    let arguments = ["--contract", contract, "--sample", "sample", "--store", &store];
    check(&[&arguments, options].concat())
}

/// The store for `surprising.tables.json`, without one table.
fn store_without(table: &str) -> String {
    let schema = Command::cargo_bin("migrator")
        .unwrap()
        .current_dir(folder())
        .args(["schema", "--dialect", "sqlite", "--contract", "surprising.json"])
        .assert()
        .success();
    let statements = stdout(&schema);
    let kept = statements.split(";\n").filter(|text| !text.contains(&format!("\"{table}\"")));
    kept.collect::<Vec<_>>().join(";\n")
}

#[test]
fn every_kind_of_error_is_reported_on_its_line_in_one_run() {
    let assert = check_all("faulty.json", DIFFERING, &["--json"]).code(2);
    let planted = planted("faulty.json");
    assert_eq!(found(&assert), planted);
    let mut every: BTreeSet<&str> = codes(Severity::Error).collect();
    // A text that is not JSON gives no other diagnostic.
    every.remove("syntax");
    // Warnings about a contract are reported beside its errors.
    every.extend(["unknown-key", "insertion-order"]);
    assert_eq!(kinds(&planted), every);
}

#[test]
fn every_kind_of_warning_is_reported_on_its_line_in_one_run() {
    let assert = check_all("surprising.json", &store_without("app_later"), &["--json"]).code(0);
    let planted = planted("surprising.json");
    assert_eq!(found(&assert), planted);
    assert_eq!(kinds(&planted), codes(Severity::Warning).collect());
}

#[test]
fn every_diagnostic_names_its_place_and_a_remedy() {
    let faulty = check(&["--contract", "faulty.json", "--json"]);
    let surprising = check(&["--contract", "surprising.json", "--sample", "sample", "--json"]);
    for json in objects(&faulty).into_iter().chain(objects(&surprising)) {
        let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["severity", "code", "path", "line", "column", "message", "help"];
        assert_eq!(keys, expected);
        for key in ["path", "message", "help"] {
            assert!(!json[key].as_str().unwrap().is_empty(), "{json}");
        }
        assert!(json["column"].as_u64().unwrap() > 0, "{json}");
    }
}

#[test]
fn the_path_of_a_diagnostic_leads_to_its_value() {
    let assert = check(&["--contract", "faulty.json", "--json"]);
    let paths: Vec<(String, u64)> = objects(&assert)
        .iter()
        .map(|json| (json["path"].as_str().unwrap().to_owned(), json["column"].as_u64().unwrap()))
        .collect();
    for expected in [
        ("target_schema", 39),
        ("table_insertion_order[1]", 91),
        ("enum_mappings.status_enum.\"B\"", 31),
        ("mappings[2].target_column", 49),
        ("mappings[6].nullable", 38),
    ] {
        assert!(paths.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} {paths:?}");
    }
}

#[test]
fn a_text_that_is_not_json_is_one_error_with_its_place() {
    let assert = check(&["--contract", "truncated.json", "--json"]).code(2);
    assert_eq!(found(&assert), [(3, "syntax".to_owned())].into());
}

#[test]
fn errors_are_shown_with_excerpts_that_fit_a_narrow_terminal() {
    let text = stdout(&check_all("faulty.json", DIFFERING, &[]).code(2));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn warnings_are_shown_with_excerpts_that_fit_a_narrow_terminal() {
    let text = stdout(&check_all("surprising.json", &store_without("app_later"), &[]).code(0));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn every_verb_rejects_a_faulty_contract_with_the_same_short_list() {
    let error = Contract::load(&folder().join("faulty.json")).unwrap_err().to_string();
    let mut found = objects(&check(&["--contract", "faulty.json", "--json"]));
    let by_itself = |json: &Json| {
        let with_tables = ["missing-table", "lacking-column"].map(Json::from);
        json["severity"] == "fault" && !with_tables.contains(&json["code"])
    };
    found.retain(by_itself);
    assert!(error.contains(&format!("has {} errors", found.len())), "{error}");
    for json in found {
        let line = format!("line {}, column {}, ", json["line"], json["column"]);
        assert!(error.contains(&line), "{line} {error}");
    }
}

#[test]
fn a_named_catalogue_must_exist_and_one_beside_the_contract_is_optional() {
    let named = ["--contract", "surprising.json", "--tables", "nowhere.json", "--json"];
    let assert = check(&named).code(2);
    assert!(objects(&assert).iter().any(|json| json["code"] == "parentheses"));
    let alone = tempfile::tempdir().unwrap();
    let copy = alone.path().join("contract.json");
    std::fs::copy(folder().join("surprising.json"), &copy).unwrap();
    let assert = check(&["--contract", copy.to_str().unwrap(), "--json"]).code(0);
    assert!(objects(&assert).iter().all(|json| json["code"] != "type-differs"));
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("columns are not compared"), "{said}");
}

/// The embedded contract, the shipped ones, and those of the golden sets with their records.
fn contracts() -> Vec<(Option<PathBuf>, Option<PathBuf>)> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/contracts");
    let mut all = vec![
        (None, None),
        (Some(shipped.join("applications.json")), None),
        (Some(shipped.join("loans.json")), None),
    ];
    all.extend(["own", "cc", "rl"].map(|name| {
        let set = golden::set(name);
        (Some(set.join("contract.json")), Some(set.join("records")))
    }));
    all
}

fn findings_of(contract: Option<&Path>) -> Vec<Json> {
    let path = contract.map(|path| path.to_str().unwrap());
    let mut arguments = vec!["--json"];
    arguments.extend(path.iter().flat_map(|path| ["--contract", path]));
    objects(&check(&arguments).code(0))
}

#[test]
fn an_impossible_path_matches_nothing_and_harms_no_other_path() {
    let text = std::fs::read_to_string(folder().join("surprising.json")).unwrap();
    let mut json: Json = serde_json::from_str(&text).unwrap();
    let mapping = |column: &str, path: &str| {
        json!({"xml_path": path, "xml_attribute": "seen", "target_table": "app_base",
               "target_column": column, "data_type": "string", "nullable": true})
    };
    let odd = [
        ("relative", "Provenir/Request/CustData/application"),
        ("trailing", "/Provenir/Request/CustData/application/"),
        ("doubled", "/Provenir//Request/CustData/application"),
        ("empty_root", "//Provenir/Request/CustData/application"),
    ];
    let mappings = json["mappings"].as_array_mut().unwrap();
    mappings.extend(odd.map(|(column, path)| mapping(column, path)));
    mappings.push(mapping("right", "/Provenir/Request/CustData/application"));
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("contract.json");
    std::fs::write(&file, json.to_string()).unwrap();
    let mut command = Command::cargo_bin("migrator").unwrap();
    let rows = command.current_dir(folder()).arg("rows").arg("--contract").arg(&file);
    let line: Json = serde_json::from_str(&stdout(&rows.arg("sample").assert())).unwrap();
    assert_eq!(line["tables"]["app_base"][0]["right"], "A", "{line}");
    let findings = findings_of(Some(&file)).into_iter();
    let never: BTreeSet<String> = findings
        .filter(|json| json["code"] == "never-found")
        .map(|json| json["message"].as_str().unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    for (column, _) in odd {
        assert!(line["tables"]["app_base"][0].get(column).is_none(), "{column}: {line}");
        assert!(never.contains(&format!("app_base.{column}")), "{never:?}");
    }
}

#[test]
fn tables_reported_as_always_kept_get_a_row_from_an_empty_record() {
    for (path, _) in contracts() {
        let contract =
            path.as_ref().map_or_else(Contract::embedded, |path| Contract::load(path)).unwrap();
        let application = &contract.source_application_table;
        let text = format!(
            "<Provenir><Request ID=\"1\"><CustData><{application}/></CustData></Request></Provenir>"
        );
        let raw = RawRecord { key: 1, bytes: Some(text.into_bytes()) };
        let record = Parser::new(&contract).parse(&validate(raw).unwrap()).unwrap();
        let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
        let rows = Mapper::new(&contract, now).map(&record).unwrap();
        let kept = rows.tables.iter().map(|rows| contract.tables[rows.table].name.as_str());
        let kept: BTreeSet<&str> = kept.filter(|name| *name != "app_base").collect();
        let findings = findings_of(path.as_deref());
        assert_eq!(kept, always_kept(&findings, "every record"), "{path:?}");
    }
}

/// Tables that according to the diagnostics get a row from everything of a kind.
fn always_kept<'f>(findings: &'f [Json], from: &str) -> BTreeSet<&'f str> {
    let said = findings.iter().filter(|json| json["code"] == "row-always-kept");
    let said = said.map(|json| json["message"].as_str().unwrap());
    said.filter(|text| text.contains(from)).map(|text| text.split(' ').next().unwrap()).collect()
}

/// The last segment of a rule's path, its type attribute and the first of the types.
fn element_of(contract: &Json, element_type: &str) -> (String, String, String) {
    let rules = contract["element_filtering"]["filter_rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["element_type"] == element_type).unwrap();
    let path = rule["xml_child_path"].as_str().unwrap();
    let attributes = rule["required_attributes"].as_object().unwrap();
    let (name, types) = attributes.iter().find(|(_, wanted)| wanted.is_array()).unwrap();
    let element = path.rsplit('/').next().unwrap().to_owned();
    (element, name.clone(), types[0].as_str().unwrap().to_owned())
}

#[test]
fn children_reported_as_always_kept_get_a_row_from_a_blank_one() {
    let mut kept_somewhere = 0;
    for (path, _) in contracts() {
        let Some(path) = path else { continue };
        let json: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let contract = Contract::load(&path).unwrap();
        let element = |kind: &str, inside: &str| {
            let (element, name, value) = element_of(&json, kind);
            format!("<{element} {name}=\"{value}\" {inside}</{element}>")
        };
        let children = [element("address", ">"), element("employment", ">")].concat();
        let contact = element("contact", &format!("con_id=\"7\" first_name=\"A\">{children}"));
        let application = &contract.source_application_table;
        let text = format!(
            "<Provenir><Request ID=\"1\"><CustData><{application}>{contact}</{application}>\
             </CustData></Request></Provenir>"
        );
        let raw = RawRecord { key: 1, bytes: Some(text.into_bytes()) };
        let record = Parser::new(&contract).parse(&validate(raw).unwrap()).unwrap();
        let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
        let rows = Mapper::new(&contract, now).map(&record).unwrap();
        let kept = rows.tables.iter().map(|rows| contract.tables[rows.table].name.as_str());
        let children = ["app_contact_address", "app_contact_employment"];
        let kept: BTreeSet<&str> = kept.filter(|name| children.contains(name)).collect();
        let findings = findings_of(Some(&path));
        let said = &always_kept(&findings, "every address") | &always_kept(&findings, "every emp");
        assert_eq!(kept, said, "{}", path.display());
        kept_somewhere += kept.len();
    }
    assert!(kept_somewhere > 0);
}

/// Removes the key at a diagnostic's path, `mappings[n].key`.
fn take_out(contract: &mut Json, path: &str) {
    let (index, key) = path.strip_prefix("mappings[").unwrap().split_once("].").unwrap();
    let mapping = &mut contract["mappings"][index.parse::<usize>().unwrap()];
    mapping.as_object_mut().unwrap().remove(key).unwrap();
}

#[test]
fn keys_reported_as_without_effect_can_be_removed_without_changing_rows() {
    const WITHOUT_EFFECT: [&str; 4] =
        ["default-never-applies", "ignored-expression", "ignored-key", "unknown-key"];
    let rows = |contract: &Path, records: &Path| {
        let mut command = Command::cargo_bin("migrator").unwrap();
        let assert = command.arg("rows").arg("--contract").args([contract, records]).assert();
        stdout(&assert.success())
    };
    let scratch = tempfile::tempdir().unwrap();
    for (contract, records) in contracts() {
        let (Some(contract), Some(records)) = (contract, records) else { continue };
        let mut json: Json =
            serde_json::from_str(&std::fs::read_to_string(&contract).unwrap()).unwrap();
        for finding in findings_of(Some(&contract)) {
            if WITHOUT_EFFECT.contains(&finding["code"].as_str().unwrap()) {
                take_out(&mut json, finding["path"].as_str().unwrap());
            }
        }
        let without = scratch.path().join("contract.json");
        std::fs::write(&without, json.to_string()).unwrap();
        assert_eq!(rows(&without, &records), rows(&contract, &records), "{}", contract.display());
    }
}

/// Replaces the n-th value of a tree, counted from the outside.
fn replace(json: &mut Json, countdown: &mut usize, value: &Json) {
    if *countdown == 0 {
        *json = value.clone();
    }
    *countdown = countdown.wrapping_sub(1);
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| replace(item, countdown, value)),
        Json::Object(map) => map.values_mut().for_each(|item| replace(item, countdown, value)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_replaced_value_gives_an_error_or_a_valid_contract(
        span in 0..400_usize,
        value in prop_oneof![
            Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!(-7)), Just(json!("")),
            Just(json!(true)), Just(json!(1e300)), Just(json!("app_base")), Just(json!("ß(é")),
            Just(json!(["enum", " add_score( ", 1])), Just(json!({"": {}})),
        ],
    ) {
        let text = std::fs::read_to_string(folder().join("surprising.json")).unwrap();
        let mut json: Json = serde_json::from_str(&text).unwrap();
        replace(&mut json, &mut span.clone(), &value);
        let text = serde_json::to_string_pretty(&json).unwrap();
        let catalogue = Catalogue::load(&folder().join("surprising.tables.json")).unwrap();
        let shapes = TableShape::of_catalogue(&catalogue);
        let targets = Targets { catalogue: Some(&shapes), store: Some(&shapes) };
        let findings = match Contract::read(&text) {
            Ok((draft, contract)) => {
                warnings(ContractPair { draft: &draft, contract: &contract }, targets)
            }
            Err(mut faults) => {
                faults.extend(ContractSyntax::parse(&text).iter().flat_map(|own| of_draft(own, targets)));
                faults
            }
        };
        for finding in findings {
            prop_assert!(text.get(finding.span.start..finding.span.end).is_some(), "{finding}");
        }
    }
}
