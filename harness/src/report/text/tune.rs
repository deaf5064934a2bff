//! Text of a tuned plan, and its parts for other formats. Lines are at most 100 columns wide,
//! except those to be pasted.

use super::words::{as_sentence, confirmed_change, undecided};
use crate::analysis::arm_summary::ArmSummary;
use crate::analysis::comparison::Comparison;
use crate::analysis::sweep::Caveat;
use crate::error::Result;
use crate::experiment::tune::{PhaseResult, TuneResult, improvement, log_lines};
use crate::report::build::{pairs, sweep};
use crate::report::model::{Paste, Status};
use crate::report::numbers::{percent, rounded, thousands};
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::{COLUMNS, wrapped};
use crate::scenario::tune_plan::{Target, difference};
use crate::stats::verdict::Verdict;

/// Widest setting that leaves room for the other columns.
const SETTING_WIDTH_MAX: usize = 22;

/// Status of a phase.
pub(crate) fn status(tuned: &PhaseResult) -> Status {
    let analysis = tuned.analysis.as_ref().filter(|_| tuned.skipped.is_none());
    analysis.map_or(Status::Skipped, sweep::status)
}

/// Confidence in the result of a phase.
pub(crate) fn confidence(tuned: &PhaseResult) -> String {
    let found = tuned.confirmation().filter(|_| tuned.skipped.is_none());
    found.map_or_else(|| "none".into(), |found| found.confidence.to_string())
}

/// Gain of each phase and of all phases so far, in percent; 0 if nothing was kept.
pub(crate) fn gains(tuning: &TuneResult) -> Vec<(f64, f64)> {
    let mut all = 1.0;
    let gain =
        |tuned: &PhaseResult| tuned.change_percent().filter(|_| tuned.is_active()).unwrap_or(0.0);
    let gains = tuning.phases.iter().map(gain);
    gains
        .map(|gain| {
            all *= 1.0 + gain / 100.0;
            (gain, (all - 1.0) * 100.0)
        })
        .collect()
}

/// Setting in use after a phase.
pub(crate) fn setting_after(tuned: &PhaseResult) -> &str {
    if tuned.is_active() { &tuned.labels[1] } else { &tuned.labels[0] }
}

/// Cumulative table: one row per phase, and one for all kept settings.
pub fn table(tuning: &TuneResult) -> String {
    let columns = [
        ("phase", ColumnKind::Text),
        ("setting", ColumnKind::Text),
        ("gain", ColumnKind::Figure),
        ("cumulative", ColumnKind::Figure),
        ("expected", ColumnKind::Figure),
        ("verdict", ColumnKind::Text),
        ("confidence", ColumnKind::Text),
    ];
    let mut table = Table::with_columns("", &columns);
    for (tuned, (gain, cumulative)) in tuning.phases.iter().zip(gains(tuning)) {
        let expected = tuned.expected_percent.map(|[low, high]| range(low, high));
        table.rows.push(vec![
            tuned.name.clone(),
            setting_after(tuned).to_owned(),
            if tuned.is_active() { percent(gain) } else { "-".into() },
            percent(cumulative),
            expected.unwrap_or_else(|| "-".into()),
            status(tuned).words().into(),
            confidence(tuned),
        ]);
    }
    if let Some(last) = tuning.final_test() {
        table.rows.push(vec![
            "all kept".into(),
            "against the baseline".into(),
            improvement(last).map_or_else(|| "-".into(), percent),
            String::new(),
            String::new(),
            verdict(last),
            last.confidence.to_string(),
        ]);
    }
    table.with_width_max(1, SETTING_WIDTH_MAX).to_ruled_text()
}

/// Verdict of a comparison, in words.
fn verdict(found: &Comparison) -> String {
    found.verdict.map_or(Status::Invalid, pairs::status).words().into()
}

fn range(low: f64, high: f64) -> String {
    format!("{low:+} to {high:+} %")
}

/// Result in one sentence that begins with the status.
pub(crate) fn headline(tuning: &TuneResult) -> String {
    let stands = match tuning.final_test() {
        _ if tuning.scenario.quick => Some("Not testable".to_owned()),
        Some(last) => Some(last.decided().map_or_else(|| "INVALID".into(), |v| v.to_string())),
        None => None,
    };
    match stands {
        Some(stands) => format!("{stands}: {}", says(tuning)),
        None => sentence(tuning),
    }
}

/// Result without the status, below a heading that states it.
pub(crate) fn sentence(tuning: &TuneResult) -> String {
    as_sentence(&says(tuning))
}

