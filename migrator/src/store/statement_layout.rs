//! Splits the rows of a table into the statements that SQL Server accepts.

use crate::contract::catalogue::Table;
use crate::record::SqlValue;

use super::{STATEMENT_PARAMETERS_MAX, STATEMENT_ROWS_MAX};

/// Maximum number of rows in one bulk load. A statement with 5,000 locks escalates to a table lock,
/// and all other writers wait.
pub(crate) const BULK_ROWS_MAX: usize = 4_500;

/// Columns that decide how many statements a table's rows need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementLayout {
    columns: Vec<usize>,
    identity: Option<usize>,
}

impl StatementLayout {
    /// Layout of a table.
    pub(crate) fn of(table: &Table) -> Self {
        let named = |&place: &usize| table.columns[place].computed.is_none();
        Self {
            columns: (0..table.columns.len()).filter(named).collect(),
            identity: table.columns.iter().position(|column| column.identity),
        }
    }

    /// True if the row has its own value for the identity column. Rows with and without one cannot
    /// share a statement.
    pub(crate) fn gives_identity(&self, row: &[SqlValue]) -> bool {
        self.identity.is_some_and(|column| row[column] != SqlValue::Null)
    }

    /// Columns that a statement names: all except computed ones, and except an identity column that
    /// the store fills.
    pub(crate) fn named(&self, gives_identity: bool) -> Vec<usize> {
        let left_out = self.identity.filter(|_| !gives_identity);
        self.columns.iter().copied().filter(|&place| Some(place) != left_out).collect()
    }

    /// Maximum number of rows in one statement.
    pub(crate) fn rows_max(&self, gives_identity: bool) -> usize {
        let left_out = usize::from(self.identity.is_some() && !gives_identity);
        let columns = (self.columns.len() - left_out).max(1);
        (STATEMENT_PARAMETERS_MAX / columns).clamp(1, STATEMENT_ROWS_MAX)
    }
}

/// Splits rows into statements of at most `max` rows.
///
/// The remainder is sent in row counts of three significant bits. So a table has few statement
/// texts and the server few plans: 36 for 1,000 rows. A remainder needs at most 4 statements, which
/// cost less than a new plan.
pub(crate) fn statements<T>(rows: &[T], max: usize) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let (now, later) = rest.split_at(statement_rows(rest.len(), max));
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

fn statement_rows(rows: usize, max: usize) -> usize {
    if rows >= max {
        return max;
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
    fn computed_and_identity_columns_are_not_named() {
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
