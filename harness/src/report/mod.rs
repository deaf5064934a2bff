//! What was found → bytes for people and other programs. Pure: the same document gives the same
//! bytes; nothing here writes a file or asks a clock.
//!
//! ```text
//! analysis → document (plain data) → charts → html, markdown, json, csv, junit, benchmarks
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

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One page that needs nothing else
    Html,
    /// For a pull request
    Markdown,
    /// Everything that a report shows
    Json,
    /// One row for each run
    Csv,
    /// A case for everything that was asked
    Junit,
    /// `customBiggerIsBetter` of github-action-benchmark: records per minute
    GithubActionBenchmark,
    /// `customSmallerIsBetter` of github-action-benchmark: times and memory
    GithubActionBenchmarkSmaller,
    /// Bencher's metric format
    Bencher,
}

/// A document in a format.
pub fn render(format: Format, document: &Document) -> Result<String> {
    match format {
        Format::Html => html(document),
        Format::Markdown => markdown(document),
        Format::Json => pretty(document),
        Format::Csv => ci::csv(document),
        Format::Junit => ci::junit(document),
        Format::GithubActionBenchmark => ci::github_action_benchmark(document, true),
        Format::GithubActionBenchmarkSmaller => ci::github_action_benchmark(document, false),
        Format::Bencher => ci::bencher(document),
    }
}

/// `report.html`.
pub fn html(document: &Document) -> Result<String> {
    Ok(html::page(document, &Charts::of(document)?))
}

/// `report.md`.
pub fn markdown(document: &Document) -> Result<String> {
    Ok(markdown::report(document, &Charts::of(document)?))
}

/// `metrics.json`.
pub fn metrics(document: &Document) -> Result<String> {
    ci::metrics(document)
}

/// A file of a results folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path within the folder.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The charts of a history, one for each series, as SVG and PNG.
pub fn history_charts(all: &[HistorySeries]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for series in all {
        let svg = charts::history(series)?;
        files.push(File { name: history_name(series, "png"), bytes: png::png(&svg)? });
        files.push(File { name: history_name(series, "svg"), bytes: svg.into_bytes() });
    }
    Ok(files)
}

/// Names the files of a series: those of two series differ.
fn history_name(series: &HistorySeries, ending: &str) -> String {
    let HistorySeries { plan, plan_hash, phase, settings, machine, store, .. } = series;
    let key = format!("{plan_hash} {settings} {machine:?} {store}");
    let key = blake3::hash(key.as_bytes()).to_hex();
    format!("{}-{}-{}.{ending}", charts::slug(plan), charts::slug(phase), &key[..8])
}

/// Every file that a results folder gets from its document (`metrics.json` where a phase has an
/// outcome, charts, reports), in the order in which to write them:
/// `report.md`, whose presence says that a session is complete, is the last.
pub fn files(document: &Document) -> Result<Vec<File>> {
    let charts = Charts::of(document)?;
    let file = |name: &str, bytes: Vec<u8>| File { name: name.into(), bytes };
    let mut files = Vec::new();
    if document.phases.iter().any(|phase| phase.outcome.is_some()) {
        files.push(file("metrics.json", metrics(document)?.into_bytes()));
    }
    for chart in charts.iter() {
        let name = |ending| format!("charts/{}.{ending}", chart.name);
        files.push(file(&name("svg"), chart.svg.clone().into_bytes()));
        files.push(file(&name("png"), png::png(&chart.svg)?));
    }
    files.push(file("report.html", html::page(document, &charts).into_bytes()));
    files.push(file("report.md", markdown::report(document, &charts).into_bytes()));
    Ok(files)
}
