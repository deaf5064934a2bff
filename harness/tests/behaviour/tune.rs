//! Whole tune plans without processes: kept and rejected phases, the use of the time limit, and
//! resuming with the same result.

use std::path::Path;

use clap::ValueEnum;

use crate::common::{Fake, Silent, done, failure, harness, identity, read, tell, uniform};
use harness::error::{Error, ErrorKind, Result};
use harness::experiment::tune::{
    FINAL_STEP, PhaseResult, REDUCED_FINAL_STEP, TuneResult, TuneStrategy, first_sweep, summarize,
};
use harness::report;
use harness::report::Format;
use harness::report::build::tune::document;
use harness::report::charts::Charts;
use harness::scenario::Scenario;
use harness::scenario::tune_plan;
use harness::scenario::tune_plan::{Tune, shipped};
use harness::session::ledger::{
    Ending, Ledger, Line, Origin, ProgramId, ResumedLine, Session, SessionLine,
};
use harness::session::replay::Replay;
use harness::session::runner;
use harness::session::state::SessionState;
use harness::session::strategy::{NextStep, Strategy};
use harness::stats::verdict::Verdict;
use harness::trial::measurement::{Measurement, SystemLoad};
use harness::trial::{Executor, Mock, Source, report};
use migrator::config::Settings;
use serde_json::{Value, json};

/// Factor of a run's rate, by its settings.
pub(crate) type Effect = fn(&Value) -> f64;

/// A shipped plan with this time limit in seconds.
pub(crate) fn plan(name: &str, budget_s: u64) -> (Scenario, Tune) {
    let (mut base, mut tune) = Tune::parse(shipped(name).unwrap()).unwrap();
    tune.budget_s = budget_s.try_into().unwrap();
    // One metric is enough to decide, and takes a third of the time to test.
    base.gate.metrics.truncate(1);
    base.workload.records = harness::scenario::Records::Fixed(8000.try_into().unwrap());
    (base, tune)
}

fn session_line(base: &Scenario, tune: &Tune) -> SessionLine {
    let program = ProgramId { name: "migrator".into(), blake3: "p".into() };
    let origin =
        Origin { revision: "r".into(), host: None, programs: vec![program], servers: Vec::new() };
    SessionLine::new(Session::tune(base.clone(), tune.clone()), origin, None)
}

/// Runs that take one second at the baseline's rate, vary by up to 2 %, and parse for this share of
/// their time. The same runs in the same order give the same figures. `ran` runs are done, and
/// after `cut_at` more the executor fails.
pub(crate) struct Runs {
    pub(crate) effect: Effect,
    pub(crate) parse_share: f64,
    pub(crate) noise: f64,
    pub(crate) ran: u32,
    pub(crate) cut_at: Option<u32>,
}

impl Runs {
    pub(crate) fn of(effect: Effect) -> Self {
        Self { effect, parse_share: 0.3, noise: 0.01, ran: 0, cut_at: None }
    }

    fn executor(mut self) -> Mock {
        let mut given = 0;
        Mock::new(move |source: &Source, settings: &Settings| -> Result<Measurement> {
            if self.cut_at == Some(given) {
                return Err(Error::new(ErrorKind::Interrupted, "cut off"));
            }
            given += 1;
            self.ran += 1;
            let flat = serde_json::to_value(settings).unwrap();
            let draw = 1.0 + self.noise * (uniform(self.ran) + uniform(self.ran + 90_000));
            let mut report =
                report(settings, source.records, 480_000.0 * (self.effect)(&flat) * draw);
            let busy = report.wall_s * 2.0 * self.parse_share;
            report.stages.get_mut("parsing").unwrap().total_ns =
                u64::try_from(std::time::Duration::from_secs_f64(busy).as_nanos()).unwrap();
            Ok(done(report))
        })
    }
}

fn start(path: &Path, planned: &(Scenario, Tune), runs: Runs) -> Result<SessionState> {
    started(path, planned, &mut runs.executor())
}

fn started(path: &Path, planned: &(Scenario, Tune), mock: &mut Mock) -> Result<SessionState> {
    let session = session_line(&planned.0, &planned.1);
    let mut ledger = Ledger::create(path, &session)?;
    runner::run(Replay::of(session), &TuneStrategy, mock, &mut ledger, &mut Silent)?;
    tell(path).progress.into_recorded()
}

pub(crate) fn measured(planned: &(Scenario, Tune), runs: Runs) -> (SessionState, TuneResult) {
    answered(planned, &mut runs.executor())
}

