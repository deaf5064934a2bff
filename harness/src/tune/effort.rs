//! How many blocks and pairs a plan can have in its time, and how small a difference they tell. Pure:
//! the same first runs give the same answer.

use serde::Serialize;

use crate::scenario::Scenario;
use crate::scenario::tune::Tune;
use crate::stats::looks;
use crate::stats::verdict::{ONE_LOOK_ALPHA, PAIRS_MIN};
use crate::stats::{dunnett, power};

/// Runs of the baseline that the time is reckoned from.
pub(super) const PILOT_RUNS: usize = 4;

/// Runs of the present settings that say how much of the time parsing takes.
pub(super) const PROFILE_RUNS: usize = 3;

/// Fewer blocks leave Hsu's comparison too little: a phase that has no time for as many is left out.
pub(super) const RUNS_MIN: u32 = 4;

/// Blocks are not cut below this as long as something less important can be left out.
const RUNS_GOOD: u32 = 6;

/// What the harness itself takes for a run beside the life of its process, in seconds.
pub(super) const AROUND_S: f64 = 0.15;

/// What a session takes before its first run: the source is generated.
pub(super) const START_S: f64 = 10.0;

/// Runs under other settings may take longer than the baseline's, and void blocks are run again.
pub(super) const SLACK: f64 = 1.1;

/// How much is measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effort {
    /// Blocks of a sweep that are counted.
    pub runs: u32,
    /// Blocks before them that are not.
    pub warmup: u32,
    /// Fresh pairs of a comparison, look by look; one look where there is one number.
    pub pairs: Vec<u32>,
    /// Seconds that a run of the baseline takes with all around it.
    pub run_s: f64,
    /// Standard deviation of the baseline's runs, in percent.
    pub spread_percent: Option<f64>,
    /// How far apart two of so many settings must be for a sweep to tell, in percent, at that spread.
    pub sweep_tells_percent: Option<f64>,
    /// The difference that the first look at a comparison's pairs tells, in percent.
    pub pairs_tell_percent: Option<f64>,
}

impl Effort {
    /// The most that fits: what a phase takes at worst, for every phase, the second sweep, the test
    /// against the baseline and each optimization alone. What is still too much then is left out
    /// while the session runs, the last first.
    pub fn fit(
        base: &Scenario,
        tune: &Tune,
        arms: &[usize],
        run_s: f64,
        log_sd: Option<f64>,
    ) -> Self {
        let full = Self {
            runs: base.runs,
            warmup: base.warmup,
            pairs: vec![base.pairs],
            run_s,
            spread_percent: log_sd.map(|sd| sd * 100.0),
            sweep_tells_percent: None,
            pairs_tell_percent: None,
        };
        if base.quick {
            return full;
        }
        let budget = tune.budget_s.get() as f64;
        let again = tune.phases.iter().position(|phase| phase.again);
        let fits = |effort: &&Self| {
            let trials = effort.trials(arms, again, true);
            START_S + trials as f64 * run_s * SLACK <= budget
        };
        let levels = full.levels();
        let chosen = levels.iter().find(fits).or_else(|| {
            let core = |effort: &&Self| {
                let trials = effort.trials(arms, None, false);
                START_S + trials as f64 * run_s * SLACK <= budget
            };
            levels.iter().filter(|level| level.pairs.len() == 1).find(core)
        });
        let least = || Self {
            runs: full.runs.min(RUNS_MIN),
            pairs: vec![full.pairs[0].min(count(PAIRS_MIN))],
            ..full.clone()
        };
        let chosen = chosen.cloned().unwrap_or_else(least);
        chosen.precise(arms.iter().copied().max().unwrap_or(2), log_sd)
    }

    /// From the most to the least that is not too little: first the later looks go, then blocks,
    /// then pairs.
    fn levels(&self) -> Vec<Self> {
        let looks = (2..=looks::BATCHES.len()).rev().map(|looks| Self {
            pairs: looks::BATCHES[..looks].iter().map(|pairs| count(*pairs)).collect(),
            ..self.clone()
        });
        let good = RUNS_GOOD.min(self.runs);
        let blocks = (good..=self.runs).rev().map(|runs| Self { runs, ..self.clone() });
        let least = count(PAIRS_MIN);
        let pairs = (least..self.pairs[0]).rev().filter(|pairs| pairs.is_multiple_of(2));
        let pairs = pairs.map(|pairs| Self { runs: good, pairs: vec![pairs], ..self.clone() });
        looks.chain(blocks).chain(pairs).collect()
    }

    /// Trials of everything at worst; `arms` are those of every phase's sweep, `again` is the phase
    /// that is swept once more.
    fn trials(&self, arms: &[usize], again: Option<usize>, alone: bool) -> usize {
        let pairs = self.comparison();
        let phases: usize = arms.iter().map(|arms| self.sweep(*arms) + pairs).sum();
        let again = again.and_then(|index| arms.get(index));
        let again = again.map_or(0, |arms| self.sweep(*arms) + pairs);
        let alone = if alone { arms.len().saturating_sub(1) * pairs } else { 0 };
        PILOT_RUNS + PROFILE_RUNS + phases + again + pairs + alone
    }

    /// Trials of a sweep of so many settings.
    pub fn sweep(&self, arms: usize) -> usize {
        arms * (self.runs + self.warmup) as usize
    }

    /// Trials of all looks at a comparison.
    pub fn comparison(&self) -> usize {
        2 * self.pairs.iter().map(|pairs| *pairs as usize).sum::<usize>()
    }

    /// Trials of the first look at a comparison.
    pub fn first_look(&self) -> usize {
        2 * self.pairs.first().map_or(0, |pairs| *pairs as usize)
    }

    fn precise(mut self, arms: usize, log_sd: Option<f64>) -> Self {
        let Some(sd) = log_sd else {
            return self;
        };
        let blocks = self.runs as usize;
        let freedom = (arms - 1) * blocks.saturating_sub(1);
        let percent = |log: f64| log.exp_m1() * 100.0;
        let critical = dunnett::critical(arms, freedom, ONE_LOOK_ALPHA);
        self.sweep_tells_percent =
            critical.map(|critical| percent(critical * sd * (2.0 / blocks as f64).sqrt()));
        let alpha = if self.pairs.len() == 1 { ONE_LOOK_ALPHA } else { looks::ALPHA };
        let told = power::detectable(self.pairs[0] as usize, alpha);
        self.pairs_tell_percent = told.map(|k| percent(k * sd * std::f64::consts::SQRT_2));
        self
    }
}
/// A number of pairs as scenarios hold it.
fn count(pairs: usize) -> u32 {
    u32::try_from(pairs).unwrap_or(u32::MAX)
}
