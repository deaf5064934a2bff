//! One phase on the page.

use maud::{Markup, html};

use super::parts::{facts, figure, points, table, tone};
use crate::report::charts::Chart;
use crate::report::diagnostics;
use crate::report::model::{ComparisonRow, PhaseReport};
use crate::report::table::Table;
use crate::report::tables::{settings_table, waits_table};

/// Question, result, choice and confirmation of a phase.
pub(super) fn body(phase: &PhaseReport, charts: &[Chart]) -> Markup {
    html! {
        @if !phase.why.is_empty() { p class="note" { (phase.why) } }
        @if let Some(reason) = &phase.skipped {
            p { span class="tag" { "skipped" } (reason) }
        }
        @if !phase.finding.is_empty() { p { b { (phase.finding) } } }
        @if let Some(confirmation) = &phase.confirmation { (confirmed(confirmation)) }
        @if !phase.settings.is_empty() { (figures(phase)) }
        @for chart in charts { (figure(chart)) }
        @if let Some(waits) = waits_table(phase) { h3 { "Waits and the cache" } (table(&waits, &[])) }
        @if !phase.notes.is_empty() { h3 { "Notes" } (points(&phase.notes)) }
    }
}

fn figures(phase: &PhaseReport) -> Markup {
    let settings: Table = settings_table(phase);
    let chosen: Vec<usize> = phase.chosen.into_iter().collect();
    html! {
        (table(&settings, &chosen))
        p class="note" { (phase.runs) ". Times are summed over workers; peak memory is the largest \
            of the runs, everything else their median." }
    }
}

/// Comparison with all its figures.
fn confirmed(comparison: &ComparisonRow) -> Markup {
    html! {
        h3 { "Confirmation by fresh runs" }
        p {
            span class={ "tag " (tone(comparison.status)) } { (comparison.status.words()) }
            @match comparison.kept {
                Some(true) => { span class="tag" { "kept" } },
                Some(false) => { span class="tag" { "not kept" } },
                None => {},
            }
            (comparison.reason)
        }
        (facts(&diagnostics::comparison(comparison)))
    }
}