fn answered(planned: &(Scenario, Tune), mock: &mut Mock) -> (SessionState, TuneResult) {
    let folder = tempfile::tempdir().unwrap();
    let recorded = started(&folder.path().join("l"), planned, mock).unwrap();
    let tune_result = summarize(&recorded).unwrap();
    (recorded, tune_result)
}

/// The same runs, but `fails` decides which of them fail, by their settings and the number of
/// earlier runs with these settings.
pub(crate) fn with_failures(
    planned: &(Scenario, Tune),
    effect: Effect,
    fails: impl Fn(&Value, usize) -> bool + 'static,
) -> SessionState {
    let mut runs = Runs::of(effect).executor();
    let mut ran: Vec<Settings> = Vec::new();
    let mut mock = Mock::new(move |source: &Source, settings: &Settings| {
        ran.push(settings.clone());
        let number = ran.iter().filter(|other| *other == settings).count();
        let finished = runs.measure(source, 0, settings)?;
        let fails = fails(&serde_json::to_value(settings).unwrap(), number);
        Ok(if fails { failure() } else { finished })
    });
    let folder = tempfile::tempdir().unwrap();
    started(&folder.path().join("l"), planned, &mut mock).unwrap()
}

pub(crate) fn phase<'a>(tune_result: &'a TuneResult, name: &str) -> &'a PhaseResult {
    tune_result.phases.iter().find(|tuned| tuned.name == name).unwrap()
}

/// Batches of 200 are best by 8 %, a kept connection brings 6 %, a queue costs, a cache brings 10
/// %, parse threads change nothing.
pub(crate) fn some_help(settings: &Value) -> f64 {
    let batch = match settings["batch_size"].as_u64().unwrap() {
        200 => 1.08,
        50 => 0.85,
        2000 => 0.93,
        _ => 1.0,
    };
    let pool = if settings["pool"] == "off" { 1.0 } else { 1.06 };
    let queue = if settings["queue_depth"] == 0 { 1.0 } else { 0.92 };
    let cache = if settings["cache"] == "off" { 1.0 } else { 1.10 };
    batch * pool * queue * cache
}

fn nothing_helps(_: &Value) -> f64 {
    1.0
}

#[test]
fn true_effects_are_kept_and_regressions_are_not() {
    let (recorded, tune_result) = measured(&plan("phase2", 7200), Runs::of(some_help));
    assert_eq!(recorded.ending, Some(Ending::Complete));
    let names: Vec<&str> = tune_result.phases.iter().map(|tuned| tuned.name.as_str()).collect();
    assert_eq!(names, ["II.1", "II.2", "II.3", "II.4", "II.5", "II.1 again"]);
    for (name, gain) in [("II.1", 8.0), ("II.2", 6.0), ("II.4", 10.0)] {
        let tuned = phase(&tune_result, name);
        assert_eq!((tuned.verdict(), tuned.kept), (Some(Verdict::Improved), true), "{name}");
        assert!((tuned.change_percent().unwrap() - gain).abs() < 2.0, "{name}");
    }
    for name in ["II.3", "II.5", "II.1 again"] {
        assert!(!phase(&tune_result, name).kept, "{name}");
        assert_eq!(phase(&tune_result, name).before, phase(&tune_result, name).after);
    }
    let last = tune_result.final_test().unwrap();
    assert_eq!(last.decided(), Some(Verdict::Improved));
    let sum = harness::experiment::tune::improvement(last).unwrap();
    assert!((sum - (1.08 * 1.06 * 1.10 - 1.0) * 100.0).abs() < 2.0, "{sum}");
    let alone: Vec<(&str, &str)> =
        tune_result.alone.iter().map(|alone| (alone.phase.as_str(), alone.from.as_str())).collect();
    // The pairs of the first phase were already against the baseline.
    assert_eq!(
        alone,
        [("II.1", "II.1 confirmation"), ("II.2", "II.2 alone"), ("II.4", "II.4 alone")]
    );
    assert!(tune_result.family.iter().filter(|claim| claim.holds).count() >= 3);
    assert!(tune_result.skipped_for_time.is_empty());
    let settings = serde_json::to_value(&tune_result.settings).unwrap();
    assert_eq!((&settings["batch_size"], &settings["queue_depth"]), (&json!(200), &json!(0)));
    insta::assert_snapshot!(
        "tuned",
        report::text::tune::summary(&tune_result, "results/x").unwrap()
    );
    let document = document(&tune_result, &recorded, &identity()).unwrap();
    insta::assert_snapshot!("tuned_markdown", report::markdown(&document).unwrap());
    assert_eq!(report::html(&document).unwrap(), report::html(&document).unwrap());
    nine_fields(&tune_result, &recorded);
}

