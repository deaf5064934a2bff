//! Strategy of `harness self-test`: sessions of a program against itself alternate with sessions
//! against the same program, slowed by a known share. `--sessions` and the budget
//! limit their number.

pub mod error_rates;

use std::num::NonZeroU32;

use crate::scenario::schedule;
use crate::scenario::step::{Arm, Step};
use crate::scenario::{Scenario, Setting};
use crate::session::budget::Spent;
use crate::session::ledger::{Ending, Kind, Session};
use crate::session::state::{CompletedStep, SessionState};
use crate::session::strategy::{NextStep, Strategy};

/// Slowdown as a multiple of the margin. Above 1, so that passing the slowed program is an error;
/// only a little, so that detecting it is not trivial.
const OF_MARGIN: f64 = 1.6;

/// Share by which the slowed program takes longer, to 0.01 %.
pub fn planted(scenario: &Scenario) -> f64 {
    (OF_MARGIN * scenario.gate.margin * 1e4).round() / 1e4
}

/// Programs of a self-test, by index.
const PROGRAM: usize = 0;
const SLOWED: usize = 1;

/// Truth about the second arm of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// The same program; a verdict of worse or better is wrong.
    Same,
    /// The slowed program; a verdict of within the margin is wrong.
    Slowed,
}

impl Truth {
    /// Both, in alternating order.
    pub const ALL: [Self; 2] = [Self::Same, Self::Slowed];

    /// Truth of the session with this number, from 0.
    fn of(session: usize) -> Self {
        Self::ALL[session % Self::ALL.len()]
    }

    /// Name of a session, which is a comparison of its own.
    fn name(self, session: usize) -> String {
        let number = session / Self::ALL.len() + 1;
        match self {
            Self::Same => format!("same {number}"),
            Self::Slowed => format!("slowed {number}"),
        }
    }

    /// Started sessions of this kind, in order.
    fn steps(self, recorded: &SessionState) -> impl Iterator<Item = &CompletedStep> {
        let sessions = recorded.steps.iter().enumerate();
        sessions.filter(move |(index, _)| Self::of(*index) == self).map(|(_, ran)| ran)
    }
}

/// Plans a self-test.
#[derive(Debug, Clone, Copy)]
pub struct SelfTestStrategy;

/// Limits: seconds for runs, and sessions of each kind.
#[derive(Debug, Clone, Copy)]
struct SessionLimits {
    sessions: Option<u32>,
    budget_s: Option<f64>,
}

/// Self-test of a scenario's baseline.
pub fn session(scenario: Scenario, sessions: Option<u32>, budget_s: Option<f64>) -> Session {
    let of = Kind::SelfTest { sessions, budget_s, slowdown: planted(&scenario) };
    Session { name: "self-test".into(), of, scenarios: vec![scenario] }
}

impl SessionLimits {
    fn of(recorded: &SessionState) -> Self {
        let Kind::SelfTest { sessions, budget_s, .. } = recorded.session.session.of else {
            return Self { sessions: Some(0), budget_s: None };
        };
        Self { sessions, budget_s }
    }

    /// Number of further sessions of both kinds. At least one of each runs.
    fn sessions_left(self, recorded: &SessionState) -> usize {
        let ran = recorded.steps.len();
        let all = Truth::ALL.len();
        let by_count = self.sessions.map(|each| (each as usize).saturating_mul(all));
        let by_count = by_count.map_or(usize::MAX, |most| most.saturating_sub(ran));
        let by_time = match self.budget_s {
            None => usize::MAX,
            Some(_) if ran < all => all - ran,
            Some(budget_s) => {
                let runs = recorded.scenario(0).map_or(0, |scenario| 2 * scenario.pairs as usize);
                Spent::of(recorded).left_of(budget_s).holds_times(runs)
            }
        };
        by_count.min(by_time)
    }
}

impl Strategy for SelfTestStrategy {
    fn next(&self, recorded: &SessionState) -> NextStep {
        let Some(scenario) = recorded.scenario(0) else {
            return NextStep::Done(Ending::Complete);
        };
        // If every block is discarded or the program does not run, more sessions would not help.
        let ran = &recorded.steps;
        let is_disturbed = ran.len() >= Truth::ALL.len() && ran.iter().all(|ran| ran.invalid);
        if is_disturbed || recorded.fails_in_baseline() {
            return NextStep::Done(Ending::Invalid);
        }
        if SessionLimits::of(recorded).sessions_left(recorded) == 0 {
            return NextStep::Done(Ending::Complete);
        }
        let truth = Truth::of(ran.len());
        let (name, arms) = (truth.name(ran.len()), arms(recorded, scenario, truth));
        let pairs = scenario.pairs as usize;
        let step = Step::comparison(&name, 1, 0, arms, pairs, scenario.seed);
        NextStep::Step(Box::new(step))
    }

    fn ahead(&self, recorded: &SessionState) -> usize {
        let Some(scenario) = recorded.scenario(0) else {
            return 0;
        };
        // The running session has no duration yet for an estimate.
        let before = recorded.until(recorded.steps.len().saturating_sub(1));
        let left = SessionLimits::of(recorded).sessions_left(&before).saturating_sub(1);
        left.saturating_mul(2 * scenario.pairs as usize)
    }

    /// All runs are of the baseline.
    fn min_records(&self, recorded: &SessionState, scenario: usize) -> NonZeroU32 {
        let baseline = recorded
            .scenario(scenario)
            .and_then(|scenario| scenario.settings.get(scenario.baseline..=scenario.baseline));
        schedule::min_records(baseline.unwrap_or_default())
    }
}

/// Baseline and the arm that it is compared with.
fn arms(recorded: &SessionState, scenario: &Scenario, truth: Truth) -> [Arm; 2] {
    let settings = &scenario.settings[scenario.baseline].settings;
    let arm = |program: usize, label: String| Arm {
        program,
        setting: Setting { short: label.clone(), label, settings: settings.clone() },
    };
    let other = match truth {
        Truth::Same => arm(PROGRAM, "the same again".into()),
        Truth::Slowed => arm(SLOWED, format!("slowed by {} %", percent(slowdown(recorded)))),
    };
    [arm(PROGRAM, "the baseline".into()), other]
}

/// Share in percent, with as many decimals as needed.
fn percent(share: f64) -> f64 {
    (share * 1e4).round() / 1e2
}

/// Share by which the slowed program takes longer.
fn slowdown(recorded: &SessionState) -> f64 {
    let Kind::SelfTest { slowdown, .. } = recorded.session.session.of else {
        return 0.0;
    };
    slowdown
}
