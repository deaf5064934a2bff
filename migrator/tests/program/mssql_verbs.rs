//! The verbs against a server, as a user types them, on the test double. No password may appear in
//! output, files, arguments, or any log of the libraries below.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

use migrator::store::mssql::setup::Recreate;
use migrator::store::{Role, Store};
use migrator::telemetry::report::RunReport;
use tds_double::{Options, TdsDouble};
use tempfile::TempDir;

use crate::support::backends;
use crate::support::store::{BASE, base_row, catalogue};

const PASSWORD: &str = "Open-Sesame-For-Nobody-9";

/// A double that speaks TLS, and a folder.
struct Fixture {
    double: TdsDouble,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let options = Options { tls: true, password: PASSWORD.into(), ..Options::default() };
        let double = TdsDouble::start_with(options);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), double.certificate_pem().unwrap()).unwrap();
        Self { double, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn url(&self) -> String {
        format!("{}&ca={}", self.double.url(), self.path("ca.pem"))
    }

    fn command(verb: &str, options: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("migrator"));
        command.arg(verb).args(options).env("MIGRATOR_DB_PASSWORD", PASSWORD);
        command
    }

    fn output(verb: &str, options: &[&str]) -> Output {
        let output = Self::command(verb, options).output().unwrap();
        let shown = format!("{output:?}");
        assert!(!shown.contains(PASSWORD), "{verb} shows the password");
        output
    }

    fn succeed(verb: &str, options: &[&str]) -> String {
        let output = Self::output(verb, options);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn fail(verb: &str, options: &[&str]) -> String {
        let output = Self::output(verb, options);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

fn report(text: &str) -> RunReport {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_two_commands_of_the_readme_fill_a_server_and_the_audit_agrees() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let source = "generated:small,40,3";
    let printed = Fixture::succeed("init", &["--store", &url]);
    assert_eq!(printed.trim(), "the tables exist");
    let now = ["--now", "2026-01-31T12:00:00"];
    let run = ["--source", source, "--store", &url, "--report", "-", "--quiet"];
    let run = [&run[..], &now].concat();
    let first = report(&Fixture::succeed("run", &run));
    assert_eq!((first.books.read, first.books.committed), (40, 40));
    assert_eq!(first.store.kind, "mssql");
    assert!(first.store.version.contains("SQL Server"), "{}", first.store.version);
    // The same command again finds everything logged.
    let second = report(&Fixture::succeed("run", &run));
    assert_eq!((second.books.read, second.books.skipped), (0, 40));
    assert_eq!(second.checksum, first.checksum);
    // `check` finds the tables in agreement with the contract.
    let checked = Fixture::output("check", &["--store", &url]);
    assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
    assert!(!format!("{checked:?}").contains("differs from the catalogue"), "{checked:?}");
    let audit = Fixture::succeed("verify", &["--source", source, "--store", &url, "--strict"]);
    assert!(audit.contains("audit passed"), "{audit}");
    // The embedded store holds the same rows.
    let sqlite = format!("sqlite:{}", fixture.path("store.db"));
    let run = ["--source", source, "--store", &sqlite, "--report", "-", "--quiet"];
    let run = [&run[..], &now].concat();
    assert_eq!(report(&Fixture::succeed("run", &run)).checksum, first.checksum);
    assert!(fixture.double.logins().iter().all(|login| login.encrypted));
    assert!(fixture.double.logins().iter().all(|login| login.packet_size == 16_000));
}

#[test]
fn a_source_table_on_a_server_is_read_as_the_same_table_in_a_file() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let generate = ["--records", "60", "--seed", "5", "--duplicates", "0.1", "--rejects", "0.2"];
    let sqlite = format!("sqlite:{}", fixture.path("source.db"));
    for out in [&sqlite, &url] {
        Fixture::succeed("generate", &[&generate[..], &["--quiet", "--out", out]].concat());
    }
    let error = Fixture::fail("generate", &[&generate[..], &["--out", &url]].concat());
    assert!(error.contains("app_xml_staging already exists"), "{error}");
    let into = |source: &str, name: &str, more: &[&str]| {
        let store = format!("sqlite:{}", fixture.path(name));
        let run = ["--source", source, "--store", &store, "--report", "-", "--quiet"];
        report(&Fixture::succeed("run", &[&run[..], more].concat()))
    };
    let now = ["--now", "2026-01-31T12:00:00"];
    let from_file = into(&sqlite, "one.db", &now);
    let from_server = into(&url, "two.db", &now);
    assert_eq!(from_file.books, from_server.books);
    assert_eq!(from_file.checksum, from_server.checksum);
    let shares = ["0/3", "1/3", "2/3"].map(|share| {
        into(&url, "three.db", &[&now[..], &["--partition", share]].concat()).books.read
    });
    assert_eq!(shares.iter().sum::<u64>(), from_file.books.read);
    assert!(shares.iter().all(|&read| read > 10), "{shares:?}");
}

#[test]
fn init_creates_the_schema_and_recreates_it_on_request() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let store = ["--store", &url, "--schema", "bench"];
    Fixture::succeed("init", &store);
    let run = ["--source", "generated:small,9,3", "--report", "-", "--quiet"];
    let run = |options: &[&str]| {
        report(&Fixture::succeed("run", &[&run[..], &store, options].concat())).books.read
    };
    assert_eq!((run(&[]), run(&[])), (9, 0));
    let printed = Fixture::succeed("init", &[&store[..], &["--recreate"]].concat());
    assert_eq!(printed.trim(), "the tables are new and empty");
    assert_eq!(run(&[]), 9);
    // `dbo` is a shared schema.
    let dbo = ["--store", &url, "--schema", "dbo"];
    Fixture::succeed("init", &dbo);
    let error = Fixture::fail("init", &[&dbo[..], &["--recreate"]].concat());
    assert!(error.contains("was not created by"), "{error}");
    Fixture::succeed("init", &[&dbo[..], &["--recreate", "dbo"]].concat());
    let error = Fixture::fail("init", &["--store", "sqlite:x.db", "--recreate"]);
    assert!(error.contains("needs a store at mssql://"), "{error}");
}

