//! Texts of a document in Markdown: whatever they hold, they show as they are, make no markup, no
//! link, no mention and no end of a table's cell.

/// A text between other texts, on one line.
pub(in crate::render) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Mentions of people, of issues, and links.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            ':' if next == '/' => out.push_str("&#58;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            // Inside a word it means nothing: names of settings stay readable.
            '_' if !(before.is_alphanumeric() && next.is_alphanumeric()) => out.push_str("\\_"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// A text as code on one line.
pub(super) fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let fence = "`".repeat(longest_run(&text) + 1);
    let room = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    // In a cell of a table a bar ends the cell even within code.
    format!("{fence}{room}{}{room}{fence}", text.replace('|', "\\|"))
}

/// A text as a block of code.
pub(in crate::render) fn block(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}\n{text}\n{fence}")
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
            ("@all #1 https://x", "&#64;all &#35;1 https&#58;//x"),
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
