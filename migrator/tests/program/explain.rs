//! `migrator explain` reports for every value the same as `migrator rows`, and the reason.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use serde_json::{Value as Json, json};

use super::golden;

fn own_set() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain")
}

fn migrator(verb: &str, set: &Path, arguments: &[&str], input: &str) -> Assert {
    Command::cargo_bin("migrator")
        .unwrap()
        .current_dir(set)
        .args([verb, "--contract", "contract.json"])
        .args(arguments)
        .arg(format!("records/{input}"))
        .assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn explained(set: &Path, record: &str, column: &str) -> Json {
    let assert = migrator("explain", set, &["--json", "--column", column], record).success();
    serde_json::from_str(&stdout(&assert)).unwrap()
}

fn shown(record: &str, column: &str) -> String {
    let assert = migrator("explain", &own_set(), &["--column", column], record).success();
    stdout(&assert)
}

/// Values of a column in the record's rows, in order. [`left_out`] stands for a cell that a row
/// leaves out.
fn mapped(set: &Path, record: &str, name: &str) -> Vec<Json> {
    let (table, column) = name.split_once('.').unwrap();
    let line: Json =
        serde_json::from_str(&stdout(&migrator("rows", set, &[], record).success())).unwrap();
    let rows = line["tables"][table].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row.get(column).cloned().unwrap_or_else(left_out)).collect()
}

fn left_out() -> Json {
    json!(["left out"])
}

/// Values that an explanation gives to the rows that are kept.
fn explained_values(explanation: &Json) -> Vec<Json> {
    let rows = explanation["rows"].as_array().unwrap();
    let kept = rows.iter().filter(|row| !row["row"].is_null());
    kept.map(|row| row.get("value").cloned().unwrap_or_else(left_out)).collect()
}

