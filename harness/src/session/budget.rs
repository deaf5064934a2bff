//! Time budget of a session: time used by its runs, and further runs that fit. Uses measured times,
//! not a clock.

use crate::session::state::{CompletedBlock, CompletedStep, SessionState};

/// Overhead of the harness for each run, in seconds.
const AROUND_S: f64 = 0.05;

/// Assumed duration of a run before any has counted, in seconds.
const RUN_S: f64 = 1.0;

/// Time before a scenario's first run, in seconds: its source is generated.
pub const START_S: f64 = 5.0;

/// Safety factor: further runs may take longer, and discarded blocks run again.
pub const SLACK: f64 = 1.1;

/// Remaining time, and time of a run with its overhead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// Seconds until the budget is used up.
    pub left_s: f64,
    /// Seconds of a run, from the runs so far.
    pub run_s: f64,
}

impl Time {
    /// True if this many runs fit, with the safety factor.
    pub fn holds(self, runs: usize) -> bool {
        runs as f64 * self.run_s * SLACK <= self.left_s
    }

    /// True if this many runs fit at the current speed.
    pub fn is_expected_to_hold(self, runs: usize) -> bool {
        runs as f64 * self.run_s <= self.left_s
    }

    /// Number of times that this many runs fit.
    pub fn holds_times(self, runs: usize) -> usize {
        let times = self.left_s / (runs as f64 * self.run_s * SLACK);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not below 0, rounded down, and a float cast saturates"
        )]
        let times = times.max(0.0) as usize;
        times
    }
}

/// Time used by runs, including overhead.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Total time in seconds.
    all_s: f64,
    /// Number of runs of steps.
    runs: usize,
    /// Time of these runs in seconds.
    runs_s: f64,
}

impl Spent {
    /// Time before the first step: for sources, and for runs that determine the number of records.
    pub fn before_steps(recorded: &SessionState) -> Self {
        let pilots = recorded.records.iter().flatten().filter_map(|line| line.pilot.as_ref());
        let pilots_s: f64 = pilots.map(|pilot| pilot.whole_s() + AROUND_S).sum();
        let start_s = START_S * recorded.session.session.scenarios.len() as f64;
        Self { all_s: start_s + pilots_s, ..Self::default() }
    }

    /// Time of a session so far.
    pub fn of(recorded: &SessionState) -> Self {
        let mut spent = Self::before_steps(recorded);
        recorded.steps.iter().for_each(|ran| spent.take(ran));
        spent
    }

    /// Adds a step. The time of a discarded block is not recorded. It is estimated from the other
    /// blocks, or from earlier steps if all were discarded.
    pub fn take(&mut self, ran: &CompletedStep) {
        let runs = (ran.blocks.len() + ran.voided.len()) * ran.step.arms.len();
        let took_s = runs as f64 * self.each_s(ran);
        self.runs += runs;
        self.runs_s += took_s;
        self.all_s += took_s;
    }

    /// Seconds of a run of a step.
    fn each_s(&self, ran: &CompletedStep) -> f64 {
        let counted = ran.blocks.len() * ran.step.arms.len();
        let seconds: f64 = ran.blocks.iter().map(CompletedBlock::elapsed_s).sum();
        match (counted, self.runs) {
            (0, 0) => RUN_S,
            (0, _) => self.run_s(),
            _ => seconds / counted as f64 + AROUND_S,
        }
    }

    fn run_s(&self) -> f64 {
        self.runs_s / self.runs.max(1) as f64
    }

    /// Total time in seconds.
    pub fn seconds(&self) -> f64 {
        self.all_s
    }

    /// Remaining budget, for runs like those so far.
    pub fn left_of(&self, budget_s: f64) -> Time {
        Time { left_s: budget_s - self.all_s, run_s: self.run_s() }
    }
}

