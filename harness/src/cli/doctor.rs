//! `harness doctor`: checks this machine for noise and reports the smallest detectable difference.

use super::reproduce::CommandLine;
use super::resolve_program::invoked;
use super::resolve_scenario;
use super::write_results;
use crate::cli::args::DoctorArgs;
use crate::cli::display::Steps;
use crate::error::{Error, ErrorKind, Result};
use crate::experiment::doctor;
use crate::experiment::doctor::{Noise, noise};
use crate::report;
use crate::scenario;
use crate::trial::{Process, Program};

/// Runs the verb.
pub(crate) fn run(args: &DoctorArgs, command: &CommandLine) -> Result<()> {
    // Same baseline as for `harness` without a verb.
    let scenario = resolve_scenario::load(scenario::DEFAULT, None, args.quick)?;
    let program = match &args.program.migrator {
        Some(path) => Program::other(invoked(path)),
        None => Program::own()?,
    };
    let mut executor = Process::new(vec![program], std::slice::from_ref(&scenario), &args.out)?;
    let count = if args.quick { noise::QUICK_RUNS } else { noise::RUNS };
    let mut steps = Steps::new(args.quiet, "run", count);
    steps.status("inspecting the machine for some seconds");
    let mut checkup = doctor::inspect(executor.stores());
    steps.status("running the baseline");
    let runs = noise::runs(&mut executor, &scenario, count, &mut || steps.advance());
    steps.end();
    let noise = runs.and_then(|(records, runs)| Noise::of(records, &runs));
    match noise {
        Ok(noise) => checkup.noise = Some(noise),
        Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
        Err(error) => checkup.noise_unknown = Some(error.to_string()),
    }
    let document = report::build::doctor::document(&checkup, &command.to_string())?;
    write_results::show(args.output, &document, &document.analysis, || {
        Ok(report::text::doctor::text(&checkup))
    })?;
    match checkup.noise_unknown {
        None => Ok(()),
        Some(why) => Err(Error::environment(why)),
    }
}
