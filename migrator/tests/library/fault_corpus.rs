//! Syntax errors in every part of a record, above all in parts that nothing maps. The scan skips
//! such parts quickly but must not skip an error.
//!
//! The verdicts on the pieces are those of libxml2 2.14. Every truncation and every change of a
//! byte is also judged by an oracle that shares no code with the scan.

use std::fmt::Write;

use chrono::NaiveDateTime;
use migrator::contract::model::Contract;
use migrator::record::{RawRecord, Reject, RowSet, Stage, ValidRecord};
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;
use proptest::prelude::*;

use super::oracle::is_well_formed;
use super::pieces::{ACCEPTED, REJECTED};

/// A record with every construct that records contain. `{c}` marks places for content, `{a}` for an
/// attribute, `{v}` within values and `{t}` within texts.
const RECORD: &str = concat!(
    "<Provenir xmlns:m=\"urn:m\"{a}>{c}<Request ID=\"5\" Status=\"A{v}\"{a}>\n{c}",
    "<CustData{a}>{c}<application campaign_code=\"7{v}\" no_such_code='n{v}'{a}>{c}",
    "<app_product decision_code=\"APPROVED\" fico_band=\"B\"{a}/>{c}<rmts_info{a}></rmts_info>",
    "<contact ac_role_tp_c=\"PR\" con_id=\"9\" first_name=\"A &amp; B{v}\"{a}>{c}",
    "<contact_address address_tp_c=\"CURR\" city=\"X\" zip_code=\"84101\"{a}/>{c}",
    "<contact_employment b_salary=\"1\" employment_tp_c='CURR' business_name=\"Y{v}\"{a}/>",
    "<app_prod_bcard issue=\"Y\"{a}/>text{t}{c}</contact>{c}<notes by=\"z{v}\"{a}>free{t}</notes>",
    "</application>{c}</CustData>",
    "<Reports{a}>{c}<Report bureau=\"North\" seq=\"1\" text=\"1 > 0{v}\"{a}><!-- segment 1 -->{c}",
    "<Subject><Name{a}>J&#233;r&#xF4;me{t}</Name><Residence since='1999'>5 Elm&#32;{t}Town</Residence>",
    "</Subject><Tradeline line=\"1\" member=\"é日😀{v}\"{a}><Balance currency=\"USD\">1{t}</Balance>",
    "<Remark/>{c}<Text><![CDATA[a <sealed> & ]] filed]]>{c}</Text></Tradeline></Report></Reports>",
    "<Journals>{c}<Journal at=\"2024\"\n\tms = '5{v}'{a}/><Journal at=\"2025\" ms=\"6\"><Entry>",
    "{t}e</Entry></Journal></Journals>\n<Messages><Message to=\"q\"{a}><![CDATA[<body>]]>{c}",
    "</Message></Messages><Rules>{c}<Rule name=\"r-1{v}\" us=\"2\"{a}/></Rules>",
    "<m:Envelope m:kind=\"k{v}\"{a}>{c}<m:Body xml:lang=\"en\"{a}>{t}</m:Body></m:Envelope>",
    "<?p-1 some {} thing?></Request>{c}</Provenir>",
);

const ATTRIBUTES_ACCEPTED: [&str; 16] = [
    " z=\"1\"",
    " z='1'",
    "\n\tz\n=\t\"1\"  ",
    " z=\"\"",
    " z=\">/>\"",
    " z='\"'",
    " z=\"a]]>b\"",
    " z=\"&lt;&gt;&amp;&quot;&apos;\"",
    " z=\"&#10;&#x9;&#x10FFFF;\"",
    " é.-_1=\"1\"",
    " _=\"\u{7f}\u{85}\u{fffd}\"",
    " xml:z=\"1\"",
    " m:z=\"1\"",
    " xmlns:q=\"u\" q:z=\"1\"",
    " xmlns=\"u\"",
    " Z=\"1\" z=\"2\"",
];

