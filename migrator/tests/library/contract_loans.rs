//! The contract of the second product line. It passes every check and uses every mapping type of
//! its line. It agrees with its own table catalogue and with the catalogue of the line that ships.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use serde_json::Value as Json;

const CONTRACT: &str = include_str!("../../../scenarios/contracts/loans.json");
const CATALOGUE: &str = include_str!("../../../scenarios/contracts/loans.tables.json");
const OTHER_CATALOGUE: &str = include_str!("../../../scenarios/contracts/applications.tables.json");

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/contracts/loans.json")
}

fn contract() -> Json {
    serde_json::from_str(CONTRACT).unwrap()
}

/// Tables of a catalogue by name.
fn tables(catalogue: &str) -> BTreeMap<String, Json> {
    let json: Json = serde_json::from_str(catalogue).unwrap();
    let tables = json["tables"].as_array().unwrap();
    tables.iter().map(|table| (text(&table["name"]), table.clone())).collect()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}

/// Columns of a catalogue table: name to SQL type.
fn columns(table: &Json) -> BTreeMap<String, String> {
    let columns = table["columns"].as_array().unwrap();
    columns.iter().map(|column| (text(&column["name"]), text(&column["type"]))).collect()
}

/// Rows of a catalogue's enumerations: id to type and value.
fn enumerations(tables: &BTreeMap<String, Json>) -> BTreeMap<i64, (String, String)> {
    let rows = tables["app_enums"]["rows"].as_array().unwrap();
    let known: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row["enum_id"].as_i64().unwrap(), (text(&row["type"]), text(&row["value"]))))
        .collect();
    assert_eq!(known.len(), rows.len(), "an id twice");
    known
}

