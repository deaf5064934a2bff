//! Combinations of settings' values that cover every pair of values of two settings.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Positions in each list such that every two values of two lists occur together at least once. The
/// first combination is the first value of each list. Each next combination is the candidate that
/// covers most of the missing pairs.
pub(crate) fn pairwise<T>(settings: &[(&'static str, Vec<T>)]) -> Vec<Vec<usize>> {
    let places: Vec<usize> = settings.iter().map(|(_, values)| values.len()).collect();
    let all: usize = places.iter().product();
    let row_of = |mut number: usize| -> Vec<usize> {
        let digit = |places: &usize| {
            let digit = number % places;
            number /= places;
            digit
        };
        places.iter().map(digit).collect()
    };
    let mut met = BTreeSet::new();
    let mut rows = Vec::new();
    loop {
        let fresh = |row: &Vec<usize>| pairs_of(row).iter().filter(|p| !met.contains(*p)).count();
        let best = (0..all).map(row_of).max_by_key(|row| (fresh(row), Reverse(row.clone())));
        let Some(row) = best.filter(|row| fresh(row) > 0) else { return rows };
        met.extend(pairs_of(&row));
        rows.push(row);
    }
}

/// Every two positions of a combination, with the settings that they belong to.
fn pairs_of(row: &[usize]) -> Vec<(usize, usize, usize, usize)> {
    let mut pairs = Vec::new();
    for (one, first) in row.iter().enumerate() {
        let later = row.iter().enumerate().skip(one + 1);
        pairs.extend(later.map(|(other, second)| (one, *first, other, *second)));
    }
    pairs
}