/// Asserts that every phase has the fields that tools read.
fn nine_fields(tune_result: &TuneResult, recorded: &SessionState) {
    let document = document(tune_result, recorded, &identity()).unwrap();
    let metrics: Value = serde_json::from_str(&report::metrics(&document).unwrap()).unwrap();
    let phases = metrics.as_array().unwrap();
    assert_eq!(phases.len(), tune_result.phases.len());
    for (object, tuned) in phases.iter().zip(&tune_result.phases) {
        for field in ["baseline_rec_per_min", "optimized_rec_per_min", "improvement_percent"] {
            assert!(object[field].is_number(), "{field} of {}", tuned.name);
        }
        for field in ["std_dev_baseline", "std_dev_optimized"] {
            assert!(object[field].is_number(), "{field} of {}", tuned.name);
        }
        for field in ["optimization", "confidence", "notes", "verdict", "checksum"] {
            assert!(object[field].is_string(), "{field} of {}", tuned.name);
        }
        assert_eq!(object["phase"], tuned.name.as_str());
        assert_eq!(object["kept"], tuned.is_active());
        assert_eq!(object["expected_percent"], json!([5.0, 20.0]));
        if tuned.confirmation().is_none() {
            assert_eq!(object["improvement_percent"], 0.0);
            assert_eq!(object["confidence"], "none");
        }
    }
}

#[test]
fn without_effects_no_phase_is_called_an_improvement() {
    let planned = plan("phase2", 7200);
    let (recorded, tune_result) = measured(&planned, Runs::of(nothing_helps));
    assert_eq!(recorded.ending, Some(Ending::Complete));
    // The sweep that `harness plan` shows is the one that runs.
    let ran = recorded.steps_of("II.1").next().unwrap();
    assert_eq!(Some(&ran.step), first_sweep(&planned.0, &planned.1).as_ref());
    assert!(tune_result.phases.iter().all(|tuned| tuned.verdict() != Some(Verdict::Improved)));
    // An equally fast smaller batch needs less memory and may be kept for that reason.
    for tuned in tune_result.phases.iter().filter(|tuned| tuned.kept) {
        assert_eq!((tuned.phase.as_str(), tuned.kept_on()), ("II.1", Some(Verdict::Pass)));
    }
    insta::assert_snapshot!(
        "nothing",
        report::text::tune::summary(&tune_result, "results/x").unwrap()
    );
}

/// Small batches are as fast as others until another setting changes. With a kept connection they
/// are slower than the baseline.
fn depends(settings: &Value) -> f64 {
    let small = settings["batch_size"].as_u64().unwrap() < 1000;
    match (small, settings["pool"] == "off") {
        (true, false) => 0.84,
        (true, true) => 0.8,
        _ => 1.0,
    }
}

#[test]
fn settings_kept_on_pass_are_reverted_if_all_together_are_a_regression() {
    let mut planned = plan("phase2", 7200);
    // A second sweep would detect it first.
    planned.1.phases[0].again = false;
    let mut ran = 0;
    let mut mock = Mock::new(move |source: &Source, settings: &Settings| {
        ran += 1;
        let flat = serde_json::to_value(settings).unwrap();
        // 4 runs of the baseline, 66 of the sweep, 20 of its pairs. Until then a small batch is as
        // fast as any, and afterwards it is slower.
        let effect = if ran <= 90 { 1.0 } else { depends(&flat) };
        let draw = 1.0 + 0.01 * uniform(ran);
        let mut report = report(settings, source.records, 480_000.0 * effect * draw);
        report.stages.get_mut("parsing").unwrap().total_ns = 0;
        Ok(done(report))
    });
    let (_, tune_result) = answered(&planned, &mut mock);
    let first = phase(&tune_result, "II.1");
    assert_eq!((first.kept_on(), first.reverted), (Some(Verdict::Pass), true));
    assert_eq!(tune_result.last[0].name, FINAL_STEP);
    assert_eq!(tune_result.last[0].decided(), Some(Verdict::Regression));
    let pool = phase(&tune_result, "II.2");
    assert_eq!((pool.kept_on(), pool.reverted), (Some(Verdict::Improved), false));
    // The remaining setting is measured again: alone it brings nothing.
    assert_eq!(tune_result.last[1].name, REDUCED_FINAL_STEP);
    assert_eq!(tune_result.settings.batch_size.get(), 1000);
    assert_ne!(tune_result.settings, tune_result.settings_baseline);
    let said = report::text::tune::summary(&tune_result, "results/x").unwrap();
    assert!(said.contains("was kept on PASS and was reverted"), "{said}");
}

