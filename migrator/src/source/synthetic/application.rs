//! One application: the `Request` attributes and the `CustData` subtree, from which all rows are
//! mapped. The bytes are the same in a staged and in a full record.

use std::borrow::Cow;

use super::draw::{Draw, Purpose};
use super::plan::{self, Duplicate, Fate};
use super::product_line::{
    ChildElement, FieldGroup, FieldSpec, InvalidValue, ProductLine, TypedElement,
};
use super::values::{self, ValueKind};
use super::xml::Xml;

/// Parameters of one application.
#[derive(Clone, Copy)]
pub(super) struct ApplicationSpec {
    pub(super) line: &'static ProductLine,
    pub(super) seed: u64,
    /// Number of the record.
    pub(super) number: u32,
    pub(super) fate: Fate,
}

/// Writes the attributes of the root and starts `Request` with its attributes.
pub(super) fn request(order: ApplicationSpec, xml: &mut Xml) {
    let mut writer = Application::new(order, Purpose::Request, xml);
    writer.fields("Provenir", order.line.root_fields);
    let id = app_id_text(order.number, &mut writer.draw);
    writer.xml.start("Request").attribute("ID", &id);
    writer.fields("Request", order.line.request_fields);
}

/// `Request/@ID`: usually plain digits, otherwise another notation of the same integer.
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
pub(super) fn cust_data(order: ApplicationSpec, xml: &mut Xml) {
    xml.start("CustData").start(order.line.application);
    Application::new(order, Purpose::Content, xml).write();
    xml.end(order.line.application).end("CustData");
}

/// Writes the smallest content that maps to a contact: `Request` with its id, and an application
/// with one named contact. Two contacts if their id has to occur twice.
pub(super) fn least(order: ApplicationSpec, xml: &mut Xml) {
    xml.start("Request").number("ID", plan::app_id(order.number));
    xml.start("CustData").start(order.line.application);
    let mut draw = Draw::new(order.seed, order.number, Purpose::Content);
    for contact in first_contacts(order, &mut draw) {
        xml.start(order.line.contact).attribute("con_id", &contact.con_id);
        xml.attribute("ac_role_tp_c", contact.role);
        xml.attribute("last_name", &values::plain(ValueKind::Surname, &mut draw));
        xml.end(order.line.contact);
    }
    xml.end(order.line.application).end("CustData");
}

/// A contact of which only the key and the role are known.
struct Contact {
    con_id: String,
    role: &'static str,
    /// True if it has the attributes that make a contact valid.
    has_identity: bool,
}

/// The contact of every application, followed by a second one with the same id if the fate requires
/// it.
fn first_contacts(order: ApplicationSpec, draw: &mut Draw) -> Vec<Contact> {
    let con_id = match order.fate {
        Fate::Duplicate(Duplicate::Contact { of }) => plan::con_id(of, 0).to_string(),
        Fate::Invalid(InvalidValue::ContactId) => format!("C{}", plan::con_id(order.number, 0)),
        _ => plan::con_id(order.number, 0).to_string(),
    };
    let mut contacts = vec![Contact { con_id: con_id.clone(), role: "PR", has_identity: true }];
    if order.fate == Fate::Duplicate(Duplicate::ContactWithin) {
        let role = draw.pick(&[order.line.second_role, "PR"]);
        contacts.push(Contact { con_id, role, has_identity: true });
    }
    contacts
}

/// All contacts of an application. The primary contact is not always the first.
fn contacts(order: ApplicationSpec, draw: &mut Draw) -> Vec<Contact> {
    let mut contacts = first_contacts(order, draw);
    for slot in 1..=further_contacts(draw) {
        let id = plan::con_id(order.number, slot);
        let con_id = if draw.percent(3) { format!(" {id} ") } else { id.to_string() };
        let role = further_role(order.line, draw);
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

fn further_role(line: &ProductLine, draw: &mut Draw) -> &'static str {
    match draw.below(100) {
        0..=74 => line.second_role,
        75..=79 => "PR",
        80..=89 => "REF",
        90..=92 => "pr",
        93..=95 => "PR ",
        _ => "",
    }
}

/// Writes one application.
struct Application<'a> {
    order: ApplicationSpec,
    draw: Draw,
    xml: &'a mut Xml,
}

impl<'a> Application<'a> {
    fn new(order: ApplicationSpec, purpose: Purpose, xml: &'a mut Xml) -> Self {
        Self { order, draw: Draw::new(order.seed, order.number, purpose), xml }
    }

    fn write(&mut self) {
        let line = self.order.line;
        self.fields(line.application, line.application_fields);
        for child in line.children {
            self.child(child);
        }
        for contact in contacts(self.order, &mut self.draw) {
            self.contact(&contact);
        }
    }

    fn child(&mut self, child: &ChildElement) {
        if child.twice_percent > 0 && self.draw.percent(child.twice_percent) {
            self.element(child.name, child.fields, child.groups);
        }
        let always = child.percent == 100;
        if always || self.draw.percent(child.percent) || self.refuses_in(child.name) {
            self.element(child.name, child.fields, child.groups);
        }
    }

