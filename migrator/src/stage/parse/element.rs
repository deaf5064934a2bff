//! Elements: checks tags, tracks open elements and keeps the parts that are used.
//!
//! A tag is read once, from its `<` on. If anything in it is wrong, `fault` reads it again for the
//! reason, and the record is rejected.

use super::attributes::{RawAttribute, has_graphic_ends};
use super::fast_path::{CopySpan, PlainSpan, PredictedAttribute, offset, span};
use super::fault;
use super::names::{AttributeNameId, KnownName, NameTable};
use super::namespace::{NamespaceScopes, is_declaration, local};
use super::paths::{ABOVE_ROOT, Paths, PrecedingTag};
use super::references::ParseError;
use super::scan::Scanner;
use crate::contract::model::{FieldId, ScanPlan};
use crate::record::{Attribute, Element, NO_ATTRIBUTE, ParsedRecord, TextRange};

/// Maximum nesting of elements, as in libxml2.
const DEPTH_MAX: usize = 256;

/// Reads the elements of a record. Tables and buffers are kept for the next record.
#[derive(Debug)]
pub(super) struct ElementReader<'c> {
    plan: &'c ScanPlan,
    paths: Paths,
    names: NameTable,
    scopes: NamespaceScopes,
    open: Vec<OpenElement>,
    /// Previous tag.
    before: PrecedingTag,
    /// True if the root element has begun.
    pub(super) rooted: bool,
    /// Paths that have kept elements in this record.
    listed: Vec<u32>,
    /// Serial number of the current element, over all records.
    serial: u64,
}

/// Next part of a tag.
enum NextAttribute<'t> {
    /// An attribute in the usual spelling. Its value is between two offsets of the tag.
    Predicted { name: AttributeNameId, value_at: usize, end: usize },
    /// Any other attribute.
    Other(RawAttribute<'t>, AttributeNameId),
    /// End of the attributes.
    End,
}

/// An element without its end tag so far.
#[derive(Debug)]
struct OpenElement {
    path: u32,
    /// Index of the element, if it is kept.
    element: Option<u32>,
    /// Offset and length of its name in the text.
    name: (usize, usize),
}

impl<'c> ElementReader<'c> {
    /// Creates a reader for records of one contract.
    pub(super) fn new(plan: &'c ScanPlan) -> Self {
        Self {
            plan,
            paths: Paths::new(plan),
            names: NameTable::default(),
            scopes: NamespaceScopes::default(),
            open: Vec::new(),
            before: PrecedingTag::root(),
            rooted: false,
            listed: Vec::new(),
            serial: 0,
        }
    }

    /// Starts a record.
    pub(super) fn start(&mut self, out: &mut ParsedRecord) {
        out.slots.resize(self.plan.paths.len(), None);
        out.fields.resize(self.plan.fields.count(), NO_ATTRIBUTE);
        self.paths.start();
        if self.names.shrink() {
            self.paths.forget_attributes();
        }
        self.scopes.clear();
        self.open.clear();
        self.before = PrecedingTag::root();
        self.rooted = false;
        self.listed.clear();
    }

    /// True if no element is open.
    pub(super) fn at_top(&self) -> bool {
        self.open.is_empty()
    }

