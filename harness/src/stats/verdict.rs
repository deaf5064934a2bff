//! The five verdicts of a session of pairs, from p-values alone (statistics.md 2). A scenario's
//! policy decides on the consequences.

use std::collections::HashMap;
use std::fmt;

use super::group_sequential;
use super::interval::{Interval, Rejected};
use super::paired::{Estimate, Pair};
use super::permutation::{PermutationDesign, RandomizationSet, Test};
use super::power;
use super::scale::ScaledMargin;

/// Minimum number of pairs for a test: of six pairs only the single most extreme order reaches
/// 0.05.
pub const PAIRS_MIN: usize = 8;
/// The error on each side of a single look.
pub const ONE_LOOK_ALPHA: f64 = 0.05;
/// The error on each side of a negative control: at 0.05 it would discard too many good sessions.
pub const CONTROL_ALPHA: f64 = 0.005;

/// The answer to "is B worse than A, and by less than the margin?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Better: zero is rejected on the good side.
    Improved,
    /// Shown to be no worse than the margin.
    Pass,
    /// Worse, but by less than the margin; the scenario's policy decides.
    Small,
    /// Worse, and not shown to be within the margin.
    Regression,
    /// Neither shown to be worse nor shown to be within the margin.
    Inconclusive,
}

impl Verdict {
    /// All verdicts, in the order of tables.
    pub const ALL: [Self; 5] =
        [Self::Improved, Self::Pass, Self::Small, Self::Regression, Self::Inconclusive];

    /// Verdict of these p-values, with error `alpha` on each side. With a margin of 0 what is not
    /// shown to be worse passes.
    pub fn of(p: PValues, alpha: f64) -> Self {
        match (p.worse <= alpha, p.within.map(|within| within <= alpha)) {
            _ if p.better <= alpha => Self::Improved,
            (true, Some(true)) => Self::Small,
            (true, Some(false) | None) => Self::Regression,
            (false, Some(true) | None) => Self::Pass,
            (false, Some(false)) => Self::Inconclusive,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Improved => "IMPROVED",
            Self::Pass => "PASS",
            Self::Small => "SMALL",
            Self::Regression => "REGRESSION",
            Self::Inconclusive => "INCONCLUSIVE",
        })
    }
}

/// Rule by which a session is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Allowed degradation of B, as a share: 0.05 is 5 %.
    pub margin: f64,
    /// The error on each side.
    pub alpha: f64,
}

impl Rule {
    /// One look at α = 0.05 on each side.
    pub fn one_look(margin: f64) -> Self {
        Self { margin, alpha: ONE_LOOK_ALPHA }
    }

    /// One of the looks of [`group_sequential::CUMULATIVE_PAIRS`].
    pub fn look(margin: f64) -> Self {
        Self { margin, alpha: group_sequential::POCOCK_ALPHA }
    }

    /// δ = ln(1 + margin).
    pub fn delta(self) -> f64 {
        self.margin.ln_1p()
    }
}

/// The three p values of a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValues {
    /// p(0) in the worse direction: small if B is worse than A.
    pub worse: f64,
    /// p(δ) in the better direction: small if B is within the margin. `None` for a margin of 0.
    pub within: Option<f64>,
    /// p(0) in the better direction: small if B is better than A.
    pub better: f64,
}

impl PValues {
    /// The p values of a session for a margin of `delta` in the unit of its changes; 0 for none.
    pub fn of(test: &Test<'_>, delta: f64) -> Self {
        let mirrored = test.mirrored();
        Self {
            worse: test.p_worse(0.0),
            within: (delta > 0.0).then(|| mirrored.p_worse(-delta)),
            better: mirrored.p_worse(0.0),
        }
    }

    /// Rejections of 0 and `delta`.
    fn refused(self, delta: f64, alpha: f64) -> Rejected {
        let within = self.within.is_some_and(|within| within <= alpha);
        let too_large = if self.better <= alpha { Some(0.0) } else { within.then_some(delta) };
        Rejected { too_small: (self.worse <= alpha).then_some(0.0), too_large }
    }

