//! Names of tables, columns, contracts, sources and sessions that contain SQL statements. Each is
//! treated as a name or rejected.

use std::fs;
use std::process::Command;

use migrator::config::{InsertMethod, Synchronous};
use migrator::contract::catalogue::{Catalogue, SqlType};
use migrator::store::checksum::checksum;
use migrator::store::schema::Tables;
use migrator::store::sqlite::SqliteStore;
use migrator::store::{Key, Role, Store, StoredValue};
use tds_double::client::{ask, connect};
use tds_double::{Engine, Options, TdsDouble};

use crate::support::backends;
use crate::support::command::{Migration, migrator};
use crate::support::counts;
use crate::support::store::{int, table, text};

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

/// Names of tables and columns to try. The longest are as long as every server allows, in
/// characters of one UTF-16 unit and of two.
fn names() -> impl Iterator<Item = String> {
    let longest = [format!("x]\"'{}", "]".repeat(123)), format!("x{}", "😀".repeat(63))];
    NAMES.into_iter().map(str::to_owned).chain(longest)
}

/// A table in a schema with this name and columns with similar names, beside a victim.
fn hostile(name: &str) -> Catalogue {
    let mut hostile = table("hostile", "id int! code varchar200! note varchar200", 1);
    // A code page must not make two names equal.
    for column in &mut hostile.columns[1..] {
        column.sql_type = SqlType::NVarChar(Some(200));
    }
    name.clone_into(&mut hostile.name);
    name.clone_into(&mut hostile.columns[2].name);
    hostile.columns[1].name = format!("{name}2");
    hostile.unique = vec![vec![1]];
    hostile.indexes = vec![vec![2, 1]];
    let victim = table("victim", "id int! note varchar100", 1);
    Catalogue { schema: name.into(), tables: vec![victim, hostile] }
}

/// Calls every operation of a store on such tables and asserts that the victim is unchanged.
fn use_tables(store: &dyn Store, name: &str) {
    store.create_missing().unwrap();
    // The second call has to find the tables of the first.
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
        assert!(connection.contains_key(&key, &[value]).unwrap(), "{name}");
        let several = connection.contains_keys(&key, &[&[value], &[value]]).unwrap();
        assert_eq!(several, [true, true], "{name}");
    }
    let key = Key { table: 1, columns: vec![0] };
    assert_eq!(connection.delete(&key, &[&int(2)]).unwrap(), 1);
    connection.commit().unwrap();
    assert_eq!(checksum(connection.as_mut(), store.tables()).unwrap().len(), 32);
    for (table, columns, expected) in [(0, [0, 1], ["1", "there"]), (1, [0, 2], ["1", name])] {
        let mut rows = 0;
        connection
            .scan(table, &columns, None, &mut |row| {
                let [StoredValue::Int(id), StoredValue::Text(note)] = row else {
                    panic!("{row:?}")
                };
                assert_eq!([id.to_string().as_str(), *note], expected, "{name}");
                rows += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(rows, 1, "{name}");
    }
}

#[test]
fn hostile_table_and_column_names_affect_no_other_table() {
    for name in names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let tables = Tables::new(&hostile(&name)).unwrap();
        let store = SqliteStore::new(&path, Synchronous::Off, tables).unwrap();
        use_tables(&store, &name);
        let file = rusqlite::Connection::open(&path).unwrap();
        let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        let found: i64 = file.query_row(count, [&name], |row| row.get(0)).unwrap();
        assert_eq!(found, 1, "{name}");
    }
    counts::print(&format!(
        "{} hostile names of tables and columns: nothing else touched",
        names().count()
    ));
}

#[test]
fn hostile_names_on_a_server_affect_no_other_schema_or_table() {
    for engine in [Engine::SqlServer, Engine::Babelfish] {
        for name in names() {
            let double = TdsDouble::start_with(Options { engine, ..Options::default() });
            // A foreign table with the victim's name.
            let elsewhere = Catalogue { schema: "dbo".into(), ..hostile("elsewhere") };
            use_tables(&backends::store_on(&double, &elsewhere), "elsewhere");
            use_tables(&backends::store_on(&double, &hostile(&name)), &name);
            let again = backends::store_on(&double, &elsewhere);
            let mut connection = again.connect(Role::Reader).unwrap();
            let mut rows = 0;
            let mut count = |_: &[StoredValue<'_>]| {
                rows += 1;
                Ok(())
            };
            connection.scan(0, &[0], None, &mut count).unwrap();
            connection.scan(1, &[0], None, &mut count).unwrap();
            assert_eq!(rows, 2, "{name}");
        }
    }
    counts::print(&format!(
        "{} hostile names of schemas, tables and columns on two engines: nothing else touched",
        names().count()
    ));
}

/// Percent-encodes a text for a URL.
fn in_url(text: &str) -> String {
    text.bytes().map(percent_encoding::percent_encode_byte).collect()
}

/// `migrator VERB` that knows the double's password.
fn on_server(double: &TdsDouble, verb: &str, options: &[&str]) -> Command {
    let mut command = migrator(verb);
    command.args(options).env("MIGRATOR_DB_PASSWORD", &double.options().password);
    command
}

/// The first column of the double's answer, sorted.
fn answers(double: &TdsDouble, text: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut answers = runtime.block_on(async {
        let mut client = connect(double).await;
        ask(&mut client, text).await.unwrap()
    });
    answers.sort_unstable();
    answers
}

