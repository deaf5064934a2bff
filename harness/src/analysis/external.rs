//! Verdicts on measurements taken elsewhere.

use std::fmt::Write as _;

use serde::Serialize;

pub use super::external_csv::{BadFile, COLUMNS};
pub use crate::analysis::test_result::Decision;

use super::external_csv::{MeasuredSeries, RunOrder};
use crate::analysis::test_result::TestResult;
use crate::stats::paired::{Better, Pair, PairOrder};
use crate::stats::verdict::{Judge, Rule, Verdict};

/// Options of a judgement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Direction in which all metrics of the file improve.
    pub better: Better,
    /// Allowed slowdown of B relative to A, as a share above 0.
    pub margin: f64,
    /// Seed for drawing assignments when a session has too many pairs to enumerate.
    pub seed: u64,
}

/// Judgement of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalJudgement {
    /// One result for each metric of each session, sorted by name.
    pub lines: Vec<JudgedMetric>,
    /// Notes on the file.
    pub notes: Vec<String>,
    /// Number of sessions in the file.
    sessions: usize,
}

/// Verdict on one metric of one session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedMetric {
    /// Name of the session.
    pub session: String,
    /// Name of the metric.
    pub metric: String,
    /// Result of the test.
    #[serde(flatten)]
    pub finding: TestResult,
}