    /// True if the record has an element at a path.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.paths.has(path)
    }

    /// Reads a start tag or an empty element. The scanner has read its `<`.
    pub(super) fn open(
        &mut self,
        scanner: &mut Scanner<'_>,
        out: &mut ParsedRecord,
    ) -> Result<(), ParseError> {
        match self.read_tag(scanner.rest(), scanner.at(), out) {
            Ok((rest, is_empty)) => {
                scanner.go_on(rest);
                if is_empty {
                    self.end_element(out);
                }
                Ok(())
            }
            Err(cause) => Err(self.in_words(scanner, cause, out)),
        }
    }

    /// Reads an end tag. The scanner has read its `</`.
    pub(super) fn close(
        &mut self,
        scanner: &mut Scanner<'_>,
        out: &mut ParsedRecord,
    ) -> Result<(), ParseError> {
        let name = self.open.last().map(|open| scanner.piece(open.name));
        let Some(rest) = name.and_then(|name| after_end_tag(name, scanner.rest())) else {
            return Err(fault::end_tag(scanner.text(), scanner.at() - 2, name));
        };
        scanner.go_on(rest);
        self.end_element(out);
        Ok(())
    }

    /// Reads a tag from its name on, which is at `at`. Returns the text after the tag, and true for
    /// an empty-element tag.
    fn read_tag<'t>(
        &mut self,
        tag: &'t str,
        at: usize,
        out: &mut ParsedRecord,
    ) -> Result<(&'t str, bool), ParseError> {
        self.check_place()?;
        let (path, name) = self.enter(tag)?;
        let rest = self.begin_element(path, name, at, &tag[name.len()..], out)?;
        if let Some(after) = rest.strip_prefix('>') {
            return Ok((after, false));
        }
        match rest.trim_ascii_start() {
            rest if rest.starts_with('>') => Ok((&rest[1..], false)),
            rest if rest.starts_with("/>") => Ok((&rest[2..], true)),
            _ => Err("a tag without an end".into()),
        }
    }

    fn check_place(&self) -> Result<(), ParseError> {
        match self.open.len() {
            0 if self.rooted => Err("a second root element".into()),
            depth if depth >= DEPTH_MAX => {
                Err(format!("more than {DEPTH_MAX} elements deep").into())
            }
            _ => Ok(()),
        }
    }

    /// Path of the element that a tag begins, and its name as written. Elements mostly follow each
    /// other as before, so the predicted path is tried first.
    fn enter<'t>(&mut self, tag: &'t str) -> Result<(u32, &'t str), ParseError> {
        if let Some((path, length)) = self.paths.enter_expected(self.before, tag.as_bytes()) {
            return Ok((path, &tag[..length]));
        }
        let ends = |byte| matches!(byte, b' ' | b'>' | b'/' | b'\n' | b'\t' | b'\r');
        let end = tag.bytes().position(ends).ok_or("a tag without an end")?;
        let name = &tag[..end];
        self.enter_named(name).map(|path| (path, name))
    }

    fn enter_named(&mut self, name: &str) -> Result<u32, ParseError> {
        let parent = self.open.last().map_or(ABOVE_ROOT, |open| open.path);
        let local_name = local(name);
        let path =
            self.paths.enter(parent, local_name, self.plan).ok_or("an illegal element name")?;
        // Paths have local names. Only a name without a prefix can be predicted.
        if local_name.len() == name.len() {
            self.paths.expect(self.before, path);
        }
        Ok(path)
    }

    /// Reads a tag after its name, keeps the element if it is used, and opens it. Returns the text
    /// after the last attribute.
    fn begin_element<'t>(
        &mut self,
        path: u32,
        name: &str,
        name_at: usize,
        tag: &'t str,
        out: &mut ParsedRecord,
    ) -> Result<&'t str, ParseError> {
        self.serial += 1;
        let first = out.attributes.len();
        let kept = self.paths.get(path).kept;
        let (rest, qualified) = self.attributes(path, tag, kept, out)?;
        let has_prefix = name.len() != self.paths.get(path).name().len();
        if qualified || has_prefix {
            self.resolve_prefixes(name, tag)?;
        }
        let depth = self.depth() + 1;
        let node = self.paths.get_mut(path);
        let element = if kept || out.attributes.len() > first {
            if !node.listed {
                node.listed = true;
                self.listed.push(path);
            }
            let name = push(&mut out.text, node.name());
            let attributes = offset(first)..offset(out.attributes.len());
            let index = offset(out.elements.len());
            let (slot, kinds, end) = (node.slot, node.kinds, index + 1);
            out.elements.push(Element { name, slot, kinds, depth, end, attributes });
            Some(index)
        } else {
            None
        };
        node.last = element;
        self.open.push(OpenElement { path, element, name: (name_at, name.len()) });
        self.before = PrecedingTag::start_of(path);
        self.rooted = true;
        Ok(rest)
    }

    /// Number of open elements, at most [`DEPTH_MAX`].
    fn depth(&self) -> u16 {
        u16::try_from(self.open.len()).unwrap_or(u16::MAX)
    }

    fn end_element(&mut self, out: &mut ParsedRecord) {
        let Some(OpenElement { path, element, .. }) = self.open.pop() else { return };
        self.scopes.close(self.depth() + 1);
        self.before = PrecedingTag::end_of(path);
        if let Some(element) = element {
            out.elements[element as usize].end = offset(out.elements.len());
        }
    }

    /// Checks an element's attributes and keeps those in use. Returns the text after them, and true
    /// if one has or declares a prefix.
    fn attributes<'t>(
        &mut self,
        path: u32,
        tag: &'t str,
        kept: bool,
        out: &mut ParsedRecord,
    ) -> Result<(&'t str, bool), ParseError> {
        let mut qualified = false;
        let mut plain = PlainSpan::default();
        let mut piece = CopySpan::default();
        let mut place = 0;
        let mut at = 0;
        loop {
            match self.next_attribute(path, &mut place, tag, at, &mut plain)? {
                NextAttribute::Predicted { name, value_at, end } => {
                    let known = self.names.get_mut(name);
                    known.enter(self.serial, || &tag[at + 1..value_at - 2])?;
                    if let Some(class) = known.class
                        && (kept || (known.in_context && self.plan.needs_context))
                    {
                        let start = piece.take_in(at + 1, end, tag, &mut out.text);
                        let value = &tag.as_bytes()[value_at..end];
                        out.attributes.push(Attribute {
                            class,
                            spelling: known.spelling,
                            is_flat: has_graphic_ends(value),
                            in_context: known.in_context,
                            name: span(start, value_at - at - 3),
                            value: span(start + value_at - at - 1, value.len()),
                        });
                    }
                    at = end + 1;
                }
                NextAttribute::Other(raw, name) => {
                    at = tag.len() - raw.after.len();
                    let known = self.names.get_mut(name);
                    known.enter(self.serial, || raw.name)?;
                    qualified |= known.qualified;
                    let keep = (kept || (known.in_context && self.plan.needs_context))
                        && !(known.qualified && is_declaration(raw.name));
                    match known.class {
                        Some(class) if keep => {
                            piece.copy(tag, &mut out.text);
                            keep_attribute(class, known, &raw, out)?;
                        }
                        _ => raw.check_value()?,
                    }
                }
                NextAttribute::End => break,
            }
        }
        piece.copy(tag, &mut out.text);
        Ok((&tag[at..], qualified))
    }

    /// Reads the next attribute of a tag from an offset on. Elements of one path mostly have the
    /// same attributes in the same order, so the predicted ones are tried first.
    #[inline]
    fn next_attribute<'t>(
        &mut self,
        path: u32,
        place: &mut usize,
        tag: &'t str,
        at: usize,
        plain: &mut PlainSpan,
    ) -> Result<NextAttribute<'t>, ParseError> {
        let bytes = tag.as_bytes();
        for (ahead, expected) in self.paths.attributes_from(path, *place).iter().enumerate() {
            let name = expected.name;
            let in_tag = || self.names.get(name).in_tag();
            let Some(length) = expected.length_in(&bytes[at..], in_tag) else { continue };
            *place += ahead + 1;
            let value_at = at + length;
            return match plain.end_of_value(bytes, value_at) {
                Some(end) if !expected.qualified => {
                    Ok(NextAttribute::Predicted { name, value_at, end })
                }
                _ => {
                    let spelled = &tag[at + 1..value_at - 2];
                    let raw = RawAttribute::with_value(spelled, &tag[value_at..], b'"')?;
                    Ok(NextAttribute::Other(raw, name))
                }
            };
        }
        self.any_attribute(path, place, &tag[at..])
    }

    fn any_attribute<'t>(
        &mut self,
        path: u32,
        place: &mut usize,
        rest: &'t str,
    ) -> Result<NextAttribute<'t>, ParseError> {
        let Some(raw) = RawAttribute::next(rest)? else { return Ok(NextAttribute::End) };
        let name = self.names.intern(raw.name, self.plan).ok_or("an illegal attribute name")?;
        let known = self.names.get(name);
        let expected = || PredictedAttribute::new(name, known.in_tag(), known.qualified);
        *place = self.paths.expect_attribute(path, *place, name, expected);
        Ok(NextAttribute::Other(raw, name))
    }

    #[cold]
    fn resolve_prefixes(&mut self, name: &str, tag: &str) -> Result<(), ParseError> {
        let mut attributes = Vec::new();
        let mut rest = tag;
        while let Some(raw) = RawAttribute::next(rest)? {
            rest = raw.after;
            let mut resolved = String::new();
            raw.push_value(&mut resolved)?;
            attributes.push((raw.name.to_owned(), resolved));
        }
        self.scopes.open(self.depth() + 1, name, &attributes).map_err(ParseError::Borrowed)
    }

    /// Reason why a tag is rejected, with its end. A missing end of the tag comes before all other
    /// reasons.
    #[cold]
    fn in_words(
        &mut self,
        scanner: &Scanner<'_>,
        cause: ParseError,
        out: &mut ParsedRecord,
    ) -> ParseError {
        let tag = match fault::tag(scanner.text(), scanner.at() - 1) {
            Ok(tag) => tag,
            Err(cause) => return cause,
        };
        let end = tag.end;
        if self.at_top() && self.rooted {
            return format!("a second root element before byte {end}").into();
        }
        let within_bounds = self
            .check_place()
            .and_then(|()| self.enter_named(tag.name))
            .and_then(|path| self.begin_element(path, tag.name, 0, tag.attributes, out));
        format!("{}, before byte {end}", within_bounds.err().unwrap_or(cause)).into()
    }

    /// Fills the slots, and lists the last elements ordered by the first occurrence of their paths.
    pub(super) fn finish(&mut self, out: &mut ParsedRecord) {
        let paths = &self.paths;
        self.listed.sort_unstable_by_key(|path| paths.get(*path).order);
        for path in &self.listed {
            let path = paths.get(*path);
            let Some(last) = path.last else { continue };
            if let Some(slot) = path.slot {
                out.slots[usize::from(slot)] = Some(last);
                note_fields(self.plan.fields.of_slot(slot), last, out);
            }
            out.flattened.push(last);
        }
    }
}

