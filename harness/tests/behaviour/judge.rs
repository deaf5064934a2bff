//! `harness judge` from the command line: stdout, stderr and exit codes.

use std::fmt::Write as _;

use crate::common::harness;

/// A session of ten pairs in which B takes `factor` times as long, ±1 %.
fn session(name: &str, factor: f64) -> String {
    noisy_session(name, factor, 0.01)
}

fn noisy_session(name: &str, factor: f64, spread: f64) -> String {
    let mut text = String::new();
    for block in 1..=10 {
        let noise = 1.0 + spread * (f64::from(block * 7 % 10) - 4.5) / 10.0;
        let (a, b) = (1 + block % 2, 2 - block % 2);
        writeln!(text, "{name},wall_s,{block},{a},A,{}", 10.0 * noise).unwrap();
        writeln!(text, "{name},wall_s,{block},{b},B,{}", 10.0 * factor / noise).unwrap();
    }
    text
}

fn file(rows: &str) -> String {
    format!("session,metric,block,slot,arm,value\n{rows}")
}

/// Standard output, standard error and exit code of `harness judge - FLAGS`.
fn judge(text: &str, flags: &[&str]) -> (String, String, i32) {
    let output = harness().args(["judge", "-"]).args(flags).write_stdin(text).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn verdicts_are_json_lines_on_stdout_and_counts_are_on_stderr() {
    let rows = session("a", 1.2) + &session("b", 1.0);
    let (out, err, code) = judge(&file(&rows), &[]);
    let verdicts: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let says = |index: usize| (&verdicts[index]["session"], &verdicts[index]["verdict"]);
    assert_eq!(says(0), (&"a".into(), &"REGRESSION".into()));
    assert_eq!(says(1), (&"b".into(), &"PASS".into()));
    assert!(err.contains("judged 2: IMPROVED 0, PASS 1, SMALL 0, REGRESSION 1"), "{err}");
    // The worst session decides.
    assert_eq!(code, 1);
}

#[test]
fn the_exit_code_of_a_single_session_is_its_verdict() {
    for (factor, flags, code) in [
        (1.2, &[][..], 1),
        (1.0, &[], 0),
        (1.2, &["--better", "higher"], 0),
        (0.8, &["--better", "higher"], 1),
        (1.2, &["--margin", "0.3"], 0),
    ] {
        assert_eq!(judge(&file(&session("s", factor)), flags).2, code, "{factor} {flags:?}");
    }
}

#[test]
fn an_inconclusive_session_exits_with_3() {
    let six = session("s", 1.2).lines().take(12).collect::<Vec<_>>().join("\n");
    let noisy = noisy_session("s", 1.02, 0.3);
    for (rows, says) in [(six, "not testable with 6 pairs"), (noisy, "INCONCLUSIVE")] {
        let (out, _, code) = judge(&file(&rows), &[]);
        assert!(out.contains(says), "{out}");
        assert_eq!(code, 3);
    }
}

#[test]
fn an_invalid_file_exits_with_2_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.csv");
    std::fs::write(&path, file("s,m,1,0,A,1\ns,m,1,1,X,1\n")).unwrap();
    let output = harness().arg("judge").arg(&path).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("bad.csv, line 2: ") && err.contains("line 3: arm X"), "{err}");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}

#[test]
fn an_unreadable_or_empty_input_exits_with_2() {
    let missing = harness().args(["judge", "no-such.csv"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("reading no-such.csv"));
    let (out, err, code) = judge(&file(""), &[]);
    assert!(out.is_empty() && err.contains("there are no measurements"), "{err}");
    assert_eq!(code, 2);
}

/// A file of one session in which B takes `factor` times as long.
pub(crate) fn measurements(factor: f64) -> String {
    file(&session("a", factor))
}