impl ExternalJudgement {
    /// Formats one JSON object per line.
    pub fn json_lines(&self) -> serde_json::Result<String> {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Counts of verdicts, as one line of text.
    pub fn counts(&self) -> String {
        let count = |says: &dyn Fn(Decision) -> bool| {
            self.lines.iter().filter(|line| says(line.finding.verdict)).count()
        };
        let mut text = format!("judged {}:", self.lines.len());
        for verdict in Verdict::ALL {
            let lines = count(&|outcome| outcome == Decision::Judged(verdict));
            let _ = write!(text, " {verdict} {lines},");
        }
        let untestable = count(&|outcome| matches!(outcome, Decision::Untestable(_)));
        let _ = write!(text, " not testable {untestable}");
        text
    }

    /// Exit code. For several sessions: 0. For one session: 1 if any metric is a regression, else 3
    /// if any is undecided, else 0.
    pub fn exit_code(&self) -> u8 {
        let any = |says: &dyn Fn(Decision) -> bool| {
            self.lines.iter().any(|line| says(line.finding.verdict))
        };
        let open = |outcome| {
            matches!(outcome, Decision::Judged(Verdict::Inconclusive) | Decision::Untestable(_))
        };
        match self.sessions {
            1 if any(&|outcome| outcome == Decision::Judged(Verdict::Regression)) => 1,
            1 if any(&open) => 3,
            _ => 0,
        }
    }
}

/// Judges every metric of every session of a CSV file with the columns [`COLUMNS`], in any row
/// order. Each is tested alone at α = 0.05 per side, in one look and without correction for
/// multiple tests.
pub fn judge(csv: &[u8], options: &Options) -> Result<ExternalJudgement, BadFile> {
    let series = super::external_csv::series(csv)?;
    let rule = Rule::one_look(options.margin);
    let mut judge = Judge::new(rule, options.seed);
    let (mut lines, mut notes, mut unequal) = (Vec::new(), Vec::new(), 0);
    for series in &series {
        let Some(pairs) = pairs(series, options.better) else {
            notes.push(left_out(series));
            continue;
        };
        let finding = TestResult::of(&mut judge, &pairs, &[], rule);
        unequal += usize::from(finding.judgement.is_some() && has_unequal_orders(&pairs));
        let MeasuredSeries { session, metric, .. } = series;
        lines.push(JudgedMetric { session: session.clone(), metric: metric.clone(), finding });
    }
    if unequal > 0 {
        notes.push(format!("{unequal} with unbalanced orders: tested with their actual counts"));
    }
    if judge.has_drawn() {
        notes.push(format!("assignments of many pairs are drawn with seed {}", options.seed));
    }
    Ok(ExternalJudgement { lines, notes, sessions: sessions(&series) })
}

/// Number of sessions; the series of a session are adjacent.
fn sessions(series: &[MeasuredSeries]) -> usize {
    series.chunk_by(|a, b| a.session == b.session).count()
}

/// Pairs of logarithms; `None` if a value has none.
fn pairs(series: &MeasuredSeries, better: Better) -> Option<Vec<Pair>> {
    let pair = |ran: &RunOrder| Pair::of(ran.first.value, ran.second.value, ran.order, better);
    series.pairs.iter().map(pair).collect()
}

fn has_unequal_orders(pairs: &[Pair]) -> bool {
    2 * pairs.iter().filter(|pair| pair.order == PairOrder::Ab).count() != pairs.len()
}

/// Names the value of a series that has no logarithm.
fn left_out(series: &MeasuredSeries) -> String {
    let MeasuredSeries { session, metric, pairs } = series;
    let figures = pairs.iter().flat_map(|ran| [ran.first, ran.second]);
    let culprit = figures.filter(|figure| figure.value <= 0.0).min_by_key(|figure| figure.line);
    let culprit = culprit.map_or(String::new(), |figure| {
        format!("value {} in line {} has no logarithm", figure.value, figure.line)
    });
    format!("session {session}: metric {metric} is ignored: {culprit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options { better: Better::Lower, margin: 0.05, seed: 1 };

    /// CSV text of sessions with one metric each; `factor` multiplies the values of B.
    fn csv(sessions: &[(&str, usize, f64)]) -> String {
        let mut text = String::from("session,metric,block,slot,arm,value\n");
        for (session, blocks, factor) in sessions {
            for block in 0..*blocks {
                let slot_of_a = block % 2;
                let noise = 1.0 + ((block * 7 % 10) as f64 - 4.5) / 1000.0;
                let (a, b) = (100.0 * noise, 100.0 / noise * factor);
                let _ = writeln!(text, "{session},wall,{block},{slot_of_a},A,{a}");
                let _ = writeln!(text, "{session},wall,{block},{},B,{b}", 1 - slot_of_a);
            }
        }
        text
    }

    fn judged(text: &str, options: &Options) -> ExternalJudgement {
        judge(text.as_bytes(), options).unwrap()
    }

    #[test]
    fn a_line_has_exactly_the_documented_fields() {
        let judged = judged(&csv(&[("one", 10, 1.2)]), &OPTIONS);
        let line = judged.json_lines().unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let fields: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "session",
                "metric",
                "verdict",
                "effect_percent",
                "interval_percent",
                "p_worse",
                "p_within",
                "pairs",
                "needed_pairs"
            ]
        );
        assert_eq!((json["session"].as_str(), json["pairs"].as_u64()), (Some("one"), Some(10)));
        assert_eq!(json["verdict"], "REGRESSION");
        assert!((json["p_worse"].as_f64().unwrap() - 1.0 / 252.0).abs() < 1e-12);
        assert!((json["p_within"].as_f64().unwrap() - 1.0).abs() < 1e-12);
        let effect = json["effect_percent"].as_f64().unwrap();
        assert!((effect - 20.0).abs() < 0.5, "{effect}");
        let [low, high] = [0, 1].map(|end| json["interval_percent"][end].as_f64().unwrap());
        assert!(0.0 < low && low < effect && effect < high, "{low} {high}");
    }

    #[test]
    fn a_higher_rate_is_better_if_the_metric_is_higher_is_better() {
        let higher = Options { better: Better::Higher, ..OPTIONS };
        for (factor, options, verdict, sign) in [
            (1.2, OPTIONS, Verdict::Regression, 1.0),
            (0.8, OPTIONS, Verdict::Improved, -1.0),
            (1.2, higher, Verdict::Improved, -1.0),
            (0.8, higher, Verdict::Regression, 1.0),
        ] {
            let line = judged(&csv(&[("s", 10, factor)]), &options).lines.remove(0).finding;
            assert_eq!(line.verdict, Decision::Judged(verdict), "{factor} {options:?}");
            assert!(line.effect_percent.unwrap() * sign > 0.0, "{line:?}");
        }
    }

