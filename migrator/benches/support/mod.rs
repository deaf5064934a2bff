//! Records for the benches: generated, validated, decoded once.

#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]

use chrono::NaiveDateTime;
use migrator::contract::model::Contract;
use migrator::record::ValidRecord;
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::stage::validate::validate;

/// The first `count` records of a profile.
pub(crate) fn records(profile: Profile, count: u32) -> Vec<ValidRecord> {
    let spec = Spec {
        product: Product::Cc,
        profile,
        records: count,
        seed: 42,
        duplicates: 0.0,
        rejects: 0.0,
    };
    let generated = SyntheticSource::new(spec).unwrap();
    generated.iter().map(|record| validate(record).unwrap()).collect()
}

/// The contract that ships, and a point in time.
pub(crate) fn contract() -> (Contract, NaiveDateTime) {
    (Contract::embedded().unwrap(), NaiveDateTime::default())
}
