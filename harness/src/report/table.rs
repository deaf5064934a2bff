//! Tables of texts, laid out for terminals and Markdown.

use super::escape::{code, plain};
use super::wrap::truncated;

/// Placeholder of a missing figure.
pub(super) const NOTHING: &str = "–";

/// Content of a column, which decides its alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// Words, aligned to the left.
    Text,
    /// Figures, aligned to the right.
    Figure,
    /// A picture of characters of equal width, shown as code.
    Picture,
}

/// A captioned table whose first column names the row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Title of the table; empty if the text around it is enough.
    pub caption: String,
    /// One heading a column. A line break within it is kept on a terminal.
    pub headings: Vec<String>,
    /// Rows with as many cells as there are headings.
    pub rows: Vec<Vec<String>>,
    /// One kind a column; empty if the cells decide.
    kinds: Vec<ColumnKind>,
}

impl Table {
    /// An empty table whose column kinds follow from its cells.
    pub fn new(caption: impl Into<String>, headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { caption: caption.into(), headings, rows: Vec::new(), kinds: Vec::new() }
    }

    /// An empty table with the given kind of each column.
    pub(super) fn with_columns(caption: impl Into<String>, columns: &[(&str, ColumnKind)]) -> Self {
        Self {
            caption: caption.into(),
            headings: columns.iter().map(|(heading, _)| (*heading).to_owned()).collect(),
            rows: Vec::new(),
            kinds: columns.iter().map(|(_, kind)| *kind).collect(),
        }
    }

    /// Kind of a column. If it was not given, a column of figures is one in which every cell begins
    /// like a number; the first column is always text.
    pub(super) fn kind(&self, column: usize) -> ColumnKind {
        if let Some(kind) = self.kinds.get(column) {
            return *kind;
        }
        let figure =
            |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || "+-<".contains(c));
        let is_list = |cell: &str| cell.contains(" · ");
        let all_figures = self.rows.iter().all(|row| {
            let cell = row[column].as_str();
            cell == NOTHING || (figure(cell) && !is_list(cell))
        });
        if column > 0 && all_figures { ColumnKind::Figure } else { ColumnKind::Text }
    }

    /// Leaves out the columns without any content, except the first.
    #[must_use]
    pub fn without_empty_columns(self) -> Self {
        let has_content = |column: &usize| {
            self.rows.iter().any(|row| !matches!(row[*column].as_str(), "" | NOTHING))
        };
        let kept: Vec<usize> =
            (0..self.headings.len()).filter(|column| *column == 0 || has_content(column)).collect();
        let pick = |cells: &Vec<String>| kept.iter().map(|column| cells[*column].clone()).collect();
        let kinds = kept.iter().filter_map(|column| self.kinds.get(*column).copied());
        Self {
            headings: pick(&self.headings),
            rows: self.rows.iter().map(pick).collect(),
            kinds: kinds.collect(),
            caption: self.caption,
        }
    }

    /// Shortens heading and cells of a column to this many characters.
    #[must_use]
    pub(super) fn with_width_max(mut self, column: usize, width_max: usize) -> Self {
        self.headings[column] = truncated(&self.headings[column], width_max);
        for row in &mut self.rows {
            row[column] = truncated(&row[column], width_max);
        }
        self
    }

    /// The table as plain text, one line a row; empty without rows.
    pub(super) fn to_text(&self) -> String {
        self.text_lines().into_iter().map(|line| line + "\n").collect()
    }

    /// The same with a rule of dashes below the headings.
    pub(super) fn to_ruled_text(&self) -> String {
        let mut lines = self.text_lines();
        if !lines.is_empty() {
            lines.insert(self.heading_lines(), "-".repeat(self.rule_width()));
        }
        lines.into_iter().map(|line| line + "\n").collect()
    }

    fn text_lines(&self) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let widths = self.widths();
        let height = self.heading_lines();
        let headings = (0..height).map(|line| {
            self.headings.iter().map(|heading| heading_line(heading, line, height)).collect()
        });
        let rows: Vec<Vec<&str>> = headings
            .chain(self.rows.iter().map(|row| row.iter().map(String::as_str).collect()))
            .collect();
        rows.iter().map(|row| self.text_line(row, &widths)).collect()
    }

    fn text_line(&self, row: &[&str], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            match self.kind(column) {
                ColumnKind::Figure => format!("{cell:>width$}"),
                ColumnKind::Text | ColumnKind::Picture => format!("{cell:<width$}"),
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }

    /// Number of lines of the headings.
    fn heading_lines(&self) -> usize {
        self.headings.iter().map(|heading| heading.lines().count()).max().unwrap_or(0)
    }

    /// Characters of the widest cell or heading line of every column.
    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].as_str());
            let lines = self.headings[column].lines().chain(cells);
            lines.map(|line| line.chars().count()).max().unwrap_or(0)
        };
        (0..self.headings.len()).map(width).collect()
    }

    /// The rule ends below the last column that has a heading.
    fn rule_width(&self) -> usize {
        let ruled =
            self.headings.iter().rposition(|heading| !heading.is_empty()).map_or(0, |at| at + 1);
        self.widths().iter().take(ruled).sum::<usize>() + 2 * ruled.saturating_sub(1)
    }

    /// The table in Markdown, with as many rows as fit into `characters_max`.
    pub(super) fn to_markdown(&self, characters_max: usize) -> String {
        let rules = (0..self.headings.len()).map(|column| match self.kind(column) {
            ColumnKind::Figure => "---:|",
            ColumnKind::Text | ColumnKind::Picture => "---|",
        });
        let rules = format!("|{}", rules.collect::<String>());
        let headings = self.headings.iter().map(|heading| plain(heading));
        let mut lines = vec![markdown_row(headings), rules];
        let mut length = lines.iter().map(|line| line.chars().count() + 1).sum::<usize>();
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().enumerate().map(|(column, text)| match self.kind(column) {
                ColumnKind::Picture => code(text),
                // A lone dash begins no list within a table.
                ColumnKind::Text | ColumnKind::Figure if text == "-" => text.clone(),
                ColumnKind::Text | ColumnKind::Figure => plain(text),
            });
            let line = markdown_row(cells);
            length += line.chars().count() + 1;
            if length > characters_max {
                let left = self.rows.len() - index;
                lines.push(format!("\n_{left} more rows are in `report.html`._"));
                break;
            }
            lines.push(line);
        }
        lines.join("\n")
    }
}

