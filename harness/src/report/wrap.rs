//! Wraps and truncates texts.

/// Width of a terminal in characters.
pub(super) const COLUMNS: usize = 100;

/// Wraps a text for a terminal, between words.
pub(super) fn wrapped(text: &str) -> String {
    wrapped_at(text, COLUMNS)
}

/// Wraps a text at this many characters, between words.
pub(super) fn wrapped_at(text: &str, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Parts of a text between which a line may end: words; a number stays with its `%`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut blanks = text.match_indices(' ').map(|(at, _)| at);
        let end = blanks.find(|at| !text[at + 1..].starts_with('%'));
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// Truncates a text to this many characters, with an ellipsis.
pub(super) fn truncated(text: &str, characters_max: usize) -> String {
    if text.chars().count() <= characters_max {
        return text.to_owned();
    }
    text.chars().take(characters_max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_keep_a_number_with_its_percent_sign() {
        assert_eq!(wrapped_at("one two three", 7), "one two\nthree");
        let text = "by +3.4 % (+1 % to +5.7 %).";
        assert_eq!(wrapped_at(text, 15), "by +3.4 % (+1 %\nto +5.7 %).");
        assert_eq!(wrapped_at(text, 14), "by +3.4 %\n(+1 % to\n+5.7 %).");
        assert_eq!(wrapped_at("", 14), "");
        assert_eq!(wrapped_at("a /very/long/path b", 6), "a\n/very/long/path\nb");
    }

    #[test]
    fn a_text_that_is_too_long_ends_in_an_ellipsis() {
        assert_eq!(truncated("häuser", 6), "häuser");
        assert_eq!(truncated("häuser", 4), "häu…");
    }
}
