//! Lengths as SQL Server counts them in names and in `nvarchar`: UTF-16 code units, of which a
//! character beyond U+FFFF has two.

/// Most units of a name: `sysname` is `nvarchar(128)`.
pub const NAME_UNITS_MAX: usize = 128;

/// The units of a text.
pub fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The longest beginning of a text with at most so many units, cut between characters.
pub fn truncate_utf16(text: &str, most: usize) -> &str {
    let mut units = 0;
    let fits = |&(_, c): &(usize, char)| {
        units += c.len_utf16();
        units <= most
    };
    let end = text.char_indices().take_while(fits).last();
    end.map_or("", |(start, c)| &text[..start + c.len_utf8()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (most, cut) in [(0, ""), (1, "a"), (2, "a"), (3, "a😀"), (9, "a😀b")] {
            assert_eq!(truncate_utf16("a😀b", most), cut);
        }
    }

    #[test]
    fn a_character_beyond_the_first_plane_is_two_units() {
        assert_eq!([utf16_len(""), utf16_len("aü→"), utf16_len("a😀b")], [0, 3, 4]);
    }
}