#[test]
fn parse_threads_are_not_measured_if_parsing_takes_little_time() {
    let runs = Runs { parse_share: 0.13, ..Runs::of(nothing_helps) };
    let (recorded, tune_result) = measured(&plan("phase2", 7200), runs);
    let skipped = phase(&tune_result, "II.5");
    assert!((skipped.parse_share.unwrap() - 0.13).abs() < 1e-6);
    let why = skipped.skipped.as_ref().unwrap();
    assert!(why.starts_with("parsing takes 13 % of the workers' time; below 20 %"), "{why}");
    nine_fields(&tune_result, &recorded);
    assert!(
        recorded.steps_of("II.5 profile").count() == 1 && recorded.steps_of("II.5").count() == 0
    );
}

/// The ledger of a session that is interrupted after these numbers of runs and resumed, until its
/// end.
fn in_pieces(path: &Path, planned: &(Scenario, Tune), effect: Effect, cut: u32) -> SessionState {
    let runs = Runs { cut_at: Some(cut), ..Runs::of(effect) };
    let mut ended = start(path, planned, runs);
    for piece in [Some(7), None] {
        if ended.is_ok() {
            break;
        }
        let told = tell(path);
        let mut progress = told.progress;
        let mut ledger = Ledger::reopen(path, told.whole_bytes).unwrap();
        let line = Line::Resumed(ResumedLine { at: "later".into() });
        ledger.append(&line).unwrap();
        progress.take(line).unwrap();
        let ran = u32::try_from(progress.recorded().trials().count()).unwrap();
        let mut runs = Runs { ran, cut_at: piece, ..Runs::of(effect) }.executor();
        let ran = runner::run(progress, &TuneStrategy, &mut runs, &mut ledger, &mut Silent);
        ended = ran.and_then(|()| tell(path).progress.into_recorded());
    }
    ended.unwrap()
}

/// Every text report of a session by name, and its pictures. With `files` also all files of its
/// folder, which takes longer.
fn every_report(recorded: &SessionState, files: bool) -> Vec<(String, Vec<u8>)> {
    let tune_result = summarize(recorded).unwrap();
    let document = document(&tune_result, recorded, &identity()).unwrap();
    let mut all: Vec<(String, Vec<u8>)> = vec![
        ("analysis.json".into(), report::pretty(&tune_result).unwrap().into_bytes()),
        ("metrics.json".into(), report::metrics(&document).unwrap().into_bytes()),
        ("summary".into(), report::text::tune::summary(&tune_result, "x").unwrap().into_bytes()),
    ];
    all.extend(Format::value_variants().iter().map(|format| {
        let text = report::render(*format, &document).unwrap();
        (format!("{format:?}"), text.into_bytes())
    }));
    let charts = Charts::of(&document).unwrap();
    all.extend(charts.iter().map(|chart| (chart.name.clone(), chart.svg.clone().into_bytes())));
    if files {
        all.extend(report::files(&document).unwrap().into_iter().map(|f| (f.name, f.bytes)));
    }
    all
}

fn assert_same(said: &[(String, Vec<u8>)], expected: &[(String, Vec<u8>)], when: &str) {
    let names = |all: &[(String, Vec<u8>)]| -> Vec<String> {
        all.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(said), names(expected), "{when}");
    for ((name, said), (_, expected)) in said.iter().zip(expected) {
        assert!(said == expected, "{name} differs {when}");
    }
}