/// Result without the status.
fn says(tuning: &TuneResult) -> String {
    if tuning.scenario.quick {
        return "a smoke test shows that the whole plan works, not which settings are faster."
            .into();
    }
    let kept = difference(&tuning.settings_baseline, &tuning.settings);
    let Some(last) = tuning.final_test() else {
        let failed = tuning.phases.iter().filter(|tuned| tuned.taken_back_for.is_some());
        let failed: Vec<&str> = failed.map(|tuned| tuned.name.as_str()).collect();
        if !failed.is_empty() && tuning.is_unchanged() {
            let phases = failed.join(", ");
            return format!("Nothing is kept: runs with the settings of {phases} failed.");
        }
        return match tuning.last.first() {
            Some(_) if tuning.is_unchanged() => {
                "Nothing is kept: together the phases' choices were \
                 worse than the baseline, so all of them were reverted."
                    .into()
            }
            Some(_) => format!("{kept} remains; it was not measured against the baseline."),
            None => {
                "Nothing is kept: no phase found a setting that is shown to be better than the \
                     baseline, or as good with less memory."
                    .into()
            }
        };
    };
    let pairs = last.pairs;
    let change = confirmed_change(last);
    match last.decided() {
        Some(Verdict::Improved) => {
            format!("{kept} beats the baseline in {pairs} confirmation pairs by {change}.")
        }
        Some(Verdict::Pass) => format!(
            "{kept} is no more than {} % worse than the baseline in {pairs} confirmation pairs: {change}.",
            rounded(last.margin_percent)
        ),
        Some(Verdict::Inconclusive) => undecided(last, &kept, "the baseline"),
        Some(Verdict::Regression | Verdict::Small) => format!(
            "{kept} is worse than the baseline in {pairs} confirmation pairs: {change}. Each phase's own pairs \
             showed a gain, so the settings interact. Do not use these settings."
        ),
        None => format!("{kept} could not be tested against the baseline."),
    }
}

/// Result of inconclusive confirmation runs: estimate, detectable difference, and the pairs that
/// would decide.
pub(crate) fn could_not_tell(tuned: &PhaseResult) -> Option<String> {
    let found = tuned.confirmation()?;
    let is_open = tuned.verdict() == Some(Verdict::Inconclusive);
    is_open.then(|| undecided(found, &found.candidate.label, &found.baseline.label))
}

/// The same for every phase, with its name.
pub(crate) fn all_that_could_not_tell(tuning: &TuneResult) -> Vec<String> {
    let says = |tuned: &PhaseResult| Some(format!("{}: {}", tuned.name, could_not_tell(tuned)?));
    tuning.phases.iter().filter_map(says).collect()
}

/// Smallest difference that the sweeps could detect, if nothing is kept.
pub(crate) fn told(tuning: &TuneResult) -> Option<String> {
    if !tuning.is_unchanged() || tuning.scenario.quick {
        return None;
    }
    let sweeps = tuning.phases.iter().filter_map(|tuned| tuned.analysis.as_ref()?.best.as_ref());
    let largest = sweeps.map(|best| best.allowance_percent).reduce(f64::max)?;
    Some(format!(
        "A setting that is ahead by {largest:.1} % would have stood out in every sweep that there was; \
         less than that may be there and was not seen."
    ))
}

/// Target of the plan.
pub(crate) fn wanted(target: &Target) -> String {
    let rates = |[low, high]: [f64; 2]| format!("{} to {}", thousands(low), thousands(high));
    format!(
        "The plan wants {} records a minute from {}",
        rates(target.rec_per_min),
        rates(target.from_rec_per_min)
    )
}

/// Target of the plan and the result; `None` without a target.
pub(crate) fn target(tuning: &TuneResult) -> Option<String> {
    let target = tuning.target?;
    let [low, high] = target.percent();
    let wanted = format!("{}: {} to {}", wanted(&target), percent(low), percent(high));
    let Some(last) = tuning.final_test() else {
        return Some(format!("{wanted}. Reached here: the baseline."));
    };
    let rate = |figures: &Option<ArmSummary>| {
        figures.as_ref().map(|figures| thousands(figures.metrics.rec_per_min.median))
    };
    let (before, after) = (rate(&last.baseline.figures)?, rate(&last.candidate.figures)?);
    let reached = improvement(last)?;
    let place = match reached {
        reached if reached < low => "below that",
        reached if reached > high => "above that",
        _ => "within that",
    };
    Some(format!(
        "{wanted}. Reached here: {} ({before} to {after} records a minute), {place}.",
        percent(reached)
    ))
}

/// Commit line of every phase whose choice is in use.
pub(crate) fn commits(tuning: &TuneResult) -> Vec<String> {
    let kept = tuning.phases.iter().filter(|tuned| tuned.is_active());
    // A setting that was swept again has the line of the later phase.
    let last = kept.clone().filter(|tuned| {
        tuned.again || !kept.clone().any(|other| other.again && other.phase == tuned.phase)
    });
    last.map(|tuned| {
        let change = tuned.change_percent().unwrap_or(0.0);
        match tuned.kept_on() {
            Some(Verdict::Improved) => {
                format!("{} ({change:+.1}% improvement)", tuned.commit)
            }
            _ => format!("{} ({change:+.1}%, no worse and smaller)", tuned.commit),
        }
    })
    .collect()
}