    /// The interval, widened to what `refused` leaves open. Without spread between most pairs a
    /// single θ can be kept while all around it are not.
    fn widened(interval: Interval, refused: Rejected, delta: f64) -> Interval {
        let low = if refused.too_small.is_none() { interval.low.min(0.0) } else { interval.low };
        let kept = match refused.too_large {
            None => delta,
            Some(too_large) if too_large > 0.0 => 0.0,
            Some(_) => f64::NEG_INFINITY,
        };
        Interval { low, high: interval.high.max(kept) }
    }
}

/// Errors of the hypotheses that a family of tests does not reject. Each is smaller than for a
/// single test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FamilyAlphas {
    /// For being called worse.
    pub worse: f64,
    /// For being called within the margin.
    pub within: f64,
    /// For being called better.
    pub better: f64,
}

/// Result for one session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// Verdict.
    pub verdict: Verdict,
    /// The p values of the decision.
    pub p: PValues,
    /// Estimated difference: logarithms, or the metric's unit on the scale of differences.
    pub estimate: Estimate,
    /// Hull of all differences that the test does not reject, in the same unit. Above 0 exactly if
    /// `p.worse` is at most α; below δ exactly if `p.within` or `p.better` is.
    pub interval: Interval,
    /// Margin, with its scale.
    pub margin: ScaledMargin,
    /// Number of pairs, R.
    pub pairs: usize,
    /// Estimated total number of pairs that decide with both errors at α at this noise. If the
    /// verdict is inconclusive and that is at most R, the pairs of the next look. With a margin of
    /// 0 it is R.
    pub needed_pairs: u64,
}

impl Judgement {
    /// `s_d` as a share of the values: on differences of a typical one.
    pub fn relative_std_dev(&self) -> f64 {
        self.estimate.std_dev / self.margin.unit
    }
}

/// Reason why a session is not tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untestable {
    /// Too few pairs, or orders too unequal.
    Pairs {
        /// Number of pairs with A first.
        ab: usize,
        /// Number of pairs with B first.
        ba: usize,
    },
    /// All runs of A came before all runs of B, so drift looks like a difference.
    NotInterleaved,
}

impl Untestable {
    fn of(design: &PermutationDesign) -> Self {
        let (ab, ba) = design.orders();
        Self::Pairs { ab, ba }
    }
}

impl fmt::Display for Untestable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Pairs { ab, ba } = self else {
            return f.write_str("not testable: the runs of A and B were not interleaved");
        };
        write!(f, "not testable with {} pairs", ab + ba)?;
        if ab + ba < PAIRS_MIN {
            return Ok(());
        }
        write!(f, " of which {ab} ran A first and {ba} ran B first")
    }
}

impl std::error::Error for Untestable {}

/// The order vectors for testing sessions of a design. Rejects a design with too few pairs, or with
/// orders so unequal that no outcome could alarm. `seed` draws them if there are too many to
/// enumerate.
pub fn orders(
    design: &PermutationDesign,
    alpha: f64,
    seed: u64,
) -> Result<RandomizationSet, Untestable> {
    let untestable = Untestable::of(design);
    if design.pairs() < PAIRS_MIN || design.smallest_p() > alpha {
        return Err(untestable);
    }
    RandomizationSet::of(design, seed).ok_or(untestable)
}

/// Judges sessions at one error α per side. Keeps the order vectors of every design that it meets,
/// so that many sessions of one design cost one enumeration.
#[derive(Debug, Clone)]
pub struct Judge {
    alpha: f64,
    seed: u64,
    vectors: HashMap<PermutationDesign, Result<RandomizationSet, Untestable>>,
}

