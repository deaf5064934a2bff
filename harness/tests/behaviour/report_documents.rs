//! Documents to render: a sweep, a whole tuning session, a gate, and hostile data. All figures are
//! invented and reproducible. Contains no assertions.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::analysis::sweep::analyse;
use harness::report::Table;
use harness::report::build::sweep;
use harness::report::model::{
    Check, ComparisonRow, Cumulative, CumulativeRow, Document, Drift, DriftPoint, ExactRow, Fact,
    FailedRun, Grid, Headline, Latency, MetricSummary, PValues, Paste, PhaseMetrics, PhaseReport,
    PlanTarget, ReportKind, RunRow, Section, SettingRow, Status, ValidityFigures, Waits,
};
use harness::scenario::{Scenario, shipped};
use harness::trial::measurement::Measurement;
use harness::trial::{Source, report};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use migrator::config::Settings;
use migrator::telemetry::report::{QueueReport, RunReport, StageTimes};

use crate::common::{done, identity, mock_sweep, noisy_runs};

/// The shipped batch-size sweep, over runs with complete reports.
pub(crate) fn a_sweep() -> Document {
    sweep_of(&Scenario::parse(shipped("batch-size").unwrap()).unwrap())
}

/// A grid of two settings.
pub(crate) fn a_grid() -> Document {
    sweep_of(&Scenario::parse(shipped("grid").unwrap()).unwrap())
}

fn sweep_of(scenario: &Scenario) -> Document {
    let mut runs = noisy_runs();
    let recorded = mock_sweep(scenario, move |source: &Source, settings: &Settings| {
        let measurement: Measurement = runs(source, settings)?;
        let rate = measurement.report().map_or(0.0, |report| report.rec_per_min);
        Ok(done(talkative(report(settings, source.records, rate))))
    });
    let recorded = recorded.unwrap();
    sweep::document(&analyse(&recorded).unwrap(), &recorded, &identity()).unwrap()
}

/// A report with record latencies, wait times and cache statistics.
fn talkative(mut report: RunReport) -> RunReport {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    let batch = report.settings.batch_size.get() as u64;
    for record in 0..report.books.read {
        let wait = Duration::from_micros(900 + (record * 7919 % batch) * 110);
        histogram.record(u64::try_from(wait.as_nanos()).unwrap()).unwrap();
    }
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(&histogram, &mut bytes).unwrap();
    let record =
        StageTimes { histogram: STANDARD.encode(bytes), ..report.stages["insert"].clone() };
    report.stages.insert("record".into(), record);
    for (stage, share) in [("queue_push", 4), ("queue_pop", 9), ("dedup", 6), ("begin", 12)] {
        let total_ns = report.stages["insert"].total_ns / share;
        let times = StageTimes { total_ns, ..report.stages["insert"].clone() };
        report.stages.insert(stage.into(), times);
    }
    report.queue = Some(QueueReport { items_peak: 2, bytes_peak: 1 << 20, oversize: 0 });
    report.cache.hits = 500;
    report.cache.misses = report.books.read * 3;
    report
}

/// Reproducible values around a middle.
fn values_around(middle: f64, spread: f64, count: usize, seed: usize) -> Vec<f64> {
    let noise = |index: usize| ((index * 7919 + seed * 104_729) % 61) as f64 / 30.0 - 1.0;
    (0..count).map(|index| middle * (1.0 + noise(index) * spread)).collect()
}

fn figures(values: &[f64]) -> MetricSummary {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    MetricSummary {
        median: at(50),
        std_dev: Some((squares / (values.len() - 1) as f64).sqrt()),
        middle_half: [at(25), at(75)],
        interval: Some([at(10), at(90)]),
    }
}

