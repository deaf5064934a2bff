//! Tokenizer: ranges of texts, references, comments and other tokens. For tags it finds only the
//! start, because the reader of a tag can predict its content.
//!
//! It borrows everything and allocates nothing. It checks only as much as it needs to find the end
//! of a token.

use memchr::{memchr_iter, memchr2, memchr3};

/// A token of a record's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// Text up to the next markup or reference; never empty.
    Text {
        /// Text as written.
        text: &'t str,
        /// True if it contains a `]`, without which there is no `]]>`.
        bracket: bool,
    },
    /// Text between `&` and `;`.
    Reference(&'t str),
    /// Text between `<!--` and `-->`.
    Comment(&'t str),
    /// A CDATA section.
    CData,
    /// A processing instruction, or a declaration that looks like one.
    Instruction {
        /// Text up to the first white space.
        target: &'t str,
        /// Text after the target, starting with white space.
        content: &'t str,
    },
    /// The `<` of a start tag or of an empty element. [`Scanner::rest`] is the text after it.
    Open,
    /// The `</` of an end tag. [`Scanner::rest`] is the text after it.
    Close,
}

/// No token begins like this, or the text ends within the token. [`super::fault`] finds the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoToken;

/// Reads a text token by token.
#[derive(Debug)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// Starts at the beginning of a text.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Number of bytes read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whole text.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Part of the text with this start and length in bytes.
    pub(super) fn piece(&self, (start, length): (usize, usize)) -> &'t str {
        &self.text[start..start + length]
    }

    /// Text that is not yet read.
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Continues at `rest`, an end of the text.
    pub(super) fn go_on(&mut self, rest: &str) {
        self.at = self.text.len() - rest.len();
    }

    /// Reads the next token; `None` at the end.
    ///
    /// # Errors
    /// No legal token begins here, or the text ends too early. The position does not change.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Token<'t>>, NoToken> {
        let rest = self.rest();
        match rest.as_bytes() {
            [] => Ok(None),
            [b'<', b'/', ..] => Ok(Some(self.take(2, Token::Close))),
            [b'<', b'!', ..] => self.exclamation(rest).map(Some),
            [b'<', b'?', ..] => self.instruction(rest).map(Some),
            [b'<', _, ..] => Ok(Some(self.take(1, Token::Open))),
            [b'<'] => Err(NoToken),
            [b'&', ..] => self.reference(rest).map(Some),
            _ => Ok(Some(self.words(rest))),
        }
    }

    fn take(&mut self, bytes: usize, token: Token<'t>) -> Token<'t> {
        self.at += bytes;
        token
    }

    fn words(&mut self, rest: &'t str) -> Token<'t> {
        let bytes = rest.as_bytes();
        let mut end = memchr3(b'<', b'&', b']', bytes).unwrap_or(bytes.len());
        let bracket = bytes.get(end) == Some(&b']');
        if bracket {
            end += memchr2(b'<', b'&', &bytes[end..]).unwrap_or(bytes.len() - end);
        }
        self.take(end, Token::Text { text: &rest[..end], bracket })
    }

    fn reference(&mut self, rest: &'t str) -> Result<Token<'t>, NoToken> {
        let body = &rest[1..];
        match memchr3(b';', b'&', b'<', body.as_bytes()) {
            Some(end) if body.as_bytes()[end] == b';' => {
                Ok(self.take(end + 2, Token::Reference(&body[..end])))
            }
            _ => Err(NoToken),
        }
    }

    fn exclamation(&mut self, rest: &'t str) -> Result<Token<'t>, NoToken> {
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = end_of(comment, *b"--").ok_or(NoToken)?;
            return Ok(self.take(end + 7, Token::Comment(&comment[..end])));
        }
        let section = rest.strip_prefix("<![CDATA[").ok_or(NoToken)?;
        let end = end_of(section, *b"]]").ok_or(NoToken)?;
        Ok(self.take(end + 12, Token::CData))
    }

    fn instruction(&mut self, rest: &'t str) -> Result<Token<'t>, NoToken> {
        // The question mark at the start may be the one at the end: `<?>` is not an instruction.
        let whole = &rest[1..];
        let end = memchr_iter(b'>', whole.as_bytes())
            .find(|end| whole.as_bytes()[end - 1] == b'?')
            .filter(|end| *end > 1)
            .ok_or(NoToken)?;
        let body = &whole[1..end - 1];
        let blank = body.find([' ', '\t', '\n', '\r']).unwrap_or(body.len());
        let (target, content) = body.split_at(blank);
        Ok(self.take(end + 2, Token::Instruction { target, content }))
    }
}

/// Offset of the first such mark that is followed by `>`.
fn end_of(content: &str, mark: [u8; 2]) -> Option<usize> {
    let bytes = content.as_bytes();
    memchr_iter(b'>', bytes).find(|end| bytes[..*end].ends_with(&mark)).map(|end| end - mark.len())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use quick_xml::Reader;
    use quick_xml::events::Event;
    use regex::Regex;

    use super::super::attributes::RawAttribute;
    use super::super::names::is_name;
    use super::*;

    /// A token as both tokenizers give it, and where it ends.
    type Told = (String, usize);

    /// All tokens up to the first thing that is none, tags with all that stands in them.
    fn ours(text: &str) -> Vec<Told> {
        let mut scanner = Scanner::new(text);
        let mut told = Vec::new();
        while let Ok(Some(token)) = scanner.next() {
            let token = match token {
                Token::Text { text, .. } => format!("text {text}"),
                Token::Reference(body) => format!("reference {body}"),
                Token::Comment(comment) => format!("comment {comment}"),
                Token::CData => "CDATA".to_owned(),
                Token::Instruction { target, content } => format!("instruction {target}|{content}"),
                Token::Open | Token::Close => match tag(&mut scanner, token) {
                    Some(tag) => tag,
                    None => break,
                },
            };
            told.push((token, scanner.at()));
        }
        told
    }

    /// A tag with its attributes as written; `None` where it cannot be read.
    fn tag(scanner: &mut Scanner<'_>, token: Token<'_>) -> Option<String> {
        let whole = scanner.rest();
        let name_end = whole.find([' ', '\t', '\n', '\r', '/', '>'])?;
        let (name, mut rest) = whole.split_at(name_end);
        let mut legal = is_name(name);
        while let Some(raw) = RawAttribute::next(rest).ok()? {
            legal &= is_name(raw.name);
            rest = raw.after;
        }
        let attributes = whole[name_end..whole.len() - rest.trim_start().len()].trim_end();
        let rest = rest.trim_start();
        let empty = rest.starts_with('/');
        let closes = token == Token::Close;
        if !legal || (closes && (empty || !attributes.is_empty())) {
            return None;
        }
        scanner.go_on(rest.strip_prefix(if empty { "/>" } else { ">" })?);
        Some(format!("tag {closes} {empty} {name}|{attributes}"))
    }

    /// The same from quick-xml.
    fn theirs(text: &str) -> (Vec<Told>, bool) {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        let mut told = Vec::new();
        loop {
            let Ok(event) = reader.read_event() else { return (told, false) };
            let tag = |closes: bool, empty: bool, name: &str, attributes: &str| {
                format!("tag {closes} {empty} {name}|{}", attributes.trim_end())
            };
            let token = match &event {
                Event::Text(text) => format!("text {}", &**text),
                Event::GeneralRef(body) => format!("reference {}", &**body),
                Event::Comment(comment) => format!("comment {}", &**comment),
                Event::CData(_) => "CDATA".to_owned(),
                Event::PI(pi) => format!("instruction {}|{}", pi.target(), pi.content()),
                Event::Start(start) => tag(false, false, start.name().0, start.attributes_raw()),
                Event::Empty(start) => tag(false, true, start.name().0, start.attributes_raw()),
                Event::End(end) => tag(true, false, end.name().0, ""),
                Event::Eof => return (told, true),
                Event::Decl(_) | Event::DocType(_) => return (told, false),
            };
            told.push((token, usize::try_from(reader.buffer_position()).unwrap()));
        }
    }

    /// Returns true if a text begins with a well-formed tag by the productions `STag`, `ETag` and
    /// `EmptyElemTag` of XML 1.0. The content of values is not checked.
    fn begins_with_tag(text: &str) -> bool {
        /// Content of a character class of a regular expression.
        const STARTS: &str = ":A-Z_a-z\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{2ff}\u{370}-\u{37d}\
            \u{37f}-\u{1fff}\u{200c}\u{200d}\u{2070}-\u{218f}\u{2c00}-\u{2fef}\u{3001}-\u{d7ff}\
            \u{f900}-\u{fdcf}\u{fdf0}-\u{fffd}\u{10000}-\u{effff}";
        const CONTINUES: &str = "\\-.0-9\u{b7}\u{300}-\u{36f}\u{203f}\u{2040}";
        static TAG: LazyLock<Regex> = LazyLock::new(|| {
            let name = format!("[{STARTS}][{STARTS}{CONTINUES}]*");
            let blank = r"[ \t\r\n]";
            let value = r#"(?:"[^"]*"|'[^']*')"#;
            let attribute = format!("{blank}+{name}{blank}*={blank}*{value}");
            let tag = format!("^<(?:/{name}{blank}*|{name}(?:{attribute})*{blank}*/?)>");
            Regex::new(&tag).unwrap()
        });
        TAG.is_match(text)
    }

    #[test]
    fn the_tag_grammar_accepts_tags_and_rejects_other_text() {
        for text in ["<a>", "</a>", "<é/>", "<a b='>' c = \"<\"\n/>", "</a\t>", "<a:b >x"] {
            assert!(begins_with_tag(text), "{text}");
        }
        for text in ["", "a>", "< a>", "<a", "<a b>", "<a b=c>", "<a b=''c=''>", "</a b=''>", "<1>"]
        {
            assert!(!begins_with_tag(text), "{text}");
        }
    }

    /// Texts of the pieces that markup is made of.
    fn markup() -> impl Strategy<Value = String> {
        let pieces = [
            "<",
            ">",
            "/",
            "</",
            "/>",
            "<a",
            "<b c",
            "=",
            "\"",
            "'",
            "=\"d\"",
            "='>'",
            "</a>",
            "</b >",
            "<!--",
            "-->",
            "--",
            "-",
            "<![CDATA[",
            "]]>",
            "]",
            "<?",
            "?>",
            "?",
            "p ",
            "&",
            ";",
            "&amp;",
            "&#1",
            "!",
            "text",
            " ",
            "\n",
            "é",
            "日",
            "<!D",
            "[",
            "<x y=\"z\"/>",
        ];
        proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..14)
            .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// This tokenizer returns the same tokens as quick-xml until it stops. It stops at an error
        /// at which quick-xml stops too, or at an ill-formed tag that quick-xml accepts because it
        /// looks only for `<` and `>`.
        #[test]
        fn tokens_equal_those_of_quick_xml(text in markup()) {
            let (own, (theirs, theirs_to_end)) = (ours(&text), theirs(&text));
            let read = own.last().map_or(0, |(_, end)| *end);
            prop_assert!(own.len() <= theirs.len(), "{own:?} {theirs:?}");
            prop_assert_eq!(&own[..], &theirs[..own.len()]);
            let at_no_tag = text[read..].starts_with('<') && !begins_with_tag(&text[read..]);
            prop_assert!(own.len() == theirs.len() || at_no_tag, "{own:?} {theirs:?}");
            prop_assert!(!theirs_to_end || read == text.len() || at_no_tag);
        }
    }

    #[test]
    fn truncated_and_unknown_markup_is_no_token() {
        for text in [
            "<",
            "<!",
            "<!x>",
            "<!->",
            "<!-->",
            "<!--->",
            "<!-- --",
            "<![CDATA[ ]]",
            "<![cdata[]]>",
            "<![CDATA]]>",
            "<?",
            "<?>",
            "<?p>",
            "<!DOCTYPE a>",
            "&",
            "&amp",
            "&a&b;",
            "&a<b;",
        ] {
            assert_eq!(Scanner::new(text).next(), Err(NoToken), "{text}");
        }
    }

    #[test]
    fn repeated_closing_marks_are_recognized() {
        let comment = |text| Scanner::new(text).next();
        assert_eq!(comment("<!---->"), Ok(Some(Token::Comment(""))));
        assert_eq!(comment("<!----->"), Ok(Some(Token::Comment("-"))));
        assert_eq!(comment("<!-->-->"), Ok(Some(Token::Comment(">"))));
        let section = "<![CDATA[]]]>]]>x";
        let mut scanner = Scanner::new(section);
        assert_eq!(scanner.next(), Ok(Some(Token::CData)));
        assert_eq!(scanner.rest(), "]]>x");
        let instruction = Token::Instruction { target: "", content: "" };
        assert_eq!(comment("<??>"), Ok(Some(instruction)));
    }
}
