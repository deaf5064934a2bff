//! `migrator generate`: files written, files protected from overwriting, and leftovers.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

const SPEC: Spec = Spec {
    product: Product::Cc,
    profile: Profile::Staged,
    records: 60,
    seed: 5,
    duplicates: 0.1,
    rejects: 0.3,
};

fn generate(folder: &TempDir, out: &str) -> Command {
    let mut command = Command::cargo_bin("migrator").unwrap();
    command.current_dir(folder.path()).args(["generate", "--records", "60", "--seed", "5"]);
    command.args(["--profile", "staged", "--duplicates", "0.1", "--rejects", "0.3", "--out", out]);
    command
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_gets_one_file_per_record_named_after_its_key() {
    let folder = TempDir::new().unwrap();
    generate(&folder, "deep/records").assert().success().stdout("");
    let files = names(&folder.path().join("deep/records"));
    assert_eq!(files.len(), 60);
    assert_eq!((files[0].as_str(), files[59].as_str()), ("0000001.xml", "0000060.xml"));
    for (file, record) in files.iter().zip(SyntheticSource::new(SPEC).unwrap().iter()) {
        let bytes = fs::read(folder.path().join("deep/records").join(file)).unwrap();
        assert_eq!(Some(bytes), record.bytes, "{file}");
    }
    assert_eq!(names(&folder.path().join("deep")), ["records"], "nothing is left aside");
}

#[test]
fn a_source_table_stores_utf_8_as_text_and_other_encodings_as_bytes() {
    let folder = TempDir::new().unwrap();
    generate(&folder, "sqlite:source.db").assert().success().stdout("");
    let database = Connection::open(folder.path().join("source.db")).unwrap();
    let mut query = database
        .prepare("SELECT app_id, app_XML, extracted_at FROM app_xml_staging ORDER BY app_id")
        .unwrap();
    let mut rows = query.query([]).unwrap();
    let mut blobs = 0;
    for record in SyntheticSource::new(SPEC).unwrap().iter() {
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.get::<_, i32>(0).unwrap(), record.key);
        let expected = record.bytes.unwrap();
        match row.get_ref(1).unwrap() {
            ValueRef::Text(text) => assert_eq!(text, expected),
            ValueRef::Blob(bytes) => {
                assert_eq!(bytes, expected);
                assert!(std::str::from_utf8(bytes).is_err());
                blobs += 1;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(row.get::<_, String>(2).unwrap().len(), "2026-01-01 00:00:00.0000000".len());
    }
    assert!(rows.next().unwrap().is_none());
    assert!(blobs > 0);
    assert_eq!(names(folder.path()), ["source.db"], "nothing is left aside");
}

#[test]
fn loans_go_into_the_source_table_of_their_own_contract() {
    let folder = TempDir::new().unwrap();
    generate(&folder, "sqlite:loans.db").args(["--product", "rl"]).assert().success();
    let database = Connection::open(folder.path().join("loans.db")).unwrap();
    let series = SyntheticSource::new(Spec { product: Product::Rl, ..SPEC }).unwrap();
    for record in series.iter() {
        let query = "SELECT CAST(app_XML AS BLOB) FROM app_xml_staging_rl WHERE app_id = ?1";
        let bytes: Vec<u8> = database.query_row(query, [record.key], |row| row.get(0)).unwrap();
        assert_eq!(Some(bytes), record.bytes, "{}", record.key);
    }
    assert!(database.prepare("SELECT 1 FROM app_xml_staging").is_err());
}

#[test]
fn the_same_command_writes_the_same_file() {
    let folder = TempDir::new().unwrap();
    generate(&folder, "sqlite:a.db").assert().success();
    generate(&folder, "sqlite:b.db").assert().success();
    let read = |name| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.db"), read("b.db"));
}

#[test]
fn existing_files_are_not_overwritten() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("records")).unwrap();
    fs::write(folder.path().join("records/mine.txt"), "mine").unwrap();
    fs::write(folder.path().join("mine.db"), "mine").unwrap();
    for out in ["records", "sqlite:mine.db", "mine.db", "sqlite:records"] {
        let output = generate(&folder, out).assert().code(2).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("already exists and is not empty"), "{out}: {message}");
    }
    assert_eq!(fs::read(folder.path().join("mine.db")).unwrap(), b"mine");
    assert_eq!(names(&folder.path().join("records")), ["mine.txt"]);
    assert_eq!(names(folder.path()), ["mine.db", "records"], "nothing is left aside");
}

#[test]
fn an_empty_folder_and_leftovers_of_an_interrupted_run_are_replaced() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("records")).unwrap();
    fs::create_dir(folder.path().join(".records.partial.tmp")).unwrap();
    fs::write(folder.path().join(".records.partial.tmp/0000001.xml"), "half").unwrap();
    generate(&folder, "records").assert().success();
    assert_eq!(names(folder.path()), ["records"]);
    assert_eq!(names(&folder.path().join("records")).len(), 60);
}

#[test]
fn quiet_prints_nothing() {
    let folder = TempDir::new().unwrap();
    generate(&folder, "records").arg("--quiet").assert().success().stdout("").stderr("");
    let output = generate(&folder, "again").assert().success().get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("60 records for --contract applications, ")
            && said.ends_with(" in again\n"),
        "{said}"
    );
}

#[test]
fn invalid_rates_write_no_file() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::cargo_bin("migrator").unwrap();
    command.current_dir(folder.path()).args(["generate", "--records", "5", "--out", "records"]);
    let output = command.args(["--rejects", "1.5"]).assert().code(2).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("rejects is 1.5"));
    assert!(names(folder.path()).is_empty());
}
