//! Replays the lines of a ledger: the blocks that count, and the next action. The only place that
//! decides which lines of an interrupted ledger count. A running session applies the same lines, so
//! that running and reading cannot differ.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::scenario::schedule::Shard;
use crate::scenario::step::Step;
use crate::session::ledger::{FORMAT_VERSION, Line, SessionLine, TrialLine};
use crate::session::state::{
    CompletedBlock, CompletedStep, DiscardReason, DiscardedBlock, SessionState,
};
use crate::trial::interference;
use crate::trial::measurement::{Failure, Measurement, StoreFingerprint};

/// State of a session after its lines so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Everything that counts.
    recorded: SessionState,
    /// Rows of the block that is running.
    running: Vec<TrialLine>,
    /// Rows that the runs of each scenario have stored so far.
    stored: Vec<Option<StoreFingerprint>>,
    /// True if two runs of one scenario stored different rows.
    differs: bool,
}

/// Next action of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Ask the strategy for the next step.
    Plan,
    /// Determine the number of records for the runs of this scenario.
    Records(usize),
    /// Run this block of the last step.
    Block(usize),
    /// End: runs stored different rows and cannot be compared.
    Differ,
    /// End: no run is left.
    Over,
}

/// A parsed ledger, and the part of it that cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedLedger {
    /// State after its complete lines.
    pub progress: Replay,
    /// Length of the complete lines in bytes.
    pub whole_bytes: usize,
    /// Bytes of a partial line after them, from a crash of the harness or the machine.
    pub torn_bytes: usize,
}

impl Replay {
    /// State of a new session.
    pub fn of(session: SessionLine) -> Self {
        let stored = vec![None; session.session.scenarios.len()];
        Self { recorded: SessionState::of(session), running: Vec::new(), stored, differs: false }
    }

    /// Everything that counts so far.
    pub fn recorded(&self) -> &SessionState {
        &self.recorded
    }

    /// Shard of every step that this session runs.
    pub fn shard(&self) -> Option<Shard> {
        self.recorded.session.shard
    }

    /// Everything that counts. An error if no run has begun, unless the session ended without one.
    pub fn into_recorded(self) -> Result<SessionState> {
        if self.recorded.steps.is_empty() && self.recorded.ending.is_none() {
            return Err(Error::environment("it ends before its first run"));
        }
        Ok(self.recorded)
    }

    /// Next action.
    pub fn todo(&self) -> NextAction {
        if self.recorded.ending.is_some() {
            return NextAction::Over;
        }
        if self.differs {
            return NextAction::Differ;
        }
        let Some(last) = self.recorded.steps.last() else {
            return NextAction::Plan;
        };
        match last.pending(self.shard()).first() {
            Some(_) if self.recorded.records.get(last.step.scenario) == Some(&None) => {
                NextAction::Records(last.step.scenario)
            }
            Some(index) => NextAction::Block(*index),
            None => NextAction::Plan,
        }
    }

    /// Applies the next line. Fails for a line that is impossible at this point. Returns the block
    /// that it discards, if any.
    pub fn take(&mut self, line: Line) -> std::result::Result<Option<DiscardedBlock>, String> {
        if self.recorded.ending.is_some() {
            return Err("follows the end".into());
        }
        match line {
            Line::Session(_) => return Err("is a second session".into()),
            Line::Records(line) => {
                let Some(records) = self.recorded.records.get_mut(line.scenario) else {
                    return Err("is of a scenario that the session does not have".into());
                };
                if records.replace(line).is_some() {
                    return Err("says again how many records a run takes".into());
                }
                self.end_invalid();
            }
            Line::Step(step) => self.take_step(*step)?,
            Line::Trial(trial) => return self.take_trial(trial),
            // An unfinished block is run again whole: half of it ran in other surroundings.
            Line::Resumed(_) => self.running.clear(),
            Line::Difference(_) if !self.differs => {
                return Err("is a difference of runs that stored the same".into());
            }
            Line::Difference(difference) => self.recorded.difference = Some(difference),
            Line::Ended(ended) => self.recorded.ending = Some(ended.ending),
        }
        Ok(None)
    }

    fn take_step(&mut self, step: Step) -> std::result::Result<(), String> {
        if self.todo() != NextAction::Plan {
            return Err("is a step before the one before it has ended".into());
        }
        if step.scenario >= self.stored.len() {
            return Err("is a step of a scenario that the session does not have".into());
        }
        self.recorded.steps.push(CompletedStep::of(step));
        Ok(())
    }

