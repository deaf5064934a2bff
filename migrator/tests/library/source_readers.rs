//! Folders and source tables as sources: the records that they give, and the errors at start.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrator::error::{ErrorKind, Result};
use migrator::record::RawRecord;
use migrator::source::Source;
use migrator::source::files::FolderSource;
use migrator::source::location::Location;
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::source::table::{TableNames, TableSource};
use migrator::util::partition::Partition;
use rusqlite::Connection;
use tempfile::TempDir;

const NAMES: TableNames<'_> = TableNames {
    table: "app_xml_staging",
    text_column: "app_XML",
    application_table: "application",
};

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// All records of a source, read in pages of `page` keys.
fn read_all(source: &dyn Source, page: usize) -> Result<Vec<RawRecord>> {
    let mut reader = source.reader()?;
    let mut records = Vec::new();
    let mut last = 0;
    loop {
        let keys = reader.keys_after(last, page)?;
        let Some(&end) = keys.last() else { return Ok(records) };
        assert!(keys.len() <= page && keys[0] > last && keys.is_sorted());
        last = end;
        reader.read(&keys, &mut |record| {
            records.push(record);
            Ok(())
        })?;
    }
}

fn keys(records: &[RawRecord]) -> Vec<i32> {
    records.iter().map(|record| record.key).collect()
}

#[test]
fn a_folder_gives_its_xml_files_by_ascending_key() {
    let folder =
        folder(&[("app-10.xml", b"ten"), ("9-app.XML", b"\xE4"), ("2.xml", b""), ("1.txt", b"-")]);
    fs::create_dir(folder.path().join("inner")).unwrap();
    let source = FolderSource::open(folder.path(), Partition::ALL).unwrap();
    assert_eq!(source.count(), 3);
    for page in [1, 2, 10] {
        let records = read_all(&source, page).unwrap();
        let texts: Vec<_> = records.iter().map(|r| (r.key, r.bytes.clone().unwrap())).collect();
        assert_eq!(texts, [(2, vec![]), (9, b"\xE4".to_vec()), (10, b"ten".to_vec())]);
    }
}

