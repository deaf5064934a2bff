//! Sample sizes of a plan: blocks and pairs that fit the remaining budget, and the differences that
//! they detect. Work is counted in runs; the caller supplies the time.

use serde::Serialize;

use crate::analysis::comparison::TestPlan;
use crate::analysis::sequential::LookSchedule;
use crate::scenario::Scenario;
use crate::session::budget::Time;
use crate::stats::verdict::{ONE_LOOK_ALPHA, PAIRS_MIN};
use crate::stats::{dunnett, group_sequential, power};

/// Runs of the baseline on which time estimates are based.
pub(super) const PILOT_RUNS: usize = 4;

/// Runs of the current settings that measure the share of parsing time.
pub(super) const PROFILE_RUNS: usize = 3;

/// Minimum number of blocks for Hsu's comparison. A phase without time for them is skipped.
const RUNS_MIN: u32 = 4;

/// Number of blocks below which pairs are reduced first.
pub(super) const RUNS_GOOD: u32 = 6;

/// One in this many conditional steps is expected to run: typically one or two phases find
/// something.
const EXPECTED: usize = 4;

/// Sample sizes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleSizes {
    /// Counted blocks of a sweep.
    pub runs: u32,
    /// Warm-up blocks.
    pub warmup: u32,
    /// Confirmation pairs by look; one number means one look.
    pub pairs: Vec<u32>,
    /// Seconds of a baseline run, including overhead.
    pub run_s: f64,
    /// Standard deviation of the baseline's runs, in percent.
    pub spread_percent: Option<f64>,
    /// Difference between two settings that a sweep detects at that spread, in percent.
    pub sweep_tells_percent: Option<f64>,
    /// Difference that the first look at a comparison detects, in percent.
    pub pairs_tell_percent: Option<f64>,
}

/// Remaining work of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemainingWork {
    /// Number of settings in each sweep that is certain to run.
    pub sweeps: Vec<usize>,
    /// Number of profiles before them.
    pub profiles: usize,
    /// Number of settings in each sweep that runs again if other phases change something.
    pub again: Vec<usize>,
    /// Maximum number of optimizations to measure alone.
    pub alone: usize,
}

impl RemainingWork {
    /// Runs that happen in any case.
    pub(super) fn certain(&self, effort: &SampleSizes) -> usize {
        let sweeps: usize = self.sweeps.iter().map(|arms| effort.sweep(*arms)).sum();
        self.profiles * PROFILE_RUNS + sweeps
    }

    /// Expected number of runs: the certain ones, the final comparison, and a part of the
    /// conditional ones.
    pub(super) fn expected(&self, effort: &SampleSizes) -> usize {
        let look = effort.first_look();
        let again: usize = self.again.iter().map(|arms| effort.sweep(*arms) + look).sum();
        let possible = (self.sweeps.len() + self.alone) * look + again;
        self.certain(effort) + look + possible.div_ceil(EXPECTED)
    }

    /// Number of runs in the worst case, with every confirmation at all looks.
    fn most(&self, effort: &SampleSizes) -> usize {
        let all = effort.comparison();
        let again: usize = self.again.iter().map(|arms| effort.sweep(*arms) + all).sum();
        let pairs = self.sweeps.len() * all + (1 + self.alone) * effort.first_look();
        self.certain(effort) + again + pairs
    }

    /// Minimum number of runs with every candidate confirmed and the final comparison: the reserve.
    /// Conditional sweeps and single optimizations are not part of it.
    pub(super) fn least(&self, effort: &SampleSizes) -> usize {
        let least = effort.least();
        self.certain(&least) + (self.sweeps.len() + 1) * least.first_look()
    }
}

