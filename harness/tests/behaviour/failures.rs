//! Failed runs in a gate, a sweep and a tune plan, with the programs in `tests/inputs/failing`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use harness::error::ErrorKind;
use harness::experiment::tune::{FINAL_STEP, TuneResult, summarize};
use harness::report::Format;
use harness::report::build::tune::document;
use harness::session::ledger::Ending;
use harness::session::state::SessionState;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{harness, identity, read};
use crate::tune::{Runs, measured, phase, plan, some_help, with_failures};

/// Long forms of these tests run with `SWEETSPOT_FULL=1`.
fn is_full() -> bool {
    std::env::var_os("SWEETSPOT_FULL").is_some_and(|value| value == "1")
}

/// A folder with the programs, in which the harness runs.
struct Inputs(TempDir);

/// Output of a gate.
struct Gated {
    code: i32,
    text: String,
    results: PathBuf,
}

impl Inputs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/failing");
        for file in fs::read_dir(inputs).unwrap().map(|entry| entry.unwrap().path()) {
            fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A verb with these variables in its environment. `out` is a folder of its own.
    fn run(&self, words: &[&str], variables: &[(&str, &str)], out: &str) -> (i32, String, PathBuf) {
        let mut command = harness();
        command.current_dir(self.0.path()).args(words).args(["--out", out, "--quiet"]);
        command.env("COUNT_base", self.path(&format!("{out}.base")));
        command.env("COUNT_head", self.path(&format!("{out}.head")));
        command.env("COUNT", self.path(&format!("{out}.count")));
        command.env_remove("GITHUB_STEP_SUMMARY").envs(variables.iter().copied());
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        let sessions = fs::read_dir(self.path(out)).unwrap().map(|entry| entry.unwrap().path());
        let is_hidden =
            |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with('.');
        let session = sessions.filter(|path| !is_hidden(path)).last().unwrap();
        let results = fs::read_dir(session).unwrap().next().unwrap().unwrap().path();
        (output.status.code().unwrap(), text, results)
    }

    /// A gate of the head against the base.
    fn gate(&self, variables: &[(&str, &str)], flags: &[&str], out: &str) -> Gated {
        let words =
            ["gate", "--scenario", "scenario.toml", "--base", "base.toml", "--head", "head.toml"];
        let (code, text, results) = self.run(&[&words[..], flags].concat(), variables, out);
        Gated { code, text, results }
    }
}

impl Gated {
    /// Checks that every format has the verdict that the exit code has.
    fn check(&self, verdict: &str, code: i32) {
        let Self { text, results, .. } = self;
        assert_eq!(self.code, code, "{text}");
        assert!(text.starts_with(&format!("{verdict}: ")), "{text}");
        let json: Value = serde_json::from_str(&read(&results.join("analysis.json"))).unwrap();
        assert_eq!((json["answer"].as_str(), &json["exit_code"]), (Some(verdict), &code.into()));
        let junit = read(&results.join("junit.xml"));
        let first = junit.split_once("<testcase").unwrap().1.split_once("</testcase>").unwrap().0;
        let marks = ["<failure", "<error"].map(|mark| first.contains(mark));
        let expected = match code {
            0 => [false, false],
            1 | 5 => [true, false],
            _ => [false, true],
        };
        assert_eq!(marks, expected, "{junit}");
        if code == 0 {
            assert!(!junit.contains("<failure") && !junit.contains("<error"), "{junit}");
        }
        let markdown = read(&results.join("report.md"));
        assert!(markdown.contains(&format!("**{verdict}.**")), "{markdown}");
        let html = read(&results.join("report.html")).to_lowercase();
        assert!(html.contains(&verdict.to_lowercase()), "{verdict}");
    }
}

/// Kinds of failure, with the verdict on a head that has them in every seventh run.
const MODES: [(&str, &str, i32); 12] = [
    ("lost_exit", "WRONG RESULT", 5),
    ("rare_fail", "FAILED", 1),
    ("slow_tail", "FAILED", 1),
    ("lost_quiet", "WRONG RESULT", 5),
    ("changed_exit", "WRONG RESULT", 5),
    ("doubled", "WRONG RESULT", 5),
    ("killed", "FAILED", 1),
    ("no_report", "FAILED", 1),
    ("torn_report", "FAILED", 1),
    ("hangs_after", "FAILED", 1),
    ("hanging_child", "FAILED", 1),
    ("stopped", "FAILED", 1),
];