/// Text after the end tag of an element with this name.
fn after_end_tag<'t>(name: &str, tag: &'t str) -> Option<&'t str> {
    let rest = tag.strip_prefix(name)?;
    rest.strip_prefix('>').or_else(|| rest.trim_ascii_start().strip_prefix('>'))
}

fn keep_attribute(
    class: u32,
    known: &KnownName,
    raw: &RawAttribute<'_>,
    out: &mut ParsedRecord,
) -> Result<(), ParseError> {
    let name = push(&mut out.text, local(raw.name));
    let start = out.text.len();
    raw.push_value(&mut out.text)?;
    let value = span(start, out.text.len() - start);
    let (spelling, is_flat, in_context) = (known.spelling, raw.is_flat(), known.in_context);
    out.attributes.push(Attribute { class, spelling, is_flat, in_context, name, value });
    Ok(())
}

/// Stores an element's first attribute of each class that mappings read.
fn note_fields(by_class: &[Option<FieldId>], element: u32, out: &mut ParsedRecord) {
    let own = out.elements[element as usize].attributes.clone();
    for (at, attribute) in own.clone().zip(&out.attributes[own.start as usize..own.end as usize]) {
        if let Some(Some(FieldId(field))) = by_class.get(attribute.class as usize) {
            let first = &mut out.fields[usize::from(*field)];
            *first = at.min(*first);
        }
    }
}

fn push(text: &mut String, piece: &str) -> TextRange {
    let span = span(text.len(), piece.len());
    text.push_str(piece);
    span
}
