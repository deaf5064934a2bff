//! The program as a command, with a source and a store in a folder of their own, for tests of whole
//! migrations. Uses only interfaces that a user has.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use migrator::telemetry::report::RunReport;
use migrator::verify::VerifyReport;
use tempfile::TempDir;

/// A source of generated records, and a folder for stores.
pub(crate) struct Migration {
    folder: TempDir,
    /// Options that every mapping verb gets.
    contract: &'static [&'static str],
}

const LOANS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/contracts/loans.json");

impl Migration {
    /// A source of `records` staged records, with these shares of duplicates and rejects.
    pub(crate) fn new(records: u32, duplicates: f64, rejects: f64) -> Self {
        let shares = [records.to_string(), duplicates.to_string(), rejects.to_string()];
        Self::generated("cc", &[], shares)
    }

    /// The same for the second product line, with its contract.
    pub(crate) fn of_loans(records: u32, duplicates: f64, rejects: f64) -> Self {
        let contract = &["--contract", LOANS];
        let shares = [records.to_string(), duplicates.to_string(), rejects.to_string()];
        Self::generated("rl", contract, shares)
    }

    fn generated(
        product: &str,
        contract: &'static [&'static str],
        [records, duplicates, rejects]: [String; 3],
    ) -> Self {
        let migration = Self { folder: tempfile::tempdir().unwrap(), contract };
        let mut generate = migrator("generate");
        generate
            .args(["--profile", "staged", "--seed", "11", "--quiet", "--product", product])
            .args(["--records", &records])
            .args(["--duplicates", &duplicates, "--rejects", &rejects])
            .args(["--out", &migration.source()]);
        succeed(&mut generate);
        migration
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn source(&self) -> String {
        format!("sqlite:{}", self.path("source.db").display())
    }

    /// `migrator run` into `store.db`.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        self.command_into("store.db", options)
    }

    /// `migrator run` into another store.
    pub(crate) fn command_into(&self, store: &str, options: &[&str]) -> Command {
        let mut command = self.on("run", store, options);
        command.args(["--synchronous", "off", "--report", "-"]);
        command
    }

    /// Runs `migrator run`, which must succeed.
    pub(crate) fn run(&self, options: &[&str]) -> RunReport {
        serde_json::from_slice(&succeed(&mut self.command(options)).stdout).unwrap()
    }

    /// Starts a run in the background.
    pub(crate) fn spawn(&self, options: &[&str]) -> Child {
        let mut command = self.command(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The report of `migrator verify` on a store. Asserts that the exit code agrees.
    pub(crate) fn audit_of(&self, store: &str, options: &[&str]) -> VerifyReport {
        let output = self.on("verify", store, &[options, &["--json"]].concat()).output().unwrap();
        assert!(output.stderr.is_empty() || output.status.code() != Some(2), "{output:?}");
        let report: VerifyReport = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(!report.passed)));
        report
    }

    pub(crate) fn audit(&self, options: &[&str]) -> VerifyReport {
        self.audit_of("store.db", options)
    }

    /// Opens the store without foreign keys, so that a test can corrupt it.
    pub(crate) fn open(&self) -> rusqlite::Connection {
        open(&self.path("store.db"))
    }

    fn on(&self, verb: &str, store: &str, options: &[&str]) -> Command {
        let mut command = migrator(verb);
        command.args(["--source", &self.source()]);
        command.args(["--store", &format!("sqlite:{}", self.path(store).display())]);
        command.args(["--quiet"]).args(self.contract).args(options);
        command
    }
}

pub(crate) fn migrator(verb: &str) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("migrator"));
    command.arg(verb);
    command
}

pub(crate) fn open(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}
