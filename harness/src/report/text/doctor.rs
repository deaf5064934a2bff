//! Text of an inspection of the machine, at most 100 columns wide on a terminal, and its parts for
//! other formats.

use crate::experiment::doctor::{
    Detectable, DetectablePairs, DoctorReport, Noise, ProbeFinding, Severity, noise,
};
use crate::report::numbers::thousands;
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::{COLUMNS, wrapped, wrapped_at};

/// Width of the column of marks.
const MARK: usize = 7;
/// Width of the column of names.
const NAME: usize = 16;

/// Text for the terminal.
pub fn text(checkup: &DoctorReport) -> String {
    let findings: String = checkup.findings.iter().map(finding_lines).collect();
    let mut paragraphs = vec![findings, wrapped(&summary(checkup)) + "\n"];
    match (&checkup.noise, &checkup.noise_unknown) {
        (Some(noise), _) => {
            paragraphs.push(noise_words(noise).iter().map(|line| wrapped(line) + "\n").collect());
            if let Some(pairs) = &noise.pairs {
                let table = detectable(&pairs.detectable).to_text();
                let [legend, needed] = below(pairs, noise.pair_s).map(|line| wrapped(&line));
                paragraphs.push(format!("{table}{legend}\n"));
                paragraphs.push(needed + "\n");
            }
        }
        (None, Some(why)) => {
            paragraphs.push(wrapped(&format!("Noise of runs: unknown: {why}")) + "\n");
        }
        (None, None) => {}
    }
    paragraphs.join("\n")
}

/// Legend of the detectable differences.
const LEGEND: &str = "The smallest true difference that this many pairs detect: in one look with \
                      both errors at 5 %, in a gate's look with both at 1.9 %.";

fn mark(level: Severity) -> &'static str {
    match level {
        Severity::Quiet => "ok",
        Severity::Warn => "warn",
        Severity::Noisy => "noisy",
        Severity::Unknown => "?",
    }
}

/// Findings, one row each.
pub(in crate::report) fn findings(checkup: &DoctorReport) -> Table {
    let headings = ["status", "source", "here", "effect on runs", "remedy"];
    let columns = headings.map(|heading| (heading, ColumnKind::Text));
    let mut table = Table::with_columns("Findings", &columns);
    table.rows.extend(checkup.findings.iter().map(|finding| {
        vec![
            mark(finding.level).into(),
            finding.probe.into(),
            finding.here.clone(),
            finding.means.clone(),
            finding.advice.clone().unwrap_or_default(),
        ]
    }));
    table
}

fn finding_lines(finding: &ProbeFinding) -> String {
    let indent = MARK + NAME;
    let width = COLUMNS - indent;
    let mut lines: Vec<String> = Vec::new();
    let said = wrapped_at(&format!("{}. {}", finding.here, finding.means), width);
    lines.extend(said.lines().map(String::from));
    if let Some(advice) = &finding.advice {
        let advice = wrapped_at(advice, width - 2);
        let arrowed = advice
            .lines()
            .enumerate()
            .map(|(index, line)| format!("{} {line}", if index == 0 { "→" } else { " " }));
        lines.extend(arrowed);
    }
    let head = format!("{:<MARK$}{:<NAME$}", mark(finding.level), finding.probe);
    let lines = lines.iter().enumerate().map(|(index, line)| match index {
        0 => format!("{head}{line}\n"),
        _ => format!("{:indent$}{line}\n", ""),
    });
    lines.collect()
}

/// Number of sources of noise, in one sentence.
pub(in crate::report) fn summary(checkup: &DoctorReport) -> String {
    let things =
        |count: usize| if count == 1 { "1 thing".into() } else { format!("{count} things") };
    let noisy = match checkup.count(Severity::Noisy) {
        0 => "Nothing that can be seen adds noise here".into(),
        1 => "1 thing adds noise here".into(),
        count => format!("{} add noise here", things(count)),
    };
    format!(
        "{noisy}, {} may, {} not known.",
        things(checkup.count(Severity::Warn)),
        match checkup.count(Severity::Unknown) {
            1 => "1 is".into(),
            count => format!("{count} are"),
        }
    )
}

/// Description of the runs and their noise, as sentences.
pub(in crate::report) fn noise_words(noise: &Noise) -> Vec<String> {
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    let beside = match (noise.foreign_cpu_share_max, noise.steal_share_max) {
        (Some(foreign), Some(steal)) => format!(
            "; meanwhile other programs used up to {} of the CPU and the host up to {}",
            share(foreign),
            share(steal)
        ),
        _ => String::new(),
    };
    let runs = format!(
        "{} runs of the baseline on {} records, each a fresh process and store: median {} records a \
         minute{beside}.",
        noise.rec_per_min.len(),
        thousands(f64::from(noise.records)),
        thousands(noise.median_rec_per_min)
    );
    let spread = match &noise.pairs {
        None => "Not testable: so few short runs show that everything works, not how noisy they \
                 are."
            .into(),
        Some(pairs) => {
            let [low, high] = pairs.std_dev_interval;
            let hundred = |log: f64| format!("{:.1}", log * 100.0);
            format!(
                "Expected noise of a pair (s_d): {} %, 95 % interval {} to {} %. More runs would \
                 narrow it.",
                hundred(pairs.std_dev),
                hundred(low),
                hundred(high)
            )
        }
    };
    vec![runs, spread]
}

pub(in crate::report) fn detectable(all: &[Detectable]) -> Table {
    let headings = ["pairs", "one look", "a gate's look", "time"];
    let columns = headings.map(|heading| (heading, ColumnKind::Figure));
    let mut table = Table::with_columns("Smallest detectable difference", &columns);
    table.rows.extend(all.iter().map(|one| {
        vec![
            one.pairs.to_string(),
            format!("{:.1} %", one.one_look_percent),
            format!("{:.1} %", one.gate_look_percent),
            time(one.seconds),
        ]
    }));
    table
}

/// Sentences below the detectable differences: a legend, and the pairs that the margin needs.
pub(in crate::report) fn below(pairs: &DetectablePairs, pair_s: f64) -> [String; 2] {
    [LEGEND.into(), needed(pairs, pair_s)]
}

/// Number of pairs that the margin needs, in one sentence.
fn needed(pairs: &DetectablePairs, pair_s: f64) -> String {
    let margin = noise::MARGIN * 100.0;
    let most = noise::PAIRS_MAX;
    let count = |pairs: Option<usize>| pairs.map_or(format!("more than {most}"), |n| n.to_string());
    let time = |pairs: usize| time(pairs as f64 * pair_s);
    let needed = match pairs.needed {
        Some(pairs) => format!("To detect {margin:.0} %: {pairs} pairs, about {}", time(pairs)),
        None => format!("To detect {margin:.0} %: more than {most} pairs"),
    };
    let [low, high] = pairs.needed_interval;
    format!(
        "{needed} (at the ends of the noise's interval {} and {} pairs).",
        count(low),
        count(high)
    )
}

fn time(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.1} min", seconds / 60.0) }
}
