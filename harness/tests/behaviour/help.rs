//! `--help` of each verb: it ends with examples, and each example works.

use std::fs;
use std::path::Path;

use crate::common::{Fake, harness, read};
use crate::gate_process::{Repository, program_at};
use crate::judge::measurements;

const VERBS: [&str; 10] = [
    "tune",
    "sweep",
    "plan",
    "judge",
    "report",
    "gate",
    "explain",
    "history",
    "doctor",
    "self-test",
];

/// The example command lines of a verb, without the program's name.
fn examples(verb: &str) -> Vec<Vec<String>> {
    let output = harness().args([verb, "--help"]).assert().success().get_output().stdout.clone();
    let help = String::from_utf8(output).unwrap();
    let (_, examples) = help.split_once("Examples:\n").unwrap();
    let lines = examples.lines().map(|line| line.trim().strip_prefix("harness ").unwrap());
    lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// A repository with two commits, and with the files and folders that examples name.
fn place(fake: &Fake) -> Repository {
    let repository = Repository::new();
    let folder = repository.0.path();
    repository.write_report(500);
    repository.commit(&program_at(60_000));
    repository.git(&["tag", "v0.1.0"]);
    repository.commit(&program_at(30_000));
    for program in ["old", "new"] {
        fs::create_dir(folder.join(program)).unwrap();
        std::os::unix::fs::symlink(fake.program(), folder.join(program).join("migrator")).unwrap();
    }
    fs::write(folder.join("measurements.csv"), measurements(1.0)).unwrap();
    let results = folder.join("results/batch-size/20260131T120000Z-0123abcd");
    fs::create_dir_all(&results).unwrap();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v0.1.0/sweep");
    for file in ["ledger.jsonl", "identity.json", "metrics.json"] {
        fs::copy(recorded.join(file), results.join(file)).unwrap();
    }
    repository
}

#[test]
fn every_example_of_every_verb_works() {
    let fake = Fake::new("");
    let place = place(&fake);
    let folder = place.0.path();
    let mut ran = 0;
    for verb in VERBS {
        for mut words in examples(verb) {
            let text = words.join(" ");
            let mut input = Vec::new();
            if let Some(at) = words.iter().position(|word| word == "<" || word == ">") {
                let file = words.split_off(at);
                if file[0] == "<" {
                    input = fs::read(folder.join(&file[1])).unwrap();
                }
            }
            let has = |words: &[String], word: &str| words.iter().any(|other| other == word);
            // A verb that would take minutes runs a smoke test of a program that stores no rows.
            let measures = !matches!(verb, "plan" | "judge" | "report" | "history");
            if measures && !has(&words, "--quick") && !has(&words, "--bisect") {
                words.push("--quick".into());
            }
            if measures && verb != "gate" && !has(&words, "--bisect") {
                words.extend(["--migrator".into(), fake.program().display().to_string()]);
            }
            if let Some(at) = words.iter().position(|word| word == "--out") {
                words[at + 1] = folder.join("elsewhere").display().to_string();
            }
            let mut command = harness();
            command.args(&words).current_dir(folder).env_remove("GITHUB_STEP_SUMMARY");
            let output = command.write_stdin(input).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{text}\n{stderr}");
            ran += 1;
        }
    }
    assert!(ran >= 2 * VERBS.len() - 1, "{ran} examples");
    assert!(read(&folder.join("history.jsonl")).contains("batch-size"));
}
