//! What a caller asks for. Plain data, checked where a series is made of it.

use clap::ValueEnum;

use super::product_line::Line;
use super::{fields, loan_fields};
use crate::contract::loader::{APPLICATIONS, BuiltinContract, LOANS};

/// The product line that records are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Product {
    /// Card applications, for the contract `applications`
    Cc,
    /// Vehicle loans, for the contract `loans`
    Rl,
}

impl Product {
    /// The contract that maps the records.
    pub fn contract(self) -> BuiltinContract {
        match self {
            Self::Cc => APPLICATIONS,
            Self::Rl => LOANS,
        }
    }

    pub(super) fn line(self) -> &'static Line {
        match self {
            Self::Cc => fields::APPLICATIONS,
            Self::Rl => loan_fields::LOANS,
        }
    }
}

/// Size and shape of a generated record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Profile {
    /// As the production source table holds them: mean 8.7 kB
    Staged,
    /// As received: median 131 kB, largest 2 MB, 97 % of it mapped by nothing
    Full,
    /// The least that maps
    Small,
}

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Which product line's records.
    pub product: Product,
    /// Size and shape of every record.
    pub profile: Profile,
    /// How many records there are.
    pub records: u32,
    /// Two seeds give two series that share nothing but their keys.
    pub seed: u64,
    /// Share of records, 0 to 1, that repeat a key. In equal parts: the first contact has the id of
    /// an earlier record's; the record is an earlier one again, under another source key; an id of
    /// a contact or the type of an address occurs twice within the record. At 0, no two records
    /// share a key. A record with nothing earlier to repeat repeats itself.
    pub duplicates: f64,
    /// Share of records, 0 to 1, that must be rejected. In equal parts: malformed, the other
    /// product line, no application id, truncated, UTF-16.
    pub rejects: f64,
}
