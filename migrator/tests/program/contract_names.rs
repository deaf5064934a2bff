//! Shipped contracts are found by name in any folder. A source whose records do not fit the
//! contract is detected.

use std::path::Path;
use std::process::Output;

use crate::support::command::migrator;

/// Runs a verb in a folder and returns its exit code, stdout and stderr.
fn run_verb(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let (verb, rest) = arguments.split_first().unwrap();
    let Output { status, stdout, stderr } =
        migrator(verb).current_dir(folder).args(rest).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run_verb(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    stdout
}

#[test]
fn every_verb_accepts_a_shipped_contract_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let source = "generated:small,5,7,rl";
    let of_loans = ["--contract", "loans"];
    let audited = ["--source", source, "--store", "sqlite:s.db"];
    succeeds(here, &[&["run", "--quiet"], &of_loans[..], &audited].concat());
    let audit = succeeds(here, &[&["verify"], &of_loans[..], &audited].concat());
    assert!(audit.contains("stored 5") && audit.contains("audit passed"), "{audit}");
    let check = succeeds(here, &["check", "--contract", "loans", "--store", "sqlite:s.db"]);
    assert!(check.contains("loans: 0 errors"), "{check}");
    let schema = succeeds(here, &["schema", "--contract", "loans", "--dialect", "sqlite"]);
    assert!(schema.contains("app_collateral_rl"), "{schema}");
    let generate = ["generate", "--records", "1", "--product", "rl", "--out", "records"];
    succeeds(here, &generate);
    let rows = succeeds(here, &["rows", "--contract", "loans", "records"]);
    assert!(rows.contains("app_dealer_rl"), "{rows}");
    let record = std::fs::read_dir(here.join("records")).unwrap().next().unwrap().unwrap().path();
    let record = record.to_str().unwrap();
    let column = ["--column", "app_base.product_line_enum"];
    let explained = succeeds(here, &[&["explain"], &of_loans[..], &column, &[record]].concat());
    assert!(explained.contains("app_base.product_line_enum of application"), "{explained}");
}

#[test]
fn a_file_takes_precedence_over_a_shipped_contract_of_the_same_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("loans"), "{}").unwrap();
    let (code, stdout, _) = run_verb(folder.path(), &["check", "--contract", "loans", "--json"]);
    assert_eq!(code, 2);
    assert!(stdout.contains("missing-key"), "{stdout}");
}

#[test]
fn an_unknown_contract_name_is_rejected_with_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["check", "--contract", "lons"];
    let (code, _, stderr) = run_verb(folder.path(), &arguments);
    assert_eq!(code, 2);
    assert!(stderr.contains("did you mean the built-in contract --contract loans"), "{stderr}");
}

#[test]
fn generated_loans_without_a_contract_are_rejected_with_the_contract_to_name() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["run", "verify"] {
        let arguments = [verb, "--source", "generated:small,5,7,rl", "--store", "sqlite:s.db"];
        let (code, _, stderr) = run_verb(folder.path(), &arguments);
        assert_eq!(code, 2);
        assert!(stderr.contains("add --contract loans"), "{stderr}");
    }
    assert!(!folder.path().join("s.db").exists());
}

#[test]
fn a_named_contract_is_used_even_if_it_rejects_every_record() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["run", "--contract", "loans", "--source", "generated:small,5,7", "--store", "sqlite:s.db"];
    let (code, stdout, stderr) = run_verb(folder.path(), &arguments);
    assert_eq!(code, 0);
    assert!(stdout.contains("rejected 5"), "{stdout}");
    assert!(stderr.contains("every record is rejected"), "{stderr}");
}

#[test]
fn the_help_names_the_shipped_contracts() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["run", "rows", "check", "explain", "schema", "verify"] {
        let help = succeeds(folder.path(), &[verb, "--help"]);
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("`applications` or `loans`"), "{verb}: {help}");
    }
}
