//! Sessions of the previous version stay readable, and their reports keep their values.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{harness, read};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v0.1.0")
}

/// Output of `harness report` for a recorded session.
fn report(session: &str, format: &str) -> String {
    let mut command = harness();
    command.arg("report").arg(fixtures().join(session)).args(["--format", format]);
    let output = command.assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

#[test]
fn recorded_sessions_give_the_same_analysis() {
    let sessions = ["sweep", "tune", "gate", "bisect", "explain", "self-test"];
    for session in sessions {
        let folder = fixtures().join(session);
        let name = if session == "self-test" { "self-test.json" } else { "analysis.json" };
        assert_eq!(report(session, "json"), read(&folder.join(name)), "{session}");
    }
}

#[test]
fn recorded_sessions_give_the_same_report_in_every_format() {
    let mut compared = 0;
    for session in fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&session).into_iter().flatten().map(|entry| entry.unwrap().path())
        {
            if file.file_stem().is_some_and(|stem| stem == "report") {
                let format = file.extension().unwrap().to_str().unwrap();
                let name = session.file_name().unwrap().to_str().unwrap();
                assert_eq!(report(name, format), read(&file), "{}", file.display());
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 6 * 6, "every session has its reports");
}
