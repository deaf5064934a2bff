//! Dates: the layouts of contract.md 10.3, and ISO 8601 as Python reads it.

use std::borrow::Cow;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

use super::unicode::{digit, is_blank, is_space};
use crate::record::Timestamp;

/// Converts text to a point in time (contract.md 10.3). `None` for blank text and for text that
/// fits no layout.
///
/// The text is not trimmed first, so most dates with a leading blank fail.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    if let Some(local) = usual(text) {
        return Some(Timestamp { local, offset_s: None });
    }
    if is_blank(text) {
        return None;
    }
    let start = recognised_start(text);
    year_first(start.as_deref().unwrap_or(text))
        .or_else(|| month_first(text))
        .or_else(|| day_first(text))
        .map(|local| Timestamp { local, offset_s: None })
        .or_else(|| Iso::parse(text))
}

/// Converts text to a point in time by the five layouts of conditions and `DATEADD` (contract.md
/// 12.2): no AM or PM, no time after `M/D/Y`, no ISO forms.
pub(crate) fn timestamp_in_condition(text: &str) -> Option<NaiveDateTime> {
    usual(text)
        .or_else(|| year_first(text))
        .or_else(|| whole_date(text, Cursor::month_day_year))
        .or_else(|| whole_date(text, Cursor::day_month_year))
}

/// Fast path for the form of nearly every date: `YYYY-MM-DD`, alone or followed by ` hh:mm:ss` and
/// up to six fraction digits. `None` if the layouts have to decide.
fn usual(text: &str) -> Option<NaiveDateTime> {
    let (day, clock) = text.as_bytes().split_at_checked(10)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = day else { return None };
    let date = date(digits_of([y1, y2, y3, y4])?, digits_of([m1, m2])?, digits_of([d1, d2])?)?;
    if clock.is_empty() {
        return Some(at_midnight(date));
    }
    let &[b' ', h1, h2, b':', n1, n2, b':', s1, s2, ref fraction @ ..] = clock else { return None };
    let (hour, minute) = (digits_of([h1, h2])?, digits_of([n1, n2])?);
    date.and_hms_micro_opt(hour, minute, digits_of([s1, s2])?, micros_of(fraction)?)
}

/// Value of ASCII digits; `None` for other bytes.
fn digits_of<const N: usize>(digits: [u8; N]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
    })
}

/// Microseconds of an empty text, or of a point and one to six digits.
fn micros_of(fraction: &[u8]) -> Option<u32> {
    let mut digits = [b'0'; 6];
    match fraction {
        [] => {}
        [b'.', fraction @ ..] if (1..=6).contains(&fraction.len()) => {
            digits[..fraction.len()].copy_from_slice(fraction);
        }
        _ => return None,
    }
    digits_of(digits)
}

fn whole_date<'a>(
    text: &'a str,
    layout: impl Fn(&mut Cursor<'a>) -> Option<NaiveDate>,
) -> Option<NaiveDateTime> {
    let mut cursor = Cursor(text);
    let date = layout(&mut cursor)?;
    cursor.at_end().then(|| at_midnight(date))
}

/// Prints a point in time like the reference: `2023-10-03T10:00:00`, with six fraction digits if it
/// has a fraction, and with `+05:00` if the text had an offset.
pub(crate) fn iso_text(timestamp: Timestamp, separator: char) -> String {
    let Timestamp { local, offset_s } = timestamp;
    let (date, hour, minute, second) = (local.date(), local.hour(), local.minute(), local.second());
    let micros = match local.and_utc().timestamp_subsec_micros() {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    };
    let offset = offset_s.map_or_else(String::new, offset_text);
    format!("{date}{separator}{hour:02}:{minute:02}:{second:02}{micros}{offset}")
}

fn offset_text(offset_s: i32) -> String {
    let (sign, size) = (if offset_s < 0 { '-' } else { '+' }, offset_s.abs());
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    let tail = if seconds > 0 { format!(":{seconds:02}") } else { String::new() };
    format!("{sign}{hours:02}:{minutes:02}{tail}")
}

fn at_midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}

