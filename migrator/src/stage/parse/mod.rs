//! The one scan of the text: well-formedness, tree checks and the slots that mapping reads.
//!
//! Strict where the reference's XML library is strict, over the whole text and not only over the
//! part that is mapped. Contract.md 4 (cause 5 and the checks on the tree), 5 and 6 say what is
//! kept: elements at the contract's paths, contacts and their children anywhere, and every
//! attribute that an expression can see.

mod attributes;
mod declaration;
mod names;
mod namespace;
mod paths;
mod references;

use std::borrow::Cow;

use memchr::memmem;
use quick_xml::Reader;
use quick_xml::events::Event;

use self::attributes::RawAttribute;
use self::names::{NameId, NameTable, is_name};
use self::namespace::{Scopes, is_declaration, local};
use self::paths::{ABOVE_ROOT, Paths};
use self::references::{Cause, first_illegal, resolve};
use crate::contract::convert::{int, trim};
use crate::contract::model::{Contract, FieldId};
use crate::record::{
    Attribute, Element, NO_ATTRIBUTE, ParsedRecord, Reject, Span, Stage, ValidRecord, Value,
};
use crate::stage::html::flattened;

/// Deepest nesting of elements; libxml2's limit.
const DEPTH_MAX: usize = 256;

/// Recycled records that wait for their next use.
const SPARES_MAX: usize = 4;

/// Room of a recycled record: what a larger one needs is not kept for the next, as a rule smaller.
const SPARE_BYTES_MAX: usize = 1 << 20;

/// Slot of `/Provenir/Request`, which every contract has first.
const REQUEST_SLOT: u16 = 0;
/// Slot of the product's application element, which every contract has second.
const APPLICATION_SLOT: u16 = 1;

/// Scans records of one contract. Keeps its tables and buffers from record to record.
#[derive(Debug)]
pub struct Parser<'c> {
    contract: &'c Contract,
    paths: Paths,
    names: NameTable,
    scopes: Scopes,
    /// Elements that are open: path, and the kept element if it is one.
    open: Vec<(u32, Option<u32>)>,
    /// Paths with kept elements in this record.
    listed: Vec<u32>,
    /// Serial number of the element in hand, over all records.
    element: u64,
    spares: Vec<ParsedRecord>,
}

impl<'c> Parser<'c> {
    /// A parser for the records of one contract.
    pub fn new(contract: &'c Contract) -> Self {
        Self {
            contract,
            paths: Paths::new(&contract.scan),
            names: NameTable::default(),
            scopes: Scopes::default(),
            open: Vec::new(),
            listed: Vec::new(),
            element: 0,
            spares: Vec::new(),
        }
    }

    /// Scans one record.
    ///
    /// # Errors
    /// A reject at `validation` for a text that is no well-formed XML or a tree that is no
    /// application of this product line; at `parsing` where only the reference's second parse
    /// fails (contract.md 4).
    pub fn parse(&mut self, record: &ValidRecord) -> Result<ParsedRecord, Reject> {
        let mut out = self.spares.pop().unwrap_or_default();
        out.clear();
        out.key = record.key;
        let scanned = self.scan(&record.text, &mut out).and_then(|()| self.check_tree(&mut out));
        match scanned {
            Err(cause) => {
                self.recycle(out);
                Err(Reject { stage: Stage::Validation, reason: cause.into_owned() })
            }
            Ok(()) if record.cleaned_twice => {
                self.recycle(out);
                let reason = "characters before the root that one cleaning leaves".to_owned();
                Err(Reject { stage: Stage::Parsing, reason })
            }
            Ok(()) => Ok(out),
        }
    }

    /// Takes a record back, to use its buffers again.
    pub fn recycle(&mut self, record: ParsedRecord) {
        if self.spares.len() < SPARES_MAX && record.room_bytes() <= SPARE_BYTES_MAX {
            self.spares.push(record);
        }
    }

