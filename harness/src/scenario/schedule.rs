//! Schedule of a step: the order of its trials, drawn from a seed, and the number of records of
//! each. The same seed gives the same schedule everywhere; statistics.md 1 explains why order
//! matters.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::scenario::model::{Scenario, Setting};

/// The order of a step's trials: complete blocks, each running every arm once. The arms are the
/// settings of a sweep, or the two sides of a comparison, whose blocks are pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The seed that the order was drawn from.
    pub seed: u64,
    /// Randomization of the order within blocks.
    pub order: Randomization,
    /// The blocks; those of the warm-up come first.
    pub blocks: Vec<Block>,
}

/// Randomization of the order within blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Randomization {
    /// Williams squares: in each, every setting follows every other one exactly once.
    Williams,
    /// Every block shuffled on its own.
    Shuffled,
    /// Pairs of two arms; a random half of them in each order.
    Balanced,
}

/// One pass over all arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// True for a warm-up block, which is not analysed.
    pub warmup: bool,
    /// Indices of the step's arms, each once.
    pub arms: Vec<usize>,
}

/// The part of a plan for one machine: every `of`-th counted block, and the whole warm-up. Written
/// `i/n`, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Index of the shard, from 0.
    pub index: usize,
    /// Number of shards.
    pub of: NonZeroUsize,
}

impl Shard {
    fn takes(self, counted: usize) -> bool {
        counted % self.of == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, of)| {
            Some(Self { index: index.parse().ok()?, of: of.parse().ok()? })
        });
        let shard = parts.filter(|shard| shard.index < shard.of.get());
        shard.ok_or_else(|| "the form is i/n with i from 0 to n − 1".into())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// One run of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Number in the schedule of its step, from 1.
    pub number: usize,
    /// Number of its block, from 1; warm-up blocks are numbered separately.
    pub block: usize,
    /// Position in the block, from 1.
    pub slot: usize,
    /// True for a trial of a warm-up block.
    pub warmup: bool,
    /// Index into the step's arms.
    pub arm: usize,
}

impl Schedule {
    /// The order of a sweep of a scenario's settings, drawn from its seed.
    pub fn of(scenario: &Scenario) -> Self {
        let (runs, warmup) = (scenario.runs as usize, scenario.warmup as usize);
        Self::sweep(scenario.settings.len(), runs, warmup, scenario.seed)
    }

    /// `runs` complete blocks of `arms` arms after `warmup` blocks that do not count.
    pub fn sweep(arms: usize, runs: usize, warmup: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let square = arms.is_multiple_of(2) && runs.is_multiple_of(arms);
        let order = if square { Randomization::Williams } else { Randomization::Shuffled };
        let mut blocks: Vec<Block> =
            (0..warmup).map(|_| Block { warmup: true, arms: shuffled(arms, &mut rng) }).collect();
        while blocks.len() < warmup + runs {
            let orders = match order {
                Randomization::Williams => williams(arms, &mut rng),
                Randomization::Shuffled | Randomization::Balanced => vec![shuffled(arms, &mut rng)],
            };
            blocks.extend(orders.into_iter().map(|arms| Block { warmup: false, arms }));
        }
        Self { seed, order, blocks }
    }

    /// `pairs` pairs of two arms after `warmup` pairs that do not count. Half of the counted pairs
    /// have the order AB and half BA. For an odd number the order of one more pair is drawn.
    pub fn pairs(pairs: usize, warmup: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut blocks: Vec<Block> =
            (0..warmup).map(|_| Block { warmup: true, arms: shuffled(2, &mut rng) }).collect();
        let odd_one = shuffled(2, &mut rng);
        let mut orders: Vec<Vec<usize>> =
            (0..pairs / 2).flat_map(|_| [vec![0, 1], vec![1, 0]]).collect();
        orders.extend((!pairs.is_multiple_of(2)).then_some(odd_one));
        orders.shuffle(&mut rng);
        blocks.extend(orders.into_iter().map(|arms| Block { warmup: false, arms }));
        Self { seed, order: Randomization::Balanced, blocks }
    }

    /// All trials in the order in which they run without an interruption.
    pub fn trials(&self) -> impl Iterator<Item = Trial> {
        (0..self.blocks.len()).flat_map(|block| self.block_trials(block))
    }

    /// The trials of the block with this index, in order; none if there is no such block.
    pub fn block_trials(&self, index: usize) -> Vec<Trial> {
        let Some(block) = self.blocks.get(index) else {
            return Vec::new();
        };
        let before: usize = self.blocks[..index].iter().map(|block| block.arms.len()).sum();
        let number = if block.warmup { index + 1 } else { index + 1 - self.warmup_count() };
        let slots = block.arms.iter().enumerate();
        let trial = |(slot, arm): (usize, &usize)| Trial {
            number: before + slot + 1,
            block: number,
            slot: slot + 1,
            warmup: block.warmup,
            arm: *arm,
        };
        slots.map(trial).collect()
    }

    /// Number of warm-up blocks; they come first.
    fn warmup_count(&self) -> usize {
        self.blocks.iter().take_while(|block| block.warmup).count()
    }

