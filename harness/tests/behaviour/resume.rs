//! Interrupted measurements: they resume with the same result, or name the reason why they must
//! not.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::common::{
    Fake, Silent, TWO_SIZES, dies, document, done, failure, read, session_line, tell,
};
use harness::analysis::sweep::analyse;
use harness::error::{Error, ErrorKind, Result};
use harness::experiment::sweep::SweepStrategy;
use harness::report::text::sweep;
use harness::report::{html, markdown, metrics, pretty};
use harness::scenario::{Scenario, shipped};
use harness::session::ledger::{Ending, Ledger, Line, ResumedLine};
use harness::session::replay::Replay;
use harness::session::runner;
use harness::session::state::SessionState;
use harness::trial::measurement::Measurement;
use harness::trial::{Mock, Source, report};
use migrator::config::Settings;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A scenario with enough blocks for an interruption in the middle.
fn six_blocks() -> String {
    TWO_SIZES.replace("runs = 2", "runs = 6")
}

fn batch_size() -> Scenario {
    let mut scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
    (scenario.runs, scenario.warmup) = (4, 1);
    scenario
}

/// Runs whose figures depend only on the setting and on the number of its earlier runs. `counted`
/// has the runs of the session so far. After `cut_at` runs the executor fails.
fn answers(
    mut ran: BTreeMap<usize, u32>,
    cut_at: Option<usize>,
) -> impl FnMut(&Source, &Settings) -> Result<Measurement> {
    let mut number = 0;
    move |source, settings| {
        if cut_at == Some(number) {
            return Err(Error::new(ErrorKind::Interrupted, "cut off"));
        }
        number += 1;
        let batch_size = settings.batch_size.get();
        let before = ran.entry(batch_size).or_default();
        *before += 1;
        let noise = f64::from((*before * 7919 + u32::try_from(batch_size).unwrap()) % 61) / 3000.0;
        let batch_size = batch_size as f64;
        let rate = 600_000.0 / (1.0 + 40.0 / batch_size + batch_size / 5000.0) * (1.0 + noise);
        Ok(if *before == 3 && batch_size < 60.0 {
            failure()
        } else {
            done(report(settings, source.records, rate))
        })
    }
}

/// Number of runs of each batch size in the blocks that count, and of the baseline run.
fn counted(recorded: &SessionState) -> BTreeMap<usize, u32> {
    let mut ran = BTreeMap::new();
    for step in &recorded.steps {
        for line in step.trials() {
            let settings = &step.step.arms[line.trial.arm].setting.settings;
            *ran.entry(settings.batch_size.get()).or_default() += 1;
        }
    }
    if recorded.records[0].is_some() {
        *ran.entry(1000).or_default() += 1;
    }
    ran
}

fn start(path: &Path, cut_at: Option<usize>) -> Result<()> {
    let session = session_line(&batch_size());
    let mut ledger = Ledger::create(path, &session)?;
    let mut executor = Mock::new(answers(BTreeMap::new(), cut_at));
    runner::run(Replay::of(session), &SweepStrategy, &mut executor, &mut ledger, &mut Silent)
}

fn go_on(path: &Path, cut_at: Option<usize>) -> Result<()> {
    let told = tell(path);
    let mut progress = told.progress;
    let mut ledger = Ledger::reopen(path, told.whole_bytes)?;
    let line = Line::Resumed(ResumedLine { at: "later".into() });
    ledger.append(&line)?;
    progress.take(line).unwrap();
    let mut executor = Mock::new(answers(counted(progress.recorded()), cut_at));
    runner::run(progress, &SweepStrategy, &mut executor, &mut ledger, &mut Silent)
}

/// Every text format of a sweep's report; the page contains the charts.
fn reports(path: &Path) -> Vec<String> {
    let recorded = tell(path).progress.into_recorded().unwrap();
    let analysis = analyse(&recorded).unwrap();
    let document = document(&recorded);
    vec![
        pretty(&analysis).unwrap(),
        sweep::table(&analysis),
        metrics(&document).unwrap(),
        markdown(&document).unwrap(),
        html(&document).unwrap(),
    ]
}

