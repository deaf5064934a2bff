//! The run loop: requests steps from the strategy and trials from the executor, and writes the
//! ledger.

use crate::error::{Error, Result};
use crate::scenario::Records;
use crate::scenario::schedule;
use crate::scenario::schedule::Trial;
use crate::scenario::step::{Arm, Step};
use crate::session::event::{Event, Observer};
use crate::session::ledger::{EndedLine, Ending, Ledger, Line, RecordsLine, TrialLine};
use crate::session::replay::{NextAction, Replay};
use crate::session::state::DiscardedBlock;
use crate::session::strategy::{NextStep, Strategy};
use crate::trial::measurement::Measurement;
use crate::trial::{Executor, Source};

/// Runs a session from its present state to its last trial. Stops early, without an error, after a
/// block in which a run stored other rows than those before it. A discarded block is repeated at
/// the end of its step. If too many are discarded, the step is invalid, and the strategy decides on
/// the next one.
pub fn run(
    progress: Replay,
    strategy: &dyn Strategy,
    executor: &mut dyn Executor,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
) -> Result<()> {
    let sources = vec![None; progress.recorded().records.len()];
    let mut doers = Runner { progress, strategy, executor, ledger, observer, sources };
    let ran = doers.run();
    observer.observe(Event::Ended);
    ran
}

/// Context of the run loop.
struct Runner<'a> {
    progress: Replay,
    strategy: &'a dyn Strategy,
    executor: &'a mut dyn Executor,
    ledger: &'a mut Ledger,
    observer: &'a mut dyn Observer,
    /// Source of each scenario, once it exists.
    sources: Vec<Option<Source>>,
}