const ATTRIBUTES_REJECTED: [&str; 36] = [
    "z=\"1\"",
    " z",
    " z=",
    " z=1",
    " z=\"1",
    " z='1\"",
    " z=\"1\"y=\"2\"",
    " z=\"1\" z=\"2\"",
    " z=\"1\" y=\"2\" z='1'",
    " z=\"<\"",
    " z=\"a<b\"",
    " z=\"&\"",
    " z=\"a & b\"",
    " z=\"&lt\"",
    " z=\"&lt &gt;\"",
    " z=\"&nope;\"",
    " z=\"&LT;\"",
    " z=\"&#;\"",
    " z=\"&#0;\"",
    " z=\"&#x1b;\"",
    " z=\"&#xFFFF;\"",
    " z=\"&#55296;\"",
    " z=\"\u{1}\"",
    " z=\"\u{ffff}\"",
    " 1=\"1\"",
    " -z=\"1\"",
    " z&=\"1\"",
    " z\"=\"1\"",
    " =\"1\"",
    " \"1\"",
    " /",
    " u:z=\"1\"",
    " m:=\"1\"",
    " :z=\"1\"",
    " m:y:z=\"1\"",
    " xmlns:q=\"urn:m\" q:z=\"1\" m:z=\"2\"",
];

const VALUES_ACCEPTED: [&str; 8] =
    ["", "]]>", ">", "&amp;amp;", "&#x9;&#10;", "\t\n ", "/>", "é\u{2028}😀"];
const VALUES_REJECTED: [&str; 10] =
    ["<", "&", "&;", "& ", "&amp", "&x;", "&#x;", "&#8;", "\u{b}", "\u{fffe}"];
const TEXTS_ACCEPTED: [&str; 8] =
    ["", "]]", "] ]>", ">\"'", "&lt;&#65;", "<!-- - -->", "<![CDATA[]]]]>", "\u{7f}é😀\u{fffd}"];
const TEXTS_REJECTED: [&str; 14] = [
    "]]>",
    "a]]]>",
    "&",
    "& ",
    "&;",
    "&amp",
    "&nope;",
    "&#x110000;",
    "<",
    "<>",
    "< a/>",
    "<!-->",
    "\u{1f}",
    "\u{ffff}",
];

/// The record with the piece in each place of one kind in turn, and the number of bytes before it.
fn with_piece(mark: &str, piece: &str) -> Vec<(usize, String)> {
    let plain = |text: &str| {
        ["{c}", "{a}", "{v}", "{t}"].iter().fold(text.to_owned(), |t, m| t.replace(m, ""))
    };
    let places = RECORD.match_indices(mark);
    let filled = places.map(|(at, _)| {
        let (before, after) = (plain(&RECORD[..at]), plain(&RECORD[at + mark.len()..]));
        (before.len(), format!("{before}{piece}{after}"))
    });
    filled.collect()
}

fn record() -> String {
    with_piece("{c}", "").swap_remove(0).1
}

/// Scans a text that has passed the text checks, so that these do not hide the scan.
fn scanned(parser: &mut Parser<'_>, text: String) -> Result<(), Reject> {
    let parsed = parser.parse(&ValidRecord { key: 1, text, cleaned_twice: false })?;
    parser.recycle(parsed);
    Ok(())
}

fn mapped(contract: &Contract, parser: &mut Parser<'_>, text: String) -> Result<RowSet, Reject> {
    let parsed = parser.parse(&ValidRecord { key: 1, text, cleaned_twice: false })?;
    let rows = Mapper::new(contract, NaiveDateTime::default()).map(&parsed);
    parser.recycle(parsed);
    rows
}

const KINDS: [(&str, &[&str], &[&str]); 4] = [
    ("{c}", &ACCEPTED, &REJECTED),
    ("{a}", &ATTRIBUTES_ACCEPTED, &ATTRIBUTES_REJECTED),
    ("{v}", &VALUES_ACCEPTED, &VALUES_REJECTED),
    ("{t}", &TEXTS_ACCEPTED, &TEXTS_REJECTED),
];