    fn contact(&mut self, contact: &Contact) {
        let line = self.order.line;
        self.xml.start(line.contact).attribute("con_id", &contact.con_id);
        self.xml.attribute("ac_role_tp_c", contact.role);
        if contact.has_identity {
            let surname = values::plain(ValueKind::Surname, &mut self.draw);
            self.xml.attribute("last_name", &surname);
            self.fields(line.contact, line.identity_fields);
        }
        self.fields(line.contact, line.contact_fields);
        let primary = contact.role == "PR";
        self.addresses(primary);
        self.employments(primary);
        for child in line.of_contact {
            let percent = if primary { child.primary_percent } else { child.other_percent };
            if self.draw.percent(percent) {
                self.element(child.name, child.fields, &[]);
            }
        }
        self.xml.end(line.contact);
    }

    fn addresses(&mut self, primary: bool) {
        let address = &self.order.line.address;
        let repeats = self.order.fate == Fate::Duplicate(Duplicate::AddressWithin);
        let (current, previous, other) = if primary { (96, 60, 20) } else { (75, 20, 5) };
        if self.draw.percent(current) || repeats {
            self.typed(address, "CURR");
        }
        if repeats {
            self.typed(address, "CURR");
        }
        if self.draw.percent(previous) {
            self.typed(address, "PREV");
        }
        if self.draw.percent(other) {
            self.typed(address, "MAIL");
        }
    }

    fn employments(&mut self, primary: bool) {
        let employment = &self.order.line.employment;
        let (current, previous) = if primary { (88, 40) } else { (45, 10) };
        if self.draw.percent(current) {
            self.typed(employment, "CURR");
        }
        if self.draw.percent(previous) {
            self.typed(employment, "PREV");
        }
    }

    /// Writes an element whose type decides if it becomes a row. One in 33 has the type in the
    /// wrong case.
    fn typed(&mut self, of: &TypedElement, kind: &str) {
        self.xml.start(of.name);
        if self.draw.percent(3) {
            self.xml.attribute(of.type_attribute, &kind.to_lowercase());
        } else {
            self.xml.attribute(of.type_attribute, kind);
        }
        self.fields(of.name, of.fields);
        self.xml.end(of.name);
    }

    fn element(&mut self, name: &'static str, fields: &[FieldSpec], groups: &[FieldGroup]) {
        self.xml.start(name);
        self.fields(name, fields);
        for group in groups {
            self.group(name, group);
        }
        self.xml.end(name);
    }

    fn group(&mut self, element: &str, group: &FieldGroup) {
        let filled = self.draw.percent(group.percent)
            || group.fields.iter().any(|field| self.refused_value(element, field.name).is_some());
        match (filled, group.whole) {
            (true, false) => self.fields(element, group.fields),
            (true, true) => self.sound_fields(element, group.fields),
            (false, _) => self.empty_fields(group.fields),
        }
    }

    fn sound_fields(&mut self, element: &str, fields: &[FieldSpec]) {
        for field in fields {
            if let Some(text) = self.refused_value(element, field.name) {
                self.xml.attribute(field.name, &text);
            } else if self.draw.percent(field.percent) {
                self.xml.attribute(field.name, &values::sound(field.kind, &mut self.draw));
            }
        }
    }

    fn empty_fields(&mut self, fields: &[FieldSpec]) {
        for field in fields {
            if self.draw.percent(25) {
                self.xml.attribute(field.name, values::nothing(&mut self.draw));
            }
        }
    }

    fn fields(&mut self, element: &str, fields: &[FieldSpec]) {
        for field in fields {
            if let Some(text) = self.refused_value(element, field.name) {
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

    fn refuses_in(&self, element: &str) -> bool {
        self.refusal().is_some_and(|(_, (of, _))| of == element)
    }

    /// Value that a column rejects, with the element and the attribute that hold it.
    fn refusal(&self) -> Option<(InvalidValue, (&'static str, &'static str))> {
        let Fate::Invalid(refused) = self.order.fate else { return None };
        Some((refused, self.order.line.place(refused)?))
    }

    /// Value that a column rejects, if `element/@attribute` has to hold one.
    fn refused_value(&self, element: &str, attribute: &str) -> Option<Cow<'static, str>> {
        let (refused, place) = self.refusal()?;
        if place != (element, attribute) {
            return None;
        }
        Some(match refused {
            // Written with the key of the contact, which is not in a table of fields.
            InvalidValue::ContactId => return None,
            InvalidValue::Score => Cow::Borrowed("99999999999"),
            InvalidValue::Reference => Cow::Borrowed("4294967296"),
            InvalidValue::Fee => Cow::Borrowed("300"),
            InvalidValue::Rate => Cow::Borrowed("12345.67"),
            InvalidValue::Debt => Cow::Borrowed("NaN"),
            InvalidValue::Received => Cow::Borrowed("1066-10-14 09:00:00"),
            InvalidValue::Note => Cow::Owned("n".repeat(300)),
            InvalidValue::Mileage => Cow::Borrowed("about 12,000"),
            InvalidValue::Term => Cow::Borrowed("two years"),
            InvalidValue::Reason => Cow::Owned("n".repeat(40)),
        })
    }
}
