//! Four migrators on one store: each with a partition of its own, all on the same range by mistake,
//! two on one partition, and with one of them killed. No record is duplicated or lost, and a
//! process that loses a race reports it.
//!
//! `SWEETSPOT_FULL=1` takes 50 rounds of each instead of 2.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use migrator::telemetry::report::{Books, RunReport};

use crate::support::command::{Migration, migrator};
use crate::support::counts;
use crate::support::counts::Harm;

const RECORDS: u32 = 60;

/// Settings that vary from round to round: key queries and insert methods.
const SETTINGS: [&[&str]; 4] = [
    &["--batch-size", "4"],
    &["--batch-size", "3", "--cache", "shared", "--pool", "shared", "--queue-depth", "2"],
    &["--batch-size", "1", "--workers", "4", "--cache", "batch", "--insert", "bulk"],
    &["--batch-size", "7", "--cache", "worker", "--pool", "worker", "--parse-threads", "2"],
];

/// Starts a process on a store, with stderr captured.
fn start(migration: &Migration, store: &str, options: &[&str]) -> Child {
    let mut command: Command = migrator("run");
    command.args(["--source", &migration.source(), "--synchronous", "off", "--report", "-"]);
    command.args(["--store", &format!("sqlite:{}", migration.path(store).display())]);
    command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The books of a process that succeeded. Asserts that it reported the races that it lost.
fn books(output: &Output) -> Books {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: RunReport = serde_json::from_slice(&output.stdout).unwrap();
    let owns_up = said.contains("lost to another process on the same range");
    assert_eq!(owns_up, report.books.lost_race > 0, "{:?}: {said}", report.books);
    assert!(report.books.balance(), "{:?}", report.books);
    report.books
}

/// Counts over several rounds.
#[derive(Default)]
struct Tally {
    processes: u32,
    killed: u32,
    lost_races: u64,
    harm: Harm,
}

/// Runs four processes with these partitions. Kills the first after `kill` and resumes its
/// partition with one more process.
fn round(
    migration: &Migration,
    number: usize,
    shares: [Option<&str>; 4],
    kill: Option<Duration>,
) -> Tally {
    let store = format!("store{number}.db");
    let settings = SETTINGS[number % SETTINGS.len()];
    let children = shares.map(|share| {
        let partition: Vec<&str> = share.into_iter().flat_map(|s| ["--partition", s]).collect();
        start(migration, &store, &[settings, &partition].concat())
    });
    let mut sum = Books::default();
    let mut killed = 0;
    for (place, mut child) in children.into_iter().enumerate() {
        if let Some(after) = kill.filter(|_| place == 0) {
            thread::sleep(after);
            child.kill().unwrap();
            // The process may have ended before the signal.
            killed += u32::from(child.wait().unwrap().signal() == Some(9));
        } else {
            sum.add(&books(&child.wait_with_output().unwrap()));
        }
    }
    let lost_races = sum.lost_race;
    if kill.is_some() {
        let rest = start(migration, &store, settings).wait_with_output().unwrap();
        let rest = books(&rest);
        assert_eq!(rest.read + rest.skipped, u64::from(RECORDS));
    } else {
        assert_eq!(sum.read - sum.lost_race, u64::from(RECORDS), "{sum:?}");
    }
    let audit = migration.audit_of(&store, &[]);
    assert!(audit.passed, "{settings:?}, {shares:?}: {:?}", audit.findings);
    let processes = 4 + u32::from(kill.is_some());
    Tally { processes, killed, lost_races, harm: Harm::found_by(&audit) }
}

fn rounds(migration: &Migration, name: &str, shares: [Option<&str>; 4], kill: bool, first: usize) {
    let rounds = if counts::full() { 50 } else { 2 };
    let mut total = Tally::default();
    for number in 0..rounds {
        // Between its start and its end, which comes after some 70 ms in a release build.
        let after = kill.then(|| Duration::from_millis(8 + 7 * (number as u64 % 8)));
        let Tally { processes, killed, lost_races, harm } =
            round(migration, first + number, shares, after);
        total.processes += processes;
        total.killed += killed;
        total.lost_races += lost_races;
        total.harm += harm;
    }
    let Tally { processes, killed, lost_races, harm } = total;
    counts::print(&format!(
        "{processes} processes {name}, {killed} killed, {lost_races} races lost: {harm}"
    ));
    assert_eq!(harm, Harm::default());
    assert_eq!(killed > 0, kill, "{killed} of {rounds} were killed before their end");
    if shares.iter().collect::<BTreeSet<_>>().len() == 4 {
        assert_eq!(lost_races, 0, "records of one's own are not raced for");
    }
}

#[test]
fn four_processes_on_one_store_lose_and_duplicate_no_record() {
    let migration = Migration::new(RECORDS, 0.15, 0.05);
    let own = ["0/4", "1/4", "2/4", "3/4"].map(Some);
    let halves = ["0/2", "1/2", "0/2", "1/2"].map(Some);
    rounds(&migration, "with records of their own", own, false, 0);
    rounds(&migration, "on one range by mistake", [None; 4], false, 101);
    rounds(&migration, "two on each share by mistake", halves, false, 202);
    rounds(&migration, "one of them killed", [None; 4], true, 303);
}