#[test]
fn well_formed_pieces_are_accepted_in_every_part_of_a_full_record() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    for (mark, pieces, _) in KINDS {
        for piece in pieces {
            for (at, text) in with_piece(mark, piece) {
                assert!(is_well_formed(&text), "the oracle on {piece:?} at {at}");
                assert_eq!(scanned(&mut parser, text), Ok(()), "{piece:?} at {at}");
            }
        }
    }
}

#[test]
fn ill_formed_pieces_are_rejected_in_every_part_of_a_full_record() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let good = record();
    for (mark, _, pieces) in KINDS {
        for piece in pieces {
            for (at, text) in with_piece(mark, piece) {
                assert!(!is_well_formed(&text), "the oracle on {piece:?} at {at}");
                let stage = scanned(&mut parser, text).map_err(|reject| reject.stage);
                assert_eq!(stage, Err(Stage::Validation), "{piece:?} at {at}");
                // The state that a faulty record leaves in the parser does not harm the next
                // record.
                assert_eq!(scanned(&mut parser, good.clone()), Ok(()), "after {piece:?} at {at}");
            }
        }
    }
}

#[test]
fn unmapped_content_changes_no_row() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let plain = mapped(&contract, &mut parser, record()).unwrap();
    assert!(plain.tables.len() > 3, "{plain:?}");
    for (mark, pieces) in
        [("{c}", &ACCEPTED[..]), ("{a}", &ATTRIBUTES_ACCEPTED), ("{t}", &TEXTS_ACCEPTED)]
    {
        for piece in pieces {
            for (at, text) in with_piece(mark, piece) {
                let rows = mapped(&contract, &mut parser, text);
                assert_eq!(rows.as_ref(), Ok(&plain), "{piece:?} at {at}");
            }
        }
    }
}

#[test]
fn a_parser_interns_evicted_names_again() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let plain = mapped(&contract, &mut parser, record());
    // More names than a parser keeps.
    let mut crowd = String::new();
    for number in 0..70_000 {
        write!(crowd, "<Rule a{number}=\"1\" name=\"2\"/>").unwrap();
    }
    let crowded = record().replace("<Rules>", &format!("<Rules>{crowd}"));
    for text in [crowded.clone(), record(), crowded, record()] {
        assert_eq!(mapped(&contract, &mut parser, text), plain);
    }
}

#[test]
fn truncated_records_are_rejected() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let record = record();
    for (at, _) in record.char_indices() {
        let cut = scanned(&mut parser, record[..at].to_owned());
        assert_eq!(cut.map_err(|reject| reject.stage), Err(Stage::Validation), "cut at {at}");
    }
}

/// True if the scan found a well-formed tree. Such a tree may still be no application.
fn says_well_formed<T>(verdict: &Result<T, Reject>) -> bool {
    verdict.as_ref().err().is_none_or(|reject| {
        ["Request", "CustData", "wrong product line"]
            .iter()
            .any(|lacking| reject.reason.starts_with(lacking))
    })
}

#[test]
fn the_scan_agrees_with_the_oracle_on_every_changed_byte() {
    const BYTES: &[u8] = b"<>&;\"'=/!?-[]: \n\x01aZ0";
    let full = std::env::var_os("SWEETSPOT_FULL").is_some();
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let record = record();
    for (at, old) in record.char_indices() {
        let after = &record[at + old.len_utf8()..];
        let changed = BYTES.iter().map(|byte| char::from(*byte).to_string());
        let changed = changed.chain([String::new(), "\u{fffe}".into(), "é".into()]);
        // Every third change at a place, another third at the next place; all of them in the long
        // form.
        let (first, step) = if full { (0, 1) } else { (at % 3, 3) };
        for new in changed.skip(first).step_by(step) {
            let text = format!("{}{new}{after}", &record[..at]);
            let expected = is_well_formed(&text);
            let verdict = scanned(&mut parser, text);
            assert_eq!(
                says_well_formed(&verdict),
                expected,
                "{new:?} for {old:?} at {at}: {verdict:?}"
            );
        }
    }
}

