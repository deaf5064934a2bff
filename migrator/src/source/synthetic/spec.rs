//! Parameters of synthetic records. [`super::SyntheticSource::new`] checks them.

use clap::ValueEnum;

use super::product_line::ProductLine;
use super::{fields, loan_fields};
use crate::contract::loader::{APPLICATIONS, BuiltinContract, LOANS};

/// Product line of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Product {
    /// Card applications, for the contract `applications`
    Cc,
    /// Vehicle loans, for the contract `loans`
    Rl,
}

impl Product {
    /// Built-in contract that maps the records.
    pub fn contract(self) -> BuiltinContract {
        match self {
            Self::Cc => APPLICATIONS,
            Self::Rl => LOANS,
        }
    }

    pub(super) fn line(self) -> &'static ProductLine {
        match self {
            Self::Cc => fields::APPLICATIONS,
            Self::Rl => loan_fields::LOANS,
        }
    }
}

/// Size and shape of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Profile {
    /// As in the production source table: mean 8.7 kB
    Staged,
    /// As received: median 131 kB, at most 2 MB, 97 % of it not mapped
    Full,
    /// The smallest record that can be mapped
    Small,
}

/// Parameters of a series of records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Product line.
    pub product: Product,
    /// Size and shape of every record.
    pub profile: Profile,
    /// Number of records.
    pub records: u32,
    /// Seed. Series of two seeds have only their keys in common.
    pub seed: u64,
    /// Fraction of records that repeat a key, 0 to 1. There are three kinds, in equal parts:
    /// - the first contact has the id of an earlier record's first contact;
    /// - the record repeats an earlier one under another source key;
    /// - a contact id or the type of an address occurs twice within the record.
    ///
    /// At 0, no two records share a key. A record with no earlier record to repeat repeats itself.
    pub duplicates: f64,
    /// Fraction of records that have to be rejected, 0 to 1. In equal parts: malformed, other
    /// product line, no application id, truncated, UTF-16.
    pub rejects: f64,
}