fn schemas(double: &TdsDouble) -> Vec<String> {
    answers(double, "SELECT [name] FROM [sys].[schemas]")
}

/// Tables in the schema of exactly this name. The test compares the texts, not the server.
fn tables_in(double: &TdsDouble, schema: &str) -> Vec<String> {
    let all = answers(
        double,
        "SELECT CONCAT([s].[name], '\t', [t].[name]) FROM [sys].[tables] AS [t] \
         JOIN [sys].[schemas] AS [s] ON [s].[schema_id] = [t].[schema_id]",
    );
    let of = |table: &String| table.strip_prefix(&format!("{schema}\t")).map(str::to_owned);
    all.iter().filter_map(of).collect()
}

/// The rows of a table.
fn rows_of(double: &TdsDouble, schema: &str, table: &str) -> Vec<String> {
    let [schema, table] = [schema, table].map(|name| name.replace(']', "]]"));
    answers(double, &format!("SELECT COUNT(*) FROM [{schema}].[{table}]"))
}

#[test]
fn a_hostile_schema_name_affects_no_other_schema() {
    let source = ["--source", "generated:small,3,1", "--quiet"];
    let empty = &["--recreate", "--quiet"][..];
    let catalogue = Catalogue::embedded().unwrap();
    let mut wanted: Vec<_> =
        Tables::new(&catalogue).unwrap().all().iter().map(|table| table.name.clone()).collect();
    wanted.push("migration_schema".to_owned());
    wanted.sort_unstable();
    for name in names() {
        let double = TdsDouble::start();
        // Foreign tables with the names that the statements inside these names aim at.
        let elsewhere = Catalogue { schema: "dbo".into(), ..hostile("elsewhere") };
        use_tables(&backends::store_on(&double, &elsewhere), "elsewhere");
        let before = (schemas(&double), tables_in(&double, "dbo"));
        assert_eq!(before.1.iter().filter(|table| *table == "victim").count(), 1, "{before:?}");
        let store = format!("{}&schema={}", double.url(), in_url(&name));
        for (verb, options, logged) in
            [("init", empty, "0"), ("run", &source, "3"), ("init", empty, "0")]
        {
            let options = [&["--store", &store][..], options].concat();
            let output = on_server(&double, verb, &options).output().unwrap();
            assert!(output.status.success(), "{name}: {output:?}");
            let mut schemas_wanted = before.0.clone();
            schemas_wanted.push(name.clone());
            schemas_wanted.sort_unstable();
            assert_eq!(schemas(&double), schemas_wanted, "{name}");
            assert_eq!(tables_in(&double, &name), wanted, "{name}");
            assert_eq!(rows_of(&double, &name, "processing_log"), [logged], "{name}");
            assert_eq!(tables_in(&double, "dbo"), before.1, "{name}");
            for table in ["victim", "elsewhere"] {
                assert_eq!(rows_of(&double, "dbo", table), ["1"], "{name}: {table}");
            }
        }
    }
    counts::print(&format!(
        "{} hostile names of schemas by command: each is there",
        names().count()
    ));
}

#[test]
fn an_invalid_schema_name_is_rejected_before_it_is_sent() {
    let source = ["--source", "generated:small,3,1", "--quiet"];
    let double = TdsDouble::start();
    for name in ["", "a\0b", "a\nb", "\u{1b}[2J", &"x".repeat(129), &"😀".repeat(65)] {
        let store = format!("{}&schema={}", double.url(), in_url(name));
        for verb in ["init", "run"] {
            let options = if verb == "run" { &source[..] } else { &[] };
            let options = [&["--store", &store][..], options].concat();
            let said = refusal(on_server(&double, verb, &options));
            assert!(said.contains("a name has 1 to 128 characters"), "{name:?}: {said}");
        }
    }
    assert_eq!(double.counts().opened, 0);
}

#[test]
fn a_hostile_source_name_reads_no_other_table_of_a_server() {
    let double = TdsDouble::start();
    let url = double.url();
    let generate = ["--records", "5", "--profile", "small", "--quiet", "--out", &url];
    assert!(on_server(&double, "generate", &generate).status().unwrap().success());
    let folder = tempfile::tempdir().unwrap();
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/contracts");
    let text = fs::read_to_string(format!("{contracts}/applications.json")).unwrap();
    let embedded: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tables = format!("{contracts}/applications.tables.json");
    let (file, store) = (folder.path().join("hostile.json"), folder.path().join("store.db"));
    let (file, store) = (file.to_str().unwrap(), format!("sqlite:{}", store.display()));
    let from = ["--source", &url, "--store", &store, "--quiet"];
    for key in ["source_table", "source_column"] {
        for name in names() {
            let mut contract = embedded.clone();
            contract[key] = name.as_str().into();
            fs::write(file, contract.to_string()).unwrap();
            let with = [&from[..], &["--contract", file, "--tables", &tables]].concat();
            let said = refusal(on_server(&double, "run", &with));
            assert!(said.contains("no table"), "{key} {name}: {said}");
        }
    }
    let run =
        on_server(&double, "run", &[&from[..], &["--report", "-"]].concat()).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["books"]["committed"], 5);
}

/// Runs a command that has to fail, and returns its message.
fn refusal(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_hostile_source_name_reads_no_other_table_of_a_file() {
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
fn the_catalogue_rejects_names_that_no_database_accepts() {
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
fn paths_that_look_like_database_options_are_files() {
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
