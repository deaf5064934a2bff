//! Synthetic records. Each is a pure function of seed, rates and number, so its bytes are the same
//! on any machine and in any order of access.
//!
//! There are two product lines, each shaped for its contract in `scenarios/contracts`. Each
//! attribute that `applications.json` or `loans.json` maps occurs plain, blank, absent, padded and
//! in the odd forms of the rules of contract.md. People and places are invented. In addition to the
//! requested rates, one record in 200 of the profiles `full` and `staged` has a value that its
//! column rejects.

mod application;
mod bytes;
mod draw;
mod fields;
mod loan_fields;
mod people;
mod plan;
mod product_line;
mod reports;
mod spec;
mod values;
mod words;
mod xml;

use self::application::ApplicationSpec;
use self::draw::{Draw, Purpose};
use self::plan::{Duplicate, Fate};
pub use self::spec::{Product, Profile, Spec};
use self::xml::Xml;
use crate::error::{Error, Result};
use crate::record::RawRecord;

/// A series of synthetic records.
#[derive(Debug, Clone)]
pub struct SyntheticSource {
    spec: Spec,
}

impl SyntheticSource {
    /// Creates the series that `spec` describes.
    ///
    /// # Errors
    /// A usage error if a rate is outside 0 to 1, if the rates together exceed 1, or if there are
    /// more records than contact ids.
    pub fn new(spec: Spec) -> Result<Self> {
        for (name, rate) in [("duplicates", spec.duplicates), ("rejects", spec.rejects)] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(Error::usage(format!("{name} is {rate}; it must be from 0 to 1")));
            }
        }
        if spec.duplicates + spec.rejects > 1.0 {
            let (duplicates, rejects) = (spec.duplicates, spec.rejects);
            return Err(Error::usage(format!(
                "duplicates ({duplicates}) and rejects ({rejects}) are together more than 1"
            )));
        }
        if spec.records > plan::RECORDS_MAX {
            return Err(Error::usage(format!(
                "{} records are more than the {} that have keys of their own",
                spec.records,
                plan::RECORDS_MAX
            )));
        }
        Ok(Self { spec })
    }

    /// Number of records.
    pub fn records(&self) -> u32 {
        self.spec.records
    }

    /// Record `number`, from 1 to [`Self::records`]. Its source key is its number.
    pub fn record(&self, number: u32) -> RawRecord {
        let key = i32::try_from(number).unwrap_or(i32::MAX);
        RawRecord { key, bytes: Some(self.bytes(number)) }
    }

    /// All records, by ascending key.
    pub fn iter(&self) -> impl Iterator<Item = RawRecord> + '_ {
        (1..=self.spec.records).map(|number| self.record(number))
    }

    fn bytes(&self, number: u32) -> Vec<u8> {
        let (line, seed) = (self.spec.product.line(), self.spec.seed);
        let order = match plan::fate(&self.spec, number) {
            Fate::Duplicate(Duplicate::Application { of }) => {
                ApplicationSpec { line, seed, number: of, fate: Fate::Plain }
            }
            fate => ApplicationSpec { line, seed, number, fate },
        };
        let text = self.text(order);
        let mut draw = Draw::new(seed, order.number, Purpose::Bytes);
        match order.fate {
            Fate::Rejected(reject) => bytes::spoil(text, reject, line, &mut draw),
            _ => bytes::encode(text, &mut draw),
        }
    }

    fn text(&self, order: ApplicationSpec) -> String {
        match self.spec.profile {
            Profile::Small => small(order),
            Profile::Staged => staged(order),
            Profile::Full => full(order),
        }
    }
}

fn small(order: ApplicationSpec) -> String {
    let mut xml = Xml::with_capacity(256);
    xml.start("Provenir");
    application::least(order, &mut xml);
    xml.end("Request").end("Provenir");
    xml.into_string()
}

