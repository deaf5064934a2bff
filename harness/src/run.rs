//! The loop: asks the executor for every trial of the plan and writes the ledger. No arithmetic on
//! figures, no printing.

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::executor::{Executor, Source};
use crate::ledger::{EndedLine, Ending, Ledger, Line, PlanLine, RecordsLine, TrialLine};
use crate::measure::{Measurement, Outcome, Stored};
use crate::plan::{self, Trial};
use crate::progress::Progress;
use crate::scenario::{Records, Scenario};
use crate::stats::validity::voids_too_many;

/// Runs what is left of a plan to its last trial. Stops early, without an error, at the end of a
/// block in which a run stored something else than those before it: there is nothing to compare.
/// A void block is run again at the end; where too many are, the measurement ends as invalid.
pub fn run(
    progress: &Progress,
    executor: &mut dyn Executor,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
) -> Result<()> {
    let mut doers = Doers { executor, ledger, observer };
    let ran = doers.run(progress);
    observer.observe(Event::Ended);
    ran
}

/// What the loop works with.
struct Doers<'a> {
    executor: &'a mut dyn Executor,
    ledger: &'a mut Ledger,
    observer: &'a mut dyn Observer,
}

impl Doers<'_> {
    fn run(&mut self, progress: &Progress) -> Result<()> {
        let source = match &progress.records {
            Some(line) => self.source(line.records)?,
            None => self.find_records(&progress.plan.scenario)?,
        };
        let known = Event::RecordsKnown { records: source.records, ran: progress.blocks.len() };
        self.observer.observe(known);
        let ending = self.blocks(progress, &source)?;
        self.ledger.append(&Line::Ended(EndedLine { ending }))
    }

    /// Runs every block that has not run.
    fn blocks(&mut self, progress: &Progress, source: &Source) -> Result<Ending> {
        let mut stored = None;
        for ran in &progress.blocks {
            if !agree(ran.trials.iter().map(|line| &line.measurement), &mut stored) {
                return Ok(Ending::Differs);
            }
        }
        let mut pending = VecDeque::from(progress.pending());
        let mut voided = progress.voided.len();
        while !voids_too_many(voided, progress.counted()) {
            let Some(index) = pending.pop_front() else {
                return Ok(Ending::Complete);
            };
            let measured = self.block(&progress.plan, source, index)?;
            if !agree(measured.iter(), &mut stored) {
                return Ok(Ending::Differs);
            }
            let measured: Vec<&Measurement> = measured.iter().collect();
            if let Some(disturbance) = progress.plan.disturbance(index, &measured) {
                self.observer.observe(Event::Voided { disturbance: &disturbance });
                pending.push_back(index);
                voided += 1;
            }
        }
        Ok(Ending::Invalid)
    }

    fn block(
        &mut self,
        plan: &PlanLine,
        source: &Source,
        index: usize,
    ) -> Result<Vec<Measurement>> {
        let trials = plan.plan.block_trials(index).into_iter();
        let measured: Result<Vec<Measurement>> =
            trials.map(|trial| self.trial(&plan.scenario, source, trial)).collect();
        let measured = measured?;
        refuse_a_block_of_failures(&measured)?;
        Ok(measured)
    }

    /// Finds the number of records, notes it in the ledger and makes their source.
    fn find_records(&mut self, scenario: &Scenario) -> Result<Source> {
        let (source, pilot) = match scenario.workload.records {
            Records::Fixed(records) => (self.source(records.get())?, None),
            Records::Auto { run_seconds } => {
                let least = plan::records_least(&scenario.settings);
                let source = self.source(least.get())?;
                self.observer.observe(Event::PilotStarted);
                let (pilot, rec_per_min) = self.pilot(scenario, &source)?;
                let records = plan::records(run_seconds, rec_per_min, least);
                let enough = records == least;
                (if enough { source } else { self.source(records.get())? }, Some(pilot))
            }
        };
        self.ledger.append(&Line::Records(RecordsLine { records: source.records, pilot }))?;
        Ok(source)
    }

    fn source(&mut self, records: u32) -> Result<Source> {
        self.observer.observe(Event::PreparingSource { records });
        self.executor.prepare(records)
    }

    /// The baseline's first run and its records per minute.
    fn pilot(&mut self, scenario: &Scenario, source: &Source) -> Result<(Measurement, f64)> {
        let settings = &scenario.settings[scenario.baseline].settings;
        let pilot = self.executor.measure(source, settings)?;
        match &pilot.outcome {
            Outcome::Report(report) => {
                let rec_per_min = report.rec_per_min;
                Ok((pilot, rec_per_min))
            }
            Outcome::Failure(failure) => {
                Err(Error::environment(format!("the baseline's first run failed: {failure}")))
            }
        }
    }

    fn trial(&mut self, scenario: &Scenario, source: &Source, trial: Trial) -> Result<Measurement> {
        let settings = &scenario.settings[trial.setting].settings;
        let measurement = self.executor.measure(source, settings)?;
        let line = TrialLine { trial, measurement: measurement.clone() };
        self.ledger.append(&Line::Trial(line))?;
        self.observer.observe(Event::TrialEnded { trial: &trial, measurement: &measurement });
        Ok(measurement)
    }
}

/// Where nothing works, waiting for the rest of the plan helps nobody.
fn refuse_a_block_of_failures(measured: &[Measurement]) -> Result<()> {
    if measured.iter().any(|measurement| measurement.report().is_some()) {
        return Ok(());
    }
    let Some(failure) = measured.iter().find_map(Measurement::failure) else {
        return Ok(());
    };
    Err(Error::environment(format!("every run of a block failed, the first with {failure}")))
}

/// Whether all runs so far stored the same; the first one says what.
fn agree<'a>(measured: impl Iterator<Item = &'a Measurement>, stored: &mut Option<Stored>) -> bool {
    let mut reports = measured.filter_map(Measurement::report).map(Stored::of);
    reports.all(|this| *stored.get_or_insert_with(|| this.clone()) == this)
}
