//! Escapes texts for Markdown, so that they make no markup, no link, no mention and no table cell.

use crate::sanitize::{is_command, on_one_line, shown};

/// Zero-width space, as an entity. It separates a sign from the name behind it: GitHub reads
/// references after Markdown has turned `&#64;` into `@`.
const APART: &str = "&#8203;";

/// Inline text on one line; it may also begin a paragraph.
pub(super) fn plain(text: &str) -> String {
    let text = text.trim_start();
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let item = item_sign(text);
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map_or(' ', |(_, next)| *next);
        match c {
            c if item == Some(at) => out.extend(['\\', c]),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Mentions of people, of issues, and links.
            '@' if next.is_alphanumeric() => out.extend(["&#64;", APART]),
            '@' => out.push_str("&#64;"),
            '#' if next.is_ascii_digit() => out.extend(["&#35;", APART]),
            '#' => out.push_str("&#35;"),
            ':' if next == '/' => out.push_str("&#58;"),
            '.' if ends_with_www(&text[..at]) => out.push_str("&#46;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            // Inside a word it has no meaning, and names of settings stay readable.
            '_' if !(before.is_alphanumeric() && next.is_alphanumeric()) => out.push_str("\\_"),
            c if is_command(c) => out.push(' '),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// Position of the sign that would turn the text into a list item or a rule.
fn item_sign(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    let mut signs = rest.chars();
    let (sign, next) = (signs.next()?, signs.next().unwrap_or(' '));
    let is_item = match sign {
        '-' | '+' => digits == 0 && (next.is_whitespace() || next == sign),
        '.' | ')' => digits > 0 && next.is_whitespace(),
        _ => false,
    };
    is_item.then_some(digits)
}

/// True if a link could begin with the next character.
fn ends_with_www(text: &str) -> bool {
    let start = text.len().checked_sub(3).and_then(|start| text.get(start..));
    start.is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Text as inline code on one line.
pub(super) fn code(text: &str) -> String {
    let text = on_one_line(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let room = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    // In a table, a bar ends the cell even within code.
    format!("{fence}{room}{}{room}{fence}", text.replace('|', "\\|"))
}

/// Text as a code block.
pub(super) fn block(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}\n{}\n{fence}", shown(text))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        for (text, expected) in [
            ("batch_size=200", "batch_size=200"),
            ("_a_ *b* `c`", "\\_a\\_ \\*b\\* \\`c\\`"),
            ("a|b\nc", "a\\|b c"),
            ("<!-- x --> & [l](u)", "&lt;!-- x --&gt; &amp; \\[l\\](u)"),
            ("@all #1 https://x", "&#64;&#8203;all &#35;&#8203;1 https&#58;//x"),
            ("www.x Www.y w.z", "www&#46;x Www&#46;y w.z"),
            ("- a", "\\- a"),
            ("---", "\\---"),
            ("10. a", "10\\. a"),
            ("  + a", "\\+ a"),
            ("-1.2 % to 3.5 ms + x - y", "-1.2 % to 3.5 ms + x - y"),
            ("\u{1b}[2J\u{202e}", "\u{20}\\[2J\u{20}"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn code_is_fenced_by_more_than_it_holds() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a `b`"), "`` a `b` ``");
        assert_eq!(block("```\nx"), "````\n```\nx\n````");
    }
}
