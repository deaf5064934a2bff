//! One application: the `Request` attributes and the `CustData` subtree, from which all rows
//! come. The same bytes in a staged and in a full record.

use std::borrow::Cow;

use super::draw::{Draw, Purpose};
use super::fields::{self, Field};
use super::plan::{self, Duplicate, Fate, Refused};
use super::values::{self, Kind};
use super::xml::Xml;

/// What an application is made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) seed: u64,
    /// The record whose application this is.
    pub(super) number: u32,
    pub(super) fate: Fate,
}

/// Writes the attributes of the root and begins `Request` with its own.
pub(super) fn request(order: Order, xml: &mut Xml) {
    let mut writer = Application::new(order, Purpose::Request, xml);
    writer.fields("Provenir", fields::ROOT);
    let id = app_id_text(order.number, &mut writer.draw);
    writer.xml.start("Request").attribute("ID", &id);
    writer.fields("Request", fields::REQUEST);
}

/// `Request/@ID`: mostly plain digits, else another way to write the same integer.
fn app_id_text(number: u32, draw: &mut Draw) -> String {
    let id = plan::app_id(number);
    match draw.below(100) {
        0 => format!("+{id}"),
        1 => format!(" {id} "),
        2 => format!("00{id}"),
        _ => id.to_string(),
    }
}

/// Writes the `CustData` element.
pub(super) fn cust_data(order: Order, xml: &mut Xml) {
    xml.start("CustData").start("application");
    Application::new(order, Purpose::Content, xml).write();
    xml.end("application").end("CustData");
}

/// Writes the least that maps to a contact: `Request` with its id, and an application with one
/// named contact, two where their id is to occur twice.
pub(super) fn least(order: Order, xml: &mut Xml) {
    xml.start("Request").number("ID", plan::app_id(order.number));
    xml.start("CustData").start("application");
    let mut draw = Draw::new(order.seed, order.number, Purpose::Content);
    for contact in first_contacts(order, &mut draw) {
        xml.start("contact").attribute("con_id", &contact.con_id);
        xml.attribute("ac_role_tp_c", contact.role);
        xml.attribute("last_name", &values::plain(Kind::Surname, &mut draw)).end("contact");
    }
    xml.end("application").end("CustData");
}

/// A contact before anything but its key is known.
struct Contact {
    con_id: String,
    role: &'static str,
    /// Whether it has any of the attributes that make a contact valid.
    has_identity: bool,
}

/// The contact that every application has, and behind it a second one of the same id where the
/// fate says so.
fn first_contacts(order: Order, draw: &mut Draw) -> Vec<Contact> {
    let con_id = match order.fate {
        Fate::Duplicate(Duplicate::Contact { of }) => plan::con_id(of, 0).to_string(),
        Fate::Refused(Refused::ContactId) => format!("C{}", plan::con_id(order.number, 0)),
        _ => plan::con_id(order.number, 0).to_string(),
    };
    let mut contacts = vec![Contact { con_id: con_id.clone(), role: "PR", has_identity: true }];
    if order.fate == Fate::Duplicate(Duplicate::ContactWithin) {
        let role = draw.pick(&["AUTHU", "PR"]);
        contacts.push(Contact { con_id, role, has_identity: true });
    }
    contacts
}

/// All contacts of an application; the primary one is not always the first.
fn contacts(order: Order, draw: &mut Draw) -> Vec<Contact> {
    let mut contacts = first_contacts(order, draw);
    for slot in 1..=further_contacts(draw) {
        let id = plan::con_id(order.number, slot);
        let con_id = if draw.percent(3) { format!(" {id} ") } else { id.to_string() };
        let role = further_role(draw);
        contacts.push(Contact { con_id, role, has_identity: draw.percent(95) });
    }
    if draw.percent(12) {
        contacts.rotate_left(1);
    }
    contacts
}

fn further_contacts(draw: &mut Draw) -> u32 {
    match draw.below(100) {
        0..=44 => 0,
        45..=84 => 1,
        85..=95 => 2,
        _ => 3,
    }
}

fn further_role(draw: &mut Draw) -> &'static str {
    match draw.below(100) {
        0..=74 => "AUTHU",
        75..=79 => "PR",
        80..=89 => "REF",
        90..=92 => "pr",
        93..=95 => "PR ",
        _ => "",
    }
}

/// The writer of one application.
struct Application<'a> {
    order: Order,
    draw: Draw,
    xml: &'a mut Xml,
}

impl<'a> Application<'a> {
    fn new(order: Order, purpose: Purpose, xml: &'a mut Xml) -> Self {
        Self { order, draw: Draw::new(order.seed, order.number, purpose), xml }
    }