impl Judge {
    /// `seed` draws order vectors if a design has too many to enumerate.
    pub fn new(alpha: f64, seed: u64) -> Self {
        Self { alpha, seed, vectors: HashMap::new() }
    }

    /// The error on each side.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Judges a session whose batches (hosts) have these lengths, one after the other; none: all
    /// pairs are one batch. `pairs` are changes on the scale of `margin`.
    pub fn judge(
        &mut self,
        pairs: &[Pair],
        batches: &[usize],
        margin: &ScaledMargin,
    ) -> Result<Judgement, Untestable> {
        let alpha = self.alpha;
        self.tested(pairs, batches, |test| judgement(pairs, test, margin, alpha))
    }

    /// Result of a session that its family leaves undecided at these levels, whatever the
    /// uncorrected test gives: inconclusive, with interval and required pairs at the corrected
    /// level.
    pub fn left_open(
        &mut self,
        pairs: &[Pair],
        batches: &[usize],
        levels: FamilyAlphas,
        margin: &ScaledMargin,
    ) -> Result<Judgement, Untestable> {
        self.tested(pairs, batches, |test| open(pairs, test, margin, levels))
    }

    fn tested(
        &mut self,
        pairs: &[Pair],
        batches: &[usize],
        say: impl FnOnce(&Test<'_>) -> Option<Judgement>,
    ) -> Result<Judgement, Untestable> {
        let (alpha, seed) = (self.alpha, self.seed);
        let design = PermutationDesign::of(pairs, batches);
        let untestable = Untestable::of(&design);
        let vectors =
            self.vectors.entry(design).or_insert_with_key(|design| orders(design, alpha, seed));
        let test = Test::new(pairs, vectors.as_ref().map_err(|untestable| *untestable)?);
        say(&test).ok_or(untestable)
    }

    /// True if any session so far used vectors drawn from the seed.
    pub fn has_drawn(&self) -> bool {
        self.vectors.values().flatten().any(|orders| !orders.is_exhaustive())
    }
}

/// Judges a single session of ratios like [`Judge::judge`].
pub fn judge(
    pairs: &[Pair],
    batches: &[usize],
    rule: Rule,
    seed: u64,
) -> Result<Judgement, Untestable> {
    Judge::new(rule.alpha, seed).judge(pairs, batches, &ScaledMargin::ratio(rule.margin))
}

/// Judges all pairs up to a look, in the order in which they were planned, so that the pairs of
/// earlier looks come first.
pub fn judge_look(pairs: &[Pair], margin: f64, seed: u64) -> Result<Judgement, Untestable> {
    judge(pairs, &group_sequential::PAIRS_PER_LOOK, Rule::look(margin), seed)
}

/// `None` for too few pairs for an estimate.
fn judgement(
    pairs: &[Pair],
    test: &Test<'_>,
    margin: &ScaledMargin,
    alpha: f64,
) -> Option<Judgement> {
    let delta = margin.threshold().unwrap_or(0.0);
    let estimate = Estimate::of(pairs)?;
    let needed = needed_pairs(pairs, &estimate, margin, [alpha, alpha])?;
    let p = PValues::of(test, delta);
    let verdict = Verdict::of(p, alpha);
    let refused = p.refused(delta, alpha);
    let interval = PValues::widened(Interval::of(test, alpha, refused), refused, delta);
    Some(Judgement {
        verdict,
        p,
        estimate: estimate.scaled(margin.unit),
        interval: interval.scaled(margin.unit),
        margin: *margin,
        pairs: pairs.len(),
        needed_pairs: match verdict {
            Verdict::Inconclusive => needed.max(group_sequential::beyond(pairs.len())),
            _ => needed,
        },
    })
}

/// `None` for too few pairs for an estimate.
fn open(
    pairs: &[Pair],
    test: &Test<'_>,
    margin: &ScaledMargin,
    levels: FamilyAlphas,
) -> Option<Judgement> {
    let delta = margin.threshold().unwrap_or(0.0);
    let estimate = Estimate::of(pairs)?;
    let FamilyAlphas { worse, within, better } = levels;
    let needed = needed_pairs(pairs, &estimate, margin, [worse, within])?;
    let interval = Interval::of_sides(test, [worse, better], Rejected::default());
    Some(Judgement {
        verdict: Verdict::Inconclusive,
        p: PValues::of(test, delta),
        estimate: estimate.scaled(margin.unit),
        interval: interval.scaled(margin.unit),
        margin: *margin,
        pairs: pairs.len(),
        needed_pairs: needed.max(group_sequential::beyond(pairs.len())),
    })
}

/// Pairs that decide at this noise; the present number for a margin of 0, which no number of pairs
/// shows to be kept.
fn needed_pairs(
    pairs: &[Pair],
    estimate: &Estimate,
    margin: &ScaledMargin,
    alphas: [f64; 2],
) -> Option<u64> {
    match margin.threshold() {
        Some(delta) => power::needed_pairs_of(pairs.len(), estimate.std_dev, delta, alphas),
        None => Some(pairs.len() as u64),
    }
}

/// True if a negative control (a program against itself) alarms on either side; its session is then
/// invalid.
pub fn control_alarms(control: &[Pair], seed: u64) -> Result<bool, Untestable> {
    let orders = orders(&PermutationDesign::of(control, &[]), CONTROL_ALPHA, seed)?;
    let test = Test::new(control, &orders);
    Ok(test.p_worse(0.0).min(test.p_better(0.0)) <= CONTROL_ALPHA)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::paired::{Better, PairOrder};
    use super::super::scale::RawPair;
    use super::*;

    /// Pairs in alternating order with these dᵣ.
    fn pairs(ratios: &[f64]) -> Vec<Pair> {
        let pair = |(index, ratio): (usize, &f64)| {
            let order = if index.is_multiple_of(2) { PairOrder::Ab } else { PairOrder::Ba };
            Pair { change: order.sign() * ratio, order }
        };
        ratios.iter().enumerate().map(pair).collect()
    }

    /// Ten dᵣ around `centre`, with the spread `spread`.
    fn around(centre: f64, spread: f64) -> Vec<Pair> {
        let ratio = |index: i32| centre + spread * (f64::from(index * 7 % 10) / 9.0 - 0.5);
        pairs(&(0..10).map(ratio).collect::<Vec<_>>())
    }

    fn one_look(pairs: &[Pair]) -> Judgement {
        judge(pairs, &[], Rule::one_look(0.05), 1).unwrap()
    }

    #[test]
    fn the_p_values_alone_decide() {
        use Verdict::{Improved, Inconclusive, Pass, Regression, Small};
        for (worse, within, better, verdict) in [
            (0.05, 0.06, 0.9, Regression),
            (0.06, 0.05, 0.9, Pass),
            (0.05, 0.05, 0.9, Small),
            (0.06, 0.06, 0.9, Inconclusive),
            (0.9, 0.01, 0.05, Improved),
            // A hole at δ.
            (0.9, 0.06, 0.05, Improved),
        ] {
            let p = PValues { worse, within: Some(within), better };
            assert_eq!(Verdict::of(p, 0.05), verdict, "{p:?}");
        }
    }

    #[test]
    fn clear_sessions_get_their_verdict() {
        for (pairs, verdict) in [
            (around(0.10, 0.03), Verdict::Regression),
            (around(0.0, 0.03), Verdict::Pass),
            (around(0.025, 0.02), Verdict::Small),
            (around(0.025, 0.4), Verdict::Inconclusive),
            (around(-0.10, 0.03), Verdict::Improved),
        ] {
            let judgement = one_look(&pairs);
            assert_eq!(judgement.verdict, verdict, "{judgement:?}");
            let Interval { low, high } = judgement.interval;
            assert!(low < judgement.estimate.shown && judgement.estimate.shown < high);
        }
    }

    #[test]
    fn an_inconclusive_session_requests_at_least_the_next_look() {
        let noisy = one_look(&around(0.025, 0.4));
        assert!(noisy.needed_pairs > 100, "{}", noisy.needed_pairs);
        // Too near to both limits, at a noise at which ten pairs usually decide.
        let near = one_look(&around(0.024, 0.13));
        assert_eq!(near.verdict, Verdict::Inconclusive);
        let by_noise = power::needed_pairs(10, near.estimate.std_dev, 1.05_f64.ln(), 0.05);
        assert_eq!(near.needed_pairs, by_noise.unwrap().max(16));
    }

    #[test]
    fn unrejected_hypotheses_use_interval_and_pairs_of_the_family_level() {
        let pairs = around(0.06, 0.12);
        let (mut judge, margin) = (Judge::new(0.019, 1), ScaledMargin::ratio(0.05));
        let alone = judge.judge(&pairs, &[], &margin).unwrap();
        assert_eq!(alone.verdict, Verdict::Regression);
        assert!(alone.interval.low > 0.0);
        // A p that a single test rejects, but not one of three tests.
        let level = alone.p.worse * 0.99;
        let levels = FamilyAlphas { worse: level, within: 0.019, better: level };
        let open = judge.left_open(&pairs, &[], levels, &margin).unwrap();
        assert_eq!((open.verdict, open.p), (Verdict::Inconclusive, alone.p));
        let (Interval { low, high }, single) = (open.interval, alone.interval);
        assert!(low <= 0.0 && high > single.high, "{open:?}");
        let by_noise = |alphas| {
            power::needed_pairs_of(10, open.estimate.std_dev, 1.05_f64.ln(), alphas).unwrap()
        };
        assert_eq!(open.needed_pairs, by_noise([level, 0.019]).max(16));
        assert!(open.needed_pairs > by_noise([0.019, 0.019]).max(16), "{open:?}");
    }

    #[test]
    fn below_eight_pairs_or_with_unequal_orders_no_test_is_made() {
        let refused = |pairs: &[Pair]| judge(pairs, &[], Rule::one_look(0.05), 1).unwrap_err();
        let six = refused(&around(0.1, 0.01)[..6]);
        assert_eq!(six.to_string(), "not testable with 6 pairs");
        // One of C(10, 1) = 10 orders is p = 0.1.
        let mut unequal = around(0.1, 0.01);
        for pair in &mut unequal[1..] {
            pair.order = PairOrder::Ba;
        }
        assert_eq!(
            refused(&unequal).to_string(),
            "not testable with 10 pairs of which 1 ran A first and 9 ran B first"
        );
        unequal[0].order = PairOrder::Ba;
        assert_eq!(refused(&unequal), Untestable::Pairs { ab: 0, ba: 10 });
        assert_eq!(refused(&[]), Untestable::Pairs { ab: 0, ba: 0 });
    }

    #[test]
    fn pairs_are_permuted_only_within_their_look() {
        let mut sixteen = around(0.1, 0.03);
        sixteen.extend_from_slice(&around(0.1, 0.03)[..6]);
        let at_once = judge(&sixteen, &[], Rule::look(0.05), 1).unwrap();
        let look = judge_look(&sixteen, 0.05, 1).unwrap();
        assert!((at_once.p.worse * 12_870.0 - 1.0).abs() < 1e-9);
        assert!((look.p.worse * 252.0 * 20.0 - 1.0).abs() < 1e-9);
        assert_eq!(look.verdict, Verdict::Regression);
    }

    #[test]
    fn the_seed_matters_only_if_orders_are_drawn() {
        let mut twenty = around(0.02, 0.1);
        twenty.extend(around(0.01, 0.1));
        let p = |pairs: &[Pair], seed| judge(pairs, &[], Rule::one_look(0.05), seed).unwrap().p;
        assert_eq!(p(&twenty[..18], 1), p(&twenty[..18], 2));
        assert_eq!(p(&twenty, 1), p(&twenty, 1));
        assert_ne!(p(&twenty, 1), p(&twenty, 2));
    }

    #[test]
    fn a_negative_control_alarms_in_both_directions() {
        for (centre, alarms) in [(0.0, false), (0.2, true), (-0.2, true)] {
            assert_eq!(control_alarms(&around(centre, 0.03), 1), Ok(alarms), "{centre}");
        }
        assert!(control_alarms(&around(0.0, 0.03)[..8], 1).is_err(), "1/70 exceeds 0.005");
    }

    /// Pairs of values `(A, B)`, in alternating order.
    fn raw_pairs(values: &[(f64, f64)]) -> Vec<RawPair> {
        let raw = |(index, (a, b)): (usize, &(f64, f64))| match index % 2 {
            0 => RawPair { first: *a, second: *b, order: PairOrder::Ab },
            _ => RawPair { first: *b, second: *a, order: PairOrder::Ba },
        };
        values.iter().enumerate().map(raw).collect()
    }

    /// Judgement of the differences between values.
    fn on_differences(values: &[(f64, f64)], margin_abs: Option<f64>) -> Judgement {
        let raw = raw_pairs(values);
        let margin = match margin_abs {
            Some(delta) => ScaledMargin::difference(delta, &raw),
            None => ScaledMargin::share_of_baseline(0.05, &raw),
        };
        let pairs = margin.changes(&raw, Better::Lower);
        Judge::new(0.05, 1).judge(&pairs, &[], &margin).unwrap()
    }

    #[test]
    fn differences_are_judged_in_the_metric_s_unit() {
        use Verdict::{Improved, Inconclusive, Pass, Regression, Small};
        let noise = |index: i32| f64::from(index * 7 % 10) / 10.0 - 0.45;
        let session = |a: f64, shift: f64, spread: f64| -> Vec<(f64, f64)> {
            (0..10).map(|r| (a + spread * noise(r), a + shift - spread * noise(r + 3))).collect()
        };
        for (values, margin_abs, verdict) in [
            (vec![(0.0, 5.0); 10], None, Regression),
            (vec![(5.0, 0.0); 10], None, Improved),
            (vec![(0.0, 0.0); 10], None, Pass),
            (vec![(7.0, 7.0); 10], None, Pass),
            (vec![(0.0, 0.0); 10], Some(1.0), Pass),
            (session(0.0, 5.0, 1.0), Some(2.0), Regression),
            (session(0.0, 5.0, 1.0), Some(20.0), Small),
            (session(0.0, 0.0, 1.0), Some(2.0), Pass),
            (session(-3e6, 0.0, 1e6), Some(2e3), Inconclusive),
            // Without a margin what is not shown to be worse passes.
            (session(0.0, 0.0, 1.0), None, Pass),
        ] {
            let judgement = on_differences(&values, margin_abs);
            assert_eq!(judgement.verdict, verdict, "{values:?} {judgement:?}");
            let Interval { low, high } = judgement.interval;
            assert_eq!(low > 0.0, judgement.p.worse <= 0.05, "{judgement:?}");
            assert_eq!(high < 0.0, judgement.p.better <= 0.05, "{judgement:?}");
        }
        let found = on_differences(&[(0.0, 5.0); 10], None);
        assert!((found.estimate.shown - 5.0).abs() < 1e-12);
        assert!(
            (found.interval.low - 5.0).abs() < 1e-4 && (found.interval.high - 5.0).abs() < 1e-4
        );
        assert_eq!((found.p.within, found.needed_pairs), (None, 10));
    }

    #[test]
    fn a_few_runs_with_a_value_among_zeros_are_neither_lost_nor_blown_up() {
        let mut values = vec![(0.0, 0.0); 10];
        values[1] = (0.0, 3.0);
        assert_eq!(on_differences(&values, None).verdict, Verdict::Pass);
        for value in &mut values[..6] {
            *value = (0.0, 3.0);
        }
        let six = on_differences(&values, None);
        assert_eq!(six.verdict, Verdict::Regression, "{six:?}");
        assert!(six.interval.low > 0.0);
    }

    #[test]
    fn exactly_on_the_margin_is_not_within_it_at_any_scale() {
        for size in [3e-9, 0.1, 1.0, 3.3, 100.0, 7e8, 1e15] {
            for (percent, margin) in [(105.0, 0.05), (110.0, 0.10), (103.0, 0.03)] {
                let values = vec![(size, size * percent / 100.0); 10];
                let pairs = ScaledMargin::ratio(margin).changes(&raw_pairs(&values), Better::Lower);
                let ratio = judge(&pairs, &[], Rule::one_look(margin), 1).unwrap();
                assert_eq!(ratio.verdict, Verdict::Regression, "{size} {margin} {ratio:?}");
                let delta = size * percent / 100.0 - size;
                let difference = on_differences(&values, Some(delta));
                assert_eq!(difference.verdict, Verdict::Regression, "{size} {difference:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn verdict_and_interval_never_disagree_on_differences(
            values in proptest::collection::vec((0_i32..3, 0_i32..4), 8..13),
            size in prop_oneof![Just(1.0), Just(1e-12), Just(1e12)],
            margin in prop_oneof![Just(0.0), 0.1_f64..3.0],
        ) {
            let values: Vec<(f64, f64)> =
                values.iter().map(|(a, b)| (f64::from(*a) * size, f64::from(*b) * size)).collect();
            let judgement = on_differences(&values, Some(margin * size));
            let (Interval { low, high }, p) = (judgement.interval, judgement.p);
            prop_assert!(low <= high);
            prop_assert_eq!(low > 0.0, p.worse <= 0.05);
            prop_assert_eq!(high < 0.0, p.better <= 0.05);
            if let Some(within) = p.within {
                prop_assert_eq!(high < margin * size, within <= 0.05 || p.better <= 0.05);
            }
        }

        #[test]
        fn the_unit_of_a_metric_never_matters_on_differences(
            values in proptest::collection::vec((-20_i32..20, -20_i32..30), 8..13),
            margin in 1_i32..10,
        ) {
            let judged = |size: f64| {
                let scaled: Vec<(f64, f64)> = values
                    .iter()
                    .map(|(a, b)| (f64::from(*a) * size, f64::from(*b) * size))
                    .collect();
                on_differences(&scaled, Some(f64::from(margin) * size))
            };
            let one = judged(1.0);
            for size in [0.1, 1e-9, 1e9, 3.7] {
                let other = judged(size);
                prop_assert_eq!((other.verdict, other.p), (one.verdict, one.p));
            }
        }

        #[test]
        fn verdict_and_interval_never_disagree(
            ratios in proptest::collection::vec(-0.15_f64..0.15, 8..13),
            centre in -0.1_f64..0.15,
            order_effect in -0.2_f64..0.2,
            spike in prop_oneof![Just(0.0), 0.1_f64..0.6],
        ) {
            let mut pairs = pairs(&ratios);
            pairs[3].change += spike;
            for pair in &mut pairs {
                pair.change += order_effect + pair.order.sign() * centre;
            }
            let judgement = one_look(&pairs);
            let (Interval { low, high }, p) = (judgement.interval, judgement.p);
            prop_assert!(low <= high);
            prop_assert_eq!(low > 0.0, p.worse <= 0.05);
            prop_assert_eq!(high < 1.05_f64.ln(), p.within.unwrap() <= 0.05 || p.better <= 0.05);
            prop_assert_eq!(high < 0.0, p.better <= 0.05);
            prop_assert_eq!(judgement.verdict == Verdict::Improved, high < 0.0);
        }
    }
}
