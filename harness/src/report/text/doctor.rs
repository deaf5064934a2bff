//! A look at the machine in words: for the terminal, at most 100 columns wide, and as Markdown.

use crate::experiment::doctor::{
    Detectable, DetectablePairs, DoctorReport, Noise, ProbeFinding, Severity, noise,
};
use crate::report::markdown::plain;
use crate::report::numbers::{thousands, wrapped};

/// Widest line on a terminal.
const COLUMNS: usize = 100;
/// Where a finding's words begin: behind its mark and its name.
const MARK: usize = 7;
const NAME: usize = 16;

/// Everything as plain text.
pub fn text(checkup: &DoctorReport) -> String {
    let findings: String = checkup.findings.iter().map(finding_lines).collect();
    let mut paragraphs = vec![findings, wrapped(&summary(checkup), COLUMNS) + "\n"];
    match (&checkup.noise, &checkup.noise_unknown) {
        (Some(noise), _) => {
            paragraphs.push(
                noise_words(noise).iter().map(|line| wrapped(line, COLUMNS) + "\n").collect(),
            );
            if let Some(pairs) = &noise.pairs {
                paragraphs.push(detectable_lines(&pairs.detectable));
                paragraphs.push(wrapped(&needed(pairs, noise.pair_s), COLUMNS) + "\n");
            }
        }
        (None, Some(why)) => paragraphs
            .push(wrapped(&format!("Noise of runs: not known here: {why}"), COLUMNS) + "\n"),
        (None, None) => {}
    }
    paragraphs.join("\n")
}

/// Everything as a section of a Markdown file.
pub fn markdown(checkup: &DoctorReport) -> String {
    let mut lines = vec!["## The machine".to_owned(), String::new()];
    lines.push(summary(checkup));
    lines.extend(
        ["", "| | what | here | for the noise | what to do |", "|---|---|---|---|---|"]
            .map(String::from),
    );
    lines.extend(checkup.findings.iter().map(|finding| {
        let ProbeFinding { probe, here, means, .. } = finding;
        let advice = finding.advice.as_deref().unwrap_or_default();
        let [means, advice] = [means, advice].map(cell);
        // Programs call themselves as they like.
        let here = plain(here);
        format!("| {} | {probe} | {here} | {means} | {advice} |", mark(finding.level))
    }));
    match (&checkup.noise, &checkup.noise_unknown) {
        (Some(noise), _) => {
            lines.push(String::new());
            lines.push(noise_words(noise).join(" "));
            if let Some(pairs) = &noise.pairs {
                lines.extend(
                    ["", "| pairs | one look | a gate's look | time |", "|---:|---:|---:|---:|"]
                        .map(String::from),
                );
                lines.extend(
                    pairs.detectable.iter().map(|one| format!("| {} |", row(one).join(" | "))),
                );
                lines.extend([
                    String::new(),
                    LEGEND.into(),
                    String::new(),
                    needed(pairs, noise.pair_s),
                ]);
            }
        }
        (None, Some(why)) => {
            lines.extend([String::new(), format!("Noise of runs: not known here: {}", plain(why))]);
        }
        (None, None) => {}
    }
    lines.join("\n") + "\n"
}

/// Below the table of differences.
const LEGEND: &str = "The smallest true difference that so many pairs tell from none: in one look \
                      with both errors at 5 %, in a gate's look with both at 1.9 %.";

fn mark(level: Severity) -> &'static str {
    match level {
        Severity::Quiet => "ok",
        Severity::Warn => "warn",
        Severity::Noisy => "noisy",
        Severity::Unknown => "?",
    }
}

/// A text of our own, which may have code, as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn finding_lines(finding: &ProbeFinding) -> String {
    let indent = MARK + NAME;
    let width = COLUMNS - indent;
    let mut lines: Vec<String> = Vec::new();
    let said = wrapped(&format!("{}. {}", finding.here, finding.means), width);
    lines.extend(said.lines().map(String::from));
    if let Some(advice) = &finding.advice {
        let advice = wrapped(advice, width - 2);
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

/// How many things add noise, in one sentence.
fn summary(checkup: &DoctorReport) -> String {
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

/// What the runs were and how far they differed, in sentences.
fn noise_words(noise: &Noise) -> Vec<String> {
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    let beside = match (noise.foreign_cpu_share_max, noise.steal_share_max) {
        (Some(foreign), Some(steal)) => format!(
            "; beside them other programs took up to {} of the CPU and the host up to {}",
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
        None => "Not testable: so few short runs show that everything works, not how much they \
                 differ."
            .into(),
        Some(pairs) => {
            let [low, high] = pairs.std_dev_interval;
            let hundred = |log: f64| format!("{:.1}", log * 100.0);
            format!(
                "Expected noise of a pair (s_d): {} %, with 95 % between {} and {} %; so few runs \
                 tell no better.",
                hundred(pairs.std_dev),
                hundred(low),
                hundred(high)
            )
        }
    };
    vec![runs, spread]
}

fn row(one: &Detectable) -> [String; 4] {
    [
        one.pairs.to_string(),
        format!("{:.1} %", one.one_look_percent),
        format!("{:.1} %", one.gate_look_percent),
        time(one.seconds),
    ]
}

fn detectable_lines(detectable: &[Detectable]) -> String {
    let line = |[pairs, one, gate, time]: [String; 4]| {
        format!("{pairs:>5}  {one:>9}  {gate:>13}  {time:>9}\n")
    };
    let head = line(["pairs", "one look", "a gate's look", "time"].map(String::from));
    let rows: String = detectable.iter().map(|one| line(row(one))).collect();
    format!("{head}{rows}{}\n", wrapped(LEGEND, COLUMNS))
}

/// How many pairs the margin needs, in one sentence.
fn needed(pairs: &DetectablePairs, pair_s: f64) -> String {
    let margin = noise::MARGIN * 100.0;
    let most = noise::PAIRS_MAX;
    let count = |pairs: Option<usize>| pairs.map_or(format!("more than {most}"), |n| n.to_string());
    let time = |pairs: usize| time(pairs as f64 * pair_s);
    let needed = match pairs.needed {
        Some(pairs) => format!("To tell {margin:.0} %: {pairs} pairs, about {}", time(pairs)),
        None => format!("To tell {margin:.0} %: more than {most} pairs"),
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
