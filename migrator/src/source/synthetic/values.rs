//! Attribute values: for each kind the plain form and the forms that rules of the contract exist
//! for. Columns accept all of these values; see `plan` for invalid ones.

use std::borrow::Cow;

use super::draw::Draw;
use super::people;
use super::words::{AWKWARD, TREES, WORDS};

/// Kind of an attribute's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum ValueKind {
    /// A source string of an enumeration, or an unknown one.
    Code(&'static [&'static str]),
    /// For `char_to_bit`.
    Flag,
    /// For `boolean_to_bit`.
    Truth,
    /// For `add_indicator`.
    Mark,
    /// A day with or without a time, 2019 to 2025.
    Moment,
    /// A day of birth.
    Birthday,
    /// An amount with cents, below this limit.
    Money(u32),
    /// A percentage below 30.
    Rate,
    /// An integer from 0 to this.
    Whole(u32),
    /// A credit line: an integer below 30,000, converted as a whole.
    Line,
    /// A fee below 100, converted by its first number.
    Fee,
    /// A fee converted by its digits. With cents it would become a hundred times as large.
    DigitsOfFee,
    /// A bureau score.
    Score,
    /// This number of digits.
    Digits(u32),
    /// A few words, sometimes many.
    Words,
    /// A sentence.
    Note,
    /// One letter, sometimes more.
    Grade,
    /// A factor code.
    Reason,
    /// Letters and digits, of this length or at least half of it.
    Token(u32),
    /// A given name.
    GivenName,
    /// A surname.
    Surname,
    /// A name suffix.
    Suffix,
    /// Given name and surname.
    FullName,
    /// A user of the system that wrote the record.
    User,
    /// A social security number.
    Ssn,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// An Internet address.
    Ip,
    /// A house number.
    StreetNumber,
    /// A street.
    Street,
    /// House number and street.
    AddressLine,
    /// Flat, box or route.
    Unit,
    /// A town.
    Town,
    /// A state code.
    State,
    /// A postal code.
    PostalCode,
    /// An employer.
    Company,
    /// A job title.
    Job,
    /// An amount below this limit, in a form that every conversion reads as a number.
    Worth(u32),
    /// An integer from 0 to this, in such a form.
    Count(u32),
    /// A model year, converted by its digits.
    Year,
}

/// A value in one of its forms: 4 % blank, 3 % padded, 6 % odd, the rest plain.
pub(super) fn value(kind: ValueKind, draw: &mut Draw) -> Cow<'static, str> {
    match draw.below(100) {
        0..=3 => Cow::Borrowed(draw.pick(&["", "", " ", "   "])),
        4..=6 => Cow::Owned(padded(&plain(kind, draw), draw)),
        7..=12 => odd(kind, draw),
        _ => plain(kind, draw),
    }
}

/// A value that needs at most trimming: plain, one in seven padded.
pub(super) fn sound(kind: ValueKind, draw: &mut Draw) -> Cow<'static, str> {
    let text = plain(kind, draw);
    if draw.below(7) == 0 { Cow::Owned(padded(&text, draw)) } else { text }
}

/// A value that means nothing: blanks, or a word that rows of contract.md 11 treat like a blank.
pub(super) fn nothing(draw: &mut Draw) -> &'static str {
    draw.pick(&["", "", " ", "null", "none", "NONE"])
}

