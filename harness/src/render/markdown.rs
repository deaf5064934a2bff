//! `report.md`: the finding first, then the figures, then how far to trust them and how to get them
//! again. Takes words and cells from its neighbours and adds only their order.

use super::format::{counted, mib, percent, rounded, swept, thousands};
use super::{charts, table, words};
use crate::analyse::Analysis;
use crate::compare::Range;
use crate::identity::Identity;

/// The report's text.
pub fn markdown(analysis: &Analysis, identity: &Identity) -> String {
    let scenario = &analysis.scenario;
    let sections: Vec<String> = [
        format!("# {}: {} ({})", scenario.name, scenario.optimization, scenario.phase),
        format!("**{}**", words::finding(analysis)),
        words::worth(analysis),
    ]
    .into_iter()
    .chain(words::times(analysis))
    .chain([figures(analysis)])
    .chain(fresh_pairs(analysis))
    .chain([
        images(analysis),
        section("How far to trust this", &trust(analysis, identity)),
        section("What was measured", &measured(analysis)),
        section("Where", &place(identity)),
        format!("## Again\n\n```\n{}\n```", identity.command),
        files(),
    ])
    .collect();
    sections.join("\n\n") + "\n"
}

fn figures(analysis: &Analysis) -> String {
    let headings = table::headings().join(" | ");
    let mut lines = vec![
        format!("| {} | {headings} | |", swept(analysis)),
        format!("|---|{}---|", "---:|".repeat(table::headings().len())),
    ];
    for (index, summary) in analysis.settings.iter().enumerate() {
        let cells = table::cells(summary).join(" | ");
        let mark = remark(analysis, index);
        lines.push(format!("| {} | {cells} | {mark} |", summary.setting.short));
    }
    let legend = "Times are summed over workers; *insert* is the \
                  stages insert, log and commit, *prepare* is validation, parsing and mapping. Peak \
                  RSS is the largest of the runs, everything else their median.";
    format!("{}\n\n{legend}", lines.join("\n"))
}

fn remark(analysis: &Analysis, index: usize) -> String {
    let best = analysis.may_be_best(index).then_some("may be the fastest");
    best.into_iter().chain(table::roles(analysis, index)).collect::<Vec<_>>().join(", ")
}

/// The fresh pairs, a row for every metric; nothing where none have run.
fn fresh_pairs(analysis: &Analysis) -> Option<String> {
    let fresh = analysis.confirmation.as_ref()?;
    let mut lines = vec![
        format!(
            "## Fresh pairs\n\n{} against {}, {} pairs, order from the seed; margin {} %.\n",
            fresh.candidate.label,
            fresh.baseline.label,
            fresh.pairs,
            rounded(fresh.margin_percent)
        ),
        "| metric | change | interval | p worse | p within | pairs | verdict |".into(),
        "|---|---:|---:|---:|---:|---:|---|".into(),
    ];
    let figure = |value: Option<f64>| value.map_or_else(|| "-".into(), percent);
    let p = |value: Option<f64>| value.map_or_else(|| "-".into(), |p| format!("{p:.3}"));
    lines.extend(fresh.metrics.iter().map(|found| {
        let interval = found
            .change_interval_percent
            .map_or_else(|| "-".into(), |ends| ends.map(figure).join(" to "));
        let verdict = serde_json::to_value(found.finding.verdict).unwrap_or_default();
        format!(
            "| {} | {} | {interval} | {} | {} | {} | {} |",
            found.metric.name(),
            figure(found.change_percent),
            p(found.finding.p_worse),
            p(found.finding.p_within),
            found.finding.pairs,
            verdict.as_str().unwrap_or_default()
        )
    }));
    lines.extend(fresh.exact.iter().filter(|count| count.differs()).map(|count| {
        let range = |Range { min, max }: Range| {
            let most = (max > min).then(|| format!(" to {}", thousands(max as f64)));
            thousands(min as f64) + &most.unwrap_or_default()
        };
        let (name, before, now) = (count.quantity.name(), count.baseline, count.candidate);
        format!("\nExact: {name} {} instead of {}.", range(now), range(before))
    }));
    Some(lines.join("\n"))
}

