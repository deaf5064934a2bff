//! Ratios within one run: parse+map against quick-xml's bare event loop and against a search for
//! one byte, over the same bytes.
//!
//! The three alternate, so that drift of a shared machine affects all; a ratio is the median over
//! rounds. `-- --quick` takes fewer records and rounds.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "support/median.rs"]
mod median;
#[path = "support/sample.rs"]
mod sample;
mod support;

use std::time::Instant;

use migrator::source::synthetic::Profile;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;

use median::median;
use sample::Sample;
use support::contract;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (staged, full, rounds) = if quick { (300, 20, 7) } else { (2000, 150, 21) };
    report(&Sample::new("staged", Profile::Staged, staged), rounds);
    report(&Sample::new("full", Profile::Full, full), rounds);
}

fn report(sample: &Sample, rounds: usize) {
    let (contract, now) = contract();
    let mut parser = Parser::new(&contract);
    let mapper = Mapper::new(&contract, now);
    let mut events = Vec::with_capacity(rounds);
    let mut mapped = Vec::with_capacity(rounds);
    let mut scanned = Vec::with_capacity(rounds);
    let mut ratios = Vec::with_capacity(rounds);
    let mut scan_ratios = Vec::with_capacity(rounds);
    // The first round warms caches and tables and does not count.
    for round in 0..=rounds {
        let events_s = seconds(|| sample.events_only());
        let scanned_s = seconds(|| sample.scan());
        let mapped_s = seconds(|| sample.parse_map(&mut parser, &mapper));
        if round > 0 {
            events.push(events_s);
            mapped.push(mapped_s);
            scanned.push(scanned_s);
            ratios.push(events_s / mapped_s);
            scan_ratios.push(scanned_s / mapped_s);
        }
    }
    let megabytes = sample.bytes() as f64 / 1e6;
    let records = sample.records.len() as f64;
    let (events_s, mapped_s) = (median(events), median(mapped));
    let name = sample.name;
    println!("{name}: {records} records of {:.1} kB on average", megabytes * 1e3 / records);
    println!("{name} memchr: {:.0} MB/s", megabytes / median(scanned));
    println!("{name} events-only: {:.0} MB/s", megabytes / events_s);
    println!(
        "{name} parse+map: {:.0} MB/s, {:.0} records/s",
        megabytes / mapped_s,
        records / mapped_s
    );
    println!("ratio {name} parse+map / events-only: {:.2}", median(ratios));
    println!("ratio {name} parse+map / memchr: {:.3}", median(scan_ratios));
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
