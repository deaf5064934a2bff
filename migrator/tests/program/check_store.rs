//! `migrator check --store`: compares a contract with the tables of a store and changes nothing.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::command::migrator;

/// A folder with a contract of one table, its catalogue and a store.
struct Place {
    folder: TempDir,
}

const CONTRACT: &str = r#"{
  "source_table": "s", "source_column": "t", "source_application_table": "application",
  "xml_root_element": "Provenir",
  "table_insertion_order": ["app_base"],
  "element_filtering": {"filter_rules": [
    {"element_type": "contact", "xml_child_path": "/Provenir/c",
     "required_attributes": {"r": ["P"]}},
    {"element_type": "address", "xml_child_path": "/Provenir/c/a",
     "required_attributes": {"r": ["C"]}}]},
  "mappings": [
    {"xml_path": "/Provenir/Request", "xml_attribute": "ID", "target_table": "app_base",
     "target_column": "app_id", "data_type": "int"},
    {"xml_path": "/Provenir/Request", "xml_attribute": "n", "target_table": "app_base",
     "target_column": "name", "data_type": "string", "data_length": 10, "nullable": true},
    {"xml_path": "/Provenir/Request", "xml_attribute": "p", "target_table": "app_base",
     "target_column": "paid", "data_type": "decimal", "data_length": 2, "nullable": true}]
}"#;

const CATALOGUE: &str = r#"{"schema": "m", "tables": [
  {"name": "app_base", "primary_key": ["app_id"], "columns": [
    {"name": "app_id", "type": "int", "nullable": false, "identity": true},
    {"name": "name", "type": "varchar(10)", "nullable": true},
    {"name": "paid", "type": "decimal(12,2)", "nullable": true}]}]}"#;

impl Place {
    /// Creates a store with this DDL, and a catalogue beside the contract if one is given.
    fn new(ddl: &str, catalogue: Option<&str>) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(place.folder.path().join("c.json"), CONTRACT).unwrap();
        if let Some(catalogue) = catalogue {
            std::fs::write(place.folder.path().join("c.tables.json"), catalogue).unwrap();
        }
        let store = rusqlite::Connection::open(place.folder.path().join("store.db")).unwrap();
        store.execute_batch(ddl).unwrap();
        place
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = migrator(verb);
        command.current_dir(self.folder.path());
        command.args(["--contract", "c.json", "--store", "sqlite:store.db"]);
        command
    }

    fn check(&self) -> Output {
        self.command("check").arg("--json").output().unwrap()
    }

    /// Kind, path and message of each diagnostic.
    fn found(&self) -> BTreeSet<(String, String, String)> {
        let text = String::from_utf8(self.check().stdout).unwrap();
        let text_of = |json: &Json, key: &str| json[key].as_str().unwrap().to_owned();
        let finding = |line: &str| {
            let json: Json = serde_json::from_str(line).unwrap();
            (text_of(&json, "code"), text_of(&json, "path"), text_of(&json, "message"))
        };
        text.lines().map(finding).collect()
    }

    /// True if a run starts on the store.
    fn runs(&self) -> bool {
        std::fs::create_dir_all(self.folder.path().join("records")).unwrap();
        std::fs::write(self.folder.path().join("records/1.xml"), "<x/>").unwrap();
        let output = self.command("run").args(["--source", "records"]).output().unwrap();
        output.status.success()
    }
}

fn expected(all: &[(&str, &str, &str)]) -> BTreeSet<(String, String, String)> {
    all.iter().map(|(code, path, why)| ((*code).into(), (*path).into(), (*why).into())).collect()
}

const SOUND: &str =
    "CREATE TABLE app_base (app_id INTEGER NOT NULL PRIMARY KEY, name TEXT, paid TEXT) STRICT;";

#[test]
fn a_matching_store_passes_and_unchecked_properties_are_reported() {
    let place = Place::new(SOUND, Some(CATALOGUE));
    let output = place.check();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b""[..]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no exact type and no length"), "{said}");
    assert!(said.contains("these are compared with the catalogue"), "{said}");
    assert!(place.runs());
}