impl SampleSizes {
    /// Largest sample sizes that fit the budget: several looks if even the worst case fits,
    /// otherwise one look sized for the expected case. If more is found than expected, later steps
    /// are reduced (`SampleSizes::blocks`, `SampleSizes::fresh`).
    pub fn fit(base: &Scenario, left: &RemainingWork, time: Time, log_sd: Option<f64>) -> Self {
        let full = Self {
            runs: base.runs,
            warmup: base.warmup,
            pairs: vec![base.pairs],
            run_s: time.run_s,
            spread_percent: log_sd.map(|sd| sd * 100.0),
            sweep_tells_percent: None,
            pairs_tell_percent: None,
        };
        if base.quick {
            return full;
        }
        let looks = full.looks().find(|level| time.holds(left.most(level)));
        let chosen = looks.unwrap_or_else(|| full.one_look(left, time));
        let chosen = chosen.beginning(left, time);
        chosen.precise(left.sweeps.iter().copied().max().unwrap_or(2), log_sd)
    }

    /// With at most as many blocks as the first sweep can have, on which the forecast is based.
    fn beginning(self, left: &RemainingWork, time: Time) -> Self {
        let Some((first, later)) = left.sweeps.split_first() else {
            return self;
        };
        let after = RemainingWork { sweeps: later.to_vec(), ..left.clone() };
        let runs = self.blocks(*first, &after, false, time).unwrap_or(self.least().runs);
        Self { runs, ..self }
    }

    /// Sample sizes for the remaining work: time that earlier phases did not need goes to later
    /// ones.
    pub(super) fn again(&self, base: &Scenario, left: &RemainingWork, time: Time) -> Self {
        if base.quick || self.pairs.len() > 1 {
            return self.clone();
        }
        let full = Self { runs: base.runs, pairs: vec![base.pairs], ..self.clone() };
        full.one_look(left, time)
    }

    /// Sizes with several looks, the largest first.
    fn looks(&self) -> impl Iterator<Item = Self> {
        (2..=group_sequential::PAIRS_PER_LOOK.len()).rev().map(|looks| Self {
            pairs: group_sequential::PAIRS_PER_LOOK[..looks]
                .iter()
                .map(|pairs| count(*pairs))
                .collect(),
            ..self.clone()
        })
    }

    /// Largest sizes with one look that are expected to fit. Blocks are reduced first, then pairs,
    /// then blocks again.
    fn one_look(&self, left: &RemainingWork, time: Time) -> Self {
        let least = self.least();
        let good = RUNS_GOOD.min(self.runs);
        let level = |runs, pairs| Self { runs, pairs: vec![pairs], ..self.clone() };
        let blocks = (good..=self.runs).rev().map(|runs| level(runs, self.pairs[0]));
        let pairs = self.counts().map(|pairs| level(good, pairs));
        let few = (least.runs..good).rev().map(|runs| level(runs, least.pairs[0]));
        let mut levels = blocks.chain(pairs).chain(few);
        let fits = |level: &Self| time.is_expected_to_hold(left.expected(level));
        levels.find(fits).unwrap_or_else(|| least.clone())
    }

    /// Smallest useful sizes.
    fn least(&self) -> Self {
        let pairs = self.pairs.first().map_or(0, |pairs| *pairs).min(count(PAIRS_MIN));
        Self { runs: self.runs.min(RUNS_MIN), pairs: vec![pairs], ..self.clone() }
    }

    /// Possible numbers of pairs at the first look, largest first: even and not too few.
    fn counts(&self) -> impl Iterator<Item = u32> + use<> {
        let most = self.pairs.first().map_or(0, |pairs| *pairs);
        let least = self.least().pairs[0];
        (least..=most).rev().filter(move |pairs| *pairs == most || pairs.is_multiple_of(2))
    }

    /// Blocks that a sweep of this many settings can have if its confirmation has to fit too;
    /// `None` if too few. If time is short, the last of the later steps (`after`) are dropped
    /// first, then the confirmation. The final comparison of `kept` settings is never dropped.
    pub(super) fn blocks(
        &self,
        arms: usize,
        after: &RemainingWork,
        kept: bool,
        time: Time,
    ) -> Option<u32> {
        let least = self.least();
        let sweep = |blocks: u32| arms * (blocks + self.warmup) as usize;
        let look = least.first_look();
        let all = look + after.least(self);
        let most = (least.runs..=self.runs).rev().find(|blocks| time.holds(sweep(*blocks) + all));
        most.or_else(|| {
            let last = if kept { look } else { 0 };
            Some(least.runs).filter(|blocks| time.holds(sweep(*blocks) + last))
        })
    }