/// A value in its plain form; never blank.
pub(super) fn plain(kind: ValueKind, draw: &mut Draw) -> Cow<'static, str> {
    let text = match kind {
        ValueKind::Code(codes) => return Cow::Borrowed(draw.pick(codes)),
        ValueKind::Flag | ValueKind::Mark => return Cow::Borrowed(draw.pick(&["Y", "N"])),
        ValueKind::Truth => return Cow::Borrowed(draw.pick(&["true", "false"])),
        ValueKind::Grade => return Cow::Borrowed(draw.pick(&["A", "B", "C", "D", "E"])),
        ValueKind::Suffix => return Cow::Borrowed(draw.pick(&["Jr", "Sr", "II", "III"])),
        ValueKind::State => return Cow::Borrowed(draw.pick(super::words::STATES)),
        ValueKind::Moment => moment(draw),
        ValueKind::Birthday => birthday(draw),
        ValueKind::Money(limit) | ValueKind::Worth(limit) => {
            format!("{}.{:02}", draw.below(limit), draw.below(100))
        }
        ValueKind::Year => draw.between(1985, 2026).to_string(),
        ValueKind::Rate => format!("{}.{:02}", draw.below(30), draw.below(100)),
        ValueKind::Whole(most) | ValueKind::Count(most) => draw.between(0, most).to_string(),
        ValueKind::Line => (draw.between(5, 599) * 50).to_string(),
        ValueKind::Fee | ValueKind::DigitsOfFee => draw.below(100).to_string(),
        ValueKind::Score => draw.between(300, 850).to_string(),
        ValueKind::Digits(count) => digits(count, draw),
        ValueKind::Words => words(1, 3, draw),
        ValueKind::Note => words(3, 14, draw),
        ValueKind::Reason => reason(draw),
        ValueKind::Token(most) => token(draw.between(most / 2, most), draw),
        ValueKind::GivenName => people::given_name(draw),
        ValueKind::Surname => people::surname(draw),
        ValueKind::FullName => people::full_name(draw),
        ValueKind::User => people::user(draw),
        ValueKind::Ssn => people::ssn(draw),
        ValueKind::Phone => people::phone(draw),
        ValueKind::Email => people::email(draw),
        ValueKind::Ip => people::ip_address(draw),
        ValueKind::StreetNumber => people::street_number(draw),
        ValueKind::Street => people::street(draw),
        ValueKind::AddressLine => people::address_line(draw),
        ValueKind::Unit => draw.between(1, 400).to_string(),
        ValueKind::Town => people::town(draw),
        ValueKind::PostalCode => people::postal_code(draw),
        ValueKind::Company => people::company(draw),
        ValueKind::Job => people::job(draw),
    };
    Cow::Owned(text)
}

/// A value in a form that a rule of the contract exists for.
fn odd(kind: ValueKind, draw: &mut Draw) -> Cow<'static, str> {
    let text = match kind {
        ValueKind::Code(codes) => return odd_code(codes, draw),
        ValueKind::Flag => return one_of(&["y", "n", "C", "D", "1", "true", "null", "x"], draw),
        ValueKind::Truth => return one_of(&["1", "0", "YES", "no", "Y", "on", "2"], draw),
        ValueKind::Mark => return one_of(&["yes", "TRUE", "t", "1", "0", "none", "x"], draw),
        ValueKind::Grade | ValueKind::Suffix | ValueKind::State => return one_of(TREES, draw),
        ValueKind::Moment | ValueKind::Birthday => return odd_moment(draw),
        ValueKind::Money(limit) => odd_money(limit, draw),
        ValueKind::Rate => odd_rate(draw),
        ValueKind::Whole(_) => {
            return one_of(&["1,234", "-5", "12.5", "n/a", "3e1", "7 weeks"], draw);
        }
        ValueKind::Worth(_) => return one_of(&["0", "0.00", ".5", "12.345", "1e3", "-250"], draw),
        ValueKind::Count(_) => return one_of(&["0", "007", "12.5", "3e1", "1,2", "+9"], draw),
        ValueKind::Year => return one_of(&["'19", "MY 2020", "unknown", "0", "2 0 2 1"], draw),
        ValueKind::Line => {
            return one_of(&["1,250", "-50", "2500.50", "none", "1.5e3", "$500"], draw);
        }
        ValueKind::Fee => return one_of(&["36.50", "$29", "-5", "1,234", "waived", ".5"], draw),
        ValueKind::DigitsOfFee => return one_of(&["$29", "29 USD", "-3", "007", "waived"], draw),
        ValueKind::Score => return one_of(&["712.5", "1,234", "0", "n/a", "null", "-1"], draw),
        ValueKind::Digits(count) => odd_digits(count, draw),
        ValueKind::Words | ValueKind::Street | ValueKind::Company | ValueKind::Job => {
            odd_text(draw)
        }
        ValueKind::Ssn | ValueKind::Phone | ValueKind::PostalCode => {
            return one_of(&["0", "unknown", "000000000", "x12-34"], draw);
        }
        _ => return one_of(AWKWARD, draw),
    };
    Cow::Owned(text)
}

fn one_of(texts: &'static [&'static str], draw: &mut Draw) -> Cow<'static, str> {
    Cow::Borrowed(draw.pick(texts))
}

fn padded(text: &str, draw: &mut Draw) -> String {
    match draw.below(3) {
        0 => format!(" {text}"),
        1 => format!("{text}  "),
        _ => format!("\t{text} "),
    }
}

fn odd_code(codes: &'static [&'static str], draw: &mut Draw) -> Cow<'static, str> {
    match draw.below(3) {
        0 => one_of(&["ZZ9", "unknown", "-"], draw),
        1 => Cow::Owned(draw.pick(codes).to_lowercase()),
        _ => Cow::Owned(draw.pick(codes).to_uppercase()),
    }
}

