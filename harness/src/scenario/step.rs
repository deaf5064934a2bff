//! One step of a session: its arms, their programs, and the order of its trials.

use serde::{Deserialize, Serialize};

use crate::scenario::model::{Scenario, Setting};
use crate::scenario::schedule;
use crate::scenario::schedule::{Randomization, Schedule, Shard};

/// Specification of a run: a program under these settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Index into the programs of the session's origin.
    pub program: usize,
    /// The settings and their name.
    #[serde(flatten)]
    pub setting: Setting,
}

/// One step: a sweep, whose blocks run every arm once, or a comparison, whose blocks are pairs of
/// its two arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Purpose. Steps of the same name are looks of one comparison.
    pub name: String,
    /// Number of the look among the steps of its name, from 1.
    #[serde(rename = "batch")]
    pub look: usize,
    /// Index into the session's scenarios: records, store, link and limits of its runs.
    pub scenario: usize,
    /// Arms to run.
    pub arms: Vec<Arm>,
    /// Index of the baseline among the arms.
    pub baseline: usize,
    /// Order of the trials.
    pub plan: Schedule,
}

impl Step {
    /// The sweep of a scenario's settings by the session's first program. `scenario` is the index
    /// of the scenario in the session; `settings` may differ from its settings.
    pub fn sweep(name: &str, scenario: usize, settings: &Scenario) -> Self {
        let arm = |setting: &Setting| Arm { program: 0, setting: setting.clone() };
        Self {
            name: name.into(),
            look: 1,
            scenario,
            arms: settings.settings.iter().map(arm).collect(),
            baseline: settings.baseline,
            plan: Schedule::of(settings),
        }
    }

    /// A look with `pairs` pairs of a baseline and a candidate. Its order is drawn from the
    /// session's seed.
    pub fn comparison(
        name: &str,
        look: usize,
        scenario: usize,
        arms: [Arm; 2],
        pairs: usize,
        seed: u64,
    ) -> Self {
        let plan = Schedule::pairs(pairs, 0, schedule::derive_seed(seed, name, look));
        Self { name: name.into(), look, scenario, arms: arms.into(), baseline: 0, plan }
    }

    /// True if its blocks are pairs.
    pub fn is_comparison(&self) -> bool {
        self.plan.order == Randomization::Balanced
    }

    /// Noun for one block.
    pub fn block_noun(&self) -> &'static str {
        if self.is_comparison() { "pair" } else { "block" }
    }

    /// Number of counted blocks of a shard, or of all.
    pub fn counted(&self, shard: Option<Shard>) -> usize {
        let blocks = self.plan.blocks_of(shard);
        blocks.iter().filter(|index| !self.plan.blocks[**index].warmup).count()
    }

    /// Number of trials of a shard, or of all, if none is discarded.
    pub fn trial_count(&self, shard: Option<Shard>) -> usize {
        let blocks = self.plan.blocks_of(shard);
        blocks.iter().map(|index| self.plan.blocks[*index].arms.len()).sum()
    }
}