fn mapping_types(mapping: &Json) -> Vec<String> {
    mapping["mapping_type"].as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn it_loads_and_every_column_it_writes_is_in_the_catalogue() {
    let contract = Contract::load(&path()).unwrap();
    let catalogue = tables(CATALOGUE);
    assert_eq!(contract.source_table, "app_xml_staging_rl");
    assert!((200..=310).contains(&contract.tables.iter().map(|t| t.columns.len()).sum::<usize>()));
    for table in &contract.tables {
        let known = columns(&catalogue[&table.name]);
        for column in &table.columns {
            assert!(known.contains_key(column), "{}.{column}", table.name);
        }
    }
    Catalogue::load(&path().with_extension("tables.json")).unwrap();
}

#[test]
fn the_checker_finds_no_error_and_only_the_warnings_of_production() {
    let mut command = Command::cargo_bin("migrator").unwrap();
    let assert = command.args(["check", "--json", "--contract"]).arg(path()).assert().code(0);
    let printed = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let codes: BTreeSet<String> = printed
        .lines()
        .map(|line| text(&serde_json::from_str::<Json>(line).unwrap()["code"]))
        .collect();
    let meant = [
        "date-as-text",
        "default-never-applies",
        "enum-catch-all",
        "first-number",
        "ignored-key",
        "leading-zeros",
        "parentheses",
        "row-always-kept",
        "unmapped-columns",
    ];
    assert_eq!(codes, meant.map(str::to_owned).into());
}

#[test]
fn it_uses_every_mapping_type_of_its_product_line() {
    let json = contract();
    let mappings = json["mappings"].as_array().unwrap();
    let used: BTreeSet<String> =
        mappings.iter().map(|mapping| mapping_types(mapping).join("+")).collect();
    let with_parameter = |kind: &str, parameters: &[&str]| -> Vec<String> {
        parameters.iter().map(|parameter| format!("{kind}({parameter})")).collect()
    };
    let slots = ["1", "2", "3", "4"];
    let mut expected: Vec<String> = [
        "",
        "add_history",
        "boolean_to_bit",
        "calculated_field",
        "calculated_field+enum",
        "char_to_bit",
        "char_to_bit+warranty_field(447)",
        "default_getutcdate_if_null",
        "enum",
        "extract_date",
        "extract_numeric",
        "identity_insert",
        "last_valid_pr_contact",
        "last_valid_pr_contact+add_history",
        "last_valid_sec_contact",
        "numbers_only",
        "policy_exceptions()",
    ]
    .map(str::to_owned)
    .into();
    for kind in ["", "calculated_field+", "char_to_bit+", "numbers_only+"] {
        expected.extend(with_parameter(&format!("{kind}add_collateral"), &slots));
    }
    let warranties = ["444", "445", "446", "447", "448", "449", "450"];
    expected.extend(with_parameter("warranty_field", &warranties));
    expected.extend(with_parameter("policy_exceptions", &["454", "455", "456"]));
    let scores = ["NORTH_pr", "NORTH_sec", "OWN_pr", "OWN_sec", "RISK_pr", "RISK_sec"];
    expected.extend(with_parameter("add_score", &scores));
    assert_eq!(used, expected.into_iter().collect());
    let expressions: String = mappings.iter().filter_map(|m| m["expression"].as_str()).collect();
    for construct in ["CASE WHEN (", "LIKE", "DATE(", "DATEADD(", " AND ", " OR ", " * ", "ELSE"] {
        assert!(expressions.contains(construct), "{construct}");
    }
}

#[test]
fn every_enumeration_value_has_its_row_and_every_enum_column_refers_to_it() {
    let (json, catalogue) = (contract(), tables(CATALOGUE));
    let known = enumerations(&catalogue);
    for (name, map) in json["enum_mappings"].as_object().unwrap() {
        for (source, id) in map.as_object().unwrap() {
            // E-mail addresses have no row to refer to.
            let Some(id) = id.as_i64() else { continue };
            let (of, _) = &known[&id];
            assert_eq!(&format!("{of}_enum"), name, "{source}");
        }
    }
    for (name, table) in &catalogue {
        let keys = table["foreign_keys"].as_array().unwrap().iter();
        let references: BTreeSet<String> = keys
            .filter(|key| key["references"] == "app_enums")
            .flat_map(|key| key["columns"].as_array().unwrap().iter().map(text))
            .collect();
        let enums = columns(table).into_keys().filter(|column| column.ends_with("_enum"));
        assert_eq!(references, enums.collect(), "{name}");
    }
}

#[test]
fn every_id_in_an_expression_or_a_parameter_has_its_row() {
    let json = contract();
    let known = enumerations(&tables(CATALOGUE));
    let mut ids = 0;
    for mapping in json["mappings"].as_array().unwrap() {
        let enumerates = mapping["target_column"].as_str().unwrap().ends_with("_enum");
        let expression = mapping["expression"].as_str().filter(|_| enumerates).unwrap_or_default();
        let values = expression.split(" THEN ").skip(1).map(|rest| rest.split(' ').next().unwrap());
        let types = mapping_types(mapping);
        let parameters = types.iter().filter_map(|kind| {
            let (kind, parameter) = kind.strip_suffix(')')?.split_once('(')?;
            matches!(kind, "warranty_field" | "policy_exceptions").then_some(parameter)
        });
        for id in values.chain(parameters).filter_map(|id| id.parse::<i64>().ok()) {
            assert!(known.contains_key(&id), "{id} of {mapping}");
            ids += 1;
        }
    }
    assert!(ids > 50, "{ids}");
}

#[test]
fn both_lines_fit_into_one_store() {
    let (loans, applications) = (tables(CATALOGUE), tables(OTHER_CATALOGUE));
    for (name, table) in &loans {
        if let Some(other) = applications.get(name).filter(|_| name != "app_enums") {
            assert_eq!(table, other, "{name}");
        }
    }
    let others = enumerations(&applications);
    for (id, row) in enumerations(&loans) {
        assert!(others.get(&id).is_none_or(|other| *other == row), "{id} means two things");
    }
}

#[test]
fn texts_are_cut_to_what_their_columns_hold() {
    let (json, catalogue) = (contract(), tables(CATALOGUE));
    for mapping in json["mappings"].as_array().unwrap() {
        let (table, column) = (text(&mapping["target_table"]), text(&mapping["target_column"]));
        if mapping["data_type"] != "string" || column.is_empty() {
            continue;
        }
        let held = &columns(&catalogue[&table])[&column];
        let expected: i64 = held.split(['(', ')']).nth(1).unwrap().parse().unwrap();
        assert_eq!(mapping["data_length"].as_i64(), Some(expected), "{table}.{column} {held}");
    }
}