#[test]
fn an_end_tag_has_only_the_name_of_its_start_tag() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let record = record();
    for (at, _) in record.match_indices("</") {
        let end = at + record[at..].find('>').unwrap();
        let name = &record[at + 2..end];
        let cases = [
            (format!("</{name} >"), true),
            (format!("</{name}\n\t>"), true),
            (format!("</ {name}>"), false),
            (format!("</{name}/>"), false),
            (format!("</{name} a=\"1\">"), false),
            (format!("</{name}x>"), false),
            (format!("</{}>", name.to_uppercase()), false),
            (format!("</{}>", &name[1..]), false),
            (format!("</{name}"), false),
            (String::new(), false),
            (format!("</{name}></{name}>"), false),
            ("</>".to_owned(), false),
        ];
        for (tag, accepted) in cases {
            if tag == format!("</{name}>") {
                continue;
            }
            let text = format!("{}{tag}{}", &record[..at], &record[end + 1..]);
            assert_eq!(scanned(&mut parser, text).is_ok(), accepted, "{tag} at {at}");
        }
    }
}

#[test]
fn a_declared_encoding_applies_to_every_part_of_a_record() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let cases = [
        ("utf-8", true, true),
        ("ISO-8859-1", true, true),
        ("windows-1252", true, true),
        ("us-ascii", true, false),
        ("Shift_JIS", true, false),
        ("UTF-16", false, false),
        ("UCS-4", false, false),
        ("nonsense", false, false),
        ("", false, false),
    ];
    let ascii: String = record().chars().filter(char::is_ascii).collect();
    for (encoding, plain, accented) in cases {
        let declared = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{ascii}");
        assert_eq!(scanned(&mut parser, declared.clone()).is_ok(), plain, "{encoding}");
        for place in ["5 Elm", "A &amp; B", "segment", "sealed", "some {}", "r-1", "free"] {
            let text = declared.replacen(place, &format!("\u{e9}\u{a0}{place}"), 1);
            assert_ne!(text, declared, "{place}");
            let verdict = scanned(&mut parser, text);
            assert_eq!(verdict.is_ok(), accented, "{encoding} before {place}: {verdict:?}");
        }
    }
}

/// The reasons are part of the log.
#[test]
fn reject_reasons_are_stable() {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let mut lines = String::new();
    for (mark, _, pieces) in KINDS {
        for piece in pieces {
            for (at, text) in with_piece(mark, piece).into_iter().skip(3).step_by(8).take(2) {
                let reason = scanned(&mut parser, text).unwrap_err().reason;
                writeln!(lines, "{piece:?} at {at}: {reason}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(lines);
}

/// A full record as it is received, damaged in one place.
fn spoiled() -> impl Strategy<Value = String> {
    let generated = |profile, seed| {
        let spec =
            Spec { product: Product::Cc, profile, records: 1, seed, duplicates: 0.0, rejects: 0.0 };
        let raw: RawRecord = SyntheticSource::new(spec).unwrap().iter().next().unwrap();
        validate(raw).unwrap().text
    };
    let texts: Vec<String> = (1..4)
        .flat_map(|seed| [generated(Profile::Staged, seed), generated(Profile::Full, seed)])
        .collect();
    let pieces = [
        "", "<", ">", "&", "\"", "'", "/", "=", "]]>", "--", "&#1;", "\u{1}", "<a>", " b=\"\"", " ",
    ];
    let piece = proptest::sample::select(pieces.to_vec());
    (proptest::sample::select(texts), any::<prop::sample::Index>(), 0..3_usize, piece).prop_map(
        |(text, at, removed, piece)| {
            let chars: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = at.index(chars.len());
            let end = chars.get(at + removed).copied().unwrap_or(text.len());
            format!("{}{piece}{}", &text[..chars[at]], &text[end..])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_scan_agrees_with_the_oracle_on_damaged_records(text in spoiled()) {
        let contract = Contract::embedded().unwrap();
        let mut parser = Parser::new(&contract);
        let expected = is_well_formed(&text);
        let verdict = scanned(&mut parser, text);
        prop_assert_eq!(says_well_formed(&verdict), expected, "{:?}", verdict);
    }
}
