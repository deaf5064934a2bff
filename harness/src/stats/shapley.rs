//! Attribution of a difference to k factors: the mean of the effect of switching a factor first and
//! of switching it last. Takes logarithms measured in complete blocks.
//!
//! If no more than two factors interact at a time, this mean is the Shapley value: the contribution
//! averaged over all orders of switching (Shapley, "A value for n-person games", 1953; Grabisch,
//! "k-order additive discrete fuzzy measures", 1997). It takes 2k + 2 arms instead of 2ᵏ; the
//! interaction of three or more factors is left over and reported. Intervals are Wilcoxon's signed
//! rank intervals over the blocks, whose orders are random (statistics.md 4); all of them hold
//! jointly with 1 − 2·`alpha`.

use super::hodges_lehmann;

/// Indices of the arms of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arms {
    /// No factor is switched.
    pub none: usize,
    /// All factors are switched.
    pub all: usize,
    /// For each factor, the arm that switches only this one.
    pub only: Vec<usize>,
    /// For each factor, the arm that switches all others.
    pub but: Vec<usize>,
}

/// A part of a difference, as a logarithm of the ratio or in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effect {
    /// The Hodges–Lehmann estimate.
    pub estimate: f64,
    /// Confidence interval; `None` with too few blocks.
    pub interval: Option<(f64, f64)>,
}

/// Attribution of a difference.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attribution {
    /// All factors together.
    pub whole: Effect,
    /// Each factor.
    pub each: Vec<Effect>,
    /// Remainder: interaction of three or more factors.
    pub left: Effect,
}

impl Effect {
    /// From values that are symmetric about the true part, one for each block or pair. It is one of
    /// `family` parts whose intervals hold jointly with 1 − 2·`alpha` (Bonferroni). `None` without
    /// values.
    pub(crate) fn of(figures: &[f64], alpha: f64, family: usize) -> Option<Self> {
        let alpha = alpha / family.max(1) as f64;
        let estimate = hodges_lehmann::hodges_lehmann(figures)?;
        Some(Self { estimate, interval: hodges_lehmann::interval(figures, alpha) })
    }

