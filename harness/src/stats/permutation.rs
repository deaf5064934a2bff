//! Permutation test over balanced orders with clipped scores (statistics.md 2). Every verdict is
//! based on it. Random vectors come only from the given seed.
//!
//! Fisher, *The Design of Experiments*, 1935; Edgington, "Approximate randomization tests", 1969;
//! for drawn vectors Phipson and Smyth, "Permutation p-values should never be zero", 2010.

use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::median::median;
use super::paired::{Pair, PairOrder};
use super::scale::RESOLUTION;

/// Up to this many pairs the test enumerates all order vectors, at most C(18, 9) = 48,620.
pub const EXHAUSTIVE_PAIRS_MAX: usize = 18;
/// Number of order vectors drawn for more pairs.
pub const DRAWN_VECTORS: usize = 9_999;
/// Scores are clipped at this many median absolute deviations.
const CLIP: f64 = 1.5;
/// Two sums are equal if they differ by less than this share of the largest score: scores that are
/// clipped alike give ties by construction, which rounding must not break. They are also equal if
/// they differ by less than [`RESOLUTION`] for each pair, which is rounding of the values.
const TIE: f64 = 1e-9;

/// Constraints of the randomization: the number of pairs of each order in every batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PermutationDesign(Vec<Batch>);

/// Consecutive pairs whose orders were drawn together: the pairs of a look, or of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Batch {
    /// Range of pairs.
    pairs: Range<usize>,
    /// Number of them with A first.
    ab: usize,
}

impl PermutationDesign {
    /// The design of a session whose batches have these lengths, in the order of the pairs. Further
    /// pairs are one more batch. Without lengths all pairs are one batch.
    pub fn of(pairs: &[Pair], lengths: &[usize]) -> Self {
        let mut batches = Vec::with_capacity(lengths.len() + 1);
        let mut start = 0_usize;
        for length in lengths.iter().chain([&pairs.len()]) {
            let end = start.saturating_add(*length).min(pairs.len());
            if start < end {
                let ab =
                    pairs[start..end].iter().filter(|pair| pair.order == PairOrder::Ab).count();
                batches.push(Batch { pairs: start..end, ab });
            }
            start = end;
        }
        Self(batches)
    }

    /// Number of pairs, R.
    pub fn pairs(&self) -> usize {
        self.0.last().map_or(0, |batch| batch.pairs.end)
    }

    /// Numbers of pairs with A first and with B first.
    pub fn orders(&self) -> (usize, usize) {
        let ab = self.0.iter().map(|batch| batch.ab).sum();
        (ab, self.pairs() - ab)
    }

    /// Number of possible order vectors. A float: it overflows integers.
    pub fn vectors(&self) -> f64 {
        self.0.iter().map(|batch| binomial(batch.pairs.len(), batch.ab)).product()
    }

    /// The smallest p value that this design can give.
    pub fn smallest_p(&self) -> f64 {
        if self.is_exhaustive() { 1.0 / self.vectors() } else { 1.0 / (DRAWN_VECTORS + 1) as f64 }
    }

    fn is_exhaustive(&self) -> bool {
        self.pairs() <= EXHAUSTIVE_PAIRS_MAX || self.vectors() <= DRAWN_VECTORS as f64
    }
}

fn binomial(n: usize, k: usize) -> f64 {
    let k = k.min(n - k);
    (0..k).fold(1.0, |product, index| product * (n - index) as f64 / (index + 1) as f64)
}

/// The order vectors to compare the session's own vector with. They depend only on the design and
/// the seed, so that sessions of one design may share them.
#[derive(Debug, Clone)]
pub struct RandomizationSet {
    /// Positions of the AB pairs of each vector, one vector after the other.
    places: Vec<usize>,
    /// Number of positions in each vector.
    ab: usize,
    exhaustive: bool,
}

