//! Throughput of parse+map on one thread, staged and full records.

#[path = "support/sample.rs"]
mod sample;
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use migrator::source::synthetic::Profile;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;

use sample::Sample;
use support::contract;

fn parse_map(criterion: &mut Criterion) {
    let (contract, now) = contract();
    let mapper = Mapper::new(&contract, now);
    let samples =
        [Sample::new("staged", Profile::Staged, 500), Sample::new("full", Profile::Full, 40)];
    for sample in &samples {
        let mut parser = Parser::new(&contract);
        let mut group = criterion.benchmark_group(sample.name);
        group.sample_size(20);
        group.throughput(Throughput::Bytes(sample.bytes() as u64));
        group.bench_function("memchr", |bencher| bencher.iter(|| sample.scan()));
        group.bench_function("events-only", |bencher| bencher.iter(|| sample.events_only()));
        group.bench_function("parse+map", |bencher| {
            bencher.iter(|| sample.parse_map(&mut parser, &mapper));
        });
        group.throughput(Throughput::Elements(sample.records.len() as u64));
        group.bench_function("parse+map, records", |bencher| {
            bencher.iter(|| sample.parse_map(&mut parser, &mapper));
        });
        group.finish();
    }
}

criterion_group!(benches, parse_map);
criterion_main!(benches);
