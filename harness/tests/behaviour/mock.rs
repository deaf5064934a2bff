//! Whole sweeps without processes: ledger, analysis and every report for known runs.

use std::time::Duration;

use crate::common::{document, done, failure, mock_sweep, noisy_runs};
use clap::ValueEnum;
use harness::analysis::sweep::{Analysis, Caveat, analyse};
use harness::error::{ErrorKind, Result};
use harness::report::charts::Charts;
use harness::report::model::Document;
use harness::report::text::{plan, sweep, words};
use harness::report::{Format, files, html, markdown, metrics, render};
use harness::scenario::metric::Metric;
use harness::scenario::{Link, Scenario, shipped};
use harness::session::ledger::Ending;
use harness::trial::measurement::{Measurement, SystemLoad};
use harness::trial::{Source, report};
use migrator::config::Settings;

fn batch_size() -> Scenario {
    Scenario::parse(shipped("batch-size").unwrap()).unwrap()
}

fn analysed() -> Analysis {
    analyse(&mock_sweep(&batch_size(), noisy_runs()).unwrap()).unwrap()
}

fn documented() -> Document {
    document(&mock_sweep(&batch_size(), noisy_runs()).unwrap())
}

#[test]
fn the_same_runs_give_the_same_bytes_of_every_file() {
    let analysis = analysed();
    assert_eq!(analysis, analysed());
    let document = documented();
    assert_eq!(files(&document).unwrap(), files(&documented()).unwrap());
    insta::assert_snapshot!("metrics.json", metrics(&document).unwrap());
    insta::assert_snapshot!("report_markdown", markdown(&document).unwrap());
    insta::assert_snapshot!(
        "table",
        sweep::table(&analysis) + &words::summary(&analysis, "results/x")
    );
}

#[test]
fn the_charts_hold_every_run_and_every_setting_as_text() {
    let document = documented();
    let charts = Charts::of(&document).unwrap();
    let svg = |name: &str| &charts.iter().find(|chart| chart.name == name).unwrap().svg;
    let rates = svg("rec-per-min");
    let settings = &document.phases[0].settings;
    for setting in settings {
        assert!(rates.contains(&format!("\n{}\n", setting.short)), "{}", setting.short);
    }
    let runs: usize = settings.iter().map(|setting| setting.runs.len()).sum();
    // One circle for each run, one for the legend.
    assert_eq!(rates.matches("<circle").count(), runs + 1);
    let times = svg("insert-prepare");
    assert_eq!(times.matches("<circle").count(), runs + settings.len() + 1);
    assert_eq!(times.matches("<polygon").count(), runs + settings.len() + 1);
    assert!(!rates.contains("font-face") && rates.contains("sans-serif"));
}

#[test]
fn every_planned_trial_is_in_the_ledger_with_its_whole_report() {
    let scenario = batch_size();
    let recorded = mock_sweep(&scenario, noisy_runs()).unwrap();
    let names: Vec<&str> = recorded.steps.iter().map(|ran| ran.step.name.as_str()).collect();
    assert_eq!(names, ["sweep", "confirmation"]);
    let records = recorded.records[0].as_ref().unwrap();
    assert_eq!(records.records, 8000);
    assert!(records.pilot.is_some());
    for ran in &recorded.steps {
        assert_eq!(ran.trials().count(), ran.step.plan.trial_count());
        for (line, trial) in ran.trials().zip(ran.step.plan.trials()) {
            assert_eq!(line.trial, trial);
            let settings = &line.measurement.report().unwrap().settings;
            assert_eq!(*settings, ran.step.arms[trial.arm].setting.settings);
        }
    }
    let settings = |index: usize| &scenario.settings[index].settings;
    let swept = recorded.steps[0].step.arms.iter().map(|arm| &arm.setting.settings);
    assert!(swept.eq((0..6).map(settings)));
}

#[test]
fn warmup_runs_are_in_the_ledger_and_not_in_the_figures() {
    let mut run = 0;
    let recorded = mock_sweep(&batch_size(), move |source, settings| {
        run += 1;
        // The baseline run and the six runs of the warm-up are slow.
        let rate = if run <= 7 { 1000.0 } else { 600_000.0 };
        Ok(done(report(settings, source.records, rate)))
    });
    let analysis = analyse(&recorded.unwrap()).unwrap();
    for summary in &analysis.settings {
        assert_eq!(summary.runs, 10);
        assert!(summary.metrics.rec_per_min.values.iter().all(|rate| *rate > 500_000.0));
    }
}