/// True if the budget allows this many more blocks of the steps of this name and `beside` further
/// runs, at the speed of this name's runs. The duration of a run differs between scenarios.
pub fn holds_blocks(
    recorded: &SessionState,
    name: &str,
    budget_s: f64,
    blocks: usize,
    beside: usize,
) -> bool {
    let mut ours = Spent::default();
    recorded.steps_of(name).for_each(|ran| ours.take(ran));
    let arms = recorded.steps_of(name).next().map_or(0, |ran| ran.step.arms.len());
    let left = Spent::of(recorded).left_of(budget_s);
    Time { run_s: ours.run_s(), ..left }.holds(blocks * arms + beside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::step::{Arm, Step};
    use crate::scenario::{Scenario, shipped};
    use crate::session::ledger::{Origin, RecordsLine, Session, SessionLine, TrialLine};
    use crate::session::state::{DiscardReason, DiscardedBlock};
    use crate::trial::interference::Interference;
    use crate::trial::measurement::{Measurement, Outcome};
    use crate::trial::report;

    fn scenario() -> Scenario {
        Scenario::parse(shipped("gate").unwrap()).unwrap()
    }

    fn run(elapsed_s: f64) -> Measurement {
        let report = report(&scenario().settings[0].settings, 500, 60_000.0);
        Measurement::new(elapsed_s, Outcome::Report(Box::new(report)))
    }

    /// A step of four pairs with runs of this duration. `counted` of them count, and `discarded` of
    /// them are discarded.
    fn step(name: &str, counted: usize, run_s: f64, discarded: usize) -> CompletedStep {
        let arm = Arm { program: 0, setting: scenario().settings[0].clone() };
        let step = Step::comparison(name, 1, 0, [arm.clone(), arm], 4, 1);
        let block = |index: usize| {
            let trials = step.plan.block_trials(index).into_iter();
            let line = |trial| TrialLine { step: 1, trial, measurement: run(run_s) };
            CompletedBlock { index, host: 0, trials: trials.map(line).collect() }
        };
        let reason = DiscardReason::Interference(Interference::Swap { pages: 2, most: 1 });
        let blocks = (0..counted).map(block).collect();
        let voided = vec![DiscardedBlock { index: 0, reason, trials: Vec::new() }; discarded];
        CompletedStep { blocks, voided, ..CompletedStep::of(step) }
    }

    fn recorded(steps: Vec<CompletedStep>) -> SessionState {
        let origin =
            Origin { revision: "r".into(), host: None, programs: Vec::new(), servers: Vec::new() };
        let session = SessionLine::new(Session::sweep(scenario()), origin, None);
        SessionState { steps, ..SessionState::of(session) }
    }

    fn is_close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn sources_baseline_runs_runs_and_overheads_count_as_spent() {
        let mut session = recorded(vec![step("a", 4, 0.45, 0), step("b", 2, 0.95, 0)]);
        assert!(is_close(Spent::of(&session).seconds(), 5.0 + 8.0 * 0.5 + 4.0));
        session.records[0] = Some(RecordsLine { scenario: 0, records: 1, pilot: Some(run(1.95)) });
        assert!(is_close(Spent::of(&session).seconds(), 5.0 + 2.0 + 8.0));
        let time = Spent::of(&session).left_of(20.0);
        assert!(is_close(time.left_s, 5.0) && is_close(time.run_s, 8.0 / 12.0));
    }

    #[test]
    fn a_discarded_block_counts_the_mean_time_of_the_others() {
        let seconds = |steps| Spent::of(&recorded(steps)).seconds() - START_S;
        assert!(is_close(seconds(vec![step("a", 3, 0.45, 2)]), 10.0 * 0.5));
        assert!(is_close(seconds(vec![step("a", 2, 0.45, 0), step("b", 0, 0.0, 1)]), 6.0 * 0.5));
        assert!(is_close(seconds(vec![step("a", 0, 0.0, 1)]), 2.0 * RUN_S));
    }

    #[test]
    fn estimates_add_a_margin_to_the_time_of_past_runs() {
        let time = Time { left_s: 11.0, run_s: 1.0 };
        assert!(time.holds(9) && !time.holds(11) && time.is_expected_to_hold(11));
        assert_eq!([1, 3, 4, 20].map(|runs| time.holds_times(runs)), [10, 3, 2, 0]);
        let over = Time { left_s: -3.0, run_s: 1.0 };
        assert_eq!((over.holds(1), over.holds_times(1)), (false, 0));
    }

    #[test]
    fn further_blocks_of_a_step_are_estimated_from_its_own_runs() {
        let session = recorded(vec![step("slow", 4, 9.95, 0), step("fast", 4, 0.95, 0)]);
        // 5 + 80 + 8 s are spent.
        let holds = |name, budget_s, beside| holds_blocks(&session, name, budget_s, 2, beside);
        assert!(holds("fast", 97.5, 0) && !holds("slow", 97.5, 0));
        assert!(!holds("fast", 97.5, 1) && holds("fast", 98.6, 1));
        assert!(!holds("slow", 136.9, 0) && holds("slow", 137.1, 0));
    }
}
