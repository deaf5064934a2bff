//! Invented people and places. Phone numbers are 555-01xx. Social security numbers start with 9 and
//! have a group number that is not assigned.

use super::draw::Draw;
use super::words::{GIVEN_NAMES, JOBS, STREETS, TOWNS, TRADES, TREES};

/// A given name.
pub(super) fn given_name(draw: &mut Draw) -> String {
    draw.pick(GIVEN_NAMES).to_owned()
}

/// A surname; one in eight has two parts.
pub(super) fn surname(draw: &mut Draw) -> String {
    let tree = draw.pick(TREES);
    if draw.below(8) == 0 { format!("{tree}-{}", draw.pick(TREES)) } else { tree.to_owned() }
}

/// Given name and surname.
pub(super) fn full_name(draw: &mut Draw) -> String {
    format!("{} {}", given_name(draw), surname(draw))
}

/// A user of the system that wrote the record.
pub(super) fn user(draw: &mut Draw) -> String {
    let given = draw.pick(GIVEN_NAMES).to_lowercase();
    let initial = draw.pick(TREES).to_lowercase();
    format!("{given}.{}{:02}", &initial[..1], draw.below(100))
}

/// An unassigned social security number: area 900 to 999 with a group from 10 to 49, which is also
/// outside the groups of taxpayer numbers.
pub(super) fn ssn(draw: &mut Draw) -> String {
    let (area, group, serial) =
        (draw.between(900, 999), draw.between(10, 49), draw.between(1, 9999));
    match draw.below(3) {
        0 => format!("{area}-{group}-{serial:04}"),
        1 => format!("{area} {group} {serial:04}"),
        _ => format!("{area}{group}{serial:04}"),
    }
}

/// A telephone number from the range reserved for fiction.
pub(super) fn phone(draw: &mut Draw) -> String {
    let (area, line) = (draw.between(201, 989), draw.between(100, 199));
    match draw.below(4) {
        0 => format!("({area}) 555-0{line}"),
        1 => format!("{area}-555-0{line}"),
        2 => format!("1 {area} 555 0{line}"),
        _ => format!("{area}5550{line}"),
    }
}

/// An e-mail address in a domain reserved for examples.
pub(super) fn email(draw: &mut Draw) -> String {
    let domain = draw.pick(&["example.com", "example.net", "example.org"]);
    let (given, surname) = (draw.pick(GIVEN_NAMES), draw.pick(TREES));
    format!("{}.{}@{domain}", given.to_lowercase(), surname.to_lowercase())
}

/// An Internet address from the blocks reserved for documentation.
pub(super) fn ip_address(draw: &mut Draw) -> String {
    match draw.below(4) {
        0 => format!("2001:db8::{:x}:{:x}", draw.below(0x10000), draw.below(0x10000)),
        1 => format!("198.51.100.{}", draw.below(256)),
        _ => format!("203.0.113.{}", draw.below(256)),
    }
}

/// A house number.
pub(super) fn street_number(draw: &mut Draw) -> String {
    let number = draw.between(1, 9899);
    if draw.below(10) == 0 { format!("{number}-B") } else { number.to_string() }
}

/// A street.
pub(super) fn street(draw: &mut Draw) -> String {
    draw.pick(STREETS).to_owned()
}

/// Number and street.
pub(super) fn address_line(draw: &mut Draw) -> String {
    format!("{} {}", street_number(draw), street(draw))
}

/// A town.
pub(super) fn town(draw: &mut Draw) -> String {
    draw.pick(TOWNS).to_owned()
}

/// A postal code. One in five has four more digits; one in six has a leading zero.
pub(super) fn postal_code(draw: &mut Draw) -> String {
    let code = if draw.below(6) == 0 { draw.below(10_000) } else { draw.below(100_000) };
    if draw.below(5) == 0 {
        format!("{code:05}-{:04}", draw.below(10_000))
    } else {
        format!("{code:05}")
    }
}

/// An employer or a lender.
pub(super) fn company(draw: &mut Draw) -> String {
    let (tree, trade) = (draw.pick(TREES), draw.pick(TRADES));
    if draw.below(6) == 0 {
        format!("{tree} & {} {trade}", draw.pick(TREES))
    } else {
        format!("{tree} {trade}")
    }
}

/// A job title.
pub(super) fn job(draw: &mut Draw) -> String {
    draw.pick(JOBS).to_owned()
}