#[test]
fn the_improvement_compares_medians_and_every_value_is_kept() {
    let analysis = analysed();
    let (baseline, highest) = (analysis.baseline(), analysis.highest());
    assert_eq!(baseline.setting.label, "batch_size=1000");
    let ratio = highest.metrics.rec_per_min.median / baseline.metrics.rec_per_min.median;
    assert!((highest.vs_baseline_percent - (ratio - 1.0) * 100.0).abs() < 1e-9);
    assert!(baseline.vs_baseline_percent.abs() < 1e-9);
    for summary in &analysis.settings {
        assert_eq!(summary.metrics.rec_per_min.values.len(), 10);
        let rate = |s: &harness::analysis::sweep::SettingSummary| s.metrics.rec_per_min.median;
        assert!(rate(summary) <= rate(highest));
    }
}

#[test]
fn times_per_1000_records_are_the_sums_of_the_stages() {
    let scenario = batch_size();
    let recorded = mock_sweep(&scenario, |source, settings| {
        Ok(done(report(settings, source.records, 600_000.0)))
    });
    let analysis = analyse(&recorded.unwrap()).unwrap();
    // 1,000 records take 100 ms, 200 ms of two workers: 60 % inserting, 30 % preparing, 5 %
    // coercing.
    let metrics = &analysis.baseline().metrics;
    for (estimate, expected) in
        [(Metric::Insert, 120.0), (Metric::Prepare, 60.0), (Metric::Coerce, 10.0)]
    {
        let estimate = metrics.get(estimate).unwrap();
        assert!((estimate.median - expected).abs() < 0.001, "{}", estimate.median);
    }
    let commit = analysis.baseline().stage_ms_per_1000_records["commit"];
    assert!((commit - 20.0).abs() < 0.001, "{commit}");
}

#[test]
fn a_failed_trial_is_a_row_of_the_ledger_and_a_caveat() {
    let mut run = 0;
    let recorded = mock_sweep(&batch_size(), move |source, settings| {
        run += 1;
        let report = report(settings, source.records, 600_000.0);
        Ok(if run == 20 { failure() } else { done(report) })
    })
    .unwrap();
    assert_eq!(recorded.steps[0].trials().count(), 66);
    let failed: Vec<_> =
        recorded.trials().filter(|line| line.measurement.failure().is_some()).collect();
    assert_eq!(failed.len(), 1);
    let analysis = analyse(&recorded).unwrap();
    assert_eq!(analysis.failed.len(), 1);
    assert_eq!(analysis.failed[0].reason, "exit code 2: out of luck");
    let setting = &analysis.failed[0].setting;
    let doubt =
        format!("{setting} cannot be chosen: 1 of 11 runs failed: exit code 2: out of luck");
    assert!(analysis.doubts.iter().any(|found| found.to_string() == doubt));
    let report = markdown(&document(&recorded)).unwrap();
    assert!(report.contains(&format!("Run {} (", failed[0].trial.number)));
}