/// A setting with ten runs of about this rate.
fn setting(short: &str, label: &str, rate: f64, seed: usize) -> SettingRow {
    let rates = values_around(rate, 0.03, 10, seed);
    let insert = values_around(60_000_000.0 / rate * 0.9, 0.05, 10, seed + 1);
    let prepare = values_around(60_000_000.0 / rate * 0.8, 0.04, 10, seed + 2);
    let runs = (0..10).map(|index| RunRow {
        number: index * 6 + seed,
        block: index + 1,
        at_s: (index * 6 + seed % 6) as f64 * 1.1,
        elapsed_s: 1.1,
        rec_per_min: Some(rates[index].round()),
        insert_ms: Some(insert[index]),
        prepare_ms: Some(prepare[index]),
        peak_rss_bytes: Some(5e7),
        failure: None,
    });
    let ms = 60_000_000.0 / rate;
    let stages = [
        ("source", 0.04),
        ("validation", 0.05),
        ("parsing", 0.2),
        ("mapping", 0.5),
        ("coerce", 0.25),
        ("connect", 0.02),
        ("begin", 0.1),
        ("dedup", 0.05),
        ("insert", 0.4),
        ("log", 0.06),
        ("commit", 0.12),
    ];
    SettingRow {
        short: short.into(),
        label: label.into(),
        runs: runs.collect(),
        rec_per_min: figures(&rates),
        vs_baseline_percent: 0.0,
        insert_ms: Some(figures(&insert)),
        prepare_ms: Some(figures(&prepare)),
        peak_rss_bytes: Some(5e7),
        within_limits: true,
        in_set: Some(false),
        stages: stages.map(|(name, share)| (name.to_owned(), ms * share)).into(),
        latency: Some(Latency {
            count: 80_000,
            p50_ms: 12.5,
            p90_ms: 31.0,
            p99_ms: Some(58.0),
            p999_ms: Some(92.0),
            max_ms: 140.0,
        }),
        waits: Some(Waits {
            queue_push_ms: Some(3.2),
            queue_pop_ms: Some(14.0),
            pool_waits: Some(3.0),
            pool_ms: Some(0.4),
            connects: Some(40.0),
            cache_hit_percent: Some(4.9),
            cache_evictions: Some(0.0),
        }),
    }
}

/// A phase that swept a setting over these values and rates. `chosen` was confirmed.
fn phase(
    names: [&str; 3],
    values: &[(&str, f64)],
    [baseline, chosen]: [usize; 2],
    status: Status,
) -> PhaseReport {
    let [number, optimization, name] = names;
    let rate = values[baseline].1;
    let mut settings: Vec<SettingRow> = values
        .iter()
        .enumerate()
        .map(|(index, (value, rate))| setting(value, &format!("{name}={value}"), *rate, index + 1))
        .collect();
    for setting in &mut settings {
        setting.vs_baseline_percent = (setting.rec_per_min.median / rate - 1.0) * 100.0;
        setting.in_set = Some(setting.vs_baseline_percent > 1.0);
    }
    let label = settings[chosen].label.clone();
    let kept = status == Status::Improved;
    let against = settings[baseline].label.clone();
    PhaseReport {
        phase: number.into(),
        optimization: optimization.into(),
        why: format!("Which {name} is fastest within the limits?"),
        finding: format!("{label} was chosen among those that cannot be told from the best."),
        swept: vec![name.into()],
        runs: "10 runs of each setting, 8,000 records a run".into(),
        confirmation: (chosen != baseline)
            .then(|| comparison(&label, &against, status, values[chosen].1 / rate, Some(kept))),
        outcome: Some(outcome(rate, values[chosen].1, status, kept)),
        settings,
        baseline: Some(baseline),
        against: "current setting".into(),
        chosen: Some(chosen),
        notes: vec!["one void block was run again".into()],
        ..PhaseReport::default()
    }
}

fn comparison(
    name: &str,
    against: &str,
    status: Status,
    ratio: f64,
    kept: Option<bool>,
) -> ComparisonRow {
    let effect = (ratio - 1.0) * 100.0;
    ComparisonRow {
        name: name.into(),
        against: against.into(),
        unit: "rec/min".into(),
        lower_is_better: false,
        status,
        medians: Some([460_000.0, 460_000.0 * ratio]),
        effect_percent: Some(effect),
        interval_percent: Some([effect - 2.4, effect + 2.1]),
        margin_percent: Some(5.0),
        difference: None,
        p: Some(PValues { worse: 0.97, within: Some(0.0004), better: 0.012 }),
        each_percent: (0..10).map(|pair| effect + f64::from(pair * 37 % 11) - 5.0).collect(),
        pairs: 10,
        needed_pairs: (status == Status::Inconclusive).then_some(28),
        confidence: "high".into(),
        kept,
        reason: match kept {
            Some(true) => "Fresh runs confirm the gain.".into(),
            Some(false) => "Fresh runs could not tell, so the current setting stays.".into(),
            None => String::new(),
        },
    }
}

