//! Lines for the terminal while a plan runs: sample sizes, and the outcome of each phase.

use super::result::PhaseResult;
use super::sample_size::SampleSizes;
use crate::analysis::sweep::PhaseOutcome;

/// Number of confirmation pairs by look.
pub(crate) fn pairs(looks: &[u32]) -> String {
    let looks: Vec<String> = looks.iter().map(ToString::to_string).collect();
    match looks.as_slice() {
        [one] => format!("{one} confirmation pairs"),
        looks => format!("up to {} confirmation pairs", looks.join(" + ")),
    }
}

/// Sample sizes within the budget, and the differences that they detect.
pub(crate) fn effort(effort: &SampleSizes, budget_s: u64) -> String {
    let pairs = pairs(&effort.pairs);
    let first = format!(
        "a baseline run takes {:.1} s; the budget of {} allows about {} blocks per sweep and {pairs} per \
         comparison",
        effort.run_s,
        time(budget_s),
        effort.runs
    );
    match (effort.spread_percent, effort.sweep_tells_percent, effort.pairs_tell_percent) {
        (Some(spread), Some(sweep), Some(pairs)) => format!(
            "{first}; with a spread of {spread:.1} % between runs, a sweep detects differences of \
             {sweep:.1} %, and pairs detect {pairs:.1} %"
        ),
        _ => first,
    }
}

/// Duration as a whole number of the largest possible unit.
pub(crate) fn time(seconds: u64) -> String {
    match seconds {
        s if s.is_multiple_of(3600) => format!("{} h", s / 3600),
        s if s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// Outcome of a phase, on one line.
pub(crate) fn phase(tuned: &PhaseResult) -> String {
    let name = &tuned.name;
    if let Some(skipped) = &tuned.skipped {
        return format!("{name}: not measured: {skipped}");
    }
    let Some(analysis) = &tuned.analysis else {
        return format!("{name}: not measured");
    };
    let choice = &analysis.choice().setting.label;
    match (analysis.answer(), tuned.change_percent()) {
        (PhaseOutcome::NothingToConfirm, _) => {
            format!("{name}: nothing to confirm, {choice} stays")
        }
        (answer, Some(change)) => {
            let then = if tuned.kept { "kept" } else { "the incumbent stays" };
            format!("{name}: {answer}, {choice} {change:+.1} %: {then}")
        }
        (answer, None) => format!("{name}: {answer}, the incumbent stays"),
    }
}
