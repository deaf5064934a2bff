//! How far a measurement has come: the lines of a ledger → the blocks that count, those still to
//! run, and how it ended. Pure; the one place that says which rows of an interrupted ledger count.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::ledger::{Ending, FORMAT_VERSION, Line, PlanLine, Recorded, RecordsLine, TrialLine};
use crate::measure::Measurement;
use crate::validity::Disturbance;

/// How far a measurement has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What was planned.
    pub plan: PlanLine,
    /// How many records each run takes, once that is known.
    pub records: Option<RecordsLine>,
    /// Every block that was run to its end and is not void, in the order in which they ended.
    pub blocks: Vec<RanBlock>,
    /// Every void run of a block, in their order.
    pub voided: Vec<Voided>,
    /// How it ended, if it has.
    pub ending: Option<Ending>,
    /// Rows of the block that is running.
    running: Vec<TrialLine>,
}

/// A block whose runs were disturbed.
#[derive(Debug, Clone, PartialEq)]
pub struct Voided {
    /// Its index in the plan.
    pub index: usize,
    /// What disturbed it.
    pub disturbance: Disturbance,
}

/// A block that was run to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct RanBlock {
    /// Its index in the plan.
    pub index: usize,
    /// Its trials, in their order.
    pub trials: Vec<TrialLine>,
}

/// What a ledger's text says, and what of it cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What its whole lines say.
    pub progress: Progress,
    /// How many bytes those lines take.
    pub whole_bytes: usize,
    /// Bytes behind them: a line that was being written when the harness or the machine died.
    pub torn_bytes: usize,
}

impl Progress {
    /// Of a measurement that is about to begin.
    pub fn of(plan: PlanLine) -> Self {
        let (blocks, voided, running) = (Vec::new(), Vec::new(), Vec::new());
        Self { plan, records: None, blocks, voided, ending: None, running }
    }

    /// Indices of the blocks that are still to run, in the order in which they run: void ones at
    /// the end.
    pub fn pending(&self) -> Vec<usize> {
        let ran = |index: &usize| self.blocks.iter().any(|block| block.index == *index);
        let times_void = |index: &usize| {
            let place = self.voided.iter().rposition(|voided| voided.index == *index);
            place.map_or(0, |place| place + 1)
        };
        let ours = self.plan.plan.blocks_of(self.plan.shard);
        let mut pending: Vec<usize> = ours.into_iter().filter(|index| !ran(index)).collect();
        pending.sort_by_key(times_void);
        pending
    }

    /// How many blocks of this measurement are counted.
    pub fn counted(&self) -> usize {
        let blocks = self.plan.plan.blocks_of(self.plan.shard);
        blocks.iter().filter(|index| !self.plan.plan.blocks[**index].warmup).count()
    }

    /// Everything that the complete blocks hold. An error where no run has begun.
    pub fn recorded(self) -> Result<Recorded> {
        let Some(records) = self.records else {
            return Err(Error::environment("it ends before its first run"));
        };
        let trials = self.blocks.into_iter().flat_map(|block| block.trials).collect();
        let voided = self.voided.iter().map(|voided| voided.disturbance.to_string()).collect();
        let invalid = self.ending == Some(Ending::Invalid);
        Ok(Recorded { plan: self.plan, records, trials, voided, invalid })
    }

    /// Takes in the next line; refuses one that cannot stand there.
    fn take(&mut self, line: Line) -> std::result::Result<(), String> {
        if self.ending.is_some() {
            return Err("follows the end".into());
        }
        match line {
            Line::Plan(_) => return Err("is a second plan".into()),
            Line::Records(records) => {
                if self.records.replace(records).is_some() {
                    return Err("says again how many records a run takes".into());
                }
            }
            Line::Trial(trial) => self.take_trial(trial)?,
            // An unfinished block is run again whole: half of it ran in other surroundings.
            Line::Resumed(_) => self.running.clear(),
            Line::Ended(ended) => self.ending = Some(ended.ending),
        }
        Ok(())
    }

    fn take_trial(&mut self, line: TrialLine) -> std::result::Result<(), String> {
        if self.records.is_none() {
            return Err("is a trial before it is known how many records a run takes".into());
        }
        let plan = &self.plan.plan;
        let index = match self.running.first() {
            Some(first) => plan.block_of(&first.trial),
            None => plan.block_of(&line.trial),
        };
        let planned = plan.block_trials(index);
        if planned.get(self.running.len()) != Some(&line.trial) {
            return Err("is not the trial that the plan has there".into());
        }
        if self.blocks.iter().any(|block| block.index == index) {
            return Err("is of a block that has run".into());
        }
        self.running.push(line);
        if self.running.len() == planned.len() {
            let trials = std::mem::take(&mut self.running);
            self.end_block(RanBlock { index, trials });
        }
        Ok(())
    }
}

impl Progress {
    fn end_block(&mut self, block: RanBlock) {
        let measured: Vec<&Measurement> =
            block.trials.iter().map(|line| &line.measurement).collect();
        // A block in which nothing worked ended the measurement and says nothing of settings.
        if measured.iter().all(|measurement| measurement.report().is_none()) {
            return;
        }
        let index = block.index;
        match self.plan.disturbance(index, &measured) {
            Some(disturbance) => self.voided.push(Voided { index, disturbance }),
            None => self.blocks.push(block),
        }
    }
}

/// What a ledger's text says. A last line without its end is torn and left out; any other line that
/// cannot be read is refused with its number.
pub fn tell(text: &str) -> std::result::Result<Told, String> {
    let whole_bytes = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole_bytes].lines().enumerate();
    let Some((_, first)) = lines.next() else {
        return Err("line 1 holds no plan".into());
    };
    let Line::Plan(plan) = parse_line(1, first)? else {
        return Err("line 1 holds no plan".into());
    };
    let mut progress = Progress::of(*plan);
    for (index, line) in lines {
        let number = index + 1;
        let line = parse_line(number, line)?;
        progress.take(line).map_err(|message| format!("line {number} {message}"))?;
    }
    Ok(Told { progress, whole_bytes, torn_bytes: text.len() - whole_bytes })
}