#[test]
fn a_run_into_an_empty_database_names_the_command_that_creates_the_tables() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let error = Fixture::fail("run", &["--source", "generated:small,2,3", "--store", &url]);
    assert!(error.contains("`migrator init` creates it"), "{error}");
}

#[test]
fn a_password_comes_from_a_file_or_the_environment_and_is_never_shown() {
    let fixture = Fixture::new();
    let url = fixture.url();
    std::fs::write(fixture.path("password"), format!("{PASSWORD}\n")).unwrap();
    std::fs::write(fixture.path("wrong"), "Another-1").unwrap();
    let by_file = |name: &str| {
        let file = fixture.path(name);
        let mut command = Fixture::command("init", &["--store", &url, "--password-file", &file]);
        command.env_remove("MIGRATOR_DB_PASSWORD").output().unwrap()
    };
    assert!(by_file("password").status.success());
    let refused = by_file("wrong");
    assert_eq!(refused.status.code(), Some(2));
    let shown = format!("{refused:?}");
    assert!(shown.contains("18456") && !shown.contains("Another-1"), "{shown}");
    let mut without = Fixture::command("init", &["--store", &url]);
    let without = without.env_remove("MIGRATOR_DB_PASSWORD").output().unwrap();
    assert!(format!("{without:?}").contains("no password"), "{without:?}");
    let unused = ["--store", "sqlite:x.db", "--password-file", "x"];
    assert!(Fixture::fail("init", &unused).contains("--password-file would be ignored"));
    let in_url = url.replace("migrator@", &format!("migrator:{PASSWORD}@"));
    assert_eq!(Fixture::fail("init", &["--store", &in_url]).matches("--password-file").count(), 1);
    let file = fixture.path("report.json");
    Fixture::succeed(
        "run",
        &["--source", "generated:small,5,1", "--store", &url, "--report", &file],
    );
    for entry in std::fs::read_dir(fixture.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path != Path::new(&fixture.path("password")) {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(PASSWORD), "{}", path.display());
        }
    }
}

#[test]
fn options_that_a_store_ignores_are_rejected_with_option_and_store_named() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let sqlite = format!("sqlite:{}", fixture.path("store.db"));
    let source = ["--source", "generated:small,2,1"];
    let run = |options: &[&str]| Fixture::fail("run", &[&source[..], options].concat());
    for value in ["full", "normal", "off"] {
        let said = run(&["--store", &url, "--synchronous", value]);
        assert!(said.contains("--synchronous would be ignored with --store mssql://"), "{said}");
    }
    assert_eq!(fixture.double.counts().opened, 0);
    for (flag, value) in [("--schema", "own"), ("--password-file", "/dev/null")] {
        let ignored = format!("{flag} would be ignored: it needs");
        for said in [
            run(&["--store", &sqlite, flag, value]),
            Fixture::fail("init", &["--store", &sqlite, flag, value]),
            Fixture::fail("verify", &[&source[..], &["--store", &sqlite, flag, value]].concat()),
            Fixture::fail("check", &["--store", &sqlite, flag, value]),
            Fixture::fail("check", &[flag, value]),
        ] {
            assert!(said.contains(&ignored) && said.contains("mssql://"), "{said}");
        }
        let generate = ["--records", "2", "--out", &sqlite, flag, value];
        assert!(Fixture::fail("generate", &generate).contains("would be ignored"));
    }
    // The source is on a server, but the schema is the target's.
    let said = Fixture::fail("run", &["--source", &url, "--store", &sqlite, "--schema", "own"]);
    assert!(said.contains("--schema would be ignored"), "{said}");
    let said = Fixture::fail("schema", &["--dialect", "sqlite", "--schema", "own"]);
    assert!(said.contains("--schema would be ignored"), "{said}");
}

/// Keeps every line that a library below logs, at any level.
struct LogCollector(Mutex<String>);

static EAR: LogCollector = LogCollector(Mutex::new(String::new()));

impl log::Log for LogCollector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        use std::fmt::Write;
        let _ = writeln!(self.0.lock().unwrap(), "{} {}", record.target(), record.args());
    }
    fn flush(&self) {}
}

#[test]
fn no_log_level_shows_the_password() {
    log::set_logger(&EAR).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let options = Options { password: PASSWORD.into(), ..Options::default() };
    let double = TdsDouble::start_with(options);
    let store = backends::store_on(&double, &catalogue());
    store.recreate(Recreate::OwnSchema).unwrap();
    let mut connection = store.connect(Role::Writer).unwrap();
    connection.begin().unwrap();
    let row = base_row(4_711_001);
    connection.insert(BASE, &[&row], migrator::config::InsertMethod::Values).unwrap();
    connection.commit().unwrap();
    drop(connection);
    let shown = format!("{:?}", migrator::store::mssql::url::Password::new(PASSWORD));
    log::set_max_level(log::LevelFilter::Off);
    let heard = EAR.0.lock().unwrap();
    assert!(heard.contains("tiberius"), "nothing was heard");
    assert!(!heard.contains(PASSWORD) && !shown.contains(PASSWORD));
}
