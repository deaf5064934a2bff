//! Parser: one scan of the text for well-formedness, tree checks and the slots that mapping reads.
//!
//! It is as strict as the reference's XML library, over the whole text and not only the mapped
//! part. It keeps elements at the contract's paths, contacts and their children anywhere, and every
//! attribute that an expression can see (contract.md 4: cause 5 and tree checks; 5; 6).

mod attributes;
mod declaration;
mod element;
mod fast_path;
mod fault;
mod names;
mod namespace;
mod paths;
mod references;
mod scan;

use memchr::memmem;

use self::element::ElementReader;
use self::names::is_name;
use self::references::{ParseError, first_illegal, resolve};
use self::scan::{NoToken, Scanner, Token};
use crate::contract::convert::{int, trim};
use crate::contract::model::Contract;
use crate::record::{ParsedRecord, Reject, Stage, ValidRecord, Value};
use crate::stage::html::flattened;

/// Maximum number of recycled records that wait for their next use.
const SPARES_MAX: usize = 4;

/// Maximum buffer size of a recycled record. The next record is usually smaller.
const SPARE_BYTES_MAX: usize = 1 << 20;

/// Slot of `/Provenir/Request`, which is first in every contract.
const REQUEST_SLOT: u16 = 0;
/// Slot of the application element, which is second in every contract.
const APPLICATION_SLOT: u16 = 1;

/// Parses records of one contract. Tables and buffers are kept for the next record.
#[derive(Debug)]
pub struct Parser<'c> {
    contract: &'c Contract,
    elements: ElementReader<'c>,
    spares: Vec<ParsedRecord>,
}

impl<'c> Parser<'c> {
    /// Creates a parser for the records of one contract.
    pub fn new(contract: &'c Contract) -> Self {
        Self { contract, elements: ElementReader::new(&contract.scan), spares: Vec::new() }
    }

    /// Parses one record.
    ///
    /// # Errors
    /// A reject at `validation` for text that is not well-formed XML, or a tree that is not an
    /// application of this product line. A reject at `parsing` if only the reference's second parse
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

    /// Takes back a record to reuse its buffers.
    pub fn recycle(&mut self, record: ParsedRecord) {
        if self.spares.len() < SPARES_MAX && record.room_bytes() <= SPARE_BYTES_MAX {
            self.spares.push(record);
        }
    }

    fn scan(&mut self, text: &str, out: &mut ParsedRecord) -> Result<(), ParseError> {
        self.elements.start(out);
        let text = declaration::decode(text)?;
        if let Some(at) = first_illegal(&text) {
            return Err(format!("a character that XML does not allow, at byte {at}").into());
        }
        u32::try_from(text.len()).map_err(|_| "the record is too large")?;
        // A byte order mark after a declaration is skipped.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut scanner = Scanner::new(text);
        loop {
            match scanner.next() {
                Ok(None) => break,
                Ok(Some(Token::Open)) => self.elements.open(&mut scanner, out)?,
                Ok(Some(Token::Close)) => self.elements.close(&mut scanner, out)?,
                Ok(Some(token)) => self
                    .check(&token)
                    .map_err(|cause| format!("{cause}, before byte {}", scanner.at()))?,
                Err(NoToken) => return Err(fault::no_token(text, scanner.at())),
            }
        }
        match (self.elements.rooted, self.elements.at_top()) {
            (true, true) => {}
            (false, _) => return Err("there is no element".into()),
            (true, false) => return Err("the text ends within an element".into()),
        }
        self.elements.finish(out);
        Ok(())
    }

    fn check(&self, token: &Token<'_>) -> Result<(), &'static str> {
        let at_top = self.elements.at_top();
        match *token {
            Token::Text { text, .. } if at_top => {
                let blank = text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
                if blank { Ok(()) } else { Err("text outside the root") }
            }
            Token::Text { text, bracket } => {
                let ends_section = bracket && memmem::find(text.as_bytes(), b"]]>").is_some();
                if ends_section { Err("]]> in a text") } else { Ok(()) }
            }
            Token::Reference(_) if at_top => Err("a reference outside the root"),
            Token::Reference(body) => {
                resolve(body).map(|_| ()).ok_or("a reference to nothing that is declared")
            }
            Token::CData if at_top => Err("CDATA outside the root"),
            Token::CData | Token::Open | Token::Close => Ok(()),
            Token::Comment(comment) => check_comment(comment),
            Token::Instruction { target, content } => check_instruction(target, content),
        }
    }

    /// Checks the re-nested tree (contract.md 4).
    fn check_tree(&self, out: &mut ParsedRecord) -> Result<(), ParseError> {
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
            if other != wanted && self.elements.has(&["Provenir", "Request", "CustData", other]) {
                let cause = format!("wrong product line: CustData has {other} and no {wanted}");
                return Err(cause.into());
            }
        }
        Err(format!("CustData has no {wanted}").into())
    }

    /// `Request/@ID`, exact spelling only, trimmed and not blank. In the reference's tree,
    /// attributes and children share one name space, so a child element `ID` hides it.
    fn application_id(&self, out: &ParsedRecord) -> Option<String> {
        let request = out.slot(REQUEST_SLOT)?;
        if self.elements.has(&["Provenir", "Request", "ID"]) {
            return None;
        }
        let id = out.attributes_of(request).iter().find(|a| out.str(a.name) == "ID")?;
        let text = flattened(out.str(id.value));
        let text = trim(&text);
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn check_comment(comment: &str) -> Result<(), &'static str> {
    if comment.ends_with('-') || memmem::find(comment.as_bytes(), b"--").is_some() {
        return Err("-- within a comment");
    }
    Ok(())
}

fn check_instruction(target: &str, content: &str) -> Result<(), &'static str> {
    if target.eq_ignore_ascii_case("xml") {
        return Err("an XML declaration that is not at the start");
    }
    let separated = content.is_empty() || content.starts_with([' ', '\t', '\n', '\r']);
    if !is_name(target) || target.contains(':') || !separated {
        return Err("a processing instruction without a legal target");
    }
    Ok(())
}
