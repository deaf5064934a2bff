//! Text of `harness plan`: the order of all trials and their duration. For a plan of phases: its
//! steps, the steps that fit into the budget, and the order of the first sweep.

use std::fmt::Write;

use crate::experiment::tune::{Fit, Forecast, PhaseRuns, log_lines};
use crate::report::numbers::counted;
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::{truncated, wrapped};
use crate::scenario::schedule::{Randomization, Schedule};
use crate::scenario::step::Step;
use crate::scenario::{Records, Scenario};

/// Widest list of values that leaves room for the other columns.
const VALUES_WIDTH_MAX: usize = 56;

/// Order as plain text, one line per block.
pub fn order(scenario: &Scenario, plan: &Schedule) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{}: {}", scenario.name, scenario.why);
    let _ = writeln!(text, "{}", counts(scenario, plan));
    let _ = writeln!(text, "{}", how_ordered(plan));
    let _ = writeln!(text, "{}", time(scenario, plan));
    let _ = writeln!(
        text,
        "then, where the choice is not the current setting: {} of the two",
        counted(scenario.pairs, "confirmation pair")
    );
    if scenario.link.is_simulated() {
        let _ = writeln!(text, "{}", scenario.link);
    }
    text.push('\n');
    let shorts: Vec<&str> = scenario.settings.iter().map(|s| s.short.as_str()).collect();
    text + &blocks(plan, &shorts)
}

/// One line per block; `shorts` are the names of the arms.
fn blocks(plan: &Schedule, shorts: &[&str]) -> String {
    let width = shorts.iter().map(|short| short.chars().count()).max().unwrap_or(0);
    let (mut text, mut number) = (String::new(), 0);
    for block in &plan.blocks {
        number += usize::from(!block.warmup);
        let name = if block.warmup { "warm-up".into() } else { format!("block {number}") };
        let _ = write!(text, "{name:<9}");
        for arm in &block.arms {
            let _ = write!(text, "  {:>width$}", shorts.get(*arm).unwrap_or(&""));
        }
        text.push('\n');
    }
    text
}

/// Plan of phases as plain text; `first` is its first sweep.
pub fn phases(base: &Scenario, forecast: &Forecast, first: &Step) -> String {
    let budget = log_lines::time(forecast.budget_s);
    let mut parts = vec![format!("{}: {}", base.name, base.why)];
    parts.push(format!(
        "{} in at most {budget}; seed {}. Each phase sweeps its setting over what the phases before it \
         kept, chooses, and confirms a choice that is not the current setting in confirmation pairs.",
        counted(forecast.phases.len(), "phase"),
        base.seed
    ));
    if base.link.is_simulated() {
        parts.push(base.link.to_string());
    }
    let parts: Vec<String> = parts.iter().map(|part| wrapped(part)).collect();
    let mut text = parts.join("\n") + "\n\n" + &steps(forecast) + "\n" + &fits(forecast, &budget);
    let _ = writeln!(text, "\nThe order of {} with all its blocks:", first.name);
    let shorts: Vec<&str> = first.arms.iter().map(|arm| arm.setting.short.as_str()).collect();
    text + &blocks(&first.plan, &shorts)
}

/// Every step with its runs if there is enough time.
fn steps(forecast: &Forecast) -> String {
    let headings = ["step", "settings", "runs at full effort"];
    let mut table = Table::with_columns("", &headings.map(|heading| (heading, ColumnKind::Text)));
    let rows = &mut table.rows;
    rows.push(vec!["baseline".into(), String::new(), forecast.baseline_runs.to_string()]);
    rows.extend(forecast.phases.iter().map(|phase| {
        let values = format!("{} {}", phase.swept.join(" × "), phase.values.join(", "));
        vec![phase.phase.clone(), truncated(&values, VALUES_WIDTH_MAX), runs(phase)]
    }));
    rows.extend(forecast.phases.iter().filter(|phase| phase.again).map(|phase| {
        let when = "where a later phase changes the settings".to_owned();
        vec![format!("{} again", phase.phase), when, runs(phase)]
    }));
    let last = "against the baseline, where anything is kept".to_owned();
    rows.push(vec!["all kept".into(), last, forecast.last_runs.to_string()]);
    let alone = "each choice against the baseline".to_owned();
    rows.push(vec!["alone".into(), alone, format!("at most {}", forecast.alone_runs)]);
    table.to_text()
}

fn runs(phase: &PhaseRuns) -> String {
    let PhaseRuns { profile_runs, sweep_runs, pairs_runs, .. } = phase;
    let pairs = format!("{sweep_runs} + {pairs_runs} to confirm");
    if *profile_runs == 0 { pairs } else { format!("{profile_runs} of a profile, {pairs}") }
}

/// Steps that fit into the budget.
fn fits(forecast: &Forecast, budget: &str) -> String {
    let mut text = String::new();
    for phase in &forecast.phases {
        if let Some(share) = phase.parse_share_min {
            let skipped = format!(
                "{} is skipped where its profile says that parsing takes less than {:.0} % of the time.",
                phase.phase,
                share * 100.0
            );
            text += &(wrapped(&skipped) + "\n");
        }
    }
    if forecast.fits.is_empty() {
        return text + "A quick look keeps to no time.\n";
    }
    let _ = writeln!(
        text,
        "\nSteps that fit into {budget}, by the duration of a run, and the total time, by the results:"
    );
    let columns = [
        ("a run", ColumnKind::Text),
        ("blocks", ColumnKind::Figure),
        ("pairs", ColumnKind::Text),
        ("no gain found", ColumnKind::Figure),
        ("one or two found", ColumnKind::Figure),
    ];
    let mut table = Table::with_columns("", &columns);
    for Fit { run_s, blocks, pairs, least_s, expected_s } in &forecast.fits {
        let pairs: Vec<String> = pairs.iter().map(ToString::to_string).collect();
        table.rows.push(vec![
            format!("{run_s} s"),
            blocks.to_string(),
            pairs.join(" + "),
            minutes(*least_s),
            minutes(*expected_s),
        ]);
    }
    text + &table.to_text()
}

fn minutes(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

fn counts(scenario: &Scenario, plan: &Schedule) -> String {
    format!(
        "{} settings of {} in {} after {}: {} runs",
        scenario.settings.len(),
        scenario.swept.join(" × "),
        counted(scenario.runs, "block"),
        counted(scenario.warmup, "warm-up block"),
        plan.trial_count()
    )
}

fn how_ordered(plan: &Schedule) -> String {
    match plan.order {
        Randomization::Williams => format!(
            "order: Williams squares (each setting follows each other one equally often), seed {}",
            plan.seed
        ),
        Randomization::Balanced => {
            format!("order: half of the pairs in either order, seed {}", plan.seed)
        }
        Randomization::Shuffled => format!("order: every block shuffled, seed {}", plan.seed),
    }
}

fn time(scenario: &Scenario, plan: &Schedule) -> String {
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
