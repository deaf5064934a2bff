//! Gates with real processes: refs that are built, programs that hang, stores that differ.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::trial::report;
use migrator::config::Settings;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Fake, dies, harness, read};

/// A gate short enough for processes. Tests run concurrently.
const SHORT: &str = r#"
name = "gate-short"
why = "Does it work?"
phase = "gate"
optimization = "A program against its baseline"

[workload]
records = 400
profile = "small"

[baseline]
batch_size = 100

[validity]
foreign_cpu_share_max = 1.0
steal_share_max = 1.0

[limits]
timeout_s = 60

[gate]
margin = 0.5
"#;

/// `harness gate` of these two arms, with results in a folder.
fn gate(
    folder: &Path,
    base: &Path,
    head: &Path,
    scenario: &str,
    flags: &[&str],
) -> assert_cmd::Command {
    let file = folder.join("gate-short.toml");
    fs::write(&file, scenario).unwrap();
    let mut command = harness();
    command.arg("gate").arg("--base").arg(base).arg("--head").arg(head).args(flags);
    command.arg("--scenario").arg(file).arg("--out").arg(folder.join("out"));
    command.env_remove("GITHUB_STEP_SUMMARY");
    command
}

/// The only results folder.
fn results(folder: &Path) -> PathBuf {
    let mut folders = fs::read_dir(folder.join("out/gate-short")).unwrap();
    let only = folders.next().unwrap().unwrap().path();
    assert!(folders.next().is_none(), "more than one results folder");
    only
}

/// The real migrator with further arguments on its command line.
fn migrator(folder: &Path, name: &str, further: &str) -> PathBuf {
    let harness = assert_cmd::cargo::cargo_bin!("harness");
    let text = format!(
        "#!/bin/sh\nverb=$1\nshift\nexec {} migrator $verb {further} \"$@\"\n",
        harness.display()
    );
    let script = folder.join(format!("{name}.txt"));
    fs::write(&script, text).unwrap();
    let program = folder.join(name);
    // Another process writes the script: see `Fake`.
    let installed = Command::new("install").args(["-m", "755"]).arg(script).arg(&program).status();
    assert!(installed.unwrap().success());
    program
}

fn output(command: &mut assert_cmd::Command, code: i32) -> (String, String) {
    let assert = command.assert().code(code);
    let output = assert.get_output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn programs_that_store_different_rows_exit_with_5_and_name_table_and_record() {
    let folder = tempfile::tempdir().unwrap();
    let base = migrator(folder.path(), "base", "");
    let head = migrator(folder.path(), "head", "--limit 390");
    let (stdout, _) = output(&mut gate(folder.path(), &base, &head, SHORT, &[]), 5);
    assert!(stdout.starts_with("WRONG RESULT: "), "{stdout}");
    let words = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("The first difference: app_base, record "), "{words}");
    assert!(words.contains("is stored by base alone"), "{words}");
    let report = read(&results(folder.path()).join("report.md"));
    assert!(
        report.contains("**WRONG RESULT.**") && report.contains("app_base, record"),
        "{report}"
    );
}

#[test]
fn a_quick_gate_of_a_program_against_itself_writes_every_report() {
    let folder = tempfile::tempdir().unwrap();
    let program = migrator(folder.path(), "migrator", "");
    let summary = folder.path().join("summary.txt");
    let flags = ["--quick", "--measure-anyway"];
    let mut command = gate(folder.path(), &program, &program, SHORT, &flags);
    let (stdout, _) = output(command.env("GITHUB_STEP_SUMMARY", &summary), 0);
    assert!(stdout.starts_with("NOT TESTABLE: "), "{stdout}");
    let results = results(folder.path());
    let report = read(&results.join("report.md"));
    assert_eq!(read(&summary), report);
    assert!(report.contains("Both arms are the same program, byte for byte."), "{report}");
    assert!(read(&results.join("junit.xml")).contains("<testsuites"));
    let said = |format: &str| {
        let mut again = harness();
        again.arg("report").arg(&results).args(["--format", format]);
        output(&mut again, 0).0
    };
    assert_eq!(said("markdown"), report);
    assert_eq!(said("json"), read(&results.join("analysis.json")));
}

