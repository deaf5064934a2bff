//! Instructions of the hot path, counted by callgrind. The counts are exact, unlike times on a
//! shared machine. They are compared with `benches/instructions.toml`; `-- --write` replaces that
//! file.
//!
//! A count above the file's tolerance fails, on the toolchain and processor features that the file
//! names. On other machines and without valgrind the bench only prints.
#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod support;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use migrator::contract::catalogue::Catalogue;
use migrator::record::{ParsedRecord, RowSet};
use migrator::source::synthetic::Profile;
use migrator::stage::coerce::Coercer;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;
use serde::{Deserialize, Serialize};

use support::contract;

/// The cases to count: records of a profile through one stage.
const CASES: [(&str, &str); 5] = [
    ("staged", "parse"),
    ("staged", "map"),
    ("staged", "coerce"),
    ("full", "parse"),
    ("full", "map"),
];

/// The committed counts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Baseline {
    /// Toolchain and processor features for which the counts are comparable.
    machine: String,
    /// Percentage above the committed count from which a rise is a regression.
    tolerance_percent: f64,
    /// Thousands of instructions per record, by profile and stage.
    thousands_per_record: BTreeMap<String, f64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--case") {
        run_case(&arguments[at + 1], &arguments[at + 2]);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("instructions: skipped, there is no valgrind");
        return ExitCode::SUCCESS;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml");
    let baseline: Baseline = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let counted =
        CASES.map(|(profile, stage)| (format!("{profile} {stage}"), count(profile, stage)));
    let machine = machine();
    let comparable = machine == baseline.machine;
    if !comparable {
        println!("instructions: counts of {} only inform on {machine}", baseline.machine);
    }
    let mut worse = false;
    for (name, thousands) in &counted {
        // A case without a committed count has no reference, so it fails like a regression.
        let before = baseline.thousands_per_record.get(name).copied().unwrap_or(0.0);
        let percent = 100.0 * (thousands / before - 1.0);
        let mark = if percent > baseline.tolerance_percent { "  WORSE" } else { "" };
        worse |= percent > baseline.tolerance_percent;
        println!(
            "{name:>14} {thousands:9.1} thousand instructions a record ({percent:+.2} %){mark}"
        );
    }
    if arguments.iter().any(|argument| argument == "--write") {
        let thousands_per_record = counted.into_iter().collect();
        let new = Baseline { machine, thousands_per_record, ..baseline };
        std::fs::write(&file, toml::to_string(&new).unwrap()).unwrap();
        return ExitCode::SUCCESS;
    }
    if worse && comparable { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The toolchain, and the processor feature by which libraries select code.
fn machine() -> String {
    let version = Command::new("rustc").arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    #[cfg(target_arch = "x86_64")]
    let wide = if is_x86_feature_detected!("avx2") { " with AVX2" } else { "" };
    #[cfg(not(target_arch = "x86_64"))]
    let wide = "";
    format!("{}, {}{wide}", version.trim(), std::env::consts::ARCH)
}

/// Thousands of instructions per record.
fn count(profile: &str, stage: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let out: PathBuf = folder.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*measured*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--case", profile, stage])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).unwrap();
    let instructions: f64 = collected.1.trim().parse().unwrap();
    instructions / 1e3 / f64::from(size(profile).1)
}

fn size(profile: &str) -> (Profile, u32) {
    if profile == "full" { (Profile::Full, 8) } else { (Profile::Staged, 100) }
}

/// Runs one case in the process that callgrind watches: once to warm tables and buffers, once
/// counted.
fn run_case(profile: &str, stage: &str) {
    let (profile, count) = size(profile);
    let records = support::records(profile, count);
    let (contract, now) = contract();
    let mapper = Mapper::new(&contract, now);
    let mut parser = Parser::new(&contract);
    let parsed: Vec<ParsedRecord> =
        records.iter().map(|record| parser.parse(record).unwrap()).collect();
    let mapped: Vec<RowSet> = parsed.iter().map(|record| mapper.map(record).unwrap()).collect();
    let coercer = Coercer::new(&contract.tables, &Catalogue::embedded().unwrap(), now).unwrap();
    match stage {
        "parse" => measured(&records, |record| {
            let parsed = parser.parse(record).unwrap();
            parser.recycle(parsed);
        }),
        "map" => measured(&parsed, |record| drop(black_box(mapper.map(record).unwrap()))),
        _ => measured(&mapped, |record| drop(black_box(coercer.coerce(record)))),
    }
}

/// The part that callgrind counts. It finds the function by its name.
#[inline(never)]
fn measured<T>(inputs: &[T], mut stage: impl FnMut(&T)) {
    for input in inputs {
        stage(input);
    }
}