fn staged(order: ApplicationSpec) -> String {
    let mut xml = Xml::with_capacity(12 * 1024);
    xml.start("Provenir");
    application::request(order, &mut xml);
    application::cust_data(order, &mut xml);
    xml.end("Request").end("Provenir");
    xml.into_string()
}

fn full(order: ApplicationSpec) -> String {
    let mut draw = Draw::new(order.seed, order.number, Purpose::Padding);
    let bytes = plan::full_bytes(&mut draw);
    let mut xml = Xml::with_capacity(bytes + 4096);
    if draw.percent(5) {
        xml.markup("<?xml version=\"1.0\"?>\n");
    }
    xml.start("Provenir").attribute("ipaddress", &people::ip_address(&mut draw));
    application::request(order, &mut xml);
    xml.markup("\n");
    application::cust_data(order, &mut xml);
    reports::pad(&mut xml, &mut draw, bytes);
    xml.end("Request").end("Provenir");
    xml.into_string()
}

#[cfg(test)]
mod tests {
    use super::product_line::InvalidValue;
    use super::*;

    #[test]
    fn every_value_to_reject_is_in_its_column() {
        let cases = [
            (Product::Cc, InvalidValue::ContactId, " con_id=\"C8\""),
            (Product::Cc, InvalidValue::Score, " north_score=\"99999999999\""),
            (Product::Cc, InvalidValue::Reference, " funding_reference=\"4294967296\""),
            (Product::Cc, InvalidValue::Fee, " over_limit_fee=\"300\""),
            (Product::Cc, InvalidValue::Rate, " purchase_rate=\"12345.67\""),
            (Product::Cc, InvalidValue::Debt, " debt_per_month=\"NaN\""),
            (Product::Cc, InvalidValue::Received, " received_on=\"1066-10-14 09:00:00\""),
            (Product::Cc, InvalidValue::Note, " model_score=\"nnnnnnnn"),
            (Product::Rl, InvalidValue::ContactId, " con_id=\"C8\""),
            (Product::Rl, InvalidValue::Score, " north_score_pr=\"99999999999\""),
            (Product::Rl, InvalidValue::Reference, " servicer_no=\"4294967296\""),
            (Product::Rl, InvalidValue::Rate, " military_rate=\"12345.67\""),
            (Product::Rl, InvalidValue::Debt, " debt_per_month=\"NaN\""),
            (Product::Rl, InvalidValue::Received, " received_on=\"1066-10-14 09:00:00\""),
            (Product::Rl, InvalidValue::Note, " review_note=\"nnnnnnnn"),
            (Product::Rl, InvalidValue::Mileage, " c1_mileage=\"about 12,000\""),
            (Product::Rl, InvalidValue::Term, " gap_term=\"two years\""),
            (Product::Rl, InvalidValue::Reason, " override_credit=\"nnnnnnnn"),
        ];
        let lines = [Product::Cc, Product::Rl].map(|product| product.line().invalid_values.len());
        assert_eq!(cases.len(), lines.iter().sum::<usize>());
        for (product, refused, expected) in cases {
            let line = product.line();
            for seed in 0..20 {
                let text =
                    staged(ApplicationSpec { line, seed, number: 1, fate: Fate::Invalid(refused) });
                assert!(text.contains(expected), "{refused:?} with seed {seed}");
            }
        }
    }

    #[test]
    fn full_records_have_the_size_that_was_drawn() {
        let spec = Spec {
            product: Product::Cc,
            profile: Profile::Full,
            records: 60,
            seed: 9,
            duplicates: 0.0,
            rejects: 0.0,
        };
        for record in SyntheticSource::new(spec).unwrap().iter() {
            let number = record.key.cast_unsigned();
            let wanted = plan::full_bytes(&mut Draw::new(9, number, Purpose::Padding));
            let actual = record.bytes.unwrap().len();
            // Small ones are no smaller than their application.
            let slack = 3_000 + wanted / 100;
            assert!(actual.abs_diff(wanted.max(12_000)) < slack, "{number}: {actual} of {wanted}");
        }
    }
}