#[test]
fn two_arms_that_are_one_program_pass_at_once_without_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = migrator(folder.path(), "migrator", "");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    let harness = PathBuf::from(assert_cmd::cargo::cargo_bin!("harness"));
    let copy = folder.path().join("copy");
    fs::copy(&harness, &copy).unwrap();
    for (base, head) in [(&program, &program), (&program, &link), (&harness, &copy)] {
        let (stdout, _) = output(&mut gate(folder.path(), base, head, SHORT, &["--fresh"]), 0);
        let words = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.starts_with("PASS: ") && words.contains("are one program"), "{stdout}");
        assert!(words.contains("nothing was measured"), "{stdout}");
        let session = results(folder.path());
        let ledger = read(&session.join("ledger.jsonl"));
        assert!(ledger.lines().count() == 2 && !ledger.contains("\"trial\""), "{ledger}");
        let junit = read(&session.join("junit.xml"));
        assert!(!junit.contains("<failure") && !junit.contains("<error"), "{junit}");
        let mut again = crate::common::harness();
        again.arg("report").arg(&session).args(["--format", "json"]);
        let json: Value = serde_json::from_str(&output(&mut again, 0).0).unwrap();
        assert_eq!((&json["answer"], &json["exit_code"]), (&"PASS".into(), &0.into()));
        assert_eq!(json["speed_not_judged"], "one_program");
        fs::remove_dir_all(folder.path().join("out")).unwrap();
    }
    // Equal scripts may find other files beside them, and the effect of a command is unknown.
    let command = r#"["false", "{report}", "{source}", "{store}", "{batch_size}"]"#;
    let text = format!("{SHORT}\n[runner]\ncommand = {command}\n");
    let runner = folder.path().join("runner.toml");
    fs::write(&runner, text).unwrap();
    let (stdout, _) = output(&mut gate(folder.path(), &runner, &runner, SHORT, &[]), 4);
    assert!(stdout.starts_with("INVALID: "), "{stdout}");
    let scripts = [Fake::new("exit 7"), Fake::new("exit 7")].map(|fake| (fake.program(), fake));
    let mut command = gate(folder.path(), &scripts[0].0, &scripts[1].0, SHORT, &[]);
    assert!(output(&mut command, 4).0.contains("exit code 7"));
}

#[test]
fn an_accepted_baseline_must_be_a_complete_session_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let program = migrator(folder.path(), "migrator", "");
    let flags = ["--quick", "--measure-anyway"];
    output(&mut gate(folder.path(), &program, &program, SHORT, &flags), 0);
    let measured = results(folder.path());
    let [ledger, identity] =
        ["ledger.jsonl", "identity.json"].map(|name| read(&measured.join(name)));
    // The message of a gate with this accepted baseline.
    let accepted = |name: &str, ledger: &str, identity: &str, code: i32| {
        let earlier = folder.path().join(name);
        fs::create_dir(&earlier).unwrap();
        fs::write(earlier.join("ledger.jsonl"), ledger).unwrap();
        fs::write(earlier.join("identity.json"), identity).unwrap();
        let flags = ["--quick", "--accept-stored-times"];
        output(&mut gate(folder.path(), &earlier, &program, SHORT, &flags), code).1
    };
    accepted("whole", &ledger, &identity, 0);
    let end = ledger.lines().last().unwrap();
    assert!(end.contains("complete"), "{end}");
    let cut_off = accepted("cut-off", ledger.replace(end, "").trim_end(), &identity, 2);
    assert!(cut_off.contains("is unfinished; `harness gate --base"), "{cut_off}");
    for (ending, words) in
        [("invalid", "is invalid; `harness gate"), ("differs", "runs that stored different rows")]
    {
        let other = ledger.replace(end, &end.replace("complete", ending));
        let said = accepted(ending, &other, &identity, 2);
        assert!(said.contains(words), "{said}");
    }
    let mut elsewhere: Value = serde_json::from_str(&identity).unwrap();
    let here = elsewhere["machine"]["host"].as_str().unwrap().to_owned();
    elsewhere["machine"]["host"] = "elsewhere".into();
    elsewhere["store"]["filesystem"] = "stonefs".into();
    let said = accepted("elsewhere", &ledger, &elsewhere.to_string(), 2);
    let fields = [format!("host elsewhere instead of {here}"), "stores stonefs instead of".into()];
    assert!(fields.iter().all(|field| said.contains(field)), "{said}");
    assert!(said.contains("remove --accept-stored-times to run both programs here"), "{said}");
}

