//! A set of records, and the passes over it that benches time.

#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]

use std::hint::black_box;

use migrator::record::ValidRecord;
use migrator::source::synthetic::Profile;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;

use crate::support::records;

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
        Self { name, records: records(profile, count) }
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

    /// Searches every byte of every record for a byte that does not occur.
    pub(crate) fn scan(&self) {
        for record in &self.records {
            black_box(memchr::memchr(0, record.text.as_bytes()));
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
