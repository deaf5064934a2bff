//! Namespaces: prefixes are declared before use, resolved to distinguish attributes, then dropped.
//!
//! Records usually have no namespaces; this is the slow path of the few that do. The checks are
//! those of libxml2, which the reference parses with.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::names::is_name;

/// Namespace of the prefix `xml`.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Namespace of declarations. Nothing may be bound to it.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Both sides of a colon must be names.
const NO_NAME: &str = "a prefix or a local part is no name";

/// Number of declarations whose capacity is kept for the next record.
const DECLARATIONS_KEPT: usize = 1_000;

/// Declarations in scope.
#[derive(Debug, Default)]
pub(super) struct NamespaceScopes {
    declared: Vec<NamespaceDeclaration>,
    /// Indices of the declarations of each prefix, innermost last. A map, because one element may
    /// declare and use very many prefixes.
    places: FxHashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct NamespaceDeclaration {
    depth: u16,
    prefix: String,
    uri: String,
}

impl NamespaceScopes {
    /// Removes all declarations.
    pub(super) fn clear(&mut self) {
        if self.declared.capacity() > DECLARATIONS_KEPT {
            *self = Self::default();
        }
        self.declared.clear();
        self.places.clear();
    }

    /// Ends the scopes of an element.
    pub(super) fn close(&mut self, depth: u16) {
        while self.declared.last().is_some_and(|last| last.depth >= depth) {
            let Some(ended) = self.declared.pop() else { break };
            if let Some(places) = self.places.get_mut(&ended.prefix) {
                places.pop();
            }
        }
    }

    /// Adds the declarations of an element and checks its names.
    ///
    /// # Errors
    /// The reason why the record is ill-formed.
    pub(super) fn open(
        &mut self,
        depth: u16,
        element: &str,
        attributes: &[(String, String)],
    ) -> Result<(), &'static str> {
        for (name, value) in attributes {
            if let Some(prefix) = name.strip_prefix("xmlns:") {
                self.declare(depth, prefix, value)?;
            } else if name == "xmlns" {
                check_default(value)?;
            }
        }
        self.uri_of(element)?;
        let mut seen = BTreeSet::new();
        for (name, _) in attributes.iter().filter(|(name, _)| !is_declaration(name)) {
            if let Some(uri) = self.uri_of(name)?
                && !seen.insert((uri, local(name)))
            {
                return Err("an attribute stands twice under two prefixes");
            }
        }
        Ok(())
    }

    fn declare(&mut self, depth: u16, prefix: &str, uri: &str) -> Result<(), &'static str> {
        match (prefix, uri) {
            ("", _) => return Err("a name has an empty prefix or local part"),
            ("xml", XML) => return Ok(()),
            ("xml", _) => return Err("the prefix xml is bound to another namespace"),
            ("xmlns", _) => return Err("the prefix xmlns is bound"),
            (_, XML | XMLNS) => return Err("a reserved namespace is bound to another prefix"),
            (_, "") => return Err("a prefix is bound to an empty namespace"),
            _ if prefix.contains(':') => return Err("a name has two colons"),
            _ if !is_name(prefix) => return Err(NO_NAME),
            _ => check_uri(uri)?,
        }
        self.places.entry(prefix.to_owned()).or_default().push(self.declared.len());
        self.declared.push(NamespaceDeclaration {
            depth,
            prefix: prefix.to_owned(),
            uri: uri.to_owned(),
        });
        Ok(())
    }

    fn uri_of(&self, name: &str) -> Result<Option<&str>, &'static str> {
        let Some((prefix, local)) = name.split_once(':') else { return Ok(None) };
        if prefix.is_empty() || local.is_empty() {
            return Err("a name has an empty prefix or local part");
        }
        if local.contains(':') {
            return Err("a name has two colons");
        }
        if !is_name(prefix) || !is_name(local) {
            return Err(NO_NAME);
        }
        if prefix == "xml" {
            return Ok(Some(XML));
        }
        let place = self.places.get(prefix).and_then(|places| places.last());
        let declared = place.and_then(|place| self.declared.get(*place));
        declared.map(|declared| Some(declared.uri.as_str())).ok_or("a prefix is not declared")
    }
}

/// Part after the prefix.
pub(super) fn local(name: &str) -> &str {
    memchr::memchr(b':', name.as_bytes()).map_or(name, |colon| &name[colon + 1..])
}

/// True if an attribute declares a namespace. Then it is not an attribute of the element.
pub(super) fn is_declaration(name: &str) -> bool {
    name == "xmlns" || name.starts_with("xmlns:")
}

fn check_default(uri: &str) -> Result<(), &'static str> {
    match uri {
        XML | XMLNS => Err("a reserved namespace is bound to another prefix"),
        _ => check_uri(uri),
    }
}

/// Checks the rules of RFC 3986 that mistakes violate: no blanks or brackets, `%` with two hex
/// digits.
fn check_uri(uri: &str) -> Result<(), &'static str> {
    let bytes = uri.as_bytes();
    let broken = bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'%' => !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => true,
        _ => false,
    });
    if broken || uri.starts_with(':') { Err("a namespace is no valid URI") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(element: &str, attributes: &[(&str, &str)]) -> Result<(), &'static str> {
        let owned: Vec<_> =
            attributes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        NamespaceScopes::default().open(1, element, &owned)
    }

    #[test]
    fn declared_prefixes_pass() {
        assert_eq!(open("a:b", &[("xmlns:a", "u"), ("a:x", "1"), ("x", "2")]), Ok(()));
        assert_eq!(open("b", &[("xml:lang", "e"), ("xmlns", "rel")]), Ok(()));
        assert_eq!(open("xml:b", &[("xmlns:xml", XML)]), Ok(()));
    }

    #[test]
    fn names_that_libxml2_rejects_are_rejected() {
        let cases: [(&str, &[(&str, &str)]); 16] = [
            ("a:b", &[]),
            ("b", &[("a:c", "1")]),
            ("b", &[("xmlns:a", "")]),
            ("b", &[("xmlns:a", "u"), ("xmlns:c", "u"), ("a:x", "1"), ("c:x", "2")]),
            ("a:b:c", &[("xmlns:a", "u")]),
            (":b", &[]),
            ("a:", &[("xmlns:a", "u")]),
            ("b", &[("xmlns:xml", "u")]),
            ("b", &[("xmlns:xmlns", "u")]),
            ("b", &[("xmlns", XMLNS)]),
            ("b", &[("xmlns:a", "a b")]),
            ("b", &[("xmlns:a", "%zz")]),
            ("-a:b", &[("xmlns:-a", "u")]),
            ("b", &[("xmlns:1a", "u")]),
            ("b", &[("xmlns:a", "u"), ("a:1b", "1")]),
            ("a:-b", &[("xmlns:a", "u")]),
        ];
        for (element, attributes) in cases {
            assert!(open(element, attributes).is_err(), "{element} {attributes:?}");
        }
    }

    #[test]
    fn a_scope_ends_with_its_element() {
        let mut scopes = NamespaceScopes::default();
        scopes.open(2, "a:b", &[("xmlns:a".to_owned(), "u".to_owned())]).unwrap();
        scopes.close(2);
        assert!(scopes.open(2, "a:b", &[]).is_err());
    }
}