/// A line of a heading; headings with fewer lines end at the bottom.
fn heading_line(heading: &str, line: usize, height: usize) -> &str {
    let above = height - heading.lines().count();
    line.checked_sub(above).and_then(|line| heading.lines().nth(line)).unwrap_or_default()
}

fn markdown_row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// Cell of an optional figure.
pub(super) fn cell<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NOTHING.into(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns =
            [("name", ColumnKind::Text), ("mean\nms", ColumnKind::Figure), ("", ColumnKind::Text)];
        let mut table = Table::with_columns("", &columns);
        table.rows.push(vec!["a|b".into(), "1.0".into(), "fast".into()]);
        table.rows.push(vec!["c".into(), "12.0".into(), String::new()]);
        table
    }

    #[test]
    fn text_aligns_figures_at_their_ends_and_rules_what_has_a_heading() {
        let expected = "      mean\nname    ms\n----------\na|b    1.0  fast\nc     12.0\n";
        assert_eq!(table().to_ruled_text(), expected);
        assert_eq!(table().to_text(), expected.replace("----------\n", ""));
        assert_eq!(Table::new("", &["name"]).to_text(), "");
    }

    #[test]
    fn markdown_escapes_cells_and_counts_the_rows_that_do_not_fit() {
        let whole =
            "| name | mean ms |  |\n|---|---:|---|\n| a\\|b | 1.0 | fast |\n| c | 12.0 |  |";
        assert_eq!(table().to_markdown(1000), whole);
        let cut = table().to_markdown(60);
        assert!(cut.ends_with("| fast |\n\n_1 more rows are in `report.html`._"), "{cut}");
    }

    #[test]
    fn a_column_in_which_every_cell_begins_like_a_number_holds_figures() {
        let mut table = Table::new("", &["1", "2", "3"]);
        table.rows.push(vec!["1".into(), "+1 %".into(), "1 · 2".into()]);
        table.rows.push(vec!["2".into(), NOTHING.into(), "3".into()]);
        let kinds = [0, 1, 2].map(|column| table.kind(column));
        assert_eq!(kinds, [ColumnKind::Text, ColumnKind::Figure, ColumnKind::Text]);
    }
}