#[test]
fn a_resumed_plan_gives_the_same_bytes_of_every_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut planned = plan("quick", 600);
    planned.1.phases.retain(|phase| ["II.1", "II.4"].contains(&phase.phase.as_str()));
    let whole = start(&folder.path().join("whole"), &planned, Runs::of(some_help)).unwrap();
    let expected = every_report(&whole, false);
    let runs = u32::try_from(whole.trials().count()).unwrap();
    let full = std::env::var_os("SWEETSPOT_FULL").is_some();
    for cut in (0..runs).step_by(if full { 1 } else { 23 }) {
        let path = folder.path().join(format!("cut-{cut}"));
        let recorded = in_pieces(&path, &planned, some_help, cut);
        let when = format!("cut off after {cut} runs");
        assert_same(&every_report(&recorded, false), &expected, &when);
    }
    // The same ledger read twice, with the files that take longer.
    let path = folder.path().join("files");
    let cut = in_pieces(&path, &planned, some_help, runs / 2);
    let again = tell(&path).progress.into_recorded().unwrap();
    let files = every_report(&cut, true);
    assert_same(&files, &every_report(&whole, true), "of all files");
    assert_same(&files, &every_report(&again, true), "read again");
}

#[test]
fn a_resumed_plan_with_little_time_keeps_its_blocks_and_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let mut planned = plan("phase2", 110);
    planned.1.phases.retain(|phase| ["II.1", "II.4"].contains(&phase.phase.as_str()));
    let whole = start(&folder.path().join("whole"), &planned, Runs::of(some_help)).unwrap();
    let expected = summarize(&whole).unwrap();
    assert!(expected.effort.as_ref().unwrap().runs < 10, "{:?}", expected.effort);
    let runs = u32::try_from(whole.trials().count()).unwrap();
    for cut in [5, runs / 3, runs / 2, runs - 3] {
        let path = folder.path().join(format!("cut-{cut}"));
        let recorded = in_pieces(&path, &planned, some_help, cut);
        let steps = |recorded: &SessionState| -> Vec<_> {
            recorded.steps.iter().map(|ran| ran.step.clone()).collect()
        };
        assert_eq!(steps(&recorded), steps(&whole), "cut off after {cut} runs");
        assert_eq!(summarize(&recorded).unwrap(), expected, "cut off after {cut} runs");
    }
}

/// A pool that looks better in its sweep, but whose confirmation run is too noisy to show an
/// effect.
fn a_pool_that_nobody_can_tell() -> (SessionState, TuneResult) {
    let (base, tune) = plan("phase2", 120);
    let planned = (base, tune.only(&["II.2".into()]).unwrap());
    let mut ran = 0;
    let mut mock = Mock::new(move |source: &Source, settings: &Settings| {
        ran += 1;
        // 4 runs of the baseline, 33 of the sweep.
        let shared = serde_json::to_value(settings).unwrap()["pool"] == "shared";
        let (effect, noise) = if ran <= 37 { (0.08, 0.01) } else { (0.01, 0.12) };
        let rate = 480_000.0 * if shared { 1.0 + effect } else { 1.0 };
        let run = done(report(settings, source.records, rate * (1.0 + noise * uniform(ran))));
        // Enough for a caveat, but not enough to discard the block.
        let around = SystemLoad {
            foreign_cpu_share: 0.1,
            steal_share: 0.0,
            swapped_pages: 0,
            clock_mhz: None,
        };
        Ok(Measurement { surroundings: Some(around), ..run })
    });
    answered(&planned, &mut mock)
}

#[test]
fn an_inconclusive_phase_reports_its_estimate_and_the_required_pairs() {
    let (recorded, tune_result) = a_pool_that_nobody_can_tell();
    let pool = phase(&tune_result, "II.2");
    assert_eq!((pool.verdict(), pool.kept), (Some(Verdict::Inconclusive), false));
    let said = report::text::tune::summary(&tune_result, "results/x").unwrap();
    let plain = said.replace('\n', " ");
    // Its pairs are those of the ablation, with one caveat.
    assert_eq!(tune_result.alone[0].from, "II.2 confirmation");
    assert_eq!(plain.matches("of the runs shared the CPU").count(), 1, "{said}");
    for part in [
        "did not decide between pool=shared and pool=off: ",
        "At the observed noise this many pairs detect a difference of ",
        "For 5 % it takes about ",
        "less than that may be there and was not seen",
    ] {
        assert!(plain.contains(part), "{part}: {said}");
    }
    insta::assert_snapshot!("could-not-tell", said);
    let document = document(&tune_result, &recorded, &identity()).unwrap();
    let report = report::markdown(&document).unwrap();
    let shown = report.split("<details><summary>What was measured").next().unwrap();
    insta::assert_snapshot!("could-not-tell_markdown", shown);
}

