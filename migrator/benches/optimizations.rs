//! Effect of each optimization: every setting alone against the baseline, on the embedded store and
//! over a simulated network. Settings alternate within a round, so that drift affects all. The
//! bench prints the median and the middle half of the rounds, in records per minute.
//!
//! These are medians of a bench without a statistical test; the harness has one. `-- --quick` for a
//! short one.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "support/runs.rs"]
mod runs;

use migrator::config::Link;

use runs::Bench;

/// Each setting alone, beside the baseline.
const SETTINGS: &[(&str, &str)] = &[
    ("baseline", ""),
    ("batch_size=200", "batch_size = 200"),
    ("batch_size=50", "batch_size = 50"),
    ("pool=worker", "pool = 'worker'"),
    ("pool=shared", "pool = 'shared'"),
    ("queue_depth=2", "queue_depth = 2"),
    ("cache=batch", "cache = 'batch'"),
    ("cache=shared", "cache = 'shared'"),
    ("parse_threads=1", "parse_threads = 1"),
    ("parse_threads=2", "parse_threads = 2"),
    ("insert=bulk", "insert = 'bulk'"),
];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (records, rounds) = if quick { (400, 3) } else { (4000, 9) };
    report("embedded store", Link::default(), records, 1000, rounds);
    // Over a network batches are smaller, so that every worker has several.
    let link = Link { connect_ms: 150, round_trip_ms: 1 };
    report("simulated link, 150 ms a connect, 1 ms a message", link, records / 10, 100, rounds);
}

fn report(title: &str, link: Link, records: u32, batch_size: usize, rounds: usize) {
    let bench = Bench::new(records, batch_size, link);
    let mut rates = vec![Vec::new(); SETTINGS.len()];
    // The first round warms up and does not count.
    for round in 0..=rounds {
        for (rates, (_, typed)) in rates.iter_mut().zip(SETTINGS) {
            let rate = bench.rate(typed);
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    println!("{title}: {records} staged records, batches of {batch_size}, {rounds} rounds");
    let baseline = quartiles(&mut rates[0].clone());
    for (rates, (name, _)) in rates.iter_mut().zip(SETTINGS) {
        let [low, median, high] = quartiles(rates);
        let against = 100.0 * (median / baseline[1] - 1.0);
        println!("{name:>18} {median:9.0} rec/min ({low:.0} to {high:.0}) {against:+6.1} %");
    }
}

/// Lower quartile, median, upper quartile.
fn quartiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() - 1) * share / 4];
    [at(1), at(2), at(3)]
}