#[test]
fn a_head_that_loses_records_fails_or_hangs_now_and_then_never_passes() {
    let inputs = Inputs::new();
    let modes = if is_full() { &MODES[..] } else { &MODES[..3] };
    for (mode, verdict, code) in modes {
        let gated = inputs.gate(&[("MODE", mode)], &[], mode);
        gated.check(verdict, *code);
        assert!(gated.text.contains("head.toml failed in "), "{}", gated.text);
        assert!(gated.text.contains("base.toml in none"), "{}", gated.text);
    }
    if !is_full() {
        return;
    }
    // With other noise the negative control may alarm.
    let mut codes: BTreeMap<(&str, i32), usize> = BTreeMap::new();
    for ((mode, ..), gate) in
        MODES[..3].iter().flat_map(|mode| (0..7).map(move |gate| (mode, gate)))
    {
        let out = format!("{mode}-{gate}");
        let gated = inputs.gate(&[("MODE", mode), ("SEED", &out)], &[], &out);
        assert_ne!(gated.code, 0, "{mode}: {}", gated.text);
        *codes.entry((mode, gated.code)).or_default() += 1;
    }
    println!("exit codes of gates by kind of failure: {codes:?}");
}

#[test]
fn a_base_that_alone_fails_is_invalid_and_may_be_accepted() {
    let inputs = Inputs::new();
    let variables = [("BASE_MODE", "rare_fail"), ("BASE_EVERY", "7")];
    let gated = inputs.gate(&variables, &[], "invalid");
    gated.check("INVALID", 4);
    assert!(gated.text.contains("--accept-failing-base lets it pass"), "{}", gated.text);
    assert!(gated.text.contains("rec_per_min higher not judged"), "a table: {}", gated.text);
    let accepted = inputs.gate(&variables, &["--accept-failing-base"], "accepted");
    accepted.check("PASS", 0);
    assert!(accepted.text.contains("speed not judged"), "{}", accepted.text);
    // A head that fails more is not excused by a base that fails.
    let worse = [&variables[..], &[("MODE", "rare_fail"), ("EVERY", "1")]].concat();
    inputs.gate(&worse, &["--accept-failing-base"], "worse").check("FAILED", 1);
}

#[test]
fn a_head_that_always_fails_against_a_base_that_fails_once_is_failed() {
    let inputs = Inputs::new();
    let once = [("BASE_MODE", "rare_fail"), ("BASE_EVERY", "0")];
    let modes = if is_full() {
        &["rare_fail", "killed", "slow_tail", "torn_report"][..]
    } else {
        &["rare_fail"]
    };
    for mode in modes {
        let variables = [&once[..], &[("MODE", mode), ("EVERY", "1")]].concat();
        let gated = inputs.gate(&variables, &[], mode);
        gated.check("FAILED", 1);
        assert!(gated.text.contains("base.toml in 1 of 2 runs"), "{}", gated.text);
    }
    // Both fail in every run, so no comparison is possible.
    let both =
        [("BASE_MODE", "rare_fail"), ("BASE_EVERY", "1"), ("MODE", "killed"), ("EVERY", "1")];
    inputs.gate(&both, &[], "both").check("INVALID", 4);
}

/// Setting that a sweep reports as chosen, and whether it is kept.
fn choice(results: &Path) -> (u64, bool) {
    let json: Value = serde_json::from_str(&read(&results.join("analysis.json"))).unwrap();
    let index = usize::try_from(json["choice"].as_u64().unwrap()).unwrap();
    let size = json["settings"][index]["settings"]["batch_size"].as_u64().unwrap();
    (size, json["kept"].as_bool().unwrap())
}

#[test]
fn a_setting_that_fails_in_a_quarter_of_its_runs_is_never_chosen() {
    let inputs = Inputs::new();
    let sweeps: &[(&str, usize)] = if is_full() {
        &[("exit", 10), ("lost", 10), ("hang", 3), ("late", 3)]
    } else {
        &[("exit", 1), ("late", 1)]
    };
    let mut figures: BTreeMap<&str, usize> = BTreeMap::new();
    for (mode, times) in sweeps {
        for time in 0..*times {
            // The first failure of `late` is in the confirmation.
            let variables = [("MODE", *mode), ("FIRST_GOOD", "12")];
            let out = format!("{mode}-{time}");
            let (code, text, results) = inputs.run(&["sweep", "sweep.toml"], &variables, &out);
            assert_eq!(code, 0, "{text}");
            let (size, kept) = choice(&results);
            assert!(size == 100 && !kept, "{mode}: {text}");
            let said =
                text.contains("batch_size=200 cannot be chosen: ") && text.contains("failed: ");
            assert!(said, "{mode}: {text}");
            *figures.entry(mode).or_default() += 1;
        }
    }
    println!("sweeps that did not choose the failing setting: {figures:?}");
}

