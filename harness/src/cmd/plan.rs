//! `harness plan`: the order of a scenario's runs.

use super::load;
use crate::args::PlanArgs;
use crate::display;
use crate::error::Result;
use crate::ledger::{FORMAT_VERSION, PlanLine};
use crate::plan::{self, Plan};
use crate::render;

/// Runs the verb.
pub fn run(args: &PlanArgs) -> Result<()> {
    let scenario = load::load(&args.scenario, args.seed, args.quick)?;
    let plan = Plan::of(&scenario);
    if !args.json {
        display::result(&render::order::order(&scenario, &plan));
        return Ok(());
    }
    // What the first line of a ledger would say.
    let plan_hash = plan::hash(&scenario);
    let line = PlanLine { format: FORMAT_VERSION, plan_hash, scenario, plan };
    display::result(&render::pretty(&line)?);
    Ok(())
}