    /// The index of a trial's block.
    pub fn block_of(&self, trial: &Trial) -> usize {
        let before = if trial.warmup { 0 } else { self.warmup_count() };
        // A line of a foreign ledger may hold any number; no block has such an index.
        before.saturating_add(trial.block).wrapping_sub(1)
    }

    /// Indices of the blocks that a shard takes, or all of them.
    pub fn blocks_of(&self, shard: Option<Shard>) -> Vec<usize> {
        let warmup = self.warmup_count();
        let takes = |index: &usize| {
            *index < warmup || shard.is_none_or(|shard| shard.takes(index - warmup))
        };
        (0..self.blocks.len()).filter(takes).collect()
    }

    /// Number of trials, including the warm-up.
    pub fn trial_count(&self) -> usize {
        self.blocks.iter().map(|block| block.arms.len()).sum()
    }
}

/// Name of a plan, which is one or several scenarios with their seeds, before `auto` is resolved.
/// Two plans with one hash are the same plan. BLAKE3 of its JSON, 32 hex digits.
pub fn hash<T: Serialize>(planned: &T) -> String {
    let text = serde_json::to_string(planned).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// Seed of one look of a step, derived from the seed of the session. Every step has its own order,
/// and a resumed session draws the same one again.
pub fn derive_seed(seed: u64, step: &str, batch: usize) -> u64 {
    let digest = blake3::hash(format!("{seed} {step} {batch}").as_bytes());
    digest.as_bytes()[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// Minimum number of records of a run: workers × 2 × batch size, each at its largest, so that no
/// setting is measured with a single batch. The baseline run takes this number.
pub fn min_records(settings: &[Setting]) -> NonZeroU32 {
    let most = |part: fn(&Setting) -> usize| settings.iter().map(part).max().unwrap_or(1);
    let workers = most(|setting| setting.settings.workers.get());
    let batch = most(|setting| setting.settings.batch_size.get());
    let least = workers.saturating_mul(2).saturating_mul(batch);
    u32::try_from(least).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX)
}

/// Number of records for a run of `run_seconds` at the `rec_per_min` of the baseline run, at least
/// `least`. Rounded up to two digits so that a source can be reused.
pub fn records(run_seconds: f64, rec_per_min: f64, least: NonZeroU32) -> NonZeroU32 {
    let wanted = two_digits(whole(rec_per_min / 60.0 * run_seconds));
    NonZeroU32::new(wanted).map_or(least, |wanted| wanted.max(least))
}

fn whole(number: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, which is what a bound wants"
    )]
    let number = number.ceil() as u32;
    number
}

fn two_digits(number: u32) -> u32 {
    let step = 10_u32.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number.div_ceil(step).saturating_mul(step)
}

fn shuffled(settings: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..settings).collect();
    order.shuffle(rng);
    order
}