/// Effect of testing several claims at once; `None` without claims.
pub(crate) fn family(tuning: &TuneResult) -> Option<String> {
    let improved = |name: &str| {
        let tuned = tuning.phases.iter().find(|tuned| tuned.name == name);
        tuned.and_then(PhaseResult::verdict) == Some(Verdict::Improved)
    };
    let claims: Vec<_> = tuning.family.iter().filter(|claim| improved(&claim.name)).collect();
    let tests = tuning.family.len();
    if claims.is_empty() || tests < 2 {
        return None;
    }
    let named = |holds: bool| {
        let names = claims.iter().filter(|claim| claim.holds == holds).map(|c| c.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let (hold, not) = (named(true), named(false));
    Some(match (hold.is_empty(), not.is_empty()) {
        (false, true) => {
            format!("Among {tests} tests as one family (Holm) these claims hold: {hold}.")
        }
        (true, _) => format!("Among {tests} tests as one family (Holm) no claim holds: {not}."),
        _ => format!(
            "Among {tests} tests as one family (Holm) these claims hold: {hold}; these do not: {not}."
        ),
    })
}

/// Each optimization alone against the baseline, one line each.
pub(crate) fn alone(tuning: &TuneResult) -> Vec<String> {
    let line = |alone: &crate::experiment::tune::Ablation| {
        format!(
            "{} alone, {} against the baseline: {}, {}, confidence {}",
            alone.phase,
            alone.label,
            verdict(&alone.found),
            confirmed_change(&alone.found),
            alone.found.confidence
        )
    };
    tuning.alone.iter().map(line).collect()
}

/// Warnings about the figures, and steps that were left out.
pub(crate) fn warnings(tuning: &TuneResult) -> Vec<String> {
    let mut doubts = Vec::new();
    if tuning.scenario.link.is_simulated() {
        doubts.push(tuning.scenario.link.to_string());
    }
    for tuned in &tuning.phases {
        if let Some(skipped) = &tuned.skipped {
            doubts.push(format!("{} was not measured: {skipped}", tuned.name));
        }
        doubts.extend(reverted(tuned).map(|reason| format!("{} {reason}", tuned.name)));
        let found = tuned.analysis.iter().flat_map(|analysis| &analysis.doubts);
        let further = found.filter(|doubt| {
            !matches!(
                doubt,
                Caveat::Quick { .. }
                    | Caveat::SimulatedLink(_)
                    | Caveat::NothingToConfirm
                    | Caveat::NotConfirmed { .. }
            )
        });
        doubts.extend(further.map(|doubt| format!("{}: {doubt}", tuned.name)));
    }
    // Warnings of a comparison that another step measured are listed there.
    let own = tuning.alone.iter().filter(|alone| alone.from == format!("{} alone", alone.phase));
    for found in tuning.last.iter().chain(own.map(|alone| &alone.found)) {
        doubts.extend(found.warnings.iter().map(|doubt| format!("{}: {doubt}", found.name)));
    }
    if !tuning.skipped_for_time.is_empty() {
        doubts.push(format!(
            "left out for want of time ({}): {}",
            log_lines::time(tuning.budget_s),
            tuning.skipped_for_time.join(", ")
        ));
    }
    let mut seen = std::collections::BTreeSet::new();
    doubts.retain(|doubt| seen.insert(doubt.clone()));
    doubts
}

/// Reason why a phase's choice, once kept, is not in use.
pub(crate) fn reverted(tuned: &PhaseResult) -> Option<String> {
    tuned.reverted.then(|| match &tuned.taken_back_for {
        Some(failure) => format!("is reverted, because a run with its settings failed: {failure}"),
        None => {
            "was kept on PASS and was reverted: all kept settings together were worse than the \
                 baseline"
                .into()
        }
    })
}

/// Text for the terminal; `folder` holds the files.
pub fn summary(tuning: &TuneResult, folder: &str) -> Result<String> {
    let mut says = vec![headline(tuning)];
    says.extend(target(tuning));
    says.extend(told(tuning));
    says.extend(all_that_could_not_tell(tuning));
    says.extend(family(tuning));
    says.extend(alone(tuning));
    says.extend(warnings(tuning).into_iter().map(|doubt| format!("note: {doubt}")));
    let says: Vec<String> = says.iter().map(|line| wrapped(line)).collect();
    let Paste { toml, command } = Paste::of(&tuning.settings)?;
    let mut parts = vec![table(tuning), says.join("\n") + "\n"];
    parts.push(format!("The settings to use:\n\n{toml}\n"));
    parts.push(format!("or: migrator run {}\n", folded(&command)));
    let commits = commits(tuning);
    if !commits.is_empty() {
        parts.push(format!("Commits:\n  {}\n", commits.join("\n  ")));
    }
    parts.push(format!("Report, metrics, charts and ledger: {folder}/\n"));
    Ok(parts.join("\n"))
}

/// Flags folded into lines with a backslash, for a shell.
fn folded(flags: &str) -> String {
    let words = flags.replace(" --", "\n--");
    let mut lines: Vec<String> = Vec::new();
    for flag in words.lines() {
        match lines.last_mut() {
            Some(line) if line.len() + flag.len() + 3 <= COLUMNS - 17 => {
                line.push(' ');
                line.push_str(flag);
            }
            _ => lines.push(flag.to_owned()),
        }
    }
    lines.join(" \\\n    ")
}
