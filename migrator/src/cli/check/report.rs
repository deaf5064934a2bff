//! Formats diagnostics: as text with excerpts of the contract, or as JSON lines.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value as Json, json};
use textwrap::core::Word;

use crate::contract::diagnostic::{Diagnostic, Severity};
use crate::contract::json::Span;

/// Maximum number of lines that are shown after the first line of a piece.
const LINES_BEHIND: usize = 3;

/// Contract that the diagnostics are about.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceText<'s> {
    /// Name of its file.
    pub(super) name: &'s str,
    /// Text of the contract.
    pub(super) text: &'s str,
}

/// A diagnostic as a JSON object.
pub(super) fn json(diagnostic: &Diagnostic) -> Json {
    json!({
        "severity": diagnostic.code.severity().json_name(),
        "code": diagnostic.code.name(),
        "path": diagnostic.path,
        "line": diagnostic.span.line,
        "column": diagnostic.span.column,
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

/// All diagnostics with excerpts, errors first, and a summary, in colour. The help of each kind is
/// printed once.
pub(super) fn text(diagnostics: &[Diagnostic], source: SourceText<'_>, width: usize) -> String {
    let mut helped = BTreeSet::new();
    let mut out = String::new();
    for severity in [Severity::Error, Severity::Warning] {
        for diagnostic in
            diagnostics.iter().filter(|diagnostic| diagnostic.code.severity() == severity)
        {
            let help =
                diagnostic.help != diagnostic.code.help() || helped.insert(diagnostic.code.name());
            out.push_str(&excerpt(diagnostic, source, help, width));
            out.push_str("\n\n");
        }
    }
    out.push_str(&summary(diagnostics, source.name, width));
    out
}

/// A diagnostic with the lines that it is about.
fn excerpt(diagnostic: &Diagnostic, source: SourceText<'_>, help: bool, width: usize) -> String {
    let code = diagnostic.code;
    let level = match code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let level = level.with_name(code.severity().name());
    // The title's first line starts with `warning[code]: `; its other lines are indented.
    let indent = code.severity().name().len() + code.name().len() + "[]: ".len();
    let title = wrapped(&diagnostic.message, width.saturating_sub(indent));
    let advice = wrapped(&diagnostic.help, width.saturating_sub(LEFT_OF_HELP));
    let window = Window::new(source.text, diagnostic.span);
    let snippet = Snippet::source(window.text)
        .path(source.name)
        .line_start(diagnostic.span.line)
        .annotation(AnnotationKind::Primary.span(window.primary))
        .annotations(window.behind.map(|behind| AnnotationKind::Visible.span(behind)));
    let group = Group::with_title(level.primary_title(&title).id(code.name()))
        .element(snippet)
        .element(Level::NOTE.with_name("at").message(&diagnostic.path));
    let group = if help { group.element(Level::HELP.message(&advice)) } else { group };
    Renderer::styled().decor_style(DecorStyle::Ascii).term_width(width).render(&[group])
}

/// Columns that the renderer uses before a help text, with five-digit line numbers.
const LEFT_OF_HELP: usize = 16;

fn wrapped(text: &str, width: usize) -> String {
    textwrap::wrap(text, whole_words(width)).join("\n")
}

/// Does not break names with hyphens and short paths.
fn whole_words<'o>(width: usize) -> textwrap::Options<'o> {
    textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::Custom(words))
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// Words end at blanks. Long names and paths also end after points and slashes, so that they fit
/// next to the longest code, `unknown-mapping-type`.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    const WHOLE_MAX: usize = 40;
    Box::new(line.split_inclusive(' ').flat_map(|word| {
        let is_long = word.trim_end().chars().count() > WHOLE_MAX;
        // A slash at the start of a path stays with the next segment.
        let start = usize::from(word.starts_with('/'));
        let ends = word.match_indices(['.', '/']).map(|(at, _)| at + 1);
        let ends = ends.filter(move |end| is_long && *end > start && *end < word.len());
        let mut from = 0;
        ends.chain([word.len()]).map(move |end| {
            let piece = &word[from..end];
            from = end;
            Word::from(piece)
        })
    }))
}

/// Whole lines around a span, with ranges relative to them.
struct Window<'s> {
    text: &'s str,
    /// Part of the span on its first line.
    primary: Range<usize>,
    /// Further lines of the span.
    behind: Option<Range<usize>>,
}

impl<'s> Window<'s> {
    fn new(text: &'s str, span: Span) -> Self {
        let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at);
        let first_end = line_end(span.start);
        let mut end = first_end;
        for _ in 0..LINES_BEHIND {
            if end < span.end {
                end = line_end(end + 1);
            }
        }
        let behind = (end > first_end).then(|| first_end + 1 - start..end - start);
        let primary = span.start - start..span.end.min(first_end) - start;
        Self { text: &text[start..end], primary, behind }
    }
}

