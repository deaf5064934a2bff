//! Text of an explanation, at most 100 columns wide on a terminal, and its parts for other formats.

use super::gate::{arrow, change};
use crate::analysis::comparison::{Comparison, CountComparison};
use crate::analysis::test_result::Decision;
use crate::experiment::explain::ExplainResult;
use crate::experiment::explain::result::{Contribution, SettingAttribution, Stages};
use crate::report::model::{Check, Section, Status};
use crate::report::numbers::{counted, milliseconds, percent, percent_range};
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::wrapped;
use crate::stats::verdict::Verdict;

/// Widest value of a setting in a row of the terminal.
const VALUE_MAX: usize = 34;

/// Text for the terminal; `folder` holds the files.
pub fn text(explained: &ExplainResult, folder: &str) -> String {
    let mut parts = vec![wrapped(&format!("{}: {}", word(explained), headline(explained))) + "\n"];
    for section in sections(explained) {
        let mut part = format!("{}\n", section.title);
        part.push_str(&terminal_table(&section.table));
        part.push_str(&wrapped(&section.words.join(" ")));
        parts.push(part + "\n");
    }
    let counts = counts(explained).into_iter();
    let notes = explained.warnings.iter().map(|warning| format!("note: {warning}"));
    let lines: Vec<String> = counts.chain(notes).map(|line| wrapped(&line)).collect();
    if !lines.is_empty() {
        parts.push(lines.join("\n") + "\n");
    }
    parts.push(format!("report: {folder}/report.md\n"));
    parts.join("\n")
}

/// Result for the whole difference, one sentence.
pub(in crate::report) fn headline(explained: &ExplainResult) -> String {
    let ExplainResult { base, head, comparison, .. } = explained;
    let Some(primary) = comparison.primary() else {
        return format!("{head} against {base}: no figure of every run to compare by.");
    };
    let change = change(primary);
    let pairs = counted(comparison.pairs, "pair");
    let metric = primary.metric.name();
    let told = match comparison.verdict {
        None => "too much interference during the runs for a verdict".into(),
        Some(Decision::Judged(verdict)) => meaning(comparison, verdict),
        Some(Decision::Untestable(_)) if explained.quick => {
            "a smoke test, which proves nothing about speed".into()
        }
        Some(Decision::Untestable(_)) => "too few pairs finished for any test".into(),
        Some(Decision::FailedRuns) => "runs failed, so that nothing is decided".into(),
    };
    format!("{head} against {base}: {metric} {change}, {pairs}; {told}.")
}

/// Verdict on the whole difference, as a word.
fn word(explained: &ExplainResult) -> String {
    match explained.comparison.verdict {
        None => "INVALID".into(),
        Some(Decision::Judged(verdict)) => verdict.to_string(),
        Some(Decision::Untestable(_)) => "NOT TESTABLE".into(),
        Some(Decision::FailedRuns) => "FAILED RUNS".into(),
    }
}

fn meaning(comparison: &Comparison, verdict: Verdict) -> String {
    let margin = comparison.margin_percent;
    match verdict {
        Verdict::Improved => "better".into(),
        Verdict::Regression => "worse".into(),
        Verdict::Small => format!("shown to be worse, by less than {margin} %"),
        Verdict::Pass => format!("no more than {margin} % worse, and not shown to be better"),
        Verdict::Inconclusive => {
            let needed = comparison.primary().and_then(|found| found.finding.needed_pairs);
            let needed = needed.map(|pairs| format!("; about {pairs} pairs in total would decide"));
            format!("could not tell{}", needed.unwrap_or_default())
        }
    }
}

pub(in crate::report) fn sections(explained: &ExplainResult) -> Vec<Section> {
    explained.settings.iter().map(by_setting).chain([by_stage(&explained.stages)]).collect()
}

fn by_setting(apart: &SettingAttribution) -> Section {
    let of = |share: Option<Contribution>| cells(share, apart.whole);
    let row = |name: &str, change: String, share: Option<Contribution>| {
        let mut row = vec![name.to_owned(), change];
        row.extend(of(share));
        row
    };
    let between = if apart.parts.len() > 1 { "joint 95 % interval" } else { "interval" };
    let columns = [
        ("setting", ColumnKind::Text),
        ("change", ColumnKind::Text),
        ("contribution", ColumnKind::Figure),
        (between, ColumnKind::Figure),
        ("of the whole", ColumnKind::Figure),
    ];
    let mut table = Table::with_columns("By setting, in percent of the rate", &columns);
    table.rows.extend(
        apart
            .parts
            .iter()
            .map(|part| row(&part.setting, format!("{} → {}", part.base, part.head), part.share)),
    );
    if apart.left.is_some() {
        table.rows.push(row("interaction of three or more", String::new(), apart.left));
    }
    if apart.parts.len() > 1 {
        table.rows.push(row("all together", String::new(), apart.whole));
    }
    let checks = apart.parts.iter().map(|part| {
        check(format!("{}: {} → {}", part.setting, part.base, part.head), part.share, apart.whole)
    });
    Section {
        title: table.caption.clone(),
        checks: checks.collect(),
        table,
        words: vec![setting_words(apart)],
        ..Section::default()
    }
}

