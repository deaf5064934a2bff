//! The contract that ships. It loads, uses every mapping type of its product line, and agrees with
//! the table catalogue beside it.

use std::collections::{BTreeMap, BTreeSet};

use migrator::contract::model::Contract;
use serde_json::Value as Json;

const CONTRACT: &str = include_str!("../../../scenarios/contracts/applications.json");
const CATALOGUE: &str = include_str!("../../../scenarios/contracts/applications.tables.json");

fn contract() -> Json {
    serde_json::from_str(CONTRACT).unwrap()
}

/// Tables of the catalogue by name.
fn catalogue() -> BTreeMap<String, Json> {
    let json: Json = serde_json::from_str(CATALOGUE).unwrap();
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

fn mapping_types(mapping: &Json) -> Vec<String> {
    mapping["mapping_type"].as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn it_loads_and_every_column_it_writes_is_in_the_catalogue() {
    let (contract, catalogue) = (Contract::embedded().unwrap(), catalogue());
    for table in &contract.tables {
        let known = columns(&catalogue[&table.name]);
        for column in &table.columns {
            assert!(known.contains_key(column), "{}.{column}", table.name);
        }
    }
    assert!(catalogue.contains_key("processing_log"));
}

#[test]
fn it_uses_every_mapping_type_of_its_product_line() {
    let json = contract();
    let mappings = json["mappings"].as_array().unwrap();
    let used: BTreeSet<String> = mappings
        .iter()
        .map(|mapping| mapping_types(mapping).join("+").split('(').next().unwrap().to_owned())
        .collect();
    let expected = [
        "",
        "add_history",
        "add_indicator",
        "add_report_lookup",
        "add_score",
        "authu_contact+char_to_bit",
        "boolean_to_bit",
        "calculated_field",
        "char_to_bit",
        "curr_address_only+numbers_only",
        "enum",
        "extract_numeric",
        "identity_insert",
        "last_valid_pr_contact",
        "last_valid_pr_contact+add_history",
        "last_valid_pr_contact+enum",
        "numbers_only",
    ];
    assert_eq!(used, expected.map(str::to_owned).into());
    let expressions: String = mappings.iter().filter_map(|m| m["expression"].as_str()).collect();
    for construct in ["CASE WHEN", "LIKE", "DATE(", "DATEADD(", " AND ", " OR ", " * ", "ELSE"] {
        assert!(expressions.contains(construct), "{construct}");
    }
}

#[test]
fn every_enumeration_value_has_its_row_and_every_enum_column_refers_to_it() {
    let (json, catalogue) = (contract(), catalogue());
    let rows = catalogue["app_enums"]["rows"].as_array().unwrap();
    let known: BTreeMap<i64, String> =
        rows.iter().map(|row| (row["enum_id"].as_i64().unwrap(), text(&row["type"]))).collect();
    assert_eq!(known.len(), rows.len(), "an id twice");
    for (name, map) in json["enum_mappings"].as_object().unwrap() {
        for (source, id) in map.as_object().unwrap() {
            let of = known.get(&id.as_i64().unwrap());
            assert_eq!(of.map(|of| format!("{of}_enum")), Some(name.clone()), "{source}");
        }
    }
    for (name, table) in &catalogue {
        let references: BTreeSet<String> = table["foreign_keys"].as_array().unwrap().iter().fold(
            BTreeSet::new(),
            |mut found, key| {
                if key["references"] == "app_enums" {
                    found.extend(key["columns"].as_array().unwrap().iter().map(text));
                }
                found
            },
        );
        let enums = columns(table).into_keys().filter(|column| column.ends_with("_enum"));
        assert_eq!(references, enums.collect(), "{name}");
    }
}

#[test]
fn texts_are_cut_to_what_their_columns_hold() {
    let (json, catalogue) = (contract(), catalogue());
    for mapping in json["mappings"].as_array().unwrap() {
        let (table, column) = (text(&mapping["target_table"]), text(&mapping["target_column"]));
        if mapping["data_type"] != "string" || column.is_empty() {
            continue;
        }
        let held = &columns(&catalogue[&table])[&column];
        let length = mapping["data_length"].as_i64().unwrap();
        let expected = match held.as_str() {
            // The contract's notation for no limit; it cuts the last character.
            "varchar(MAX)" => -1,
            _ => held.split(['(', ')']).nth(1).unwrap().parse().unwrap(),
        };
        assert_eq!(length, expected, "{table}.{column} {held}");
    }
}
