//! Names in scenarios: checks whether a name is known, and suggests the nearest known one.

use clap::ValueEnum;

/// Checks a name against the migrator's own argument type.
pub(super) fn check<T: ValueEnum>(name: &str) -> Result<(), String> {
    let values = T::value_variants().iter().filter_map(T::to_possible_value);
    let known: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    if known.iter().any(|value| value == name) {
        return Ok(());
    }
    Err(format!("takes one of {}", known.join(", ")))
}

/// The known key most like the unknown one.
pub(crate) fn nearest<'a>(key: &str, known: &[&'a str]) -> &'a str {
    let alike = |known: &&str| strsim::jaro_winkler(key, known);
    known.iter().copied().max_by(|a, b| alike(a).total_cmp(&alike(b))).unwrap_or_default()
}