/// The report of a plan.
fn report_of(recorded: &SessionState, tuned: &TuneResult) -> String {
    let document = document(tuned, recorded, &identity()).unwrap();
    harness::report::render(Format::Markdown, &document).unwrap()
}

#[test]
fn a_plan_keeps_no_setting_of_which_a_run_failed() {
    let is_pool = |settings: &Value| settings["pool"] != "off";
    // A run of every pool fails in the sweep, or one of the candidate in its confirmation.
    for failing in [4, 15] {
        let fails = move |settings: &Value, number| is_pool(settings) && number == failing;
        let recorded = with_failures(&plan("phase2", 7200), some_help, fails);
        let tuned = summarize(&recorded).unwrap();
        assert!(phase(&tuned, "II.1").is_active() && phase(&tuned, "II.4").is_active());
        assert_eq!(serde_json::to_value(&tuned.settings).unwrap()["pool"], "off");
        let report = report_of(&recorded, &tuned);
        let said = report.contains(" cannot be chosen: 1 of ") && report.contains("pool=");
        assert!(said && report.contains("exit code 2: out of luck"), "{failing}: {report}");
    }
}

#[test]
fn a_kept_setting_that_fails_later_is_reverted() {
    let planned = plan("phase2", 7200);
    // Batches of 200 fail once without other settings, in the sweep of the next phase, whose
    // baseline they are.
    let fails = |settings: &Value, number| {
        settings["batch_size"] == 200 && settings["pool"] == "off" && number == 25
    };
    let recorded = with_failures(&planned, some_help, fails);
    assert_eq!(recorded.ending, Some(Ending::Complete));
    let tuned = summarize(&recorded).unwrap();
    let first = phase(&tuned, "II.1");
    assert!(first.kept && first.reverted && phase(&tuned, "II.2").is_active());
    assert_eq!(tuned.settings.batch_size.get(), 1000);
    let report = report_of(&recorded, &tuned);
    assert!(
        report.contains("II.1 is reverted, because a run with its settings failed: exit code 2")
    );
    // Everything kept fails in its comparison with the baseline.
    let (recorded, tuned) = measured(&planned, Runs::of(some_help));
    let kept = tuned.settings.clone();
    let is_before = |step: &&harness::session::state::CompletedStep| step.step.name != FINAL_STEP;
    let steps = recorded.steps.iter().take_while(is_before);
    let runs = steps.flat_map(|ran| ran.trials().map(move |line| &ran.step.arms[line.trial.arm]));
    let before = runs.filter(|arm| arm.setting.settings == kept).count();
    let kept = serde_json::to_value(kept).unwrap();
    let fails = move |settings: &Value, number| *settings == kept && number == before + 3;
    let recorded = with_failures(&planned, some_help, fails);
    let tuned = summarize(&recorded).unwrap();
    assert_ne!(serde_json::to_value(&tuned.settings).unwrap()["cache"], "worker");
    assert!(tuned.phases.iter().any(|tuned| tuned.taken_back_for.is_some()));
    assert_ne!(tuned.final_test().map(|found| &found.candidate.settings), Some(&tuned.settings));
}

#[test]
fn a_plan_whose_baseline_fails_again_ends_as_invalid() {
    let baseline = |settings: &Value| settings["batch_size"] == 1000 && settings["pool"] == "off";
    let planned = plan("phase2", 7200);
    let fails = move |settings: &Value, number| baseline(settings) && [2, 9].contains(&number);
    let recorded = with_failures(&planned, some_help, fails);
    assert_eq!(recorded.ending, Some(Ending::Invalid));
    let reason = recorded.invalid_reason().unwrap();
    assert!(reason.contains("the baseline failed, was repeated and failed again"), "{reason}");
    // The baseline never succeeded, so the session has no summary.
    let recorded = with_failures(&planned, some_help, move |settings, _| baseline(settings));
    assert_eq!(recorded.ending, Some(Ending::Invalid));
    assert_eq!(summarize(&recorded).unwrap_err().kind(), ErrorKind::Environment);
    assert!(recorded.invalid_reason().is_some());
}