fn outcome(baseline: f64, optimized: f64, status: Status, kept: bool) -> PhaseMetrics {
    let optimized = if kept { optimized } else { baseline };
    let gain = (optimized / baseline - 1.0) * 100.0;
    PhaseMetrics {
        baseline_rec_per_min: baseline,
        optimized_rec_per_min: optimized,
        improvement_percent: gain,
        std_dev_baseline: Some(9_000.0),
        std_dev_optimized: Some(8_200.5),
        confidence: if kept { "high" } else { "low" }.into(),
        status,
        interval_percent: Some([Some(gain - 2.4), Some(gain + 2.1)]),
        runs: 10,
        settings_baseline: Settings::default(),
        settings_optimized: Settings::default(),
        kept,
        expected_percent: Some([5.0, 20.0]),
        checksum: "00112233445566778899aabbccddeeff".into(),
    }
}

/// A whole tuning session: kept, rejected, inconclusive and skipped phases.
pub(crate) fn a_tuning() -> Document {
    let sizes = [("50", 388e3), ("100", 441e3), ("200", 482e3), ("500", 474e3), ("1000", 460e3)];
    let pools = [("off", 482e3), ("worker", 489e3), ("shared", 485e3)];
    let queues = [("0", 482e3), ("1", 540e3), ("2", 548e3), ("4", 541e3)];
    let caches = [("off", 548e3), ("batch", 551e3), ("worker", 520e3), ("shared", 515e3)];
    let skipped = PhaseReport {
        phase: "II.5".into(),
        optimization: "Asynchronous parsing".into(),
        why: "Is parsing worth threads of its own?".into(),
        finding: "Skipped: parsing takes 13 % of the time, less than the 20 % it is worth it from."
            .into(),
        skipped: Some("parsing takes 13 % of the time, measured over 10 runs".into()),
        ..PhaseReport::default()
    };
    let phases = vec![
        phase(["II.1", "Batch size tuning", "batch_size"], &sizes, [4, 2], Status::Improved),
        phase(["II.2", "Lazy connection pooling", "pool"], &pools, [0, 1], Status::Inconclusive),
        phase(["II.3", "Parallel preparation", "queue_depth"], &queues, [0, 2], Status::Improved),
        phase(["II.4", "Duplicate detection cache", "cache"], &caches, [0, 1], Status::Pass),
        skipped,
    ];
    Document {
        kind: ReportKind::Tune,
        scenario: "phase2".into(),
        title: "phase2: the whole Phase II plan".into(),
        question: Some("Which settings make the migrator faster, and how sure is that?".into()),
        headline: Headline {
            status: Status::Improved,
            words: "batch_size=200 and queue_depth=2 make it 18.9 % faster than the baseline \
                    (between 15.1 and 22.8 %)."
                .into(),
            details: vec![
                "Pooling could not be told from the current setting: it stays off.".into(),
            ],
            why: None,
        },
        warnings: vec!["the processor's governor is `schedutil`, not `performance`".into()],
        phases,
        cumulative: Some(cumulative()),
        last: Some(all_kept()),
        alone: alone(),
        paste: Some(Paste::of(&Settings::default()).unwrap()),
        commits: vec![
            "Phase II.1: Optimize batch size to 200 (+4.6% improvement)".into(),
            "Phase II.3: Optimize queue depth to 2 (+13.7% improvement)".into(),
        ],
        drift: Some(a_drift()),
        validity: Some(ValidityFigures {
            trend_percent_per_hour: Some(-1.4),
            trend_percent_per_minute: Some(-0.02),
            trend_interval_percent_per_hour: Some([-3.1, 0.3]),
            trend_interval_percent_per_minute: Some([-0.05, 0.01]),
            order_effect_percent: Some(0.3),
            autocorrelation: Some(0.08),
            std_dev_percent: Some(2.8),
            disturbed_share: Some(0.02),
            clock_spread: None,
        }),
        failed: vec![FailedRun {
            trial: 41,
            setting: "batch_size=50".into(),
            reason: "ended after 120 s".into(),
        }],
        measured: vec![Fact::new("records", "8,000 staged records a run, 5 % duplicates")],
        environment: vec![Fact::new("host", "quiet"), Fact::new("processors", "2 (Invented)")],
        command: "harness tune phase2 --budget 14m --seed 1".into(),
        ledger: "ledger.jsonl".into(),
        files: vec![Fact::new("metrics.json", "every phase in the names that tools read")],
        ..Document::default()
    }
}

