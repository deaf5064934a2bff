//! The plan gone through again over what is recorded, as far as that goes: what each phase found, what
//! is in use, and which step comes next. Pure; going on with a session is walking once more.

use migrator::config::Settings;

use super::effort::{self, Effort};
use super::{Alone, Tuned};
use crate::analyse::{Names, analyse_phase};
use crate::compare::{Comparison, Terms, compare};
use crate::figures::Figures;
use crate::measure::Measurement;
use crate::metric::Metric;
use crate::plan::{Plan, seed_of};
use crate::recorded::{RanBlock, RanStep, Recorded};
use crate::scenario::tune::{Phase, Tune, difference};
use crate::scenario::{Scenario, Setting};
use crate::stats::Sample;
use crate::stats::verdict::Verdict;
use crate::step::{Arm, Step};

/// The first step: runs of the baseline.
pub const PILOT: &str = "baseline";
/// What is kept against the baseline.
pub const LAST: &str = "all kept";
/// What is left of it where that was worse.
pub const REST: &str = "what is left";

/// How far a plan has come.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// How much is measured; nothing before the first runs.
    pub(super) effort: Option<Effort>,
    /// What the baseline's first runs gave.
    pub(super) pilot: Option<Figures>,
    /// The phases that have ended, second sweeps after the others.
    pub(super) tuned: Vec<Tuned>,
    /// What is kept against the baseline; after that what is left, where that was worse.
    pub(super) last: Vec<Comparison>,
    /// Each optimization alone.
    pub(super) alone: Vec<Alone>,
    /// The settings in use.
    pub(super) present: Settings,
    /// What there was no time for.
    pub(super) undone: Vec<String>,
    /// Seconds that the steps so far have taken, with all around them.
    pub(super) used_s: f64,
    /// What to say, and when: how many steps have run.
    pub(super) remarks: Vec<(usize, String)>,
    /// Trials that may follow on the next step, at worst.
    pub(super) ahead: usize,
    /// The next step; nothing where the plan has ended.
    pub(super) next: Option<Box<Step>>,
}

/// A step that is not recorded yet: the walk ends there.
struct Stop(Box<Step>);

type Walked<T> = Result<T, Stop>;

/// Goes through the plan over these steps, each of which has run to its end or become invalid.
pub(super) fn walk(recorded: &Recorded, base: &Scenario, tune: &Tune) -> Walk {
    let present = base.settings[base.baseline].settings.clone();
    let walk = Walk {
        effort: None,
        pilot: None,
        tuned: Vec::new(),
        last: Vec::new(),
        alone: Vec::new(),
        present,
        undone: Vec::new(),
        used_s: effort::START_S + pilot_s(recorded),
        remarks: Vec::new(),
        ahead: 0,
        next: None,
    };
    let mut walker = Walker { recorded, base, tune, at: 0, trials: 0, figures: None, walk };
    walker.walk.next = walker.plan().err().map(|Stop(step)| step);
    walker.walk
}

/// The run that found the number of records is one more run.
fn pilot_s(recorded: &Recorded) -> f64 {
    let pilots = recorded.records.iter().flatten().filter_map(|line| line.pilot.as_ref());
    pilots.map(|pilot| pilot.whole_s() + effort::AROUND_S).sum()
}

struct Walker<'a> {
    recorded: &'a Recorded,
    base: &'a Scenario,
    tune: &'a Tune,
    /// How many steps have been gone through.
    at: usize,
    /// How many trials those took.
    trials: usize,
    /// The latest figures of the settings in use.
    figures: Option<Figures>,
    walk: Walk,
}