#[test]
fn a_resumed_measurement_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    start(&whole, None).unwrap();
    let expected = reports(&whole);
    let steps = tell(&whole).progress.into_recorded().unwrap().steps;
    // Five blocks of six settings and the baseline run, then ten pairs.
    let runs = 1 + steps.iter().map(|ran| ran.trials().count()).sum::<usize>();
    assert_eq!((steps.len(), runs), (2, 1 + 30 + 20));
    for first_cut in 0..runs {
        let path = folder.path().join(format!("cut-{first_cut}"));
        assert_eq!(start(&path, Some(first_cut)).unwrap_err().kind(), ErrorKind::Interrupted);
        // A second interruption, some runs after the first, which leaves half a line.
        if first_cut + 12 <= runs {
            go_on(&path, Some(5)).unwrap_err();
            let torn = read(&path) + "{\"kind\":\"trial\",\"numb";
            fs::write(&path, torn).unwrap();
        }
        go_on(&path, None).unwrap();
        assert_eq!(reports(&path), expected, "cut off at {first_cut}");
    }
}

#[test]
fn a_measurement_cut_off_between_two_ledger_lines_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    start(&whole, None).unwrap();
    let (expected, lines) = (reports(&whole), read(&whole));
    let lines: Vec<&str> = lines.lines().collect();
    // After each line that is not a trial, and after the last trial of each step.
    let trial = |line: &str| line.starts_with("{\"kind\":\"trial\"");
    let cuts = (1..lines.len()).filter(|cut| !trial(lines[cut - 1]) || !trial(lines[*cut]));
    for cut in cuts {
        let path = folder.path().join(format!("cut-{cut}"));
        fs::write(&path, lines[..cut].join("\n") + "\n").unwrap();
        go_on(&path, None).unwrap();
        assert_eq!(reports(&path), expected, "cut behind line {cut}");
    }
}

#[test]
fn a_ledger_whose_steps_do_not_follow_from_its_figures_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    start(&path, Some(40)).unwrap_err();
    let text = read(&path);
    let confirmation =
        text.lines().find(|line| line.contains("\"name\":\"confirmation\"")).unwrap();
    let seed = serde_json::from_str::<Value>(confirmation).unwrap()["plan"]["seed"].to_string();
    let changed = text.replace(&seed, "5");
    fs::write(&path, changed).unwrap();
    let error = go_on(&path, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let expected = "step 2 (confirmation, look 1) of the ledger is not what this plan does there";
    assert!(error.to_string().contains(expected), "{error}");
}

/// Number of repetitions: `full` with `SWEETSPOT_FULL`, for the long tests before a release.
fn times(default: u64, full: u64) -> u64 {
    if std::env::var_os("SWEETSPOT_FULL").is_some() { full } else { default }
}

/// A reproducible pseudo-random number of milliseconds.
fn moment(number: u64) -> Duration {
    Duration::from_millis(30 + number * 7919 % 211)
}

