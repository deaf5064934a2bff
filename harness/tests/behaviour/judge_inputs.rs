//! `harness judge` on small files of each kind: values of 0 and below, directions, exact margins,
//! spreadsheets, UTF-16 and hyperfine.

use std::path::Path;

use serde_json::Value;

use crate::common::harness;

/// What a file has to give: flags, exit code, metrics with their verdicts, and a part of stderr.
struct Case {
    file: &'static str,
    flags: &'static [&'static str],
    code: i32,
    verdicts: &'static [(&'static str, &'static str)],
    says: &'static str,
}

const NOT_INTERLEAVED: &str = "not testable: the runs of A and B were not interleaved";

const CASES: &[Case] = &[
    Case {
        file: "zero_baseline_passes.csv",
        flags: &[],
        code: 1,
        verdicts: &[("allocs", "REGRESSION"), ("wall", "SMALL")],
        says: "allocs: lower is better, judged on differences; wall: lower is better",
    },
    Case {
        file: "zero_both.csv",
        flags: &[],
        code: 0,
        verdicts: &[("errors", "PASS"), ("wall", "PASS")],
        says: "session s, metric errors: the margin is 0",
    },
    Case {
        file: "negative_drift.csv",
        flags: &["--margin-abs", "2"],
        code: 1,
        verdicts: &[("clock_offset_ms", "REGRESSION")],
        says: "clock_offset_ms: lower is better, judged on differences",
    },
    Case {
        file: "negative_drift.csv",
        flags: &["--margin-abs", "clock_offset_ms=20"],
        code: 0,
        verdicts: &[("clock_offset_ms", "SMALL")],
        says: "SMALL 1",
    },
    Case {
        file: "negative_drift.csv",
        flags: &["--margin-abs=2", "--higher", "clock_offset_ms"],
        code: 0,
        verdicts: &[("clock_offset_ms", "IMPROVED")],
        says: "clock_offset_ms: higher is better",
    },
    Case {
        file: "counts_with_zeros.csv",
        flags: &[],
        code: 1,
        verdicts: &[("retries", "REGRESSION")],
        says: "REGRESSION 1",
    },
    Case {
        file: "counts_with_zeros.csv",
        flags: &["--margin-abs", "10"],
        code: 0,
        verdicts: &[("retries", "SMALL")],
        says: "SMALL 1",
    },
    Case {
        file: "rate_beside_time.csv",
        flags: &[],
        code: 0,
        verdicts: &[("rec_per_min", "IMPROVED"), ("wall", "SMALL")],
        says: "rec_per_min: higher is better; wall: lower is better",
    },
    Case {
        file: "rates_known.csv",
        flags: &[],
        code: 1,
        verdicts: &[("ops_per_s", "REGRESSION"), ("throughput", "IMPROVED")],
        says: "ops_per_s: higher is better; throughput: higher is better",
    },
    Case {
        file: "errors_per_s.csv",
        flags: &[],
        code: 1,
        verdicts: &[("errors_per_s", "REGRESSION")],
        says: "errors_per_s: lower is better",
    },
    Case {
        file: "frames.csv",
        flags: &["--higher", "frames_per_s"],
        code: 0,
        verdicts: &[("frame_ms", "PASS"), ("frames_per_s", "IMPROVED")],
        says: "frame_ms: lower is better; frames_per_s: higher is better",
    },
    Case {
        file: "exact5-100.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall_s", "REGRESSION")],
        says: "REGRESSION 1",
    },
    Case {
        file: "exact5-100.csv",
        flags: &["--margin", "10%"],
        code: 0,
        verdicts: &[("wall_s", "SMALL")],
        says: "SMALL 1",
    },
    Case {
        file: "exact10-100.csv",
        flags: &["--margin", "0.10"],
        code: 1,
        verdicts: &[("wall_s", "REGRESSION")],
        says: "REGRESSION 1",
    },
    Case {
        file: "exact10-100.csv",
        flags: &["--margin", "10%", "--scale", "difference"],
        code: 1,
        verdicts: &[("wall_s", "REGRESSION")],
        says: "judged on differences",
    },
    Case {
        file: "exact10-100.csv",
        flags: &["--margin-abs", "10"],
        code: 1,
        verdicts: &[("wall_s", "REGRESSION")],
        says: "judged on differences",
    },
    Case {
        file: "exact10-100.csv",
        flags: &["--margin-abs", "10.001"],
        code: 0,
        verdicts: &[("wall_s", "SMALL")],
        says: "SMALL 1",
    },
    Case {
        file: "exact5-0.3.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "REGRESSION 1",
    },
    Case {
        file: "exact10-1e9.csv",
        flags: &["--margin", "10%"],
        code: 1,
        verdicts: &[("rss", "REGRESSION")],
        says: "REGRESSION 1",
    },
    Case {
        file: "exact5-varying.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "REGRESSION 1",
    },
    Case {
        file: "german_excel.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "wall: lower is better",
    },
    Case {
        file: "excel_thousands.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "wall: lower is better",
    },
    Case {
        file: "excel_tabs.txt",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "wall: lower is better",
    },
    Case {
        file: "utf8_bom.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "wall: lower is better",
    },
    Case {
        file: "powershell_utf16.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "wall: lower is better",
    },
    Case {
        file: "utf16_big_endian.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "wall: lower is better",
    },
    Case {
        file: "utf16_crlf.csv",
        flags: &[],
        code: 1,
        verdicts: &[("wall", "REGRESSION")],
        says: "wall: lower is better",
    },
    Case {
        file: "utf16_umlaut.csv",
        flags: &["--margin", "20%"],
        code: 0,
        verdicts: &[("wall", "SMALL")],
        says: "SMALL 1",
    },
    Case {
        file: "hyperfine.json",
        flags: &[],
        code: 3,
        verdicts: &[("wall_s", NOT_INTERLEAVED)],
        says: "this is an estimate and no verdict",
    },
    Case {
        file: "hyperfine_three.json",
        flags: &[],
        code: 3,
        verdicts: &[("wall_s", NOT_INTERLEAVED), ("wall_s", NOT_INTERLEAVED)],
        says: "a drift of the machine looks like a difference",
    },
    Case {
        file: "hyperfine_failing.json",
        flags: &[],
        code: 3,
        verdicts: &[("wall_s", NOT_INTERLEAVED)],
        says: "8 of 10 runs of `new` failed",
    },
    Case {
        file: "hyperfine_two_runs.json",
        flags: &[],
        code: 3,
        verdicts: &[("wall_s", NOT_INTERLEAVED)],
        says: "not testable 1",
    },
];

