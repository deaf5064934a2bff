//! `harness plan`: the order of a scenario's runs.

use serde::Serialize;

use super::load;
use crate::args::PlanArgs;
use crate::display;
use crate::error::Result;
use crate::plan::{self, Plan};
use crate::render;
use crate::scenario::Scenario;

/// What the first line of a ledger would say, but for who measures.
#[derive(Serialize)]
struct Planned {
    plan_hash: String,
    scenario: Scenario,
    plan: Plan,
}

/// Runs the verb.
pub fn run(args: &PlanArgs) -> Result<()> {
    let scenario = load::load(&args.scenario, args.seed, args.quick)?;
    let plan = Plan::of(&scenario);
    if !args.json {
        display::result(&render::order::order(&scenario, &plan));
        return Ok(());
    }
    let plan_hash = plan::hash(&scenario);
    display::result(&render::pretty(&Planned { plan_hash, scenario, plan })?);
    Ok(())
}
