//! Recorded state of a session: its steps with their complete blocks. Strategies and analyses use
//! it. Shards of one session are merged into one.

use std::fmt;

use migrator::config::Settings;

use crate::error::{Error, Result};
use crate::scenario::Scenario;
use crate::scenario::schedule::Shard;
use crate::scenario::step::{Arm, Step};
use crate::session::ledger::{Ending, RecordsLine, SessionLine, TrialLine};
use crate::stats::diagnostics::voids_too_many;
use crate::trial::StoreDifference;
use crate::trial::interference::Interference;
use crate::trial::measurement::{Failure, Measurement, StoreFingerprint};

/// Recorded state of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionState {
    /// Plan and origin.
    pub session: SessionLine,
    /// Records per run of each scenario, once known.
    pub records: Vec<Option<RecordsLine>>,
    /// The steps so far, in their order.
    pub steps: Vec<CompletedStep>,
    /// Shards of the plan that this state contains; empty if the plan was not divided.
    pub shards: Vec<Shard>,
    /// First difference of stores, if runs stored different rows and it could be found.
    pub difference: Option<StoreDifference>,
    /// End of the session, if it has ended.
    pub ending: Option<Ending>,
}

/// A step and its trials so far.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletedStep {
    /// Plan of the step.
    pub step: Step,
    /// Finished blocks that are not discarded, in order of their end; hosts follow one another.
    pub blocks: Vec<CompletedBlock>,
    /// Discarded blocks, in order.
    pub voided: Vec<DiscardedBlock>,
    /// True if too many blocks were discarded for a result, or the baseline failed twice.
    pub invalid: bool,
}

/// A complete block.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletedBlock {
    /// Its index in the step's plan.
    pub index: usize,
    /// Index of the machine that ran it, from 0.
    pub host: usize,
    /// Its trials, in their order.
    pub trials: Vec<TrialLine>,
}

/// A block that is repeated at the end of its step.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscardedBlock {
    /// Its index in the step's plan.
    pub index: usize,
    /// Reason of the repetition.
    pub reason: DiscardReason,
    /// Its trials, in their order. Their times are not used, their failures are.
    pub trials: Vec<TrialLine>,
}

/// Reason to discard and repeat a block.
#[derive(Debug, Clone, PartialEq)]
pub enum DiscardReason {
    /// Interference from outside.
    Interference(Interference),
    /// A run could not start because of an outage, which is no property of the program.
    Outage(Failure),
    /// The first failure of the baseline.
    BaselineFailed(Failure),
}

impl fmt::Display for DiscardReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interference(interference) => interference.fmt(f),
            Self::Outage(failure) => failure.fmt(f),
            Self::BaselineFailed(failure) => write!(f, "the baseline failed: {failure}"),
        }
    }
}

impl DiscardedBlock {
    /// True if the machine or the store was the reason. Too many such blocks make a step invalid.
    pub fn is_disturbed(&self) -> bool {
        !matches!(self.reason, DiscardReason::BaselineFailed(_))
    }
}

impl CompletedBlock {
    /// Results of its trials, in order.
    pub fn measured(&self) -> impl Iterator<Item = &Measurement> {
        self.trials.iter().map(|line| &line.measurement)
    }

    /// Result of the arm at this index.
    pub fn of_arm(&self, arm: usize) -> Option<&Measurement> {
        self.trials.iter().find(|line| line.trial.arm == arm).map(|line| &line.measurement)
    }

    /// Seconds of its runs, including the preparation of each.
    pub fn elapsed_s(&self) -> f64 {
        self.measured().map(Measurement::whole_s).sum()
    }
}

impl CompletedStep {
    /// A step before its first run.
    pub fn of(step: Step) -> Self {
        Self { step, blocks: Vec::new(), voided: Vec::new(), invalid: false }
    }

    /// Indices of the blocks still to run, in order; discarded ones come last. Empty for an invalid
    /// step.
    pub fn pending(&self, shard: Option<Shard>) -> Vec<usize> {
        if self.invalid {
            return Vec::new();
        }
        let ran = |index: &usize| self.blocks.iter().any(|block| block.index == *index);
        let times_void = |index: &usize| {
            let place = self.voided.iter().rposition(|voided| voided.index == *index);
            place.map_or(0, |place| place + 1)
        };
        let ours = self.step.plan.blocks_of(shard);
        let mut pending: Vec<usize> = ours.into_iter().filter(|index| !ran(index)).collect();
        pending.sort_by_key(times_void);
        pending
    }

    /// Its blocks without those of the warm-up.
    pub fn counted(&self) -> impl Iterator<Item = &CompletedBlock> {
        let warmup = |block: &&CompletedBlock| {
            self.step.plan.blocks.get(block.index).is_some_and(|planned| planned.warmup)
        };
        self.blocks.iter().filter(move |block| !warmup(block))
    }

    /// The trials of its blocks, in the order in which they ran.
    pub fn trials(&self) -> impl Iterator<Item = &TrialLine> {
        self.blocks.iter().flat_map(|block| &block.trials)
    }