impl<'a> Walker<'a> {
    fn plan(&mut self) -> Walked<()> {
        let effort = self.pilot()?;
        let tune = self.tune;
        for (index, phase) in tune.phases.iter().enumerate() {
            self.walk.ahead = self.after(&effort, index);
            let tuned = self.phase(phase, &effort, false)?;
            self.end_phase(tuned);
        }
        for (index, phase) in tune.phases.iter().enumerate() {
            if phase.again && self.changed_since(index) {
                self.walk.ahead = self.at_the_end(&effort);
                let tuned = self.phase(phase, &effort, true)?;
                self.end_phase(tuned);
            }
        }
        self.walk.ahead = self.of_alone(&effort);
        self.last(&effort)?;
        for (index, phase) in tune.phases.iter().enumerate() {
            self.walk.ahead = self.of_alone(&effort).saturating_sub(index * effort.comparison());
            self.alone(phase, &effort)?;
        }
        self.walk.ahead = 0;
        Ok(())
    }

    /// The next step, if it is the one that is planned.
    fn take(&mut self, step: Step) -> Walked<&'a RanStep> {
        let ran = self.recorded.steps.get(self.at);
        let ran = ran.filter(|ran| ran.step.name == step.name && ran.step.batch == step.batch);
        let Some(ran) = ran else {
            return Err(Stop(Box::new(step)));
        };
        self.at += 1;
        // What a void block took is not recorded; it took what the others did.
        let seconds: f64 = ran.blocks.iter().map(RanBlock::elapsed_s).sum();
        let share = ran.voided.len() as f64 / ran.blocks.len().max(1) as f64;
        let blocks = ran.blocks.len() + ran.voided.len();
        let trials = blocks * ran.step.arms.len();
        self.trials += trials;
        self.walk.used_s += seconds * (1.0 + share) + trials as f64 * effort::AROUND_S;
        Ok(ran)
    }

    fn remark(&mut self, text: String) {
        self.walk.remarks.push((self.at, text));
    }

    /// Something that there was no time for.
    fn leave_out(&mut self, what: String) {
        self.remark(format!("no time for this: {what}"));
        self.walk.undone.push(what);
    }

    /// Whether so many trials can run, and so many after them, within the budget.
    fn fits(&self, trials: usize, reserved: usize) -> bool {
        if self.base.quick {
            return true;
        }
        let spent = self.walk.used_s - effort::START_S;
        let each = spent / self.trials.max(1) as f64;
        let wanted = (trials + reserved) as f64 * each * effort::SLACK;
        self.walk.used_s + wanted <= self.tune.budget_s.get() as f64
    }

    fn pilot(&mut self) -> Walked<Effort> {
        let setting = self.base.settings[self.base.baseline].clone();
        let runs = if self.base.quick { 1 } else { effort::PILOT_RUNS };
        let ran = self.take(self.repeated(PILOT, setting, runs))?;
        let counted: Vec<&Measurement> = ran.counted().flat_map(RanBlock::measured).collect();
        self.walk.pilot = Figures::of(&counted).ok().flatten();
        self.figures.clone_from(&self.walk.pilot);
        let seconds: Vec<f64> = counted.iter().map(|run| run.whole_s()).collect();
        let run_s = Sample::new(seconds).map_or(1.0, |sample| sample.mean()) + effort::AROUND_S;
        let logs = counted.iter().filter_map(|run| run.value(Metric::RecPerMin)).map(f64::ln);
        let sd = Sample::new(logs.collect()).ok().and_then(|sample| sample.std_dev());
        let arms: Vec<usize> = self.tune.phases.iter().map(|phase| self.arms(phase)).collect();
        let effort = Effort::fit(self.base, self.tune, &arms, run_s, sd);
        if !self.base.quick {
            self.remark(super::words::effort(&effort, self.tune.budget_s.get()));
        }
        self.walk.effort = Some(effort.clone());
        Ok(effort)
    }

    /// How many settings a phase's sweep has at least.
    fn arms(&self, phase: &Phase) -> usize {
        let scenario = phase.scenario(self.base, &self.walk.present);
        scenario.map_or(1, |scenario| scenario.settings.len())
    }

    /// Some runs of one setting.
    fn repeated(&self, name: &str, setting: Setting, runs: usize) -> Step {
        let plan = Plan::sweep(1, runs, 0, seed_of(self.base.seed, name, 1));
        let arms = vec![Arm { program: 0, setting }];
        Step { name: name.into(), batch: 1, scenario: 0, arms, baseline: 0, plan }
    }

    /// One phase: the sweep, the choice, the fresh pairs.
    fn phase(&mut self, phase: &Phase, effort: &Effort, again: bool) -> Walked<Tuned> {
        let name = if again { format!("{} again", phase.phase) } else { phase.phase.clone() };
        let mut tuned = Tuned::of(phase, &name, &self.walk.present, again);
        if let Some(least) = phase.parse_share_min
            && let Some(skipped) = self.profile(&name, least, &mut tuned)?
        {
            tuned.skipped = Some(skipped);
        }
        if tuned.skipped.is_none() {
            self.measured(phase, effort, &name, &mut tuned)?;
        }
        tuned.present_figures.clone_from(&self.figures);
        Ok(tuned)
    }

    fn measured(
        &mut self,
        phase: &Phase,
        effort: &Effort,
        name: &str,
        tuned: &mut Tuned,
    ) -> Walked<()> {
        let mut scenario = match phase.scenario(self.base, &self.walk.present) {
            Ok(scenario) => scenario,
            Err(fault) => {
                tuned.skipped = Some(format!("its settings do not go with those kept: {fault}"));
                return Ok(());
            }
        };
        let Some(runs) = self.blocks(effort, scenario.settings.len()) else {
            tuned.skipped = Some("there was no time left for it".into());
            self.leave_out(name.to_owned());
            return Ok(());
        };
        if runs < effort.runs {
            self.walk.undone.push(format!(
                "{} of {} blocks of {name}",
                effort.runs - runs,
                effort.runs
            ));
        }
        (scenario.runs, scenario.warmup) = (runs, effort.warmup);
        scenario.pairs = effort.pairs[0];
        let mut step = Step::sweep(name, 0, &scenario);
        let seed = seed_of(self.base.seed, name, 1);
        let (arms, warmup) = (scenario.settings.len(), effort.warmup as usize);
        step.plan = Plan::sweep(arms, runs as usize, warmup, seed);
        self.take(step)?;
        let confirmation = format!("{name} confirmation");
        let names = Names { sweep: name, confirmation: &confirmation };
        let one_look = Terms::one_look(self.base);
        // What fresh pairs say is not asked here, so any terms do.
        let mut chosen = analyse_phase(self.recorded, &scenario, names, &one_look);
        if let Ok(found) = &chosen
            && !found.invalid
            && found.choice != found.baseline
        {
            let arms = [found.baseline(), found.choice()].map(|summary| summary.setting.clone());
            self.walk.ahead = self.walk.ahead.saturating_sub(effort.comparison());
            let terms = self.compared(&confirmation, arms, effort)?;
            chosen = analyse_phase(self.recorded, &scenario, names, &terms);
        }
        match chosen {
            Ok(found) => tuned.conclude(phase, found),
            Err(error) => tuned.skipped = Some(error.to_string()),
        }
        Ok(())
    }

    /// How many blocks of a sweep of so many settings there is time for, with fresh pairs of its
    /// choice and those of the end: nothing where too few.
    fn blocks(&self, effort: &Effort, arms: usize) -> Option<u32> {
        let pairs = effort.first_look();
        let fits = |runs: &u32| {
            let trials = arms * (*runs + effort.warmup) as usize;
            self.fits(trials + pairs, pairs)
        };
        let least = effort.runs.min(effort::RUNS_MIN);
        (least..=effort.runs).rev().find(fits)
    }

    /// How much of the time parsing takes; why the phase is skipped, if it is.
    fn profile(&mut self, name: &str, least: f64, tuned: &mut Tuned) -> Walked<Option<String>> {
        let runs = if self.base.quick { 1 } else { effort::PROFILE_RUNS };
        if !self.fits(runs, 0) {
            return Ok(None);
        }
        let label = difference(&self.base.settings[0].settings, &self.walk.present);
        let label = if label == "none" { "baseline".into() } else { label };
        let setting =
            Setting { short: "present".into(), label, settings: self.walk.present.clone() };
        let ran = self.take(self.repeated(&format!("{name} profile"), setting, runs))?;
        let counted: Vec<&Measurement> = ran.counted().flat_map(RanBlock::measured).collect();
        if let Some(figures) = Figures::of(&counted).ok().flatten() {
            self.figures = Some(figures);
        }
        let shares = counted.iter().filter_map(|run| parse_share(run)).collect();
        let share = Sample::new(shares).ok().map(|sample| sample.median());
        tuned.parse_share = share;
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        Ok(share.filter(|share| *share < least).map(|share| {
            format!(
                "parsing takes {} of the workers' time, and below {} threads of its own cannot pay",
                percent(share),
                percent(least)
            )
        }))
    }

    /// Fresh pairs, with a further look where the last one did not tell and there is time for it;
    /// the terms of the last look.
    fn compared(&mut self, name: &str, arms: [Setting; 2], effort: &Effort) -> Walked<Terms> {
        let arms = arms.map(|setting| Arm { program: 0, setting });
        let mut planned = 0;
        let mut terms = Terms::one_look(self.base);
        for (index, pairs) in effort.pairs.iter().enumerate() {
            let pairs = *pairs as usize;
            if index > 0 {
                // Later looks must not decide this one.
                let before = self.recorded.until(self.at);
                let told = compare(&before, name, &terms).map_or(None, |found| found.decided());
                if told != Some(Verdict::Inconclusive) {
                    break;
                }
                if !self.fits(2 * pairs, effort.first_look()) {
                    self.leave_out(format!("a further look at {name}"));
                    break;
                }
            }
            let seed = self.base.seed;
            self.take(Step::comparison(name, index + 1, 0, arms.clone(), pairs, seed))?;
            planned += pairs;
            if effort.pairs.len() > 1 {
                terms = Terms::look(self.base, planned);
            }
        }
        Ok(terms)
    }

    fn end_phase(&mut self, tuned: Tuned) {
        if tuned.kept {
            self.walk.present.clone_from(&tuned.after);
            let candidate = tuned.confirmation().and_then(|found| found.candidate.figures.clone());
            self.figures = candidate.or(self.figures.take());
        }
        self.remark(super::words::phase(&tuned));
        self.walk.tuned.push(tuned);
    }

    /// Whether anything but the phase of this index has been changed after it was tuned.
    fn changed_since(&self, index: usize) -> bool {
        let swept = self.walk.tuned.get(index).is_some_and(|tuned| tuned.analysis.is_some());
        swept && self.walk.tuned.iter().skip(index + 1).any(|tuned| tuned.kept)
    }

    /// Everything that is kept against the baseline; what was kept only because it is no worse goes
    /// back where that is a regression.
    fn last(&mut self, effort: &Effort) -> Walked<()> {
        let base = self.base.settings[self.base.baseline].clone();
        if self.walk.present == base.settings {
            return Ok(());
        }
        let found = self.against_baseline(LAST, effort)?;
        let regression = found.as_ref().and_then(Comparison::decided) == Some(Verdict::Regression);
        self.walk.last.extend(found);
        if !regression {
            return Ok(());
        }
        let mut left = base.settings.clone();
        for tuned in self.walk.tuned.iter_mut().filter(|tuned| tuned.kept) {
            tuned.taken_back = tuned.kept_on() == Some(Verdict::Pass);
            if !tuned.taken_back
                && let Some(phase) = self.tune.phases.iter().find(|p| p.phase == tuned.phase)
            {
                left = phase.taken_over(&left, &tuned.after).unwrap_or(left);
            }
        }
        if left == self.walk.present {
            return Ok(());
        }
        let label = difference(&base.settings, &left);
        self.walk.present = left;
        self.remark(format!(
            "worse than the baseline: what was kept on PASS goes back; left: {label}"
        ));
        if self.walk.present == base.settings {
            return Ok(());
        }
        if !self.fits(effort.first_look(), 0) {
            self.leave_out("what is left against the baseline".into());
            return Ok(());
        }
        let found = self.against_baseline(REST, effort)?;
        self.walk.last.extend(found);
        Ok(())
    }

    fn against_baseline(&mut self, name: &str, effort: &Effort) -> Walked<Option<Comparison>> {
        let base = self.base.settings[self.base.baseline].clone();
        let label = difference(&base.settings, &self.walk.present);
        let kept = Setting { short: "kept".into(), label, settings: self.walk.present.clone() };
        // One look: what is in use is tested, whatever came of it.
        let once = Effort { pairs: vec![effort.pairs[0]], ..effort.clone() };
        let terms = self.compared(name, [base, kept], &once)?;
        Ok(compare(self.recorded, name, &terms).ok())
    }

    /// A phase's optimization alone against the baseline.
    fn alone(&mut self, phase: &Phase, effort: &Effort) -> Walked<()> {
        let Some(value) = self.value_of(phase) else {
            return Ok(());
        };
        let base = self.base.settings[self.base.baseline].clone();
        let Ok(settings) = phase.taken_over(&base.settings, &value) else {
            return Ok(());
        };
        if settings == base.settings {
            return Ok(());
        }
        let label = phase.label(&settings);
        if let Some(measured) = self.measured_already(&base.settings, &settings) {
            let alone = Alone {
                phase: phase.phase.clone(),
                label,
                from: measured.name.clone(),
                found: measured,
            };
            self.walk.alone.push(alone);
            return Ok(());
        }
        let name = format!("{} alone", phase.phase);
        if !self.fits(effort.first_look(), 0) {
            self.leave_out(name);
            return Ok(());
        }
        let setting = Setting { short: label.clone(), label: label.clone(), settings };
        let once = Effort { pairs: vec![effort.pairs[0]], ..effort.clone() };
        let terms = self.compared(&name, [base, setting], &once)?;
        if let Ok(found) = compare(self.recorded, &name, &terms) {
            let alone = Alone { phase: phase.phase.clone(), label, from: name, found };
            self.walk.alone.push(alone);
        }
        Ok(())
    }

    /// The settings that hold the phase's value: those in use where it was kept, else those that its
    /// sweep chose; nothing where it chose none.
    fn value_of(&self, phase: &Phase) -> Option<Settings> {
        let mut ours = self.walk.tuned.iter().filter(|tuned| tuned.phase == phase.phase);
        if ours.clone().any(|tuned| tuned.kept && !tuned.taken_back) {
            return Some(self.walk.present.clone());
        }
        let analysis = ours.find_map(|tuned| tuned.analysis.as_ref())?;
        Some(analysis.choice().setting.settings.clone())
    }

    /// The fresh pairs of exactly these two, where an earlier step was that.
    fn measured_already(&self, base: &Settings, other: &Settings) -> Option<Comparison> {
        let confirmations = self.walk.tuned.iter().filter_map(|tuned| tuned.confirmation());
        let mut all = confirmations.chain(&self.walk.last);
        all.find(|found| found.baseline.settings == *base && found.candidate.settings == *other)
            .cloned()
    }

    /// Trials that may follow on a phase: at worst everything is chosen, confirmed and measured
    /// alone.
    fn after(&self, effort: &Effort, index: usize) -> usize {
        let phases = self.tune.phases.iter().skip(index + 1);
        let later: usize =
            phases.map(|phase| effort.sweep(self.arms(phase)) + effort.comparison()).sum();
        let again = self.tune.phases.iter().find(|phase| phase.again);
        let again = again.map_or(0, |phase| effort.sweep(self.arms(phase)) + effort.comparison());
        effort.comparison() + later + again + self.at_the_end(effort)
    }

    fn at_the_end(&self, effort: &Effort) -> usize {
        effort.first_look() + self.of_alone(effort)
    }

    fn of_alone(&self, effort: &Effort) -> usize {
        self.tune.phases.len().saturating_sub(1) * effort.first_look()
    }
}

/// The share of its workers' time that a run spent parsing; nothing where it does not say.
fn parse_share(run: &Measurement) -> Option<f64> {
    let report = run.report()?;
    let parsing = report.stages.get("parsing")?;
    let worked_s = report.wall_s * report.settings.workers.get() as f64;
    let share = parsing.total_ns as f64 / 1e9 / worked_s;
    share.is_finite().then_some(share)
}