fn all_kept() -> ComparisonRow {
    comparison("all kept settings", "the original baseline", Status::Improved, 1.189, None)
}

fn cumulative() -> Cumulative {
    let row = |phase: &str, setting: &str, gain: f64, sum: f64, status, kept| CumulativeRow {
        phase: phase.into(),
        setting: setting.into(),
        gain_percent: gain,
        cumulative_percent: sum,
        expected_percent: Some([5.0, 20.0]),
        status,
        confidence: if kept { "high" } else { "low" }.into(),
        kept,
    };
    Cumulative {
        rows: vec![
            row("II.1", "batch_size=200", 4.8, 4.8, Status::Improved, true),
            row("II.2", "pool=off", 0.0, 4.8, Status::Inconclusive, false),
            row("II.3", "queue_depth=2", 13.7, 19.2, Status::Improved, true),
            row("II.4", "cache=batch", -0.4, 18.7, Status::Pass, true),
            row("II.5", "parse_threads=0", 0.0, 18.7, Status::Skipped, false),
        ],
        target: Some(PlanTarget {
            name: "The plan's target".into(),
            range_percent: [33.0, 71.0],
            reached_percent: Some(18.9),
            words: "Short of the range; the plan's machine was 1,000 times slower.".into(),
        }),
    }
}

fn alone() -> Vec<ComparisonRow> {
    [
        ("batch_size=200", Status::Improved, 1.048),
        ("pool=worker", Status::Inconclusive, 1.012),
        ("queue_depth=2", Status::Improved, 1.131),
        ("cache=batch", Status::Pass, 1.001),
        ("parse_threads=2", Status::Regression, 0.91),
    ]
    .map(|(name, status, ratio)| comparison(name, "baseline", status, ratio, None))
    .into()
}

fn a_drift() -> Drift {
    let levels = values_around(100.0, 0.03, 60, 3);
    let level = |(index, percent): (usize, &f64)| DriftPoint {
        at_s: index as f64 * 1.1,
        percent: percent - index as f64 * 0.02,
    };
    let runs: Vec<DriftPoint> = levels.iter().enumerate().map(level).collect();
    let mean = |levels: &[DriftPoint]| DriftPoint {
        at_s: levels.iter().map(|level| level.at_s).sum::<f64>() / levels.len() as f64,
        percent: levels.iter().map(|level| level.percent).sum::<f64>() / levels.len() as f64,
    };
    Drift { blocks: runs.chunks(6).map(mean).collect(), runs }
}

fn metrics(status: Status, ratio: f64) -> Vec<ComparisonRow> {
    let rate = comparison("batch-size: rec_per_min", "main", status, ratio, None);
    let time = ComparisonRow {
        unit: "ms".into(),
        lower_is_better: true,
        medians: Some([81.2, 81.2 / ratio]),
        effect_percent: Some((1.0 / ratio - 1.0) * 100.0),
        each_percent: rate.each_percent.iter().map(|percent| -percent).collect(),
        interval_percent: Some([
            (1.0 / ratio - 1.0) * 100.0 - 3.0,
            (1.0 / ratio - 1.0) * 100.0 + 3.1,
        ]),
        ..comparison("batch-size: insert_ms_per_1000_records", "main", status, ratio, None)
    };
    let memory = ComparisonRow {
        unit: "bytes".into(),
        lower_is_better: true,
        medians: Some([86e6, 86.4e6]),
        ..comparison("batch-size: peak_rss_bytes", "main", Status::Pass, 1.004, None)
    };
    vec![rate, time, memory]
}

