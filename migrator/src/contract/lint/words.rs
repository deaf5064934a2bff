//! Suggestions and short lists for messages.

/// Maximum number of names in a list.
const LISTED_MAX: usize = 4;

/// Minimum similarity of a suggestion, from 0 to 1.
const ALIKE: f64 = 0.85;

/// Most similar known word, if one is similar enough.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let scored = known.into_iter().map(|other| (strsim::jaro_winkler(word, other), other));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// First names, and the number of the others.
pub(crate) fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
