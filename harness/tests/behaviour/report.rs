//! Properties of every report, whatever its format: reproducible bytes, all files, no lost values.

use std::path::Path;

use clap::ValueEnum;
use harness::report::model::{Document, Status};
use harness::report::{File, Format, files, markdown, metrics};

use crate::common::{document, mock_sweep, noisy_runs};
use crate::report_documents::{HOSTILE, a_gate, a_grid, a_hostile_document, a_sweep, a_tuning};

#[test]
fn formats_have_their_command_line_names() {
    let names: Vec<String> = Format::value_variants()
        .iter()
        .map(|format| format.to_possible_value().unwrap().get_name().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "html",
            "markdown",
            "json",
            "csv",
            "junit",
            "github-action-benchmark",
            "github-action-benchmark-smaller",
            "bencher"
        ]
    );
}

fn ends_with(file: &File, extension: &str) -> bool {
    Path::new(&file.name).extension().is_some_and(|found| found == extension)
}

#[test]
fn a_results_folder_gets_every_file_and_the_completion_marker_last() {
    let files = files(&a_tuning()).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    insta::assert_snapshot!("files", names.join("\n"));
    for file in &files {
        let is_png = file.bytes.starts_with(b"\x89PNG\r\n\x1a\n");
        assert_eq!(is_png, ends_with(file, "png"), "{}", file.name);
        if is_png {
            // IHDR: the width is in bytes 16 to 19. Twice the SVG's 960.
            assert_eq!(file.bytes[16..20], 1920_u32.to_be_bytes(), "{}", file.name);
        }
    }
}

#[test]
fn pictures_contain_their_glyphs_without_fonts_of_the_machine() {
    let png = |document: &Document| {
        let files = files(document).unwrap();
        files.into_iter().find(|file| file.name == "charts/metrics.png").unwrap().bytes
    };
    let mut other = a_gate(Status::Regression);
    let one = png(&other);
    // A word of the same width, in another picture.
    other.metrics[0].name = "batch-size: rec_per_nim".into();
    assert_ne!(one, png(&other));
}

#[test]
fn a_document_of_a_sweep_has_the_figures_of_the_run_reports() {
    let document = a_sweep();
    let [phase] = document.phases.as_slice() else { panic!("one phase") };
    let setting = &phase.settings[0];
    assert_eq!((setting.short.as_str(), setting.runs.len()), ("50", 10));
    // Ten runs of 8,000 records.
    let latency = setting.latency.unwrap();
    assert_eq!(latency.count, 80_000);
    assert!(latency.p50_ms < latency.p90_ms && latency.p90_ms < latency.p99_ms.unwrap());
    let waits = setting.waits.unwrap();
    assert_eq!(waits.connects, Some(160.0));
    assert!(waits.queue_pop_ms.unwrap() < waits.queue_push_ms.unwrap());
    assert!((waits.cache_hit_percent.unwrap() - 100.0 * 500.0 / 24_500.0).abs() < 1e-9);
    let order: Vec<&str> = setting.stages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(order[..4], ["validation", "parsing", "mapping", "coerce"]);
    assert_eq!(order.last(), Some(&"commit"));
    // Every run began after the earlier ones, including the warm-up.
    let mut runs: Vec<_> = phase.settings.iter().flat_map(|setting| &setting.runs).collect();
    runs.sort_by_key(|run| run.number);
    assert!(runs[0].at_s > 0.0);
    for pair in runs.windows(2) {
        assert!((pair[0].at_s + pair[0].elapsed_s - pair[1].at_s).abs() < 1e-9);
    }
    let drift = document.drift.as_ref().unwrap();
    assert_eq!((drift.runs.len(), drift.blocks.len()), (60, 10));
}

#[test]
fn a_minimal_run_report_gives_a_report_without_the_missing_figures() {
    let scenario = harness::scenario::shipped("batch-size").unwrap();
    let scenario = harness::scenario::Scenario::parse(scenario).unwrap();
    let mut runs = noisy_runs();
    let recorded = mock_sweep(&scenario, move |source, settings| {
        let mut measurement = runs(source, settings)?;
        if let harness::trial::measurement::Outcome::Report(report) = &mut measurement.outcome {
            report.stages.clear();
            report.connections.clear();
            report.checksum.clear();
        }
        Ok(measurement)
    });
    let document = document(&recorded.unwrap());
    assert!(document.phases[0].settings[0].latency.is_none());
    assert!(document.phases[0].settings[0].waits.is_none());
    let files = files(&document).unwrap();
    let charts = files.iter().filter(|file| ends_with(file, "svg"));
    assert_eq!(charts.count(), 3, "rates, confirmation pairs and drift");
    assert!(markdown(&document).unwrap().contains("- checksum: unverified"));
}

