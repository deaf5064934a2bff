//! Hostile records. Each is handled or rejected as contract.md says, in memory that is at most
//! proportional to its length.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::record::{MappingOutcome, RawRecord, Stage};
use migrator::run::pipeline::RecordStages;
use migrator::run::worker_pool::Stages;
use migrator::stage::coerce::Coercer;
use migrator::telemetry::metrics::Metrics;

use super::allocations::{Allocated, alone, counted};
use crate::support::counts;

/// Expected result of a record.
#[derive(Debug, Clone, PartialEq)]
enum Fate {
    /// Rows.
    MappingOutcome,
    /// Rejected by validate, parse or map, for a reason with these words.
    Rejected(Stage, &'static str),
    /// Rejected by coerce, for a reason with these words.
    Refused(&'static str),
}
use Fate::{MappingOutcome as Stored, Refused, Rejected};

/// Contract, catalogue and stages for many records.
struct Bench {
    contract: Contract,
    coercer: Coercer,
}

impl Bench {
    fn new() -> Self {
        let contract = Contract::embedded().unwrap();
        let catalogue = Catalogue::embedded().unwrap();
        let now = "2026-01-31T12:00:00".parse().unwrap();
        let coercer = Coercer::new(&contract.tables, &catalogue, now).unwrap();
        Self { contract, coercer }
    }

    fn stages(&self) -> RecordStages<'_> {
        let now = "2026-01-31T12:00:00".parse().unwrap();
        RecordStages::new(&self.contract, &self.coercer, now)
    }
}

fn map(stages: &mut RecordStages<'_>, bytes: Vec<u8>, metrics: &mut Metrics) -> MappingOutcome {
    match stages.parse(RawRecord { key: 1, bytes: Some(bytes) }, metrics) {
        Ok(parsed) => stages.map(parsed, metrics),
        Err(reject) => MappingOutcome::Rejected(reject),
    }
}

/// The result of a record and the allocations on the way, without its own bytes.
fn fate_of(bytes: Vec<u8>) -> (MappingOutcome, Allocated) {
    let bench = Bench::new();
    let (mut stages, mut metrics) = (bench.stages(), Metrics::new().unwrap());
    counted(|| map(&mut stages, bytes, &mut metrics))
}

fn assert_fate(name: &str, bytes: Vec<u8>, expected: &Fate) {
    let (mapped, _) = fate_of(bytes);
    let fits = match (&mapped, expected) {
        (MappingOutcome::Rows(_), Stored) => true,
        (MappingOutcome::Rejected(reject), Rejected(stage, words)) => {
            reject.stage == *stage && reject.reason.contains(words)
        }
        (MappingOutcome::Refused(refusal), Refused(words)) => refusal.reason.contains(words),
        _ => false,
    };
    assert!(fits, "{name}: {mapped:?} instead of {expected:?}");
}

const REJECTED: Fate = Rejected(Stage::Validation, "");

/// A small application with one addition in a mapped part and one in an unmapped part.
fn with(mapped: &str, unmapped: &str) -> String {
    format!(
        "<Provenir><Request ID=\"5\"><CustData><application>{mapped}</application></CustData>\
         <Reports>{unmapped}</Reports></Request></Provenir>"
    )
}

/// An application with a declaration before it.
fn after(head: &str) -> String {
    format!("{head}{}", with("", ""))
}

fn utf16(text: &str, big_end: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    let bytes = |unit: u16| if big_end { unit.to_be_bytes() } else { unit.to_le_bytes() };
    units.flat_map(bytes).collect()
}

fn entities(levels: usize) -> String {
    let level = |n: usize| {
        let of = if n == 0 { "ha".to_owned() } else { format!("&e{};", n - 1).repeat(10) };
        format!("<!ENTITY e{n} \"{of}\">")
    };
    let all: String = (0..levels).map(level).collect();
    let last = levels - 1;
    // The comment is longer than the 100 characters in which the root is searched.
    let head = format!("<!--<Provenir--><!DOCTYPE Provenir [{all}]>");
    format!("{head}{}", with(&format!("<a b=\"&e{last};\"/>"), ""))
}

#[test]
fn doctypes_and_entities_are_rejected() {
    let _alone = alone();
    let cases = [
        ("billion laughs", entities(10)),
        ("quadratic entity", {
            let entity =
                format!("<!--<Provenir--><!DOCTYPE a [<!ENTITY e \"{}\">]>", "x".repeat(50_000));
            format!("{entity}{}", with(&"&e;".repeat(50_000), ""))
        }),
        ("external entity", {
            let entity = "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>";
            format!("{entity}{}", with("<a b=\"&e;\"/>", "&e;"))
        }),
        (
            "parameter entity",
            after("<!DOCTYPE a [<!ENTITY % e SYSTEM \"http://127.0.0.1/\"> %e;]>"),
        ),
        ("doctype in the middle", with("<!DOCTYPE a>", "")),
        ("empty doctype", after("<!DOCTYPE Provenir>")),
    ];
    for (name, text) in cases {
        let (bytes, expected) = (text.len(), Rejected(Stage::Validation, "DOCTYPE"));
        let (_, allocated) = fate_of(text.clone().into_bytes());
        assert_fate(name, text.into_bytes(), &expected);
        assert!(allocated.bytes < 3 * bytes + 65_536, "{name}: {allocated:?} for {bytes} bytes");
    }
}

#[test]
fn wrong_encoding_declarations_are_treated_as_in_the_reference() {
    let _alone = alone();
    let plain = with("", "");
    let declared = |name: &str| {
        let head = format!("<?xml version=\"1.0\" encoding=\"{name}\"?>");
        format!("{head}{}", with("", "<a b=\"é’\"/>")).into_bytes()
    };
    let mark = |mark: &[u8]| [mark, plain.as_bytes()].concat();
    let cases: Vec<(&str, Vec<u8>, Fate)> = vec![
        ("UTF-16 LE with mark", utf16(&plain, false, true), REJECTED),
        ("UTF-16 BE with mark", utf16(&plain, true, true), REJECTED),
        ("UTF-16 LE without mark", utf16(&plain, false, false), REJECTED),
        ("UTF-16 BE without mark", utf16(&plain, true, false), REJECTED),
        ("UTF-8 with mark", mark(b"\xef\xbb\xbf"), Stored),
        ("UTF-16's mark before UTF-8", mark(b"\xff\xfe"), Stored),
        ("UTF-32's mark before UTF-8", mark(b"\xff\xfe\0\0"), Stored),
        ("declared UTF-8", declared("utf-8"), Stored),
        ("declared ISO-8859-1 over UTF-8", declared("ISO-8859-1"), Stored),
        ("declared windows-1252 over UTF-8", declared("windows-1252"), Stored),
        ("declared UTF-16 over UTF-8", declared("UTF-16"), REJECTED),
        ("declared UTF-32 over UTF-8", declared("UTF-32"), REJECTED),
        ("declared US-ASCII over UTF-8", declared("US-ASCII"), REJECTED),
        ("declared UTF-7", declared("UTF-7"), REJECTED),
        ("declared EBCDIC", declared("IBM037"), REJECTED),
        ("declared ISO-2022-JP", declared("ISO-2022-JP"), REJECTED),
        ("declared nonsense", declared("x"), REJECTED),
        (
            "a half character is windows-1252",
            {
                let mut bytes = with("", "<a b=\"x\"/>").into_bytes();
                let at = bytes.windows(3).position(|w| w == b"\"x\"").unwrap() + 1;
                bytes[at] = 0xc3;
                bytes
            },
            Stored,
        ),
        (
            "a coded surrogate is windows-1252",
            {
                let text = with("", "<a b=\"???\"/>").into_bytes();
                let at = text.windows(3).position(|w| w == b"???").unwrap();
                [&text[..at], b"\xed\xa0\x80", &text[at + 3..]].concat()
            },
            Stored,
        ),
    ];
    let tried = cases.len();
    for (name, bytes, expected) in cases {
        assert_fate(name, bytes, &expected);
    }
    counts::print(&format!("{tried} lying encodings: all handled or rejected as they must be"));
}

#[test]
fn characters_that_xml_forbids_are_rejected_everywhere() {
    let _alone = alone();
    let mut tried = 0;
    for (name, text, allowed) in [
        ("NUL", "\0", false),
        ("unit separator", "\u{1f}", false),
        ("form feed", "\u{c}", false),
        ("U+FFFE", "\u{fffe}", false),
        ("U+FFFF", "\u{ffff}", false),
        ("U+FDD0", "\u{fdd0}", true),
        ("U+1FFFE", "\u{1fffe}", true),
        ("U+10FFFF", "\u{10ffff}", true),
        ("DEL", "\u{7f}", true),
        ("reference to NUL", "&#0;", false),
        ("reference to U+FFFF", "&#xFFFF;", false),
        ("reference to a surrogate", "&#xD800;", false),
        ("reference beyond Unicode", "&#x110000;", false),
        ("reference of many digits", "&#00000000000000000000000000000065;", true),
        ("reference of too many digits", "&#99999999999999999999999999999999;", false),
    ] {
        for place in ["T", "<a b=\"T\"/>", "<a b='T'/>", "<!-- T -->"] {
            let piece = place.replace('T', text);
            // In a comment a reference is plain text.
            let is_none = place.starts_with("<!--") && text.starts_with('&');
            let expected = if allowed || is_none { Stored } else { REJECTED };
            for record in [with(&piece, ""), with("", &piece)] {
                assert_fate(name, record.into_bytes(), &expected);
                tried += 1;
            }
        }
    }
    assert_fate("NUL before the root", format!("\0{}", with("", "")).into_bytes(), &Stored);
    let twice = format!(" \0{}", with("", "")).into_bytes();
    assert_fate("blank, then NUL", twice, &Rejected(Stage::Parsing, "cleaning"));
    let behind = format!("{}\0", with("", "")).into_bytes();
    assert_fate("NUL behind the root", behind, &REJECTED);
    counts::print(&format!(
        "{} records of 15 forbidden and allowed characters: all as XML has them",
        tried + 3
    ));
}

#[test]
fn a_fake_end_of_the_root_is_not_taken_for_the_end() {
    let _alone = alone();
    let open = "<Provenir><Request ID=\"5\"><CustData><application/></CustData></Request>";
    let cases: Vec<(&str, String, Fate)> = vec![
        ("end in CDATA alone", format!("{open}<![CDATA[</Provenir>]]>"), REJECTED),
        ("end in a comment alone", format!("{open}<!-- </Provenir> -->"), REJECTED),
        ("end in an instruction alone", format!("{open}<?x </Provenir>?>"), REJECTED),
        ("end in an attribute alone", format!("{open}<a b=\"</Provenir>\"/>"), REJECTED),
        (
            "end in CDATA and in earnest",
            format!("{open}<![CDATA[</Provenir>]]></Provenir>"),
            Stored,
        ),
        ("end in a comment and in earnest", format!("{open}<!--</Provenir>--></Provenir>"), Stored),
        ("self-closed root and a comment", "<Provenir/><!--</Provenir>-->".into(), REJECTED),
        ("end with a blank", format!("{open}</Provenir >"), REJECTED),
        (
            "end with a blank and in a comment",
            format!("<!--</PROVENIR>-->{open}</Provenir >"),
            Stored,
        ),
        ("end twice", format!("{open}</Provenir></Provenir>"), REJECTED),
        ("root in a comment first", format!("<!--<Provenir>-->{open}</Provenir>"), Stored),
        ("a second root", format!("{open}</Provenir><Provenir></Provenir>"), REJECTED),
        ("CDATA end split over two", with("", "<![CDATA[]]]]><![CDATA[>]]>"), Stored),
        ("CDATA within CDATA", with("", "<![CDATA[<![CDATA[x]]>]]>"), REJECTED),
        ("CDATA that never ends", with("", "<![CDATA["), REJECTED),
        ("comment that never ends", with("", "<!--"), REJECTED),
        ("comment that ends in three", with("", "<!-- x --->"), REJECTED),
        ("comment in a tag", with("<a <!-- --> b=\"1\"/>", ""), REJECTED),
        ("root in lower case", with("", "").replace("Provenir", "provenir"), REJECTED),
        ("root and end in two cases", format!("{open}</PROVENIR>"), REJECTED),
        ("attribute twice", with("<a b=\"1\" b=\"2\"/>", ""), REJECTED),
        ("attribute twice, unmapped", with("", "<a b=\"1\" c=\"\" b=\"1\"/>"), REJECTED),
        ("attribute in two cases", with("<a b=\"1\" B=\"2\"/>", ""), Stored),
        (
            "attribute twice by prefixes",
            { with("", "<a xmlns:x=\"u\" xmlns:y=\"u\" x:b=\"1\" y:b=\"1\"/>") },
            REJECTED,
        ),
        (
            "a child that hides the ID",
            with("", "").replace("<CustData>", "<ID/><CustData>"),
            REJECTED,
        ),
        (
            "an ID of many digits",
            with("", "").replace("\"5\"", &format!("\"{}\"", "9".repeat(4000))),
            Refused(""),
        ),
        (
            "an ID beyond any integer's digits",
            with("", "").replace("\"5\"", &format!("\"{}\"", "9".repeat(5000))),
            REJECTED,
        ),
        ("an ID below zero", with("", "").replace("\"5\"", "\"-5\""), REJECTED),
    ];
    let tried = cases.len();
    for (name, text, expected) in cases {
        assert_fate(name, text.into_bytes(), &expected);
    }
    counts::print(&format!("{tried} tricks around tags, CDATA and comments: none succeeded"));
}

#[test]
fn deep_nesting_takes_memory_proportional_to_its_text() {
    let _alone = alone();
    for depth in [257, 100_000, 1_000_000] {
        for (open, close) in [("<a>", "</a>"), ("<a b='1'>", "</a>"), ("<contact>", "</contact>")] {
            let text = with("", &format!("{}{}", open.repeat(depth), close.repeat(depth)));
            let length = text.len();
            let (mapped, allocated) = fate_of(text.into_bytes());
            let MappingOutcome::Rejected(reject) = mapped else { panic!("{mapped:?}") };
            assert!(reject.reason.contains("256"), "{}", reject.reason);
            // The end of the root is searched for without a copy of the text.
            assert!(allocated.bytes < 262_144, "{allocated:?} for {length} bytes");
        }
    }
    let unclosed = format!("<Provenir>{}</Provenir>", "<a>".repeat(1_000_000));
    assert_fate("never closed", unclosed.into_bytes(), &Rejected(Stage::Validation, "256"));
    counts::print("9 nestings up to 1,000,000 deep, rejected within 256 KiB, and one never closed");
}

/// Fails instead of hanging if work grows with the square of its input.
fn within_a_minute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(Duration::from_secs(60)).expect("it goes on and on")
}

