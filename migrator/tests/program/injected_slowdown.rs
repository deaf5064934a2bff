//! The injected slowdown. A default build has none; a build with the feature reports it.

use std::process::{Command, Output};

use migrator::telemetry::report::RunReport;

const VARIABLE: &str = "MIGRATOR_PLANTED_SLOWDOWN";

fn run(share: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("migrator"));
    command.args(["run", "--source", "generated:small,20,7", "--store", &store, "--quiet"]);
    command.args(["--synchronous", "off", "--report", "-"]).env(VARIABLE, share);
    command.output().unwrap()
}

fn version(output: &Output) -> String {
    let report: RunReport = serde_json::from_slice(&output.stdout).unwrap();
    report.build.version
}

#[test]
#[cfg(not(feature = "planted-slowdown"))]
fn a_default_build_has_no_injected_slowdown() {
    let binary = std::fs::read(assert_cmd::cargo::cargo_bin("migrator")).unwrap();
    let name = VARIABLE.as_bytes();
    assert!(!binary.windows(name.len()).any(|bytes| bytes == name));
    // A build without the feature ignores a value that the feature would reject.
    let output = run("nonsense");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(version(&output), env!("CARGO_PKG_VERSION"));
}

#[test]
#[cfg(feature = "planted-slowdown")]
fn a_build_with_an_injected_slowdown_reads_its_share_and_reports_it() {
    let slow = run("0.5");
    assert!(slow.status.success(), "{slow:?}");
    assert!(version(&slow).ends_with("+planted-slowdown"));
    let refused = run("20 %");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(VARIABLE), "{refused:?}");
}
