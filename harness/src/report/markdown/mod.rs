//! `report.md`, for a pull request: the verdict first, then one table, the command that repeats the
//! measurement, and collapsed details. Details that exceed GitHub's limit are left out.

mod ascii_interval;

use std::convert::identity;

use super::charts::{Charts, cumulative_table};
use super::diagnostics;
use super::escape::{block, plain};
use super::model::{Document, ExactRow, Fact, Headline, PhaseReport, ReportKind, Section};
use super::numbers::{percent, percent_range};
use super::table::{ColumnKind, Table, cell};
use super::tables::{settings_table, waits_table};
use super::wrap::truncated;

/// Below the limit of a GitHub comment, 65,536 characters.
const CHARACTERS_MAX: usize = 65_000;
/// Limit for the words of the verdict.
const WORDS_MAX: usize = 4_000;
/// Limit for the main table.
const TABLE_MAX: usize = 24_000;

/// Text of the report.
pub(super) fn report(document: &Document, charts: &Charts) -> String {
    let first = [
        marker(document),
        format!("# {}", plain(&document.heading())),
        verdict(&document.headline),
        the_table(document),
        sections(&document.sections),
        wrong(&document.exact),
        again(document),
    ];
    let mut text =
        first.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    let note = "\n\n_Further details are left out here: they are in `report.html`._";
    let mut room = CHARACTERS_MAX.saturating_sub(text.chars().count() + note.chars().count());
    let mut left_out = false;
    for (title, body) in details(document, charts) {
        let part = format!("\n\n<details><summary>{title}</summary>\n\n{body}\n\n</details>");
        let length = part.chars().count();
        if length > room {
            left_out = true;
            continue;
        }
        room -= length;
        text.push_str(&part);
    }
    if left_out {
        text.push_str(note);
    }
    text + "\n"
}

/// Marker by which a later report finds the comment to replace.
fn marker(document: &Document) -> String {
    format!(
        "<!-- sweetspot:{}:{} -->",
        document.kind.name(),
        super::charts::slug(&document.scenario)
    )
}

fn verdict(headline: &Headline) -> String {
    let status = headline.status.words().to_uppercase();
    let mut lines = vec![format!("**{status}.** {}", plain(&headline.words))];
    lines.extend(headline.why.iter().map(|why| format!("**Why:** {}", plain(why))));
    lines.extend(headline.details.iter().map(|words| plain(words)));
    truncated(&lines.join("\n\n"), WORDS_MAX)
}

/// Differences that are wrong results; they are never collapsed.
fn wrong(all: &[ExactRow]) -> String {
    let wrong = all.iter().filter(|exact| exact.must_agree && !exact.agrees()).cloned();
    truncated(&exact(&wrong.collect::<Vec<_>>()), WORDS_MAX)
}

/// Main table: metrics, phases or settings.
fn the_table(document: &Document) -> String {
    if !document.metrics.is_empty() {
        return with_pictures(document).to_markdown(TABLE_MAX);
    }
    if document.cumulative.is_some() {
        return cumulative_table(document).to_markdown(TABLE_MAX) + &reached(document);
    }
    match document.phases.as_slice() {
        [phase] => settings_table(phase).to_markdown(TABLE_MAX),
        _ => String::new(),
    }
}

/// Sections with their own headings.
fn sections(all: &[Section]) -> String {
    let section = |section: &Section| {
        let mut parts = vec![format!("## {}", plain(&section.title))];
        parts.extend(section.lead.iter().map(|words| plain(words)));
        if !section.table.rows.is_empty() {
            parts.push(section.table.to_markdown(TABLE_MAX));
        }
        parts.extend(section.words.iter().map(|words| plain(words)));
        parts.join("\n\n")
    };
    all.iter().map(section).collect::<Vec<_>>().join("\n\n")
}

/// Final comparison and target of the plan, below the cumulative table.
fn reached(document: &Document) -> String {
    let last = document.last.iter().map(|last| {
        format!(
            "\n\nAll kept settings against the original baseline, in confirmation runs: **{}** ({}), {}, \
             confidence {}. {}",
            cell(last.effect_percent, percent),
            cell(last.interval_percent, percent_range),
            last.status.words(),
            plain(&last.confidence),
            plain(&last.reason)
        )
        .trim_end()
        .to_owned()
    });
    let target = document.cumulative.iter().filter_map(|cumulative| cumulative.target.as_ref());
    let target = target.map(|target| {
        format!(
            "\n\n{}: {}; reached: {}. {}",
            plain(&target.name),
            percent_range(target.range_percent),
            cell(target.reached_percent, percent),
            plain(&target.words)
        )
    });
    last.chain(target).collect()
}