/// Quirk of `Y-M-D h:m:ss` (contract.md 10.3, step 1): a text that starts like this is cut after
/// its fraction, and its seconds become at most 59. `None` if nothing changes.
fn recognised_start(text: &str) -> Option<Cow<'_, str>> {
    let mut cursor = Cursor(text);
    cursor.digits(4, 4)?;
    for separator in ['-', '-'] {
        cursor.literal(separator)?;
        cursor.digits(1, 2)?;
    }
    cursor.blanks()?;
    cursor.digits(1, 2)?;
    cursor.literal(':')?;
    cursor.digits(1, 2)?;
    cursor.literal(':')?;
    let head = cursor.consumed(text);
    let seconds = cursor.digits(2, 2)?;
    let seconds_end = cursor.consumed(text).len();
    if cursor.literal('.').is_none() || cursor.digits(1, usize::MAX).is_none() {
        cursor = Cursor(&text[seconds_end..]);
    }
    let start = cursor.consumed(text);
    if seconds > 59 {
        return Some(Cow::Owned(format!("{head}59{}", &start[seconds_end..])));
    }
    Some(Cow::Borrowed(start))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fraction {
    Allowed,
    Refused,
}

/// `Y-M-D`, `Y-M-D h:m:s` and `Y-M-D h:m:s.f`.
fn year_first(text: &str) -> Option<NaiveDateTime> {
    let mut cursor = Cursor(text);
    let date = cursor.year_month_day()?;
    if cursor.at_end() {
        return Some(at_midnight(date));
    }
    cursor.clock_to_end(date, Fraction::Allowed)
}

/// `M/D/Y`, `M/D/Y h:m:s` and `M/D/Y h:m:s AM`.
fn month_first(text: &str) -> Option<NaiveDateTime> {
    let mut cursor = Cursor(text);
    let date = cursor.month_day_year()?;
    if cursor.at_end() {
        return Some(at_midnight(date));
    }
    let clock = Cursor(cursor.0).clock_to_end(date, Fraction::Refused);
    clock.or_else(|| cursor.half_day_clock_to_end(date))
}

/// `D/M/Y` and `D/M/Y h:m:s`.
fn day_first(text: &str) -> Option<NaiveDateTime> {
    let mut cursor = Cursor(text);
    let date = cursor.day_month_year()?;
    if cursor.at_end() {
        return Some(at_midnight(date));
    }
    cursor.clock_to_end(date, Fraction::Refused)
}

/// A two-digit field of a layout, as `strptime` reads it: two digits if they fit, otherwise one.
struct DateField {
    /// Tens that allow any unit.
    free: &'static [u8],
    /// Largest tens, and the largest unit after them.
    largest: (u8, u8),
    /// Smallest value: 1 if zero is not allowed.
    least: u8,
}

const MONTH: DateField = DateField { free: &[], largest: (1, 2), least: 1 };
const DAY: DateField = DateField { free: &[1, 2], largest: (3, 1), least: 1 };
const HOUR: DateField = DateField { free: &[0, 1], largest: (2, 3), least: 0 };
const HALF_DAY_HOUR: DateField = DateField { free: &[], largest: (1, 2), least: 1 };
const MINUTE: DateField = DateField { free: &[0, 1, 2, 3, 4, 5], largest: (5, 9), least: 0 };
/// 60 and 61 are read, but then rejected as times of day.
const SECOND: DateField = DateField { free: &[0, 1, 2, 3, 4, 5], largest: (6, 1), least: 0 };

impl DateField {
    fn pair(&self, tens: char, unit: char) -> Option<u32> {
        let (tens, any_unit) = (ascii_value(tens)?, digit(unit)?);
        let fits = self.free.contains(&tens)
            || ascii_value(unit).is_some_and(|unit| {
                (tens == self.largest.0 && unit <= self.largest.1)
                    || (tens == 0 && self.least == 1 && unit >= 1)
            });
        fits.then(|| u32::from(tens) * 10 + u32::from(any_unit))
    }

    fn single(&self, unit: char) -> Option<u32> {
        let value = if self.least == 0 { digit(unit)? } else { ascii_value(unit)? };
        (value >= self.least).then_some(value.into())
    }
}

fn ascii_value(c: char) -> Option<u8> {
    digit(c).filter(|_| c.is_ascii())
}