#[test]
fn a_quick_plan_completes_without_a_decision() {
    let (base, tune) = plan("phase2", 840);
    let (recorded, tune_result) = measured(&(tune_plan::quick(base), tune), Runs::of(some_help));
    assert_eq!(recorded.ending, Some(Ending::Complete));
    assert!(tune_result.is_unchanged() && tune_result.phases.len() == 5);
    let said = report::text::tune::summary(&tune_result, "results/x").unwrap();
    assert!(said.contains("not testable") && !said.contains("IMPROVED"), "{said}");
}

#[test]
fn no_line_of_the_terminal_is_wider_than_100_columns() {
    let effects: [Effect; 3] = [some_help, nothing_helps, depends];
    for effect in effects {
        let (_, tune_result) = measured(&plan("phase2-link", 300), Runs::of(effect));
        let said = report::text::tune::summary(&tune_result, "results/x").unwrap();
        for line in said.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(said.contains("simulated link"));
    }
}

#[test]
fn a_session_of_another_kind_has_no_tune_result() {
    let scenario = Scenario::parse(harness::scenario::shipped("batch-size").unwrap()).unwrap();
    let recorded = SessionState::of(crate::common::session_line(&scenario));
    assert_eq!(TuneStrategy.next(&recorded), NextStep::Done(Ending::Complete));
    assert!(summarize(&recorded).is_err());
}

/// A plan of two phases, short enough for processes.
const TWO_PHASES: &str = r#"
name = "two-phases"
why = "Does it work?"
budget = "10m"

[workload]
records = 500

[baseline]
batch_size = 100

[[phase]]
phase = "II.1"
optimization = "Batch size tuning"
why = "Does it work?"
expected_percent = [5, 20]
commit = "Optimize batch size to {batch_size}"
[phase.sweep]
batch_size = [100, 200]

[[phase]]
phase = "II.2"
optimization = "Bulk insertion"
why = "Does it work?"
commit = "Insert by {insert}"
[phase.sweep]
insert = ["values", "bulk"]
"#;

#[test]
fn a_quick_plan_writes_every_file_and_is_reported_in_every_format() {
    let fake = Fake::new("");
    let plan = fake.write("plan.toml", TWO_PHASES);
    let mut command = harness();
    command.arg("tune").arg(plan).arg("--quick").arg("--out").arg(fake.out());
    let ran = command.arg("--migrator").arg(fake.program()).assert().code(0);
    let output = ran.get_output();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("phase ") && said.contains("Not testable: a smoke test"), "{said}");
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains('\u{1b}') && !talk.contains('\u{1b}'), "{talk}");
    assert!(talk.contains("II.1: 4 runs of 2 settings"), "{talk}");
    let folder = fake.results("two-phases");
    for file in ["metrics.json", "analysis.json", "report.html", "report.md", "identity.json"] {
        assert!(folder.join(file).exists(), "{file}");
    }
    let metrics: Value = serde_json::from_str(&read(&folder.join("metrics.json"))).unwrap();
    assert_eq!(metrics.as_array().unwrap().len(), 2);
    let report = |format: &str| {
        let mut report = harness();
        report.arg("report").arg(&folder).args(["--format", format]);
        report.assert().code(0).get_output().stdout.clone()
    };
    // The output of the verb equals the report rendered from its ledger.
    let recorded = tell(&folder.join("ledger.jsonl")).progress.into_recorded().unwrap();
    let identity = serde_json::from_str(&read(&folder.join("identity.json"))).unwrap();
    let of_ledger = document(&summarize(&recorded).unwrap(), &recorded, &identity).unwrap();
    for format in Format::value_variants().iter().filter(|format| **format != Format::Json) {
        let name = format.to_possible_value().unwrap().get_name().to_owned();
        let expected = report::render(*format, &of_ledger).unwrap();
        assert!(report(&name) == expected.into_bytes(), "{name}");
    }
    for (format, file) in
        [("markdown", "report.md"), ("html", "report.html"), ("json", "analysis.json")]
    {
        assert!(report(format) == read(&folder.join(file)).into_bytes(), "{format}");
    }
}

#[test]
fn a_plan_and_a_sweep_are_rejected_by_each_others_verb_with_the_right_one() {
    for (verb, scenario, expected) in [
        ("sweep", "phase2", "run `harness tune phase2`"),
        ("tune", "batch-size", "run `harness sweep batch-size`"),
    ] {
        let refused = harness().args([verb, scenario]).assert().code(2);
        let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    }
    let refused = harness().args(["--phases", "II.9"]).assert().code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("there is no phase II.9; there is II.1, II.2"), "{said}");
}