/// What every format's first line has.
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
    use crate::ledger::{EndedLine, Origin, ResumedLine};
    use crate::measure::{Cause, Failure, Measurement, Outcome};
    use crate::plan::{Plan, Trial};
    use crate::scenario::{Scenario, shipped};

    fn plan_line() -> PlanLine {
        let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
        PlanLine {
            format: FORMAT_VERSION,
            origin: Origin { revision: "r".into(), host: Some("h".into()), program: "p".into() },
            plan_hash: crate::plan::hash(&scenario),
            plan: Plan::of(&scenario),
            scenario,
            shard: None,
        }
    }

    fn failed(trial: Trial) -> Line {
        let failure = Failure { cause: Cause::Timeout { limit_s: 9 }, detail: "slow".into() };
        let outcome = Outcome::Failure(failure);
        Line::Trial(TrialLine { trial, measurement: Measurement::new(9.5, outcome) })
    }

    fn done(trial: Trial) -> Line {
        let settings = &plan_line().scenario.settings[trial.setting].settings;
        let report = crate::executor::report(settings, 500, 60_000.0);
        let outcome = Outcome::Report(Box::new(report));
        Line::Trial(TrialLine { trial, measurement: Measurement::new(0.5, outcome) })
    }

    fn begun() -> Vec<Line> {
        vec![
            Line::Plan(Box::new(plan_line())),
            Line::Records(RecordsLine { records: 500, pilot: None }),
        ]
    }

    fn block(index: usize) -> Vec<Line> {
        plan_line().plan.block_trials(index).into_iter().map(done).collect()
    }

    fn resumed() -> Line {
        Line::Resumed(ResumedLine { at: "2026-01-31T12:00:00Z".into() })
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
    }

    fn told(lines: &[Vec<Line>]) -> Progress {
        tell(&text(&lines.concat())).unwrap().progress
    }

    #[test]
    fn what_was_written_is_read_back() {
        let ended = Line::Ended(EndedLine { ending: Ending::Complete });
        let progress = told(&[begun(), block(0), vec![ended]]);
        let trials: Vec<_> = progress.blocks[0].trials.iter().cloned().map(Line::Trial).collect();
        assert_eq!(trials, block(0));
        assert_eq!(progress.plan, plan_line());
        assert_eq!(progress.ending, Some(Ending::Complete));
        assert_eq!(progress.recorded().unwrap().trials.len(), 6);
    }

    #[test]
    fn rows_of_an_unfinished_block_give_way_to_those_of_its_second_run() {
        let half = block(1)[..4].to_vec();
        let interrupted = told(&[begun(), block(0), half.clone()]);
        assert_eq!(interrupted.pending()[0], 1);
        let again = told(&[begun(), block(0), half, vec![resumed()], block(1)]);
        let straight = told(&[begun(), block(0), block(1)]);
        assert_eq!(again, straight);
    }

    #[test]
    fn a_block_in_which_every_run_failed_is_run_again() {
        let trials = plan_line().plan.block_trials(0);
        let dead: Vec<_> = trials.into_iter().map(failed).collect();
        let progress = told(&[begun(), dead, vec![resumed()]]);
        assert_eq!(progress.pending()[0], 0);
        assert!(progress.blocks.is_empty());
    }

    /// A trial that no plan has.
    fn no_such_block(block: usize) -> String {
        let trial = Trial { block, ..plan_line().plan.block_trials(0)[0] };
        text(&[done(trial)])
    }

    #[test]
    fn what_is_no_ledger_is_refused_with_the_line() {
        let older = text(&begun()).replacen("\"format\":2", "\"format\":1", 1);
        let garbled = text(&[begun(), block(0)].concat()).replacen("\"slot\":2", "\"slot\":x", 1);
        let skipped = [begun(), block(0)[..1].to_vec(), block(0)[2..].to_vec()].concat();
        for (text, expected) in [
            (String::new(), "line 1 holds no plan"),
            (text(&begun()[1..]), "line 1 holds no plan"),
            (text(&[&begun()[..1], &block(0)].concat()), "line 2 is a trial before"),
            (text(&[begun(), begun()].concat()), "line 3 is a second plan"),
            (text(&begun()) + &no_such_block(0), "line 3 is not the trial"),
            (text(&begun()) + &no_such_block(usize::MAX), "line 3 is not the trial"),
            (text(&skipped), "line 4 is not the trial that the plan has there"),
            (text(&[begun(), block(0), block(0)].concat()), "line 9 is of a block that has run"),
            (older, "its format is 1, not 2"),
            (garbled, "line 4: "),
        ] {
            let message = tell(&text).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    proptest! {
        #[test]
        fn a_ledger_cut_anywhere_keeps_every_whole_line(cut in 0.0..1.0_f64) {
            let whole = text(&[begun(), block(0), block(1)].concat());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a length is a length"
            )]
            let bytes = (whole.len() as f64 * cut) as usize;
            let cut = &whole[..bytes];
            let lines = cut.matches('\n').count();
            let told = tell(cut);
            prop_assert_eq!(told.is_err(), lines == 0);
            if let Ok(told) = told {
                    prop_assert_eq!(told.whole_bytes + told.torn_bytes, bytes);
                    prop_assert_eq!(told.progress.records.is_some(), lines >= 2);
                    prop_assert_eq!(told.progress.blocks.len(), lines.saturating_sub(2) / 6);
                }
        }
    }
}