/// An awkward text, or one that is longer than most columns. It fits the 250 characters of columns
/// that are not cut.
fn odd_text(draw: &mut Draw) -> String {
    if draw.percent(30) { words(12, 24, draw) } else { draw.pick(AWKWARD).to_owned() }
}

fn odd_money(limit: u32, draw: &mut Draw) -> String {
    let (units, cents) = (draw.below(limit), draw.below(100));
    match draw.below(6) {
        0 => format!("{},{:03}.{cents:02}", units / 1000 + 1, units % 1000),
        1 => format!("${units}.{cents:02}"),
        2 => format!("-{units}.{cents:02}"),
        3 => format!("{units}.{cents:02}5"),
        4 => format!("{}e2", units / 100),
        _ => "n/a".to_owned(),
    }
}

fn odd_rate(draw: &mut Draw) -> String {
    let (units, part) = (draw.below(30), draw.below(1_000_000));
    match draw.below(3) {
        0 => format!("{units}.{part:06}"),
        1 => format!("{units}.{:02}%", part % 100),
        _ => format!("-{units}.5"),
    }
}

fn odd_digits(count: u32, draw: &mut Draw) -> String {
    let all = digits(count, draw);
    let (head, tail) = all.split_at(all.len() / 2);
    match draw.below(3) {
        0 => format!("{head}-{tail}"),
        1 => format!("{head} {tail}"),
        _ => format!("{all}{tail}"),
    }
}

fn digits(count: u32, draw: &mut Draw) -> String {
    (0..count).map(|_| char::from_digit(draw.below(10), 10).unwrap_or('0')).collect()
}

fn reason(draw: &mut Draw) -> String {
    match draw.below(5) {
        0 => format!("VS4-{:02}", draw.between(1, 40)),
        1 => format!("T{:03}", draw.below(200)),
        _ => format!("{:02}", draw.between(1, 99)),
    }
}

/// Between `low` and `high` words, separated by blanks.
pub(super) fn words(low: u32, high: u32, draw: &mut Draw) -> String {
    let mut text = String::new();
    for at in 0..draw.between(low, high) {
        if at > 0 {
            text.push(' ');
        }
        text.push_str(draw.pick(if at == 0 { TREES } else { WORDS }));
    }
    text
}

/// This number of letters and digits.
pub(super) fn token(length: u32, draw: &mut Draw) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length).map(|_| char::from(draw.pick(LETTERS))).collect()
}

/// A day that exists in every month, with a time.
struct DateTimeParts {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl DateTimeParts {
    fn new(first_year: u32, last_year: u32, draw: &mut Draw) -> Self {
        Self {
            year: draw.between(first_year, last_year),
            month: draw.between(1, 12),
            day: draw.between(1, 28),
            hour: draw.below(24),
            minute: draw.below(60),
            second: draw.below(60),
        }
    }
}

/// A point in time; one in ten has a rare layout.
fn moment(draw: &mut Draw) -> String {
    if draw.percent(10) {
        return rare_moment(draw);
    }
    let DateTimeParts { year, month, day, hour, minute, second } =
        DateTimeParts::new(2019, 2025, draw);
    let date = format!("{year}-{month:02}-{day:02}");
    match draw.below(3) {
        0 => format!("{date} {hour:02}:{minute:02}:{second:02}"),
        1 => format!("{date} {hour:02}:{minute:02}:{second:02}.{:03}", draw.below(1000)),
        _ => date,
    }
}

/// A point in time in the other layouts of contract.md 10.3.
fn rare_moment(draw: &mut Draw) -> String {
    let DateTimeParts { year, month, day, hour, minute, second } =
        DateTimeParts::new(2019, 2025, draw);
    let date = format!("{year}-{month:02}-{day:02}");
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let late_day = day.max(13);
    match draw.below(12) {
        0 => format!("{year}-{month}-{day} {hour}:{minute}:{second:02}.{:06}", draw.below(999_999)),
        1 => format!("{month}/{day}/{year}"),
        2 => format!("{month:02}/{day:02}/{year} {time}"),
        3 => {
            let half = draw.pick(&["AM", "pm"]);
            format!("{month}/{day}/{year} {}:{minute:02}:{second:02} {half}", hour % 12 + 1)
        }
        4 => format!("{late_day}/{month}/{year}"),
        5 => format!("{late_day}/{month:02}/{year} {time}"),
        6 => format!("{date}T{time}"),
        7 => format!("{date} {hour:02}:{minute:02}"),
        8 => format!("{year}{month:02}{day:02}"),
        9 => format!("{year}-W{:02}-{}", day + 20, month % 7 + 1),
        10 => format!("{date} {hour:02}:{minute:02}:{}", second % 40 + 60),
        _ => format!("{date} {time} local time"),
    }
}

fn birthday(draw: &mut Draw) -> String {
    let DateTimeParts { year, month, day, .. } = DateTimeParts::new(1935, 2003, draw);
    match draw.below(4) {
        0 => format!("{month}/{day}/{year}"),
        1 => format!("{month:02}/{day:02}/{year}"),
        _ => format!("{year}-{month:02}-{day:02}"),
    }
}

/// A rare layout, or a text that no layout reads.
fn odd_moment(draw: &mut Draw) -> Cow<'static, str> {
    if draw.percent(60) {
        return Cow::Owned(rare_moment(draw));
    }
    one_of(&["0000-00-00", "2023-02-30", "31/31/2023", "not known", "3 Oct 2023", "99"], draw)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::draw::Purpose;
    use super::*;

