//! Replays the tuning plan over the ledger and returns each phase's result and the next step.
//! Resuming is the same replay.

use migrator::config::Settings;

use super::result::{Ablation, PhaseResult};
use super::sample_size;
use super::sample_size::{RemainingWork, SampleSizes};
use super::{forecast, log_lines};
use crate::analysis::arm_summary::ArmSummary;
use crate::analysis::comparison::{Comparison, TestPlan, compare};
use crate::analysis::sequential::NextLook;
use crate::analysis::sweep::{Names, analyse_phase};
use crate::scenario::metric::Metric;
use crate::scenario::schedule::{Schedule, derive_seed};
use crate::scenario::step::{Arm, Step};
use crate::scenario::tune_plan::{Phase, Tune, difference};
use crate::scenario::{Scenario, Setting};
use crate::session::budget::{Spent, Time};
use crate::session::state::{CompletedBlock, CompletedStep, SessionState};
use crate::stats::Sample;
use crate::stats::verdict::Verdict;
use crate::trial::measurement::Measurement;

/// Name of the first step: runs of the baseline.
pub const BASELINE_STEP: &str = "baseline";
/// Name of the comparison of all kept settings with the baseline.
pub const FINAL_STEP: &str = "all kept";
/// Name of the same comparison after a regression, with the settings that remain.
pub const REDUCED_FINAL_STEP: &str = "what is left";

/// Reason of a phase that was planned but not measured.
const NO_TIME: &str = "no time was left";

/// State of a plan after replay.
#[derive(Debug, Clone)]
pub(super) struct TuneState {
    /// Sample sizes; `None` before the first runs.
    pub(super) effort: Option<SampleSizes>,
    /// Summary of the baseline's first runs.
    pub(super) pilot: Option<ArmSummary>,
    /// Finished phases; second sweeps come last.
    pub(super) tuned: Vec<PhaseResult>,
    /// Comparisons of the kept settings with the baseline: all of them, then the remaining ones
    /// after a regression.
    pub(super) last: Vec<Comparison>,
    /// Each optimization alone.
    pub(super) alone: Vec<Ablation>,
    /// Current settings.
    pub(super) present: Settings,
    /// Names of steps skipped for time.
    pub(super) skipped_for_time: Vec<String>,
    /// Seconds of the steps so far, including overhead.
    pub(super) used_s: f64,
    /// Messages, with the number of finished steps at which they are due.
    pub(super) remarks: Vec<(usize, String)>,
    /// Estimated number of trials after the next step.
    pub(super) ahead: usize,
    /// Next step; `None` at the end of the plan.
    pub(super) next: Option<Box<Step>>,
}

/// A step that is not recorded yet. Replay ends there.
pub(super) struct PendingStep(Box<Step>);

pub(super) type Replayed<T> = Result<T, PendingStep>;

/// Replays the plan over recorded steps, each of which is complete or invalid.
pub(super) fn walk(recorded: &SessionState, base: &Scenario, tune: &Tune) -> TuneState {
    let present = base.settings[base.baseline].settings.clone();
    let walk = TuneState {
        effort: None,
        pilot: None,
        tuned: Vec::new(),
        last: Vec::new(),
        alone: Vec::new(),
        present,
        skipped_for_time: Vec::new(),
        used_s: 0.0,
        remarks: Vec::new(),
        ahead: 0,
        next: None,
    };
    let spent = Spent::before_steps(recorded);
    let mut walker = Replayer { recorded, base, tune, at: 0, spent, figures: None, walk };
    walker.walk.next = walker.plan().err().map(|PendingStep(step)| step);
    walker.walk.used_s = walker.spent.seconds();
    walker.walk
}

pub(super) struct Replayer<'a> {
    pub(super) recorded: &'a SessionState,
    pub(super) base: &'a Scenario,
    pub(super) tune: &'a Tune,
    /// Number of replayed steps.
    pub(super) at: usize,
    /// Time that they took.
    pub(super) spent: Spent,
    /// Latest summary of the current settings.
    pub(super) figures: Option<ArmSummary>,
    pub(super) walk: TuneState,
}

