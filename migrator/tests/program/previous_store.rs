//! A store of the previous version passes its audit, and a run into it resumes.

use std::fs;
use std::path::Path;

use migrator::telemetry::report::RunReport;
use migrator::verify::VerifyReport;
use migrator::verify::walk::RecordCounts;

use crate::support::command::migrator;

#[test]
fn a_store_of_the_previous_version_is_audited_and_resumed() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v0.1.0");
    let folder = tempfile::tempdir().unwrap();
    let on_copy = |verb: &str| {
        let mut command = migrator(verb);
        for (flag, name) in [("--source", "source.sqlite"), ("--store", "store.sqlite")] {
            let copy = folder.path().join(name);
            if !copy.exists() {
                fs::copy(fixtures.join(name), &copy).unwrap();
            }
            command.args([flag, &format!("sqlite:{}", copy.display())]);
        }
        command
    };
    let audit = || -> VerifyReport {
        serde_json::from_slice(&on_copy("verify").arg("--json").output().unwrap().stdout).unwrap()
    };
    let records =
        RecordCounts { read: 200, stored: 186, duplicate: 4, rejected: 10, failed: 0, unclear: 0 };
    let before = audit();
    assert_eq!((before.passed, &before.records), (true, &records), "{:?}", before.findings);
    let run = on_copy("run").args(["--quiet", "--report", "-"]).output().unwrap();
    let report: RunReport = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((report.books.read, report.books.skipped), (0, 200));
    let after = audit();
    assert_eq!((after.passed, after.records, after.rows), (true, records, before.rows));
}
