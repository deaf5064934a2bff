//! Plan of each record: its keys, its fate and its size, computed from seed, number and rates.

use super::draw::{Draw, Purpose};
use super::product_line::InvalidValue;
use super::spec::{Profile, Spec};

/// Maximum number of contacts per record, so that every record has its own ids.
const CONTACT_SLOTS: u32 = 8;

/// Maximum number of records in a series, because `con_id` is a 32-bit integer.
pub(super) const RECORDS_MAX: u32 = i32::MAX.cast_unsigned() / CONTACT_SLOTS - 1;

/// Offset between source keys and application ids, so that a program cannot confuse them.
const APP_ID_BASE: u32 = 1_000_000;

/// One record in 200 has a value that its column rejects.
const REFUSED_PER_BILLION: u32 = 5_000_000;

/// Maximum number of records examined to find an earlier one to repeat. If all of them are rejects,
/// the record repeats itself.
const SEARCH_MAX: u32 = 64;

const BILLION: u32 = 1_000_000_000;

/// Quantiles of a full record's size in bytes, in per mille: median 131 kB, mean 254 kB, 90th
/// percentile 588 kB, largest 2.0 MB. Measured on records as received.
const FULL_BYTES: &[(u32, u32)] = &[
    (0, 12_000),
    (100, 30_000),
    (250, 62_000),
    (500, 131_000),
    (750, 300_000),
    (900, 588_000),
    (950, 850_000),
    (990, 1_500_000),
    (1000, 2_000_000),
];

/// Fate of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It can be mapped, and has its own keys.
    Plain,
    /// It can be mapped, but a column rejects one of its values.
    Invalid(InvalidValue),
    /// It repeats a key.
    Duplicate(Duplicate),
    /// It is rejected.
    Rejected(RejectKind),
}

/// Key that occurs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicate {
    /// The first contact has the id of an earlier record's first contact.
    Contact {
        /// Number of that record.
        of: u32,
    },
    /// The record repeats an earlier one under another source key.
    Application {
        /// Number of that record.
        of: u32,
    },
    /// Two contacts of the record have the same id.
    ContactWithin,
    /// Two addresses of a contact have the same type.
    AddressWithin,
}

/// Reason why a record is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RejectKind {
    /// Not well-formed.
    Malformed,
    /// An application of the other product line.
    OtherProduct,
    /// No application id.
    NoAppId,
    /// The end is missing.
    Truncated,
    /// UTF-16 with a byte order mark.
    Utf16,
}

/// Application id of a record that does not repeat another one.
pub(super) fn app_id(number: u32) -> u32 {
    APP_ID_BASE + number
}

/// Contact id of the contact in a slot of a record.
pub(super) fn con_id(number: u32, slot: u32) -> u32 {
    number.wrapping_mul(CONTACT_SLOTS) + slot % CONTACT_SLOTS
}

/// Target size in bytes of a full record, drawn from its padding's stream.
pub(super) fn full_bytes(draw: &mut Draw) -> usize {
    draw.quantile(FULL_BYTES) as usize
}

/// Fate of record `number`.
pub(super) fn fate(spec: &Spec, number: u32) -> Fate {
    let mut draw = Draw::new(spec.seed, number, Purpose::Fate);
    match class(spec, &mut draw) {
        FateClass::Plain => Fate::Plain,
        FateClass::Rejected => Fate::Rejected(draw.pick(&[
            RejectKind::Malformed,
            RejectKind::OtherProduct,
            RejectKind::NoAppId,
            RejectKind::Truncated,
            RejectKind::Utf16,
        ])),
        FateClass::Invalid => Fate::Invalid(draw.pick(spec.product.line().invalid_values).0),
        FateClass::Duplicate => Fate::Duplicate(duplicate(spec, number, &mut draw)),
    }
}

/// Class of a fate, which takes one draw.
#[derive(Debug, PartialEq, Eq)]
enum FateClass {
    Plain,
    Invalid,
    Duplicate,
    Rejected,
}

fn class(spec: &Spec, draw: &mut Draw) -> FateClass {
    let at = draw.below(BILLION);
    let rejected = per_billion(spec.rejects);
    let duplicate = rejected + per_billion(spec.duplicates);
    // The smallest record has no value that a column could reject.
    let refused = if spec.profile == Profile::Small { 0 } else { REFUSED_PER_BILLION };
    if at < rejected {
        FateClass::Rejected
    } else if at < duplicate {
        FateClass::Duplicate
    } else if at < duplicate.saturating_add(refused) {
        FateClass::Invalid
    } else {
        FateClass::Plain
    }
}

