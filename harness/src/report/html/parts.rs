//! The building blocks of the page: tables, figures, lists, the mark of a verdict.

use maud::{Markup, PreEscaped, html};

use crate::report::charts::Chart;
use crate::report::model::{Fact, Standing};
use crate::report::table::{ColumnKind, Table};

/// Cells longer than this may break.
const LONG: usize = 60;

/// The colours of a verdict, by what it means to a reader.
pub(super) fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Improved | Standing::Pass => "good",
        Standing::Regression
        | Standing::Small
        | Standing::WrongResult
        | Standing::Invalid
        | Standing::Failed => "bad",
        Standing::Inconclusive | Standing::NotTestable => "doubt",
        Standing::NotConfirmed | Standing::NothingToConfirm | Standing::Skipped => "plain",
    }
}

/// The mark of a verdict: its shape says as much as its colour.
pub(super) fn icon(standing: Standing) -> Markup {
    let path = match tone(standing) {
        "good" => "M14 25l8 8 14-17",
        "bad" => "M16 16l16 16M32 16l-16 16",
        "doubt" => "M18 19c0-8 12-8 12 0 0 5-6 5-6 10M24 35v1",
        _ => "M15 24h18",
    };
    html! {
        svg class="icon" viewBox="0 0 48 48" aria-hidden="true" focusable="false" fill="none"
            stroke="currentColor" stroke-width="3.5" stroke-linecap="round"
            stroke-linejoin="round" {
            circle cx="24" cy="24" r="21" {}
            path d=(path) {}
        }
    }
}

/// A picture with the figures behind it.
pub(super) fn figure(chart: &Chart) -> Markup {
    html! {
        (picture(chart))
        details {
            summary { "The figures behind this chart" }
            (table(&chart.table, &[]))
        }
    }
}

/// A picture in its two forms, with what it says in words.
pub(super) fn picture(chart: &Chart) -> Markup {
    html! {
        figure role="group" aria-labelledby={ "chart-" (chart.name) } {
            figcaption {
                b id={ "chart-" (chart.name) } { (chart.title) }
                span { (chart.subtitle) }
            }
            div role="img" aria-label=(chart.alt) {
                div class="page" { (PreEscaped(chart.inline(false))) }
                div class="phone" { (PreEscaped(chart.inline(true))) }
            }
        }
    }
}

/// A table that scrolls by itself where it is too wide; `chosen` rows stand out.
pub(super) fn table(table: &Table, chosen: &[usize]) -> Markup {
    let words = |column: usize| (table.kind(column) != ColumnKind::Figure).then_some("words");
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption { (table.caption) }
                thead { tr {
                    @for (column, heading) in table.headings.iter().enumerate() {
                        th scope="col" class=[words(column)] { (heading) }
                    }
                } }
                tbody {
                    @for (index, row) in table.rows.iter().enumerate() {
                        tr class=[chosen.contains(&index).then_some("chosen")] {
                            @for (column, text) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (breakable(text)) } }
                                @else if text.chars().count() > LONG { td class="long" { (text) } }
                                @else { td class=[words(column)] { (text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A name that may break behind its joints.
pub(super) fn breakable(name: &str) -> Markup {
    html! {
        @for (index, part) in name.split_inclusive(['_', '=']).enumerate() {
            @if index > 0 { wbr; }
            (part)
        }
    }
}

/// Names and what they are.
pub(super) fn facts(facts: &[Fact]) -> Markup {
    html! {
        @if !facts.is_empty() {
            dl class="facts" {
                @for fact in facts { dt { (fact.name) } dd { (fact.value) } }
            }
        }
    }
}

/// A list of sentences.
pub(super) fn points(points: &[String]) -> Markup {
    html! { ul class="points" { @for point in points { li { (point) } } } }
}