/// JSON lines, standard error and exit code for a file.
fn judge(file: &str, flags: &[&str]) -> (Vec<Value>, String, i32) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/judge").join(file);
    let output = harness().arg("judge").arg(path).args(flags).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap())
}

#[test]
fn each_kind_of_file_gives_the_right_verdict_and_exit_code() {
    for Case { file, flags, code, verdicts, says } in CASES {
        let (lines, err, found) = judge(file, flags);
        let found_verdicts: Vec<(&str, &str)> = lines
            .iter()
            .map(|line| (line["metric"].as_str().unwrap(), line["verdict"].as_str().unwrap()))
            .collect();
        assert_eq!(&found_verdicts, verdicts, "{file} {flags:?}: {err}");
        assert!(err.contains(says), "{file} {flags:?}: {err}");
        assert_eq!(found, *code, "{file} {flags:?}");
        for line in &lines {
            let better = line["better"].as_str().unwrap();
            assert!(matches!(better, "lower" | "higher"), "{line}");
        }
    }
}

#[test]
fn differences_are_given_in_the_metric_s_unit_and_not_in_percent() {
    let (lines, ..) = judge("zero_baseline_passes.csv", &[]);
    let [allocs, wall] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&allocs["scale"], &wall["scale"]), (&"difference".into(), &"ratio".into()));
    assert_eq!(allocs["effect"], 5.0);
    assert_eq!((&allocs["margin"], &allocs["p_within"]), (&0.0.into(), &Value::Null));
    assert!(allocs["effect_percent"].is_null() && allocs["interval_percent"].is_null());
    assert!(wall.get("effect").is_none() && wall["effect_percent"].is_f64());
    // Two tests share the error of one: 2/252.
    assert!((allocs["p_worse_adjusted"].as_f64().unwrap() - 2.0 / 252.0).abs() < 1e-12);
    let (lines, ..) = judge("rate_beside_time.csv", &["--scale", "rec_per_min=difference"]);
    let effect = lines[0]["effect"].as_f64().unwrap();
    assert!((effect + 10.0).abs() < 0.1, "a higher rate is less worse: {effect}");
}