/// Kills the running trial, if there is one, as the kernel's memory killer would.
fn kill_trial(fake: &Fake) {
    let pid = fs::read_to_string(fake.path("trial.pid")).unwrap_or_default();
    if let Ok(pid) = pid.trim().parse() {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

#[test]
fn a_sweep_survives_being_killed_at_any_moment() {
    let fake = Fake::new("echo $$ > $here/trial.pid; sleep 0.02");
    let scenario = TWO_SIZES.replace("runs = 2", "runs = 30").replace("warmup = 0", "warmup = 1");
    for number in 0..times(6, 20) {
        let mut sweep = fake.sweep_process(&scenario, &["--quiet"]);
        let mut child = sweep.process_group(0).stderr(Stdio::null()).spawn().unwrap();
        sleep(moment(number));
        // Only once: a second failure of the baseline ends a session as invalid.
        if number == 2 {
            kill_trial(&fake);
            sleep(moment(number + 1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    fake.sweep(&scenario, &["--quiet"]).assert().code(0);
    let folder = fake.results("two-sizes");
    let told = tell(&folder.join("ledger.jsonl"));
    assert_eq!(told.torn_bytes, 0);
    let left = fs::read_dir(fake.out().join(".trials")).unwrap().count();
    assert_eq!(left, 0, "stores of killed trials stay behind");
    let recorded = told.progress.recorded();
    assert_eq!(recorded.ending, Some(Ending::Complete));
    for ran in &recorded.steps {
        // A block in which the baseline was killed is repeated at the end of its step.
        let mut blocks: Vec<_> = ran.blocks.iter().collect();
        blocks.sort_by_key(|block| block.index);
        assert!(blocks.iter().map(|block| block.index).eq(0..ran.step.plan.blocks.len()));
        let trials = blocks.iter().flat_map(|block| &block.trials).map(|line| line.trial);
        assert!(trials.eq(ran.step.plan.trials()));
    }
    assert_eq!(recorded.steps[0].blocks.len(), 31);
    let analysis: Value = serde_json::from_str(&read(&folder.join("analysis.json"))).unwrap();
    let runs = |setting: &Value| setting["runs"].as_u64().unwrap();
    let runs: u64 = analysis["settings"].as_array().unwrap().iter().map(runs).sum();
    let counted = recorded.steps[0].counted().flat_map(|block| &block.trials);
    let failed = counted.filter(|line| line.measurement.failure().is_some()).count();
    assert_eq!(runs + failed as u64, 60);
    // A run that was killed in a warm-up or in a repeated block is listed as well.
    assert!(analysis["failed"].as_array().unwrap().len() >= failed);
}

#[test]
fn a_session_killed_at_its_start_leaves_no_orphaned_folder() {
    let fake = Fake::new("sleep 0.02");
    for number in 0..times(12, 100) {
        let mut sweep = fake.sweep_process(&six_blocks(), &["--quiet"]);
        let mut child = sweep.process_group(0).stderr(Stdio::null()).spawn().unwrap();
        // From its first moments to its first trial.
        sleep(Duration::from_millis(1 + number * 7919 % 29));
        child.kill().unwrap();
        child.wait().unwrap();
        for folder in fake.all_results("two-sizes") {
            let told = tell(&folder.join("ledger.jsonl"));
            assert!(told.whole_bytes > 0, "{}", folder.display());
        }
    }
    fake.sweep(&six_blocks(), &["--quiet"]).assert().code(0);
    let folder = fake.results("two-sizes");
    assert!(folder.join("report.md").exists() && folder.join("identity.json").exists());
}

#[test]
fn a_trial_ends_with_a_killed_harness() {
    let fake = Fake::new("echo $$ > $here/new.pid; mv $here/new.pid $here/trial.pid; sleep 60");
    let mut sweep = fake.sweep_process(TWO_SIZES, &["--quiet"]);
    let mut child = sweep.process_group(0).spawn().unwrap();
    while !fake.path("trial.pid").exists() {
        sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(dies(&read(&fake.path("trial.pid"))));
}

/// A sweep that was killed after some of its blocks.
fn cut_off(scenario: &str) -> Fake {
    let fake = Fake::new("if [ -e $here/slow ]; then sleep 5; fi; echo run >> $here/runs");
    let mut sweep = fake.sweep_process(scenario, &["--quiet"]);
    let mut child = sweep.process_group(0).spawn().unwrap();
    let runs = || fs::read_to_string(fake.path("runs")).unwrap_or_default().lines().count();
    while runs() < 3 {
        sleep(Duration::from_millis(2));
    }
    fake.write("slow", "");
    sleep(Duration::from_millis(50));
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(fake.path("slow")).unwrap();
    fake
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_same_command_resumes_and_reports_it() {
    let fake = cut_off(&six_blocks());
    let began = read(&fake.results("two-sizes").join("identity.json"));
    let output = fake.sweep(&six_blocks(), &[]).assert().code(0).get_output().clone();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("resuming "), "{stderr}");
    let folder = fake.results("two-sizes");
    let started =
        |identity: &str| serde_json::from_str::<Value>(identity).unwrap()["started"].clone();
    assert_eq!(started(&read(&folder.join("identity.json"))), started(&began));
    assert!(read(&folder.join("ledger.jsonl")).contains("\"kind\":\"resumed\""));
    // A completed measurement is not resumed.
    fake.sweep(&six_blocks(), &["--quiet"]).assert().code(0);
    assert_eq!(fake.all_results("two-sizes").len(), 2);
}

#[test]
fn a_partial_last_line_is_removed_with_a_note() {
    let fake = cut_off(&six_blocks());
    let path = fake.results("two-sizes").join("ledger.jsonl");
    fs::write(&path, read(&path) + "{\"kind\":\"trial\",").unwrap();
    let output = fake.sweep(&six_blocks(), &[]).assert().code(0).get_output().clone();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("was incomplete; 16 bytes removed"), "{stderr}");
    assert_eq!(tell(&path).progress.recorded().ending, Some(Ending::Complete));
}

#[test]
fn a_resumed_session_keeps_the_number_of_records() {
    let auto = six_blocks().replace("records = 500", "records = \"auto\"\nrun_seconds = 1.5");
    let fake = cut_off(&auto);
    let pilot = |folder: &Path| {
        let ledger = read(&folder.join("ledger.jsonl"));
        ledger.lines().find(|line| line.contains("\"kind\":\"records\"")).unwrap().to_owned()
    };
    let before = pilot(&fake.results("two-sizes"));
    let runs = || read(&fake.path("runs")).lines().count();
    let told = tell(&fake.results("two-sizes").join("ledger.jsonl"));
    let ran = told.progress.recorded().steps[0].blocks.len();
    let already = runs();
    fake.sweep(&auto, &["--quiet"]).assert().code(0);
    assert_eq!(pilot(&fake.results("two-sizes")), before);
    let told = tell(&fake.results("two-sizes").join("ledger.jsonl"));
    let all: usize = told.progress.recorded().steps.iter().map(|ran| ran.blocks.len()).sum();
    assert_eq!(runs() - already, 2 * (all - ran), "no second pilot");
}

#[test]
fn another_revision_host_program_or_format_is_rejected_without_fresh() {
    let fake = cut_off(&six_blocks());
    let path = fake.results("two-sizes").join("ledger.jsonl");
    let whole = read(&path);
    let first: Value = serde_json::from_str(whole.lines().next().unwrap()).unwrap();
    for (field, expected) in [
        ("revision", "revision x instead of "),
        ("host", "host x instead of "),
        ("blake3", "program under test x instead of "),
    ] {
        let origin = &first["origin"];
        let value = origin.get(field).unwrap_or_else(|| &origin["programs"][0][field]);
        let changed =
            whole.replacen(&format!("\"{field}\":{value}"), &format!("\"{field}\":\"x\""), 1);
        fs::write(&path, changed).unwrap();
        let output = fake.sweep(&six_blocks(), &[]).assert().code(2).get_output().clone();
        let stderr = text(&output.stderr);
        assert!(stderr.contains(expected) && stderr.contains("`--fresh`"), "{stderr}");
    }
    fs::write(&path, whole.replacen("\"format\":3", "\"format\":2", 1)).unwrap();
    let output = fake.sweep(&six_blocks(), &[]).assert().code(2).get_output().clone();
    assert!(text(&output.stderr).contains("format 2 instead of 3; `--fresh`"));
    fs::write(&path, &whole).unwrap();
    fake.sweep(&six_blocks(), &["--quiet", "--fresh"]).assert().code(0);
    assert_eq!(read(&path), whole, "what was left behind is not touched");
    // Nor is it resumed after its successor has completed.
    fake.sweep(&six_blocks(), &["--quiet"]).assert().code(0);
    assert_eq!(fake.all_results("two-sizes").len(), 3);
}

#[test]
fn another_seed_or_scenario_starts_a_new_measurement() {
    let fake = cut_off(&six_blocks());
    fake.sweep(&six_blocks(), &["--quiet", "--seed", "9"]).assert().code(0);
    assert_eq!(fake.all_results("two-sizes").len(), 2);
    fake.sweep(&six_blocks(), &["--quiet"]).assert().code(0);
    let folders = fake.all_results("two-sizes");
    assert_eq!(folders.len(), 2);
    assert!(folders.iter().all(|folder| folder.join("report.md").exists()));
}

#[test]
fn two_harnesses_do_not_resume_the_same_measurement() {
    let fake = Fake::new("echo $$ > $here/trial.pid; sleep 1");
    let mut sweep = fake.sweep_process(&six_blocks(), &["--quiet"]);
    let mut first = sweep.process_group(0).spawn().unwrap();
    while !fake.path("trial.pid").exists() {
        sleep(Duration::from_millis(5));
    }
    let output = fake.sweep(&six_blocks(), &[]).assert().code(2).get_output().clone();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("another harness is measuring into it"), "{stderr}");
    first.kill().unwrap();
    first.wait().unwrap();
}
