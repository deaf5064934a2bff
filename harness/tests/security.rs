//! What must not get out, and must not get in: secrets to the programs under test and into results,
//! folders other than the one asked for, and what a program says to the terminal.
#![cfg(test)]

#[path = "behaviour/common.rs"]
#[expect(dead_code, reason = "shared with the tests of the harness's behaviour")]
mod common;
#[path = "support/files.rs"]
mod files;

use std::fs;
use std::path::PathBuf;

use common::{Fake, TWO_SIZES};
use files::files;

#[test]
fn a_trial_inherits_no_secret_and_no_result_holds_one() {
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
fn a_failed_trial_tells_the_secrets_of_nobody() {
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
fn no_scenario_names_a_folder_outside_the_results() {
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
fn a_program_under_test_moves_no_cursor_and_changes_no_colour() {
    let fake = Fake::new("printf '\\033[2J\\033]0;mine\\007 red' >&2; exit 3");
    let output = fake.sweep(TWO_SIZES, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let control = |c: char| c.is_control() && c != '\n';
    assert!(said.contains("[2J") && !said.contains(control), "{said:?}");
}
