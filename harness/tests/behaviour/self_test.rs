//! `harness self-test`: its schedule and counts, without processes, and the verb and the slowed
//! program from the outside.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::error::Result;
use harness::experiment::self_test::error_rates::{
    ErrorRate, SelfTestResult, SessionGroup, VerdictKind,
};
use harness::experiment::self_test::{SelfTestStrategy, planted, session};
use harness::report::model::Document;
use harness::report::text::self_test::text;
use harness::report::{build, markdown};
use harness::scenario::{Scenario, shipped};
use harness::session::ledger::{Ending, Ledger, Origin, ProgramId, SessionLine};
use harness::session::replay::Replay;
use harness::session::runner;
use harness::session::state::SessionState;
use harness::trial::measurement::{Measurement, SystemLoad};
use harness::trial::{Mock, report};
use serde_json::Value;

use crate::common::{Fake, Silent, done, harness, identity, tell, uniform};

/// A self-test whose runs take one second each. The slowed program is slower by `slower`, and runs
/// vary by up to `noise`. `around` is the system load during every run.
fn tested_as(
    sessions: Option<u32>,
    budget_s: Option<f64>,
    slower: f64,
    noise: f64,
    around: Option<SystemLoad>,
) -> Result<SessionState> {
    let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
    assert!((planted(&scenario) - SLOWDOWN).abs() < 1e-12);
    let id = |name: &str| ProgramId { name: name.into(), blake3: "p".into() };
    let programs = vec![id("migrator"), id("slowed migrator")];
    let origin = Origin { revision: "r".into(), host: None, programs, servers: Vec::new() };
    let line = SessionLine::new(session(scenario, sessions, budget_s), origin, None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let mut ledger = Ledger::create(&path, &line)?;
    let mut number = 0_u32;
    let mut mock = Mock::of_programs(move |source, program, settings| {
        number += 1;
        let takes = if program == 1 { 1.0 + slower } else { 1.0 };
        let rate = 200_000.0 * (1.0 + noise * uniform(number)) / takes;
        let measured = done(report(settings, source.records, rate));
        Ok(Measurement { elapsed_s: 1.0, surroundings: around, ..measured })
    });
    runner::run(Replay::of(line), &SelfTestStrategy, &mut mock, &mut ledger, &mut Silent)?;
    tell(&path).progress.into_recorded()
}

fn tested(sessions: u32, slower: f64, noise: f64) -> SelfTestResult {
    SelfTestResult::of(&tested_as(Some(sessions), None, slower, noise, None).unwrap()).unwrap()
}

/// The document of six sessions of each kind, one of them with a wrong verdict.
pub(crate) fn a_document() -> Document {
    let recorded = tested_as(Some(6), None, SLOWDOWN, 0.01, None).unwrap();
    let tested = SelfTestResult::of(&recorded).unwrap();
    build::self_test::document(&tested, &recorded, &identity()).unwrap()
}

/// Relative slowdown of the slowed program in the shipped scenarios.
const SLOWDOWN: f64 = 0.08;

fn rate(sessions: &SessionGroup, what: VerdictKind) -> &ErrorRate {
    sessions.rates.iter().find(|rate| rate.what == what).unwrap()
}

#[test]
fn null_sessions_and_slowdown_sessions_alternate() {
    let recorded = tested_as(Some(3), None, SLOWDOWN, 0.01, None).unwrap();
    let names: Vec<&str> = recorded.steps.iter().map(|ran| ran.step.name.as_str()).collect();
    assert_eq!(names, ["same 1", "slowed 1", "same 2", "slowed 2", "same 3", "slowed 3"]);
    for (index, ran) in recorded.steps.iter().enumerate() {
        let programs: Vec<usize> = ran.step.arms.iter().map(|arm| arm.program).collect();
        assert_eq!(programs, [0, index % 2]);
        assert_eq!(ran.blocks.len(), 10);
    }
    let orders = |index: usize| &recorded.steps[index].step.plan.blocks;
    assert_ne!(orders(0), orders(2), "every session draws an order of its own");
    // Two batches of the baseline's size for each of its two workers.
    assert_eq!(recorded.records[0].as_ref().unwrap().records, 4000);
}

#[test]
fn an_injected_slowdown_is_detected_in_every_session_and_estimated() {
    let tested = tested(6, SLOWDOWN, 0.01);
    let found = rate(&tested.slowed, VerdictKind::Found);
    assert_eq!((found.events, found.sessions), (6, 6));
    // Clopper–Pearson: 0.025^(1/6).
    assert!((found.interval[0] - 0.5407).abs() < 5e-4, "{found:?}");
    assert_eq!(rate(&tested.slowed, VerdictKind::LetPass).events, 0);
    let together = tested.slowed.together.as_ref().unwrap();
    assert_eq!(together.pairs, 60);
    assert!((together.effect_percent.unwrap() - 8.0).abs() < 0.5, "{together:?}");
    assert!(tested.same.together.as_ref().unwrap().effect_percent.unwrap().abs() < 0.5);
}

#[test]
fn one_wrong_verdict_in_six_is_shown_with_rate_interval_and_limit() {
    // In invented runs, one of six sessions of a program against itself gives IMPROVED. A rate of 1
    // in 6 is above the documented 5 %. Its interval shows that six sessions are too few to refute
    // that limit.
    let tested = tested(6, SLOWDOWN, 0.01);
    let wrong = rate(&tested.same, VerdictKind::CalledBetter);
    assert_eq!((wrong.events, wrong.sessions, wrong.promised), (1, 6, Some(0.05)));
    // Clopper–Pearson: 1 − 0.975^(1/6).
    assert!((wrong.interval[0] - 0.004_21).abs() < 5e-5, "{wrong:?}");
    let said = text(&tested, "results/self-test/x");
    assert!(!said.contains("Rejected here"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 100));
    insta::assert_snapshot!("example_with_one_wrong_verdict_in_six", said);
    let report = markdown(&a_document()).unwrap();
    insta::assert_snapshot!("example_with_one_wrong_verdict_in_six_markdown", report);
}

#[test]
fn without_a_slowdown_the_detection_rate_has_no_limit() {
    // The slowed program is not slower: every session passes.
    let tested = tested(4, 0.0, 0.01);
    let passed = rate(&tested.slowed, VerdictKind::LetPass);
    assert_eq!((passed.events, passed.promised), (4, None));
    assert!(!tested.slowed_as_made);
    let text = text(&tested, "x");
    assert!(text.contains("not as slow as intended"), "{text}");
    assert!(!text.contains("Rejected here"), "{text}");
}

#[test]
fn a_refuted_error_rate_is_reported() {
    let mut tested = tested(4, SLOWDOWN, 0.01);
    let worse =
        tested.same.rates.iter_mut().find(|rate| rate.what == VerdictKind::CalledWorse).unwrap();
    worse.interval = [0.06, 0.5];
    let text = text(&tested, "x");
    assert!(text.contains("Rejected here: \"worse (REGRESSION, SMALL)\""), "{text}");
}

#[test]
fn a_budget_limits_the_sessions_but_allows_one_of_each_kind() {
    // The source takes 5 s, a session 21 s, and 23.1 s are reserved for the next. One run
    // determines the number of records.
    for (budget_s, sessions) in [(1.0, 2), (71.0, 2), (71.5, 3), (134.5, 6)] {
        let recorded = tested_as(None, Some(budget_s), SLOWDOWN, 0.01, None).unwrap();
        assert_eq!(recorded.steps.len(), sessions, "{budget_s} s");
        assert_eq!(recorded.ending, Some(Ending::Complete));
    }
    let both = tested_as(Some(2), Some(1000.0), SLOWDOWN, 0.01, None).unwrap();
    assert_eq!(both.steps.len(), 4);
}

#[test]
fn invalid_sessions_are_not_counted_and_at_least_one_must_be_valid() {
    let busy =
        SystemLoad { foreign_cpu_share: 0.9, steal_share: 0.0, swapped_pages: 0, clock_mhz: None };
    let recorded = tested_as(None, Some(1000.0), SLOWDOWN, 0.01, Some(busy)).unwrap();
    assert_eq!((recorded.steps.len(), recorded.ending), (2, Some(Ending::Invalid)));
    let error = SelfTestResult::of(&recorded).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains("other programs took 90 %"), "{error}");
}