    fn scan(&mut self, text: &str, out: &mut ParsedRecord) -> Result<(), Cause> {
        self.start(out);
        let text = declaration::decode(text)?;
        if let Some(at) = first_illegal(&text) {
            return Err(format!("a character that XML does not allow, at byte {at}").into());
        }
        let mut reader = Reader::from_str(&text);
        reader.config_mut().check_comments = false;
        let mut rooted = false;
        loop {
            let event = reader.read_event().map_err(|error| {
                format!("not well-formed at byte {}: {error}", reader.error_position())
            })?;
            let at = reader.buffer_position();
            if matches!(event, Event::Eof) {
                break;
            }
            if matches!(event, Event::Start(_) | Event::Empty(_)) && self.open.is_empty() {
                if rooted {
                    return Err(format!("a second root element before byte {at}").into());
                }
                rooted = true;
            }
            self.event(&event, out).map_err(|cause| format!("{cause}, before byte {at}"))?;
        }
        match (rooted, self.open.is_empty()) {
            (true, true) => {}
            (false, _) => return Err("there is no element".into()),
            (true, false) => return Err("the text ends within an element".into()),
        }
        self.finish(out);
        Ok(())
    }

    fn start(&mut self, out: &mut ParsedRecord) {
        out.slots.resize(self.contract.scan.paths.len(), None);
        out.fields.resize(self.contract.scan.fields.count(), NO_ATTRIBUTE);
        self.paths.start();
        if self.names.shrink() {
            self.paths.forget_attributes();
        }
        self.scopes.clear();
        self.open.clear();
        self.listed.clear();
    }