#[test]
fn a_folder_with_invalid_files_names_each_of_them() {
    let folder = folder(&[
        ("app-1.xml", b""),
        ("1-app.xml", b""),
        ("none.xml", b""),
        ("0.xml", b""),
        ("2147483648.xml", b""),
    ]);
    let error = FolderSource::open(folder.path(), Partition::ALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    let message = error.to_string();
    for part in [
        "none.xml: no number",
        "\n  0.xml: key 0 is outside",
        "2147483648.xml: key 2147483648 is outside",
        "app-1.xml: 1-app.xml has the same key, 1",
    ] {
        assert!(message.contains(part), "{part} not in {message}");
    }
}

#[test]
fn a_missing_or_empty_folder_is_an_error() {
    let empty = folder(&[("notes.txt", b"")]);
    let error = FolderSource::open(empty.path(), Partition::ALL).unwrap_err().to_string();
    assert!(error.ends_with("no .xml file"), "{error}");
    let error =
        FolderSource::open(&empty.path().join("absent"), Partition::ALL).unwrap_err().to_string();
    assert!(error.contains("absent"), "{error}");
}

#[test]
fn a_deleted_file_is_named_in_the_error() {
    let folder = folder(&[("1.xml", b"")]);
    let source = FolderSource::open(folder.path(), Partition::ALL).unwrap();
    fs::remove_file(folder.path().join("1.xml")).unwrap();
    let error = read_all(&source, 10).unwrap_err().to_string();
    assert!(error.contains("1.xml"), "{error}");
}

/// A database in a folder of its own.
fn database(sql: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

#[test]
fn a_table_gives_texts_as_they_are_stored() {
    let (_folder, path) = database(
        "CREATE TABLE app_xml_staging (app_id INTEGER PRIMARY KEY, app_XML, extracted_at TEXT);
         INSERT INTO app_xml_staging (app_id, app_XML) VALUES
         (7, 'text'), (3, x'FFFE3C00'), (5, NULL), (2147483647, 42);",
    );
    let source = TableSource::open(&path, NAMES, Partition::ALL).unwrap();
    assert_eq!(source.count(), 4);
    for page in [1, 3, 100] {
        let records = read_all(&source, page).unwrap();
        let expected = [
            (3, Some(b"\xFF\xFE<\0".to_vec())),
            (5, None),
            (7, Some(b"text".to_vec())),
            (i32::MAX, Some(b"42".to_vec())),
        ];
        let expected = expected.map(|(key, bytes)| RawRecord { key, bytes });
        assert_eq!(records, expected);
    }
}

#[test]
fn a_table_is_joined_to_the_application_table_only_where_that_exists() {
    let staging = "CREATE TABLE app_xml_staging (app_id INTEGER PRIMARY KEY, app_XML TEXT);
        INSERT INTO app_xml_staging VALUES (1, 'a'), (2, 'b'), (3, 'c');";
    let (_folder, path) = database(staging);
    assert_eq!(
        keys(&read_all(&TableSource::open(&path, NAMES, Partition::ALL).unwrap(), 10).unwrap()),
        [1, 2, 3]
    );
    let joined = format!(
        "{staging} CREATE TABLE application (app_id INT); INSERT INTO application VALUES (3), (1);"
    );
    let (_folder, path) = database(&joined);
    let source = TableSource::open(&path, NAMES, Partition::ALL).unwrap();
    assert_eq!(source.count(), 2);
    assert_eq!(keys(&read_all(&source, 10).unwrap()), [1, 3]);
}

#[test]
fn a_repeated_key_reads_the_first_row() {
    let (_folder, path) = database(
        "CREATE TABLE app_xml_staging (app_id INTEGER, app_XML TEXT);
         INSERT INTO app_xml_staging VALUES (1, 'a'), (2, 'b'), (2, 'c'), (3, 'd');",
    );
    let source = TableSource::open(&path, NAMES, Partition::ALL).unwrap();
    for page in [1, 2, 10] {
        assert_eq!(keys(&read_all(&source, page).unwrap()), [1, 2, 3]);
    }
}

#[test]
fn only_the_keys_asked_for_are_read() {
    let (_folder, path) = database(
        "CREATE TABLE app_xml_staging (app_id INTEGER PRIMARY KEY, app_XML TEXT);
         INSERT INTO app_xml_staging VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e');",
    );
    let source = TableSource::open(&path, NAMES, Partition::ALL).unwrap();
    let mut found = Vec::new();
    // The file of key 9 was deleted after the key was read.
    let read = |record: RawRecord| {
        found.push(record.key);
        Ok(())
    };
    source.reader().unwrap().read(&[2, 4, 9], &mut { read }).unwrap();
    assert_eq!(found, [2, 4]);
}

#[test]
fn errors_of_a_source_table_are_named() {
    let no_table = "CREATE TABLE other (app_id INTEGER PRIMARY KEY);";
    let no_column = "CREATE TABLE app_xml_staging (app_id INTEGER PRIMARY KEY, xml TEXT);";
    let bad_keys = "CREATE TABLE app_xml_staging (app_id, app_XML TEXT);
        INSERT INTO app_xml_staging VALUES (1, ''), (0, ''), ('x', ''), (NULL, ''), (1.5, '');";
    for (sql, part) in [
        (no_table, "no table app_xml_staging with a column app_id"),
        (no_column, "no table app_xml_staging with a column app_XML"),
        (bad_keys, "4 records with an app_id outside 1 … 2147483647, such as 0, 'x', NULL, 1.5"),
    ] {
        let (_folder, path) = database(sql);
        let error = TableSource::open(&path, NAMES, Partition::ALL).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn invalid_keys_are_detected_for_every_declared_key_type() {
    let rows = "INSERT INTO app_xml_staging VALUES (1, ''), (2, ''), (2147483648, ''), (-5, '');";
    for (declared, more) in [
        ("app_id INTEGER PRIMARY KEY, app_XML", ""),
        ("APP_ID integer, app_XML, PRIMARY KEY (app_id)", ""),
        // No column here is the table's row number, so a key may have any type.
        ("app_id INTEGER PRIMARY KEY DESC, app_XML", "1.5"),
        ("app_id INT PRIMARY KEY, app_XML", "1.5"),
        ("app_id INTEGER UNIQUE, app_XML", "1.5"),
        ("app_id, app_XML", "'x'"),
        ("app_id INTEGER, app_XML, PRIMARY KEY (app_id, app_XML)", "1.5"),
    ] {
        let odd = if more.is_empty() {
            String::new()
        } else {
            format!("INSERT INTO app_xml_staging VALUES ({more}, '');")
        };
        let (_folder, path) =
            database(&format!("CREATE TABLE app_xml_staging ({declared}); {rows} {odd}"));
        let error = TableSource::open(&path, NAMES, Partition::ALL).unwrap_err().to_string();
        let faults = if more.is_empty() { 2 } else { 3 };
        assert!(error.contains(&format!("{faults} records")), "{declared}: {error}");
        for named in ["-5", "2147483648", more] {
            assert!(error.contains(named), "{declared}: {error}");
        }
        let mend = "DELETE FROM app_xml_staging WHERE app_id NOT IN (1, 2)";
        Connection::open(&path).unwrap().execute_batch(mend).unwrap();
        let source = TableSource::open(&path, NAMES, Partition::ALL).unwrap();
        assert_eq!(source.count(), 2, "{declared}");
    }
}

#[test]
fn a_missing_or_corrupt_source_file_is_an_error_and_is_not_created() {
    let folder = folder(&[("bad.db", "no database ".repeat(99).as_bytes())]);
    let absent = folder.path().join("absent.db");
    let error = TableSource::open(&absent, NAMES, Partition::ALL).unwrap_err().to_string();
    assert!(error.ends_with("absent.db: no such file"), "{error}");
    assert!(!absent.exists());
    let error = TableSource::open(&folder.path().join("bad.db"), NAMES, Partition::ALL)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[test]
fn generated_records_have_their_numbers_as_keys() {
    let spec = Spec {
        product: Product::Cc,
        profile: Profile::Small,
        records: 25,
        seed: 3,
        duplicates: 0.0,
        rejects: 0.0,
    };
    let source = Location::Synthetic(spec).open(NAMES, Partition::ALL, &Arc::default()).unwrap();
    assert_eq!(source.count(), 25);
    let records = read_all(source.as_ref(), 10).unwrap();
    assert_eq!(records, SyntheticSource::new(spec).unwrap().iter().collect::<Vec<_>>());
}

#[test]
fn a_location_opens_the_source_that_it_names() {
    let (_folder, path) =
        database("CREATE TABLE app_xml_staging (app_id INTEGER PRIMARY KEY, app_XML TEXT);");
    let table = Location::parse(&format!("sqlite:{}", path.display())).unwrap();
    assert_eq!(table.database(), Some(path.as_path()));
    assert_eq!(table.open(NAMES, Partition::ALL, &Arc::default()).unwrap().count(), 0);
    let folder = folder(&[("1.xml", b"")]);
    let files = Location::parse(&folder.path().display().to_string()).unwrap();
    assert_eq!(files.database(), None::<&Path>);
    assert_eq!(files.open(NAMES, Partition::ALL, &Arc::default()).unwrap().count(), 1);
}

#[test]
fn partitions_of_a_source_are_disjoint_and_complete() {
    let insert = (1..=20).map(|key| format!("INSERT INTO app_xml_staging VALUES ({key}, '');"));
    let sql = "CREATE TABLE app_xml_staging (app_id INTEGER PRIMARY KEY, app_XML TEXT);";
    let (_file, path) = database(&format!("{sql}{}", insert.collect::<String>()));
    let names: Vec<_> = (1..=20).map(|key| format!("app-{key}.xml")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let folder = folder(&files);
    for text in [
        format!("sqlite:{}", path.display()),
        folder.path().display().to_string(),
        "generated:small,20,1".to_owned(),
    ] {
        let location = Location::parse(&text).unwrap();
        for count in [1, 3, 30] {
            let mut all = Vec::new();
            for index in 0..count {
                let share = Partition::new(index, count).unwrap();
                let source = location.open(NAMES, share, &Arc::default()).unwrap();
                let found = keys(&read_all(source.as_ref(), 3).unwrap());
                assert_eq!(source.count(), found.len() as u64, "{text} {share}");
                assert!(found.iter().all(|&key| share.contains(key)), "{text} {share}");
                all.extend(found);
            }
            all.sort_unstable();
            assert_eq!(all, (1..=20).collect::<Vec<_>>(), "{text} {count}");
        }
    }
}