    fn many(kind: ValueKind) -> Vec<Cow<'static, str>> {
        let mut draw = Draw::new(1, 1, Purpose::Content);
        (0..3000).map(|_| value(kind, &mut draw)).collect()
    }

    #[test]
    fn every_kind_has_plain_blank_padded_and_odd_forms() {
        let kinds = [
            ValueKind::Code(&["A1"]),
            ValueKind::Money(9000),
            ValueKind::Moment,
            ValueKind::Phone,
            ValueKind::Words,
        ];
        for kind in kinds {
            let values = many(kind);
            assert!(values.iter().any(|v| v.trim().is_empty()), "{kind:?} blank");
            assert!(
                values.iter().any(|v| !v.trim().is_empty() && v.trim() != v),
                "{kind:?} padded"
            );
            assert!(values.iter().collect::<BTreeSet<_>>().len() > 5, "{kind:?} forms");
        }
    }

    #[test]
    fn sound_values_are_never_blank_and_nothing_is_never_meaningful() {
        let mut draw = Draw::new(1, 1, Purpose::Content);
        let mut padded = 0;
        for _ in 0..1000 {
            let text = sound(ValueKind::Money(3_000), &mut draw);
            assert!(text.trim().parse::<f64>().is_ok(), "{text}");
            padded += u32::from(text.trim() != text);
            let text = nothing(&mut draw).trim().to_lowercase();
            assert!(["", "null", "none"].contains(&text.as_str()), "{text}");
        }
        assert!((100..200).contains(&padded), "{padded}");
    }

    #[test]
    fn worths_and_counts_are_numbers_in_every_form() {
        for text in many(ValueKind::Worth(90_000)).iter().chain(&many(ValueKind::Count(400))) {
            let number = text.trim().replace(',', "");
            assert!(number.is_empty() || number.parse::<f64>().is_ok(), "{text}");
        }
    }

    #[test]
    fn codes_come_known_unknown_and_in_the_wrong_case() {
        let seen: BTreeSet<_> = many(ValueKind::Code(&["Step Up"])).into_iter().collect();
        for form in ["Step Up", "step up", "STEP UP", "ZZ9"] {
            assert!(seen.contains(form), "{form} among {seen:?}");
        }
    }

    #[test]
    fn no_text_is_longer_than_a_column_that_is_never_cut_for() {
        for kind in [ValueKind::Note, ValueKind::Words, ValueKind::Street, ValueKind::AddressLine] {
            let longest = many(kind).iter().map(|text| text.chars().count()).max().unwrap();
            assert!(longest <= 250, "{kind:?} {longest}");
        }
    }

    #[test]
    fn every_layout_of_a_date_occurs() {
        let shapes: BTreeSet<String> = many(ValueKind::Moment)
            .iter()
            .map(|text| text.replace(|letter: char| letter.is_ascii_digit(), "9"))
            .collect();
        for shape in [
            "9999-99-99 99:99:99.999",
            "9999-99-99",
            "99/99/9999 99:99:99",
            "9999-W99-9",
            "99999999",
            "9999-99-99T99:99:99",
            "9999-99-99 99:99",
            "9999-99-99 99:99:99 local time",
        ] {
            assert!(shapes.contains(shape), "{shape}");
        }
    }

    #[test]
    fn generated_social_security_numbers_are_never_issued() {
        let mut draw = Draw::new(3, 1, Purpose::Content);
        for _ in 0..500 {
            let all = plain(ValueKind::Ssn, &mut draw).replace(['-', ' '], "");
            assert_eq!(all.len(), 9);
            assert!(all.starts_with('9'), "{all}");
            assert!(("10"..="49").contains(&&all[3..5]), "{all}");
        }
    }
}
