//! Measurements over time: reading results folders and history files, adding to them, and detecting
//! changes. Every figure is invented.

use std::fs;
use std::path::Path;

use harness::analysis::history::{HistorySeries, is_quick, points, read, series};
use harness::report::model::Document;
use harness::report::text::history;
use harness::report::{build, history_charts};
use harness::scenario::{Scenario, shipped};
use harness::session::ledger::Line;
use harness::trial::provenance::{Machine, ProgramIdentity, Provenance};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{harness, identity, session_line, uniform};

/// The provenance of a session on this day, on a machine of this name.
fn of_day(day: u32, host: &str) -> Provenance {
    let usual = identity();
    Provenance {
        revision: format!("{day:08x}456789abcdef0123456789abcdef01234567"),
        started: format!("2026-01-{day:02}T12:00:00Z"),
        program: ProgramIdentity { blake3: format!("{day:032x}"), ..usual.program.clone() },
        machine: Machine { host: Some(host.into()), ..usual.machine.clone() },
        ..usual
    }
}

/// The text of `metrics.json` of a session whose baseline has this rate.
fn metrics(rec_per_min: f64) -> String {
    let phase = |phase: &str, verdict: &str| {
        json!({
            "phase": phase, "optimization": "Batch size tuning",
            "baseline_rec_per_min": rec_per_min, "optimized_rec_per_min": rec_per_min * 1.05,
            "improvement_percent": 5.0, "std_dev_baseline": 9_000.0, "std_dev_optimized": 8_000.0,
            "confidence": "high", "notes": "", "verdict": verdict, "interval_percent": [3.0, 7.0],
            "runs": 10, "settings_baseline": {"workers": 2, "batch_size": 1000},
            "settings_optimized": {"workers": 2, "batch_size": 200}, "kept": true,
            "expected_percent": null, "checksum": "00112233445566778899aabbccddeeff"
        })
    };
    json!([phase("II.1", "IMPROVED"), phase("II.5", "skipped")]).to_string()
}

/// Rates by day, with a drop of 12 % on the seventh.
fn rate(day: u32) -> f64 {
    let level = if day < 7 { 450_000.0 } else { 396_000.0 };
    level * (1.0 + 0.01 * uniform(40 + day))
}

/// The series of the first `count` days, with another kernel from the seventh on.
fn days(count: u32) -> Vec<HistorySeries> {
    let of = |day: u32| {
        let mut identity = of_day(day, "quiet");
        if day >= 7 {
            identity.machine.kernel = Some("Linux 6.18.1".into());
        }
        points("phase2", &identity, &metrics(rate(day))).unwrap()
    };
    series(&(1..=count).flat_map(of).collect::<Vec<_>>(), 1)
}

/// The document of twelve days, with a change on the seventh.
pub(crate) fn a_document() -> Document {
    build::history::document(&days(12), &[], "harness history").unwrap()
}

/// Creates a results folder with a session of every day on this machine.
fn results(folder: &Path, count: u32, host: &str) {
    for day in 1..=count {
        let session = folder.join(format!("phase2/202601{day:02}T120000Z-{host}"));
        fs::create_dir_all(&session).unwrap();
        let identity = serde_json::to_string(&of_day(day, host)).unwrap();
        fs::write(session.join("identity.json"), identity).unwrap();
        fs::write(session.join("metrics.json"), metrics(rate(day))).unwrap();
    }
}

/// Output of `harness history` on stdout and stderr.
fn said(folder: &TempDir, words: &[&str]) -> (String, String) {
    let mut command = harness();
    command.arg("history").args(words).arg("--out").arg(folder.path().join("results"));
    let assert = command.assert().success();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

#[test]
fn a_change_point_is_shown_with_revision_and_other_changes_within_the_terminal() {
    let text = history::text(&days(12), &[], "results/history");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("The gate never asks it."), "{text}");
    insta::assert_snapshot!("history", text);
}

#[test]
fn below_eight_points_no_change_is_reported() {
    let all = days(7);
    assert!(!all[0].tested && all[0].changes.is_empty());
    let text = history::text(&all, &[], "results/history");
    assert!(text.contains("7 points: changes are tested from 8 points on."), "{text}");
    assert!(!text.contains("95 %"), "{text}");
}

#[test]
fn a_skipped_phase_is_not_a_point() {
    let all = points("phase2", &of_day(1, "a"), &metrics(1.0)).unwrap();
    assert_eq!(all.iter().map(|point| point.phase.as_str()).collect::<Vec<_>>(), ["II.1"]);
    assert!(points("phase2", &of_day(1, "a"), "[{}]").is_err());
}

/// The first line of a ledger of the shipped scenario, with or without `--quick`.
fn first_line(quick: bool) -> String {
    let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
    let scenario = if quick { scenario.quick() } else { scenario };
    serde_json::to_string(&Line::Session(Box::new(session_line(&scenario)))).unwrap()
}

