//! Names of tables, columns, contracts, sources and sessions that try to be statements: they are
//! names all the same, or are refused.
#![cfg(test)]

mod command_support;
#[path = "support/counts.rs"]
mod counts;
mod store_support;

use std::fs;
use std::process::Command;

use command_support::{Migration, migrator};
use migrator::config::{InsertMethod, Synchronous};
use migrator::contract::catalogue::Catalogue;
use migrator::store::checksum::checksum;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Key, Role, Store};
use store_support::{int, table, text};

const NAMES: [&str; 12] = [
    "]; DROP TABLE victim; --",
    "\"; DROP TABLE victim; --",
    "'; DROP TABLE victim; --",
    "x\"); DELETE FROM victim; --",
    "\"\"",
    "]]",
    "`victim`",
    "a b",
    "select",
    "ünï→",
    "%s {} {0} ?1 :a @b $c",
    "-- victim /*",
];

#[test]
fn whatever_a_table_or_a_column_is_called_nothing_else_is_touched() {
    for name in NAMES {
        let mut hostile = table("hostile", "id int! code varchar50! note varchar100", 1);
        name.clone_into(&mut hostile.name);
        name.clone_into(&mut hostile.columns[2].name);
        hostile.columns[1].name = format!("{name}2");
        hostile.unique = vec![vec![1]];
        hostile.indexes = vec![vec![2, 1]];
        let victim = table("victim", "id int! note varchar100", 1);
        let tables = vec![victim, hostile];
        let catalogue = Catalogue { schema: name.into(), tables };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let tables = Tables::new(&catalogue).unwrap();
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        store.create_missing().unwrap();
        // A second time it has to find what it made.
        store.create_missing().unwrap();
        let mut connection = store.connect(Role::Writer).unwrap();
        connection.begin().unwrap();
        connection.insert(0, &[&[int(1), text("there")]], InsertMethod::Values).unwrap();
        for (id, method) in [(1, InsertMethod::Values), (2, InsertMethod::Bulk)] {
            let row = [int(id), text(&format!("{name}{id}")), text(name)];
            connection.insert(1, &[&row], method).unwrap();
        }
        for columns in [vec![0], vec![1], vec![2]] {
            let key = Key { table: 1, columns: columns.clone() };
            let values = [int(1), text(&format!("{name}1")), text(name)];
            let value = &values[columns[0]];
            assert!(connection.exists(&key, &[value]).unwrap(), "{name}");
            let several = connection.exist(&key, &[&[value], &[value]]).unwrap();
            assert_eq!(several, [true, true], "{name}");
        }
        let key = Key { table: 1, columns: vec![0] };
        assert_eq!(connection.delete(&key, &[&int(2)]).unwrap(), 1);
        connection.commit().unwrap();
        assert_eq!(checksum(connection.as_mut(), store.tables()).unwrap().len(), 32);
        let file = rusqlite::Connection::open(&path).unwrap();
        let there: String =
            file.query_row("SELECT note FROM victim", [], |row| row.get(0)).unwrap();
        assert_eq!(there, "there", "{name}");
        let found: i64 = file
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = ?1", [name], |r| r.get(0))
            .unwrap();
        assert_eq!(found, 1, "{name}");
    }
    counts::print(&format!(
        "{} hostile names of tables and columns: nothing else touched",
        NAMES.len()
    ));
}

/// Runs a command that has to be refused, and returns what it says.
fn refusal(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_contract_that_names_its_source_as_a_statement_reads_no_other_table() {
    let migration = Migration::new(5, 0.0, 0.0);
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/contracts");
    let text = fs::read_to_string(format!("{contracts}/applications.json")).unwrap();
    let embedded: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tables = format!("{contracts}/applications.tables.json");
    for key in ["source_table", "source_column"] {
        for name in NAMES {
            let mut contract = embedded.clone();
            contract[key] = name.into();
            let file = migration.path("hostile.json");
            fs::write(&file, contract.to_string()).unwrap();
            let mut command = migrator("run");
            command.args(["--source", &migration.source(), "--quiet", "--contract"]).arg(&file);
            command.args(["--tables", &tables]);
            command.arg("--store").arg(format!("sqlite:{}", migration.path("h.db").display()));
            let said = refusal(command);
            assert!(said.contains("no table"), "{key} {name}: {said}");
            let source = rusqlite::Connection::open(migration.path("source.db")).unwrap();
            let count = "SELECT count(*) FROM app_xml_staging";
            assert_eq!(source.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 5);
        }
    }
}

#[test]
fn names_that_no_database_takes_are_refused_by_the_catalogue() {
    let with = |name: &str| {
        let column = serde_json::json!({"name": "id", "type": "int", "nullable": false});
        let table = serde_json::json!({"name": name, "columns": [column], "primary_key": ["id"]});
        let json = serde_json::json!({"schema": "migration", "tables": [table]});
        Catalogue::parse(&json.to_string(), "test").map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with("plain"), Ok(()));
    let statements = NAMES.into_iter().filter(|name| *name != "select");
    for name in statements.chain(["", "a\0b", "a\nb", "\u{1b}[2J", &"x".repeat(129)]) {
        assert!(with(name).is_err(), "{name:?}");
    }
}

#[test]
fn stores_and_sources_that_look_like_options_of_the_database_are_files() {
    let migration = Migration::new(3, 0.0, 0.0);
    let folder = tempfile::tempdir().unwrap();
    for name in ["file:x.db?mode=memory", ":memory:", "-x.db", "a;b.db", "ü.db", "%2e%2e"] {
        let mut command = migrator("run");
        command.current_dir(folder.path()).args(["--source", &migration.source(), "--quiet"]);
        command.args(["--store", &format!("sqlite:{name}"), "--synchronous", "off"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}
