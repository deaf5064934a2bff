//! Combinations of settings' values in which every two values of two settings meet.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A place in each list so that every two values of two lists meet at least once, the first of all
/// first: each next combination is the candidate that brings most pairs that have not met.
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

/// Every two places of a combination, with the settings that they belong to.
fn pairs_of(row: &[usize]) -> Vec<(usize, usize, usize, usize)> {
    let mut pairs = Vec::new();
    for (one, first) in row.iter().enumerate() {
        let later = row.iter().enumerate().skip(one + 1);
        pairs.extend(later.map(|(other, second)| (one, *first, other, *second)));
    }
    pairs
}
