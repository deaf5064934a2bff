//! `harness doctor`: its report, and the verb from the outside with a stand-in for the migrator.

use std::collections::BTreeMap;

use harness::experiment::doctor::noise::BaselineRun;
use harness::experiment::doctor::{DoctorReport, Noise, ProbeFinding, Severity};
use harness::report::model::Document;
use harness::report::text::doctor::text;
use harness::report::{build, markdown};
use harness::trial::measurement::SystemLoad;
use harness::trial::provenance::Machine;
use serde_json::Value;

use crate::common::{Fake, harness};

fn doctor(fake: &Fake, flags: &[&str]) -> assert_cmd::Command {
    let mut command = harness();
    command.args(["doctor", "--quick"]).args(flags);
    command.arg("--out").arg(fake.out()).arg("--migrator").arg(fake.program());
    command
}

#[test]
fn the_report_on_this_machine_fits_a_terminal_and_has_no_colour_in_a_pipe() {
    let fake = Fake::new("");
    let output = doctor(&fake, &[]).assert().code(0).get_output().clone();
    let stdout = String::from_utf8(output.stdout).unwrap();
    for word in ["processors", "governor", "steal", "swap", "disk flush", "Not testable"] {
        assert!(stdout.contains(word), "{word}: {stdout}");
    }
    // A path may be longer than a line.
    let words = stdout.lines().filter(|line| !line.contains('/'));
    assert!(words.clone().all(|line| line.chars().count() <= 100), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("run 3 of 3 done"), "{stderr}");
}

#[test]
fn json_has_every_finding_with_its_figures() {
    let fake = Fake::new("");
    let output = doctor(&fake, &["--json", "--quiet"]).assert().code(0).get_output().clone();
    assert!(output.stderr.is_empty(), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = json["findings"].as_array().unwrap();
    assert!(findings.len() > 10);
    for finding in findings {
        for field in ["probe", "level", "here", "means", "advice", "figures"] {
            assert!(finding.get(field).is_some(), "{field}: {finding}");
        }
    }
    assert_eq!(json["noise"]["rec_per_min"].as_array().unwrap().len(), 3);
    assert_eq!(json["noise"]["pairs"], Value::Null);
    assert_eq!(std::fs::read_dir(fake.out().join(".trials")).unwrap().count(), 0);
}

#[test]
fn a_failing_baseline_is_reported_beside_the_findings_of_the_machine() {
    let fake = Fake::new("echo broken >&2; exit 7");
    let output = doctor(&fake, &["--quiet"]).assert().code(2).get_output().clone();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("governor") && stdout.contains("Noise of runs: unknown"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("a run of the baseline failed: exit code 7: broken"), "{stderr}");
}

fn machine() -> Machine {
    let (host, kernel, cpu, governor) = (None, None, None, None);
    Machine { host, kernel, cpu, cpus: 2, memory_bytes: None, governor, load: None }
}

fn finding(level: Severity, probe: &'static str, here: &str, advice: Option<&str>) -> ProbeFinding {
    ProbeFinding {
        probe,
        level,
        here: here.into(),
        means: "It is a sentence that says what this means for runs, and it is so long that it \
                wraps."
            .into(),
        advice: advice.map(String::from),
        figures: BTreeMap::from([("share", 0.25)]),
    }
}

fn noise(runs: usize) -> Noise {
    let around = SystemLoad {
        foreign_cpu_share: 0.12,
        steal_share: 0.004,
        swapped_pages: 0,
        clock_mhz: None,
    };
    let run = |index: usize| BaselineRun {
        rec_per_min: 450_000.0 + 9_000.0 * (index * 7 % 10) as f64,
        elapsed_s: 1.6,
        surroundings: Some(around),
    };
    Noise::of(6400, &(0..runs).map(run).collect::<Vec<_>>()).unwrap()
}

fn checkup(runs: usize) -> DoctorReport {
    DoctorReport {
        format: 1,
        machine: machine(),
        findings: vec![
            finding(Severity::Quiet, "clock", "tsc", None),
            finding(Severity::Warn, "other programs", "cc | ld", Some("stop them")),
            finding(Severity::Noisy, "governor", "powersave", Some("set it")),
            finding(Severity::Unknown, "turbo", "not known here: there is no file", None),
        ],
        noise: Some(noise(runs)),
        noise_unknown: None,
    }
}

/// The document of an inspection with ten runs.
pub(crate) fn a_document() -> Document {
    document(&checkup(10))
}

fn document(checkup: &DoctorReport) -> Document {
    build::doctor::document(checkup, "harness doctor").unwrap()
}

#[test]
fn the_report_of_a_machine_matches_its_snapshot() {
    let text = text(&checkup(10));
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!("doctor", text);
    insta::assert_snapshot!("doctor_markdown", markdown(&a_document()).unwrap());
}

#[test]
fn program_names_and_last_output_are_escaped_in_a_report() {
    let mut checkup = checkup(10);
    let hostile = "<b>x</b> | `y`\n| z | www.x.test @all \u{1b}[2J (pid 7) 45 %";
    let shown = "&lt;b&gt;x&lt;/b&gt; \\| \\`y\\` \\| z \\| www&#46;x.test &#64;&#8203;all  \\[2J";
    checkup.findings = vec![finding(Severity::Noisy, "other programs", hostile, None)];
    checkup.noise = None;
    checkup.noise_unknown = Some(hostile.into());
    let text = markdown(&document(&checkup)).unwrap();
    assert!(
        text.contains(&format!("| noisy | other programs | {shown} (pid 7) 45 % | It ")),
        "{text}"
    );
    assert!(text.contains(&format!("Unknown: {shown} (pid 7) 45 %\n")), "{text}");
}

#[test]
fn a_quick_report_makes_no_statement_about_pairs() {
    for text in [text(&checkup(3)), markdown(&document(&checkup(3))).unwrap()] {
        assert!(text.contains("Not testable"), "{text}");
        assert!(!text.contains("To detect"), "{text}");
    }
}

#[test]
fn failed_runs_leave_the_noise_unknown_and_are_named() {
    let mut checkup = checkup(10);
    checkup.noise = None;
    checkup.noise_unknown = Some("a run of the baseline failed: exit code 1".into());
    for text in [text(&checkup), markdown(&document(&checkup)).unwrap()] {
        assert!(text.to_lowercase().contains("unknown: a run of the baseline failed"), "{text}");
    }
}