#[test]
fn every_difference_of_a_stores_tables_is_found_with_its_mapping() {
    let place = Place::new(
        "CREATE TABLE app_base (app_id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,
             paid REAL, more TEXT) STRICT;",
        Some(CATALOGUE),
    );
    let differs = "app_base of the store differs from the catalogue: column name has another \
                   type, null rule, key or computation";
    let null = "app_base.name is NOT NULL without a default: if left out, the record fails";
    assert_eq!(
        place.found(),
        expected(&[
            ("store-differs", "table_insertion_order[0]", differs),
            ("nullability-differs", "mappings[1].nullable", null),
            (
                "type-differs",
                "mappings[2].data_type",
                "app_base.paid is REAL in the store, but decimal here"
            ),
            ("unmapped-columns", "table_insertion_order[0]", "no mapping fills more of app_base"),
        ])
    );
    assert_eq!(place.check().status.code(), Some(2));
    assert!(!place.runs());
}

#[test]
fn a_column_that_the_store_lacks_stops_a_run() {
    let place = Place::new(
        "CREATE TABLE app_base (app_id INTEGER NOT NULL PRIMARY KEY, name TEXT) STRICT;",
        Some(CATALOGUE),
    );
    let found = place.found();
    let lacking = expected(&[(
        "lacking-column",
        "mappings[2].target_column",
        "app_base of the store has no column paid",
    )]);
    assert!(found.is_superset(&lacking), "{found:?}");
    assert_eq!(place.check().status.code(), Some(2));
    assert!(!place.runs());
}

#[test]
fn a_table_of_the_catalogue_is_created_and_an_unknown_table_is_an_error() {
    let place = Place::new("CREATE TABLE other (a)", Some(CATALOGUE));
    let absent = [("absent-table", "mappings[0].target_table", "the store has no table app_base")];
    assert_eq!(place.found(), expected(&absent));
    assert_eq!(place.check().status.code(), Some(0));
    assert!(place.runs());
    let place = Place::new("CREATE TABLE other (a)", None);
    let missing =
        [("missing-table", "mappings[0].target_table", "the store has no table app_base")];
    assert_eq!(place.found(), expected(&missing));
    assert_eq!(place.check().status.code(), Some(2));
}

#[test]
fn a_contract_without_a_catalogue_is_compared_with_the_store_alone() {
    let place = Place::new(
        "CREATE TABLE APP_BASE (APP_ID INT NOT NULL PRIMARY KEY, NAME VARCHAR(5), paid TEXT);",
        None,
    );
    let length = "app_base.NAME is cut to 10 characters, but holds 5: a longer text makes the \
                  record fail";
    assert_eq!(place.found(), expected(&[("length-differs", "mappings[1].data_length", length)]));
    let output = place.check();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("only compared with the store: c.tables.json does not exist"), "{said}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn checking_a_store_changes_no_file_in_its_folder() {
    let place = Place::new(SOUND, Some(CATALOGUE));
    // A run leaves its store in WAL mode, which keeps files beside it while it is open.
    assert!(place.runs());
    let files = || -> BTreeSet<String> {
        let entries = std::fs::read_dir(place.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let (before, bytes) = (files(), std::fs::read(place.folder.path().join("store.db")).unwrap());
    place.check();
    assert_eq!(files(), before);
    assert_eq!(std::fs::read(place.folder.path().join("store.db")).unwrap(), bytes);
}

#[test]
fn an_unreadable_store_hides_no_diagnostic_of_the_contract() {
    let without = CATALOGUE.replace("{\"name\": \"paid\"", "{\"name\": \"payed\"");
    let place = Place::new(SOUND, Some(&without));
    for (store, expected) in [
        ("sqlite:nowhere.db", "the file does not exist"),
        ("sqlite:c.json", "file is not a database"),
        ("oracle:c", "expected sqlite:PATH"),
    ] {
        let mut command = migrator("check");
        command.current_dir(place.folder.path()).args(["--contract", "c.json", "--json"]);
        let output = command.args(["--store", store]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{store}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{store}: {said}");
        let found = String::from_utf8(output.stdout).unwrap();
        assert!(found.contains("app_base of the catalogue has no column paid"), "{found}");
    }
    assert!(!place.folder.path().join("nowhere.db").exists());
}