    fn event(&mut self, event: &Event<'_>, out: &mut ParsedRecord) -> Result<(), Cause> {
        match event {
            Event::Start(tag) => self.open_element(tag.name().0, tag.attributes_raw(), out),
            Event::Empty(tag) => {
                self.open_element(tag.name().0, tag.attributes_raw(), out)?;
                self.close_element(out);
                Ok(())
            }
            Event::End(_) => {
                self.close_element(out);
                Ok(())
            }
            Event::Text(text) => self.check_text(text),
            Event::GeneralRef(reference) => self.check_reference(reference),
            Event::CData(_) if self.open.is_empty() => Err("CDATA outside the root".into()),
            Event::Comment(comment) => check_comment(comment),
            Event::PI(instruction) => {
                check_instruction(instruction.target(), instruction.content())
            }
            Event::Decl(_) => Err("an XML declaration that is not at the start".into()),
            Event::DocType(_) => Err("a DOCTYPE is not accepted".into()),
            Event::CData(_) | Event::Eof => Ok(()),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), Cause> {
        if self.open.is_empty() {
            let blank = text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            return if blank { Ok(()) } else { Err("text outside the root".into()) };
        }
        // `]]>` needs a `]`, which hardly any text has.
        let suspicious = memchr::memchr(b']', text.as_bytes()).is_some();
        if suspicious && memmem::find(text.as_bytes(), b"]]>").is_some() {
            return Err("]]> in a text".into());
        }
        Ok(())
    }

    fn check_reference(&self, body: &str) -> Result<(), Cause> {
        if self.open.is_empty() {
            return Err("a reference outside the root".into());
        }
        resolve(body).map(|_| ()).ok_or(Cow::Borrowed("a reference to nothing that is declared"))
    }

    fn open_element(
        &mut self,
        name: &str,
        attributes: &str,
        out: &mut ParsedRecord,
    ) -> Result<(), Cause> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} elements deep").into());
        }
        self.element += 1;
        let parent = self.open.last().map_or(ABOVE_ROOT, |(path, _)| *path);
        let local_name = local(name);
        let path = self
            .paths
            .enter(parent, local_name, &self.contract.scan)
            .ok_or(Cow::Borrowed("an illegal element name"))?;
        let kept = self.paths.get(path).kept;
        let first = out.attributes.len();
        let qualified =
            self.attributes(path, attributes, kept, out)? || name.len() != local_name.len();
        if qualified {
            self.resolve_prefixes(name, attributes)?;
        }
        let element = (kept || out.attributes.len() > first)
            .then(|| self.keep(path, local_name, first, out))
            .transpose()?;
        self.paths.get_mut(path).last = element;
        if element.is_some() && !self.paths.get(path).listed {
            self.paths.get_mut(path).listed = true;
            self.listed.push(path);
        }
        self.open.push((path, element));
        Ok(())
    }

    fn keep(
        &self,
        path: u32,
        name: &str,
        first: usize,
        out: &mut ParsedRecord,
    ) -> Result<u32, Cause> {
        let index = index(out.elements.len())?;
        let name = push(&mut out.text, name)?;
        out.elements.push(Element {
            name,
            slot: self.paths.get(path).slot,
            kinds: self.paths.get(path).kinds,
            depth: u16::try_from(self.open.len() + 1).unwrap_or(u16::MAX),
            end: index + 1,
            attributes: self::index(first)?..self::index(out.attributes.len())?,
        });
        Ok(index)
    }

    fn close_element(&mut self, out: &mut ParsedRecord) {
        let Some((_, element)) = self.open.pop() else { return };
        self.scopes.close(u16::try_from(self.open.len() + 1).unwrap_or(u16::MAX));
        if let Some(element) = element {
            out.elements[element as usize].end =
                u32::try_from(out.elements.len()).unwrap_or(u32::MAX);
        }
    }

    /// Checks an element's attributes and keeps those that are asked for. Tells whether any is
    /// qualified by a prefix or declares one.
    fn attributes(
        &mut self,
        path: u32,
        tag: &str,
        kept: bool,
        out: &mut ParsedRecord,
    ) -> Result<bool, Cause> {
        let mut qualified = false;
        let mut rest = tag;
        let mut place = 0;
        while let Some((raw, name)) = self.next_attribute(path, &mut place, rest)? {
            rest = raw.after;
            let known = self.names.get_mut(name);
            if known.last_element == self.element {
                return Err(format!("the attribute {} stands twice", raw.name).into());
            }
            known.last_element = self.element;
            qualified |= known.qualified;
            let keep = (kept || (known.in_context && self.contract.scan.needs_context))
                && !(known.qualified && is_declaration(raw.name));
            match known.class {
                Some(class) if keep => keep_attribute(class, &raw, known.qualified, out)?,
                _ => raw.check_value()?,
            }
        }
        Ok(qualified)
    }

    /// The next attribute of a tag, and its name. Elements of one path mostly have the same
    /// attributes in the same order, so those that came next before are tried first.
    fn next_attribute<'t>(
        &mut self,
        path: u32,
        place: &mut usize,
        rest: &'t str,
    ) -> Result<Option<(RawAttribute<'t>, NameId)>, Cause> {
        if rest.is_empty() {
            return Ok(None);
        }
        for (ahead, name) in self.paths.attributes_from(path, *place).iter().enumerate() {
            if let Some(raw) = RawAttribute::named(self.names.in_tag(*name), rest)? {
                *place += ahead + 1;
                return Ok(Some((raw, *name)));
            }
        }
        let Some(raw) = RawAttribute::next(rest)? else { return Ok(None) };
        let name = self
            .names
            .intern(raw.name, &self.contract.scan)
            .ok_or(Cow::Borrowed("an illegal attribute name"))?;
        *place = self.paths.expect_attribute(path, *place, name);
        Ok(Some((raw, name)))
    }

    #[cold]
    fn resolve_prefixes(&mut self, name: &str, tag: &str) -> Result<(), Cause> {
        let mut attributes = Vec::new();
        let mut rest = tag;
        while let Some(raw) = RawAttribute::next(rest)? {
            rest = raw.after;
            let mut resolved = String::new();
            raw.push_value(&mut resolved)?;
            attributes.push((raw.name.to_owned(), resolved));
        }
        let depth = u16::try_from(self.open.len() + 1).unwrap_or(u16::MAX);
        self.scopes.open(depth, name, &attributes).map_err(Cow::Borrowed)
    }

    /// Fills the slots and lists the last elements in the order of their paths' first occurrence.
    fn finish(&mut self, out: &mut ParsedRecord) {
        let paths = &self.paths;
        self.listed.sort_unstable_by_key(|path| paths.get(*path).order);
        for path in &self.listed {
            let path = paths.get(*path);
            let Some(last) = path.last else { continue };
            if let Some(slot) = path.slot {
                out.slots[usize::from(slot)] = Some(last);
                note_fields(self.contract.scan.fields.of_slot(slot), last, out);
            }
            out.flattened.push(last);
        }
    }

    /// The checks of contract.md 4 on the re-nested tree.
    fn check_tree(&self, out: &mut ParsedRecord) -> Result<(), Cause> {
        let id = self.application_id(out).ok_or("Request has no ID")?;
        let above_zero = match int(&id).ok_or("Request/@ID is no whole number")? {
            Value::Int(number) => number > 0,
            Value::BigInt(digits) => !digits.starts_with('-'),
            _ => false,
        };
        if !above_zero {
            return Err("Request/@ID is not above zero".into());
        }
        out.app_id = id;
        if out.slot(APPLICATION_SLOT).is_some() {
            return Ok(());
        }
        let wanted = &self.contract.source_application_table;
        for other in ["application", "IL_application"] {
            if other != wanted && self.paths.has(&["Provenir", "Request", "CustData", other]) {
                let cause = format!("wrong product line: CustData has {other} and no {wanted}");
                return Err(cause.into());
            }
        }
        Err(format!("CustData has no {wanted}").into())
    }

    /// `Request/@ID`, exact spelling, trimmed and not blank. In the reference's tree attributes
    /// and children share one name space, so a child element `ID` hides it.
    fn application_id(&self, out: &ParsedRecord) -> Option<String> {
        let request = out.slot(REQUEST_SLOT)?;
        if self.paths.has(&["Provenir", "Request", "ID"]) {
            return None;
        }
        let id = out.attributes_of(request).iter().find(|a| out.str(a.name) == "ID")?;
        let text = flattened(out.str(id.value));
        let text = trim(&text);
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn keep_attribute(
    class: u32,
    raw: &RawAttribute<'_>,
    qualified: bool,
    out: &mut ParsedRecord,
) -> Result<(), Cause> {
    let (name, value) = match raw.usual {
        // One copy for both.
        Some(usual) if !qualified => {
            let Span { start, len } = push(&mut out.text, usual)?;
            let name_len = index(raw.name.len())?;
            let before_value = name_len + 2;
            let value = Span { start: start + before_value, len: len - before_value };
            (Span { start, len: name_len }, value)
        }
        _ => {
            let name = push(&mut out.text, local(raw.name))?;
            let start = out.text.len();
            raw.push_value(&mut out.text)?;
            (name, Span { start: index(start)?, len: index(out.text.len() - start)? })
        }
    };
    out.attributes.push(Attribute { class, name, value });
    Ok(())
}

/// Notes the first attribute of each class that mappings read on an element.
fn note_fields(by_class: &[Option<FieldId>], element: u32, out: &mut ParsedRecord) {
    let own = out.elements[element as usize].attributes.clone();
    for (at, attribute) in own.clone().zip(&out.attributes[own.start as usize..own.end as usize]) {
        if let Some(Some(FieldId(field))) = by_class.get(attribute.class as usize) {
            let first = &mut out.fields[usize::from(*field)];
            *first = at.min(*first);
        }
    }
}

fn push(text: &mut String, piece: &str) -> Result<Span, Cause> {
    let span = Span { start: index(text.len())?, len: index(piece.len())? };
    text.push_str(piece);
    Ok(span)
}

/// Offsets fit 32 bits: a record has 64 MiB at most, and what is kept of it is no longer.
fn index(offset: usize) -> Result<u32, Cause> {
    u32::try_from(offset).map_err(|_| "the record is too large".into())
}

fn check_comment(comment: &str) -> Result<(), Cause> {
    if comment.ends_with('-') || memmem::find(comment.as_bytes(), b"--").is_some() {
        return Err("-- within a comment".into());
    }
    Ok(())
}

fn check_instruction(target: &str, content: &str) -> Result<(), Cause> {
    if target.eq_ignore_ascii_case("xml") {
        return Err("an XML declaration that is not at the start".into());
    }
    let separated = content.is_empty() || content.starts_with([' ', '\t', '\n', '\r']);
    if !is_name(target) || target.contains(':') || !separated {
        return Err("a processing instruction without a legal target".into());
    }
    Ok(())
}
