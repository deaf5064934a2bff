//! Sweeps without processes: the chosen setting, its confirmation run, and the sentence for every
//! conclusion.

use std::collections::BTreeMap;

use harness::analysis::sweep::{PhaseOutcome, analyse};
use harness::analysis::test_result::Decision;
use harness::report::text::{sweep, words};
use harness::report::{markdown, metrics};
use harness::scenario::{Scenario, shipped};
use harness::session::state::SessionState;
use harness::stats::verdict::Verdict;
use harness::trial::report;

use crate::common::{document, done, mock_sweep, noisy_runs, uniform};

fn batch_size() -> Scenario {
    Scenario::parse(shipped("batch-size").unwrap()).unwrap()
}

/// Sweeps whose runs have these rates by batch size, otherwise 600,000, with 3 % of noise.
fn sweep_of(rates: &[(usize, f64)], sweep: u32) -> SessionState {
    let rates: BTreeMap<usize, f64> = rates.iter().copied().collect();
    let mut run = sweep * 1000;
    let recorded = mock_sweep(&batch_size(), move |source, settings| {
        run += 1;
        let rate = rates.get(&settings.batch_size.get()).unwrap_or(&600_000.0);
        Ok(done(report(settings, source.records, rate * (1.0 + 0.03 * uniform(run)))))
    });
    recorded.unwrap()
}

#[test]
fn equal_settings_are_called_different_no_more_often_than_alpha_allows() {
    let mut alarms = 0;
    for number in 0..40 {
        let analysis = analyse(&sweep_of(&[], number)).unwrap();
        // For equal settings: one with about the smallest memory, or the current one if it is as
        // good.
        let memory = |index: usize| analysis.settings[index].metrics.peak_rss_bytes.median;
        let members = &analysis.best.as_ref().unwrap().members;
        assert!(members.contains(&analysis.choice));
        assert!(members.iter().all(|index| memory(analysis.choice) <= memory(*index) * 1.05));
        match analysis.answer() {
            PhaseOutcome::Confirmed(Decision::Judged(Verdict::Pass)) => assert!(analysis.kept),
            PhaseOutcome::Confirmed(Decision::Judged(_)) => alarms += 1,
            PhaseOutcome::NothingToConfirm => {}
            other => panic!("{other}"),
        }
    }
    // 5 % on either side: more than 9 of 40 have a probability below 1 %.
    assert!(alarms <= 9, "{alarms} of 40");
}

#[test]
fn one_better_setting_is_found_confirmed_and_kept() {
    for number in 0..5 {
        let recorded = sweep_of(&[(200, 700_000.0)], number);
        let analysis = analyse(&recorded).unwrap();
        assert_eq!(analysis.choice().setting.label, "batch_size=200");
        assert_eq!(analysis.best.as_ref().unwrap().members, [2]);
        let improved = PhaseOutcome::Confirmed(Decision::Judged(Verdict::Improved));
        assert_eq!((analysis.answer(), analysis.kept), (improved, true));
        let fresh = analysis.confirmation.as_ref().unwrap();
        let change = fresh.primary().unwrap().change_percent.unwrap();
        assert!((change - 16.7).abs() < 4.0, "{change}");
    }
}

#[test]
fn a_better_setting_is_reported_with_the_figures_of_its_confirmation_run() {
    let recorded = sweep_of(&[(200, 700_000.0)], 1);
    let analysis = analyse(&recorded).unwrap();
    let document = document(&recorded);
    let file: serde_json::Value = serde_json::from_str(&metrics(&document).unwrap()).unwrap();
    let fresh = analysis.confirmation.as_ref().unwrap();
    let median = |arm: &harness::analysis::comparison::ArmFigures| {
        (arm.figures.as_ref().unwrap().metrics.rec_per_min.median * 100.0).round() / 100.0
    };
    assert_eq!(file[0]["baseline_rec_per_min"], median(&fresh.baseline));
    assert_eq!(file[0]["optimized_rec_per_min"], median(&fresh.candidate));
    assert_eq!((&file[0]["verdict"], &file[0]["kept"]), (&"IMPROVED".into(), &true.into()));
    assert_eq!((&file[0]["confidence"], &file[0]["runs"]), (&"high".into(), &10.into()));
    insta::assert_snapshot!(
        "improved",
        sweep::table(&analysis) + &words::summary(&analysis, "results/x")
    );
    insta::assert_snapshot!("improved_markdown", markdown(&document).unwrap());
}

/// A sweep in which this batch size seems a sixth faster. In the confirmation run it has this rate
/// with this noise, and the current setting has 600,000.
fn fresh_pairs_of(size: usize, rate: f64, noise: f64) -> SessionState {
    let mut run = 0;
    let recorded = mock_sweep(&batch_size(), move |source, settings| {
        run += 1;
        let is_size = settings.batch_size.get() == size;
        // The baseline run, then eleven blocks of six settings.
        let (rate, noise) = match (is_size, run <= 67) {
            (true, true) => (700_000.0, 0.03),
            (false, true) => (600_000.0, 0.03),
            (true, false) => (rate, noise),
            (false, false) => (600_000.0, noise),
        };
        Ok(done(report(settings, source.records, rate * (1.0 + noise * uniform(run)))))
    });
    recorded.unwrap()
}

/// One sweep for every conclusion.
fn of_every_standing() -> Vec<SessionState> {
    let mut shard = sweep_of(&[(200, 700_000.0)], 1);
    shard.steps.truncate(1);
    shard.session.shard = Some("0/2".parse().unwrap());
    let quick = mock_sweep(&batch_size().quick(), noisy_runs()).unwrap();
    let slow = [50, 100, 200, 500, 2000].map(|size| (size, 500_000.0));
    vec![
        fresh_pairs_of(200, 660_000.0, 0.03),
        fresh_pairs_of(200, 600_000.0, 0.02),
        fresh_pairs_of(2000, 600_000.0, 0.02),
        fresh_pairs_of(200, 588_000.0, 0.01),
        fresh_pairs_of(200, 540_000.0, 0.03),
        fresh_pairs_of(200, 600_000.0, 0.3),
        sweep_of(&slow, 1),
        shard,
        quick,
    ]
}

#[test]
fn every_sweep_conclusion_has_its_sentence() {
    let said = |recorded: &SessionState| words::finding(&analyse(recorded).unwrap());
    let sentences: Vec<String> = of_every_standing().iter().map(said).collect();
    insta::assert_snapshot!("sentences", sentences.join("\n"));
}

#[test]
fn a_report_states_its_status_once() {
    for recorded in of_every_standing() {
        let analysis = analyse(&recorded).unwrap();
        let document = document(&recorded);
        let stands = document.headline.status.words().to_uppercase();
        let report = markdown(&document).unwrap();
        let line = report.lines().find(|line| line.starts_with("**")).unwrap();
        let said = line.strip_prefix(&format!("**{stands}.** ")).unwrap();
        let found = words::finding(&analysis);
        let (word, _) = found.split_once(": ").unwrap();
        assert!(!said.to_uppercase().starts_with(&word.to_uppercase()), "{line}");
        let first = said.chars().next().unwrap();
        assert!(said.starts_with("batch_size=") || !first.is_lowercase(), "{line}");
        let confirmation = document.phases[0].confirmation.as_ref();
        let reason = confirmation.map(|fresh| fresh.reason.clone()).unwrap_or_default();
        assert!(!reason.to_uppercase().starts_with(&word.to_uppercase()), "{reason}");
    }
}