/// A name, and the text with `n` repetitions of the named construct.
type Shape = (&'static str, fn(usize) -> String);

/// Records in which one construct occurs `n` times.
fn shapes() -> Vec<Shape> {
    fn repeated(n: usize, piece: impl Fn(usize) -> String) -> String {
        (0..n).map(piece).collect()
    }
    fn contact(n: usize, inside: &str) -> String {
        format!(
            "<contact con_id=\"{n}\" ac_role_tp_c=\"PR\" first_name=\"A\" last_name=\"B\" \
             birth_date=\"1970-01-01\" ssn=\"123456789\">{inside}</contact>"
        )
    }
    fn address(n: usize) -> String {
        format!("<contact_address address_tp_c=\"CURR\" city=\"{n}\"/>")
    }
    vec![
        ("attributes of one element", |n| {
            with("", &format!("<a {}/>", repeated(n, |n| format!("a{n}=\"\" "))))
        }),
        ("attributes of the application", |n| {
            with("", "").replace(
                "<application>",
                &format!("<application {}>", repeated(n, |n| format!("a{n}=\"\" "))),
            )
        }),
        ("prefixes declared and used", |n| {
            let declared = repeated(n, |n| format!("xmlns:p{n}=\"u{n}\" "));
            let used = repeated(n, |n| format!("p{n}:a=\"\" "));
            with("", &format!("<a {declared}{used}/>"))
        }),
        ("elements of one name", |n| with("", &"<a/>".repeat(n))),
        ("elements of different names", |n| with("", &repeated(n, |n| format!("<a{n}/>")))),
        ("references", |n| with(&format!("<a b=\"{}\"/>", "&amp;".repeat(n)), "")),
        ("references to unescape twice", |n| {
            with("", "").replace(
                "<application>",
                &format!("<application addr_line=\"{}\">", "&amp;amp;".repeat(n)),
            )
        }),
        ("comments", |n| with("", &"<!-- - -->".repeat(n))),
        ("instructions", |n| with("", &"<?a b?>".repeat(n))),
        ("CDATA", |n| with("", &"<![CDATA[]]]]>".repeat(n))),
        ("line ends", |n| with("", &"\r\n".repeat(n))),
        ("ends of the root in comments", |n| with("", &"<!--</Provenir>-->".repeat(n))),
        ("starts of ends", |n| with("", &format!("<![CDATA[{}]]>", "</provenir".repeat(n)))),
        ("contacts", |n| with(&repeated(n, |n| contact(n, "")), "")),
        ("contacts of one id", |n| with(&repeated(n, |_| contact(7, "")), "")),
        ("contacts with an address each", |n| {
            with("", "")
                .replace(
                    "<CustData>",
                    &format!("<CustData>{}", repeated(n, |n| contact(n, &address(n)))),
                )
                .replace(
                    "<application></application>",
                    &format!(
                        "<application>{}</application>",
                        repeated(n, |n| contact(n, &address(n)))
                    ),
                )
        }),
        ("addresses of one contact", |n| with(&contact(7, &repeated(n, address)), "")),
        ("contacts in reports", |n| with("", &repeated(n, |n| contact(n, "")))),
        ("applications", |n| {
            with("", "").replace("<application></application>", &"<application a=\"\"/>".repeat(n))
        }),
    ]
}

#[test]
fn memory_is_proportional_to_the_number_of_repetitions() {
    let _alone = alone();
    let n = if counts::full() { 50_000 } else { 1_000 };
    for (name, shape) in shapes() {
        let [one, two] = [n, 2 * n].map(|n| {
            let text = shape(n).into_bytes();
            let length = text.len();
            let (_, allocated) = within_a_minute(move || fate_of(text));
            // The allocations that dominate an address of 48 bytes are freed before the next
            // address.
            assert!(
                allocated.bytes < 500 * length + (1 << 18) && allocated.left < 8 * length + 65_536,
                "{name}: {allocated:?} for {length} bytes"
            );
            allocated
        });
        // A table that doubles its capacity may do so just between the two.
        assert!(two.bytes < 3 * one.bytes + 65_536, "{name}: {one:?}, then {two:?}");
        assert!(two.blocks < 3 * one.blocks + 64, "{name}: {one:?}, then {two:?}");
    }
    counts::print(&format!(
        "{} shapes with {n} and {} repetitions: memory in proportion, none hung",
        shapes().len(),
        2 * n
    ));
}

#[test]
fn a_hostile_record_leaves_little_memory_behind() {
    let _alone = alone();
    let shapes = shapes();
    for (name, n) in [
        ("attributes of one element", 200_000),
        ("elements of different names", 200_000),
        ("prefixes declared and used", 80_000),
        ("contacts of one id", 40_000),
    ] {
        let (_, shape) = shapes.iter().find(|(other, _)| *other == name).unwrap();
        let bench = Bench::new();
        let (mut stages, mut metrics) = (bench.stages(), Metrics::new().unwrap());
        let (hostile, plain) = (shape(n).into_bytes(), with("", ""));
        let (most, allocated) = counted(|| {
            let (_, most) = counted(|| map(&mut stages, hostile, &mut metrics));
            map(&mut stages, plain.into_bytes(), &mut metrics);
            most
        });
        assert!(most.bytes > 8 << 20, "{name}: {most:?} is not hostile");
        assert!(allocated.left < 2 << 20, "{name}: {allocated:?}");
    }
}

#[test]
fn tens_of_thousands_of_contacts_are_mapped_in_linear_time() {
    let _alone = alone();
    // Work that is quadratic in this would take half an hour.
    let n = if counts::full() { 300_000 } else { 40_000 };
    for name in ["contacts", "contacts with an address each", "prefixes declared and used"] {
        let (_, shape) = shapes().into_iter().find(|(other, _)| *other == name).unwrap();
        let (mapped, _) = within_a_minute(move || fate_of(shape(n).into_bytes()));
        let rows: usize = match mapped {
            MappingOutcome::Rows(record) => {
                record.tables.iter().map(|table| table.rows.len()).sum()
            }
            other => panic!("{name}: {other:?}"),
        };
        assert!(rows > n || name.starts_with("prefixes"), "{name}: {rows} rows");
    }
    counts::print(&format!("3 records with {n} contacts or prefixes: none hung"));
}