/// Record, column, values of its rows, and words that the explanation must contain.
type Case = (&'static str, &'static str, Json, &'static str);

/// Tables with one row for the application.
fn application_cases() -> Vec<Case> {
    vec![
        ("full", "app_base.app_id", json!([101]), "Request/@ID, as a number if it is all digits"),
        ("full", "app_base.status_enum", json!([1]), "the key exists in another case"),
        ("odd", "app_base.status_enum", json!([7]), "no such key: the default as written is used"),
        ("full", "app_base.received", json!(["2023-10-03T16:05:06"]), "conversion to datetime"),
        ("full", "app_base.branch", json!(["North"]), "trimmed, cut to 5"),
        ("empty", "app_base.branch", json!(["HQ"]), "a blank becomes the default"),
        ("full", "app_base.serial", json!([1]), "first number as int (contract.md 9.1)"),
        ("full", "app_base.token", json!(["abcde"]), "trimmed, cut to -1"),
        ("full", "app_pricing.rate", json!([12.35]), "decimal(4,2): 12.35"),
        ("odd", "app_pricing.rate", json!([["left out"]]), "the reference raises an error here"),
        ("empty", "app_pricing.tier", json!([]), "no column but keys holds more than its default"),
        ("full", "app_pricing.tier", json!([1]), "which is only the default"),
        (
            "full",
            "app_flags.population_enum",
            json!([29]),
            "no such key: the entry \\\"\\\" is used",
        ),
        ("full", "app_flags.joint_flag", json!([0]), "no such key: 0"),
        ("full", "app_flags.paid_flag", json!([1]), "the key exists"),
        ("full", "app_sums.total", json!([5.0]), "base_amount = \\\"1,000\\\""),
        ("full", "app_sums.grade", json!([["left out"]]), "no WHEN holds, and there is no ELSE"),
        ("odd", "app_sums.officer_enum", json!([900]), "skipped: the calculation gave a value"),
        ("full", "app_sums.officer_enum", json!([901]), "the calculation gave null"),
        ("full", "app_people.joint_email", json!([null]), "has email = \\\"\\\""),
        ("odd", "app_people.pr_email", json!([]), "has no email"),
        (
            "full",
            "app_people.authu_flag",
            json!([0]),
            "the last element named contact of type AUTHU",
        ),
    ]
}

/// Contacts and their children.
fn contact_cases() -> Vec<Case> {
    vec![
        ("full", "app_contact_base.first_name", json!(["Maximilian", "Otto"]), "cut to 10"),
        (
            "full",
            "app_contact_base.birth_date",
            json!(["1900-01-01", "1900-01-01T00:00:00"]),
            "the default as written, because the result is null",
        ),
        (
            "full",
            "app_contact_base.ssn",
            json!(["12345678", ["left out"]]),
            "varchar(9): null, because another row has the column (contract.md 14.2)",
        ),
        (
            "full",
            "app_contact_base.phone",
            json!(["5550100199", ["left out"]]),
            "from contact_address address_tp_c=\\\"CURR\\\"",
        ),
        ("full", "app_contact_base.con_id", json!([7, 8]), "the contact's con_id as written"),
        ("full", "app_contact_address.months_at_address", json!([27, 5]), "ELSE months"),
        ("full", "app_contact_address.months_at_address", json!([27, 5]), "WHEN years > '0' holds"),
        ("odd", "app_contact_address.city", json!(["Lakeside"]), "(contract.md 15.2)"),
        ("odd", "app_contact_address.city", json!(["Lakeside"]), "(contract.md 7.3)"),
        ("full", "app_contact_employment.monthly_salary", json!([]), "(contract.md 7.3)"),
    ]
}

/// Row-creating types.
fn rows_cases() -> Vec<Case> {
    vec![
        ("full", "scores.score", json!([0]), "nothing: not a number of its data type"),
        ("full", "scores.score_identifier", json!(["BUREAU"]), "the parameter of the mapping type"),
        ("full", "indicators.value", json!(["1"]), "which creates the row"),
        ("full", "app_historical_lookup.source", json!(["[application]"]), "in brackets"),
        ("full", "app_report_results_lookup.value", json!([]), "nothing: blank, null or none"),
        ("full", "app_policy_exceptions_rl.notes", json!(["checked"]), "which creates no row"),
        ("full", "app_collateral_rl.year", json!([2019]), "no mapping creates it (contract.md 11)"),
        (
            "odd",
            "app_collateral_rl.make",
            json!(["MISSING"]),
            "the default, because nothing was found",
        ),
        ("full", "app_collateral_rl.sort_order", json!([1]), "the parameter of the mapping type"),
        ("full", "app_warranties_rl.amount", json!(["0"]), "decimal(9,2): 0.00"),
        ("full", "app_warranties_rl.merrick_lienholder_flag", json!([0]), "no mapping sets it"),
    ]
}

#[test]
fn every_kind_of_column_is_explained_with_its_value_and_its_reason() {
    let cases = application_cases().into_iter().chain(contact_cases()).chain(rows_cases());
    for (record, column, values, words) in cases {
        let record = format!("{record}.xml");
        let explanation = explained(&own_set(), &record, column);
        assert_eq!(json!(explained_values(&explanation)), values, "{column} of {record}");
        assert_eq!(
            explained_values(&explanation),
            mapped(&own_set(), &record, column),
            "{column} of {record}"
        );
        let text = explanation.to_string();
        assert!(text.contains(words), "{column} of {record}: {words}\n{text}");
    }
}

#[test]
fn contacts_without_a_row_are_named_with_their_reasons() {
    let explanation = explained(&own_set(), "odd.xml", "app_contact_base.first_name");
    let passed_over = explanation["passed_over"].as_array().unwrap();
    let reasons: Vec<&str> = passed_over.iter().map(|own| own["why"].as_str().unwrap()).collect();
    let expected = [
        "it has no con_id",
        "its type is not in the contract's list",
        "none of birth_date, first_name, last_name and ssn is filled",
        "another contact with the same con_id is used",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(passed_over[2]["element"], "contact con_id=\"10\" ac_role_tp_c=\"PR\"");
}

#[test]
fn a_child_of_a_rejected_contact_names_the_missing_property() {
    let explanation = explained(&own_set(), "odd.xml", "app_contact_address.city");
    let all = explanation["passed_over"].to_string();
    assert!(
        all.contains("no valid contact has its con_id, as written: none of birth_date"),
        "{all}"
    );
}

#[test]
fn a_record_that_a_table_rejects_is_reported_as_failed_for_every_column() {
    let expected = "app_contact_employment.monthly_salary: number out of range of decimal(8,2)";
    for column in ["app_base.branch", "app_contact_employment.monthly_salary"] {
        assert_eq!(explained(&own_set(), "odd.xml", column)["refused"], expected);
    }
    let own = explained(&own_set(), "odd.xml", "app_contact_employment.monthly_salary");
    let stored = own["rows"][0]["stored"].as_str().unwrap();
    assert_eq!(stored, "decimal(8,2) rejects it: number out of range of decimal(8,2)");
}

#[test]
fn a_rejected_record_is_explained_by_its_stage_and_reason() {
    let explanation = explained(&own_set(), "other-product.xml", "app_base.branch");
    assert_eq!(
        (&explanation["status"], &explanation["stage"]),
        (&json!("rejected"), &json!("validation"))
    );
    assert!(shown("other-product.xml", "app_base.branch").contains("is rejected at validation"));
}

#[test]
fn a_column_that_nothing_maps_is_explained_by_its_table() {
    for (column, expected) in [
        (
            "app_base.created",
            "no mapping fills app_base.created: every row gets the current time of the run\n",
        ),
        ("app_base.remark", "no mapping fills app_base.remark: every row has null\n"),
    ] {
        assert_eq!(shown("full.xml", column), expected);
    }
    let assert = migrator("explain", &own_set(), &["--column", "app_base.brunch"], "full.xml");
    let said = String::from_utf8_lossy(&assert.code(2).get_output().stderr).into_owned();
    assert!(said.contains("did you mean branch?"), "{said}");
}

#[test]
fn explanations_fit_a_narrow_terminal() {
    let mut all = String::new();
    for (record, column) in [
        ("full.xml", "app_contact_base.phone"),
        ("full.xml", "app_contact_address.months_at_address"),
        ("odd.xml", "app_contact_address.city"),
        ("full.xml", "app_sums.officer_enum"),
        ("full.xml", "app_collateral_rl.year"),
        ("empty.xml", "app_pricing.tier"),
        ("empty.xml", "app_contact_base.first_name"),
    ] {
        let text = shown(record, column);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        all.extend(["$ migrator explain --column ", column, " ", record, "\n", &text, "\n"]);
    }
    insta::assert_snapshot!(all);
}

/// Explains one column of every fifth random record of a golden set.
fn agree_with_golden(product: &str, columns: &[&str]) {
    let set = golden::set(product);
    let mut records: Vec<String> = std::fs::read_dir(set.join("records"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("random"))
        .collect();
    records.sort();
    let chosen: Vec<_> = records.iter().step_by(5).zip(columns).collect();
    assert_eq!(chosen.len(), columns.len(), "too few records");
    for (record, column) in chosen {
        let explanation = explained(&set, record, column);
        assert_eq!(
            explained_values(&explanation),
            mapped(&set, record, column),
            "{column} of {record}"
        );
    }
}

#[test]
fn explanations_agree_with_the_rows_of_golden_records() {
    agree_with_golden(
        "cc",
        &[
            "app_base.app_id",
            "app_base.receive_date",
            "app_contact_base.first_name",
            "app_contact_base.birth_date",
            "app_contact_base.con_id",
            "app_contact_address.months_at_address",
            "app_contact_address.zip",
            "app_contact_employment.monthly_salary",
            "app_operational_cc.regb_start_date",
            "app_operational_cc.cb_score_factor_type_1",
            "app_pricing_cc.population_assignment_enum",
            "app_transactional_cc.iovation_blackbox",
            "app_solicited_cc.birth_date",
            "app_historical_lookup.value",
            "scores.score",
        ],
    );
    agree_with_golden(
        "rl",
        &[
            "app_base.app_id",
            "app_operational_rl.regb_end_date",
            "app_dealer_rl.dealer_num_child",
            "app_collateral_rl.year",
            "app_collateral_rl.wholesale_value",
            "app_collateral_rl.collateral_type_enum",
            "app_warranties_rl.amount",
            "app_policy_exceptions_rl.notes",
            "app_funding_checklist_rl.check_requested_by_user",
            "app_contact_employment.months_at_job",
        ],
    );
}
