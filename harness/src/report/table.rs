//! A table of texts, whatever it is shown as.

/// A heading over columns, the first of which names the row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// One for each column.
    pub headings: Vec<String>,
    /// As many cells each as there are headings.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(caption: impl Into<String>, headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { caption: caption.into(), headings, rows: Vec::new() }
    }

    /// Whether a column holds figures, which stand under each other at their ends.
    pub(super) fn has_figures(&self, column: usize) -> bool {
        let figure =
            |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || "+-<".contains(c));
        let words = |cell: &str| cell.contains(" · ");
        self.rows.iter().all(|row| {
            let cell = row[column].as_str();
            cell == NOTHING || (figure(cell) && !words(cell))
        })
    }

    /// Leaves out the columns in which no row has anything.
    #[must_use]
    pub fn without_empty_columns(self) -> Self {
        let said = |column: &usize| {
            self.rows.iter().any(|row| !matches!(row[*column].as_str(), "" | NOTHING))
        };
        let kept: Vec<usize> =
            (0..self.headings.len()).filter(|column| *column == 0 || said(column)).collect();
        let pick = |cells: &Vec<String>| kept.iter().map(|column| cells[*column].clone()).collect();
        Self {
            headings: pick(&self.headings),
            rows: self.rows.iter().map(pick).collect(),
            caption: self.caption,
        }
    }
}

/// What stands where there is no figure.
pub(super) const NOTHING: &str = "–";

/// A figure that may be missing.
pub(super) fn cell<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NOTHING.into(), show)
}
