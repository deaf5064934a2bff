//! Migrations that are killed (SIGKILL) again and again, under every two values of two settings,
//! then completed and audited. No record is lost, duplicated or partial.
//!
//! `SWEETSPOT_FULL=1 cargo test --release --package migrator --test program crash_resume` kills
//! 10,000 times.

use std::fs;
use std::ops::AddAssign;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use migrator::telemetry::report::RunReport;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::command::{Migration, open};
use crate::support::counts;
use crate::support::counts::Harm;
use crate::support::pairwise::pairwise;

const RECORDS: u32 = 40;
/// After this many kills a store is completed without further ones.
const KILLS_PER_STORE_MAX: u32 = 6;
/// Runs that end before they are killed do not count. Above this many stores for each kill the test
/// fails.
const STORES_MAX_PER_KILL: u32 = 3;

/// Settings with the values to try.
fn values() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("--workers", vec!["2", "1", "4"]),
        ("--batch-size", vec!["7", "1", "3"]),
        ("--pool", vec!["off", "worker", "shared"]),
        ("--queue-depth", vec!["0", "1", "4"]),
        ("--cache", vec!["off", "batch", "worker", "shared"]),
        ("--parse-threads", vec!["0", "1", "3"]),
        ("--insert", vec!["values", "bulk"]),
    ]
}

/// Counts over all kills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    kills: u32,
    /// Kills that left no record in the log, some records, and all records.
    before: u32,
    within: u32,
    after: u32,
    stores: u32,
    harm: Harm,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.before += other.before;
        self.within += other.within;
        self.after += other.after;
        self.stores += other.stores;
        self.harm += other.harm;
    }
}

impl Tally {
    /// Inspects a copy of the store that a killed process left: whole batches, each with log and
    /// rows.
    fn look_at(&mut self, migration: &Migration, store: &str) {
        let copy = format!("{store}-copy");
        let mut copied = false;
        for end in ["", "-wal"] {
            let (from, to) =
                (migration.path(&format!("{store}{end}")), migration.path(&format!("{copy}{end}")));
            let _ = fs::remove_file(&to);
            copied |= fs::copy(from, to).is_ok();
        }
        let _ = fs::remove_file(migration.path(&format!("{copy}-shm")));
        let logged = if copied { self.logged_whole(migration, &copy) } else { 0 };
        match logged {
            0 => self.before += 1,
            logged if logged < i64::from(RECORDS) => self.within += 1,
            _ => self.after += 1,
        }
    }

    /// Number of records in the log. Differences between log and rows count as partial.
    fn logged_whole(&mut self, migration: &Migration, store: &str) -> i64 {
        let file = open(&migration.path(store));
        let number = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0));
        let tables = number(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('processing_log', 'app_base')",
        );
        match tables {
            Ok(2) => {}
            Ok(0) => return 0,
            other => {
                self.harm.partial += 1;
                counts::print(&format!("only some tables: {other:?}"));
                return 0;
            }
        }
        let logged = number("SELECT count(*) FROM processing_log").unwrap();
        for (sql, expected) in [
            ("SELECT coalesce(sum(records), 0) FROM migration_batch", logged),
            (
                "SELECT count(*) FROM app_base",
                number("SELECT count(*) FROM processing_log WHERE status = 'success'").unwrap(),
            ),
            ("SELECT count(*) FROM pragma_foreign_key_check", 0),
            ("SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'", 0),
        ] {
            if number(sql).unwrap() != expected {
                self.harm.partial += 1;
            }
        }
        logged
    }
}

/// End of a run that was to be killed.
enum End {
    Killed,
    Finished,
}

/// Starts a run and kills it after this time, unless it has ended by then.
fn run_and_kill(migration: &Migration, store: &str, options: &[&str], after: Duration) -> End {
    let mut command = migration.command_into(store, options);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut run = command.spawn().unwrap();
    thread::sleep(after);
    run.kill().unwrap();
    let output = run.wait_with_output().unwrap();
    if output.status.signal() == Some(9) {
        return End::Killed;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    End::Finished
}

fn finish(migration: &Migration, store: &str, options: &[&str]) -> RunReport {
    let output = migration.command_into(store, options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Kills runs with these options at seeded moments until `kills` processes have died, several on
/// each store. Completes and audits every store.
fn campaign(migration: &Migration, name: &str, options: &[&str], kills: u32, seed: u64) -> Tally {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let started = Instant::now();
    let whole = finish(migration, &format!("{name}-whole"), options);
    let whole_run = started.elapsed();
    let mut tally = Tally::default();
    while tally.kills < kills {
        assert!(tally.stores < kills * STORES_MAX_PER_KILL + 10, "{options:?}: {tally:?}");
        let store = format!("{name}-{}", tally.stores);
        let last = (tally.kills + rng.random_range(1..=KILLS_PER_STORE_MAX)).min(kills);
        while tally.kills < last {
            let after = whole_run.mul_f64(rng.random_range(0.0..1.0));
            match run_and_kill(migration, &store, options, after) {
                End::Finished => break,
                End::Killed => {
                    tally.kills += 1;
                    tally.look_at(migration, &store);
                }
            }
        }
        let rest = finish(migration, &store, options);
        assert!(rest.books.balance());
        assert_eq!(rest.books.read + rest.books.skipped, u64::from(RECORDS));
        let audit = migration.audit_of(&store, &[]);
        tally.stores += 1;
        tally.harm += Harm::found_by(&audit);
        assert!(audit.passed, "{options:?}, seed {seed}, store {store}: {:?}", audit.findings);
        if options.windows(2).any(|pair| pair == ["--workers", "1"]) {
            assert_eq!(rest.checksum, whole.checksum, "{options:?}, seed {seed}, store {store}");
        }
        for name in [store.clone(), format!("{store}-copy")] {
            let _ = fs::remove_file(migration.path(&name));
        }
    }
    tally
}

#[test]
fn a_migration_killed_at_any_moment_completes_under_every_setting() {
    let all = if counts::full() { 10_000 } else { 300 };
    let values = values();
    let rows = pairwise(&values);
    let kills = u32::try_from(all / rows.len() + 1).unwrap();
    let migration = Migration::new(RECORDS, 0.15, 0.05);
    let work: Mutex<Vec<(usize, Vec<usize>)>> = Mutex::new(rows.into_iter().enumerate().collect());
    let total = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().pop();
                    let Some((number, row)) = next else { break };
                    let mut options = vec!["--now", "2026-01-31T12:00:00"];
                    for ((name, values), place) in values.iter().zip(row) {
                        options.extend([*name, values[place]]);
                    }
                    let name = format!("store{number}");
                    let tally = campaign(&migration, &name, &options, kills, number as u64);
                    if counts::full() {
                        counts::print(&format!("{tally:?} with {options:?}"));
                    }
                    *total.lock().unwrap() += tally;
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    let Tally { kills, before, within, after, stores, harm } = total;
    counts::print(&format!(
        "{kills} kills ({before} before the first batch, {within} between batches, {after} after \
         the last) of runs into {stores} stores: {harm}"
    ));
    assert!(kills as usize >= all);
    assert_eq!(harm, Harm::default());
    assert!(within * 5 > kills, "most kills missed the work: {total:?}");
}
