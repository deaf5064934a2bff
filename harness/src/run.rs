//! The loop: asks the executor for every trial of the plan and writes the ledger. No arithmetic on
//! figures, no printing.

use std::num::NonZeroU32;

use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::executor::{Executor, Source};
use crate::ledger::{Ledger, Line, RecordsLine, TrialLine};
use crate::measure::{Measurement, Outcome, Stored};
use crate::plan::{self, Plan, Trial};
use crate::scenario::{Records, Scenario};

/// Runs a plan from its first trial to its last. Stops early, without an error, at the end of a
/// block in which a run stored something else than those before it: there is nothing to compare.
pub fn run(
    scenario: &Scenario,
    plan: &Plan,
    executor: &mut dyn Executor,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
) -> Result<()> {
    let mut doers = Doers { executor, ledger, observer };
    let ran = doers.run(scenario, plan);
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
    fn run(&mut self, scenario: &Scenario, plan: &Plan) -> Result<()> {
        let source = self.prepare(scenario)?;
        self.observer.observe(Event::RecordsKnown { records: source.records });
        let mut stored = None;
        let mut trials = plan.trials();
        for block in &plan.blocks {
            let trials = trials.by_ref().take(block.settings.len());
            let measured: Result<Vec<Measurement>> =
                trials.map(|trial| self.trial(scenario, &source, trial)).collect();
            let measured = measured?;
            refuse_a_block_of_failures(&measured)?;
            if !agree(&measured, &mut stored) {
                break;
            }
        }
        Ok(())
    }

    /// Finds the number of records, notes it in the ledger and makes their source.
    fn prepare(&mut self, scenario: &Scenario) -> Result<Source> {
        let (source, pilot) = match scenario.workload.records {
            Records::Fixed(records) => (self.source(records)?, None),
            Records::Auto { run_seconds } => {
                let least = plan::records_least(&scenario.settings);
                let source = self.source(least)?;
                self.observer.observe(Event::PilotStarted);
                let (pilot, rec_per_min) = self.pilot(scenario, &source)?;
                let records = plan::records(run_seconds, rec_per_min, least);
                let enough = records == least;
                (if enough { source } else { self.source(records)? }, Some(pilot))
            }
        };
        self.ledger.append(&Line::Records(RecordsLine { records: source.records, pilot }))?;
        Ok(source)
    }

    fn source(&mut self, records: NonZeroU32) -> Result<Source> {
        self.observer.observe(Event::PreparingSource { records: records.get() });
        self.executor.prepare(records.get())
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
fn agree(measured: &[Measurement], stored: &mut Option<Stored>) -> bool {
    let mut reports = measured.iter().filter_map(Measurement::report).map(Stored::of);
    reports.all(|this| *stored.get_or_insert_with(|| this.clone()) == this)
}
