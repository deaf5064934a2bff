//! Whole runs: the gain of further workers, the rate by size of the store, and the delay of a
//! resumed run that is nearly complete. Numbers of workers alternate within a round, so that drift
//! of a shared machine affects all; the bench prints medians over the rounds. Each size and each
//! log is run once, from small to large.
//!
//! `-- --quick` for a short one; `-- --long` grows to a million records, and skips a log of 10
//! million. `-- --resume` does the last part alone.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "support/median.rs"]
mod median;
#[path = "support/resume.rs"]
mod resume;
#[path = "support/runs.rs"]
mod runs;

use migrator::config::Link;

use median::median;
use resume::{NEW, Resumed};
use runs::Bench;

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let logged = match (has("--quick"), has("--long")) {
        (true, _) => 100_000,
        (_, true) => 10_000_000,
        _ => 1_000_000,
    };
    if has("--resume") {
        return passing_over(logged);
    }
    let (records, rounds) = if has("--quick") { (2_000, 3) } else { (10_000, 7) };
    scaling(records, rounds);
    let sizes: &[u32] = match (has("--quick"), has("--long")) {
        (true, _) => &[2_000, 10_000],
        (_, true) => &[10_000, 100_000, 1_000_000],
        _ => &[10_000, 100_000],
    };
    growth(sizes);
    passing_over(logged);
}

/// Times from the start of a run to the first unlogged record and to the end, behind a log of
/// `logged` records. Cases: keys without gaps; one record in the middle missing; every second key,
/// so that the log is read page by page.
fn passing_over(logged: u32) {
    let cases = [
        ("without a gap", 1, false),
        ("one missing in the middle", 1, true),
        ("every second key", 2, false),
    ];
    for (name, step, with_gap) in cases {
        let taken = Resumed::new(logged, step, with_gap).resume();
        let read = u64::from(NEW) + u64::from(with_gap);
        let skipped = u64::from(logged) - u64::from(with_gap);
        assert_eq!((taken.books.read, taken.books.skipped), (read, skipped));
        let [opened, first, last] =
            [taken.opened, taken.first, taken.last].map(|time| time.as_secs_f64());
        println!(
            "{logged:>9} logged records, {name}: source open after {opened:.3} s, first record \
             that is not logged after {first:.3} s, last after {last:.3} s"
        );
    }
}

/// Records per minute by number of workers.
fn scaling(records: u32, rounds: usize) {
    const WORKERS: [&str; 3] = ["workers = 1", "workers = 2", "workers = 4"];
    let bench = Bench::new(records, 1_000, Link::default());
    let mut rates = vec![Vec::new(); WORKERS.len()];
    let mut ratios = vec![Vec::new(); WORKERS.len()];
    for round in 0..=rounds {
        let of_round = WORKERS.map(|typed| bench.rate(typed));
        for ((rates, ratios), rate) in rates.iter_mut().zip(&mut ratios).zip(of_round) {
            // The first round warms up and does not count.
            if round > 0 {
                rates.push(rate);
                ratios.push(rate / of_round[0]);
            }
        }
    }
    println!("{records} staged records, batches of 1,000, {rounds} rounds");
    for ((name, rates), ratios) in WORKERS.iter().zip(rates).zip(ratios) {
        println!("{name:>12} {:9.0} rec/min, {:.2} of one worker", median(rates), median(ratios));
    }
}

/// Records per minute and peak memory by final number of records in the store. Memory is the peak
/// of this process so far, so sizes ascend.
fn growth(sizes: &[u32]) {
    for &records in sizes {
        let report = Bench::new(records, 1_000, Link::default()).run("");
        let mebibytes = report.peak_rss_bytes >> 20;
        println!(
            "{records:>9} records {:9.0} rec/min, peak RSS {mebibytes} MiB",
            report.rec_per_min
        );
    }
}
