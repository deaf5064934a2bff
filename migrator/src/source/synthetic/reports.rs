//! Surroundings of an application in a record as received, which no contract maps: bureau reports,
//! journals, messages, rules. Expressions cannot see any of their attribute names.

use super::draw::Draw;
use super::people;
use super::values::{ValueKind, plain, token, words};
use super::words::WORDS;
use super::xml::Xml;

/// Writes one section until the text has this many bytes.
type Section = fn(&mut Xml, &mut Draw, usize);

/// Sections of a full record, each with the percentage of the padding at which it ends.
const SECTIONS: &[(usize, Section)] =
    &[(64, reports), (76, journals), (93, messages), (100, rules)];

/// Writes sections until the text has about `bytes`.
pub(super) fn pad(xml: &mut Xml, draw: &mut Draw, bytes: usize) {
    let start = xml.len();
    let room = bytes.saturating_sub(start);
    for (share, section) in SECTIONS {
        section(xml, draw, start + room * share / 100);
        xml.markup("\n");
    }
}

fn reports(xml: &mut Xml, draw: &mut Draw, end: usize) {
    xml.start("Reports");
    let mut sequence = 0;
    while xml.len() < end {
        sequence += 1;
        report(xml, draw, sequence, end);
    }
    xml.end("Reports");
}

fn report(xml: &mut Xml, draw: &mut Draw, sequence: u32, end: usize) {
    let bureau = draw.pick(&["North", "South", "Blend", "BankCheck"]);
    xml.start("Report").attribute("bureau", bureau).number("seq", sequence);
    xml.attribute("pulled_at", &plain(ValueKind::Moment, draw));
    xml.attribute("reference", &token(24, draw));
    xml.markup(&format!("<!-- segment {sequence} -->"));
    subject(xml, draw);
    for line in 1..=draw.between(8, 60) {
        if xml.len() >= end {
            break;
        }
        match draw.below(8) {
            0 => inquiry(xml, draw, line),
            1 => public_record(xml, draw, line),
            _ => tradeline(xml, draw, line),
        }
    }
    xml.end("Report");
}

fn subject(xml: &mut Xml, draw: &mut Draw) {
    xml.start("Subject").leaf("Name", &people::full_name(draw));
    xml.leaf("Number", &people::ssn(draw));
    xml.start("Residence").attribute("since", &plain(ValueKind::Birthday, draw));
    xml.content(&people::address_line(draw)).markup("&#32;").content(&people::town(draw));
    xml.end("Residence").end("Subject");
}

fn tradeline(xml: &mut Xml, draw: &mut Draw, line: u32) {
    xml.start("Tradeline").number("line", line).attribute("member", &token(8, draw));
    xml.attribute("opened", &plain(ValueKind::Birthday, draw));
    xml.attribute("reported", &plain(ValueKind::Moment, draw));
    xml.leaf("Creditor", &people::company(draw));
    xml.leaf("Account", &token(20, draw));
    xml.start("Balance").attribute("currency", "USD");
    xml.content(&draw.below(40_000).to_string()).end("Balance");
    xml.start("Standing").attribute("code", draw.pick(&["CUR", "30", "60", "90", "CO"]));
    xml.content(draw.pick(&["as agreed", "was late & is current", "in dispute"])).end("Standing");
    xml.leaf("History", &payment_history(draw));
    if draw.percent(50) {
        xml.leaf("Remark", &words(10, 50, draw));
    } else {
        xml.start("Remark").end("Remark");
    }
    xml.end("Tradeline");
}

/// One letter per month.
fn payment_history(draw: &mut Draw) -> String {
    (0..draw.between(60, 180)).map(|_| draw.pick(&['C', 'C', 'C', 'C', '1', '2', '-'])).collect()
}

fn inquiry(xml: &mut Xml, draw: &mut Draw, line: u32) {
    xml.start("Inquiry").number("line", line).attribute("on", &plain(ValueKind::Birthday, draw));
    xml.attribute("by", &people::company(draw)).end("Inquiry");
}

fn public_record(xml: &mut Xml, draw: &mut Draw, line: u32) {
    xml.start("PublicRecord").number("line", line);
    xml.leaf("Court", &format!("{} County", people::surname(draw)));
    xml.leaf("Docket", &token(12, draw));
    xml.start("Text")
        .markup("<![CDATA[")
        .markup(&words(5, 25, draw))
        .markup(" <sealed> & filed]]>");
    xml.end("Text").end("PublicRecord");
}

fn journals(xml: &mut Xml, draw: &mut Draw, end: usize) {
    xml.start("Journals");
    while xml.len() < end {
        xml.start("Journal").attribute("at", &plain(ValueKind::Moment, draw));
        xml.attribute("by", &people::user(draw));
        xml.attribute("step", &plain(ValueKind::Digits(5), draw)).number("ms", draw.below(5_000));
        if draw.percent(30) {
            xml.leaf("Entry", &words(10, 40, draw));
        }
        xml.end("Journal");
    }
    xml.end("Journals");
}

fn messages(xml: &mut Xml, draw: &mut Draw, end: usize) {
    xml.start("Messages");
    while xml.len() < end {
        xml.start("Message").attribute("to", draw.pick(WORDS));
        xml.attribute("at", &plain(ValueKind::Moment, draw)).number("attempt", draw.between(1, 3));
        xml.markup("<![CDATA[<body>").markup(&words(60, 300, draw)).markup("</body>]]>");
        xml.end("Message");
    }
    xml.end("Messages");
}

fn rules(xml: &mut Xml, draw: &mut Draw, end: usize) {
    xml.start("Rules");
    while xml.len() < end {
        xml.start("Rule").attribute("name", &format!("{}-{}", draw.pick(WORDS), draw.below(1000)));
        xml.attribute("outcome", draw.pick(&["pass", "pass", "refer", "fail"]));
        xml.number("us", draw.below(90_000)).end("Rule");
    }
    xml.end("Rules");
}