fn images(analysis: &Analysis) -> String {
    let rates = format!("![Records per minute of every run]({})", charts::RATES_FILE);
    if words::times(analysis).is_none() {
        return rates;
    }
    format!("{rates}\n\n![Insertion against preparation time]({})", charts::TIMES_FILE)
}

fn section(title: &str, points: &[String]) -> String {
    let points: Vec<String> = points.iter().map(|point| format!("- {point}")).collect();
    format!("## {title}\n\n{}", points.join("\n"))
}

fn trust(analysis: &Analysis, identity: &Identity) -> Vec<String> {
    let stored = &analysis.stored;
    let checksum = match stored.checksum.as_str() {
        "" => "unverified".into(),
        checksum => format!("checksum `{checksum}`"),
    };
    let mut points = vec![format!(
        "Every run stored the same: {}, {} records committed, {} rejected, {} failed, \
         {} duplicates.",
        checksum,
        thousands(stored.books.committed as f64),
        thousands(stored.books.rejected as f64),
        thousands(stored.books.failed as f64),
        thousands(stored.books.duplicate as f64)
    )];
    points.extend(words::further_doubts(analysis).map(|doubt| sentence(&doubt.to_string())));
    let failed = analysis.failed.iter();
    points.extend(failed.map(|run| {
        format!("Run {} of the plan ({}) failed: {}.", run.trial, run.setting, run.reason)
    }));
    points.extend(identity.doubts().iter().map(|doubt| sentence(&doubt.to_string())));
    points
}

fn sentence(fragment: &str) -> String {
    let mut characters = fragment.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(['.']).collect()
}

fn measured(analysis: &Analysis) -> Vec<String> {
    let scenario = &analysis.scenario;
    let workload = &scenario.workload;
    vec![
        format!("Question: {}", scenario.why),
        format!(
            "{} settings, each once in every block: {} after {}; order from seed {}.",
            scenario.settings.len(),
            counted(scenario.runs, "block"),
            counted(scenario.warmup, "warm-up block"),
            scenario.seed
        ),
        format!(
            "Every run: a fresh process, a fresh store, the same {} records (profile {}, {} % \
             duplicates, {} % rejects, seed {}).",
            thousands(f64::from(analysis.records)),
            workload.profile,
            rounded(workload.duplicates * 100.0),
            rounded(workload.rejects * 100.0),
            workload.seed
        ),
        format!("Plan hash `{}`.", analysis.plan_hash),
    ]
}

fn place(identity: &Identity) -> Vec<String> {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
    let machine = &identity.machine;
    let program = match &identity.program.path {
        Some(path) => format!("`{path}`"),
        None => "the harness's own".into(),
    };
    vec![
        format!("Began {}; harness revision `{}`.", identity.started, identity.revision),
        format!(
            "Migrator: {program}, version {}, {} build, BLAKE3 `{}`.",
            known(&identity.program.version),
            known(&identity.program.profile),
            identity.program.blake3
        ),
        format!(
            "Store: {}, synchronous {}, on {}.",
            known(&identity.store.version),
            identity.store.synchronous,
            known(&identity.store.filesystem)
        ),
        format!(
            "Machine: {}, {} processors ({}), {} of memory, {}, governor {}, load {} before the \
             first run.",
            known(&machine.host),
            machine.cpus,
            known(&machine.cpu),
            machine.memory_bytes.map_or_else(|| "unknown".into(), |bytes| mib(bytes as f64)),
            known(&machine.kernel),
            known(&machine.governor),
            machine.load.map_or_else(|| "unknown".into(), |load| format!("{load:.2}"))
        ),
    ]
}

fn files() -> String {
    "Beside this file: `metrics.json` (the phase in the names that tools read), `analysis.json` \
     (every figure of every run), `ledger.jsonl` (the plan and every run's whole report), \
     `identity.json` (revision, program, machine)."
        .into()
}
