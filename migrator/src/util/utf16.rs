//! Text lengths in UTF-16 code units, as SQL Server counts them in names and in `nvarchar`. A
//! character beyond U+FFFF has two units.

/// Longest name in code units: `sysname` is `nvarchar(128)`.
pub(crate) const NAME_UNITS_MAX: usize = 128;

/// Length of a text in code units.
pub(crate) fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Longest prefix of a text with at most `max` code units. Never splits a character.
pub(crate) fn truncate_utf16(text: &str, max: usize) -> &str {
    let mut units = 0;
    let fits = |&(_, c): &(usize, char)| {
        units += c.len_utf16();
        units <= max
    };
    let end = text.char_indices().take_while(fits).last();
    end.map_or("", |(start, c)| &text[..start + c.len_utf8()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (max, cut) in [(0, ""), (1, "a"), (2, "a"), (3, "a😀"), (9, "a😀b")] {
            assert_eq!(truncate_utf16("a😀b", max), cut);
        }
    }

    #[test]
    fn a_character_beyond_the_first_plane_is_two_units() {
        assert_eq!([utf16_len(""), utf16_len("aü→"), utf16_len("a😀b")], [0, 3, 4]);
    }
}
