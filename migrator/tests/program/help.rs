//! `--help` of each verb: it ends with examples, and each example works in an empty folder.

use std::path::Path;

use assert_cmd::Command;
use clap::Parser as _;
use migrator::cli::args::Cli;

const VERBS: [&str; 8] =
    ["run", "init", "rows", "generate", "check", "explain", "schema", "verify"];

fn migrator(folder: &Path, words: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("migrator").unwrap();
    command.current_dir(folder).args(words).output().unwrap()
}

/// The example command lines of a verb, without the program's name.
fn examples(verb: &str) -> Vec<String> {
    let output = migrator(Path::new("."), &[verb, "--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, examples) = help.split_once("Examples:\n").unwrap();
    examples.lines().map(|line| line.trim().strip_prefix("migrator ").unwrap().to_owned()).collect()
}

/// Examples with a server are only parsed.
#[test]
fn every_example_of_every_verb_works_in_an_empty_folder() {
    for verb in VERBS {
        let folder = tempfile::tempdir().unwrap();
        let examples = examples(verb);
        assert!((2..=3).contains(&examples.len()), "{verb}: {examples:?}");
        assert!(examples.iter().any(|example| example.starts_with(verb)), "{verb}: {examples:?}");
        for example in examples {
            let words: Vec<&str> = example.split(' ').collect();
            if example.contains("mssql://") {
                Cli::try_parse_from(std::iter::once("migrator").chain(words)).unwrap();
                continue;
            }
            let output = migrator(folder.path(), &words);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{example}\n{stderr}");
        }
    }
}