/// Number of errors and warnings, in total and by kind.
fn summary(diagnostics: &[Diagnostic], name: &str, width: usize) -> String {
    let count = |severity| {
        diagnostics.iter().filter(|diagnostic| diagnostic.code.severity() == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let line =
        format!("{name}: {errors} error{}, {warnings} warning{}", plural(errors), plural(warnings));
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for diagnostic in diagnostics {
        *kinds.entry(diagnostic.code.name()).or_default() += 1;
    }
    // A no-break space keeps the number with its name until the lines are broken.
    let list: Vec<String> =
        kinds.iter().map(|(name, count)| format!("{count}\u{a0}{name}")).collect();
    if list.is_empty() {
        return line;
    }
    let options = whole_words(width).initial_indent("  ").subsequent_indent("  ");
    let list = textwrap::wrap(&list.join(", "), options).join("\n");
    format!("{line}\n{}", list.replace('\u{a0}', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::diagnostic::Code;
    use crate::contract::json::Node;

    fn window(text: &str, keys: &[&str]) -> (String, String, Option<String>) {
        let tree = Node::parse(text).unwrap();
        let node = keys.iter().fold(&tree, |node, key| node.get(key).unwrap());
        let window = Window::new(text, node.span);
        let slice = |range: Range<usize>| window.text[range].to_owned();
        (window.text.to_owned(), slice(window.primary.clone()), window.behind.clone().map(slice))
    }

    #[test]
    fn a_value_is_shown_on_its_line() {
        let text = "{\n  \"a\": 1,\n  \"b\": 2\n}";
        assert_eq!(window(text, &["a"]), ("  \"a\": 1,".into(), "1".into(), None));
    }

    #[test]
    fn a_long_piece_is_shown_by_its_first_lines() {
        let text = "{\"a\": {\n 1\n}}".replace('1', "\"b\": 1,\n \"c\": 2,\n \"d\": 3,\n \"e\": 4");
        let (_, primary, behind) = window(&text, &["a"]);
        assert_eq!(primary, "{");
        assert_eq!(behind.unwrap(), " \"b\": 1,\n \"c\": 2,\n \"d\": 3,");
    }

    #[test]
    fn long_names_are_broken_only_at_points_and_slashes() {
        let text = "the default of app_contact_employment.income_source_nontaxable_flag never \
                    applies to /Provenir/Request/CustData/application/contact";
        assert_eq!(
            wrapped(text, 48),
            "the default of app_contact_employment.\n\
             income_source_nontaxable_flag never applies to\n\
             /Provenir/Request/CustData/application/contact"
        );
        assert_eq!(
            wrapped("the type of app_base.status_enum", 24),
            "the type of\napp_base.status_enum"
        );
    }

    #[test]
    fn the_summary_counts_by_kind() {
        let diagnostic = |code| Diagnostic::new(code, "a", Span::default(), "b");
        let diagnostics = [Code::Syntax, Code::NoField, Code::NoField].map(diagnostic);
        let text = summary(&diagnostics, "c.json", 80);
        assert_eq!(text, "c.json: 1 error, 2 warnings\n  2 no-field, 1 syntax");
        assert_eq!(summary(&[], "c.json", 80), "c.json: 0 errors, 0 warnings");
    }
}
