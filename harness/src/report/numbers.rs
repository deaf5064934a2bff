//! Formats of numbers, and JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::analysis::sweep::Analysis;
use crate::error::{Error, Result};
use crate::sanitize::is_command;

/// Indented JSON with a final line end. Fails if the value cannot be serialized.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::caused("writing JSON", error))?;
    Ok(harmless(&text) + "\n")
}

/// JSON without control characters in its texts: they are escaped.
fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_command(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Whole number with thousands separators: `52,340`.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("-{text}") } else { text }
}

/// Signed percentage with one decimal: `+4.6 %`.
pub(super) fn percent(value: f64) -> String {
    // A change that rounds to zero has no sign.
    let value = if value.abs() < 0.05 { 0.0 } else { value };
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{value:.1} %")
}

/// Range in percent: `-1.2 to +4.6 %`.
pub(super) fn percent_range([low, high]: [f64; 2]) -> String {
    let ends = [percent(low), percent(high)];
    format!("{} to {}", ends[0].trim_end_matches(" %"), ends[1])
}

/// Value with its unit.
pub(super) fn value(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => mib(value),
        "" | "rec/min" => thousands(value),
        unit => format!("{} {unit}", milliseconds(value)),
    }
}

/// A signed difference in its unit: `+12.5 ms`.
pub(super) fn difference(change: f64, unit: &str) -> String {
    let sign = match change {
        change if change > 0.0 => "+",
        change if change < 0.0 => "-",
        _ => "",
    };
    format!("{sign}{}", value(change.abs(), unit))
}

/// Two ends of a range in a unit: `-1.20 ms to +4.60 ms`.
pub(super) fn difference_range([low, high]: [f64; 2], unit: &str) -> String {
    format!("{} to {}", difference(low, unit), difference(high, unit))
}

/// Milliseconds with as many decimals as needed.
pub(super) fn milliseconds(value: f64) -> String {
    match value {
        value if value >= 1000.0 => thousands(value),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// Bytes in MiB.
pub(super) fn mib(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / 1024.0 / 1024.0)
}

/// Names of the varied settings, as a heading over [`crate::scenario::Setting::short`].
pub(super) fn swept(analysis: &Analysis) -> String {
    analysis.scenario.swept.join(" × ")
}

/// Count with its noun: `1 block`, `10 blocks`.
pub(super) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count as f64))
}

/// Rounded to two decimals; runs do not repeat more exactly.
pub(super) fn rounded(value: f64) -> f64 {
    let rounded = (value * 100.0).round() / 100.0;
    // Avoids −0, which would look like a loss.
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// Text without the characters that XML forbids and without invisible ones.
pub(super) fn legal(text: &str) -> String {
    let legal = |c: &char| !is_command(*c) && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(legal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_what_a_terminal_would_obey_in_another_spelling() {
        let text = "\u{1b}[2J\u{7f}\u{9b}\u{202e} ä\n";
        let json = pretty(&[text]).unwrap();
        assert!(!json.contains(|c| c != '\n' && is_command(c)), "{json:?}");
        let read: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(read, [text]);
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (999.5, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-52_340.0, "-52,340"),
            (-0.2, "0"),
        ] {
            assert_eq!(thousands(value), text);
        }
        for (value, text) in
            [(4.64, "+4.6 %"), (-12.31, "-12.3 %"), (0.04, "0.0 %"), (-0.04, "0.0 %")]
        {
            assert_eq!(percent(value), text);
        }
        for (value, text) in
            [(1234.5, "1,234"), (123.45, "123"), (12.345, "12.3"), (1.2345, "1.23")]
        {
            assert_eq!(milliseconds(value), text);
        }
        assert_eq!(mib(117_440_512.0), "112 MiB");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1_u32, "block"), "1 block");
        assert_eq!(counted(2000_usize, "record"), "2,000 records");
    }

    #[test]
    fn rounding_leaves_two_decimals_and_no_negative_zero() {
        assert_eq!(rounded(4.6051).to_string(), "4.61");
        assert_eq!(rounded(-0.001).to_string(), "0");
    }

    #[test]
    fn differences_have_a_sign_and_a_unit() {
        assert_eq!(difference(12.5, "ms"), "+12.5 ms");
        assert_eq!(difference(0.0, "ms"), "0.00 ms");
        assert_eq!(difference_range([-1_048_576.0, 0.0], "bytes"), "-1 MiB to 0 MiB");
    }
}
