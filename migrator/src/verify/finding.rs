//! Findings of a verification: each is one discrepancy of one row. The first of every table are
//! kept; all are counted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Maximum number of kept findings per table.
pub const NAMED_MAX: usize = 20;

/// Difference between store, log and source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Discrepancy {
    /// The source has the record, but the log does not.
    NotLogged,
    /// The log has the record more than once.
    LoggedAgain,
    /// The log has a record that the source does not have.
    NoSuchRecord,
    /// The log states another outcome than mapping the record again.
    Outcome {
        /// Outcome in the log.
        logged: String,
        /// Outcome of mapping the record again.
        expected: String,
    },
    /// The session of the record is not in `migration_run`, so its `now` is unknown.
    UnknownSession {
        /// Session in the log.
        session: String,
    },
    /// A required row does not exist.
    Missing,
    /// A row exists that no record claims.
    Extra,
    /// A row exists with other values.
    Differs {
        /// Columns that differ.
        columns: Vec<String>,
    },
    /// The log has two records as stored that exclude each other.
    Contested {
        /// The other record.
        with: i32,
    },
    /// The record is logged as stored, although it has a key twice.
    Repeated,
    /// The record is logged as a duplicate of a key that no record has stored.
    NoOwner,
    /// A shared key is not with the lowest source key that claims it (only with `strict`).
    NotLowest {
        /// Record that has the key.
        holder: i32,
    },
    /// A row of the bookkeeping tables contradicts the log.
    Inconsistent {
        /// Contradiction.
        why: String,
    },
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLogged => f.write_str("not logged"),
            Self::LoggedAgain => f.write_str("logged more than once"),
            Self::NoSuchRecord => f.write_str("logged, but not in the source"),
            Self::Outcome { logged, expected } => {
                write!(f, "logged as `{logged}`, should be `{expected}`")
            }
            Self::UnknownSession { session } => {
                write!(f, "session `{session}` is not in migration_run")
            }
            Self::Missing => f.write_str("the row is missing"),
            Self::Extra => f.write_str("no record accounts for this row"),
            Self::Differs { columns } => write!(f, "differs in {}", columns.join(", ")),
            Self::Contested { with } => write!(f, "record {with} is stored under this key too"),
            Self::Repeated => f.write_str("logged as stored, but the record has this key twice"),
            Self::NoOwner => f.write_str("logged as a duplicate of a key that no record stores"),
            Self::NotLowest { holder } => {
                write!(f, "the key is with record {holder}, which has a higher source key")
            }
            Self::Inconsistent { why } => f.write_str(why),
        }
    }
}

/// A discrepancy and its location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The table.
    pub table: String,
    /// Source key of the record, if there is one.
    pub record: Option<i32>,
    /// Key of the row, as `column value, …`.
    pub key: Option<String>,
    /// Discrepancy.
    #[serde(flatten)]
    pub fault: Discrepancy,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(record) = self.record {
            write!(f, "record {record}, ")?;
        }
        f.write_str(&self.table)?;
        if let Some(key) = &self.key {
            write!(f, " ({key})")?;
        }
        write!(f, ": {}", self.fault)
    }
}

/// All findings of a verification.
#[derive(Debug, Default)]
pub struct Findings {
    named: Vec<Finding>,
    counts: BTreeMap<String, u64>,
}

impl Findings {
    /// Counts a finding, and keeps it if its table has room.
    pub fn add(&mut self, finding: Finding) {
        if self.count(&finding.table, 1) {
            self.named.push(finding);
        }
    }

    /// Counts further findings of a table without keeping them.
    pub fn add_unnamed(&mut self, table: &str, more: u64) {
        if more > 0 {
            self.count(table, more);
        }
    }

    /// Number of further findings of a table that are kept.
    pub fn room(&self, table: &str) -> usize {
        let count = self.counts.get(table).copied().unwrap_or_default();
        NAMED_MAX.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Kept findings in the order found, and the number of all findings by table.
    pub fn into_parts(self) -> (Vec<Finding>, BTreeMap<String, u64>) {
        (self.named, self.counts)
    }

    /// Adds to a table's count. True if the table had room.
    fn count(&mut self, table: &str, more: u64) -> bool {
        let has_room = self.room(table) > 0;
        *self.counts.entry(table.to_owned()).or_default() += more;
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(record: Option<i32>, key: Option<&str>, fault: Discrepancy) -> Finding {
        Finding { table: "scores".into(), record, key: key.map(Into::into), fault }
    }

    #[test]
    fn a_finding_shows_its_place_first() {
        let columns = vec!["score".to_owned(), "source".to_owned()];
        for (finding, text) in [
            (
                finding(Some(7), Some("app_id 5"), Discrepancy::Missing),
                "record 7, scores (app_id 5): the row is missing",
            ),
            (
                finding(None, Some("app_id 5"), Discrepancy::Extra),
                "scores (app_id 5): no record accounts for this row",
            ),
            (
                finding(Some(7), None, Discrepancy::Differs { columns }),
                "record 7, scores: differs in score, source",
            ),
        ] {
            assert_eq!(finding.to_string(), text);
        }
    }

    #[test]
    fn the_first_findings_of_a_table_are_named_and_all_are_counted() {
        let mut findings = Findings::default();
        for record in 0..25 {
            findings.add(finding(Some(record), None, Discrepancy::NotLogged));
        }
        findings.add_unnamed("scores", 5);
        findings.add_unnamed("other", 0);
        assert_eq!((findings.room("scores"), findings.room("other")), (0, NAMED_MAX));
        let (named, counts) = findings.into_parts();
        assert_eq!(named.len(), NAMED_MAX);
        assert_eq!(counts, BTreeMap::from([("scores".to_owned(), 30)]));
    }

    #[test]
    fn json_has_a_finding_in_one_flat_object() {
        let finding = finding(Some(7), None, Discrepancy::Contested { with: 9 });
        let json = serde_json::to_value(finding).unwrap();
        let expected = serde_json::json!(
            {"table": "scores", "record": 7, "key": null, "fault": "contested", "with": 9}
        );
        assert_eq!(json, expected);
    }
}