    #[test]
    fn a_wider_margin_lets_more_pass() {
        let text = csv(&[("s", 10, 1.08)]);
        let verdict =
            |margin| judged(&text, &Options { margin, ..OPTIONS }).lines[0].finding.verdict;
        assert_eq!(verdict(0.05), Decision::Judged(Verdict::Regression));
        assert_eq!(verdict(0.2), Decision::Judged(Verdict::Small));
    }

    #[test]
    fn below_eight_pairs_the_line_has_a_warning_and_no_p() {
        let judged = judged(&csv(&[("s", 6, 1.2)]), &OPTIONS);
        let line = judged.json_lines().unwrap();
        assert!(line.contains(r#""verdict":"not testable with 6 pairs""#), "{line}");
        assert!(line.contains(r#""interval_percent":null,"p_worse":null,"p_within":null"#));
        assert!(judged.lines[0].finding.effect_percent.unwrap() > 19.0);
        assert!(judged.lines[0].finding.needed_pairs.unwrap() >= 8);
    }

    #[test]
    fn a_metric_with_a_value_that_has_no_logarithm_is_left_out_and_named() {
        let text = csv(&[("a", 10, 1.0), ("b", 10, 1.0)]);
        let zero = format!("{text}b,io,1,0,A,5\nb,io,1,1,B,0\n");
        let judged = judged(&zero, &OPTIONS);
        assert_eq!(judged.lines.len(), 2);
        let expected = "session b: metric io is ignored: value 0 in line 43 has no logarithm";
        assert_eq!(judged.notes, [expected]);
    }

    #[test]
    fn counts_name_every_verdict() {
        let text = csv(&[("a", 10, 1.2), ("b", 10, 1.0), ("c", 10, 0.8), ("d", 6, 1.0)]);
        assert_eq!(
            judged(&text, &OPTIONS).counts(),
            "judged 4: IMPROVED 1, PASS 1, SMALL 0, REGRESSION 1, INCONCLUSIVE 0, not testable 1"
        );
    }

    #[test]
    fn one_session_decides_the_exit_code_and_many_do_not() {
        for (sessions, code) in [
            (&[("a", 10, 1.2)][..], 1),
            (&[("a", 10, 1.0)], 0),
            (&[("a", 10, 0.8)], 0),
            (&[("a", 6, 1.0)], 3),
            (&[("a", 10, 1.2), ("b", 10, 1.2)], 0),
        ] {
            assert_eq!(judged(&csv(sessions), &OPTIONS).exit_code(), code, "{sessions:?}");
        }
        let both = csv(&[("a", 10, 1.0)]) + &csv(&[("a", 6, 1.0)]).replace("wall", "io")[36..];
        let both = judged(&both, &OPTIONS);
        assert_eq!((both.lines.len(), both.exit_code()), (2, 3));
    }

    #[test]
    fn unequal_and_drawn_orders_are_reported() {
        let mut text = csv(&[("a", 9, 1.0), ("b", 20, 1.0)]);
        let judged_once = judged(&text, &OPTIONS);
        assert_eq!(judged_once.notes.len(), 2, "{:?}", judged_once.notes);
        assert!(judged_once.notes[0].starts_with("1 with unbalanced orders"));
        assert!(judged_once.notes[1].ends_with("drawn with seed 1"));
        // Row order does not matter.
        let mut lines: Vec<&str> = text.lines().skip(1).collect();
        lines.reverse();
        text = format!("session,metric,block,slot,arm,value\n{}\n", lines.join("\n"));
        assert_eq!(judged(&text, &OPTIONS), judged_once);
    }
}