#[test]
fn the_ledger_determines_whether_a_session_is_quick() {
    // A scenario file with `quick` in its name, and an edited command.
    let named = Provenance { command: "harness sweep x --quick".into(), ..of_day(1, "a") };
    let plain = of_day(1, "a");
    for identity in [&named, &plain] {
        assert!(is_quick(Some(&first_line(true)), identity));
        assert!(!is_quick(Some(&first_line(false)), identity));
    }
    // Without a ledger that records it, the command decides.
    for line in [None, Some(""), Some("{\"kind\":\"session\",\"format\":1}")] {
        assert!(is_quick(line, &named), "{line:?}");
        assert!(!is_quick(line, &plain), "{line:?}");
    }
}

#[test]
fn quick_sessions_of_a_results_folder_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results");
    results(&out, 3, "a");
    for (day, quick) in [(2, true), (3, false)] {
        let ledger = out.join(format!("phase2/202601{day:02}T120000Z-a/ledger.jsonl"));
        fs::write(ledger, first_line(quick) + "\n").unwrap();
    }
    let (json, _) = said(&folder, &["--json"]);
    let all: Value = serde_json::from_str(&json).unwrap();
    let points = all["series"][0]["points"].as_array().unwrap();
    let days: Vec<&str> = points.iter().map(|point| point["time"].as_str().unwrap()).collect();
    assert_eq!(days, ["2026-01-01T12:00:00Z", "2026-01-03T12:00:00Z"]);
}

#[test]
fn every_series_has_a_chart_of_its_own() {
    let mut all = days(12);
    let mut other = all[0].clone();
    other.machine.host = Some("other".into());
    all.push(other);
    let files = history_charts(&all).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("phase2-ii-1-")), "{names:?}");
    assert_ne!(names[0], names[2]);
    let svg = String::from_utf8(files[1].bytes.clone()).unwrap();
    assert!(svg.contains("00000007") && svg.contains("-11."), "{svg}");
    assert_eq!(history_charts(&days(12)).unwrap(), files[..2]);
}

#[test]
fn folders_are_added_to_a_file_once_and_stay_in_it_after_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results");
    let file = folder.path().join("history.jsonl");
    let name = file.to_str().unwrap();
    results(&out, 9, "a");
    let (first, told) = said(&folder, &["--append", name]);
    assert!(told.contains("9 lines added"), "{told}");
    let kept = fs::read_to_string(&file).unwrap();
    assert_eq!(read(&kept).unwrap().len(), 9);
    let (again, told) = said(&folder, &["--append", name]);
    assert!(told.contains("0 lines added"), "{told}");
    assert_eq!((again, fs::read_to_string(&file).unwrap()), (first.clone(), kept));
    // The folders are deleted, the file is not.
    fs::remove_dir_all(&out).unwrap();
    assert_eq!(said(&folder, &[name]).0, first);
    assert!(first.contains("* -11.8 %: 00000007 after 00000006"), "{first}");
    let charts = fs::read_dir(out.join("history")).unwrap().count();
    assert_eq!(charts, 2);
}

#[test]
fn machines_are_never_mixed_and_unreadable_sessions_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results");
    results(&out, 3, "a");
    results(&out, 2, "b");
    let broken = out.join("phase2/20260109T120000Z-c");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("metrics.json"), "[]").unwrap();
    let (text, _) = said(&folder, &[]);
    assert_eq!(text.matches("records per minute of the baseline over time").count(), 2, "{text}");
    assert!(text.contains("20260109T120000Z-c is left out"), "{text}");
    let (json, _) = said(&folder, &["--json"]);
    let all: Value = serde_json::from_str(&json).unwrap();
    let series = all["series"].as_array().unwrap();
    let lengths: Vec<usize> =
        series.iter().map(|s| s["points"].as_array().unwrap().len()).collect();
    assert_eq!(lengths, [3, 2]);
    let notes: Vec<&str> =
        all["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    let [note] = notes[..] else { panic!("one note, not {notes:?}") };
    assert!(note.contains("20260109T120000Z-c is left out: reading "), "{note}");
}

#[test]
fn a_file_with_a_partial_line_is_rejected_with_the_line_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results");
    results(&out, 1, "a");
    let file = folder.path().join("history.jsonl");
    fs::write(&file, "{\"format\":1,\"ti").unwrap();
    let mut command = harness();
    command.arg("history").arg("--append").arg(&file).arg("--out").arg(&out);
    let assert = command.assert().code(2);
    let told = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(told.contains("history.jsonl, line 1: "), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"format\":1,\"ti");
}

#[test]
fn without_any_session_it_names_a_command_that_creates_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = harness();
    command.arg("history").arg("--out").arg(folder.path());
    let assert = command.assert().code(2);
    let told = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(told.contains("`harness tune` and `harness sweep` leave"), "{told}");
}
