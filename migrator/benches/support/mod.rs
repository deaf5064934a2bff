//! Records for the benches: generated, validated, decoded once.

#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]

use std::hint::black_box;

use chrono::NaiveDateTime;
use migrator::contract::model::Contract;
use migrator::record::ValidRecord;
use migrator::source::generated::{Generated, Product, Profile, Spec};
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;

/// A set of valid records with a name for printing.
pub(crate) struct Sample {
    /// `staged` or `full`.
    pub(crate) name: &'static str,
    /// The records.
    pub(crate) records: Vec<ValidRecord>,
}

impl Sample {
    /// The first `count` records of a profile.
    pub(crate) fn new(name: &'static str, profile: Profile, count: u32) -> Self {
        let spec = Spec {
            product: Product::Cc,
            profile,
            records: count,
            seed: 42,
            duplicates: 0.0,
            rejects: 0.0,
        };
        let generated = Generated::new(spec).unwrap();
        let records = generated.iter().map(|record| validate(record).unwrap()).collect();
        Self { name, records }
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.text.len()).sum()
    }

    /// Runs every record through quick-xml's bare event loop.
    pub(crate) fn events_only(&self) {
        for record in &self.records {
            let mut reader = quick_xml::Reader::from_str(&record.text);
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::Eof => break,
                    event => {
                        black_box(&event);
                    }
                }
            }
        }
    }

    /// Parses and maps every record.
    pub(crate) fn parse_map(&self, parser: &mut Parser<'_>, mapper: &Mapper<'_>) {
        for record in &self.records {
            let parsed = parser.parse(record).unwrap();
            black_box(mapper.map(&parsed).unwrap());
            parser.recycle(parsed);
        }
    }
}

/// The contract that ships, and a point in time.
pub(crate) fn contract() -> (Contract, NaiveDateTime) {
    (Contract::embedded().unwrap(), NaiveDateTime::default())
}
