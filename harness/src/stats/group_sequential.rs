//! Group-sequential design: the numbers of pairs at the interim looks, and the error of each look
//! (statistics.md 2).
//!
//! Pocock, "Group sequential methods in the design and analysis of clinical trials", 1977.

/// Cumulative number of pairs at each look.
pub const CUMULATIVE_PAIRS: [usize; 4] = [10, 16, 20, 30];
/// Pairs that each look adds. Their orders are drawn and permuted separately.
pub const PAIRS_PER_LOOK: [usize; 4] = [10, 6, 4, 10];
/// Error of each look on each side. Together the four looks stay below 0.05.
pub const POCOCK_ALPHA: f64 = 0.019;

/// Cumulative pairs at the look after `pairs`; `None` after the last look.
pub fn next(pairs: usize) -> Option<usize> {
    CUMULATIVE_PAIRS.into_iter().find(|look| *look > pairs)
}

/// True for the last look.
pub fn is_last(pairs: usize) -> bool {
    next(pairs).is_none()
}

/// Share of an error for the look with this index (from 0). The `looks` together use no more than
/// the whole error under any stopping rule (Bonferroni). The first look gets three quarters,
/// because most sessions end there: ten pairs give no interval for a table of a dozen rows at less.
pub fn part_of_error(look: usize, looks: usize) -> f64 {
    match (look, looks) {
        (_, 0 | 1) => 1.0,
        (0, _) => 0.75,
        (_, looks) => 0.25 / (looks - 1) as f64,
    }
}

/// Minimum number of pairs after `pairs`; after the last look, one more group of its size.
pub(super) fn beyond(pairs: usize) -> u64 {
    let [.., last] = PAIRS_PER_LOOK;
    next(pairs).unwrap_or(pairs + last) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_accumulate_their_pairs_and_every_look_can_be_balanced() {
        let mut pairs = 0;
        for (look, batch) in CUMULATIVE_PAIRS.into_iter().zip(PAIRS_PER_LOOK) {
            pairs += batch;
            assert_eq!(look, pairs);
            assert_eq!(batch % 2, 0);
        }
    }

    #[test]
    fn the_looks_together_use_exactly_alpha() {
        for looks in 1..=4 {
            let all: f64 = (0..looks).map(|look| part_of_error(look, looks)).sum();
            assert!((all - 1.0).abs() < 1e-12, "{looks} looks: {all}");
        }
    }

    #[test]
    fn after_each_look_comes_the_next_and_after_the_last_none() {
        let nexts: Vec<_> = [0, 8, 10, 16, 20, 30].into_iter().map(next).collect();
        assert_eq!(nexts, [Some(10), Some(10), Some(16), Some(20), Some(30), None]);
        assert!(is_last(30) && !is_last(20));
        assert_eq!([beyond(10), beyond(30)], [16, 40]);
    }
}