    /// Pairs at the first look of a sweep's confirmation; `None` if too few. Later steps are
    /// dropped as for a sweep.
    pub(super) fn fresh(&self, after: &RemainingWork, time: Time) -> Option<u32> {
        let least = self.least();
        let few = if self.pairs.len() > 1 { self } else { &least };
        let all = self.last(after.least(self), time);
        all.or_else(|| few.last(least.first_look(), time))
    }

    /// Pairs at the first look of a comparison next to `beside` other runs; `None` if too few. The
    /// first of several looks is whole or skipped.
    pub(super) fn last(&self, beside: usize, time: Time) -> Option<u32> {
        let whole = self.pairs.len() > 1;
        let mut counts = self.counts().take(if whole { 1 } else { usize::MAX });
        counts.find(|pairs| time.holds(2 * *pairs as usize + beside))
    }

    /// Minimum number of pairs of a comparison.
    pub(super) fn pairs_least(&self) -> u32 {
        self.least().pairs[0]
    }

    /// With only the first look, for a comparison that happens in any case.
    pub(super) fn once(&self) -> Self {
        Self { pairs: self.pairs[..1].to_vec(), ..self.clone() }
    }

    /// True if a profile, the smallest sweep after it and the final comparison of `kept` settings
    /// fit.
    pub(super) fn has_time_for_profile(&self, arms: usize, kept: bool, time: Time) -> bool {
        let least = self.least();
        let last = if kept { least.first_look() } else { 0 };
        time.holds(PROFILE_RUNS + least.sweep(arms) + last)
    }

    /// Trials of a sweep of this many settings.
    pub fn sweep(&self, arms: usize) -> usize {
        arms * (self.runs + self.warmup) as usize
    }

    /// Look schedule of a comparison whose first look has this many pairs.
    pub(super) fn looking(&self, first: u32) -> LookSchedule {
        let later = self.pairs.iter().skip(1);
        LookSchedule::of(
            std::iter::once(&first).chain(later).map(|pairs| *pairs as usize).collect(),
        )
    }

    /// Test plan for this many pairs; a single look has the full α.
    pub(super) fn terms(&self, base: &Scenario, pairs: usize) -> TestPlan {
        if self.pairs.len() > 1 { TestPlan::look(base, pairs) } else { TestPlan::one_look(base) }
    }

    /// Trials of all looks of a comparison.
    pub fn comparison(&self) -> usize {
        2 * self.pairs.iter().map(|pairs| *pairs as usize).sum::<usize>()
    }

    /// Trials of the first look of a comparison.
    pub fn first_look(&self) -> usize {
        2 * self.pairs.first().map_or(0, |pairs| *pairs as usize)
    }

    fn precise(mut self, arms: usize, log_sd: Option<f64>) -> Self {
        let Some(sd) = log_sd else {
            return self;
        };
        let blocks = self.runs as usize;
        let freedom = arms.saturating_sub(1) * blocks.saturating_sub(1);
        let percent = |log: f64| log.exp_m1() * 100.0;
        let critical = dunnett::critical(arms, freedom, ONE_LOOK_ALPHA);
        self.sweep_tells_percent =
            critical.map(|critical| percent(critical * sd * (2.0 / blocks as f64).sqrt()));
        let alpha =
            if self.pairs.len() == 1 { ONE_LOOK_ALPHA } else { group_sequential::POCOCK_ALPHA };
        let told = power::detectable(self.pairs[0] as usize, alpha);
        self.pairs_tell_percent = told.map(|k| percent(k * sd * std::f64::consts::SQRT_2));
        self
    }
}