#[test]
fn a_program_that_hangs_is_killed_at_the_time_limit_and_reported() {
    let (base, head) = (Fake::new(""), Fake::new("echo $$ > \"$here/pid\"; sleep 600"));
    let folder = tempfile::tempdir().unwrap();
    let short = SHORT.replace("timeout_s = 60", "timeout_s = 2");
    let (stdout, _) =
        output(&mut gate(folder.path(), &base.program(), &head.program(), &short, &[]), 1);
    let words = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "failed in 1 of 1 run, ";
    assert!(words.starts_with("FAILED: ") && words.contains(expected), "{stdout}");
    assert!(words.contains("in none: ended after 2 s"), "{stdout}");
    let report = read(&results(folder.path()).join("report.md"));
    assert!(report.contains(expected), "{report}");
    assert!(dies(&read(&head.path("pid"))));
}

/// A repository with a package of the migrator's name.
pub(crate) struct Repository(pub(crate) TempDir);

impl Repository {
    pub(crate) fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        let manifest = "[package]\nname = \"migrator\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        let lock = "version = 4\n\n[[package]]\nname = \"migrator\"\nversion = \"0.1.0\"\n";
        fs::write(repository.0.path().join("Cargo.toml"), manifest).unwrap();
        fs::write(repository.0.path().join("Cargo.lock"), lock).unwrap();
        fs::create_dir(repository.0.path().join("src")).unwrap();
        repository
    }

    /// Writes the report of `program_at`, for runs with this batch size.
    pub(crate) fn write_report(&self, batch_size: usize) {
        let batch_size = NonZeroUsize::new(batch_size).unwrap();
        let settings = Settings { batch_size, ..Settings::default() };
        let mut report = serde_json::to_value(report(&settings, 400, 60_000.0)).unwrap();
        report["rec_per_min"] = "RATE".into();
        fs::write(self.0.path().join("src/report.json"), report.to_string()).unwrap();
    }

    pub(crate) fn git(&self, words: &[&str]) {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.0.path()).args(words);
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            git.env_remove(variable);
        }
        assert!(git.status().unwrap().success(), "git {words:?}");
    }

    pub(crate) fn commit(&self, main: &str) {
        fs::write(self.0.path().join("src/main.rs"), main).unwrap();
        self.git(&["add", "."]);
        let who = ["-c", "user.name=a", "-c", "user.email=a@b.test"];
        self.git(&[&who[..], &["commit", "--quiet", "--message", "x"]].concat());
    }
}

#[test]
fn a_ref_that_does_not_build_exits_with_2_and_the_last_compiler_lines() {
    let repository = Repository::new();
    repository.commit("fn main() { std::process::exit(7) }\n");
    repository.commit("fn main() { this is no program }\n");
    let folder = tempfile::tempdir().unwrap();
    let gate = |base: &str, head: &str, code: i32| {
        let flags = ["--measure-anyway"];
        let mut command = gate(folder.path(), Path::new(base), Path::new(head), SHORT, &flags);
        command.current_dir(repository.0.path());
        output(&mut command, code)
    };
    let (_, said) = gate("HEAD~1", "main", 2);
    assert!(said.contains("main (") && said.contains("does not build"), "{said}");
    assert!(said.contains("could not compile `migrator`"), "{said}");
    // The commit that builds is kept, runs, and is reported.
    let kept: Vec<PathBuf> = fs::read_dir(folder.path().join("out/.builds"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("migrator"))
        .filter(|program| program.is_file())
        .collect();
    assert_eq!(kept.len(), 1);
    let (said, _) = gate("HEAD~1", "HEAD~1", 4);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.starts_with("INVALID: ") && said.contains("failed in 2 of 2 runs"), "{said}");
    assert!(said.contains("exit code 7 (2 runs)"), "{said}");
    let (_, said) = gate("HEAD~1", "no-such-branch", 2);
    assert!(
        said.contains("`no-such-branch` is not a file, a results folder or a git ref"),
        "{said}"
    );
}