fn results(out: &Path) -> std::path::PathBuf {
    let mut folders = std::fs::read_dir(out.join("self-test")).unwrap();
    folders.next().unwrap().unwrap().path()
}

#[test]
fn a_self_test_writes_its_files_and_can_be_reported_again() {
    let fake = Fake::new("");
    let mut command = harness();
    command.args(["self-test", "--quick", "--quiet", "--out"]).arg(fake.out());
    command.arg("--migrator").arg(fake.program());
    let output = command.assert().code(0).get_output().clone();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("2 sessions of"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
    let folder = results(&fake.out());
    let file = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(file("doctor.html").contains("<h2>The machine</h2>"));
    assert!(file("doctor.json").contains("\"findings\""));
    assert!(file("report.md").contains("harness self-test --quick --quiet --out"));
    let json: Value = serde_json::from_str(&file("self-test.json")).unwrap();
    assert_eq!(json["planted_percent"], 8.0);
    let mut again = harness();
    again.args(["report", "--format", "json"]).arg(&folder);
    let again: Value = serde_json::from_slice(&again.assert().code(0).get_output().stdout).unwrap();
    assert_eq!(again, json);
}

#[test]
fn a_scenario_without_a_sweep_can_be_tested() {
    let fake = Fake::new("");
    let gate = Scenario::parse(shipped("gate").unwrap()).unwrap();
    assert!(gate.swept.is_empty());
    let mut command = harness();
    command.args(["self-test", "gate", "--quick", "--quiet", "--json", "--out"]).arg(fake.out());
    command.arg("--migrator").arg(fake.program());
    let output = command.assert().code(0).get_output().clone();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["scenario"], "gate");
    assert_eq!(json["same"]["each"].as_array().unwrap().len(), 1);
}

#[test]
fn a_slowed_program_is_stopped_for_its_share_of_the_time() {
    let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("harness"));
    command.args(["launch", "1", "/bin/sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let started = Instant::now();
    let mut child = command.spawn().unwrap();
    // The launcher continues while this end is open.
    let held = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    let elapsed = started.elapsed();
    drop(held);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["ended"]["code"], 0, "{said}");
    let usage = &said["ended"]["usage"];
    let cpu_s = usage["cpu_user_s"].as_f64().unwrap() + usage["cpu_system_s"].as_f64().unwrap();
    // The program does not run while it is stopped, however slow the machine is. The last stretch
    // has no stop after it; it lasts 50 ms plus the delay of a busy machine.
    let least = Duration::from_secs_f64((2.0 * cpu_s - 0.1).max(0.0));
    assert!(elapsed >= least, "{elapsed:?} for {cpu_s} s of CPU time");
}