    /// Runs that are results of their arms, including warm-ups. These are the runs of its blocks
    /// and of discarded blocks: interference invalidates times, but not failures. Excluded are
    /// blocks that an outage interrupted, and the repeated failure of the baseline.
    pub fn results(&self) -> impl Iterator<Item = &TrialLine> {
        let baseline = self.step.baseline;
        let discarded = self.voided.iter().flat_map(move |voided| {
            voided.trials.iter().filter(move |line| match voided.reason {
                DiscardReason::Interference(_) => true,
                DiscardReason::Outage(_) => false,
                DiscardReason::BaselineFailed(_) => line.trial.arm != baseline,
            })
        });
        self.trials().chain(discarded)
    }

    /// Failed runs among [`Self::results`], with their reasons.
    pub fn failures(&self) -> impl Iterator<Item = (&TrialLine, &Failure)> {
        self.results().filter_map(|line| Some((line, line.measurement.failure()?)))
    }

    /// Failed runs of the baseline, including the one that was repeated.
    fn baseline_failures(&self) -> impl Iterator<Item = &Failure> {
        let repeated = self.voided.iter().filter_map(|voided| match &voided.reason {
            DiscardReason::BaselineFailed(failure) => Some(failure),
            _ => None,
        });
        let baseline = self.step.baseline;
        let failures = self.failures().filter(move |(line, _)| line.trial.arm == baseline);
        repeated.chain(failures.map(|(_, failure)| failure))
    }
}

impl SessionState {
    /// State of a new session.
    pub fn of(session: SessionLine) -> Self {
        let shards = session.shard.into_iter().collect();
        let records = vec![None; session.session.scenarios.len()];
        Self { session, records, steps: Vec::new(), shards, difference: None, ending: None }
    }

    /// The scenario with this index; `None` if there is none.
    pub fn scenario(&self, index: usize) -> Option<&Scenario> {
        self.session.session.scenarios.get(index)
    }

    /// The steps of this name: the looks of one comparison, or one sweep.
    pub fn steps_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a CompletedStep> {
        self.steps.iter().filter(move |ran| ran.step.name == name)
    }

    /// The trials of all kept blocks, including warm-ups, in the order in which they ran.
    pub fn trials(&self) -> impl Iterator<Item = &TrialLine> {
        self.steps.iter().flat_map(CompletedStep::trials)
    }

    /// The session at the time when it had this many steps.
    #[must_use]
    pub fn until(&self, steps: usize) -> Self {
        let mut earlier = self.clone();
        earlier.steps.truncate(steps);
        earlier.ending = None;
        earlier
    }

    /// Label of an arm: its settings, after the program's name if there are several.
    pub fn arm_name(&self, arm: &Arm) -> String {
        let programs = &self.session.origin.programs;
        match programs.get(arm.program).filter(|_| programs.len() > 1) {
            Some(program) if arm.setting.label.is_empty() => program.name.clone(),
            Some(program) => format!("{} {}", program.name, arm.setting.label),
            None => arm.setting.label.clone(),
        }
    }

    /// The arms of two runs of the last step's scenario that stored different rows, the first
    /// program's first, and the scenario's index.
    pub(crate) fn disagreeing(&self) -> Option<(usize, [Arm; 2])> {
        let scenario = self.steps.last()?.step.scenario;
        let steps = self.steps.iter().filter(|ran| ran.step.scenario == scenario);
        let lines = steps.flat_map(|ran| ran.trials().map(move |line| (ran, line)));
        let mut stored = lines.filter_map(|(ran, line)| {
            let arm = ran.step.arms.get(line.trial.arm)?;
            Some((arm, StoreFingerprint::of(line.measurement.report()?)))
        });
        let (first, said) = stored.next()?;
        let (other, _) = stored.find(|(_, other)| *other != said)?;
        let mut arms = [first.clone(), other.clone()];
        arms.sort_by_key(|arm| arm.program);
        Some((scenario, arms))
    }

    /// Failed runs of the baseline, in the order of the steps. A first run that failed twice comes
    /// first, with its second failure.
    pub fn baseline_failures(&self) -> impl Iterator<Item = &Failure> {
        let pilots = self.records.iter().flatten().filter_map(|line| line.pilot.as_ref());
        let steps = self.steps.iter().flat_map(CompletedStep::baseline_failures);
        pilots.filter_map(Measurement::failure).chain(steps)
    }

    /// First failure of a run with these settings, in any step and with any program. A repeated
    /// failure of the baseline counts as well.
    pub fn first_failure(&self, settings: &Settings) -> Option<&Failure> {
        self.steps.iter().find_map(|ran| {
            let repeated = ran.voided.iter().filter(|voided| !voided.is_disturbed());
            let mut lines = ran.results().chain(repeated.flat_map(|voided| &voided.trials));
            lines.find_map(|line| {
                let arm = ran.step.arms.get(line.trial.arm)?;
                line.measurement.failure().filter(|_| arm.setting.settings == *settings)
            })
        })
    }

