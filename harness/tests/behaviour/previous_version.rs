//! Sessions of the previous version stay readable, and their reports keep their values.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

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
        let [recorded, now] = [read(&folder.join(name)), report(session, "json")]
            .map(|text| serde_json::from_str(&text).unwrap());
        assert_eq!(changed(&recorded, &now, session), Vec::<String>::new());
    }
}

/// Values of the recorded analysis that are missing or others now. New keys may be beside them.
fn changed(recorded: &Value, now: &Value, place: &str) -> Vec<String> {
    match (recorded, now) {
        (Value::Object(recorded), Value::Object(now)) => recorded
            .iter()
            .flat_map(|(key, value)| {
                let now = now.get(key).unwrap_or(&Value::Null);
                changed(value, now, &format!("{place}.{key}"))
            })
            .collect(),
        (Value::Array(recorded), Value::Array(now)) if recorded.len() == now.len() => {
            let pairs = recorded.iter().zip(now).enumerate();
            let places =
                pairs.flat_map(|(at, (old, new))| changed(old, new, &format!("{place}[{at}]")));
            places.collect()
        }
        _ if recorded == now => Vec::new(),
        _ => vec![format!("{place}: {recorded} is now {now}")],
    }
}

#[test]
fn a_changed_value_is_found_wherever_it_is_and_a_new_key_is_not_one() {
    let recorded = json!({"a": [1, {"b": 2}], "c": null});
    assert!(changed(&recorded, &json!({"a": [1, {"b": 2, "n": 0}], "c": null}), "x").is_empty());
    for (now, place) in [
        (json!({"a": [1, {"b": 3}], "c": null}), "x.a[1].b: 2 is now 3"),
        (json!({"a": [1, {}], "c": null}), "x.a[1].b: 2 is now null"),
        (json!({"a": [1], "c": null}), "x.a: [1,{\"b\":2}] is now [1]"),
    ] {
        assert_eq!(changed(&recorded, &now, "x"), [place]);
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