#[test]
fn files_in_other_encodings_give_what_their_plain_form_gives() {
    let same = |one: &str, others: &[&str]| {
        let (expected, ..) = judge(one, &[]);
        for other in others {
            let (mut lines, ..) = judge(other, &[]);
            lines[0]["session"] = expected[0]["session"].clone();
            assert_eq!(lines, expected, "{other}");
        }
    };
    same("german_excel.csv", &["powershell_utf16.csv"]);
    same(
        "utf8_bom.csv",
        &[
            "excel_thousands.csv",
            "excel_tabs.txt",
            "utf16_big_endian.csv",
            "utf16_crlf.csv",
            "utf16_umlaut.csv",
        ],
    );
}

#[test]
fn hyperfine_gives_an_estimate_with_an_interval_and_what_it_holds_for() {
    let (lines, ..) = judge("hyperfine.json", &[]);
    let line = &lines[0];
    assert_eq!(line["session"], "sleep 0.15");
    let effect = line["effect_percent"].as_f64().unwrap();
    assert!((effect - 50.0).abs() < 3.0, "{effect}");
    let [low, high] = [0, 1].map(|end| line["interval_percent"][end].as_f64().unwrap());
    assert!(40.0 < low && low < effect && effect < high && high < 60.0, "{low} {high}");
    assert!(line["p_worse"].is_null() && line["p_within"].is_null());
    let remark = line["remark"].as_str().unwrap();
    assert!(
        remark.contains("against `sleep 0.1`: 4 runs after 4 runs, not interleaved"),
        "{remark}"
    );
    // Two runs each bound nothing.
    let (lines, ..) = judge("hyperfine_two_runs.json", &[]);
    assert!(lines[0]["interval_percent"].is_null() && lines[0]["effect_percent"].is_f64());
}

#[test]
fn what_cannot_be_decided_without_more_is_refused_with_what_to_write() {
    for (file, flags, says) in [
        ("exact5-100.csv", &["--margin", "5"][..], "5 % is 0.05 or 5%"),
        ("exact5-100.csv", &["--margin", "0"], "a share above 0 and below 1"),
        ("negative_drift.csv", &[], "give its margin in its unit: --margin-abs clock_offset_ms="),
        ("exact5-100.csv", &["--higher", "wall"], "there is no metric wall; the file has wall_s"),
        (
            "zero_both.csv",
            &["--scale", "ratio"],
            "metric errors has the value 0, which has no ratio",
        ),
        ("zero_both.csv", &["--scale", "log"], "expected ratio or difference"),
        (
            "exact5-100.csv",
            &["--scale=ratio", "--margin-abs=1"],
            "an absolute margin needs the scale of differences",
        ),
    ] {
        let (lines, err, code) = judge(file, flags);
        assert!(err.contains(says), "{file} {flags:?}: {err}");
        assert_eq!((lines.len(), code), (0, 2), "{file} {flags:?}");
    }
}

#[test]
fn every_file_of_the_folder_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/judge");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name();
        assert!(CASES.iter().any(|case| *case.file == name), "{}", name.display());
    }
}