#[test]
fn ignored_and_invalid_arms_are_rejected_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let program = migrator(folder.path(), "migrator", "");
    let runner = "[runner]\ncommand = [\"p\", \"{report}\"]\n";
    let cases = [
        (SHORT.to_owned(), &["--accept-stored-times"][..], "--base names no results"),
        (format!("{SHORT}{runner}"), &[], "the [runner] of gate-short would be ignored"),
        (
            SHORT.replace("gate-short", "warm-up"),
            &[],
            "`warm-up` is the name of a built-in gate step",
        ),
    ];
    for (scenario, flags, expected) in cases {
        let mut command = gate(folder.path(), &program, &program, &scenario, flags);
        let (_, stderr) = output(&mut command, 2);
        assert!(stderr.contains(expected), "{stderr}");
    }
    let plain = folder.path().join("plain.toml");
    fs::write(&plain, SHORT).unwrap();
    let (_, stderr) = output(&mut gate(folder.path(), &program, &plain, SHORT, &[]), 2);
    assert!(stderr.contains("plain.toml has no [runner] command"), "{stderr}");
}

#[test]
fn a_gate_on_a_scenario_with_a_sweep_runs_only_the_baseline_and_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = migrator(folder.path(), "migrator", "");
    let swept = format!("{SHORT}\n[sweep]\nbatch_size = [50, 100]\n");
    let flags = ["--quick", "--measure-anyway"];
    let mut command = gate(folder.path(), &program, &program, &swept, &flags);
    let (_, stderr) = output(&mut command, 0);
    assert!(stderr.contains("the [sweep] of gate-short is ignored"), "{stderr}");
    let ledger = read(&results(folder.path()).join("ledger.jsonl"));
    let first: Value = serde_json::from_str(ledger.lines().next().unwrap()).unwrap();
    let settings = first["session"]["scenarios"][0]["settings"].as_array().unwrap();
    assert_eq!(settings.len(), 1, "{settings:?}");
    assert_eq!(settings[0]["settings"]["batch_size"], 100);
}

/// A program that accepts the migrator's command line, stores no rows and reports this rate.
pub(crate) fn program_at(rate: u32) -> String {
    format!(
        r#"fn main() {{
    let words: Vec<String> = std::env::args().collect();
    let after = |flag: &str| {{
        words.iter().position(|word| word == flag).map(|at| words[at + 1].clone())
    }};
    if words[1] == "generate" {{
        let out = after("--out").unwrap();
        return std::fs::write(out.trim_start_matches("sqlite:"), "source").unwrap();
    }}
    let report = include_str!("report.json").replace("\"RATE\"", "{rate}");
    std::fs::write(after("--report").unwrap(), report).unwrap();
}}
"#
    )
}

#[test]
fn a_bisection_names_the_first_slow_commit_and_resumes() {
    let repository = Repository::new();
    repository.write_report(100);
    repository.commit(&program_at(60_000));
    repository.commit(&(program_at(60_000) + "// Says more.\n"));
    repository.commit("fn main() { this is no program }\n");
    repository.commit(&program_at(30_000));
    repository.commit(&(program_at(30_000) + "// Says more.\n"));
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("gate-short.toml");
    // The programs report the rate themselves. Memory comes from the system and differs in one of
    // some dozens of pairs of equal programs.
    fs::write(&scenario, SHORT.to_owned() + "metrics = [\"rec_per_min\"]\n").unwrap();
    let bisect = |base: &str, head: &str, code: i32| {
        let mut command = harness();
        command.args(["explain", "--bisect", "--base", base, "--head", head, "--json"]);
        command.arg("--scenario").arg(&scenario).arg("--out").arg(folder.path().join("out"));
        command.current_dir(repository.0.path());
        output(&mut command, code)
    };
    let sessions = || fs::read_dir(folder.path().join("out/bisect-gate-short")).unwrap().count();
    let (stdout, stderr) = bisect("HEAD~4", "HEAD", 3);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    let seen = |found: &Value| -> Vec<String> {
        let looks = found["looked_at"].as_array().unwrap();
        looks.iter().map(|look| look["seen"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(seen(&found), ["changed", "unknown", "same", "changed"], "{stdout}{stderr}");
    assert_eq!(found["first"].as_array().unwrap().len(), 2, "{stdout}");
    assert_eq!(found["wanted"]["metric"], "rec_per_min");
    assert!(stderr.contains("does not build"), "{stderr}");
    // Measured commits are not measured again.
    let before = sessions();
    assert_eq!(bisect("HEAD~4", "HEAD", 3).0, stdout);
    assert_eq!(sessions(), before);
    let (stdout, _) = bisect("HEAD~4", "HEAD~3", 3);
    assert!(stdout.contains("\"wanted\": null"), "{stdout}");
    assert!(bisect("HEAD", "HEAD~1", 2).1.contains("there are no commits between them"));
}