fn setting_words(apart: &SettingAttribution) -> String {
    if apart.parts.len() < 2 {
        return "One setting differs, so the whole is its own, between the ends that the pairs' test \
                gives it: each is wrong with at most 5 %, over all looks. That bound is for the timing and \
                does not include failed runs."
            .into();
    }
    if apart.whole.is_none() {
        return "No block of runs finished, or a run failed, so the contributions of the settings are \
                unknown."
            .into();
    }
    format!(
        "From {} of runs apart from the pairs, each setting switched first of all and last of \
         all: its share is the mean of the two (a Shapley value where no three settings act on \
         each other). Shares multiply to the whole, so that their parts of it \
         are those of logarithms.",
        counted(apart.blocks, "complete block")
    )
}

fn by_stage(stages: &Stages) -> Section {
    let columns = [
        ("stage", ColumnKind::Text),
        ("base ms", ColumnKind::Figure),
        ("head ms", ColumnKind::Figure),
        ("change", ColumnKind::Figure),
        ("joint 95 % interval", ColumnKind::Figure),
        ("of the whole", ColumnKind::Figure),
    ];
    let mut table = Table::with_columns("By stage", &columns);
    for part in &stages.parts {
        let name = if part.waits { format!("{} (waits)", part.stage) } else { part.stage.clone() };
        let mut row = vec![name, milliseconds(part.base_ms), milliseconds(part.head_ms)];
        let whole = stages.whole.filter(|_| !part.waits);
        row.extend(cells(Some(part.share), whole));
        table.rows.push(row);
    }
    if stages.whole.is_some() {
        let mut row = vec!["all but waits".to_owned(), String::new(), String::new()];
        row.extend(cells(stages.whole, stages.whole));
        table.rows.push(row);
    }
    let words = if table.rows.is_empty() {
        "No run says how long its stages took.".to_owned()
    } else {
        format!(
            "Medians in milliseconds per 1,000 records, summed over workers; changes in percent of \
             what all stages take in the baseline, from {}.",
            counted(stages.pairs, "pair")
        )
    };
    let checks = stages.parts.iter().map(|part| {
        let whole = stages.whole.filter(|_| !part.waits);
        check(format!("stage {}", part.stage), Some(part.share), whole)
    });
    Section {
        title: table.caption.clone(),
        checks: checks.collect(),
        table,
        words: vec![words],
        ..Section::default()
    }
}

/// Contribution, its interval, and its share of the whole.
fn cells(share: Option<Contribution>, whole: Option<Contribution>) -> [String; 3] {
    let Some(share) = share else {
        return ["-", "not measured", "-"].map(String::from);
    };
    let interval = match share.interval_percent {
        Some(interval) => percent_range(interval),
        None => "not testable".into(),
    };
    let open = !share.told && share.interval_percent.is_some();
    let of = match share.of_whole_percent {
        Some(of_whole) => format!("{of_whole:.0} %"),
        None if open && whole.is_some_and(|whole| whole.told) => "could not tell".into(),
        None => "-".into(),
    };
    [percent(share.percent), interval, of]
}

/// Exact counts that differ.
fn counts(explained: &ExplainResult) -> Vec<String> {
    let line = |count: &CountComparison| format!("{}: {}", count.quantity.name(), arrow(count));
    explained.counts().map(line).collect()
}

/// Table with shortened cells.
fn terminal_table(table: &Table) -> String {
    let columns = 0..table.headings.len();
    let shortened =
        columns.fold(table.clone(), |table, column| table.with_width_max(column, VALUE_MAX));
    shortened.to_ruled_text()
}

/// Test case of a contribution: it passes if it differs from zero, and is undecided otherwise.
fn check(name: String, share: Option<Contribution>, whole: Option<Contribution>) -> Check {
    let status = match share {
        None => Status::Skipped,
        Some(share) if share.told => Status::Pass,
        Some(share) if share.interval_percent.is_some() => Status::Inconclusive,
        Some(_) => Status::NotTestable,
    };
    let [change, interval, of_whole] = cells(share, whole);
    let words = format!("{change} ({interval}); share of the whole: {of_whole}");
    Check {
        value: share.map(|share| share.percent),
        unit: "%".into(),
        ..Check::new(name, status, words)
    }
}