impl<'a> Replayer<'a> {
    pub(super) fn plan(&mut self) -> Replayed<()> {
        let effort = self.pilot()?;
        let tune = self.tune;
        let phases = tune.phases.len();
        for index in 0..phases {
            let tuned = self.phase(index, &effort, false)?;
            self.end_phase(tuned);
        }
        for index in 0..phases {
            if tune.phases[index].again && self.changed_since(index) {
                let tuned = self.phase(index, &effort, true)?;
                self.end_phase(tuned);
            }
        }
        self.walk.ahead = self.chosen(0).saturating_sub(1) * effort.first_look();
        self.last(&effort)?;
        for index in 0..phases {
            self.walk.ahead = self.chosen(index + 1) * effort.first_look();
            self.alone(&tune.phases[index], &effort)?;
        }
        self.walk.ahead = 0;
        Ok(())
    }

    /// The next recorded step, if it is the planned one.
    pub(super) fn take(&mut self, step: Step) -> Replayed<&'a CompletedStep> {
        let ran = self.recorded.steps.get(self.at);
        let ran = ran.filter(|ran| ran.step.name == step.name && ran.step.look == step.look);
        let Some(ran) = ran else {
            return Err(PendingStep(Box::new(step)));
        };
        self.at += 1;
        self.spent.take(ran);
        Ok(ran)
    }

    pub(super) fn remark(&mut self, text: String) {
        self.walk.remarks.push((self.at, text));
    }

    /// Notes a step that was skipped for time.
    pub(super) fn leave_out(&mut self, what: String) {
        self.remark(format!("skipped for time: {what}"));
        self.walk.skipped_for_time.push(what);
    }

    /// Remaining time, and the duration of a run so far. A `--quick` run has no limit.
    pub(super) fn time(&self) -> Time {
        let budget_s =
            if self.base.quick { f64::INFINITY } else { self.tune.budget_s.get() as f64 };
        self.spent.left_of(budget_s)
    }

    /// Remaining work from the phase at this index on.
    pub(super) fn left(&self, from: usize) -> RemainingWork {
        let coming = self.tune.phases.iter().skip(from);
        let swept = |index: usize| {
            let tuned = self.walk.tuned.get(index);
            index + 1 >= from || tuned.is_some_and(|tuned| tuned.analysis.is_some())
        };
        let again = self.tune.phases.iter().enumerate();
        let again = again.filter(|(index, phase)| phase.again && swept(*index));
        RemainingWork {
            profiles: coming.clone().filter(|phase| phase.parse_share_min.is_some()).count(),
            again: again.map(|(_, phase)| self.arms(phase)).collect(),
            alone: (self.chosen(0) + coming.len()).saturating_sub(1),
            sweeps: coming.map(|phase| self.arms(phase)).collect(),
        }
    }

    /// True if kept settings have to be compared with the baseline.
    pub(super) fn keeps_any(&self) -> bool {
        self.walk.present != self.base.settings[self.base.baseline].settings
    }

    /// Number of phases from this index on with a candidate other than the incumbent.
    pub(super) fn chosen(&self, from: usize) -> usize {
        let phases = self.walk.tuned.iter().take(self.tune.phases.len()).skip(from);
        let analyses = phases.filter_map(|tuned| tuned.analysis.as_ref());
        analyses.filter(|analysis| analysis.choice != analysis.baseline).count()
    }

    pub(super) fn pilot(&mut self) -> Replayed<SampleSizes> {
        let setting = self.base.settings[self.base.baseline].clone();
        let runs = if self.base.quick { 1 } else { sample_size::PILOT_RUNS };
        let ran = self.take(self.repeated(BASELINE_STEP, setting, runs))?;
        let counted: Vec<&Measurement> = ran.counted().flat_map(CompletedBlock::measured).collect();
        self.walk.pilot = ArmSummary::of(&counted).ok().flatten();
        self.figures.clone_from(&self.walk.pilot);
        let logs = counted.iter().filter_map(|run| run.value(Metric::RecPerMin)).map(f64::ln);
        let sd = Sample::new(logs.collect()).ok().and_then(|sample| sample.std_dev());
        let effort = SampleSizes::fit(self.base, &self.left(0), self.time(), sd);
        if !self.base.quick {
            self.remark(log_lines::effort(&effort, self.tune.budget_s.get()));
        }
        self.walk.effort = Some(effort.clone());
        Ok(effort)
    }

    /// Minimum number of settings in a phase's sweep.
    pub(super) fn arms(&self, phase: &Phase) -> usize {
        let scenario = phase.scenario(self.base, &self.walk.present);
        scenario.map_or(1, |scenario| scenario.settings.len())
    }

    /// Step of several runs of one setting.
    pub(super) fn repeated(&self, name: &str, setting: Setting, runs: usize) -> Step {
        let plan = Schedule::sweep(1, runs, 0, derive_seed(self.base.seed, name, 1));
        let arms = vec![Arm { program: 0, setting }];
        Step { name: name.into(), look: 1, scenario: 0, arms, baseline: 0, plan }
    }

    /// One phase: sweep, candidate, confirmation.
    pub(super) fn phase(
        &mut self,
        index: usize,
        effort: &SampleSizes,
        again: bool,
    ) -> Replayed<PhaseResult> {
        let tune = self.tune;
        let phase = &tune.phases[index];
        let name = if again { format!("{} again", phase.phase) } else { phase.phase.clone() };
        let after = if again {
            RemainingWork { alone: self.chosen(0).saturating_sub(1), ..RemainingWork::default() }
        } else {
            self.left(index + 1)
        };
        let mut tuned = PhaseResult::of(phase, &name, &self.walk.present, again);
        if let Some(least) = phase.parse_share_min {
            self.walk.ahead = effort.sweep(self.arms(phase)) + after.expected(effort);
            tuned.skipped = self.profile(phase, &name, least, effort, &mut tuned.parse_share)?;
        }
        if tuned.skipped.is_none() {
            let mut here = after.clone();
            here.sweeps.insert(0, self.arms(phase));
            let effort = effort.again(self.base, &here, self.time());
            self.measured(phase, &effort, &name, &after, &mut tuned)?;
        }
        tuned.present_figures.clone_from(&self.figures);
        Ok(tuned)
    }

    pub(super) fn measured(
        &mut self,
        phase: &Phase,
        effort: &SampleSizes,
        name: &str,
        after: &RemainingWork,
        tuned: &mut PhaseResult,
    ) -> Replayed<()> {
        let mut scenario = match phase.scenario(self.base, &self.walk.present) {
            Ok(scenario) => scenario,
            Err(fault) => {
                tuned.skipped = Some(format!("its settings conflict with those kept: {fault}"));
                return Ok(());
            }
        };
        let Some(runs) =
            effort.blocks(scenario.settings.len(), after, self.keeps_any(), self.time())
        else {
            tuned.skipped = Some(NO_TIME.into());
            self.leave_out(name.to_owned());
            return Ok(());
        };
        // One or two blocks fewer are not worth a message.
        let planned = self.walk.effort.as_ref().map_or(runs, |planned| planned.runs);
        if runs < planned.min(sample_size::RUNS_GOOD) {
            self.walk
                .skipped_for_time
                .push(format!("{} of {planned} blocks of {name}", planned - runs));
        }
        (scenario.runs, scenario.warmup) = (runs, effort.warmup);
        scenario.pairs = effort.pairs[0];
        self.walk.ahead = effort.first_look() + after.expected(effort);
        self.take(forecast::sweep(name, &scenario))?;
        let confirmation = format!("{name} confirmation");
        let names = Names { sweep: name, confirmation: &confirmation };
        let one_look = TestPlan::one_look(self.base);
        // The candidate follows from the sweep alone, whatever its confirmation shows later.
        let swept = self.recorded.until(self.at);
        let mut chosen = analyse_phase(&swept, &scenario, names, &one_look);
        if let Ok(found) = &chosen
            && !found.invalid
            && found.choice != found.baseline
        {
            let arms = [found.baseline(), found.choice()].map(|summary| summary.setting.clone());
            self.walk.ahead = after.expected(effort);
            match effort.fresh(after, self.time()) {
                Some(pairs) => {
                    let terms = self.compared(&confirmation, arms, effort, pairs, after)?;
                    chosen = analyse_phase(self.recorded, &scenario, names, &terms);
                }
                None => self.leave_out(confirmation.clone()),
            }
        }
        match chosen {
            Ok(found) => tuned.conclude(phase, found),
            Err(error) => tuned.skipped = Some(error.to_string()),
        }
        Ok(())
    }

    /// Share of parsing time, and the reason to skip the phase if there is one.
    pub(super) fn profile(
        &mut self,
        phase: &Phase,
        name: &str,
        least: f64,
        effort: &SampleSizes,
        found: &mut Option<f64>,
    ) -> Replayed<Option<String>> {
        if !effort.has_time_for_profile(self.arms(phase), self.keeps_any(), self.time()) {
            self.leave_out(name.to_owned());
            return Ok(Some(NO_TIME.into()));
        }
        let runs = if self.base.quick { 1 } else { sample_size::PROFILE_RUNS };
        let label = difference(&self.base.settings[0].settings, &self.walk.present);
        let label = if label == "none" { "baseline".into() } else { label };
        let setting =
            Setting { short: "present".into(), label, settings: self.walk.present.clone() };
        let ran = self.take(self.repeated(&format!("{name} profile"), setting, runs))?;
        let counted: Vec<&Measurement> = ran.counted().flat_map(CompletedBlock::measured).collect();
        if let Some(figures) = ArmSummary::of(&counted).ok().flatten() {
            self.figures = Some(figures);
        }
        let shares = counted.iter().filter_map(|run| parse_share(run)).collect();
        let share = Sample::new(shares).ok().map(|sample| sample.median());
        *found = share;
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        Ok(share.filter(|share| *share < least).map(|share| {
            format!(
                "parsing takes {} of the workers' time; below {} separate threads cannot pay off",
                percent(share),
                percent(least)
            )
        }))
    }

    /// Confirmation pairs: the first look, and further ones while undecided and within budget.
    /// Returns the test plan of the last look.
    pub(super) fn compared(
        &mut self,
        name: &str,
        arms: [Setting; 2],
        effort: &SampleSizes,
        first: u32,
        after: &RemainingWork,
    ) -> Replayed<TestPlan> {
        let arms = arms.map(|setting| Arm { program: 0, setting });
        if first < effort.pairs[0] {
            let most = effort.pairs[0];
            self.walk.skipped_for_time.push(format!("{} of {most} pairs of {name}", most - first));
        }
        let looks = effort.looking(first);
        let mut taken = 0;
        loop {
            let terms = effort.terms(self.base, looks.seen(taken));
            let tells = || {
                // Later looks must not influence this one.
                let before = self.recorded.until(self.at);
                let told = compare(&before, name, &terms).map_or(None, |found| found.decided());
                told != Some(Verdict::Inconclusive)
            };
            let holds = |pairs| self.time().holds(2 * pairs + after.least(effort));
            match looks.then(taken, tells, holds) {
                NextLook::Batch { number, pairs } => {
                    let seed = self.base.seed;
                    self.take(Step::comparison(name, number, 0, arms.clone(), pairs, seed))?;
                    taken = number;
                }
                NextLook::OutOfBudget => {
                    self.leave_out(format!("another look at {name}"));
                    return Ok(terms);
                }
                NextLook::Decided | NextLook::LastLook => return Ok(terms),
            }
        }
    }

    pub(super) fn end_phase(&mut self, tuned: PhaseResult) {
        if tuned.kept {
            self.walk.present.clone_from(&tuned.after);
            let candidate = tuned.confirmation().and_then(|found| found.candidate.figures.clone());
            self.figures = candidate.or(self.figures.take());
        }
        self.remark(log_lines::phase(&tuned));
        self.walk.tuned.push(tuned);
    }

    /// True if another phase's setting has changed since the phase at this index was tuned.
    pub(super) fn changed_since(&self, index: usize) -> bool {
        let swept = self.walk.tuned.get(index).is_some_and(|tuned| tuned.analysis.is_some());
        swept && self.walk.tuned.iter().skip(index + 1).any(|tuned| tuned.kept)
    }
}

/// Share of the workers' time that a run spent parsing; `None` if it does not report it.
fn parse_share(run: &Measurement) -> Option<f64> {
    let report = run.report()?;
    let parsing = report.stages.get("parsing")?;
    let worked_s = report.wall_s * report.settings.workers.get() as f64;
    let share = parsing.total_ns as f64 / 1e9 / worked_s;
    share.is_finite().then_some(share)
}
