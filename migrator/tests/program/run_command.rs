//! `migrator run` and `migrator schema` as commands: output, errors and exit codes.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use migrator::telemetry::report::{CacheReport, RunReport};
use tempfile::TempDir;

/// A folder of its own for a store and other files.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sqlite(&self, name: &str) -> String {
        format!("sqlite:{}", self.path(name).display())
    }

    /// `migrator run` of `records` small generated records into `store.db`.
    fn run(&self, records: u32, options: &[&str]) -> Command {
        let mut command = migrator();
        command.args(["run", "--source", &format!("generated:small,{records},7")]);
        command.args(["--store", &self.sqlite("store.db"), "--synchronous", "off"]);
        command.args(options);
        command
    }

    fn report(&self, records: u32, options: &[&str]) -> RunReport {
        let output = self.run(records, &[options, &["--report", "-"]].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn migrator() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin("migrator"))
}

/// Runs a command that must exit with 2 and returns its message.
fn complaint(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_run_prints_books_speed_and_checksum() {
    let place = Place::new();
    let output = place.run(20, &[]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("read 20: committed "), "{text}");
    assert!(lines[1].ends_with(" records/min"), "{text}");
    assert!(lines[2].starts_with("checksum ") && lines[2].len() == 9 + 32, "{text}");
    assert_eq!(lines.len(), 3);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn quiet_prints_nothing() {
    let output = Place::new().run(20, &["--quiet"]).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn a_report_file_is_written_whole_beside_the_summary() {
    let place = Place::new();
    let file = place.path("report.json");
    let output =
        place.run(20, &["--report", file.to_str().unwrap(), "--workers", "3"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("read 20"));
    let report: RunReport = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(report.books.read, 20);
    assert_eq!(report.settings.workers.get(), 3);
    assert_eq!(report.source, "generated:small,20,7");
    let names: Vec<_> = fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("report"))
        .collect();
    assert_eq!(names, ["report.json"]);
}

#[test]
fn a_second_run_resumes_after_the_first() {
    let (place, other) = (Place::new(), Place::new());
    let now = ["--now", "2026-01-31T12:00:00"];
    let first = place.report(60, &[&now[..], &["--limit", "25"]].concat());
    assert_eq!((first.books.read, first.books.skipped), (25, 0));
    let second = place.report(60, &now);
    assert_eq!((second.books.read, second.books.skipped), (35, 25));
    assert_eq!(second.checksum, other.report(60, &now).checksum);
}

#[test]
fn memory_does_not_grow_with_the_number_of_records() {
    let peak = |records| {
        let report = Place::new().report(records, &["--batch-size", "100", "--quiet"]);
        report.peak_rss_bytes as f64
    };
    let (few, many) = (peak(400), peak(4_000));
    assert!(many < 1.3 * few, "{few} bytes for 400 records, {many} for 4,000");
}

#[test]
fn rejected_records_change_the_exit_code_only_on_request() {
    let place = Place::new();
    let records = place.path("records");
    fs::create_dir(&records).unwrap();
    fs::write(records.join("1.xml"), "<no record>").unwrap();
    let run = |options: &[&str]| {
        let store = Place::new();
        let mut command = migrator();
        command.args(["run", "--source", records.to_str().unwrap()]);
        command.args(["--store", &store.sqlite("store.db")]).args(options);
        command.output().unwrap().status.code()
    };
    assert_eq!(run(&[]), Some(0));
    assert_eq!(run(&["--fail-on-reject"]), Some(1));
}

#[test]
fn wrong_arguments_are_named() {
    for (options, part) in [
        (["--store", "store.db"], "--store store.db: expected sqlite:PATH"),
        (["--source", "generated:huge,5,1"], "expected generated:PROFILE,N,SEED"),
        (["--now", "yesterday"], "--now yesterday: expected a time such as 2026-01-31T12:00:00"),
        (["--batch-size", "0"], "--batch-size"),
    ] {
        let place = Place::new();
        let mut command = migrator();
        command.arg("run").args(options);
        if options[0] != "--store" {
            command.args(["--store", &place.sqlite("store.db")]);
        }
        if options[0] != "--source" {
            command.args(["--source", "generated:small,5,1"]);
        }
        let text = complaint(command);
        assert!(text.contains(part), "{text}");
        assert!(!place.path("store.db").exists());
    }
}

#[test]
fn an_ineffective_setting_is_rejected_with_the_setting_that_it_needs() {
    for (options, name) in [
        (&["--cache-max-keys", "9"][..], "cache_max_keys"),
        (&["--cache", "batch", "--cache-max-keys", "9"], "cache_max_keys"),
        (&["--cache-spot-check", "0.5"], "cache_spot_check"),
        (&["--cache", "batch", "--cache-spot-check", "0.5"], "cache_spot_check"),
    ] {
        let place = Place::new();
        let text = complaint(place.run(5, options));
        assert!(text.contains(name) && text.contains("cache = worker or shared"), "{text}");
        assert!(!place.path("store.db").exists());
    }
}

#[test]
fn a_report_shows_the_effective_settings_and_the_cache_statistics() {
    let plain = ["--batch-size", "9", "--now", "2026-01-31T12:00:00"];
    let report = Place::new().report(40, &plain);
    assert!(report.queries > 40 && report.set_queries == 0);
    assert_eq!(report.cache, CacheReport::default());
    let shown = serde_json::to_value(&report.settings).unwrap();
    assert_eq!(shown["cache"], "off");
    assert!(shown.get("cache_max_keys").is_none());

    let shared = ["--cache", "shared", "--cache-max-keys", "50"];
    let kept = Place::new().report(40, &[&plain[..], &shared].concat());
    assert!(kept.queries == 0 && kept.set_queries >= 5);
    assert!(kept.cache.misses > 0 && kept.cache.evictions > 0 && kept.cache.bytes_peak > 0);
    assert_eq!((kept.cache.keys_peak, kept.cache.keys_left), (50, 0));
    assert_eq!(kept.checksum, report.checksum);
    let shown = serde_json::to_value(&kept.settings).unwrap();
    assert_eq!((&shown["cache_max_keys"], &shown["cache_spot_check"]), (&50.into(), &0.0.into()));
}

#[test]
fn missing_and_invalid_files_are_named() {
    let place = Place::new();
    let write = |name: &str, text: &str| fs::write(place.path(name), text).unwrap();
    write("faulty.json", "{\"source_table\": 1}");
    write("noise.db", &"no database ".repeat(500));
    let path = |name: &str| place.path(name).display().to_string();
    for (options, part) in [
        (["--contract".to_owned(), path("absent.json")], "absent.json"),
        (["--contract".to_owned(), path("faulty.json")], "faulty.json has"),
        (["--tables".to_owned(), path("absent.json")], "absent.json"),
        (["--source".to_owned(), path("absent")], "absent"),
        (["--source".to_owned(), place.sqlite("absent.db")], "absent.db: no such file"),
        (["--source".to_owned(), place.sqlite("noise.db")], "not a database"),
        (["--store".to_owned(), place.sqlite("noise.db")], "not a database"),
        (["--store".to_owned(), place.sqlite("absent/store.db")], "absent does not exist"),
    ] {
        let mut command = migrator();
        command.args(["run"]).args(&options);
        if options[0] != "--store" {
            command.args(["--store", &place.sqlite("store.db")]);
        }
        if options[0] != "--source" {
            command.args(["--source", "generated:small,5,1"]);
        }
        let text = complaint(command);
        assert!(text.starts_with("migrator: ") && text.contains(part), "{text}");
    }
}

#[test]
fn the_source_is_never_the_store() {
    let place = Place::new();
    place.run(5, &["--quiet"]).assert().success();
    let mut command = migrator();
    command.args(["run", "--store", &place.sqlite("store.db")]);
    let detour = place.path("sub");
    fs::create_dir(&detour).unwrap();
    command.args(["--source", &format!("sqlite:{}/../store.db", detour.display())]);
    assert!(complaint(command).contains("are the same file"));
}

#[test]
fn a_store_with_tables_of_another_catalogue_is_rejected_with_the_table_named() {
    let place = Place::new();
    let file = rusqlite::Connection::open(place.path("store.db")).unwrap();
    file.execute_batch("CREATE TABLE scores (app_id INTEGER PRIMARY KEY, points INTEGER)").unwrap();
    let text = complaint(place.run(5, &[]));
    assert!(text.contains("table scores differs from the catalogue"), "{text}");
}

#[test]
fn a_corrupt_store_is_an_error_and_no_panic() {
    let place = Place::new();
    place.run(50, &["--quiet"]).assert().success();
    let path = place.path("store.db");
    let mut bytes = fs::read(&path).unwrap();
    let damage = bytes.len() / 2;
    bytes[4096..damage].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let text = complaint(place.run(80, &["--quiet"]));
    assert!(text.contains("malformed"), "{text}");
}

#[test]
fn the_printed_schema_is_the_created_schema() {
    let output = migrator().args(["schema", "--dialect", "sqlite"]).output().unwrap();
    let ddl = String::from_utf8(output.stdout).unwrap();
    let place = Place::new();
    place.run(1, &["--quiet"]).assert().success();
    let printed = objects(&rusqlite::Connection::open_in_memory().unwrap(), &ddl);
    let made = objects(&open(&place.path("store.db")), "");
    let of_the_store: Vec<_> =
        printed.iter().filter(|sql| !sql.contains("extracted_at")).cloned().collect();
    assert_eq!(of_the_store, made);
    assert_eq!(printed.len(), made.len() + 1, "and the source table");
}

fn open(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

/// The DDL of all objects in a database, after running `ddl`.
fn objects(database: &rusqlite::Connection, ddl: &str) -> Vec<String> {
    database.execute_batch(ddl).unwrap();
    let mut statement =
        database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