/// Rest of a text that is being parsed.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Part of `text` that has been read.
    fn consumed(&self, text: &'a str) -> &'a str {
        &text[..text.len() - self.0.len()]
    }

    fn literal(&mut self, c: char) -> Option<()> {
        self.0 = self.0.strip_prefix(c)?;
        Some(())
    }

    /// Reads one or more white-space characters, like a blank in a layout.
    fn blanks(&mut self) -> Option<()> {
        let rest = self.0.trim_start_matches(is_space);
        (rest.len() < self.0.len()).then(|| self.0 = rest)
    }

    /// Reads up to `most` digits of any script. The value saturates.
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let (mut value, mut count) = (0_u32, 0);
        while let Some((c, d)) = self.0.chars().next().and_then(|c| Some((c, digit(c)?))) {
            if count == most {
                break;
            }
            value = value.saturating_mul(10).saturating_add(d.into());
            count += 1;
            self.0 = &self.0[c.len_utf8()..];
        }
        (count >= least).then_some(value)
    }

    fn field(&mut self, field: &DateField) -> Option<u32> {
        let mut chars = self.0.chars();
        let first = chars.next()?;
        let one = chars.as_str();
        if let Some(value) = chars.next().and_then(|second| field.pair(first, second)) {
            self.0 = chars.as_str();
            return Some(value);
        }
        self.0 = one;
        field.single(first)
    }

    /// Reads a day. A blank may replace its tens.
    fn day(&mut self) -> Option<u32> {
        match self.0.strip_prefix(' ') {
            Some(rest) => {
                let unit = rest.chars().next()?;
                self.0 = &rest[unit.len_utf8()..];
                DAY.single(unit)
            }
            None => self.field(&DAY),
        }
    }

    fn year_month_day(&mut self) -> Option<NaiveDate> {
        let year = self.digits(4, 4)?;
        self.literal('-')?;
        let month = self.field(&MONTH)?;
        self.literal('-')?;
        date(year, month, self.day()?)
    }

    fn month_day_year(&mut self) -> Option<NaiveDate> {
        let month = self.field(&MONTH)?;
        self.literal('/')?;
        let day = self.day()?;
        self.literal('/')?;
        date(self.digits(4, 4)?, month, day)
    }

    fn day_month_year(&mut self) -> Option<NaiveDate> {
        let day = self.day()?;
        self.literal('/')?;
        let month = self.field(&MONTH)?;
        self.literal('/')?;
        date(self.digits(4, 4)?, month, day)
    }

    fn minutes_and_seconds(&mut self) -> Option<(u32, u32)> {
        self.literal(':')?;
        let minute = self.field(&MINUTE)?;
        self.literal(':')?;
        Some((minute, self.field(&SECOND)?))
    }

    fn clock_to_end(&mut self, date: NaiveDate, fraction: Fraction) -> Option<NaiveDateTime> {
        self.blanks()?;
        let hour = self.field(&HOUR)?;
        let (minute, second) = self.minutes_and_seconds()?;
        let micros = match fraction {
            Fraction::Allowed if !self.at_end() => self.microseconds()?,
            Fraction::Allowed | Fraction::Refused => 0,
        };
        let time = date.and_hms_micro_opt(hour, minute, second, micros);
        time.filter(|_| self.at_end())
    }

    fn half_day_clock_to_end(&mut self, date: NaiveDate) -> Option<NaiveDateTime> {
        self.blanks()?;
        let hour = self.field(&HALF_DAY_HOUR)? % 12;
        let (minute, second) = self.minutes_and_seconds()?;
        self.blanks()?;
        let noon = match self.0 {
            half if half.eq_ignore_ascii_case("am") => 0,
            half if half.eq_ignore_ascii_case("pm") => 12,
            _ => return None,
        };
        date.and_hms_opt(hour + noon, minute, second)
    }

    /// Reads a point and one to six ASCII digits.
    fn microseconds(&mut self) -> Option<u32> {
        self.literal('.')?;
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count().min(6);
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        format!("{digits:0<6}").parse().ok().filter(|_| length > 0)
    }
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let year = i32::try_from(year).ok().filter(|&year| year >= 1)?;
    NaiveDate::from_ymd_opt(year, month, day)
}

/// Python's ISO 8601 reader with its quirks: a third colon or no point before the fraction, and any
/// one character between clock and offset.
struct Iso<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// End of the clock part of an ISO text.
enum ClockEnd {
    /// The whole part was read.
    Clean,
    /// Text is left over. Only an offset may follow.
    Trailing,
}

