//! `scripts/processes`: one migration by several processes, reported as one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use harness::scenario::Scenario;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::dies;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts")
}

/// A folder with a program in the migrator's place. It records its arguments and writes its report
/// to the last of them.
fn folder(also: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let report =
        r#"{"format":1,"build":{},"store":{},"checksum":"c","books":{"read":3},"rows":{"t":2}}"#;
    let text = format!(
        "#!/bin/sh\nhere=$(dirname \"$0\")\necho \"$*\" >> \"$here/calls\"\n{also}\n\
         for last; do :; done\necho '{report}' > \"$last\"\n"
    );
    let path = folder.path().join("migrator");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn run(folder: &TempDir, processes: &str) -> ExitStatus {
    let path = folder.path();
    Command::new(scripts().join("processes"))
        .args([&path.join("migrator"), Path::new(processes), &path.join("report.json")])
        .args(["--batch-size", "5"])
        .status()
        .unwrap()
}

#[test]
fn several_processes_share_a_migration_and_are_reported_as_one() {
    let folder = folder("");
    assert!(run(&folder, "3").success());
    let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
    let shares = ["0/3", "1/3", "2/3"];
    for share in shares {
        let expected = format!("run --batch-size 5 --quiet --workers 1 --partition {share} ");
        assert_eq!(calls.matches(&expected).count(), 1, "{calls}");
    }
    // The last process gives the checksum of all stored rows.
    assert_eq!(calls.lines().count(), shares.len() + 1);
    let report = fs::read(folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!((&report["books"]["read"], &report["rows"]["t"]), (&9.into(), &6.into()));
    assert_eq!((&report["checksum"], &report["settings"]["workers"]), (&"c".into(), &3.into()));
    assert!(report["rec_per_min"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_failing_process_stops_the_others_and_passes_its_exit_code_on() {
    let folder = folder(
        "case \"$*\" in *1/2*) while [ ! -s \"$here/other\" ]; do sleep 0.01; done; exit 7;; \
         *) echo $$ > \"$here/other\"; exec sleep 60;; esac",
    );
    assert_eq!(run(&folder, "2").code(), Some(7));
    let other = fs::read_to_string(folder.path().join("other")).unwrap();
    assert!(dies(other.trim()));
    assert!(!folder.path().join("report.json").exists());
}

#[test]
fn the_processes_scenario_sweeps_the_number_of_processes() {
    let text = fs::read_to_string(scripts().join("processes.toml")).unwrap();
    let scenario = Scenario::parse(&text).unwrap();
    assert_eq!(scenario.swept, ["workers"]);
    assert_eq!(scenario.settings.len(), 3);
}
