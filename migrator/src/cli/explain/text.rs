//! Formats an explanation as text in lines of a given width.

use serde_json::Value as Json;
use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter};

use super::render::{ColumnSection, Explanation, MappingSection, RowSection, StepSection};

/// Width of the labels.
const LABEL: usize = 14;

/// Text of the whole explanation.
pub(super) fn text(explanation: &Explanation, width: usize) -> String {
    let mut page = Page { width, out: String::new() };
    page.title(explanation);
    let mappings = &explanation.mappings;
    // A single mapping is shown once; several are shown where they are evaluated.
    if let [mapping] = &mappings[..] {
        page.line("");
        page.paragraph(&place(mapping));
        page.mapping(mapping);
    }
    for row in &explanation.rows {
        page.row(row, mappings);
    }
    page.passed_over(explanation);
    if let Some(refused) = &explanation.refused {
        page.line("");
        page.paragraph(&format!("The whole record fails: {refused}"));
    }
    page.out.trim_end().to_owned()
}

struct Page {
    width: usize,
    out: String,
}

fn place(mapping: &MappingSection) -> String {
    format!("{} on line {} of the contract", mapping.path, mapping.line)
}

/// Words end at blanks. Paths may be broken after a slash.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    Box::new(line.split_inclusive([' ', '/']).map(Word::from))
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        self.filled("", "  ", text);
    }

    /// Adds a text with a label. Further lines are aligned with the text.
    fn labelled(&mut self, label: &str, text: &str) {
        let first = format!("  {label:<width$}", width = LABEL - 2);
        self.filled(&first, &" ".repeat(LABEL), text);
    }

    fn filled(&mut self, first: &str, further: &str, text: &str) {
        let options = Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(further)
            .word_separator(WordSeparator::Custom(words))
            .word_splitter(WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            self.line(line.trim_end());
        }
    }

    fn passed_over(&mut self, explanation: &Explanation) {
        let passed_over = &explanation.passed_over;
        if explanation.rows.is_empty() && passed_over.is_empty() {
            self.line("");
            self.line("The record has no element that could become a row.");
        }
        for passed in passed_over {
            self.line("");
            self.paragraph(&format!("no row: {}", passed.element));
            self.labelled("skipped", &passed.why);
        }
    }

    fn title(&mut self, explanation: &Explanation) {
        let Explanation { table, column, file, app_id, .. } = explanation;
        self.paragraph(&format!("{table}.{column} of application {app_id} in {file}"));
    }

    fn mapping(&mut self, mapping: &MappingSection) {
        self.labelled("element", &mapping.xml_path);
        self.labelled("attribute", &mapping.xml_attribute);
        self.labelled("looked up", &mapping.looked_up);
        if !mapping.mapping_type.is_empty() {
            self.labelled("types", &mapping.mapping_type.join(", "));
        }
        if let Some(expression) = &mapping.expression {
            self.labelled("expression", expression);
        }
        self.labelled("result type", &mapping.makes);
    }

    fn row(&mut self, row: &RowSection, mappings: &[MappingSection]) {
        self.line("");
        let number = row.row.map_or_else(|| "no row".to_owned(), |row| format!("row {row}"));
        self.paragraph(&format!("{number}: {}", row.about));
        for column in &row.columns {
            let own = mappings.iter().find(|mapping| mapping.path == column.mapping);
            if let Some(mapping) = own.filter(|_| mappings.len() > 1) {
                self.labelled("mapping", &place(mapping));
                self.mapping(mapping);
            }
            self.column(column);
        }
        if let Some(dropped) = row.dropped {
            self.labelled("dropped", dropped);
            return;
        }
        if let Some(fixed) = row.fixed {
            self.labelled("source", fixed);
        }
        let value = match &row.value {
            Some(value) => value.to_string(),
            None => "left out".to_owned(),
        };
        self.labelled("value", &value);
        if let Some(stored) = &row.stored {
            self.labelled("stored", stored);
        }
    }

    fn column(&mut self, column: &ColumnSection) {
        self.labelled("found", &column.found);
        for (number, step) in column.steps.iter().enumerate() {
            self.step(number + 1, step);
        }
        self.labelled("result", &column.outcome);
    }

    fn step(&mut self, number: usize, step: &StepSection) {
        let StepSection { step: name, input, output, .. } = step;
        let change = match (input, output) {
            (Json::Null, Json::Null) => String::new(),
            (Json::Null, output) => format!(" gives {output}"),
            (input, output) if input == output => format!(": {input} stays"),
            (input, output) => format!(": {input} becomes {output}"),
        };
        self.labelled(&format!("step {number}"), &format!("{name}{change}"));
        for note in &step.notes {
            self.labelled("", note);
        }
    }
}