/// Hour, minute, second, microsecond.
type ClockFields = [u32; 4];

impl<'a> Iso<'a> {
    fn parse(text: &'a str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        if bytes.len() < 7 || bytes.contains(&0) {
            return None;
        }
        let separator = Self::separator(bytes)?;
        let date = Iso { bytes: bytes.get(..separator)?, at: 0 }.date()?;
        let Some(character) = text.get(separator..)?.chars().next() else {
            return Some(Timestamp { local: at_midnight(date), offset_s: None });
        };
        Self::clock_and_offset(date, &bytes[separator + character.len_utf8()..])
    }

    /// Length of the date, from its form.
    fn separator(bytes: &[u8]) -> Option<usize> {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        match (bytes.len(), bytes[4], bytes[5]) {
            (7, ..) => Some(7),
            (7.., b'-', b'W') => match bytes.get(8) {
                Some(b'-') if bytes.len() == 9 => None,
                Some(b'-') if is_digit(10) => Some(8),
                Some(b'-') => Some(10),
                _ => Some(8),
            },
            (7.., b'-', _) => Some(10),
            (7.., b'W', _) => {
                let end = (7..bytes.len()).find(|&at| !is_digit(at)).unwrap_or(bytes.len());
                Some(if end < 9 { end } else { 7 + end % 2 })
            }
            _ => Some(8),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        let field = self.bytes.get(self.at..self.at + digits)?;
        self.at += digits;
        field.iter().try_fold(0, |value, byte| {
            byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0'))
        })
    }

    fn date(&mut self) -> Option<NaiveDate> {
        let year = self.number(4)?;
        let dashed = self.skip(b'-');
        if self.skip(b'W') {
            return self.week_date(year, dashed);
        }
        let month = self.number(2)?;
        if dashed && !self.skip(b'-') {
            return None;
        }
        let day = self.number(2)?;
        date(year, month, day).filter(|_| self.at == self.bytes.len())
    }

    fn week_date(&mut self, year: u32, dashed: bool) -> Option<NaiveDate> {
        const DAYS: [Weekday; 7] = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        let week = self.number(2)?;
        let mut day = 1;
        if self.at < self.bytes.len() {
            if dashed && !self.skip(b'-') {
                return None;
            }
            day = self.number(1)?;
        }
        let weekday = DAYS.get(usize::try_from(day).ok()?.checked_sub(1)?)?;
        let year = i32::try_from(year).ok()?;
        NaiveDate::from_isoywd_opt(year, week, *weekday)
            .filter(|date| year >= 1 && (1..=9999).contains(&date.year()))
    }

    fn clock_and_offset(date: NaiveDate, bytes: &[u8]) -> Option<Timestamp> {
        let zone = bytes.iter().position(|byte| matches!(byte, b'+' | b'-' | b'Z'));
        let end = zone.unwrap_or(bytes.len());
        let (clock, clock_end) = Iso { bytes: &bytes[..end], at: 0 }.clock()?;
        let offset_s = match zone {
            Some(at) => Some(Self::offset(&bytes[at..])?),
            None if matches!(clock_end, ClockEnd::Clean) => None,
            None => return None,
        };
        let [hour, minute, second, micros] = clock;
        let local = date.and_hms_micro_opt(hour, minute, second, micros);
        Some(Timestamp { local: local.filter(|_| second < 60)?, offset_s })
    }

    /// Seconds east of UTC. A fraction of a second is dropped.
    fn offset(bytes: &[u8]) -> Option<i32> {
        if bytes[0] == b'Z' {
            return (bytes.len() == 1).then_some(0);
        }
        let (clock, end) = Iso { bytes: &bytes[1..], at: 0 }.clock()?;
        let [hours, minutes, seconds, _] = clock;
        let size = i32::try_from(hours * 3600 + minutes * 60 + seconds).ok()?;
        let fits = size < 24 * 3600 && matches!(end, ClockEnd::Clean);
        fits.then_some(if bytes[0] == b'-' { -size } else { size })
    }

    /// Reads `hh[[:]mm[[:]ss[.ffffff]]]` up to the end of the part.
    fn clock(&mut self) -> Option<(ClockFields, ClockEnd)> {
        let mut clock = [0; 4];
        let mut colons = false;
        for unit in 0..3 {
            clock[unit] = self.number(2)?;
            let Some(next) = self.peek() else {
                return Some((clock, ClockEnd::Clean));
            };
            if unit == 0 {
                colons = next == b':';
            }
            if self.at + 1 == self.bytes.len() {
                return Some((clock, ClockEnd::Trailing));
            }
            match next {
                b':' if colons => self.at += 1,
                b'.' | b',' => {
                    self.at += 1;
                    break;
                }
                _ if colons => return None,
                _ => {}
            }
        }
        clock[3] = self.micros()?;
        let end = if self.peek().is_none() { ClockEnd::Clean } else { ClockEnd::Trailing };
        Some((clock, end))
    }

    /// Reads up to six digits and pads them with zeros. Further digits are dropped.
    fn micros(&mut self) -> Option<u32> {
        let length = (self.bytes.len() - self.at).min(6);
        let digits = self.number(length)?;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Some((length..6).fold(digits, |value, _| value * 10))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn iso(text: &str) -> Option<String> {
        timestamp(text).map(|value| iso_text(value, 'T'))
    }

    fn check(cases: &[(&str, &str)]) {
        for &(text, expected) in cases {
            let expected = (expected != "-").then(|| expected.to_owned());
            assert_eq!(iso(text), expected, "{text:?}");
        }
    }

    #[test]
    fn layouts_are_tried_in_order_and_month_first_wins() {
        check(&[
            ("2023-10-03", "2023-10-03T00:00:00"),
            ("2023-1-3", "2023-01-03T00:00:00"),
            ("2023-1-3 4:5:6", "2023-01-03T04:05:06"),
            ("2023-10-03 01:02:03.5", "2023-10-03T01:02:03.500000"),
            ("2023-10-03 \t 01:02:03.000", "2023-10-03T01:02:03"),
            ("1/2/2023", "2023-01-02T00:00:00"),
            ("13/2/2023", "2023-02-13T00:00:00"),
            ("2/30/2023", "-"),
            ("1/2/2023  4:5:6", "2023-01-02T04:05:06"),
            ("13/2/2023 4:5:6", "2023-02-13T04:05:06"),
            ("1/2/2023 4:5:6.5", "-"),
            ("1/2/2023 4:05:06 PM", "2023-01-02T16:05:06"),
            ("1/2/2023 12:05:06 am", "2023-01-02T00:05:06"),
            ("1/2/2023 12:05:06  Pm", "2023-01-02T12:05:06"),
            ("1/2/2023 13:05:06 PM", "-"),
            ("1/2/2023 0:05:06 AM", "-"),
            ("13/2/2023 4:05:06 PM", "-"),
            ("1/2/23", "-"),
            ("0000-01-01", "-"),
            ("9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999"),
            ("2023-02-29", "-"),
            ("２０２３-10-03", "2023-10-03T00:00:00"),
            ("", "-"),
            (" ", "-"),
            ("n/a", "-"),
        ]);
    }

    #[test]
    fn a_leading_blank_fits_only_where_a_day_stands() {
        check(&[
            (" 2023-10-03", "-"),
            (" 10/03/2023", "-"),
            ("2023-10- 3", "2023-10-03T00:00:00"),
            (" 3/4/2023", "2023-04-03T00:00:00"),
            ("10/ 3/2023", "2023-10-03T00:00:00"),
            ("2023-10-03 ", "-"),
        ]);
    }

    #[test]
    fn only_the_year_first_layout_with_a_clock_forgives_what_follows_and_late_seconds() {
        check(&[
            ("2023-10-03 10:00:75", "2023-10-03T10:00:59"),
            ("2023-10-03 10:00:99.25 EST", "2023-10-03T10:00:59.250000"),
            ("2023-1-3 1:2:30 anything", "2023-01-03T01:02:30"),
            ("2023-10-03 10:00:123", "2023-10-03T10:00:12"),
            ("2023-10-03 10:00:12.", "2023-10-03T10:00:12"),
            ("2023-10-03 10:00:5", "2023-10-03T10:00:05"),
            ("2023-10-03 10:00:5 x", "-"),
            ("2023-10-03 24:00:05", "-"),
            ("2023-10-03T10:00:75", "-"),
            ("10/3/2023 10:00:75", "-"),
            ("2023-10-03 10:00:00.1234567", "2023-10-03T10:00:00.123456"),
            ("2023-1-3 10:00:00.1234567", "-"),
        ]);
    }

    #[test]
    fn iso_forms_are_read_as_the_language_reads_them() {
        check(&[
            ("2023-10-03T10:00", "2023-10-03T10:00:00"),
            ("2023-10-03 16:26", "2023-10-03T16:26:00"),
            ("2023-10-03T10", "2023-10-03T10:00:00"),
            ("2023-10-03T10:00:00,5", "2023-10-03T10:00:00.500000"),
            ("20231003", "2023-10-03T00:00:00"),
            ("20231003T100203.25", "2023-10-03T10:02:03.250000"),
            ("2023-W01-1", "2023-01-02T00:00:00"),
            ("2023-W01", "2023-01-02T00:00:00"),
            ("2023W011", "2023-01-02T00:00:00"),
            ("2023W01", "2023-01-02T00:00:00"),
            ("2023-W53-1", "-"),
            ("2020-W53-7", "2021-01-03T00:00:00"),
            ("9999-W52-7", "-"),
            ("2023-10-03T10:00Z", "2023-10-03T10:00:00+00:00"),
            ("2023-10-03T10:00:00.5-05:30", "2023-10-03T10:00:00.500000-05:30"),
            ("2023-10-03T10:00+0530", "2023-10-03T10:00:00+05:30"),
            ("2023-10-03T10:00+23:59:59", "2023-10-03T10:00:00+23:59:59"),
            ("2023-10-03T10:00+24:00", "-"),
            ("2023-10-03é10:00", "2023-10-03T10:00:00"),
            ("2023-10-03T", "-"),
            ("2023-10-03T24:00", "-"),
            ("2023-10-03T10:00z", "-"),
            ("2023-10-03T10:00Zx", "-"),
            ("2023-276", "-"),
            ("2023-10", "-"),
        ]);
    }

    #[test]
    fn the_quirks_of_the_iso_reader_are_kept() {
        check(&[
            ("2023-10-03T10:00:00:123", "2023-10-03T10:00:00.123000"),
            ("20231003T100000123", "2023-10-03T10:00:00.123000"),
            ("2023-10-03T10:+05:00", "2023-10-03T10:00:00+05:00"),
            ("2023-10-03T10x+05:00", "2023-10-03T10:00:00+05:00"),
            ("2023-10-03T10:", "-"),
            ("2023-10-03T10:00:00.", "-"),
        ]);
    }

    #[test]
    fn conditions_know_five_layouts_only() {
        let cases = [
            ("2023-10-03", true),
            ("1/2/2023", true),
            ("13/2/2023", true),
            ("2023-10-03 01:02:03", true),
            ("2023-10-03 01:02:03.25", true),
            ("1/2/2023 4:5:6", false),
            ("1/2/2023 4:05:06 PM", false),
            ("2023-10-03T01:02:03", false),
            ("2023-10-03 01:02:03 x", false),
            ("2023-10-03 01:02:75", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(timestamp_in_condition(text).is_some(), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_for_dates_agrees_with_the_layouts(
            text in "[0-9]{4}-[0-3][0-9]-[0-3][0-9]( [0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,7})?)?x?",
        ) {
            if let Some(local) = usual(&text) {
                prop_assert_eq!(year_first(&text), Some(local));
                let start = recognised_start(&text);
                prop_assert_eq!(start.as_deref().unwrap_or(&text), &text);
            }
        }

        #[test]
        fn printed_times_read_back_the_same(
            days in 1..3_652_059_i32, micros in 0..86_400_000_000_i64,
            offset_s in proptest::option::of(-86_399..86_400_i32),
        ) {
            let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap();
            let local = at_midnight(date) + chrono::TimeDelta::microseconds(micros);
            let value = Timestamp { local, offset_s };
            prop_assert_eq!(timestamp(&iso_text(value, 'T')), Some(value));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9TWZ:./ +,é-]{0,30}") {
            let _ = (timestamp(&text), timestamp_in_condition(&text));
        }
    }
}