impl RandomizationSet {
    /// All vectors of the design, or [`DRAWN_VECTORS`] drawn from the seed. `None` if all pairs ran
    /// in one order, because these cannot be permuted.
    pub fn of(design: &PermutationDesign, seed: u64) -> Option<Self> {
        let (ab, ba) = design.orders();
        if ab == 0 || ba == 0 {
            return None;
        }
        let exhaustive = design.is_exhaustive();
        let places = if exhaustive { every_vector(design) } else { drawn_vectors(design, seed) };
        Some(Self { places, ab, exhaustive })
    }

    /// Number of vectors.
    pub fn count(&self) -> usize {
        self.places.len() / self.ab
    }

    /// True if these are all possible vectors.
    pub fn is_exhaustive(&self) -> bool {
        self.exhaustive
    }

    fn vectors(&self) -> impl Iterator<Item = &[usize]> {
        self.places.chunks_exact(self.ab)
    }

    /// The p value for this number of vectors that are at least as extreme as the session's own. A
    /// drawn set lacks the session's own vector, so it is added.
    fn p(&self, extreme: usize) -> f64 {
        if self.exhaustive {
            extreme as f64 / self.count() as f64
        } else {
            (1 + extreme) as f64 / (1 + self.count()) as f64
        }
    }

    /// The smallest number of extreme vectors that gives p > `alpha`.
    pub(super) fn too_many(&self, alpha: f64) -> usize {
        (0..self.count()).find(|extreme| self.p(*extreme) > alpha).unwrap_or(self.count())
    }
}

fn every_vector(design: &PermutationDesign) -> Vec<usize> {
    let mut vectors = vec![Vec::new()];
    for batch in &design.0 {
        let mut choices = Vec::new();
        choose(batch.pairs.clone(), batch.ab, &mut Vec::new(), &mut choices);
        vectors = vectors
            .iter()
            .flat_map(|vector| choices.iter().map(|choice| [&vector[..], choice].concat()))
            .collect();
    }
    vectors.concat()
}

/// Adds every choice of `count` positions to `choices`, each after those in `chosen`.
fn choose(
    places: Range<usize>,
    count: usize,
    chosen: &mut Vec<usize>,
    choices: &mut Vec<Vec<usize>>,
) {
    if count == 0 {
        choices.push(chosen.clone());
        return;
    }
    for place in places.clone() {
        chosen.push(place);
        choose(place + 1..places.end, count - 1, chosen, choices);
        chosen.pop();
    }
}

fn drawn_vectors(design: &PermutationDesign, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut places: Vec<Vec<usize>> =
        design.0.iter().map(|batch| batch.pairs.clone().collect()).collect();
    let mut vectors = Vec::with_capacity(DRAWN_VECTORS * design.orders().0);
    for _ in 0..DRAWN_VECTORS {
        for (batch, places) in design.0.iter().zip(&mut places) {
            let (chosen, _) = places.partial_shuffle(&mut rng, batch.ab);
            vectors.extend_from_slice(chosen);
        }
    }
    vectors
}

/// One session and its order vectors.
#[derive(Debug, Clone)]
pub struct Test<'a> {
    changes: Vec<f64>,
    signs: Vec<f64>,
    /// For each vector, the number of its AB pairs that were BA pairs in the session.
    swapped: Vec<usize>,
    orders: &'a RandomizationSet,
}

impl<'a> Test<'a> {
    /// A session and the vectors of its own design. With another design the p values are
    /// meaningless, or the functions panic if that design has more pairs.
    pub fn new(pairs: &[Pair], orders: &'a RandomizationSet) -> Self {
        let signs: Vec<f64> = pairs.iter().map(|pair| pair.order.sign()).collect();
        let is_swapped = |place: &&usize| signs.get(**place).is_some_and(|sign| *sign < 0.0);
        let swapped =
            orders.vectors().map(|vector| vector.iter().filter(is_swapped).count()).collect();
        let changes = pairs.iter().map(|pair| pair.change).collect();
        Self { changes, signs, swapped, orders }
    }

