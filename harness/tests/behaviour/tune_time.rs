//! Tune plans without processes against their time limit: sample sizes, skipped steps, and the
//! forecast of `harness plan`.

use crate::common::harness;
use crate::tune::{Runs, measured, phase, plan, some_help};
use harness::experiment::tune::{Forecast, RemainingWork, SampleSizes, first_sweep};
use harness::report;
use harness::scenario::tune_plan::{Tune, shipped};
use harness::session::budget::Time;
use harness::session::ledger::Ending;
use harness::stats::verdict::Verdict;
use serde_json::{Value, json};

#[test]
fn a_plan_uses_and_keeps_its_budget_and_lists_skipped_steps() {
    let mut before = usize::MAX;
    for (budget_s, whole) in [(840, true), (300, false), (60, false)] {
        let (recorded, tuning) = measured(&plan("phase2", budget_s), Runs::of(some_help));
        assert_eq!(recorded.ending, Some(Ending::Complete));
        let trials = recorded.trials().count();
        assert!(tuning.used_s <= budget_s as f64, "{} s of {budget_s}", tuning.used_s);
        assert!(whole || tuning.used_s >= 0.7 * budget_s as f64, "{} s", tuning.used_s);
        assert!(trials <= before, "{trials} trials in {budget_s} s");
        before = trials;
        assert_eq!(
            tuning.skipped_for_time.is_empty(),
            whole,
            "{budget_s} s: {:?}",
            tuning.skipped_for_time
        );
        // The number of pairs never falls below the minimum that can be tested.
        for ran in recorded.steps.iter().filter(|ran| ran.step.is_comparison()) {
            assert!(ran.step.counted(None) >= 8 || ran.step.look > 1);
        }
        // Any kept setting was measured against the baseline.
        assert!(tuning.final_test().is_some() || tuning.is_unchanged());
        assert_eq!(tuning.phases.iter().filter(|tuned| !tuned.again).count(), 5);
        let said = report::text::tune::summary(&tuning, "results/x").unwrap();
        let left_out = said.contains("left out for want of time");
        assert_eq!(left_out, !whole, "{said}");
    }
}

#[test]
fn more_time_buys_more_looks_and_less_time_fewer_blocks() {
    let left = RemainingWork { sweeps: vec![6, 3, 4, 4, 3], profiles: 1, again: vec![6], alone: 4 };
    let effort = |left_s| {
        let (base, _) = plan("phase2", 840);
        let effort = SampleSizes::fit(&base, &left, Time { left_s, run_s: 1.2 }, Some(0.02));
        assert!(effort.pairs_tell_percent.unwrap() > effort.spread_percent.unwrap());
        (effort.runs, effort.pairs)
    };
    assert_eq!(effort(36_000.0), (10, vec![10, 6, 4, 10]));
    assert_eq!(effort(800.0), (10, vec![10, 6]));
    assert_eq!(effort(600.0), (10, vec![10]));
    let cut = effort(290.0);
    assert!((6..10).contains(&cut.0) && cut.1 == [10], "{cut:?}");
    assert_eq!(effort(10.0), (4, vec![8]));
}

/// Most of a run is waiting: 5 s of the baseline. A kept connection brings 7 %, and a cache sends a
/// third of the queries.
fn behind_a_link(settings: &Value) -> f64 {
    let batch = match settings["batch_size"].as_u64().unwrap() {
        50 => 0.85,
        200 => 0.94,
        _ => 1.0,
    };
    let pool = if settings["pool"] == "off" { 1.0 } else { 1.07 };
    let cache = if settings["cache"] == "off" { 1.0 } else { 3.2 };
    0.2 * batch * pool * cache
}

#[test]
fn over_a_simulated_network_pool_and_cache_are_found_within_the_budget() {
    let (_, own) = Tune::parse(shipped("phase2-link").unwrap()).unwrap();
    let planned = plan("phase2-link", own.budget_s.get());
    let runs = Runs { parse_share: 0.02, ..Runs::of(behind_a_link) };
    let (_, tuning) = measured(&planned, runs);
    for name in ["II.2", "II.4"] {
        assert_eq!(phase(&tuning, name).verdict(), Some(Verdict::Improved), "{name}");
    }
    assert_eq!(tuning.final_test().unwrap().decided(), Some(Verdict::Improved));
    assert!(tuning.skipped_for_time.is_empty(), "{:?}", tuning.skipped_for_time);
    assert!(tuning.used_s <= own.budget_s.get() as f64, "{} s", tuning.used_s);
}

#[test]
fn the_forecast_of_a_plan_shows_the_steps_and_the_time_they_take() {
    for name in ["phase2", "phase2-link"] {
        let (base, tune) = Tune::parse(shipped(name).unwrap()).unwrap();
        let forecast = Forecast::of(&base, &tune);
        let first = first_sweep(&base, &tune).unwrap();
        let text = report::text::plan::phases(&base, &forecast, &first);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        insta::assert_snapshot!(format!("plan-{name}"), text);
    }
}

#[test]
fn harness_plan_accepts_tune_plans_and_single_phases() {
    let said = |arguments: &[&str], code: i32| {
        let ran = harness().arg("plan").args(arguments).assert().code(code);
        let output = ran.get_output();
        let bytes = if code == 0 { &output.stdout } else { &output.stderr };
        String::from_utf8_lossy(bytes).into_owned()
    };
    let part = said(&["phase2", "--phases", "II.1,II.5", "--budget", "5m"], 0);
    assert!(part.contains("2 phases in at most 5 min") && !part.contains("II.3"), "{part}");
    let quick = said(&["phase2", "--quick"], 0);
    assert!(quick.contains("A quick look keeps to no time"), "{quick}");
    let json: Value = serde_json::from_str(&said(&["phase2", "--json"], 0)).unwrap();
    assert_eq!(json["forecast"]["phases"][0]["sweep_runs"], 66);
    assert_eq!(
        (&json["step"]["name"], &json["session"]["name"]),
        (&json!("II.1"), &json!("phase2"))
    );
    let refused = said(&["batch-size", "--budget", "5m"], 2);
    assert!(refused.contains("apply to plans of phases; batch-size is a sweep"), "{refused}");
}
