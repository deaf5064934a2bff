//! Margins as they are written: `0.05` or `5%`.

use serde::{Deserialize, Deserializer, de};

/// Parses a margin. Fails for anything but a share above 0 and below 1.
pub fn parse_margin(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, percent) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (text, false),
    };
    let Ok(number) = number.parse::<f64>() else {
        return Err(format!("{text} is not a share such as 0.05 or 5%"));
    };
    let share = if percent { number / 100.0 } else { number };
    check_margin(share).map(|()| share)
}

/// Rejects what is not a share above 0 and below 1, and says how 5 % is written.
pub(super) fn check_margin(share: f64) -> Result<(), String> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    let takes = "a margin is a share above 0 and below 1";
    if (1.0..=100.0).contains(&share) {
        let percent = share * 100.0;
        return Err(format!(
            "{share} is {percent} %, and {share} % is {} or {share}%: {takes}",
            share / 100.0
        ));
    }
    Err(format!("{takes}, such as 0.05 or 5%"))
}

/// A margin in a file: a number, or a text such as `"5%"`.
pub(super) fn margin<'de, D: Deserializer<'de>>(file: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a share such as 0.05 or \"5%\"")]
    enum Written {
        Number(f64),
        Text(String),
    }
    match Written::deserialize(file)? {
        Written::Number(share) => Ok(share),
        Written::Text(text) => parse_margin(&text).map_err(de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_a_share_or_a_percentage() {
        for (text, share) in [
            ("0.05", 0.05),
            ("5%", 0.05),
            ("5 %", 0.05),
            ("0.1", 0.1),
            ("10%", 0.1),
            ("0.5%", 0.005),
        ] {
            assert_eq!(parse_margin(text), Ok(share), "{text}");
        }
    }

    #[test]
    fn a_percentage_without_its_sign_is_refused_with_both_ways_to_write_it() {
        assert_eq!(
            parse_margin("5").unwrap_err(),
            "5 is 500 %, and 5 % is 0.05 or 5%: a margin is a share above 0 and below 1"
        );
        assert!(parse_margin("1").unwrap_err().starts_with("1 is 100 %, and 1 % is 0.01 or 1%"));
        for text in ["0", "-0.05", "inf", "NaN", "100%", "0%", "101", "-5%"] {
            assert!(parse_margin(text).unwrap_err().contains("a share above 0"), "{text}");
        }
        for text in ["", "%", "0,05", "five", "5%%"] {
            assert!(parse_margin(text).unwrap_err().ends_with("is not a share such as 0.05 or 5%"));
        }
    }
}