fn both_arms(status: Status, ratio: f64) -> PhaseReport {
    let arms = [("main", 460_000.0), ("HEAD", 460_000.0 * ratio)];
    let both = phase(["", "Runs of both arms", "arm"], &arms, [0, 0], status);
    let settings = both.settings.into_iter();
    let settings = settings.map(|setting| SettingRow { in_set: None, ..setting }).collect();
    PhaseReport {
        settings,
        against: "baseline".into(),
        why: String::new(),
        finding: "Both arms, interleaved in ten pairs.".into(),
        chosen: None,
        outcome: None,
        notes: Vec::new(),
        ..both
    }
}

/// A gate with this status.
pub(crate) fn a_gate(status: Status) -> Document {
    let ratio = match status {
        Status::Regression => 0.88,
        Status::Improved => 1.07,
        _ => 0.985,
    };
    let wrong = status == Status::WrongResult;
    let exact = |name: &str, head: &str, must_agree| ExactRow {
        name: name.into(),
        baseline: "8,000".into(),
        head: head.into(),
        must_agree,
        fails: false,
    };
    Document {
        kind: ReportKind::Gate,
        phases: vec![both_arms(status, ratio)],
        scenario: "batch-size".into(),
        title: "HEAD against main".into(),
        headline: Headline {
            status,
            words: match status {
                Status::Regression => "HEAD is 12.0 % slower than main.".into(),
                Status::Improved => "HEAD is 7.0 % faster than main.".into(),
                Status::WrongResult => {
                    "HEAD stores different rows: app_base lacks application 17.".into()
                }
                _ => "Could not tell: 28 pairs in all would, about 3 more minutes.".into(),
            },
            details: vec!["10 interleaved pairs; the negative control did not alarm.".into()],
            why: (status == Status::Regression)
                .then(|| "insert takes 11.1 ms more per 1,000 records; nothing else moved".into()),
        },
        metrics: metrics(status, ratio),
        exact: vec![
            exact("rows of app_base", if wrong { "7,999" } else { "8,000" }, true),
            exact("statements", "8,123", false),
        ],
        validity: a_tuning().validity,
        measured: vec![Fact::new("arms", "main = 1a2b3c4d, HEAD = 5e6f7a8b")],
        environment: vec![Fact::new("host", "quiet")],
        command: "harness gate --base main --head HEAD --scenario batch-size".into(),
        ledger: "ledger.jsonl".into(),
        ..Document::default()
    }
}

/// A text with markup, a formula, a mention and closing marks of every format.
pub(crate) const HOSTILE: &str = "=cmd|'x'!A0 <script>alert(1)</script> \"> </svg></style> & | `tick` @all ]]> --> https://x.test";

/// The tuning session with hostile texts in every place whose text comes from data.
pub(crate) fn a_hostile_document() -> Document {
    let mut document = a_tuning();
    let text = || HOSTILE.to_owned();
    document.title = text();
    document.question = Some(text());
    document.headline.words = text();
    document.headline.why = Some(text());
    document.warnings = vec![text()];
    document.command = text();
    document.ledger = text();
    document.commits = vec![text()];
    document.environment = vec![Fact::new(HOSTILE, text())];
    document.failed[0].reason = text();
    let phase = &mut document.phases[0];
    phase.phase = text();
    phase.optimization = text();
    phase.swept = vec![text()];
    phase.why = text();
    phase.finding = text();
    phase.runs = text();
    phase.notes = vec![text()];
    phase.settings[0].short = text();
    phase.settings[0].label = text();
    phase.settings[0].stages[0].0 = text();
    phase.settings[0].runs[0].failure = Some(text());
    phase.confirmation.as_mut().unwrap().reason = text();
    document.alone[0].name = text();
    let mut table = Table::new(text(), &[HOSTILE]);
    table.rows.push(vec![text()]);
    document.sections = vec![Section {
        title: text(),
        lead: vec![text()],
        table,
        words: vec![text()],
        checks: vec![Check::new(text(), Status::Warning, text())],
    }];
    document.phases[1].grid = Some(Grid {
        names: [text(), text()],
        rows: vec![text()],
        columns: vec![text(), text()],
        cells: vec![vec![Some(0), None]],
    });
    document
}
