//! Strategy of `harness explain`: both arms once, then looks at pairs as in a gate. If the arms are
//! settings that differ in several parts, blocks follow that switch each part alone, as the first
//! and as the last.

mod design;
pub(crate) mod result;
pub mod settings;

use migrator::config::Settings;

use self::design::{AttributionDesign, ONE_AT_A_TIME, PAIRED_COMPARISON};
use self::settings::{SettingPart, setting};
use crate::analysis::sequential::{LookSchedule, NextLook, compare_at_current_look, looks};
use crate::experiment::gate::{first_run_failure, once};
use crate::scenario::Scenario;
use crate::scenario::schedule;
use crate::scenario::schedule::Schedule;
use crate::scenario::step::{Arm, Step};
use crate::session::arms::{BASE, GateSpec};
use crate::session::budget;
use crate::session::ledger::{Ending, Kind, Session};
use crate::session::state::SessionState;
use crate::session::strategy::{NextStep, Strategy};
use crate::stats::verdict::Verdict;

pub use result::{ExplainResult, explain};

/// Plans the attribution of a difference.
#[derive(Debug, Clone, Copy)]
pub struct ExplainStrategy;

/// Session on a scenario. With two settings, the second is compared with the first; otherwise the
/// second program with the first.
pub fn session(contest: GateSpec, scenario: Scenario) -> Session {
    let name = format!("explain-{}", scenario.name);
    Session { name, of: Kind::Explain(contest), scenarios: vec![scenario] }
}

/// Scenario with only these two settings; the first is its baseline.
#[must_use]
pub fn of_settings(scenario: Scenario, base: &Settings, head: &Settings) -> Scenario {
    let parts = SettingPart::differing(base, head);
    Scenario {
        swept: parts.iter().map(|part| part.name().to_owned()).collect(),
        settings: [base, head].map(|settings| setting(settings, &parts)).into(),
        baseline: 0,
        ..scenario
    }
}

impl Strategy for ExplainStrategy {
    fn next(&self, recorded: &SessionState) -> NextStep {
        let (Kind::Explain(contest), Some(scenario)) =
            (&recorded.session.session.of, recorded.scenario(0))
        else {
            return NextStep::Done(Ending::Complete);
        };
        if recorded.steps.last().is_some_and(|last| last.invalid) {
            return NextStep::Done(Ending::Invalid);
        }
        if recorded.steps.is_empty() {
            return once(0, arms(recorded, scenario), scenario.seed).into();
        }
        if first_run_failure(recorded).is_some() {
            return NextStep::Done(Ending::Complete);
        }
        let step = look(recorded, contest, scenario).or_else(|| apart(recorded, scenario));
        step.map_or(NextStep::Done(Ending::Complete), NextStep::from)
    }

    fn ahead(&self, recorded: &SessionState) -> usize {
        let Some(scenario) = recorded.scenario(0) else {
            return 0;
        };
        let began = |name: &str| recorded.steps_of(name).next().is_some();
        let pairs = if began(PAIRED_COMPARISON) { 0 } else { LookSchedule::at(scenario).first() };
        let design = AttributionDesign::of_scenario(scenario).filter(|_| !began(ONE_AT_A_TIME));
        2 * pairs + design.map_or(0, |design| design.settings.len() * scenario.runs as usize)
    }
}

/// Baseline and candidate.
fn arms(recorded: &SessionState, scenario: &Scenario) -> [Arm; 2] {
    let last = recorded.session.origin.programs.len().saturating_sub(1);
    let other = scenario.settings.last().unwrap_or(&scenario.settings[scenario.baseline]);
    [
        Arm { program: BASE, setting: scenario.settings[scenario.baseline].clone() },
        Arm { program: last, setting: other.clone() },
    ]
}

/// Next look at the pairs, while they are undecided and the budget allows it together with the
/// blocks that follow. The first look always happens.
fn look(recorded: &SessionState, contest: &GateSpec, scenario: &Scenario) -> Option<Step> {
    let tells = || {
        let found =
            compare_at_current_look(recorded, PAIRED_COMPARISON, scenario).and_then(Result::ok);
        found.is_none_or(|found| found.decided() != Some(Verdict::Inconclusive))
    };
    let apart = apart(recorded, scenario).map_or(0, |step| step.trial_count(None));
    let holds =
        |pairs| budget::holds_blocks(recorded, PAIRED_COMPARISON, contest.budget_s, pairs, apart);
    match LookSchedule::at(scenario).then(looks(recorded, PAIRED_COMPARISON), tells, holds) {
        NextLook::Batch { number, pairs } => {
            let both = arms(recorded, scenario);
            Some(Step::comparison(PAIRED_COMPARISON, number, 0, both, pairs, scenario.seed))
        }
        NextLook::Decided | NextLook::LastLook | NextLook::OutOfBudget => None,
    }
}

/// Blocks that switch each part alone.
fn apart(recorded: &SessionState, scenario: &Scenario) -> Option<Step> {
    if recorded.steps_of(ONE_AT_A_TIME).next().is_some() {
        return None;
    }
    let AttributionDesign { parts, settings, .. } = AttributionDesign::of_scenario(scenario)?;
    let arm = |settings: &Settings| Arm { program: BASE, setting: setting(settings, &parts) };
    let seed = schedule::derive_seed(scenario.seed, ONE_AT_A_TIME, 1);
    Some(Step {
        name: ONE_AT_A_TIME.into(),
        look: 1,
        scenario: 0,
        arms: settings.iter().map(arm).collect(),
        baseline: 0,
        plan: Schedule::sweep(settings.len(), scenario.runs as usize, 0, seed),
    })
}
