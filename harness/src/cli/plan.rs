//! `harness plan`: prints the runs of a scenario or plan, in order.

use serde::Serialize;

use super::resolve_scenario;
use crate::analysis::sweep::NAMES;
use crate::cli::args::{PlanArgs, PlanPart};
use crate::cli::display;
use crate::error::{Error, Result};
use crate::experiment::tune::{Forecast, first_sweep};
use crate::report;
use crate::scenario::step::Step;
use crate::session::ledger::Session;

/// Plan of a session, without its origin.
#[derive(Serialize)]
struct Planned {
    plan_hash: String,
    session: Session,
    /// The sweep; for a plan of phases, the first one.
    step: Step,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<Forecast>,
}

/// Runs the verb.
pub(crate) fn run(args: &PlanArgs) -> Result<()> {
    if resolve_scenario::is_plan(&args.scenario)? {
        return of_phases(args);
    }
    if args.part != PlanPart::default() {
        return Err(Error::usage(format!(
            "--phases and --budget apply to plans of phases; {} is a sweep",
            args.scenario
        )));
    }
    let scenario = resolve_scenario::load(&args.scenario, args.seed, args.quick)?;
    let step = Step::sweep(NAMES.sweep, 0, &scenario);
    if !args.json {
        display::result(&report::text::plan::order(&scenario, &step.plan));
        return Ok(());
    }
    let session = Session::sweep(scenario);
    let plan_hash = session.plan_hash();
    display::result(&report::pretty(&Planned { plan_hash, session, step, forecast: None })?);
    Ok(())
}

fn of_phases(args: &PlanArgs) -> Result<()> {
    let (base, tune) =
        resolve_scenario::load_plan(&args.scenario, &args.part, args.seed, args.quick)?;
    let forecast = Forecast::of(&base, &tune);
    let Some(step) = first_sweep(&base, &tune) else {
        return Err(Error::usage(format!("{} has no phase that can be swept", args.scenario)));
    };
    if !args.json {
        display::result(&report::text::plan::phases(&base, &forecast, &step));
        return Ok(());
    }
    let session = Session::tune(base, tune);
    let plan_hash = session.plan_hash();
    let forecast = Some(forecast);
    display::result(&report::pretty(&Planned { plan_hash, session, step, forecast })?);
    Ok(())
}
