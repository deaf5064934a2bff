//! Protection of secrets, folders and the terminal. No secret reaches a program under test or the
//! results. No name or link leads outside of the results folder. A program's output cannot control
//! the terminal.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Fake, TWO_SIZES, harness, read};
use crate::files::files;

#[test]
fn trials_inherit_no_secrets_and_results_contain_none() {
    let fake = Fake::new("env > \"$here/environment\"; env >&2");
    let mut sweep = fake.sweep(TWO_SIZES, &[]);
    let secrets = ["MIGRATOR_DB_PASSWORD", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"];
    for name in secrets {
        sweep.env(name, "correct-horse-battery");
    }
    sweep.env("LANG", "tlh_QO").assert().success();
    let environment = fs::read_to_string(fake.path("environment")).unwrap();
    assert!(environment.contains("PATH=") && environment.contains("LANG=tlh_QO"));
    assert!(!environment.contains("correct-horse-battery"), "{environment}");
    let results = files(&fake.out());
    assert!(results.iter().any(|path| path.ends_with("ledger.jsonl")));
    for path in results {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("correct-horse-battery"), "{}", path.display());
    }
}

#[test]
fn a_failed_trial_reveals_no_secret() {
    let fake = Fake::new("env >&2; exit 3");
    let mut sweep = fake.sweep(TWO_SIZES, &[]);
    sweep.env("MIGRATOR_DB_PASSWORD", "correct-horse-battery");
    let output = sweep.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("exit") && !said.contains("correct-horse-battery"), "{said}");
    for path in files(&fake.out()) {
        let text = fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("correct-horse"), "{}", path.display());
    }
}

#[test]
fn scenario_names_cannot_leave_the_results_folder() {
    for name in ["../elsewhere", "/tmp/elsewhere", "a/../../elsewhere", "..", "", "a\\\\b", "a\\nb"]
    {
        let fake = Fake::new("");
        let scenario = TWO_SIZES.replace("two-sizes", name);
        let output = fake.sweep(&scenario, &[]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains("it names a folder"), "{name}: {said}");
        assert!(!fake.out().exists(), "{name}");
        let elsewhere = |path: &PathBuf| path.to_string_lossy().contains("elsewhere");
        assert!(!files(&fake.path("")).iter().any(elsewhere), "{name}");
    }
}

