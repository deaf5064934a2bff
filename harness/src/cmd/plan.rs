//! `harness plan`: the order of a scenario's runs.

use serde::Serialize;

use super::load;
use crate::analyse::NAMES;
use crate::args::PlanArgs;
use crate::display;
use crate::error::Result;
use crate::ledger::Session;
use crate::render;
use crate::step::Step;

/// What the first lines of a ledger would say, but for who measures.
#[derive(Serialize)]
struct Planned {
    plan_hash: String,
    session: Session,
    step: Step,
}

/// Runs the verb.
pub fn run(args: &PlanArgs) -> Result<()> {
    let scenario = load::load(&args.scenario, args.seed, args.quick)?;
    let step = Step::sweep(NAMES.sweep, 0, &scenario);
    if !args.json {
        display::result(&render::order::order(&scenario, &step.plan));
        return Ok(());
    }
    let session = Session::sweep(scenario);
    let plan_hash = session.plan_hash();
    display::result(&render::pretty(&Planned { plan_hash, session, step })?);
    Ok(())
}
