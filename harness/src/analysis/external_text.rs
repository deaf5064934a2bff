//! Text of a file of measurements: UTF-8, or UTF-16 with a byte order mark, as PowerShell and Excel
//! write it.

/// Decodes a file, without its byte order mark. Fails for UTF-16 that is incomplete or has no mark.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<u8>, String> {
    match bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) {
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        [0, _, ..] | [_, 0, ..] => {
            Err("the text is UTF-16 without a byte order mark; save it as UTF-8".into())
        }
        // The parser names the line of bytes that are not UTF-8.
        text => Ok(text.to_vec()),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Vec<u8>, String> {
    let incomplete = || "the text is incomplete UTF-16; save it again, or as UTF-8".to_owned();
    if !bytes.len().is_multiple_of(2) {
        return Err(incomplete());
    }
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.map(String::into_bytes).map_err(|_| incomplete())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_and_taken_off() {
        let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        let little: Vec<u8> =
            units("\u{feff}sé😀").into_iter().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units("\u{feff}sé😀").into_iter().flat_map(u16::to_be_bytes).collect();
        for bytes in [&little[..], &big, "\u{feff}sé😀".as_bytes(), "sé😀".as_bytes()] {
            assert_eq!(decode(bytes), Ok("sé😀".into()));
        }
        assert_eq!(decode(b""), Ok(Vec::new()));
        assert_eq!(decode(b"\xff"), Ok(vec![0xff]));
    }

    #[test]
    fn what_only_looks_like_utf_16_is_refused() {
        assert!(decode(b"s\0e\0").unwrap_err().contains("without a byte order mark"));
        assert!(decode(b"\0s\0e").unwrap_err().contains("without a byte order mark"));
        for bytes in [&b"\xff\xfes"[..], b"\xff\xfe\x00\xd8", b"\xfe\xff\xdc\x00"] {
            assert!(decode(bytes).unwrap_err().contains("incomplete UTF-16"), "{bytes:?}");
        }
    }
}