#[test]
fn program_output_cannot_control_the_terminal() {
    let fake = Fake::new("printf '\\033[2J\\033]0;mine\\007 red' >&2; exit 3");
    let output = fake.sweep(TWO_SIZES, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let control = |c: char| c.is_control() && c != '\n';
    assert!(said.contains("[2J") && !said.contains(control), "{said:?}");
}

const PLAN: &str = r#"
name = "two-sizes"
why = "Does it work?"
budget = "1m"
[[phase]]
phase = "II.1"
optimization = "Batch size tuning"
why = "Does it work?"
commit = "Set it"
[phase.sweep]
batch_size = [100, 200]
"#;

const GATE: &str = r#"
name = "two-sizes"
why = "Does it work?"
phase = "gate"
optimization = "A program against its baseline"
[gate]
margin = 0.5
"#;

#[test]
fn plan_and_gate_names_cannot_leave_the_results_folder() {
    for name in ["../elsewhere", "/tmp/elsewhere", "a/../../elsewhere", "..", "."] {
        let fake = Fake::new("");
        let program = fake.program();
        let program = program.to_str().unwrap();
        let file = |text: &str| fake.write("named.toml", &text.replace("two-sizes", name));
        for (verb, text) in
            [("tune", PLAN), ("gate", GATE), ("explain", GATE), ("self-test", TWO_SIZES)]
        {
            let file = file(text);
            let file = file.to_str().unwrap();
            let mut command = harness();
            match verb {
                "tune" | "self-test" => command.args([verb, file, "--migrator", program]),
                _ => command.args([verb, "--base", program, "--head", program, "--scenario", file]),
            };
            let output = command.arg("--out").arg(fake.out()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{verb} {name}: {said}");
            assert!(said.contains("it names a folder"), "{verb} {name}: {said}");
            assert!(!fake.out().exists(), "{verb} {name}");
        }
    }
}

/// A sweep that lacks only its end, so that the same command resumes it.
fn unfinished() -> (Fake, PathBuf) {
    let fake = Fake::new("");
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().success();
    let folder = fake.results("two-sizes");
    let ledger = folder.join("ledger.jsonl");
    let text = read(&ledger);
    let (rest, _) = text.trim_end().rsplit_once('\n').unwrap();
    fs::write(&ledger, format!("{rest}\n")).unwrap();
    (fake, folder)
}

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut contents: Vec<_> =
        files(folder).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    contents.sort();
    contents
}

#[test]
fn a_session_resumes_in_its_own_folder() {
    let (fake, folder) = unfinished();
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().success();
    assert_eq!(fake.results("two-sizes"), folder);
    assert!(read(&folder.join("ledger.jsonl")).contains("\"kind\":\"resumed\""));
}

#[test]
fn no_session_resumes_in_a_linked_folder() {
    let (fake, folder) = unfinished();
    let elsewhere = fake.path("elsewhere");
    fs::rename(&folder, &elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    let before = contents(&elsewhere);
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().success();
    assert_eq!(contents(&elsewhere), before);
    assert_eq!(fake.all_results("two-sizes").len(), 2, "the link, and a session of its own");
}

#[test]
fn no_file_is_written_through_a_link_within_results() {
    for linked in ["ledger.jsonl", "charts", "report.md", "report.md.tmp", "identity.json"] {
        let (fake, folder) = unfinished();
        let (elsewhere, inside) = (fake.path("elsewhere"), folder.join(linked));
        fs::create_dir(&elsewhere).unwrap();
        let target = elsewhere.join("target");
        if inside.exists() {
            fs::rename(&inside, &target).unwrap();
        } else {
            fs::write(&target, "of somebody else").unwrap();
        }
        symlink(&target, &inside).unwrap();
        let before = contents(&elsewhere);
        let output = fake.sweep(TWO_SIZES, &["--quiet"]).output().unwrap();
        assert_eq!(contents(&elsewhere), before, "{linked}");
        let said = String::from_utf8_lossy(&output.stderr);
        if ["ledger.jsonl", "charts"].contains(&linked) {
            assert_eq!(output.status.code(), Some(2), "{linked}: {said}");
            assert!(said.contains(&format!("{linked} is a link; a measurement writes")), "{said}");
        } else {
            // A file is written beside the link and replaces it.
            assert!(output.status.success(), "{linked}: {said}");
            assert!(!inside.is_symlink(), "{linked}");
        }
    }
}

#[test]
fn names_in_a_history_cannot_leave_the_results_folder() {
    let fake = Fake::new("");
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().success();
    let kept = fake.path("kept/history.jsonl");
    fs::create_dir(fake.path("kept")).unwrap();
    let history = || {
        let mut command = harness();
        command.arg("history").arg("--out").arg(fake.out());
        command
    };
    history().arg("--append").arg(&kept).assert().success();
    let mut line: Value = serde_json::from_str(&read(&kept)).unwrap();
    let before = files(&fake.path("")).len();
    for (plan, phase) in [("../../elsewhere", ".."), ("/tmp/elsewhere", "a/../../../elsewhere")] {
        (line["plan"], line["phase"]) = (plan.into(), phase.into());
        fs::write(&kept, line.to_string()).unwrap();
        history().arg(&kept).assert().success();
    }
    let after = files(&fake.path(""));
    // Each chart exists in two formats.
    assert_eq!(after.len(), before + 4);
    let charts = fake.out().join("history");
    let elsewhere = |path: &&PathBuf| path.to_string_lossy().contains("elsewhere");
    assert!(after.iter().filter(elsewhere).all(|path| path.parent() == Some(charts.as_path())));
}

/// Connection strings that people paste, each with the same password.
const PASTED: [&str; 7] = [
    "Server=db;Database=apps;User Id=sa;Password=Sesame1",
    "Driver={ODBC Driver 18 for SQL Server};Server=db;UID=sa;PWD={Sesame1}",
    "jdbc:sqlserver://db:1433;user=sa;password=Sesame1",
    "mssql://sa:Sesame1@db/apps",
    "mssql://sa:Sesame1/apps",
    "mssql://db/apps?password=Sesame1",
    "sa:Sesame1@db",
];

#[test]
fn no_verb_repeats_a_password_that_was_pasted_in_the_wrong_place() {
    let folder = tempfile::tempdir().unwrap();
    let verbs: [&[&str]; 11] = [
        &["migrator", "init", "--store"],
        &["migrator", "run", "--store", "sqlite:a.db", "--source"],
        &["migrator", "verify", "--store", "sqlite:a.db", "--source"],
        &["migrator", "check", "--contract"],
        &["migrator", "run", "--workers"],
        &["sweep", "batch-size", "--quick", "--quiet", "--store"],
        &["gate", "--base", "a", "--head"],
        &["plan"],
        &["report"],
        &["judge"],
        &["tune", "--budget"],
    ];
    for pasted in PASTED {
        for verb in verbs {
            let mut command = harness();
            let output = command.current_dir(&folder).args(verb).arg(pasted).output().unwrap();
            assert!(!output.status.success(), "{verb:?} {pasted}");
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(!said.contains("Sesame1"), "{verb:?} {pasted}: {said}");
        }
    }
    let mut command = harness();
    let output = command.args(["migrator", "init", "--store", PASTED[0]]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("--store is an ADO connection string: expected sqlite:PATH or mssql://"),
        "{said}"
    );
}