/// Rate from 0 to 1, in billionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a checked rate gives 0 to 1e9"
)]
fn per_billion(rate: f64) -> u32 {
    (rate * f64::from(BILLION)).round() as u32
}

fn duplicate(spec: &Spec, number: u32, draw: &mut Draw) -> Duplicate {
    let kind = draw.below(3);
    let within = draw.pick(&[Duplicate::ContactWithin, Duplicate::AddressWithin]);
    let earlier = if kind < 2 { earlier_plain(spec, number, draw) } else { None };
    match (kind, earlier) {
        (0, Some(of)) => Duplicate::Contact { of },
        (1, Some(of)) => Duplicate::Application { of },
        // The smallest record has no address.
        _ if spec.profile == Profile::Small => Duplicate::ContactWithin,
        _ => within,
    }
}

/// An earlier record that is stored whole: the first one at or below a random number.
fn earlier_plain(spec: &Spec, number: u32, draw: &mut Draw) -> Option<u32> {
    let from = draw.below(number.saturating_sub(1)) + 1;
    (1..=from.min(number - 1)).rev().take(SEARCH_MAX as usize).find(|&earlier| {
        class(spec, &mut Draw::new(spec.seed, earlier, Purpose::Fate)) == FateClass::Plain
    })
}

#[cfg(test)]
mod tests {
    use super::super::spec::Product;
    use super::*;

    fn spec(duplicates: f64, rejects: f64) -> Spec {
        Spec {
            product: Product::Cc,
            profile: Profile::Staged,
            records: 20_000,
            seed: 11,
            duplicates,
            rejects,
        }
    }

    fn share(spec: &Spec, wanted: impl Fn(Fate) -> bool) -> f64 {
        let hits = (1..=spec.records).filter(|&number| wanted(fate(spec, number))).count();
        hits as f64 / f64::from(spec.records)
    }

    fn close(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() < 0.01
    }

    #[test]
    fn fates_have_the_requested_rates_and_equally_likely_kinds() {
        let spec = spec(0.3, 0.2);
        assert!(close(share(&spec, |f| matches!(f, Fate::Rejected(_))), 0.2));
        assert!(close(share(&spec, |f| f == Fate::Rejected(RejectKind::Utf16)), 0.04));
        let contact = share(&spec, |f| matches!(f, Fate::Duplicate(Duplicate::Contact { .. })));
        let again = share(&spec, |f| matches!(f, Fate::Duplicate(Duplicate::Application { .. })));
        let all = share(&spec, |f| matches!(f, Fate::Duplicate(_)));
        assert!(close(all, 0.3) && close(contact, 0.1) && close(again, 0.1));
        assert!(close(share(&spec, |f| matches!(f, Fate::Invalid(_))), 0.005));
    }

    #[test]
    fn a_record_repeats_only_earlier_plain_records() {
        let spec = spec(0.5, 0.3);
        for number in 1..=spec.records {
            if let Fate::Duplicate(Duplicate::Contact { of } | Duplicate::Application { of }) =
                fate(&spec, number)
            {
                assert!(of < number);
                assert_eq!(fate(&spec, of), Fate::Plain);
            }
        }
    }

    #[test]
    fn the_first_record_and_a_series_of_rejects_have_nothing_earlier_to_repeat() {
        let only_duplicates = spec(1.0, 0.0);
        for number in 1..100 {
            assert!(matches!(
                fate(&only_duplicates, number),
                Fate::Duplicate(Duplicate::ContactWithin | Duplicate::AddressWithin)
            ));
        }
    }

    #[test]
    fn sizes_of_full_records_have_the_quantiles_of_records_as_received() {
        let size = |number| full_bytes(&mut Draw::new(5, number, Purpose::Padding));
        let mut sizes: Vec<usize> = (1..=20_000).map(size).collect();
        sizes.sort_unstable();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((127_000..135_000).contains(&sizes[10_000]), "median {}", sizes[10_000]);
        assert!((247_000..261_000).contains(&mean), "mean {mean}");
        assert!((565_000..611_000).contains(&sizes[18_000]), "p90 {}", sizes[18_000]);
        assert!((1_950_000..=2_000_000).contains(&sizes[19_999]), "largest {}", sizes[19_999]);
    }

    #[test]
    fn keys_of_the_last_record_fit_their_columns() {
        let largest = con_id(RECORDS_MAX, CONTACT_SLOTS - 1);
        assert!(i32::try_from(largest).is_ok());
        assert!(i32::try_from(app_id(RECORDS_MAX)).is_ok());
    }
}