#[test]
fn a_pilot_that_fails_twice_ends_the_sweep_as_invalid_before_its_first_trial() {
    let recorded = mock_sweep(&batch_size(), |_, _| Ok(failure())).unwrap();
    assert_eq!(recorded.ending, Some(Ending::Invalid));
    assert_eq!(recorded.trials().count(), 0);
    let error = analyse(&recorded).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let words = "the baseline failed, was repeated and failed again: exit code 2: out of luck";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_pilot_that_fails_once_is_repeated() {
    let mut run = 0;
    let mut runs = noisy_runs();
    let recorded = mock_sweep(&batch_size(), move |source, settings| {
        run += 1;
        if run == 1 { Ok(failure()) } else { runs(source, settings) }
    });
    assert_eq!(recorded.unwrap().ending, Some(Ending::Complete));
}

#[test]
fn runs_that_stored_different_rows_are_an_error_that_names_the_difference() {
    type Change = fn(&mut migrator::telemetry::report::RunReport);
    let changes: [(Change, &str); 3] = [
        (|r| r.checksum = "x".into(), "checksum x instead of 00112233445566778899aabbccddeeff"),
        (|r| r.books.committed -= 1, "records committed 7999 instead of 8000"),
        (|r| r.rows.clear(), "rows of app_base 0 instead of 8000"),
    ];
    for (change, expected) in changes {
        let recorded = mock_sweep(&batch_size(), move |source, settings| {
            let mut report = report(settings, source.records, 600_000.0);
            if settings.batch_size.get() == 50 {
                change(&mut report);
            }
            Ok(done(report))
        })
        .unwrap();
        // The rest of the schedule is not run.
        assert_eq!(recorded.trials().count(), 6);
        let error = analyse(&recorded).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongResult);
        let message = error.to_string();
        assert!(message.contains("5 of 6 runs agree"), "{message}");
        assert!(message.contains("batch_size=50 (trial "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_setting_over_the_memory_limit_is_shown_and_not_picked() {
    let scenario = batch_size();
    let limit = scenario.limits.peak_rss_bytes;
    let recorded = mock_sweep(&scenario, move |source, settings| {
        let fast = settings.batch_size.get() == 2000;
        let rate = if fast { 900_000.0 } else { 600_000.0 };
        let mut report = report(settings, source.records, rate);
        report.peak_rss_bytes = if fast { limit + 1 } else { limit };
        Ok(done(report))
    });
    let analysis = analyse(&recorded.unwrap()).unwrap();
    assert_eq!(analysis.highest, analysis.baseline);
    assert_eq!(analysis.settings.len(), 6);
    let over = |doubt: &Caveat| matches!(doubt, Caveat::OverLimit { .. });
    assert_eq!(analysis.doubts.iter().filter(|doubt| over(doubt)).count(), 1);
}

/// A sweep in which batches of 2,000 are by far the fastest, with this latency of a record.
fn late(latency: Duration, most_ms: u32) -> Analysis {
    let mut scenario = batch_size();
    scenario.limits.latency_p99_ms = Some(most_ms.try_into().unwrap());
    let recorded = mock_sweep(&scenario, move |source, settings| {
        let fast = settings.batch_size.get() == 2000;
        let mut report = report(settings, source.records, if fast { 900_000.0 } else { 600_000.0 });
        let p99_ns = if fast { u64::try_from(latency.as_nanos()).unwrap() } else { 5_000_000 };
        let mut record = report.stages["commit"].clone();
        record.p99_ns = p99_ns;
        report.stages.insert("record".into(), record);
        Ok(done(report))
    });
    analyse(&recorded.unwrap()).unwrap()
}

#[test]
fn a_setting_over_the_latency_limit_is_shown_and_not_picked_and_one_at_it_is() {
    let over = late(Duration::from_millis(201), 200);
    let slow = over.settings.iter().find(|s| s.setting.label == "batch_size=2000").unwrap();
    assert!(!slow.within_limits && slow.vs_baseline_percent > 40.0);
    assert_ne!(over.choice().setting.label, "batch_size=2000");
    assert_ne!(over.highest().setting.label, "batch_size=2000");
    let said = words::summary(&over, "results/x").replace('\n', " ");
    let expected =
        "note: batch_size=2000 was not chosen: a p99 latency of 201 ms exceeds the limit of 200 ms";
    assert!(said.contains(expected), "{said}");
    let at = late(Duration::from_millis(200), 200);
    assert_eq!(at.choice().setting.label, "batch_size=2000");
    assert!(!at.doubts.iter().any(|doubt| matches!(doubt, Caveat::Late { .. })));
}

#[test]
fn too_few_records_for_the_largest_batches_are_a_caveat() {
    let mut scenario = batch_size();
    scenario.workload.records = harness::scenario::Records::Fixed(4000.try_into().unwrap());
    let analysis = analyse(&mock_sweep(&scenario, noisy_runs()).unwrap()).unwrap();
    let few = Caveat::FewBatches { setting: "batch_size=2000".into() };
    assert!(analysis.doubts.contains(&few), "{:?}", analysis.doubts);
    assert!(!analysis.doubts.contains(&Caveat::FewBatches { setting: "batch_size=1000".into() }));
}

#[test]
fn a_large_grid_still_fits_its_table_and_its_charts() {
    let text = shipped("batch-size").unwrap().replace(
        "batch_size = [50, 100, 200, 500, 1000, 2000]",
        "batch_size = [100, 1000]\nworkers = [1, 2, 4, 8]\ninsert = [\"values\", \"bulk\"]",
    );
    let scenario = Scenario::parse(&text).unwrap();
    let recorded = mock_sweep(&scenario, noisy_runs()).unwrap();
    let analysis = analyse(&recorded).unwrap();
    assert_eq!(analysis.settings.len(), 16);
    let table = sweep::table(&analysis);
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert!(table.contains("1000 × values × 2"), "{table}");
    assert!(html(&document(&recorded)).unwrap().contains("1000 × values × 2"));
}

/// Runs of which these are disturbed; number 0 is the baseline run.
fn disturbed_runs(numbers: Vec<usize>) -> impl FnMut(&Source, &Settings) -> Result<Measurement> {
    let (mut runs, mut number) = (noisy_runs(), 0);
    move |source, settings| {
        let share = if numbers.contains(&number) { 0.9 } else { 0.01 };
        number += 1;
        let around = SystemLoad {
            foreign_cpu_share: share,
            steal_share: 0.0,
            swapped_pages: 0,
            clock_mhz: None,
        };
        Ok(Measurement { surroundings: Some(around), ..runs(source, settings)? })
    }
}

#[test]
fn a_disturbed_block_is_discarded_and_repeated_at_the_end_in_the_same_order() {
    // The warm-up is runs 1 to 6, and none of it counts; run 15 is in the second block.
    let recorded = mock_sweep(&batch_size(), disturbed_runs(vec![2, 15])).unwrap();
    let plan = &recorded.steps[0].step.plan;
    let trials: Vec<_> = recorded.steps[0].trials().map(|line| line.trial).collect();
    let blocks: Vec<_> = trials.iter().map(|trial| plan.block_of(trial)).collect();
    let mut order: Vec<_> = (0..11).filter(|block| *block != 2).collect();
    order.push(2);
    assert_eq!(blocks, order.iter().flat_map(|block| [*block; 6]).collect::<Vec<_>>());
    assert_eq!(trials[60..], plan.block_trials(2));
    let analysis = analyse(&recorded).unwrap();
    assert!(analysis.settings.iter().all(|summary| summary.runs == 10));
    let report = markdown(&document(&recorded)).unwrap();
    assert!(
        report.contains("1 block was discarded and repeated; first reason: other programs took 90")
    );
}

#[test]
fn more_than_a_fifth_of_discarded_blocks_make_the_measurement_invalid() {
    // Blocks 1, 2 and 3 of ten: the third exceeds the limit.
    let recorded = mock_sweep(&batch_size(), disturbed_runs(vec![7, 13, 19])).unwrap();
    assert_eq!(recorded.steps[0].voided.len(), 3);
    assert_eq!(recorded.trials().count(), 6, "only the warm-up is left");
    assert_eq!(recorded.ending, Some(Ending::Invalid));
    assert_eq!(analyse(&recorded).unwrap_err().kind(), ErrorKind::Invalid);
    // If some blocks are left, they are shown without a claim.
    let late = mock_sweep(&batch_size(), disturbed_runs(vec![13, 19, 25])).unwrap();
    let analysis = analyse(&late).unwrap();
    assert!(metrics(&document(&late)).unwrap().contains("\"verdict\": \"INVALID\""));
    assert!(words::finding(&analysis).starts_with("INVALID: "));
    let enough = mock_sweep(&batch_size(), disturbed_runs(vec![7, 13])).unwrap();
    let sweep = &enough.steps[0];
    assert_eq!((sweep.voided.len(), sweep.trials().count()), (2, 66));
}

#[test]
fn every_output_of_a_simulated_network_is_labelled() {
    let mut scenario = batch_size();
    scenario.link = Link { connect_ms: 150, round_trip_ms: 1 };
    let recorded = mock_sweep(&scenario, noisy_runs()).unwrap();
    let analysis = analyse(&recorded).unwrap();
    let document = document(&recorded);
    let charts = Charts::of(&document).unwrap();
    let svgs = charts.iter().map(|chart| chart.subtitle.clone());
    let outputs = [
        metrics(&document).unwrap(),
        harness::report::pretty(&analysis).unwrap(),
        html(&document).unwrap(),
        markdown(&document).unwrap(),
        words::summary(&analysis, "results/x"),
        plan::order(&scenario, &harness::scenario::schedule::Schedule::of(&scenario)),
    ];
    let formats = Format::value_variants().iter();
    let formats = formats.map(|format| render(*format, &document).unwrap());
    for output in outputs.into_iter().chain(svgs).chain(formats) {
        let output = output.replace("Simulated", "simulated");
        let words: Vec<_> = output.split_whitespace().collect();
        let link = "simulated link (connect 150 ms, round trip 1 ms)";
        assert!(words.join(" ").contains(link), "{output}");
    }
}

#[test]
fn the_plan_is_shown_block_by_block() {
    let scenario = batch_size();
    let plan = harness::scenario::schedule::Schedule::of(&scenario);
    insta::assert_snapshot!("plan", plan::order(&scenario, &plan));
}
