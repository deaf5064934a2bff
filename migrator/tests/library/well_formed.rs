//! Well-formedness over the whole record: an error rejects it in the mapped part, in a part that
//! nothing maps, and at the end. The verdicts are those of libxml2 2.14, the parser of the
//! reference.

use migrator::contract::model::Contract;
use migrator::record::{RawRecord, Reject, Stage};
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;

use super::pieces::{ACCEPTED, REJECTED};

/// Places for a piece of text: mapped part, unmapped part, end of the root.
const PLACES: [&str; 3] = [
    "<Provenir><Request ID=\"5\"><CustData><application>{}</application></CustData></Request></Provenir>",
    "<Provenir><Request ID=\"5\"><CustData><application/></CustData><Reports><R><T>{}</T></R></Reports></Request></Provenir>",
    "<Provenir><Request ID=\"5\"><CustData><application/></CustData></Request>{}</Provenir>",
];

fn parse(text: &str) -> Result<(), Reject> {
    let contract = Contract::embedded().unwrap();
    let mut parser = Parser::new(&contract);
    let raw = RawRecord { key: 1, bytes: Some(text.as_bytes().to_vec()) };
    parser.parse(&validate(raw)?).map(|_| ())
}

#[test]
fn well_formed_pieces_are_accepted_in_every_part_of_a_record() {
    for piece in ACCEPTED {
        for place in PLACES {
            assert_eq!(parse(&place.replace("{}", piece)), Ok(()), "{piece} in {place}");
        }
    }
}

#[test]
fn ill_formed_pieces_are_rejected_in_every_part_of_a_record() {
    for piece in REJECTED {
        for place in PLACES {
            let stage = parse(&place.replace("{}", piece)).map_err(|reject| reject.stage);
            assert_eq!(stage, Err(Stage::Validation), "{piece} in {place}");
        }
    }
}

#[test]
fn only_comments_and_instructions_are_allowed_outside_the_root() {
    let record = PLACES[0].replace("{}", "");
    let cases = [
        ("<!-- c --><?p?>\n", "\n<!-- c --><?p?>", true),
        ("<?xml version=\"1.0\"?>", "", true),
        ("<!-- c --><?xml version=\"1.0\"?>", "", false),
        ("<!DOCTYPE Provenir>", "", false),
        ("<a/>", "", false),
        ("", "<a/>", false),
        ("", "x<a/>", false),
        ("", "&#32;<?p?>", false),
        ("", "<![CDATA[x]]>", false),
    ];
    for (before, after, accepted) in cases {
        let text = format!("{before}{record}{after}");
        assert_eq!(parse(&text).is_ok(), accepted, "{before} {after}");
    }
}

#[test]
fn nesting_is_limited_to_a_depth_of_256() {
    // The piece is nested below four elements.
    let nested = |depth: usize| {
        let (open, close) = ("<a>".repeat(depth), "</a>".repeat(depth));
        parse(&PLACES[0].replace("{}", &format!("{open}{close}")))
    };
    assert_eq!(nested(252), Ok(()));
    assert!(nested(253).unwrap_err().reason.contains("256"));
    assert!(nested(100_000).unwrap_err().reason.contains("256"));
}

#[test]
fn an_attribute_of_more_than_10_mib_is_rejected() {
    let with = |bytes: usize| {
        parse(&PLACES[1].replace("{}", &format!("<a b=\"{}\"/>", "x".repeat(bytes))))
    };
    assert_eq!(with(10 << 20), Ok(()));
    assert!(with((10 << 20) + 1).unwrap_err().reason.contains("10 MiB"));
}

#[test]
fn entities_are_not_expanded() {
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>";
    let text = format!("{laughs}{}", PLACES[0].replace("{}", "&b;"));
    assert!(parse(&text).unwrap_err().reason.contains("DOCTYPE"));
}