    fn write(&mut self) {
        self.fields("application", fields::APPLICATION);
        if self.draw.percent(3) {
            // Only the last of two is seen; what only the first one has is lost.
            self.element("app_product", fields::PRODUCT);
        }
        self.element("app_product", fields::PRODUCT);
        if self.draw.percent(92) || self.refuses("rmts_info") {
            self.element("rmts_info", fields::OFFER);
        }
        for contact in contacts(self.order, &mut self.draw) {
            self.contact(&contact);
        }
    }

    fn contact(&mut self, contact: &Contact) {
        self.xml.start("contact").attribute("con_id", &contact.con_id);
        self.xml.attribute("ac_role_tp_c", contact.role);
        if contact.has_identity {
            let surname = values::plain(Kind::Surname, &mut self.draw);
            self.xml.attribute("last_name", &surname);
            self.fields("contact", fields::IDENTITY);
        }
        self.fields("contact", fields::CONTACT);
        let primary = contact.role == "PR";
        self.addresses(primary);
        self.employments(primary);
        if self.draw.percent(if primary { 90 } else { 50 }) {
            self.element("app_prod_bcard", fields::CARD);
        }
        self.xml.end("contact");
    }

    fn addresses(&mut self, primary: bool) {
        let repeats = self.order.fate == Fate::Duplicate(Duplicate::AddressWithin);
        let (current, previous, other) = if primary { (96, 60, 20) } else { (75, 20, 5) };
        if self.draw.percent(current) || repeats {
            self.typed("contact_address", "address_tp_c", "CURR", fields::ADDRESS);
        }
        if repeats {
            self.typed("contact_address", "address_tp_c", "CURR", fields::ADDRESS);
        }
        if self.draw.percent(previous) {
            self.typed("contact_address", "address_tp_c", "PREV", fields::ADDRESS);
        }
        if self.draw.percent(other) {
            self.typed("contact_address", "address_tp_c", "MAIL", fields::ADDRESS);
        }
    }

    fn employments(&mut self, primary: bool) {
        let (current, previous) = if primary { (88, 40) } else { (45, 10) };
        if self.draw.percent(current) {
            self.typed("contact_employment", "employment_tp_c", "CURR", fields::EMPLOYMENT);
        }
        if self.draw.percent(previous) {
            self.typed("contact_employment", "employment_tp_c", "PREV", fields::EMPLOYMENT);
        }
    }

    /// An element whose type decides whether it becomes a row; one in 33 is in the wrong case.
    fn typed(&mut self, name: &'static str, attribute: &str, kind: &str, fields: &[Field]) {
        self.xml.start(name);
        if self.draw.percent(3) {
            self.xml.attribute(attribute, &kind.to_lowercase());
        } else {
            self.xml.attribute(attribute, kind);
        }
        self.fields(name, fields);
        self.xml.end(name);
    }

    fn element(&mut self, name: &'static str, fields: &[Field]) {
        self.xml.start(name);
        self.fields(name, fields);
        self.xml.end(name);
    }

    fn fields(&mut self, element: &str, fields: &[Field]) {
        for field in fields {
            if let Some(text) = refused_value(self.order.fate, element, field.name) {
                self.xml.attribute(field.name, &text);
            } else if self.draw.percent(field.percent) {
                let text = values::value(field.kind, &mut self.draw);
                if !text.is_ascii() && self.draw.percent(30) {
                    self.xml.attribute_in_ascii(field.name, &text);
                } else {
                    self.xml.attribute(field.name, &text);
                }
            }
        }
    }

    fn refuses(&self, element: &str) -> bool {
        matches!(self.order.fate, Fate::Refused(refused) if place(refused).0 == element)
    }
}

/// Element and attribute that hold the value to refuse.
fn place(refused: Refused) -> (&'static str, &'static str) {
    match refused {
        Refused::ContactId => ("contact", "con_id"),
        Refused::Score => ("app_product", "north_score"),
        Refused::Reference => ("application", "funding_reference"),
        Refused::Fee => ("rmts_info", "over_limit_fee"),
        Refused::Rate => ("rmts_info", "purchase_rate"),
        Refused::Debt => ("app_product", "debt_per_month"),
        Refused::Received => ("application", "received_on"),
        Refused::Note => ("app_product", "model_score"),
    }
}

/// The value that a column must refuse, where `element/@attribute` is to hold one.
fn refused_value(fate: Fate, element: &str, attribute: &str) -> Option<Cow<'static, str>> {
    let Fate::Refused(refused) = fate else { return None };
    if place(refused) != (element, attribute) {
        return None;
    }
    Some(match refused {
        // Written with the contact's key, which is in no table of fields.
        Refused::ContactId => return None,
        Refused::Score => Cow::Borrowed("99999999999"),
        Refused::Reference => Cow::Borrowed("4294967296"),
        Refused::Fee => Cow::Borrowed("300"),
        Refused::Rate => Cow::Borrowed("12345.67"),
        Refused::Debt => Cow::Borrowed("NaN"),
        Refused::Received => Cow::Borrowed("1066-10-14 09:00:00"),
        Refused::Note => Cow::Owned("n".repeat(300)),
    })
}