/// Metrics with their intervals drawn in characters.
fn with_pictures(document: &Document) -> Table {
    let scale = ascii_interval::scale(&document.metrics);
    // Columns that a narrow page may cut off come last.
    let columns = [
        ("metric", ColumnKind::Text),
        ("verdict", ColumnKind::Text),
        ("change", ColumnKind::Figure),
        ("interval", ColumnKind::Figure),
        ("worse ← 0 → better", ColumnKind::Picture),
        ("pairs", ColumnKind::Figure),
        ("confidence", ColumnKind::Text),
    ];
    let mut table = Table::with_columns("", &columns);
    for metric in &document.metrics {
        table.rows.push(vec![
            format!("{} ({})", metric.name, metric.direction()),
            metric.status.words().into(),
            unbroken(&cell(metric.change_text(), identity)),
            unbroken(&cell(metric.interval_text(), identity)),
            ascii_interval::interval(metric, scale),
            metric.pairs.to_string(),
            metric.confidence.clone(),
        ]);
    }
    table.without_empty_columns()
}

/// Figure with a no-break space before its unit.
fn unbroken(figure: &str) -> String {
    figure.replace(" %", "\u{a0}%")
}

fn again(document: &Document) -> String {
    if document.command.is_empty() {
        return String::new();
    }
    format!("Measure it again:\n\n{}", block(&document.command))
}

/// Collapsed details, the most important first: title and body.
fn details(document: &Document, charts: &Charts) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    let mut part = |title: &str, body: String| {
        if !body.trim().is_empty() {
            parts.push((plain(title), body));
        }
    };
    part("Compared without statistics", exact(&document.exact));
    part("How far to trust this", trust_points(document));
    part("Settings to use", settings(document));
    // If the main table shows the phase, its details need no name.
    let shown = document.kind == ReportKind::Sweep && document.phases.len() == 1;
    for phase in &document.phases {
        let title = format!("{} {}", phase.phase, phase.optimization);
        part(if shown { "The phase" } else { title.trim() }, of_phase(phase, !shown));
    }
    if !document.alone.is_empty() {
        let alone = super::charts::comparison_table("", document.alone.iter());
        part("Each optimization alone", alone.to_markdown(usize::MAX));
    }
    part("What was measured", facts(&document.measured));
    part("Where", facts(&document.environment));
    if document.kind != ReportKind::Gate {
        // A comment on a pull request cannot refer to files.
        part("Charts", pictures(charts));
        part("Files beside this one", facts(&document.files));
    }
    parts
}

fn exact(exact: &[ExactRow]) -> String {
    let line = |exact: &ExactRow| match (exact.agrees(), exact.must_agree) {
        (true, _) => format!("- {}: {} in both", plain(&exact.name), plain(&exact.head)),
        (false, must) => format!(
            "- {}{}: {} in the baseline, {} in the head",
            if must { "**wrong result:** " } else { "" },
            plain(&exact.name),
            plain(&exact.baseline),
            plain(&exact.head)
        ),
    };
    exact.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn trust_points(document: &Document) -> String {
    let validity =
        document.validity.map(|validity| diagnostics::validity(&validity)).unwrap_or_default();
    let points = document.warnings.iter().cloned().chain(diagnostics::failed(&document.failed));
    let points: Vec<String> = points.map(|point| format!("- {}", plain(&point))).collect();
    [points.join("\n"), facts(&validity)].join("\n").trim().to_owned()
}

fn settings(document: &Document) -> String {
    let paste = document.paste.iter().flat_map(|paste| [block(&paste.toml), block(&paste.command)]);
    let commits = (!document.commits.is_empty()).then(|| block(&document.commits.join("\n")));
    paste.chain(commits).collect::<Vec<_>>().join("\n\n")
}

fn of_phase(phase: &PhaseReport, with_settings: bool) -> String {
    let mut parts = Vec::new();
    if !phase.why.is_empty() {
        parts.push(plain(&phase.why));
    }
    parts.extend(phase.skipped.iter().map(|reason| format!("Skipped: {}", plain(reason))));
    if with_settings && !phase.finding.is_empty() {
        parts.push(plain(&phase.finding));
    }
    if with_settings && !phase.settings.is_empty() {
        parts.push(settings_table(phase).to_markdown(TABLE_MAX));
    }
    parts.push(plain(&phase.runs));
    if let Some(confirmation) = &phase.confirmation {
        let status = confirmation.status.words();
        parts.push(format!("Confirmation: **{status}**. {}", plain(&confirmation.reason)));
        parts.push(facts(&diagnostics::comparison(confirmation)));
    }
    parts.extend(waits_table(phase).map(|waits| waits.to_markdown(TABLE_MAX)));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn facts(facts: &[Fact]) -> String {
    let line = |fact: &Fact| format!("- {}: {}", plain(&fact.name), plain(&fact.value));
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn pictures(charts: &Charts) -> String {
    let picture = |chart: &super::charts::Chart| {
        format!("![{}](charts/{}.svg)", plain(&chart.title), chart.name)
    };
    charts.iter().map(picture).collect::<Vec<_>>().join("\n\n")
}