#[test]
fn a_grid_has_a_cell_for_every_pair_of_values() {
    let document = a_grid();
    let phase = &document.phases[0];
    let grid = phase.grid.as_ref().unwrap();
    assert_eq!(grid.names, ["batch_size", "queue_depth"]);
    assert_eq!(grid.rows.len() * grid.columns.len(), phase.settings.len());
    for (row, cells) in grid.rows.iter().zip(&grid.cells) {
        for (column, cell) in grid.columns.iter().zip(cells) {
            assert_eq!(phase.settings[cell.unwrap()].short, format!("{row} × {column}"));
        }
    }
}

#[test]
fn the_metrics_have_nine_fields_for_every_completed_phase() {
    let text = metrics(&a_tuning()).unwrap();
    let phases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let phases = phases.as_array().unwrap();
    assert_eq!(phases.len(), 4);
    for phase in phases {
        for (field, is) in [
            ("phase", phase["phase"].is_string()),
            ("optimization", phase["optimization"].is_string()),
            ("baseline_rec_per_min", phase["baseline_rec_per_min"].is_f64()),
            ("optimized_rec_per_min", phase["optimized_rec_per_min"].is_f64()),
            ("improvement_percent", phase["improvement_percent"].is_f64()),
            ("std_dev_baseline", phase["std_dev_baseline"].is_f64()),
            ("std_dev_optimized", phase["std_dev_optimized"].is_f64()),
            ("confidence", phase["confidence"].is_string()),
            ("notes", phase["notes"].is_string()),
        ] {
            assert!(is, "{field} of {phase}");
        }
    }
    insta::assert_snapshot!("tune.metrics.json", text);
}

#[test]
fn markdown_begins_with_a_marker_and_the_verdict() {
    let text = markdown(&a_tuning()).unwrap();
    assert!(text.starts_with("<!-- sweetspot:tune:phase2 -->\n\n# phase2: "), "{text}");
    insta::assert_snapshot!("tune_markdown", text);
}

#[test]
fn markdown_of_every_gate_shows_its_verdict_first() {
    for (name, status) in [
        ("gate-regression_markdown", Status::Regression),
        ("gate-improvement_markdown", Status::Improved),
        ("gate-inconclusive_markdown", Status::Inconclusive),
        ("gate-wrong-result_markdown", Status::WrongResult),
    ] {
        insta::assert_snapshot!(name, markdown(&a_gate(status)).unwrap());
    }
}

#[test]
fn long_markdown_drops_details_but_never_the_verdict() {
    let mut document = a_tuning();
    let setting = document.phases[0].settings[0].clone();
    document.phases[0].settings = vec![setting; 3000];
    document.warnings = vec!["w".repeat(100); 2000];
    let text = markdown(&document).unwrap();
    assert!(text.chars().count() < 65_536, "{}", text.chars().count());
    assert!(text.contains("**IMPROVED.** batch_size=200 and queue_depth=2"));
    assert!(text.contains("| II.3 | queue_depth=2 |"));
    assert!(text.contains("harness tune phase2"));
    assert!(text.contains("more rows are in `report.html`"));
    assert!(text.ends_with("_Further details are left out here: they are in `report.html`._\n"));

    document.headline.words = "x".repeat(100_000);
    document.cumulative = None;
    document.phases.truncate(1);
    assert!(markdown(&document).unwrap().chars().count() < 65_536);
}

#[test]
fn markdown_escapes_hostile_texts() {
    let text = markdown(&a_hostile_document()).unwrap();
    let outside_of_code: String = text.split("```").step_by(2).collect();
    for markup in ["<script", "</style>", "-->", "@all", "https:", "[l]"] {
        let found = outside_of_code.matches(markup).count();
        assert_eq!(found, usize::from(markup == "-->"), "{markup} in {text}");
    }
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = text.lines().collect();
    for (rule, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("|---")) {
        for row in lines[rule..].iter().take_while(|line| line.starts_with('|')) {
            assert_eq!(columns(row), columns(line), "{row}");
        }
    }
    // The command is in a code block, whatever it contains.
    assert!(text.contains(&format!("```\n{HOSTILE}\n```")));
}