    /// True if it differs significantly from zero.
    pub(crate) fn is_told(self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

/// Attributes a difference: `blocks[b][i]` is the logarithm of arm i's value in block b, with a
/// value for every arm. `None` without blocks, or if an arm does not exist.
pub(crate) fn shares(blocks: &[Vec<f64>], arms: &Arms, alpha: f64) -> Option<Attribution> {
    let factors = arms.only.len();
    let family = factors + 1;
    let each_of = |block: &Vec<f64>, factor: usize| -> Option<f64> {
        let at = |arm: usize| block.get(arm).copied();
        let first = at(*arms.only.get(factor)?)? - at(arms.none)?;
        let last = at(arms.all)? - at(*arms.but.get(factor)?)?;
        Some(f64::midpoint(first, last))
    };
    let whole_of =
        |block: &Vec<f64>| Some(block.get(arms.all).copied()? - block.get(arms.none).copied()?);
    let of = |figure: &dyn Fn(&Vec<f64>) -> Option<f64>| -> Option<Effect> {
        let figures: Option<Vec<f64>> = blocks.iter().map(figure).collect();
        Effect::of(&figures?, alpha, family)
    };
    let each = (0..factors).map(|factor| of(&|block| each_of(block, factor)));
    let left_of = |block: &Vec<f64>| {
        let parts: Option<Vec<f64>> = (0..factors).map(|factor| each_of(block, factor)).collect();
        Some(whole_of(block)? - parts?.iter().sum::<f64>())
    };
    Some(Attribution {
        whole: of(&whole_of)?,
        each: each.collect::<Option<_>>()?,
        left: of(&left_of)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    /// Three factors: none, all, each alone, all but each.
    fn three() -> Arms {
        Arms { none: 0, all: 1, only: vec![2, 3, 4], but: vec![5, 6, 7] }
    }

    /// Values of the eight arms for main effects, effects of two and an effect of three.
    fn levels(main: [f64; 3], two: [f64; 3], three: f64) -> Vec<f64> {
        let level = |on: [bool; 3]| {
            let of = |on: bool, effect: f64| if on { effect } else { 0.0 };
            let mains: f64 = (0..3).map(|i| of(on[i], main[i])).sum();
            let twos: f64 = (0..3).map(|i| of(on[(i + 1) % 3] && on[(i + 2) % 3], two[i])).sum();
            mains + twos + of(on == [true; 3], three)
        };
        let only = |i: usize| [0, 1, 2].map(|j| i == j);
        let but = |i: usize| [0, 1, 2].map(|j| i != j);
        let mut arms = vec![level([false; 3]), level([true; 3])];
        arms.extend((0..3).map(|i| level(only(i))));
        arms.extend((0..3).map(|i| level(but(i))));
        arms
    }

    #[test]
    fn interactions_of_two_are_halved_and_of_three_are_a_remainder() {
        let block = levels([0.10, -0.04, 0.0], [0.02, 0.0, 0.06], 0.09);
        let found = shares(&vec![block; 10], &three(), 0.025).unwrap();
        // `two[i]` is the interaction of the other two factors. A factor gets half of its
        // interactions of two, and half of the interaction of three.
        let expected = [0.10 + 0.03 + 0.045, -0.04 + 0.04 + 0.045, 0.0 + 0.01 + 0.045];
        for (part, expected) in found.each.iter().zip(expected) {
            assert!((part.estimate - expected).abs() < 1e-12, "{part:?} {expected}");
        }
        assert!((found.whole.estimate - 0.23).abs() < 1e-12, "{:?}", found.whole);
        assert!((found.left.estimate - (0.09 - 3.0 * 0.045)).abs() < 1e-12, "{:?}", found.left);
    }

    #[test]
    fn a_single_factor_gets_the_whole_difference() {
        let arms = Arms { none: 0, all: 1, only: vec![1], but: vec![0] };
        let blocks: Vec<Vec<f64>> =
            (0..10).map(|block| vec![f64::from(block), f64::from(block) + 0.1]).collect();
        let found = shares(&blocks, &arms, 0.025).unwrap();
        assert!((found.each[0].estimate - 0.1).abs() < 1e-12 && found.each[0].is_told());
        assert!(found.left.estimate.abs() < 1e-12 && !found.left.is_told());
    }

    #[test]
    fn too_few_blocks_give_no_interval_and_missing_arms_no_shares() {
        let block = levels([0.1, 0.0, 0.0], [0.0; 3], 0.0);
        let few = shares(&vec![block.clone(); 3], &three(), 0.025).unwrap();
        assert_eq!(few.whole.interval, None);
        assert!(!few.whole.is_told());
        assert_eq!(shares(&[], &three(), 0.025), None);
        assert_eq!(shares(&[block[..7].to_vec()], &three(), 0.025), None);
    }

    #[test]
    fn the_intervals_have_their_nominal_joint_coverage() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let normal = Normal::standard();
        let truth = levels([0.06, -0.03, 0.0], [0.0, 0.02, 0.0], 0.0);
        let expected = [0.06, -0.03 + 0.0, 0.0];
        let expected = [expected[0] + 0.01, expected[1], expected[2] + 0.01];
        let sessions = 1_000;
        let held = (0..sessions).filter(|_| {
            let block = |_| {
                // A block has a level of its own.
                let level: f64 = rng.random_range(-0.3..0.3);
                let noise =
                    |y: &f64| y + level + 0.04 * normal.inverse_cdf(rng.random_range(1e-12..1.0));
                truth.iter().map(noise).collect::<Vec<f64>>()
            };
            let blocks: Vec<Vec<f64>> = (0..10).map(block).collect();
            let found = shares(&blocks, &three(), 0.025).unwrap();
            found.each.iter().zip(expected).all(|(part, expected)| {
                let (low, high) = part.interval.unwrap();
                (low..=high).contains(&expected)
            })
        });
        let share = held.count() as f64 / f64::from(sessions);
        assert!(share >= 0.94, "{share}");
    }

    proptest! {
        #[test]
        fn shares_and_remainder_add_up_to_the_whole(
            main in proptest::array::uniform3(-0.3_f64..0.3),
            two in proptest::array::uniform3(-0.2_f64..0.2),
            together in -0.2_f64..0.2,
        ) {
            let blocks = vec![levels(main, two, together); 8];
            let found = shares(&blocks, &three(), 0.025).unwrap();
            let sum: f64 = found.each.iter().map(|part| part.estimate).sum();
            prop_assert!((sum + found.left.estimate - found.whole.estimate).abs() < 1e-9);
        }
    }
}
