//! Elements of the page: tables, charts, lists, the icon of a verdict.

use maud::{Markup, PreEscaped, html};

use crate::report::charts::Chart;
use crate::report::model::{Fact, Status, StatusClass};
use crate::report::table::{ColumnKind, Table};

/// Length above which a cell may break.
const LONG: usize = 60;

/// CSS class of a status.
pub(super) fn tone(status: Status) -> &'static str {
    match status.class() {
        StatusClass::Good => "good",
        StatusClass::Failure | StatusClass::Error => "bad",
        StatusClass::Note | StatusClass::Open => "doubt",
        StatusClass::Plain | StatusClass::NotMeasured => "plain",
    }
}

/// Icon of a status; its shape says the same as its colour.
pub(super) fn icon(status: Status) -> Markup {
    let path = match tone(status) {
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

/// Chart with the figures behind it.
pub(super) fn figure(chart: &Chart) -> Markup {
    html! {
        (picture(chart))
        details {
            summary { "The figures behind this chart" }
            (table(&chart.table, &[]))
        }
    }
}

/// Chart in its two forms, with its texts.
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

/// Table that scrolls horizontally if it is too wide; `chosen` rows are highlighted.
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

/// Name that may break after `_` and `=`.
pub(super) fn breakable(name: &str) -> Markup {
    html! {
        @for (index, part) in name.split_inclusive(['_', '=']).enumerate() {
            @if index > 0 { wbr; }
            (part)
        }
    }
}

/// List of named properties.
pub(super) fn facts(facts: &[Fact]) -> Markup {
    html! {
        @if !facts.is_empty() {
            dl class="facts" {
                @for fact in facts { dt { (fact.name) } dd { (fact.value) } }
            }
        }
    }
}

/// List of sentences.
pub(super) fn points(points: &[String]) -> Markup {
    html! { ul class="points" { @for point in points { li { (point) } } } }
}
