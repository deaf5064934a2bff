//! How rows of a table go into the statements that SQL Server takes. Pure.

use crate::contract::catalogue::Table;
use crate::record::SqlValue;

use super::{STATEMENT_PARAMETERS_MAX, STATEMENT_ROWS_MAX};

/// Most rows of one bulk load: one statement that takes 5,000 locks locks the whole table, and
/// every other writer waits.
pub const BULK_ROWS_MAX: usize = 4_500;

/// What decides how many statements a table's rows take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLayout {
    columns: Vec<usize>,
    identity: Option<usize>,
}

impl StatementLayout {
    /// A table's layout.
    pub fn of(table: &Table) -> Self {
        let named = |&place: &usize| table.columns[place].computed.is_none();
        Self {
            columns: (0..table.columns.len()).filter(named).collect(),
            identity: table.columns.iter().position(|column| column.identity),
        }
    }

    /// Whether the row brings its own value for the identity column. Rows that do and rows that do
    /// not cannot share a statement.
    pub fn gives_identity(&self, row: &[SqlValue]) -> bool {
        self.identity.is_some_and(|column| row[column] != SqlValue::Null)
    }

    /// The columns that a statement names: all but computed ones, and but an identity column that
    /// is left to the store.
    pub fn named(&self, gives_identity: bool) -> Vec<usize> {
        let left_out = self.identity.filter(|_| !gives_identity);
        self.columns.iter().copied().filter(|&place| Some(place) != left_out).collect()
    }

    /// Rows that one statement takes.
    pub fn rows_max(&self, gives_identity: bool) -> usize {
        let left_out = usize::from(self.identity.is_some() && !gives_identity);
        let columns = (self.columns.len() - left_out).max(1);
        (STATEMENT_PARAMETERS_MAX / columns).clamp(1, STATEMENT_ROWS_MAX)
    }
}

/// Rows parted as statements take them, at most so many each: as many as fit, and a rest in numbers
/// of three significant bits, so that a table has few texts and the server few plans (36 for 1,000
/// rows; at most 4 statements for a rest, which cost less than a plan).
pub fn statements<T>(rows: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let (now, later) = rest.split_at(statement_rows(rest.len(), most));
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

fn statement_rows(rows: usize, most: usize) -> usize {
    if rows >= most {
        return most;
    }
    let step = (rows + 1).next_power_of_two() / 8;
    if step > 1 { rows / step * step } else { rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::Catalogue;

    #[test]
    fn statements_keep_to_the_servers_limits() {
        for (columns, rows) in [(1, 1_000), (2, 1_000), (3, 699), (49, 42), (2_098, 1), (3_000, 1)]
        {
            let layout = StatementLayout { columns: (0..columns).collect(), identity: None };
            assert_eq!(layout.rows_max(true), rows, "{columns} columns");
        }
    }

    #[test]
    fn what_the_store_computes_or_numbers_is_not_named() {
        let catalogue = Catalogue::embedded().unwrap();
        let contact = &catalogue.tables[catalogue.table("app_contact_base").unwrap()];
        let layout = StatementLayout::of(contact);
        assert_eq!(layout.named(true).len(), contact.columns.len() - 1);
        assert_eq!(layout.named(false).len(), contact.columns.len() - 2);
        assert_eq!((layout.rows_max(true), layout.rows_max(false)), (123, 131));
    }

    #[test]
    fn rows_are_sent_in_few_different_numbers_of_rows() {
        let mut texts = std::collections::BTreeSet::new();
        for rows in 0..=1_000 {
            let rows: Vec<_> = (0..rows).collect();
            let parts: Vec<_> = statements(&rows, 699).collect();
            assert_eq!(parts.concat(), rows);
            assert!(parts.len() <= 5, "{} rows take {} statements", rows.len(), parts.len());
            texts.extend(parts.iter().map(|part| part.len()));
        }
        assert!(texts.len() <= 37, "{texts:?}");
    }
}
