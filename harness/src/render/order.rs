//! What `harness plan` shows: the order of all trials and how long they take.

use std::fmt::Write;

use super::format::counted;
use crate::plan::{Order, Plan};
use crate::scenario::{Records, Scenario};

/// The order as plain text, a line per block.
pub fn order(scenario: &Scenario, plan: &Plan) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{}: {}", scenario.name, scenario.why);
    let _ = writeln!(text, "{}", counts(scenario, plan));
    let _ = writeln!(text, "{}", how_ordered(plan));
    let _ = writeln!(text, "{}", time(scenario, plan));
    let _ = writeln!(
        text,
        "then, where the choice is not the present setting: {} of the two",
        counted(scenario.pairs, "fresh pair")
    );
    if scenario.link.is_simulated() {
        let _ = writeln!(text, "{}", scenario.link);
    }
    text.push('\n');
    let width = scenario.settings.iter().map(|s| s.short.chars().count()).max().unwrap_or(0);
    let mut number = 0;
    for block in &plan.blocks {
        number += usize::from(!block.warmup);
        let name = if block.warmup { "warm-up".into() } else { format!("block {number}") };
        let _ = write!(text, "{name:<9}");
        for setting in &block.arms {
            let _ = write!(text, "  {:>width$}", scenario.settings[*setting].short);
        }
        text.push('\n');
    }
    text
}

fn counts(scenario: &Scenario, plan: &Plan) -> String {
    format!(
        "{} settings of {} in {} after {}: {} runs",
        scenario.settings.len(),
        scenario.swept.join(" × "),
        counted(scenario.runs, "block"),
        counted(scenario.warmup, "warm-up block"),
        plan.trial_count()
    )
}

fn how_ordered(plan: &Plan) -> String {
    match plan.order {
        Order::Williams => format!(
            "order: Williams squares (each setting follows each other one equally often), seed {}",
            plan.seed
        ),
        Order::Balanced => format!("order: half of the pairs in either order, seed {}", plan.seed),
        Order::Shuffled => format!("order: every block shuffled, seed {}", plan.seed),
    }
}

fn time(scenario: &Scenario, plan: &Plan) -> String {
    match scenario.workload.records {
        Records::Auto { run_seconds } => format!(
            "expected time: {:.0} s or more, on as many records as make a run last {run_seconds} s",
            run_seconds * plan.trial_count() as f64
        ),
        Records::Fixed(records) => {
            format!("expected time: what {} runs of {records} records take", plan.trial_count())
        }
    }
}