    fn take_trial(
        &mut self,
        line: TrialLine,
    ) -> std::result::Result<Option<DiscardedBlock>, String> {
        let number = self.recorded.steps.len();
        let Some(last) = self.recorded.steps.last().filter(|_| line.step == number) else {
            return Err("is not of the step that is running".into());
        };
        if self.recorded.records.get(last.step.scenario) == Some(&None) {
            return Err("is a trial before it is known how many records a run takes".into());
        }
        let plan = &last.step.plan;
        let index = match self.running.first() {
            Some(first) => plan.block_of(&first.trial),
            None => plan.block_of(&line.trial),
        };
        let planned = plan.block_trials(index);
        if planned.get(self.running.len()) != Some(&line.trial) {
            return Err("is not the trial that the plan has there".into());
        }
        if last.blocks.iter().any(|block| block.index == index) {
            return Err("is of a block that has run".into());
        }
        self.running.push(line);
        if self.running.len() < planned.len() {
            return Ok(None);
        }
        let trials = std::mem::take(&mut self.running);
        Ok(self.end_block(CompletedBlock { index, host: 0, trials }))
    }

    fn end_block(&mut self, block: CompletedBlock) -> Option<DiscardedBlock> {
        // The store is gone: the session stops, and the block is run again when it is back. Before
        // failures counted, any block without a finished run ended the session that way.
        if is_stopped_by_outage(&block) || self.is_dropped(&block) {
            return None;
        }
        let last = self.recorded.steps.last()?;
        let scenario = last.step.scenario;
        // Different rows are evidence, whatever the interference.
        let agree = agree(block.measured(), self.stored.get_mut(scenario)?);
        self.differs |= !agree;
        let reason = self.discard_reason(&block).filter(|_| agree);
        let last = self.recorded.steps.last_mut()?;
        let Some(reason) = reason else {
            last.blocks.push(block);
            self.end_invalid();
            return None;
        };
        let discarded = DiscardedBlock { index: block.index, reason, trials: block.trials };
        last.voided.push(discarded.clone());
        self.end_invalid();
        Some(discarded)
    }

    /// True if no run of the block finished, in a ledger from before failures counted.
    fn is_dropped(&self, block: &CompletedBlock) -> bool {
        !self.recorded.session.failures_count
            && block.measured().all(|measurement| measurement.report().is_none())
    }

    /// Reason to discard a block, if there is one. A warm-up is not discarded for interference.
    fn discard_reason(&self, block: &CompletedBlock) -> Option<DiscardReason> {
        let recorded = &self.recorded;
        let last = recorded.steps.last()?;
        let failures = || block.measured().filter_map(Measurement::failure);
        if recorded.session.failures_count
            && let Some(outage) = failures().find(|failure| failure.is_outage())
        {
            return Some(DiscardReason::Outage(outage.clone()));
        }
        let baseline = block.of_arm(last.step.baseline).and_then(Measurement::failure);
        let is_first = recorded.baseline_failures().next().is_none();
        if let Some(failure) = baseline.filter(|_| recorded.repeats_failed_baseline() && is_first) {
            return Some(DiscardReason::BaselineFailed(failure.clone()));
        }
        let counted = last.step.plan.blocks.get(block.index).is_some_and(|planned| !planned.warmup);
        let scenario = recorded.scenario(last.step.scenario)?;
        let measured: Vec<&Measurement> = block.measured().collect();
        let interference = interference::disturbance(scenario, &measured).filter(|_| counted);
        interference.map(DiscardReason::Interference)
    }

    /// Marks the last step as invalid if too much of it was discarded or the baseline failed again.
    fn end_invalid(&mut self) {
        let recorded = &self.recorded;
        let invalid = recorded.steps.last().is_some_and(|last| {
            recorded.fails_in_baseline() || recorded.voids_too_many(&last.step.name)
        });
        if let Some(last) = self.recorded.steps.last_mut() {
            last.invalid |= invalid;
        }
    }
}

/// True if no run of the block could begin.
fn is_stopped_by_outage(block: &CompletedBlock) -> bool {
    let is_outage = |measured: &Measurement| measured.failure().is_some_and(Failure::is_outage);
    block.measured().all(is_outage)
}

/// True if all runs so far stored the same rows as the first one.
fn agree<'a>(
    measured: impl Iterator<Item = &'a Measurement>,
    stored: &mut Option<StoreFingerprint>,
) -> bool {
    let mut reports = measured.filter_map(Measurement::report).map(StoreFingerprint::of);
    reports.all(|this| *stored.get_or_insert_with(|| this.clone()) == this)
}