impl Runner<'_> {
    fn run(&mut self) -> Result<()> {
        self.check_steps()?;
        if !self.progress.recorded().steps.is_empty() {
            self.begin_step();
        }
        loop {
            match self.progress.todo() {
                NextAction::Plan => self.plan()?,
                NextAction::Records(scenario) => self.find_records(scenario)?,
                NextAction::Block(index) => self.block(index)?,
                NextAction::Differ => {
                    self.find_difference()?;
                    self.end(Ending::Differs)?;
                }
                NextAction::Over => return Ok(()),
            }
        }
    }

    /// Rejects a ledger whose steps do not follow from its own figures. It was written by another
    /// strategy, or edited.
    fn check_steps(&self) -> Result<()> {
        let recorded = self.progress.recorded();
        for (index, ran) in recorded.steps.iter().enumerate() {
            let Step { name, look, .. } = &ran.step;
            match self.strategy.next(&recorded.until(index)) {
                NextStep::Step(step) if *step == ran.step => {}
                _ => {
                    return Err(Error::usage(format!(
                        "step {} ({name}, look {look}) of the ledger is not what this plan does \
                         there; `--fresh` starts a new measurement",
                        index + 1
                    )));
                }
            }
        }
        Ok(())
    }

    /// The line is synced to the disk before it counts.
    fn write(&mut self, line: Line) -> Result<Option<DiscardedBlock>> {
        self.ledger.append(&line)?;
        let taken = self.progress.take(line);
        taken.map_err(|message| {
            Error::environment(format!("the line just written to the ledger {message}"))
        })
    }

    fn plan(&mut self) -> Result<()> {
        for text in self.strategy.remarks(self.progress.recorded()) {
            self.observer.observe(Event::Remark { text: &text });
        }
        match self.strategy.next(self.progress.recorded()) {
            NextStep::Step(step) => {
                self.write(Line::Step(step))?;
                self.begin_step();
                Ok(())
            }
            NextStep::Done(ending) => self.end(ending),
        }
    }

    fn end(&mut self, ending: Ending) -> Result<()> {
        self.write(Line::Ended(EndedLine { ending })).map(drop)
    }

    /// Records the first difference between the stores of two arms that disagree.
    fn find_difference(&mut self) -> Result<()> {
        let recorded = self.progress.recorded();
        if recorded.difference.is_some() {
            return Ok(());
        }
        let Some((scenario, arms)) = recorded.disagreeing() else {
            return Ok(());
        };
        let names = arms.each_ref().map(|arm| recorded.arm_name(arm));
        let source = self.source(scenario)?;
        let [one, other] = &names;
        match self.executor.first_difference(&source, &arms, [one, other])? {
            Some(difference) => self.write(Line::Difference(difference)).map(drop),
            None => Ok(()),
        }
    }

    fn begin_step(&mut self) {
        let recorded = self.progress.recorded();
        let ahead = self.strategy.ahead(recorded);
        if let Some(ran) = recorded.steps.last() {
            let shard = self.progress.shard();
            self.observer.observe(Event::StepBegan { ran, shard, ahead });
        }
    }

    /// The last step; it exists whenever a run is due.
    fn step(&self) -> Result<&Step> {
        let last = self.progress.recorded().steps.last().map(|ran| &ran.step);
        last.ok_or_else(|| Error::environment("there is no step to run"))
    }

    fn block(&mut self, index: usize) -> Result<()> {
        let (scenario, trials) = {
            let step = self.step()?;
            (step.scenario, step.plan.block_trials(index))
        };
        let source = self.source(scenario)?;
        let mut outages = Vec::new();
        let count = trials.len();
        for trial in trials {
            let measured = self.trial(&source, trial)?;
            let outage = measured.failure().filter(|failure| failure.is_outage());
            outages.extend(outage.map(ToString::to_string));
        }
        // The store is unreachable, and the rest of the plan would wait for it repeatedly.
        match outages.first().filter(|_| outages.len() == count) {
            Some(first) => Err(Error::environment(format!(
                "every run of a {} failed, the first with {first}",
                self.step()?.block_noun()
            ))),
            None => Ok(()),
        }
    }

    fn trial(&mut self, source: &Source, trial: Trial) -> Result<Measurement> {
        let arm = self.arm(trial.arm)?;
        let measurement = self.executor.measure(source, arm.program, &arm.setting.settings)?;
        let step = self.progress.recorded().steps.len();
        let line = TrialLine { step, trial, measurement: measurement.clone() };
        let voided = self.write(Line::Trial(line))?;
        let label = self.progress.recorded().arm_name(&arm);
        self.observer.observe(Event::TrialEnded {
            trial: &trial,
            label: &label,
            measurement: &measurement,
        });
        if let Some(voided) = voided {
            self.observer.observe(Event::Voided { reason: &voided.reason });
        }
        Ok(measurement)
    }

    fn arm(&self, index: usize) -> Result<Arm> {
        let arm = self.step()?.arms.get(index).cloned();
        arm.ok_or_else(|| Error::environment(format!("the step has no arm {index}")))
    }

    /// Determines the number of records of a scenario and records it in the ledger.
    fn find_records(&mut self, scenario: usize) -> Result<()> {
        let recorded = self.progress.recorded();
        let Some(workload) = recorded.scenario(scenario).map(|scenario| &scenario.workload) else {
            return Err(Error::environment(format!("there is no scenario {scenario}")));
        };
        let (records, pilot) = match workload.records {
            Records::Fixed(records) => (records.get(), None),
            Records::Auto { run_seconds } => {
                let least = self.strategy.min_records(recorded, scenario);
                let source = self.prepare(scenario, least.get())?;
                self.observer.observe(Event::PilotStarted);
                let pilot = self.pilot(&source)?;
                let rate = pilot.report().map(|report| report.rec_per_min);
                let records =
                    rate.map_or(least, |rate| schedule::records(run_seconds, rate, least));
                (records.get(), Some(pilot))
            }
        };
        self.write(Line::Records(RecordsLine { scenario, records, pilot })).map(drop)
    }

    /// The source of a scenario with a known number of records.
    fn source(&mut self, scenario: usize) -> Result<Source> {
        if let Some(Some(source)) = self.sources.get(scenario) {
            return Ok(source.clone());
        }
        let line = self.progress.recorded().records.get(scenario).and_then(Option::as_ref);
        let Some(records) = line.map(|line| line.records) else {
            return Err(Error::environment("it is not known how many records a run takes"));
        };
        let source = self.prepare(scenario, records)?;
        self.observer.observe(Event::RecordsKnown { records });
        if let Some(place) = self.sources.get_mut(scenario) {
            *place = Some(source.clone());
        }
        Ok(source)
    }

    fn prepare(&mut self, scenario: usize, records: u32) -> Result<Source> {
        self.observer.observe(Event::PreparingSource { records });
        self.executor.prepare(scenario, records)
    }

    /// The baseline's first run, repeated once if it fails.
    fn pilot(&mut self, source: &Source) -> Result<Measurement> {
        let baseline = self.arm(self.step()?.baseline)?;
        let settings = &baseline.setting.settings;
        let first = self.executor.measure(source, baseline.program, settings)?;
        let pilot = match first.failure() {
            None => return Ok(first),
            Some(_) => self.executor.measure(source, baseline.program, settings)?,
        };
        match pilot.failure().filter(|failure| failure.is_outage()) {
            None => Ok(pilot),
            Some(outage) => {
                Err(Error::environment(format!("the baseline's first run failed: {outage}")))
            }
        }
    }
}
