//! Words for messages: the one that was meant, and lists that stay short.

/// Most names that a message lists.
const LISTED_MAX: usize = 4;

/// How alike two words must be for one to be meant by the other, from 0 to 1.
const ALIKE: f64 = 0.85;

/// The known word that is most like another one, if any is alike at all.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let scored = known.into_iter().map(|other| (strsim::jaro_winkler(word, other), other));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// The first names, and how many more there are.
pub fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
