//! Last steps of a plan: all kept settings against the baseline, and each optimization alone. Part
//! of the replay.

use migrator::config::Settings;

use super::replay::{FINAL_STEP, REDUCED_FINAL_STEP, Replayed, Replayer};
use crate::analysis::comparison::{Comparison, compare};
use crate::experiment::tune::sample_size::{RemainingWork, SampleSizes};
use crate::experiment::tune::{Ablation, PhaseResult};
use crate::scenario::Setting;
use crate::scenario::tune_plan::{Phase, difference};
use crate::stats::verdict::Verdict;

impl Replayer<'_> {
    /// Compares all kept settings with the baseline. After a regression, settings that were kept
    /// only because they are no worse are reverted. Settings of which a run failed are never kept.
    pub(crate) fn last(&mut self, effort: &SampleSizes) -> Replayed<()> {
        let base = self.base.settings[self.base.baseline].clone();
        self.take_back_failed();
        if self.walk.present == base.settings {
            return Ok(());
        }
        // Time was reserved for it: untested settings would be worth less.
        let once = effort.once();
        let pairs = once.last(0, self.time()).unwrap_or_else(|| once.pairs_least());
        let found = self.against_baseline(FINAL_STEP, &once, pairs)?;
        let regression = found.as_ref().and_then(Comparison::decided) == Some(Verdict::Regression);
        self.walk.last.extend(found);
        if self.take_back_failed() || !regression {
            return Ok(());
        }
        for tuned in self.walk.tuned.iter_mut().filter(|tuned| tuned.is_active()) {
            tuned.reverted = tuned.kept_on() == Some(Verdict::Pass);
        }
        let left = self.settings_in_use();
        if left == self.walk.present {
            return Ok(());
        }
        let label = difference(&base.settings, &left);
        self.walk.present = left;
        self.remark(format!(
            "worse than the baseline: settings kept on PASS are reverted; remaining: {label}"
        ));
        if self.walk.present == base.settings {
            return Ok(());
        }
        let Some(pairs) = once.last(0, self.time()) else {
            self.leave_out("remaining settings against the baseline".into());
            return Ok(());
        };
        let found = self.against_baseline(REDUCED_FINAL_STEP, &once, pairs)?;
        self.walk.last.extend(found);
        self.take_back_failed();
        Ok(())
    }

    /// Reverts kept settings of which a run failed in any step so far. If runs of the remaining
    /// settings failed too, everything is reverted. Returns true if something was reverted.
    fn take_back_failed(&mut self) -> bool {
        let base = self.base.settings[self.base.baseline].settings.clone();
        let mut reverted = self.take_back(|tuned| tuned.after.clone());
        let left = self.settings_in_use();
        if left != base {
            reverted.extend(self.take_back(|_| left.clone()));
        }
        if reverted.is_empty() {
            return false;
        }
        self.walk.present = self.settings_in_use();
        let label = difference(&base, &self.walk.present);
        self.remark(format!("runs failed: {} reverted; remaining: {label}", reverted.join(", ")));
        true
    }

    /// Reverts each phase in use whose settings failed in a step so far; returns their names.
    fn take_back(&mut self, settings: impl Fn(&PhaseResult) -> Settings) -> Vec<String> {
        let before = self.recorded.until(self.at);
        let mut reverted = Vec::new();
        for tuned in self.walk.tuned.iter_mut().filter(|tuned| tuned.is_active()) {
            if let Some(failure) = before.first_failure(&settings(tuned)) {
                tuned.take_back_for(failure.to_string());
                reverted.push(tuned.name.clone());
            }
        }
        reverted
    }

    /// Settings of the phases that are in use, on top of the baseline.
    fn settings_in_use(&self) -> Settings {
        let mut left = self.base.settings[self.base.baseline].settings.clone();
        for tuned in self.walk.tuned.iter().filter(|tuned| tuned.is_active()) {
            if let Some(phase) = self.tune.phases.iter().find(|p| p.phase == tuned.phase) {
                left = phase.taken_over(&left, &tuned.after).unwrap_or(left);
            }
        }
        left
    }

    pub(super) fn against_baseline(
        &mut self,
        name: &str,
        once: &SampleSizes,
        pairs: u32,
    ) -> Replayed<Option<Comparison>> {
        let base = self.base.settings[self.base.baseline].clone();
        let label = difference(&base.settings, &self.walk.present);
        let kept = Setting { short: "kept".into(), label, settings: self.walk.present.clone() };
        let terms = self.compared(name, [base, kept], once, pairs, &RemainingWork::default())?;
        Ok(compare(self.recorded, name, &terms).ok())
    }

    /// Compares a phase's optimization alone with the baseline.
    pub(crate) fn alone(&mut self, phase: &Phase, effort: &SampleSizes) -> Replayed<()> {
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
            let alone = Ablation {
                phase: phase.phase.clone(),
                label,
                from: measured.name.clone(),
                found: measured,
            };
            self.walk.alone.push(alone);
            return Ok(());
        }
        let name = format!("{} alone", phase.phase);
        let once = effort.once();
        let Some(pairs) = once.last(0, self.time()) else {
            self.leave_out(name);
            return Ok(());
        };
        let setting = Setting { short: label.clone(), label: label.clone(), settings };
        let terms =
            self.compared(&name, [base, setting], &once, pairs, &RemainingWork::default())?;
        if let Ok(found) = compare(self.recorded, &name, &terms) {
            let alone = Ablation { phase: phase.phase.clone(), label, from: name, found };
            self.walk.alone.push(alone);
        }
        Ok(())
    }

    /// Settings with the phase's value: the current ones if it was kept, else the candidate of its
    /// sweep. `None` without a candidate.
    pub(super) fn value_of(&self, phase: &Phase) -> Option<Settings> {
        let mut ours = self.walk.tuned.iter().filter(|tuned| tuned.phase == phase.phase);
        if ours.clone().any(|tuned| tuned.kept && !tuned.reverted) {
            return Some(self.walk.present.clone());
        }
        let analysis = ours.find_map(|tuned| tuned.analysis.as_ref())?;
        Some(analysis.choice().setting.settings.clone())
    }

    /// Confirmation pairs of exactly these two settings in an earlier step.
    pub(super) fn measured_already(&self, base: &Settings, other: &Settings) -> Option<Comparison> {
        let confirmations = self.walk.tuned.iter().filter_map(|tuned| tuned.confirmation());
        let mut all = confirmations.chain(&self.walk.last);
        all.find(|found| found.baseline.settings == *base && found.candidate.settings == *other)
            .cloned()
    }
}
