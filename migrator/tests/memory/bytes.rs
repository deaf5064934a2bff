//! Compares the sizes that the program reports for its own data with the bytes that were allocated.

use chrono::NaiveDateTime;
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::record::MappingOutcome;
use migrator::run::pipeline::RecordStages;
use migrator::run::worker_pool::Stages;
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::stage::coerce::Coercer;
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;
use migrator::telemetry::metrics::Metrics;
use migrator::write::insert::{Batch, BatchEntry};

use super::allocations::{alone, counted};
use crate::support::counts;

/// Records, some of them rejected and some with keys of others.
fn records(profile: Profile, records: u32) -> SyntheticSource {
    let (product, seed) = (Product::Cc, 42);
    SyntheticSource::new(Spec { product, profile, records, seed, duplicates: 0.1, rejects: 0.3 })
        .unwrap()
}

#[test]
fn the_reported_size_of_a_batch_equals_its_allocations() {
    let _alone = alone();
    let (contract, catalogue) = (Contract::embedded().unwrap(), Catalogue::embedded().unwrap());
    let now = NaiveDateTime::default();
    let coercer = Coercer::new(&contract.tables, &catalogue, now).unwrap();
    for profile in [Profile::Small, Profile::Staged, Profile::Full] {
        let source = records(profile, 60);
        let mut stages = RecordStages::new(&contract, &coercer, now);
        let mut metrics = Metrics::new().unwrap();
        let mut map = |key| {
            let record = source.record(key);
            let key = record.key;
            let mapped = match stages.parse(record, &mut metrics) {
                Ok(parsed) => stages.map(parsed, &mut metrics),
                Err(reject) => MappingOutcome::Rejected(reject),
            };
            BatchEntry { key, retry: false, mapped }
        };
        // The stages keep the buffers that they grow in the first pass.
        for key in 1..=60 {
            drop(map(key));
        }
        let (batch, given) = counted(|| {
            let mut entries = Vec::with_capacity(60);
            entries.extend((1..=60).map(&mut map));
            Batch { number: 0, entries }
        });
        let rejected = |entry: &&BatchEntry| !matches!(entry.mapped, MappingOutcome::Rows(_));
        assert!(batch.entries.iter().filter(rejected).count() > 5);
        let said = usize::try_from(batch.bytes()).unwrap();
        // The stages keep the few names and paths that the second pass still interns.
        let apart = given.left.abs_diff(said) as f64 / given.left as f64;
        counts::print(&format!(
            "a batch of 60 {profile:?} records holds {} bytes and says {said}",
            given.left
        ));
        assert!(apart < 0.02, "{profile:?}: {} bytes left, {said} said", given.left);
    }
}

#[test]
fn the_reported_size_of_a_parsed_record_equals_its_allocations() {
    let _alone = alone();
    let contract = Contract::embedded().unwrap();
    for profile in [Profile::Small, Profile::Staged, Profile::Full] {
        let valid: Vec<_> =
            records(profile, 20).iter().filter_map(|record| validate(record).ok()).collect();
        let mut parser = Parser::new(&contract);
        // No buffer is returned, so every record gets new buffers.
        let parse = |parser: &mut Parser<'_>| -> Vec<_> {
            valid.iter().filter_map(|record| parser.parse(record).ok()).collect()
        };
        drop(parse(&mut parser));
        let (parsed, given) = counted(|| parse(&mut parser));
        assert!(parsed.len() > 5);
        let own = parsed.capacity() * size_of_val(&parsed[0]);
        let said =
            own + parsed.iter().map(migrator::record::ParsedRecord::room_bytes).sum::<usize>();
        let apart = given.left.abs_diff(said) as f64 / given.left as f64;
        assert!(apart < 0.02, "{profile:?}: {} bytes left, {said} said", given.left);
    }
}