/// Parses the text of a ledger. An incomplete last line is left out; any other unreadable line is
/// an error with its number.
pub fn parse_ledger(text: &str) -> std::result::Result<ParsedLedger, String> {
    let whole_bytes = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole_bytes].lines().enumerate();
    let Some((_, first)) = lines.next() else {
        return Err("line 1 holds no session".into());
    };
    let Line::Session(session) = parse_line(1, first)? else {
        return Err("line 1 holds no session".into());
    };
    let mut progress = Replay::of(*session);
    for (index, line) in lines {
        let number = index + 1;
        let line = parse_line(number, line)?;
        progress.take(line).map_err(|message| format!("line {number} {message}"))?;
    }
    Ok(ParsedLedger { progress, whole_bytes, torn_bytes: text.len() - whole_bytes })
}

/// Fields of the first line in every format.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

fn parse_line(number: usize, text: &str) -> std::result::Result<Line, String> {
    if let Ok(Versioned { format }) = serde_json::from_str(text)
        && format != FORMAT_VERSION
    {
        return Err(format!("its format is {format}, not {FORMAT_VERSION}"));
    }
    serde_json::from_str(text).map_err(|error| format!("line {number}: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::schedule::Trial;
    use crate::scenario::{Scenario, shipped};
    use crate::session::ledger::{EndedLine, Ending, Origin, RecordsLine, ResumedLine, Session};
    use crate::trial::measurement::{Cause, Outcome};

    fn session() -> SessionLine {
        let origin = Origin {
            revision: "r".into(),
            host: Some("h".into()),
            programs: Vec::new(),
            servers: Vec::new(),
        };
        SessionLine::new(Session::sweep(scenario()), origin, None)
    }

    fn scenario() -> Scenario {
        Scenario::parse(shipped("batch-size").unwrap()).unwrap()
    }

    fn step() -> Step {
        Step::sweep("sweep", 0, &scenario())
    }

    fn failed(trial: Trial) -> Line {
        let failure = Failure::new(Cause::Timeout { limit_s: 9 }, "slow");
        let outcome = Outcome::Failure(failure);
        Line::Trial(TrialLine { step: 1, trial, measurement: Measurement::new(9.5, outcome) })
    }

    fn done(trial: Trial) -> Line {
        let settings = &scenario().settings[trial.arm].settings;
        let report = crate::trial::report(settings, 500, 60_000.0);
        let outcome = Outcome::Report(Box::new(report));
        Line::Trial(TrialLine { step: 1, trial, measurement: Measurement::new(0.5, outcome) })
    }

    fn begun() -> Vec<Line> {
        vec![
            Line::Session(Box::new(session())),
            Line::Step(Box::new(step())),
            Line::Records(RecordsLine { scenario: 0, records: 500, pilot: None }),
        ]
    }

    fn block(index: usize) -> Vec<Line> {
        step().plan.block_trials(index).into_iter().map(done).collect()
    }

    fn resumed() -> Line {
        Line::Resumed(ResumedLine { at: "2026-01-31T12:00:00Z".into() })
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
    }

    fn told(lines: &[Vec<Line>]) -> Replay {
        parse_ledger(&text(&lines.concat())).unwrap().progress
    }

    #[test]
    fn a_written_ledger_is_read_back() {
        let ended = Line::Ended(EndedLine { ending: Ending::Complete });
        let progress = told(&[begun(), block(0), vec![ended]]);
        let recorded = progress.recorded();
        let trials: Vec<_> = recorded.trials().cloned().map(Line::Trial).collect();
        assert_eq!(trials, block(0));
        assert_eq!(recorded.session, session());
        assert_eq!(recorded.ending, Some(Ending::Complete));
        assert_eq!(progress.todo(), NextAction::Over);
    }

    #[test]
    fn rows_of_a_partial_block_are_replaced_when_it_is_repeated() {
        let half = block(1)[..4].to_vec();
        let interrupted = told(&[begun(), block(0), half.clone()]);
        assert_eq!(interrupted.todo(), NextAction::Block(1));
        let again = told(&[begun(), block(0), half, vec![resumed()], block(1)]);
        let straight = told(&[begun(), block(0), block(1)]);
        assert_eq!(again, straight);
    }

    fn all_fail(index: usize) -> Vec<Line> {
        step().plan.block_trials(index).into_iter().map(failed).collect()
    }

    #[test]
    fn a_ledger_of_the_previous_version_repeats_a_block_of_failed_runs() {
        let before = |lines: Vec<Line>| {
            let text =
                text(&lines).replacen("\"failures_count\":true", "\"failures_count\":false", 1);
            parse_ledger(&text).unwrap().progress
        };
        let progress = before([begun(), all_fail(0), vec![resumed()]].concat());
        assert_eq!(progress.todo(), NextAction::Block(0));
        assert!(progress.recorded().steps[0].blocks.is_empty());
        let again = before([begun(), all_fail(0), vec![resumed()], block(0)].concat());
        assert_eq!(again.recorded().steps[0].blocks.len(), 1);
    }

    #[test]
    fn a_block_in_which_the_baseline_failed_is_repeated_once_at_the_end() {
        let baseline = step().baseline;
        let fails = |index: usize| -> Vec<Line> {
            let trials = step().plan.block_trials(index).into_iter();
            trials
                .map(|trial| if trial.arm == baseline { failed(trial) } else { done(trial) })
                .collect()
        };
        let first = told(&[begun(), block(0), fails(1)]);
        assert_eq!(first.todo(), NextAction::Block(2));
        let ran = &first.recorded().steps[0];
        assert_eq!(ran.pending(None).last(), Some(&1));
        assert!(!ran.invalid && ran.failures().next().is_none());
        assert_eq!(first.recorded().baseline_failures().count(), 1);
        let second = told(&[begun(), block(0), fails(1), fails(2)]);
        assert_eq!(second.todo(), NextAction::Plan);
        assert!(second.recorded().steps[0].invalid);
        let reason = second.recorded().invalid_reason().unwrap();
        assert!(reason.contains("failed again: ended after 9 s: slow"), "{reason}");
    }

    #[test]
    fn an_outage_stops_the_session_and_discards_a_block_that_it_cut_off() {
        let outage = |trial: Trial| {
            let failure = Failure::new(Cause::Reset, "gone");
            let measurement = Measurement::new(0.0, Outcome::Failure(failure));
            Line::Trial(TrialLine { step: 1, trial, measurement })
        };
        let trials = step().plan.block_trials(0);
        let gone: Vec<Line> = trials.iter().copied().map(outage).collect();
        assert_eq!(told(&[begun(), gone]).todo(), NextAction::Block(0));
        let mut cut_off: Vec<Line> = trials.iter().copied().map(failed).collect();
        cut_off[5] = outage(trials[5]);
        let progress = told(&[begun(), cut_off]);
        assert_eq!(progress.todo(), NextAction::Block(1));
        assert_eq!(progress.recorded().steps[0].voided.len(), 1);
        assert_eq!(progress.recorded().steps[0].results().count(), 0);
    }

    /// A trial that no plan has.
    fn no_such_block(block: usize) -> String {
        let trial = Trial { block, ..step().plan.block_trials(0)[0] };
        text(&[done(trial)])
    }

    #[test]
    fn an_invalid_ledger_is_rejected_with_the_line() {
        let older = text(&begun()).replacen("\"format\":3", "\"format\":2", 1);
        let garbled = text(&[begun(), block(0)].concat()).replacen("\"slot\":2", "\"slot\":x", 1);
        let skipped = [begun(), block(0)[..1].to_vec(), block(0)[2..].to_vec()].concat();
        for (text, expected) in [
            (String::new(), "line 1 holds no session"),
            (text(&begun()[1..]), "line 1 holds no session"),
            (text(&[&begun()[..1], &block(0)].concat()), "line 2 is not of the step"),
            (text(&[&begun()[..2], &block(0)].concat()), "line 3 is a trial before"),
            (text(&[begun(), begun()].concat()), "line 4 is a second session"),
            (text(&[begun(), begun()[1..2].to_vec()].concat()), "line 4 is a step before"),
            (text(&begun()) + &no_such_block(0), "line 4 is not the trial"),
            (text(&begun()) + &no_such_block(usize::MAX), "line 4 is not the trial"),
            (text(&skipped), "line 5 is not the trial that the plan has there"),
            (text(&[begun(), block(0), block(0)].concat()), "line 10 is of a block that has run"),
            (older, "its format is 2, not 3"),
            (garbled, "line 5: "),
        ] {
            let message = parse_ledger(&text).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    proptest! {
        #[test]
        fn a_truncated_ledger_keeps_every_complete_line(cut in 0.0..1.0_f64) {
            let whole = text(&[begun(), block(0), block(1)].concat());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a length is a length"
            )]
            let bytes = (whole.len() as f64 * cut) as usize;
            let cut = &whole[..bytes];
            let lines = cut.matches('\n').count();
            let told = parse_ledger(cut);
            prop_assert_eq!(told.is_err(), lines == 0);
            if let Ok(told) = told {
                    prop_assert_eq!(told.whole_bytes + told.torn_bytes, bytes);
                    let recorded = told.progress.recorded();
                    prop_assert_eq!(recorded.steps.len(), usize::from(lines >= 2));
                    prop_assert_eq!(recorded.records[0].is_some(), lines >= 3);
                    let blocks = recorded.steps.first().map_or(0, |ran| ran.blocks.len());
                    prop_assert_eq!(blocks, lines.saturating_sub(3) / 6);
                }
        }
    }
}