    /// p of "B is worse than A by `theta` or less", small if B seems worse than that: P(T* ≥ T).
    pub fn p_worse(&self, theta: f64) -> f64 {
        self.orders.p(self.leads(theta).iter().filter(|lead| **lead >= 0.0).count())
    }

    /// p of "B is worse than A by `theta` or more", small if B seems better than that: P(T* ≤ T).
    pub fn p_better(&self, theta: f64) -> f64 {
        self.mirrored().p_worse(-theta)
    }

    /// The same session with better and worse exchanged: its result for θ is the result of this one
    /// for −θ.
    pub(super) fn mirrored(&self) -> Self {
        Self { changes: self.changes.iter().map(|change| -change).collect(), ..self.clone() }
    }

    /// The vectors to compare with.
    pub(super) fn orders(&self) -> &'a RandomizationSet {
        self.orders
    }

    /// A θ below which the session's own vector is the most extreme one under any clipping: there
    /// every u of an AB pair exceeds every u of a BA pair.
    pub(super) fn separated(&self) -> f64 {
        let mut least = [f64::INFINITY; 2];
        for (change, sign) in self.changes.iter().zip(&self.signs) {
            let of_order = &mut least[usize::from(*sign > 0.0)];
            *of_order = of_order.min(change * sign);
        }
        f64::midpoint(least[0], least[1])
    }

    /// Lower bound of the distance from `theta` to the next value at which `too_many` vectors are
    /// as extreme as the session's own. Zero or less if that many are already.
    ///
    /// With θ every u moves at slope 1. So their median moves at up to 1, the deviations and their
    /// median at up to 2, the clip at up to 3, and a score, clipped or not, at up to 3. A vector
    /// that swaps s pairs each way differs from the session's in 2s scores, so its lead changes at
    /// up to 6s. Divided by that, no vector's lead moves faster than θ itself, and neither does the
    /// lead of any rank.
    pub(super) fn room(&self, theta: f64, too_many: usize) -> f64 {
        let mut distances = self.leads(theta);
        for (lead, swapped) in distances.iter_mut().zip(&self.swapped) {
            // The session's own vector is always as extreme as itself.
            *lead = if *swapped == 0 { f64::INFINITY } else { *lead / (6 * swapped) as f64 };
        }
        if too_many == 0 {
            return 0.0;
        }
        let by_rank = |a: &f64, b: &f64| b.total_cmp(a);
        -*distances.select_nth_unstable_by(too_many - 1, by_rank).1
    }

    /// ½(T* − T) of each vector: its lead over the session's own; a tie counts as a lead.
    fn leads(&self, theta: f64) -> Vec<f64> {
        let (scores, largest) = self.scores(theta);
        let own: f64 =
            scores.iter().zip(&self.signs).filter(|(_, sign)| **sign > 0.0).map(|(z, _)| z).sum();
        let tie = (TIE * largest).max(RESOLUTION * scores.len() as f64);
        // Σ z is the same for every vector, so T = 2·(sum over its AB pairs) − Σ z.
        let sum = |vector: &[usize]| vector.iter().map(|place| scores[*place]).sum::<f64>();
        self.orders.vectors().map(|vector| sum(vector) - own + tie).collect()
    }

    /// zᵣ = clip(uᵣ − med u, ±1.5·med|u − med u|) of uᵣ = Δᵣ − oᵣ·θ, and the largest that a score
    /// can be. Without any spread, when most u are alike, scores are not clipped.
    fn scores(&self, theta: f64) -> (Vec<f64>, f64) {
        let moved =
            self.changes.iter().zip(&self.signs).map(|(change, sign)| change - sign * theta);
        let mut scores: Vec<f64> = moved.collect();
        let mut scratch = scores.clone();
        let middle = median(&mut scratch);
        for (deviation, score) in scratch.iter_mut().zip(&mut scores) {
            *score -= middle;
            *deviation = score.abs();
        }
        let spread = median(&mut scratch);
        if spread <= RESOLUTION {
            let largest = scratch.iter().copied().fold(0.0, f64::max);
            return (scores, largest);
        }
        let clip = CLIP * spread;
        for score in &mut scores {
            *score = score.clamp(-clip, clip);
        }
        (scores, clip)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pairs in alternating order.
    fn pairs(changes: &[f64]) -> Vec<Pair> {
        let order =
            |index: usize| if index.is_multiple_of(2) { PairOrder::Ab } else { PairOrder::Ba };
        let pair = |(index, change): (usize, &f64)| Pair { change: *change, order: order(index) };
        changes.iter().enumerate().map(pair).collect()
    }

    fn moved(pairs: &[Pair], change: impl Fn(&Pair) -> f64) -> Vec<Pair> {
        pairs.iter().map(|pair| Pair { change: change(pair), order: pair.order }).collect()
    }

    fn orders_of(pairs: &[Pair]) -> RandomizationSet {
        RandomizationSet::of(&PermutationDesign::of(pairs, &[]), 1).unwrap()
    }

    fn p(pairs: &[Pair], theta: f64) -> (f64, f64) {
        let orders = orders_of(pairs);
        let test = Test::new(pairs, &orders);
        (test.p_worse(theta), test.p_better(theta))
    }

    /// A literal implementation of statistics.md 2: T of every balanced vector of signs.
    fn literal(pairs: &[Pair], theta: f64) -> (f64, f64) {
        let sorted = |mut figures: Vec<f64>| {
            figures.sort_by(f64::total_cmp);
            f64::midpoint(figures[(figures.len() - 1) / 2], figures[figures.len() / 2])
        };
        let u: Vec<f64> =
            pairs.iter().map(|pair| pair.change - pair.order.sign() * theta).collect();
        let middle = sorted(u.clone());
        let clip = 1.5 * sorted(u.iter().map(|u| (u - middle).abs()).collect());
        let z: Vec<f64> = u.iter().map(|u| (u - middle).clamp(-clip, clip)).collect();
        let sign = |mask: u32, place: usize| if mask >> place & 1 == 1 { 1.0 } else { -1.0 };
        let t = |mask: u32| -> f64 { z.iter().enumerate().map(|(r, z)| sign(mask, r) * z).sum() };
        let own: f64 = pairs.iter().zip(&z).map(|(pair, z)| pair.order.sign() * z).sum();
        let ab = pairs.iter().filter(|pair| pair.order == PairOrder::Ab).count();
        let masks = (0..1_u32 << pairs.len()).filter(|mask| mask.count_ones() as usize == ab);
        let all: Vec<f64> = masks.map(t).collect();
        let share = |f: &dyn Fn(&f64) -> bool| {
            all.iter().filter(|t| f(t)).count() as f64 / all.len() as f64
        };
        (share(&|t| *t >= own - 1e-9), share(&|t| *t <= own + 1e-9))
    }

    fn changes(range: Range<usize>) -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec(-0.2_f64..0.2, range)
    }

    #[test]
    fn there_are_252_balanced_orders_of_ten_pairs_and_12870_of_sixteen() {
        for (count, vectors) in [(6, 20), (8, 70), (10, 252), (16, 12_870), (18, 48_620)] {
            let pairs = pairs(&vec![0.0; count]);
            let design = PermutationDesign::of(&pairs, &[]);
            let orders = RandomizationSet::of(&design, 0).unwrap();
            assert!(orders.is_exhaustive());
            assert_eq!(orders.count(), vectors);
            assert!(
                (design.smallest_p() * f64::from(u32::try_from(vectors).unwrap()) - 1.0).abs()
                    < 1e-12
            );
        }
    }

    #[test]
    fn every_vector_occurs_once_and_keeps_the_counts_of_its_looks() {
        let pairs = pairs(&[0.0; 12]);
        // Batches of six, four and two pairs, in alternating orders: C(6,3)·C(4,2)·C(2,1).
        let orders = RandomizationSet::of(&PermutationDesign::of(&pairs, &[6, 4]), 0).unwrap();
        let mut vectors: Vec<Vec<usize>> = orders.vectors().map(<[usize]>::to_vec).collect();
        for vector in &vectors {
            let within = |range: Range<usize>| vector.iter().filter(|r| range.contains(r)).count();
            assert_eq!([within(0..6), within(6..10), within(10..12)], [3, 2, 1]);
        }
        vectors.sort();
        vectors.dedup();
        assert_eq!(vectors.len(), 20 * 6 * 2);
    }

    #[test]
    fn above_eighteen_pairs_9999_vectors_are_drawn_from_the_seed() {
        let pairs = pairs(&[0.0; 20]);
        let design = PermutationDesign::of(&pairs, &[10, 6, 4]);
        let [one, same, other] = [1, 1, 2].map(|seed| RandomizationSet::of(&design, seed).unwrap());
        assert_eq!(one.count(), DRAWN_VECTORS);
        assert!(!one.is_exhaustive());
        assert_eq!(one.places, same.places);
        assert_ne!(one.places, other.places);
        for vector in one.vectors() {
            let within = |range: Range<usize>| vector.iter().filter(|r| range.contains(r)).count();
            assert_eq!([within(0..10), within(10..16), within(16..20)], [5, 3, 2]);
        }
    }

    #[test]
    fn a_drawn_p_is_close_to_the_exact_one_and_never_zero() {
        let changes: Vec<f64> = (0..20).map(|r| f64::from((r * 7) % 11) / 100.0 - 0.05).collect();
        let pairs = pairs(&changes);
        let (exact, _) = literal(&pairs, 0.01);
        let (drawn, _) = p(&pairs, 0.01);
        // Five standard errors of a share of 9,999.
        assert!((exact - drawn).abs() < 5.0 * 0.005, "{exact} {drawn}");
        assert!((p(&pairs, -1.0).0 - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn with_unequal_orders_the_vectors_keep_the_session_s_own_counts() {
        let mut pairs = pairs(&[0.03, -0.01, 0.02, 0.01, 0.06, 0.0, 0.05, -0.04, 0.02]);
        pairs.push(Pair { change: 0.07, order: PairOrder::Ab });
        let orders = orders_of(&pairs);
        assert_eq!(orders.count(), 210);
        let (worse, better) = p(&pairs, 0.0);
        let (worse_literal, better_literal) = literal(&pairs, 0.0);
        assert!((worse - worse_literal).abs() < 1e-12 && (better - better_literal).abs() < 1e-12);
    }

    #[test]
    fn pairs_of_one_order_cannot_be_permuted() {
        let pairs = [Pair { change: 0.1, order: PairOrder::Ab }; 10];
        assert!(RandomizationSet::of(&PermutationDesign::of(&pairs, &[]), 0).is_none());
        assert!(RandomizationSet::of(&PermutationDesign::of(&[], &[]), 0).is_none());
    }

    #[test]
    fn without_noise_only_the_most_extreme_order_rejects() {
        let pairs = moved(&pairs(&[0.0; 10]), |pair| pair.order.sign() * 0.02);
        let (worse, better) = p(&pairs, 0.0);
        assert!((worse - 1.0 / 252.0).abs() < 1e-12);
        assert!((better - 1.0).abs() < 1e-12);
        assert_eq!(p(&pairs, 0.02), (1.0, 1.0));
    }

    #[test]
    fn without_spread_scores_are_not_clipped() {
        // Three pairs of ten differ, and in all of them B is worse. C(7, 3) = 35 of the vectors give
        // these three the same orders.
        let signs = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
        let changes = |many: usize| -> Vec<f64> {
            signs.iter().enumerate().map(|(r, o)| if r < many { 5.0 * o } else { 0.0 }).collect()
        };
        let (worse, better) = p(&pairs(&changes(3)), 0.0);
        assert!((worse - 35.0 / 252.0).abs() < 1e-12, "{worse}");
        assert!((better - 1.0).abs() < 1e-12, "{better}");
        assert_eq!(p(&pairs(&[0.0; 10]), 0.0), (1.0, 1.0));
    }

    #[test]
    fn a_session_exactly_at_theta_is_on_neither_side_whatever_the_rounding() {
        // d is ln 1.1 in every pair, computed from other values each time.
        let values = [0.3, 100.0, 7e-9, 1e7, 3.3, 1.0 / 3.0, 123.456, 9e99, 2e-99, 1.1];
        let d = |value: &f64| (value * 1.1).ln() - value.ln();
        let changes: Vec<f64> = values.iter().map(d).collect();
        let pairs = moved(&pairs(&changes), |pair| pair.effect());
        assert_eq!(p(&pairs, 1.1_f64.ln()), (1.0, 1.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn p_follows_its_definition(changes in changes(6..12), theta in -0.1_f64..0.1) {
            let pairs = pairs(&changes);
            let ((worse, better), (w, b)) = (p(&pairs, theta), literal(&pairs, theta));
            prop_assert!((worse - w).abs() < 1e-12, "{} {}", worse, w);
            prop_assert!((better - b).abs() < 1e-12, "{} {}", better, b);
            // Ties count on both sides.
            prop_assert!(worse + better >= 1.0);
        }

        #[test]
        fn the_order_effect_does_not_change_p(
            changes in changes(8..13),
            order_effect in -1.0_f64..1.0,
        ) {
            let pairs = pairs(&changes);
            let shifted = moved(&pairs, |pair| pair.change + order_effect);
            prop_assert_eq!(p(&pairs, 0.0), p(&shifted, 0.0));
        }

        #[test]
        fn p_is_invariant_to_unit_scale_and_shift(
            changes in changes(8..13),
            scale in 0.1_f64..10.0,
            effect in -0.5_f64..0.5,
        ) {
            let pairs = pairs(&changes);
            let scaled = moved(&pairs, |pair| pair.change * scale);
            prop_assert_eq!(p(&pairs, 0.01), p(&scaled, 0.01 * scale));
            let planted = moved(&pairs, |pair| pair.change + pair.order.sign() * effect);
            prop_assert_eq!(p(&pairs, 0.0), p(&planted, effect));
        }

        #[test]
        fn swapping_the_arms_swaps_worse_and_better(changes in changes(8..13)) {
            let pairs = pairs(&changes);
            let exchanged: Vec<Pair> = pairs
                .iter()
                .map(|pair| Pair {
                    change: pair.change,
                    order: if pair.order == PairOrder::Ab { PairOrder::Ba } else { PairOrder::Ab },
                })
                .collect();
            let (worse, better) = p(&pairs, 0.02);
            prop_assert_eq!((better, worse), p(&exchanged, -0.02));
        }

        #[test]
        fn far_from_the_data_p_has_its_minimum_and_maximum(
            changes in changes(8..13),
            far in 0.5_f64..3.0,
        ) {
            let pairs = pairs(&changes);
            let vectors = orders_of(&pairs).count() as f64;
            prop_assert_eq!(p(&pairs, -far), (1.0 / vectors, 1.0));
            prop_assert_eq!(p(&pairs, far), (1.0, 1.0 / vectors));
        }

        #[test]
        fn without_clipped_scores_p_rises_with_theta(
            ratios in proptest::collection::vec(0.9_f64..1.1, 10),
            low in -0.5_f64..0.5,
            step in 0.0_f64..0.2,
        ) {
            // Far from the data every deviation is within 0.9 … 1.1 of one size, the clip at 1.5.
            let apart = |pair: &Pair| pair.order.sign() * (pair.change.abs() + 10.0);
            let pairs = moved(&pairs(&ratios), apart);
            prop_assert!(p(&pairs, low).0 <= p(&pairs, low + step).0);
        }
    }
}