    /// Reason why steps are invalid; `None` if none is.
    pub fn invalid_reason(&self) -> Option<String> {
        let first = self.baseline_failures().next().filter(|_| self.fails_in_baseline());
        if let Some(first) = first {
            return Some(format!("the baseline failed, was repeated and failed again: {first}"));
        }
        let mut invalid = self.steps.iter().filter(|ran| ran.invalid).peekable();
        invalid.peek()?;
        let first = invalid.flat_map(|ran| &ran.voided).find(|voided| voided.is_disturbed());
        let first = first.map(|voided| format!("; {}", voided.reason)).unwrap_or_default();
        Some(format!("more than a fifth of the blocks were discarded{first}"))
    }

    /// True if a block in which the baseline failed is repeated once.
    pub(crate) fn repeats_failed_baseline(&self) -> bool {
        self.session.failures_count && self.session.session.of.repeats_failed_baseline()
    }

    /// True if the baseline failed again after its repetition, so that there is nothing to compare
    /// with.
    pub(crate) fn fails_in_baseline(&self) -> bool {
        let pilots = self.records.iter().flatten().filter_map(|line| line.pilot.as_ref());
        let pilot_failed = pilots.into_iter().any(|pilot| pilot.failure().is_some());
        self.repeats_failed_baseline()
            && (pilot_failed || self.baseline_failures().nth(1).is_some())
    }

    /// True if too many blocks of this name are discarded for a result. Looks of one comparison
    /// count together.
    pub(crate) fn voids_too_many(&self, name: &str) -> bool {
        let shard = self.session.shard;
        let disturbed = self.steps_of(name).flat_map(|ran| &ran.voided);
        let voided = disturbed.filter(|voided| voided.is_disturbed()).count();
        voids_too_many(voided, self.steps_of(name).map(|ran| ran.step.counted(shard)).sum())
    }
}

/// Merges the shards of a session, given in any order, into one session in shard order. Rejects by
/// name a state that is not a shard of the same plan. `names` are for messages, one for each shard.
pub fn merge(mut parts: Vec<(String, SessionState)>) -> Result<SessionState> {
    parts.sort_by_key(|(_, part)| part.session.shard.map(|shard| (shard.of, shard.index)));
    let mut parts = parts.into_iter();
    let Some((first_name, mut whole)) = parts.next() else {
        return Err(Error::usage("there is nothing to merge"));
    };
    for (host, (name, part)) in parts.enumerate() {
        if let Some(difference) = difference(&whole, &part) {
            return Err(Error::usage(format!(
                "{name} and {first_name} are not parts of one plan: {difference}"
            )));
        }
        whole.take(part, host + 1);
    }
    Ok(whole)
}

/// Reason why another state is not a further shard of this one.
fn difference(whole: &SessionState, part: &SessionState) -> Option<String> {
    let (ours, theirs) = (&whole.session, &part.session);
    if ours.plan_hash != theirs.plan_hash {
        return Some(format!("plan {} instead of {}", theirs.plan_hash, ours.plan_hash));
    }
    let shard = |session: &SessionLine| {
        session.shard.map_or_else(|| "the whole plan".into(), |shard| format!("shard {shard}"))
    };
    let of = |session: &SessionLine| session.shard.map(|shard| shard.of);
    if of(ours).is_none() || of(ours) != of(theirs) {
        return Some(format!("{} beside {}", shard(theirs), shard(ours)));
    }
    if theirs.shard.is_some_and(|shard| whole.shards.contains(&shard)) {
        return Some(format!("{} twice", shard(theirs)));
    }
    let mut origin = theirs.origin.clone();
    origin.host.clone_from(&ours.origin.host);
    // Shards that run at the same time need a schema each.
    for (theirs, ours) in origin.servers.iter_mut().zip(&ours.origin.servers) {
        theirs.url.clone_from(&ours.url);
    }
    let differences = ours.origin.differences(&origin);
    if !differences.is_empty() {
        return Some(differences.join(", "));
    }
    let records = |recorded: &SessionState| -> Vec<Option<u32>> {
        recorded.records.iter().map(|line| line.as_ref().map(|line| line.records)).collect()
    };
    if records(whole) != records(part) {
        return Some("their runs took different numbers of records".into());
    }
    let steps = |recorded: &SessionState| -> Vec<Step> {
        recorded.steps.iter().map(|ran| ran.step.clone()).collect()
    };
    (steps(whole) != steps(part)).then(|| "they have different steps".into())
}

impl SessionState {
    fn take(&mut self, part: Self, host: usize) {
        self.shards.extend(part.shards);
        for (ours, theirs) in self.steps.iter_mut().zip(part.steps) {
            let moved = theirs.blocks.into_iter().map(|block| CompletedBlock { host, ..block });
            ours.blocks.extend(moved);
            ours.voided.extend(theirs.voided);
            ours.invalid |= theirs.invalid;
        }
        if part.ending == Some(Ending::Invalid) {
            self.ending = part.ending;
        }
    }
}
