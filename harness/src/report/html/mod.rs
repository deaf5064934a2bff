//! `report.html`: one self-contained file without scripts. `maud` escapes every text of the
//! document; only the charts and the style are inserted as they are.

mod parts;
mod phase;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::parts::{breakable, facts, figure, icon, picture, points, table, tone};
use super::charts::{Charts, comparison_table, cumulative_table, slug};
use super::diagnostics;
use super::model::{Document, ExactRow, Headline, Paste, PlanTarget, Section};
use super::numbers::{counted, percent, percent_range, thousands};
use super::table::{Table, cell};
use crate::sanitize::shown;

const STYLE: &str = include_str!("style.css");

/// Forbids fetching and scripts, whatever the texts of a report contain.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Text of the page.
pub(super) fn page(document: &Document, charts: &Charts) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (document.heading()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#verdict" { "Skip to the verdict" }
                header {
                    p class="kind" { "Sweetspot · " (document.kind.name()) }
                    h1 { (document.heading()) }
                    @if let Some(question) = &document.question { p class="question" { (question) } }
                }
                main {
                    (verdict(&document.headline))
                    (key_figures(document))
                    (contents(document))
                    (sections(document, charts))
                }
                @if !document.ledger.is_empty() {
                    footer { p { "Made from " code { (document.ledger) } " by Sweetspot; the same \
                        ledger gives the same page." } }
                }
            }
        }
    };
    shown(&page.into_string())
}

fn verdict(headline: &Headline) -> Markup {
    let status = headline.status;
    html! {
        section id="verdict" class={ "verdict " (tone(status)) } aria-labelledby="verdict-word" {
            (icon(status))
            div {
                h2 id="verdict-word" { (status.words()) }
                p class="answer" { (headline.words) }
                @if let Some(why) = &headline.why { p { b { "Why: " } (why) } }
                @for words in &headline.details { p { (words) } }
            }
        }
    }
}

/// Key figures at the top of the page.
fn key_figures(document: &Document) -> Markup {
    let mut figures: Vec<(&str, String)> = Vec::new();
    if let [phase] = document.phases.as_slice() {
        let chosen = phase.chosen.and_then(|chosen| phase.settings.get(chosen));
        if let Some(chosen) = chosen {
            let confirmed = phase.confirmation.is_some();
            let name = if confirmed { "chosen setting" } else { "highest median" };
            figures.push((name, chosen.label.clone()));
            let rate = thousands(chosen.rec_per_min.median);
            figures.push(("records a minute, median", rate));
            figures.extend(chosen.peak_rss_bytes.map(|b| ("peak memory", super::numbers::mib(b))));
        }
        figures.extend(
            phase
                .confirmation
                .as_ref()
                .and_then(|confirmed| Some(("confirmed gain", percent(confirmed.effect_percent?)))),
        );
    }
    if let Some(last) = &document.last {
        figures.extend(last.effect_percent.map(|effect| ("all kept settings", percent(effect))));
        figures.extend(last.interval_percent.map(|ends| ("its interval", percent_range(ends))));
        figures.push(("confidence", last.confidence.clone()));
    }
    if let Some(first) = document.metrics.first() {
        figures.push(("primary metric", first.name.clone()));
        figures.push(("direction", first.direction().to_string()));
        figures.extend(first.change_text().map(|change| ("change", change)));
        figures.extend(first.interval_text().map(|interval| ("its interval", interval)));
        figures.push(("confidence", first.confidence.clone()));
    }
    html! {
        @if !figures.is_empty() {
            dl class="figures" {
                @for (name, value) in figures { div { dt { (name) } dd { (breakable(&value)) } } }
            }
        }
    }
}

/// Table of contents.
fn contents(document: &Document) -> Markup {
    let mut parts: Vec<(String, String)> = Vec::new();
    let mut part = |there: bool, id: &str, name: &str| {
        if there {
            parts.push((id.to_owned(), name.to_owned()));
        }
    };
    part(!document.metrics.is_empty(), "metrics", "Metrics");
    part(document.cumulative.is_some(), "cumulative", "All phases");
    part(document.paste.is_some(), "settings", "Settings to use");
    for (index, phase) in document.phases.iter().enumerate() {
        part(true, &phase_id(index, &phase.phase), &phase_name(&phase.phase, &phase.optimization));
    }
    for (index, section) in document.sections.iter().enumerate() {
        part(true, &section_id(index), &section.title);
    }
    part(!document.alone.is_empty(), "alone", "Each alone");
    part(has_diagnostics(document), "trust", "How far to trust this");
    part(has_workload(document), "measured", "What was measured");
    part(!document.command.is_empty(), "again", "Measure it again");
    html! {
        nav aria-label="Contents" {
            ul { @for (id, name) in parts { li { a href={ "#" (id) } { (name) } } } }
        }
    }
}

/// True for measurements, whose figures can be more or less reliable.
fn has_diagnostics(document: &Document) -> bool {
    !document.ledger.is_empty() || !document.warnings.is_empty()
}

fn has_workload(document: &Document) -> bool {
    !document.measured.is_empty() || !document.environment.is_empty()
}

fn section_id(index: usize) -> String {
    format!("section-{}", index + 1)
}

fn phase_id(index: usize, phase: &str) -> String {
    format!("phase-{}-{}", index + 1, slug(phase))
}

fn phase_name(phase: &str, optimization: &str) -> String {
    format!("{phase} {optimization}").trim().to_owned()
}

