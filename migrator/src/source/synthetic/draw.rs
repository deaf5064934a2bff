//! Random draws that decide bytes. They use only integers, so every machine draws the same.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Purpose of a stream of draws. Each purpose of each record has its own stream, so more draws for
/// one of them do not change the bytes of another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Selects duplicates, rejects and invalid values, and their kinds.
    Fate = 0,
    /// Root and `Request` with their attributes.
    Request = 1,
    /// The application.
    Content = 2,
    /// Surroundings of the application in a full record, including their size.
    Padding = 3,
    /// Encoding of a valid text, or damage to it.
    Bytes = 4,
}

/// One stream of draws.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// Creates the stream of one purpose of one record.
    pub(super) fn new(seed: u64, number: u32, purpose: Purpose) -> Self {
        // Not `seed_from_u64`: its expansion of the seed is not part of ChaCha.
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(u64::from(number) << 8 | purpose as u64);
        Self(stream)
    }

    /// Uniform in `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let product = u64::from(self.0.next_u32()) * u64::from(bound);
        (product >> 32) as u32
    }

    /// Uniform in `low..=high`.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// True with a probability of `percent` in 100.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of the items, with equal probability.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// An index below `length`.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.below(u32::try_from(length).unwrap_or(u32::MAX)) as usize
    }

    /// Value from a distribution that is given by its quantiles: pairs of a per mille, ascending
    /// from 0 to 1000, and the value there. Linear between them.
    pub(super) fn quantile(&mut self, knots: &[(u32, u32)]) -> u32 {
        let at = self.below(1_000_000);
        for pair in knots.windows(2) {
            let [(from, low), (to, high)] = [pair[0], pair[1]];
            if at < to * 1000 {
                let run = u64::from(to - from) * 1000;
                let rise = u64::from(high - low) * u64::from(at - from * 1000);
                return low + u32::try_from(rise / run).unwrap_or(0);
            }
        }
        knots.last().map_or(0, |&(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_number_and_purpose_alone() {
        let first = |seed, number, purpose| Draw::new(seed, number, purpose).below(u32::MAX);
        assert_eq!(first(1, 2, Purpose::Content), first(1, 2, Purpose::Content));
        assert_ne!(first(1, 2, Purpose::Content), first(1, 2, Purpose::Fate));
        assert_ne!(first(1, 2, Purpose::Content), first(1, 3, Purpose::Content));
        assert_ne!(first(1, 2, Purpose::Content), first(2, 2, Purpose::Content));
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut draw = Draw::new(7, 1, Purpose::Content);
        for _ in 0..1000 {
            assert!(draw.below(3) < 3);
            assert!((5..=6).contains(&draw.between(5, 6)));
            assert!((10..=40).contains(&draw.quantile(&[(0, 10), (500, 20), (1000, 40)])));
        }
        assert_eq!(draw.below(0), 0);
        assert_eq!(draw.between(9, 9), 9);
    }

    #[test]
    fn a_quantile_table_gives_its_quantiles() {
        let mut draw = Draw::new(7, 1, Purpose::Padding);
        let below_20 =
            (0..10_000).filter(|_| draw.quantile(&[(0, 10), (500, 20), (1000, 40)]) < 20).count();
        assert!((4_800..5_200).contains(&below_20), "{below_20} of 10000 below the median");
    }
}