/// A Williams square for an even number of settings (Williams 1949): the first sequence zigzags 0,
/// 1, k−1, 2, k−2, …; each next one adds 1 modulo k. The numbers of the settings and the order of
/// the sequences are drawn.
fn williams(settings: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let names = shuffled(settings, rng);
    let zigzag = (0..settings).map(|place| {
        if place % 2 == 1 { place.div_ceil(2) } else { (settings - place / 2) % settings }
    });
    let first: Vec<usize> = zigzag.collect();
    let mut square: Vec<Vec<usize>> = (0..settings)
        .map(|shift| first.iter().map(|number| names[(number + shift) % settings]).collect())
        .collect();
    square.shuffle(rng);
    square
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// `settings` batch sizes, the last of them `settings` × 100.
    fn scenario(settings: usize, runs: u32, warmup: u32, seed: u64) -> Scenario {
        let sizes: Vec<_> = (1..=settings).map(|i| (i * 100).to_string()).collect();
        let text = format!(
            "name = \"t\"\nwhy = \"t\"\nphase = \"II.1\"\noptimization = \"t\"\nruns = {runs}\n\
             warmup = {warmup}\nseed = {seed}\n[baseline]\nbatch_size = 100\n\
             [sweep]\nbatch_size = [{}]\n",
            sizes.join(", ")
        );
        Scenario::parse(&text).unwrap()
    }

    proptest! {
        #[test]
        fn every_block_runs_every_setting_once(
            settings in 1_usize..9, runs in 2_u32..20, warmup in 0_u32..3, seed in 0_u64..1000,
        ) {
            let plan = Schedule::of(&scenario(settings, runs, warmup, seed));
            prop_assert_eq!(plan.blocks.len(), (runs + warmup) as usize);
            for block in &plan.blocks {
                let mut order = block.arms.clone();
                order.sort_unstable();
                prop_assert_eq!(order, (0..settings).collect::<Vec<_>>());
            }
            let warm: Vec<_> = plan.blocks.iter().map(|block| block.warmup).collect();
            prop_assert_eq!(warm.iter().filter(|warm| **warm).count(), warmup as usize);
            prop_assert!(warm.is_sorted_by(|a, b| a >= b));
        }

        #[test]
        fn equal_seeds_give_equal_schedules(settings in 2_usize..8, seed in 0_u64..1000) {
            let scenario = scenario(settings, 6, 1, seed);
            prop_assert_eq!(Schedule::of(&scenario), Schedule::of(&scenario));
        }

        #[test]
        fn in_a_williams_square_each_setting_follows_each_other_once(
            half in 1_usize..6, squares in 1_u32..4, seed in 0_u64..1000,
        ) {
            let settings = half * 2;
            let runs = squares * u32::try_from(settings).unwrap();
            prop_assume!(runs >= 2);
            let plan = Schedule::of(&scenario(settings, runs, 0, seed));
            prop_assert_eq!(plan.order, Randomization::Williams);
            let mut follows: BTreeMap<(usize, usize), u32> = BTreeMap::new();
            for block in &plan.blocks {
                for pair in block.arms.windows(2) {
                    *follows.entry((pair[0], pair[1])).or_default() += 1;
                }
            }
            prop_assert_eq!(follows.len(), settings * (settings - 1));
            prop_assert!(follows.values().all(|count| *count == squares));
        }
    }

    #[test]
    fn shards_share_the_counted_blocks_and_each_has_the_warmup() {
        let plan = Schedule::of(&scenario(3, 7, 1, 1));
        let shards: Vec<_> = ["0/3", "1/3", "2/3"]
            .into_iter()
            .map(|text| plan.blocks_of(Some(text.parse().unwrap())))
            .collect();
        assert_eq!(shards, [vec![0, 1, 4, 7], vec![0, 2, 5], vec![0, 3, 6]]);
        assert_eq!(plan.blocks_of(None), (0..8).collect::<Vec<_>>());
        for wrong in ["3/3", "0/0", "-1/2", "1", "a/b", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn half_of_the_pairs_run_in_either_order(
            half in 0_usize..20, odd in 0_usize..2, warmup in 0_usize..3, seed in 0_u64..1000,
        ) {
            let pairs = 2 * half + odd;
            let plan = Schedule::pairs(pairs, warmup, seed);
            prop_assert_eq!(plan.blocks.len(), pairs + warmup);
            let counted = plan.blocks.iter().filter(|block| !block.warmup);
            let ab = counted.clone().filter(|block| block.arms == [0, 1]).count();
            let ba = counted.filter(|block| block.arms == [1, 0]).count();
            prop_assert_eq!(ab + ba, pairs);
            prop_assert_eq!(ab.abs_diff(ba), odd);
            prop_assert_eq!(plan, Schedule::pairs(pairs, warmup, seed));
        }
    }

    #[test]
    fn every_look_of_every_step_has_its_own_seed() {
        let seeds = [
            derive_seed(1, "a", 1),
            derive_seed(1, "a", 2),
            derive_seed(1, "b", 1),
            derive_seed(2, "a", 1),
        ];
        for (index, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..index].contains(seed));
        }
        assert_ne!(
            Schedule::pairs(10, 0, seeds[0]).blocks,
            Schedule::pairs(10, 0, seeds[1]).blocks
        );
    }

    #[test]
    fn unbalanceable_orders_are_shuffled() {
        assert_eq!(Schedule::of(&scenario(6, 10, 1, 1)).order, Randomization::Shuffled);
        assert_eq!(Schedule::of(&scenario(5, 10, 1, 1)).order, Randomization::Shuffled);
        assert_eq!(Schedule::of(&scenario(6, 12, 1, 1)).order, Randomization::Williams);
    }

    #[test]
    fn another_seed_gives_another_order_and_another_hash() {
        let (one, two) = (scenario(6, 10, 1, 1), scenario(6, 10, 1, 2));
        assert_ne!(Schedule::of(&one).blocks, Schedule::of(&two).blocks);
        assert_ne!(hash(&one), hash(&two));
        assert_eq!(hash(&one), hash(&one.clone()));
    }

    #[test]
    fn trials_are_numbered_through_and_blocks_from_one_after_the_warmup() {
        let plan = Schedule::of(&scenario(3, 2, 1, 1));
        let trials: Vec<_> = plan.trials().collect();
        assert_eq!(trials.len(), plan.trial_count());
        let numbers: Vec<_> = trials.iter().map(|trial| trial.number).collect();
        assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
        let blocks: Vec<_> = trials.iter().map(|trial| (trial.warmup, trial.block)).collect();
        assert_eq!(blocks[..3], [(true, 1); 3]);
        assert_eq!(blocks[3..6], [(false, 1); 3]);
        assert_eq!(blocks[6..], [(false, 2); 3]);
    }

    #[test]
    fn a_run_has_a_minimum_duration_and_at_least_two_batches() {
        let least = min_records(&scenario(6, 10, 1, 1).settings);
        assert_eq!(least.get(), 2 * 2 * 600);
        let cases = [(0.0, 2400), (60.0, 2400), (600_000.0, 8000), (601_234.0, 8100)];
        for (rec_per_min, expected) in cases {
            assert_eq!(records(0.8, rec_per_min, least).get(), expected, "{rec_per_min}");
        }
        assert_eq!(records(0.8, f64::MAX, least), NonZeroU32::MAX);
    }
}
