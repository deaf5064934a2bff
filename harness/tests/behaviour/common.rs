//! Fixtures of several tests: a stand-in for the migrator, scenarios, and sweeps without processes.
//! Contains no assertions.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::analysis::sweep::analyse;
use harness::error::Result;
use harness::experiment::sweep::SweepStrategy;

use harness::report::model::Document;
use harness::scenario::Scenario;
use harness::session::event::{Event, Observer};
use harness::session::ledger;
use harness::session::ledger::{Ledger, Origin, ProgramId, Session, SessionLine};
use harness::session::replay;
use harness::session::replay::{ParsedLedger, Replay};
use harness::session::runner;
use harness::session::state::SessionState;
use harness::trial::measurement::{Cause, Failure, Measurement, Outcome};
use harness::trial::provenance::{Machine, ProgramIdentity, Provenance, StoreIdentity};
use harness::trial::{Mock, Source, report};
use migrator::config::Settings;
use migrator::telemetry::report::RunReport;
use serde_json::Value;
use tempfile::TempDir;

/// A scenario of two batch sizes, short enough for processes.
pub(crate) const TWO_SIZES: &str = r#"
name = "two-sizes"
why = "Does it work?"
phase = "II.1"
optimization = "Batch size tuning"
runs = 2
warmup = 0

[workload]
records = 500

[baseline]
batch_size = 100

[sweep]
batch_size = [100, 200]

# Tests run beside each other.
[validity]
foreign_cpu_share_max = 1.0
steal_share_max = 1.0
"#;

/// A folder with a program that accepts the migrator's command line and stores no rows.
pub(crate) struct Fake {
    folder: TempDir,
}

impl Fake {
    /// `before_report` are shell lines that run before the report is written. They may set
    /// `$checksum` and `$link` (further fields) and read `$batch_size` and `$workers`. `$here` is
    /// the folder of the fake.
    pub(crate) fn new(before_report: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script =
            SCRIPT.replace("BEFORE_REPORT", before_report).replace("REPORT", &report_template());
        let fake = Self { folder };
        // Another process writes the program. A test that forks meanwhile would inherit the open
        // file, and a program that is open for writing cannot be started.
        let text = fake.write("migrator.txt", &script);
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(text).arg(fake.program());
        assert!(install.status().unwrap().success());
        fake
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.path("migrator")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// `harness sweep SCENARIO`, measuring this fake.
    pub(crate) fn sweep(&self, scenario: &str, flags: &[&str]) -> assert_cmd::Command {
        assert_cmd::Command::from_std(self.sweep_process(scenario, flags))
    }

    /// The same sweep as a process that a test can kill.
    pub(crate) fn sweep_process(&self, scenario: &str, flags: &[&str]) -> Command {
        let scenario = self.write("scenario.toml", scenario);
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("harness"));
        command.arg("sweep").arg(scenario).args(flags);
        command.arg("--migrator").arg(self.program()).arg("--out").arg(self.out());
        command
    }

    /// The results folders of a scenario's measurements, the oldest first.
    pub(crate) fn all_results(&self, scenario: &str) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.out().join(scenario)).into_iter().flatten();
        let folders = folders.map(|folder| folder.unwrap());
        let is_hidden = |name: &OsStr| name.to_string_lossy().starts_with('.');
        let shown = folders.filter(|folder| !is_hidden(&folder.file_name()));
        let mut folders: Vec<_> = shown.map(|folder| folder.path()).collect();
        folders.sort();
        folders
    }

    /// The results folder of the only measurement of a scenario.
    pub(crate) fn results(&self, scenario: &str) -> PathBuf {
        let mut folders = self.all_results(scenario);
        assert_eq!(folders.len(), 1, "more than one results folder");
        folders.remove(0)
    }
}

pub(crate) fn harness() -> assert_cmd::Command {
    assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("harness"))
}

const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
workers=2
batch_size=1000
insert=values
checksum=00112233445566778899aabbccddeeff
verb=$1
while [ $# -gt 0 ]; do
    case $1 in
        --report) report=$2 ;;
        --out) out=${2#sqlite:} ;;
        --workers) workers=$2 ;;
        --batch-size) batch_size=$2 ;;
        --insert) insert=$2 ;;
        --pool* | --queue* | --cache* | --parse-threads)
            key=$(echo "${1#--}" | tr - _)
            case $2 in *[!0-9]*) value="\"$2\"" ;; *) value=$2 ;; esac
            further="$further,\"$key\":$value" ;;
        --link-connect-ms) connect_ms=$2 ;;
        --link-round-trip-ms) round_trip_ms=$2 ;;
    esac
    shift
done
if [ "$verb" = generate ]; then
    echo generated >> "$here/generated"
    echo source > "$out"
    exit 0
fi
BEFORE_REPORT
cat > "$report" <<END
REPORT
END
"#;