fn sections(document: &Document, charts: &Charts) -> Markup {
    html! {
        (cumulative(document, charts))
        @if let Some(paste) = &document.paste { (settings(paste, &document.commits)) }
        (metrics(document, charts))
        @for (index, phase) in document.phases.iter().enumerate() {
            section id=(phase_id(index, &phase.phase)) {
                h2 { (phase_name(&phase.phase, &phase.optimization)) }
                (phase::body(phase, charts.phases.get(index).map_or(&[], Vec::as_slice)))
            }
        }
        @for (index, section) in document.sections.iter().enumerate() {
            section id=(section_id(index)) { (section_body(section)) }
        }
        @if !document.alone.is_empty() {
            section id="alone" {
                h2 { "Each optimization alone" }
                p { "Each one against the original baseline, with all others switched off." }
                @if let Some(chart) = &charts.alone { (picture(chart)) }
                (table(&comparison_table("Each optimization alone", document.alone.iter()), &[]))
            }
        }
        @if has_diagnostics(document) { (warnings(document, charts)) }
        @if has_workload(document) {
            section id="measured" {
                h2 { "What was measured" }
                (facts(&document.measured))
                @if !document.environment.is_empty() { h3 { "Where" } (facts(&document.environment)) }
            }
        }
        @if !document.command.is_empty() {
            section id="again" {
                h2 { "Measure it again" }
                pre class="wrap" { (document.command) }
                @if !document.ledger.is_empty() {
                    p { "Every run of this report is in " code { (document.ledger) } "." }
                }
                (facts(&document.files))
            }
        }
    }
}

fn section_body(section: &Section) -> Markup {
    html! {
        h2 { (section.title) }
        @for words in &section.lead { p { (words) } }
        @if !section.table.rows.is_empty() { (table(&section.table, &[])) }
        @for words in &section.words { p { (words) } }
    }
}

fn metrics(document: &Document, charts: &Charts) -> Markup {
    let table_of = comparison_table("Every metric against the baseline", document.metrics.iter());
    html! {
        @if !document.metrics.is_empty() || !document.exact.is_empty() {
            section id="metrics" {
                h2 { "Metrics" }
                @if let Some(chart) = &charts.metrics { (picture(chart)) }
                @if !document.metrics.is_empty() { (table(&table_of, &[])) }
                @for metric in &document.metrics {
                    @if !metric.reason.is_empty() { p { b { (metric.name) ": " } (metric.reason) } }
                }
                @if !document.exact.is_empty() { (table(&exact_table(&document.exact), &[])) }
            }
        }
    }
}

fn exact_table(exact: &[ExactRow]) -> Table {
    let mut table = Table::new(
        "Compared without statistics",
        &["quantity", "baseline", "head", "what that means"],
    );
    for exact in exact {
        let meaning = match (exact.agrees(), exact.must_agree) {
            (true, _) => "the same",
            (false, true) => "wrong result",
            (false, false) => "different",
        };
        table.rows.push(vec![
            exact.name.clone(),
            exact.baseline.clone(),
            exact.head.clone(),
            meaning.into(),
        ]);
    }
    table
}

fn cumulative(document: &Document, charts: &Charts) -> Markup {
    html! {
        @if let Some(cumulative) = &document.cumulative {
            section id="cumulative" {
                h2 { "All phases" }
                @if let Some(target) = &cumulative.target { (aim(target)) }
                @if let Some(last) = &document.last {
                    p { b { "All kept settings against the original baseline, in confirmation runs: " }
                        (last.status.words()) ", " (cell(last.effect_percent, percent))
                        @if let Some(ends) = last.interval_percent {
                            " (interval " (percent_range(ends)) ")"
                        }
                        ", " (counted(last.pairs, "pair"))
                        ", confidence " (last.confidence) ". " (last.reason) }
                }
                @if let Some(chart) = &charts.cumulative { (picture(chart)) }
                (table(&cumulative_table(document), &[]))
            }
        }
    }
}

fn aim(target: &PlanTarget) -> Markup {
    html! {
        p { b { (target.name) ": " } (percent_range(target.range_percent)) "; reached: "
            (cell(target.reached_percent, percent)) ". " (target.words) }
    }
}

fn settings(paste: &Paste, commits: &[String]) -> Markup {
    html! {
        section id="settings" {
            h2 { "Settings to use" }
            div class="columns" {
                div { h3 { "In a scenario" }
                    pre tabindex="0" aria-label="Settings for a scenario" { (paste.toml) } }
                div { h3 { "On the command line" }
                    pre class="wrap" { (paste.command) } }
            }
            @if !commits.is_empty() {
                h3 { "Commit messages" }
                pre class="wrap" { (commits.join("\n")) }
            }
        }
    }
}

fn warnings(document: &Document, charts: &Charts) -> Markup {
    let validity =
        document.validity.map(|validity| diagnostics::validity(&validity)).unwrap_or_default();
    html! {
        section id="trust" {
            h2 { "How far to trust this" }
            @if document.warnings.is_empty() { p { "No warnings." } }
            @else { (points(&document.warnings)) }
            @if !validity.is_empty() { h3 { "Validity" } (facts(&validity)) }
            @if !document.failed.is_empty() {
                h3 { "Failed runs" }
                (points(&diagnostics::failed(&document.failed)))
            }
            @if let Some(chart) = &charts.drift { (figure(chart)) }
        }
    }
}
