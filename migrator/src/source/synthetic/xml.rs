//! Writer of XML text: tags, escaped attributes and content.

use std::fmt::Write as _;

use quick_xml::escape::{escape, partial_escape};

/// Text that grows tag by tag.
#[derive(Debug, Default)]
pub(super) struct Xml {
    text: String,
    /// True while the last start tag accepts attributes.
    tag_is_open: bool,
}

impl Xml {
    /// Creates an empty text with capacity for `bytes`.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), tag_is_open: false }
    }

    /// Number of bytes so far.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns the text.
    pub(super) fn into_string(self) -> String {
        self.text
    }

    /// Starts an element.
    pub(super) fn start(&mut self, name: &str) -> &mut Self {
        self.close_tag();
        self.text.push('<');
        self.text.push_str(name);
        self.tag_is_open = true;
        self
    }

    /// Adds an attribute to the last start tag.
    pub(super) fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        self.attribute_start(name);
        let escaped = escape(value);
        if value.contains(['\t', '\n']) {
            // Written literally, a reader would replace them by blanks.
            self.text.push_str(&escaped.replace('\t', "&#9;").replace('\n', "&#10;"));
        } else {
            self.text.push_str(&escaped);
        }
        self.text.push('"');
        self
    }

    /// Adds an attribute with a character reference for every character outside ASCII.
    pub(super) fn attribute_in_ascii(&mut self, name: &str, value: &str) -> &mut Self {
        self.attribute_start(name);
        for letter in escape(value).chars() {
            if letter.is_ascii() && !letter.is_ascii_control() {
                self.text.push(letter);
            } else {
                // Writing to a string cannot fail.
                let _ = write!(self.text, "&#x{:X};", u32::from(letter));
            }
        }
        self.text.push('"');
        self
    }

    /// Adds a number as an attribute.
    pub(super) fn number(&mut self, name: &str, value: u32) -> &mut Self {
        self.attribute_start(name);
        let _ = write!(self.text, "{value}\"");
        self
    }

    /// Adds text content.
    pub(super) fn content(&mut self, text: &str) -> &mut Self {
        self.close_tag();
        self.text.push_str(&partial_escape(text));
        self
    }

    /// Adds raw markup: a comment, a CDATA section or a declaration.
    pub(super) fn markup(&mut self, markup: &str) -> &mut Self {
        self.close_tag();
        self.text.push_str(markup);
        self
    }

    /// Ends the element `name`, which is the innermost open one.
    pub(super) fn end(&mut self, name: &str) -> &mut Self {
        if self.tag_is_open {
            self.text.push_str("/>");
            self.tag_is_open = false;
        } else {
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push('>');
        }
        self
    }

    /// Adds an element that contains only text.
    pub(super) fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.start(name).content(text).end(name)
    }

    fn attribute_start(&mut self, name: &str) {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
    }

    fn close_tag(&mut self) {
        if self.tag_is_open {
            self.text.push('>');
            self.tag_is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_characters_are_escaped_and_white_space_survives() {
        let mut xml = Xml::default();
        xml.start("a").attribute("x", "\"R&D\" <\t\n>").number("n", 7);
        xml.start("b").attribute_in_ascii("y", "é & 日").end("b");
        xml.leaf("c", "1 < 2").markup("<!-- d -->").end("a");
        assert_eq!(
            xml.into_string(),
            "<a x=\"&quot;R&amp;D&quot; &lt;&#9;&#10;&gt;\" n=\"7\">\
             <b y=\"&#xE9; &amp; &#x65E5;\"/><c>1 &lt; 2</c><!-- d --></a>"
        );
    }
}