/// A number of pairs as scenarios store it.
fn count(pairs: usize) -> u32 {
    u32::try_from(pairs).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::tune_plan::{Tune, shipped};
    use crate::session::budget::{SLACK, START_S};

    fn base() -> Scenario {
        Tune::parse(shipped("phase2").unwrap()).unwrap().0
    }

    /// A plan: the settings of its sweeps. The first sweep runs again; the last one starts with a
    /// profile.
    #[derive(Debug, Clone)]
    struct Plan {
        arms: Vec<usize>,
    }

    impl Plan {
        fn left(&self, from: usize, chosen: usize) -> RemainingWork {
            let coming = self.arms.len() - from;
            RemainingWork {
                sweeps: self.arms[from..].to_vec(),
                profiles: usize::from(coming > 0),
                again: vec![self.arms[0]],
                alone: (chosen + coming).saturating_sub(1),
            }
        }
    }

    /// Outcome of a phase.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Found {
        Nothing,
        Refused,
        Kept,
    }

    /// Result of a session: blocks and pairs, `None` if there was no time.
    #[derive(Debug, Default)]
    struct Ran {
        used_s: f64,
        planned: u32,
        sweeps: Vec<Option<u32>>,
        pairs: Vec<Option<u32>>,
        /// Final comparisons, if anything is kept.
        last: Vec<Option<u32>>,
    }

    /// Simulated session: the questions before each step, in replay order.
    fn session(base: &Scenario, plan: &Plan, budget_s: f64, run_s: f64, found: &[Found]) -> Ran {
        let (mut ran, mut runs) = (Ran::default(), PILOT_RUNS);
        let time = |runs: usize| Time { left_s: budget_s - START_S - runs as f64 * run_s, run_s };
        let planned = SampleSizes::fit(base, &plan.left(0, 0), time(runs), None);
        ran.planned = planned.runs;
        let (mut chosen, mut kept) = (0, false);
        for (index, arms) in plan.arms.iter().enumerate() {
            let after = plan.left(index + 1, chosen);
            if index + 1 == plan.arms.len() {
                if !planned.has_time_for_profile(*arms, kept, time(runs)) {
                    ran.sweeps.push(None);
                    continue;
                }
                runs += PROFILE_RUNS;
            }
            let mut here = after.clone();
            here.sweeps.insert(0, *arms);
            let effort = planned.again(base, &here, time(runs));
            let blocks = effort.blocks(*arms, &after, kept, time(runs));
            ran.sweeps.push(blocks);
            let Some(blocks) = blocks else { continue };
            runs += *arms * (blocks + effort.warmup) as usize;
            if found[index] == Found::Nothing {
                continue;
            }
            chosen += 1;
            let pairs = looks(&effort, &after, &time, runs, &mut ran.pairs);
            runs += pairs;
            kept |= pairs > 0 && found[index] == Found::Kept;
        }
        if kept {
            let after =
                RemainingWork { alone: chosen.saturating_sub(1), ..RemainingWork::default() };
            let mut here = after.clone();
            here.sweeps.insert(0, plan.arms[0]);
            let effort = planned.again(base, &here, time(runs));
            if let Some(blocks) = effort.blocks(plan.arms[0], &after, kept, time(runs)) {
                runs += plan.arms[0] * (blocks + effort.warmup) as usize;
                runs += looks(&effort, &after, &time, runs, &mut Vec::new());
            }
            let last = planned.once().last(0, time(runs));
            ran.last.push(last);
            runs += 2 * last.unwrap_or(0) as usize;
        }
        for _ in 1..chosen {
            runs += 2 * planned.once().last(0, time(runs)).unwrap_or(0) as usize;
        }
        ran.used_s = START_S + runs as f64 * run_s;
        ran
    }

    /// Runs of all looks of an undecided comparison.
    fn looks(
        effort: &SampleSizes,
        after: &RemainingWork,
        time: &dyn Fn(usize) -> Time,
        runs: usize,
        pairs: &mut Vec<Option<u32>>,
    ) -> usize {
        let first = effort.fresh(after, time(runs));
        pairs.push(first);
        let mut more = 2 * first.unwrap_or(0) as usize;
        for look in effort.pairs.iter().skip(1).filter(|_| first.is_some()) {
            let look = 2 * *look as usize;
            if !time(runs + more).holds(look + after.least(effort)) {
                break;
            }
            more += look;
        }
        more
    }

    fn plans() -> impl Strategy<Value = (Plan, Vec<Found>)> {
        let found = prop_oneof![Just(Found::Nothing), Just(Found::Refused), Just(Found::Kept)];
        prop::collection::vec((2_usize..13, found), 1..8).prop_map(|phases| {
            let (arms, found) = phases.into_iter().unzip();
            (Plan { arms }, found)
        })
    }

    proptest! {
        #[test]
        fn no_session_takes_longer_than_its_budget(
            (plan, found) in plans(), budget_s in 20.0..40_000.0_f64, run_s in 0.05..60.0_f64,
        ) {
            let pilot_s = START_S + PILOT_RUNS as f64 * run_s;
            prop_assume!(pilot_s <= budget_s);
            let ran = session(&base(), &plan, budget_s, run_s, &found);
            prop_assert!(ran.used_s <= budget_s, "{ran:?} in {budget_s} s");
            prop_assert!(ran.sweeps[0].is_none_or(|blocks| blocks >= ran.planned), "{ran:?}");
            // Kept settings are always compared.
            prop_assert!(ran.last.iter().all(Option::is_some), "{ran:?}");
        }

        #[test]
        fn no_phase_and_no_test_is_skipped_if_the_minimum_fits(
            (plan, found) in plans(), spare in 1.0..4.0_f64, run_s in 0.05..60.0_f64,
        ) {
            let base = base();
            let full = SampleSizes::fit(&base, &plan.left(0, 0), Time { left_s: 0.0, run_s }, None);
            let least = plan.left(0, 0).least(&full) as f64 * run_s * SLACK * spare;
            let budget_s = START_S + PILOT_RUNS as f64 * run_s + least * (1.0 + 1e-9);
            let ran = session(&base, &plan, budget_s, run_s, &found);
            let enough = |blocks: &Option<u32>| blocks.is_some_and(|blocks| blocks >= RUNS_MIN);
            prop_assert!(ran.sweeps.iter().all(enough), "{ran:?}");
            let enough = |pairs: &Option<u32>| pairs.is_some_and(|pairs| pairs as usize >= PAIRS_MIN);
            prop_assert!(ran.pairs.iter().all(enough), "{ran:?}");
            prop_assert!(ran.used_s <= budget_s && ran.last.iter().all(Option::is_some), "{ran:?}");
            prop_assert_eq!(!ran.last.is_empty(), found.contains(&Found::Kept));
        }
    }

    #[test]
    fn without_findings_most_of_the_time_is_used_or_every_sweep_is_whole() {
        for name in ["phase2", "phase2-link", "phase2-full"] {
            let (base, tune) = Tune::parse(shipped(name).unwrap()).unwrap();
            let present = base.settings[base.baseline].settings.clone();
            let arms = |phase: &crate::scenario::tune_plan::Phase| {
                phase.scenario(&base, &present).unwrap().settings.len()
            };
            let plan = Plan { arms: tune.phases.iter().map(arms).collect() };
            for run_s in [0.3, 1.1, 3.0, 6.0] {
                for runs in (230_u32..2_000).step_by(9) {
                    let budget_s = f64::from(runs) * run_s;
                    let ran = session(&base, &plan, budget_s, run_s, &[Found::Nothing; 5]);
                    let whole = ran.sweeps.iter().all(|blocks| *blocks == Some(base.runs));
                    let used = ran.used_s / budget_s;
                    assert!(whole || used >= 0.7, "{name}: {used:.2} of {runs} runs, {ran:?}");
                }
            }
        }
    }

    #[test]
    fn unused_time_of_a_phase_goes_to_later_ones() {
        let plan = Plan { arms: vec![6, 3, 4, 4, 3] };
        let ran = session(&base(), &plan, 300.0, 1.1, &[Found::Nothing; 5]);
        let blocks: Vec<u32> = ran.sweeps.into_iter().flatten().collect();
        assert!(blocks.is_sorted() && blocks[0] >= RUNS_GOOD && blocks[4] == 10, "{blocks:?}");
    }
}