/// The JSON of a report into which a shell inserts the settings and the checksum.
fn report_template() -> String {
    let mut report = serde_json::to_value(report(&Settings::default(), 500, 60_000.0)).unwrap();
    report["settings"] = Value::from("SETTINGS");
    report["checksum"] = Value::from("$checksum");
    let settings = r#"{"workers":$workers,"batch_size":$batch_size,"insert":"$insert"$further}"#;
    let report = report.to_string().replace(r#""SETTINGS""#, settings);
    report.replacen('{', "{$link", 1)
}

/// The first line of a sweep's ledger.
pub(crate) fn session_line(scenario: &Scenario) -> SessionLine {
    let program = ProgramId { name: "migrator".into(), blake3: "p".into() };
    let origin =
        Origin { revision: "r".into(), host: None, programs: vec![program], servers: Vec::new() };
    SessionLine::new(Session::sweep(scenario.clone()), origin, None)
}

/// The ledger of a sweep whose runs all end as `answer` returns. No process is started.
pub(crate) fn mock_sweep(
    scenario: &Scenario,
    answer: impl FnMut(&Source, &Settings) -> Result<Measurement> + 'static,
) -> Result<SessionState> {
    let folder = tempfile::tempdir().unwrap();
    let session = session_line(scenario);
    let path = folder.path().join("ledger.jsonl");
    let mut ledger = Ledger::create(&path, &session)?;
    let mut executor = Mock::new(answer);
    runner::run(Replay::of(session), &SweepStrategy, &mut executor, &mut ledger, &mut Silent)?;
    tell(&path).progress.into_recorded()
}

/// The document of a sweep, with the same provenance on every machine.
pub(crate) fn document(recorded: &SessionState) -> Document {
    harness::report::build::sweep::document(&analyse(recorded).unwrap(), recorded, &identity())
        .unwrap()
}

/// Parses a ledger.
pub(crate) fn tell(path: &Path) -> ParsedLedger {
    replay::parse_ledger(&ledger::text(path).unwrap()).unwrap()
}

/// Runs whose rates differ by setting, and by up to 3 % from run to run. Every sweep gets the same
/// rates.
pub(crate) fn noisy_runs() -> impl FnMut(&Source, &Settings) -> Result<Measurement> {
    let mut run = 0_u32;
    move |source, settings| {
        run += 1;
        let batch_size = settings.batch_size.get() as f64;
        // Small batches cost transactions, large ones memory.
        let rate = 600_000.0 / (1.0 + 40.0 / batch_size + batch_size / 5_000.0);
        Ok(done(report(settings, source.records, rate * (1.0 + 0.03 * uniform(run)))))
    }
}

/// A reproducible pseudo-random number from −1 to 1.
pub(crate) fn uniform(number: u32) -> f64 {
    let mut bits = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from(bits >> 32).unwrap()) / f64::from(u32::MAX) * 2.0 - 1.0
}

/// A run that succeeded.
pub(crate) fn done(report: RunReport) -> Measurement {
    Measurement::new(report.wall_s, Outcome::Report(Box::new(report)))
}

/// A run that failed.
pub(crate) fn failure() -> Measurement {
    let failure = Failure::new(Cause::Exit { code: 2 }, "out of luck");
    Measurement::new(0.1, Outcome::Failure(failure))
}

/// An observer that ignores all events.
pub(crate) struct Silent;

impl Observer for Silent {
    fn observe(&mut self, _: Event<'_>) {}
}

/// The file's text.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// A provenance that is the same on every machine.
pub(crate) fn identity() -> Provenance {
    Provenance {
        format: 1,
        revision: "0123456789abcdef0123456789abcdef01234567".into(),
        plan_hash: "fedcba98765432100123456789abcdef".into(),
        started: "2026-01-31T12:00:00Z".into(),
        command: "harness sweep batch-size".into(),
        program: ProgramIdentity {
            path: None,
            blake3: "00000000000000000000000000000000".into(),
            version: Some("0.1.0".into()),
            profile: Some("release".into()),
        },
        other_programs: Vec::new(),
        store: StoreIdentity {
            url: "sqlite:".into(),
            synchronous: Some("full".into()),
            version: Some("sqlite 3.50.0".into()),
            filesystem: Some("ext4".into()),
        },
        machine: Machine {
            host: Some("quiet".into()),
            kernel: Some("Linux 6.12.0".into()),
            cpu: Some("An Invented Processor".into()),
            cpus: 2,
            memory_bytes: Some(8 << 30),
            governor: Some("performance".into()),
            load: Some(0.07),
        },
    }
}

/// Returns true if a process exists and is not a zombie.
fn lives(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim()));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Returns true if the process ends within a time that even a busy machine keeps to.
pub(crate) fn dies(pid: &str) -> bool {
    let start = Instant::now();
    while lives(pid) && start.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(10));
    }
    !lives(pid)
}
