//! Marks characters of foreign texts that a terminal or browser would obey instead of show.

/// True for invisible characters that change how others are shown. They move the cursor, change
/// colours, or change the direction of writing (Unicode's `Bidi_Control`).
pub fn is_command(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with a mark for each such character except line ends; a tab becomes a blank.
pub fn shown(text: &str) -> String {
    let mark = |c| match c {
        '\n' => '\n',
        '\t' => ' ',
        c if is_command(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(mark).collect()
}

/// The text on one line, with a blank for each such character.
pub fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if is_command(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_marked_and_other_text_is_unchanged() {
        let text = "a\tb\n\u{1b}[31mred\u{7}\u{9b}2J \u{202e}txt.exe\u{2069} ä😀\r";
        assert_eq!(
            shown(text),
            "a b\n\u{fffd}[31mred\u{fffd}\u{fffd}2J \u{fffd}txt.exe\u{fffd} ä😀\u{fffd}"
        );
        assert_eq!(on_one_line("a\nb\u{1b}\u{200f}c"), "a b  c");
    }

    #[test]
    fn sanitizing_is_idempotent() {
        let once = shown("\u{1b}[2J\u{85}\u{2066}");
        assert_eq!(shown(&once), once);
        assert!(!once.contains(is_command));
    }
}
