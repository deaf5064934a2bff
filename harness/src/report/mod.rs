//! Reports: an analysis becomes a [`Document`], and every format lays out that document. The same
//! document gives the same bytes.
//!
//! ```text
//! analysis → document → charts → html, markdown, csv, junit, benchmark formats
//!                   └→ json (the analysis)
//! ```

pub mod build;
pub mod charts;
mod ci;
mod diagnostics;
mod escape;
mod html;
mod markdown;
pub mod model;
mod numbers;
mod png;
mod table;
mod tables;
pub mod text;
mod wrap;

use clap::ValueEnum;

use self::charts::Charts;
use self::model::Document;
use crate::analysis::history::HistorySeries;
use crate::error::Result;

pub use self::numbers::pretty;
pub use self::table::Table;

/// Format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One self-contained page
    Html,
    /// Markdown for a pull request
    Markdown,
    /// The analysis
    Json,
    /// One row per run; per check or point if there are no runs
    Csv,
    /// One test case per verdict
    Junit,
    /// `customBiggerIsBetter` of github-action-benchmark: records per minute
    GithubActionBenchmark,
    /// `customSmallerIsBetter` of github-action-benchmark: times and memory
    GithubActionBenchmarkSmaller,
    /// Bencher's metric format
    Bencher,
}

/// Renders a document.
pub fn render(format: Format, document: &Document) -> Result<String> {
    match format {
        Format::Html => html(document),
        Format::Markdown => markdown(document),
        Format::Json => Ok(document.analysis.clone()),
        Format::Csv => ci::csv(document),
        Format::Junit => ci::junit(document),
        Format::GithubActionBenchmark => ci::github_action_benchmark(document, true),
        Format::GithubActionBenchmarkSmaller => ci::github_action_benchmark(document, false),
        Format::Bencher => ci::bencher(document),
    }
}

/// Text of `report.html`.
pub fn html(document: &Document) -> Result<String> {
    Ok(html::page(document, &Charts::of(document)?))
}

/// Text of `report.md`.
pub fn markdown(document: &Document) -> Result<String> {
    Ok(markdown::report(document, &Charts::of(document)?))
}

/// Text of `metrics.json`.
pub fn metrics(document: &Document) -> Result<String> {
    ci::metrics(document)
}

/// File of a results folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path within the folder.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// Charts of a history, one for each series, as SVG and PNG.
pub fn history_charts(all: &[HistorySeries]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for series in all {
        let svg = charts::history(series)?;
        files.push(File { name: history_name(series, "png"), bytes: png::png(&svg)? });
        files.push(File { name: history_name(series, "svg"), bytes: svg.into_bytes() });
    }
    Ok(files)
}

/// File name of a series, unique among series.
fn history_name(series: &HistorySeries, ending: &str) -> String {
    let HistorySeries { plan, plan_hash, phase, settings, machine, store, .. } = series;
    let key = format!("{plan_hash} {settings} {machine:?} {store}");
    let key = blake3::hash(key.as_bytes()).to_hex();
    format!("{}-{}-{}.{ending}", charts::slug(plan), charts::slug(phase), &key[..8])
}

/// Files of a results folder in writing order: the analysis, `metrics.json` if a phase has an
/// outcome, charts, reports. `report.md` is last, because its presence marks a session as complete.
pub fn files(document: &Document) -> Result<Vec<File>> {
    let charts = Charts::of(document)?;
    let file = |name: &str, bytes: Vec<u8>| File { name: name.into(), bytes };
    let mut files =
        vec![file(document.kind.analysis_file(), document.analysis.clone().into_bytes())];
    if document.phases.iter().any(|phase| phase.outcome.is_some()) {
        files.push(file("metrics.json", metrics(document)?.into_bytes()));
    }
    for chart in charts.iter() {
        let name = |ending| format!("charts/{}.{ending}", chart.name);
        files.push(file(&name("svg"), chart.svg.clone().into_bytes()));
        files.push(file(&name("png"), png::png(&chart.svg)?));
    }
    if document.kind.has_verdicts() {
        files.push(file("junit.xml", ci::junit(document)?.into_bytes()));
    }
    files.push(file("report.html", html::page(document, &charts).into_bytes()));
    files.push(file("report.md", markdown::report(document, &charts).into_bytes()));
    Ok(files)
}
