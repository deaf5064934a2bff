//! Verdicts on measurements taken elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

pub use super::external_csv::{BadFile, COLUMNS};
pub use crate::analysis::test_result::Decision;

use super::external_csv::{MeasuredSeries, RunOrder};
use super::external_hyperfine::{TimedCommand, commands};
use super::external_text::decode;
use super::family::Family;
use crate::analysis::test_result::TestResult;
use crate::scenario::metric::{MetricOptions, better_by_name};
use crate::stats::holm;
use crate::stats::paired::{Better, Pair, PairOrder};
use crate::stats::permutation::PermutationDesign;
use crate::stats::scale::{RawPair, Scale, ScaledMargin};
use crate::stats::verdict::{Judge, ONE_LOOK_ALPHA, Verdict};

/// Share of the baseline above which an improvement is remarked on.
const LARGE_IMPROVEMENT: f64 = 0.5;
/// Metric of a hyperfine export.
const WALL_S: &str = "wall_s";

/// Options of a judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Allowed slowdown of B relative to A, as a share above 0.
    pub margin: f64,
    /// Seed for drawing assignments when a session has too many pairs to enumerate.
    pub seed: u64,
    /// Options of every metric that has none of its own.
    pub every: MetricOptions,
    /// Options by metric.
    pub metrics: BTreeMap<String, MetricOptions>,
}

impl Options {
    /// Default options of every metric.
    pub fn new(margin: f64, seed: u64) -> Self {
        Self { margin, seed, every: MetricOptions::default(), metrics: BTreeMap::new() }
    }

    /// Options of one metric, or of every metric, to be changed.
    pub fn named(&mut self, metric: Option<&str>) -> &mut MetricOptions {
        match metric {
            Some(metric) => self.metrics.entry(metric.into()).or_default(),
            None => &mut self.every,
        }
    }

    /// Rejects options that contradict each other.
    pub fn check(&self) -> Result<(), String> {
        self.every.check()?;
        let check = |(name, own): (&String, &MetricOptions)| {
            own.or(self.every).check().map_err(|message| format!("metric {name}: {message}"))
        };
        self.metrics.iter().try_for_each(check)
    }

    /// Options of a metric.
    fn of(&self, metric: &str) -> MetricOptions {
        self.metrics.get(metric).copied().unwrap_or_default().or(self.every)
    }

    /// Direction of a metric: the requested one, else that of its name.
    fn better(&self, metric: &str) -> Better {
        self.of(metric).better.unwrap_or_else(|| better_by_name(metric))
    }
}

/// Judgement of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalJudgement {
    /// One result for each metric of each session, sorted by name.
    pub lines: Vec<JudgedMetric>,
    /// Notes on the file.
    pub notes: Vec<String>,
}

/// Verdict on one metric of one session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedMetric {
    /// Name of the session.
    pub session: String,
    /// Name of the metric.
    pub metric: String,
    /// Direction in which it improves.
    pub better: Better,
    /// Scale on which it is judged.
    pub scale: Scale,
    /// Result of the test, with the verdict of the family.
    #[serde(flatten)]
    pub finding: TestResult,
    /// p-value of no difference, corrected for the family of all lines.
    pub p_worse_adjusted: Option<f64>,
    /// Remark on the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
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

    /// Exit code, the worst of all lines: 1 if any is a regression, else 3 if any is undecided, else
    /// 0.
    pub fn exit_code(&self) -> u8 {
        let any = |says: &dyn Fn(Decision) -> bool| {
            self.lines.iter().any(|line| says(line.finding.verdict))
        };
        let open = |outcome| {
            matches!(outcome, Decision::Judged(Verdict::Inconclusive) | Decision::Untestable(_))
        };
        if any(&|outcome| outcome == Decision::Judged(Verdict::Regression)) {
            1
        } else if any(&open) {
            3
        } else {
            0
        }
    }
}

/// Judges a file: CSV text with the columns [`COLUMNS`], in any row order, or the JSON of a
/// hyperfine export.
///
/// Each metric of each session is tested in one look at α = 0.05 per side. All of them are one
/// family: alarms and improvements are corrected by Holm's procedure.
pub fn judge(file: &[u8], options: &Options) -> Result<ExternalJudgement, BadFile> {
    let text = decode(file).map_err(|message| BadFile::at(1, message))?;
    let judged = match text.trim_ascii_start() {
        [b'{', ..] => hyperfine(&text)?,
        _ => judge_csv(&text, options)?,
    };
    check_names(&judged, options)?;
    Ok(judged)
}

/// Rejects options of a metric that the file does not have.
fn check_names(judged: &ExternalJudgement, options: &Options) -> Result<(), BadFile> {
    let known: BTreeSet<&str> = judged.lines.iter().map(|line| line.metric.as_str()).collect();
    match options.metrics.keys().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = known.into_iter().collect();
            let message = format!("there is no metric {name}; the file has {}", known.join(", "));
            Err(BadFile::at(1, message))
        }
    }
}

/// A series on its scale.
struct TestedSeries<'a> {
    series: &'a MeasuredSeries,
    better: Better,
    raw: Vec<RawPair>,
    pairs: Vec<Pair>,
    margin: ScaledMargin,
}

impl<'a> TestedSeries<'a> {
    fn new(series: &'a MeasuredSeries, scale: Scale, options: &Options) -> Self {
        let raw: Vec<RawPair> = series.pairs.iter().map(RunOrder::raw).collect();
        let own = MetricOptions { scale: Some(scale), ..options.of(&series.metric) };
        let margin = own.margin(&raw, options.margin);
        let better = options.better(&series.metric);
        Self { series, better, pairs: margin.changes(&raw, better), raw, margin }
    }

    fn name(&self) -> String {
        format!("session {}, metric {}", self.series.session, self.series.metric)
    }

    /// Remark on an improvement so large that a run that did nothing would look the same.
    fn remark(&self, finding: &TestResult) -> Option<String> {
        let judgement = finding.judgement?;
        if finding.verdict != Decision::Judged(Verdict::Improved) {
            return None;
        }
        let shown = judgement.estimate.shown.abs();
        let share = match (self.margin.scale, self.better) {
            (Scale::Ratio, Better::Higher) => shown.exp_m1(),
            (Scale::Ratio, Better::Lower) => -(-shown).exp_m1(),
            (Scale::Difference, _) => {
                let one = ScaledMargin::share_of_baseline(1.0, &self.raw);
                if one.delta > 0.0 { shown / one.delta } else { f64::INFINITY }
            }
        };
        (share > LARGE_IMPROVEMENT).then(|| {
            "an improvement above 50 % is also what a run that did nothing looks like; the file does \
             not say what the runs of B did"
                .to_owned()
        })
    }
}

fn judge_csv(text: &[u8], options: &Options) -> Result<ExternalJudgement, BadFile> {
    let series = super::external_csv::series(text)?;
    let scales = scales(&series, options)?;
    let tested: Vec<TestedSeries<'_>> = series
        .iter()
        .map(|series| TestedSeries::new(series, scales[series.metric.as_str()], options))
        .collect();
    let mut judge = Judge::new(ONE_LOOK_ALPHA, options.seed);
    let mut findings: Vec<TestResult> = tested
        .iter()
        .map(|tested| TestResult::of(&mut judge, &tested.pairs, &[], &tested.margin))
        .collect();
    let mut notes = directions(&tested);
    notes.extend(notes_on_design(&tested, &findings, &judge, options.seed));
    let adjusted = correct(&mut judge, &tested, &mut findings);
    let lines = tested.iter().zip(findings).zip(adjusted);
    let lines: Vec<JudgedMetric> = lines
        .map(|((tested, finding), p_worse_adjusted)| JudgedMetric {
            session: tested.series.session.clone(),
            metric: tested.series.metric.clone(),
            better: tested.better,
            scale: tested.margin.scale,
            remark: tested.remark(&finding),
            finding,
            p_worse_adjusted,
        })
        .collect();
    for line in &lines {
        let JudgedMetric { session, metric, remark, .. } = line;
        notes.extend(
            remark.iter().map(|text| format!("session {session}, metric {metric}: {text}")),
        );
    }
    Ok(ExternalJudgement { lines, notes })
}

/// Scale of each metric, the same in all sessions: the requested one, else differences if any value
/// is 0 or less. A metric with values below 0 needs a margin in its unit.
fn scales<'a>(
    series: &'a [MeasuredSeries],
    options: &Options,
) -> Result<BTreeMap<&'a str, Scale>, BadFile> {
    let mut lowest = BTreeMap::new();
    for series in series {
        let values = series.pairs.iter().flat_map(|pair| [pair.first, pair.second]);
        for value in values {
            let least = lowest.entry(series.metric.as_str()).or_insert(value);
            if value.value.total_cmp(&least.value).is_lt() {
                *least = value;
            }
        }
    }
    let scale = |(metric, lowest): (&'a str, super::external_csv::Figure)| {
        let own = options.of(metric);
        let value = format!("metric {metric} has the value {}", lowest.value);
        let has_logarithms = lowest.value > 0.0;
        if own.declared_scale() == Some(Scale::Ratio) && !has_logarithms {
            let message = format!("{value}, which has no ratio; use --scale {metric}=difference");
            return Err(BadFile::at(lowest.line, message));
        }
        if lowest.value < 0.0 && own.margin_abs.is_none() {
            let message =
                format!("{value}; give its margin in its unit: --margin-abs {metric}=VALUE");
            return Err(BadFile::at(lowest.line, message));
        }
        let by_values = if has_logarithms { Scale::Ratio } else { Scale::Difference };
        Ok((metric, own.declared_scale().unwrap_or(by_values)))
    };
    lowest.into_iter().map(scale).collect()
}

/// Direction and scale of each metric, one line of text.
fn directions(tested: &[TestedSeries<'_>]) -> Vec<String> {
    let by_metric: BTreeMap<&str, String> = tested
        .iter()
        .map(|TestedSeries { series, better, margin, .. }| {
            let scale = match margin.scale {
                Scale::Ratio => "",
                Scale::Difference => ", judged on differences",
            };
            (series.metric.as_str(), format!("{}: {better}{scale}", series.metric))
        })
        .collect();
    vec![by_metric.into_values().collect::<Vec<_>>().join("; ")]
}

fn notes_on_design(
    tested: &[TestedSeries<'_>],
    findings: &[TestResult],
    judge: &Judge,
    seed: u64,
) -> Vec<String> {
    let mut notes = Vec::new();
    let judged = || tested.iter().zip(findings).filter(|(_, found)| found.judgement.is_some());
    let unequal = judged().filter(|(tested, _)| has_unequal_orders(&tested.pairs)).count();
    if unequal > 0 {
        notes.push(format!("{unequal} with unbalanced orders: tested with their actual counts"));
    }
    if judge.has_drawn() {
        notes.push(format!("assignments of many pairs are drawn with seed {seed}"));
    }
    let no_margin = judged().filter(|(tested, _)| tested.margin.threshold().is_none());
    notes.extend(no_margin.map(|(tested, _)| {
        format!(
            "{}: the margin is 0, so anything shown to be worse is a regression; --margin-abs sets \
             another",
            tested.name()
        )
    }));
    let family = judged().count();
    let smallest =
        judged().map(|(tested, _)| PermutationDesign::of(&tested.pairs, &[]).smallest_p());
    let largest = smallest.fold(0.0, f64::max);
    if family > 0 && !holm::is_testable(family, largest, ONE_LOOK_ALPHA) {
        notes.push(format!(
            "{family} tests are too many for so few pairs: after correction none of them can alarm; \
             use 16 pairs, or judge fewer sessions and metrics at a time"
        ));
    }
    notes
}

/// Replaces the verdicts by those of the family, and what it leaves open by the results at its
/// level. Returns the corrected p-values.
fn correct(
    judge: &mut Judge,
    tested: &[TestedSeries<'_>],
    findings: &mut [TestResult],
) -> Vec<Option<f64>> {
    let mut adjusted = vec![None; findings.len()];
    let judged: Vec<usize> =
        (0..findings.len()).filter(|place| findings[*place].judgement.is_some()).collect();
    let p_values: Vec<_> =
        findings.iter().filter_map(|found| found.judgement).map(|judgement| judgement.p).collect();
    let family = Family::of(&p_values, ONE_LOOK_ALPHA);
    for (member, place) in judged.into_iter().enumerate() {
        adjusted[place] = Some(family.p_worse[member]);
        let verdict = family.verdicts[member];
        let TestedSeries { pairs, margin, .. } = &tested[place];
        if verdict == Verdict::Inconclusive
            && let Ok(open) = judge.left_open(pairs, &[], family.levels, margin)
        {
            findings[place] = TestResult::judged(&open);
        }
        findings[place].verdict = Decision::Judged(verdict);
    }
    adjusted
}

/// Estimates from a hyperfine export: each later command against the first.
fn hyperfine(json: &[u8]) -> Result<ExternalJudgement, BadFile> {
    let commands = commands(json).map_err(|(line, message)| BadFile::at(line, message))?;
    let (baseline, others) = commands.split_first().ok_or_else(|| BadFile::at(1, "no commands"))?;
    let line = |command: &TimedCommand| JudgedMetric {
        session: command.command.clone(),
        metric: WALL_S.into(),
        better: Better::Lower,
        scale: Scale::Ratio,
        finding: command.against(baseline),
        p_worse_adjusted: None,
        remark: Some(format!(
            "against `{}`: {} runs after {} runs, not interleaved and not paired; effect and \
             interval hold only if the machine did not drift in between",
            baseline.command,
            command.runs(),
            baseline.runs()
        )),
    };
    let mut notes = vec![
        "hyperfine runs one command after the other, so a drift of the machine looks like a \
         difference: this is an estimate and no verdict; interleaved pairs give one"
            .to_owned(),
    ];
    let failed = commands.iter().filter(|command| command.failed() > 0);
    notes.extend(failed.map(|command| {
        let TimedCommand { command: name, .. } = command;
        format!("{} of {} runs of `{name}` failed", command.failed(), command.runs())
    }));
    Ok(ExternalJudgement { lines: others.iter().map(line).collect(), notes })
}

fn has_unequal_orders(pairs: &[Pair]) -> bool {
    2 * pairs.iter().filter(|pair| pair.order == PairOrder::Ab).count() != pairs.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new(0.05, 1)
    }

    fn better(better: Better) -> Options {
        let every = MetricOptions { better: Some(better), ..MetricOptions::default() };
        Options { every, ..options() }
    }

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
        let judged = judged(&csv(&[("one", 10, 1.2)]), &options());
        let line = judged.json_lines().unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let fields: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "session",
                "metric",
                "better",
                "scale",
                "verdict",
                "effect_percent",
                "interval_percent",
                "p_worse",
                "p_within",
                "pairs",
                "needed_pairs",
                "p_worse_adjusted"
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
        let [lower, higher] = [Better::Lower, Better::Higher].map(better);
        for (factor, options, verdict, sign) in [
            (1.2, &lower, Verdict::Regression, 1.0),
            (0.8, &lower, Verdict::Improved, -1.0),
            (1.2, &higher, Verdict::Improved, -1.0),
            (0.8, &higher, Verdict::Regression, 1.0),
        ] {
            let line = judged(&csv(&[("s", 10, factor)]), options).lines.remove(0).finding;
            assert_eq!(line.verdict, Decision::Judged(verdict), "{factor} {options:?}");
            assert!(line.effect_percent.unwrap() * sign > 0.0, "{line:?}");
        }
    }

    #[test]
    fn a_wider_margin_lets_more_pass() {
        let text = csv(&[("s", 10, 1.08)]);
        let verdict =
            |margin| judged(&text, &Options { margin, ..options() }).lines[0].finding.verdict;
        assert_eq!(verdict(0.05), Decision::Judged(Verdict::Regression));
        assert_eq!(verdict(0.2), Decision::Judged(Verdict::Small));
    }

    #[test]
    fn below_eight_pairs_the_line_has_a_warning_and_no_p() {
        let judged = judged(&csv(&[("s", 6, 1.2)]), &options());
        let line = judged.json_lines().unwrap();
        assert!(line.contains(r#""verdict":"not testable with 6 pairs""#), "{line}");
        assert!(line.contains(r#""interval_percent":null,"p_worse":null,"p_within":null"#));
        assert!(judged.lines[0].finding.effect_percent.unwrap() > 19.0);
        assert!(judged.lines[0].finding.needed_pairs.unwrap() >= 8);
    }

    #[test]
    fn a_value_of_0_puts_its_metric_on_differences_in_every_session() {
        let text = csv(&[("a", 10, 1.0), ("b", 10, 1.2)]);
        let judged_once = judged(&text.replace("b,wall,9,", "b,wall,9x,"), &options());
        assert_eq!(judged_once.lines[0].scale, Scale::Ratio);
        let zero =
            text.replace("b,wall,9,", "b,wall,ninth,") + "b,wall,10,0,A,0\nb,wall,10,1,B,0\n";
        let judged = judged(&zero, &options());
        let scales: Vec<Scale> = judged.lines.iter().map(|line| line.scale).collect();
        assert_eq!(scales, [Scale::Difference; 2]);
        let b = &judged.lines[1].finding;
        assert_eq!((b.verdict, b.effect_percent), (Decision::Judged(Verdict::Regression), None));
        assert!((b.effect.unwrap() - 20.0).abs() < 1.0, "{b:?}");
        assert!((b.margin.unwrap() - 5.0).abs() < 0.1, "{b:?}");
        assert!(judged.notes[0].contains("wall: lower is better, judged on differences"));
    }

    #[test]
    fn a_value_below_0_needs_a_margin_in_its_unit() {
        let text = csv(&[("a", 10, 1.0)]).replace("a,wall,3,1,A,", "a,wall,3,1,A,-");
        let bad = judge(text.as_bytes(), &options()).unwrap_err().to_string();
        assert!(bad.starts_with("line 8: metric wall has the value -99."), "{bad}");
        assert!(bad.ends_with("give its margin in its unit: --margin-abs wall=VALUE"), "{bad}");
        let own = MetricOptions { margin_abs: Some(300.0), ..MetricOptions::default() };
        let with_margin = Options { every: own, ..options() };
        let line = judged(&text, &with_margin).lines.remove(0);
        assert_eq!(line.finding.verdict, Decision::Judged(Verdict::Pass));
        let ratio = MetricOptions { scale: Some(Scale::Ratio), ..MetricOptions::default() };
        let bad = judge(text.as_bytes(), &Options { every: ratio, ..options() }).unwrap_err();
        assert!(bad.to_string().contains("which has no ratio; use --scale wall=difference"));
    }

    #[test]
    fn options_of_a_metric_that_is_not_in_the_file_are_refused() {
        let higher = MetricOptions { better: Some(Better::Higher), ..MetricOptions::default() };
        let metrics = BTreeMap::from([("wal".to_owned(), higher)]);
        let text = csv(&[("a", 10, 1.0)]);
        let bad = judge(text.as_bytes(), &Options { metrics, ..options() }).unwrap_err();
        assert_eq!(bad.to_string(), "line 1: there is no metric wal; the file has wall");
    }

    #[test]
    fn all_tests_of_a_file_are_one_family() {
        // 1/252 is rejected in a family of 12, and not in one of 13.
        let names = "abcdefghijklm";
        let family = |count: usize| {
            let sessions: Vec<(&str, usize, f64)> =
                (0..count).map(|index| (&names[index..=index], 10, 1.2)).collect();
            judged(&csv(&sessions), &options())
        };
        let (twelve, thirteen) = (family(12), family(13));
        assert!(twelve.counts().contains("REGRESSION 12"), "{}", twelve.counts());
        assert!(thirteen.counts().contains("INCONCLUSIVE 13"), "{}", thirteen.counts());
        assert!(thirteen.notes.iter().any(|note| note.contains("13 tests are too many")));
        assert_eq!((twelve.exit_code(), thirteen.exit_code()), (1, 3));
        let open = &thirteen.lines[0];
        assert!((open.p_worse_adjusted.unwrap() - 13.0 / 252.0).abs() < 1e-12);
        assert!(open.finding.interval_percent.unwrap()[0].is_none_or(|low| low <= 0.0));
    }

    #[test]
    fn an_improvement_above_half_is_remarked_on() {
        for (factor, options, remarked) in [
            (0.49, better(Better::Lower), true),
            (0.55, better(Better::Lower), false),
            (1.6, better(Better::Higher), true),
            (1.4, better(Better::Higher), false),
            (1.6, better(Better::Lower), false),
        ] {
            let judged = judged(&csv(&[("s", 10, factor)]), &options);
            assert_eq!(judged.lines[0].remark.is_some(), remarked, "{factor}");
            let noted = judged.notes.iter().any(|note| note.contains("a run that did nothing"));
            assert_eq!(noted, remarked, "{factor}");
        }
    }

    #[test]
    fn counts_name_every_verdict() {
        let text = csv(&[("a", 10, 1.2), ("b", 10, 1.0), ("c", 10, 0.8), ("d", 6, 1.0)]);
        assert_eq!(
            judged(&text, &options()).counts(),
            "judged 4: IMPROVED 1, PASS 1, SMALL 0, REGRESSION 1, INCONCLUSIVE 0, not testable 1"
        );
    }

    #[test]
    fn the_worst_line_decides_the_exit_code() {
        for (sessions, code) in [
            (&[("a", 10, 1.2)][..], 1),
            (&[("a", 10, 1.0)], 0),
            (&[("a", 10, 0.8)], 0),
            (&[("a", 6, 1.0)], 3),
            (&[("a", 10, 1.2), ("b", 10, 1.2)], 1),
            (&[("a", 10, 1.0), ("b", 6, 1.0)], 3),
            (&[("a", 10, 1.2), ("b", 6, 1.0)], 1),
            (&[("a", 10, 0.8), ("b", 10, 1.0)], 0),
        ] {
            assert_eq!(judged(&csv(sessions), &options()).exit_code(), code, "{sessions:?}");
        }
        let both = csv(&[("a", 10, 1.0)]) + &csv(&[("a", 6, 1.0)]).replace("wall", "io")[36..];
        let both = judged(&both, &options());
        assert_eq!((both.lines.len(), both.exit_code()), (2, 3));
    }

    #[test]
    fn unequal_and_drawn_orders_are_reported() {
        let mut text = csv(&[("a", 9, 1.0), ("b", 20, 1.0)]);
        let judged_once = judged(&text, &options());
        assert_eq!(judged_once.notes.len(), 3, "{:?}", judged_once.notes);
        assert_eq!(judged_once.notes[0], "wall: lower is better");
        assert!(judged_once.notes[1].starts_with("1 with unbalanced orders"));
        assert!(judged_once.notes[2].ends_with("drawn with seed 1"));
        // Row order does not matter.
        let mut lines: Vec<&str> = text.lines().skip(1).collect();
        lines.reverse();
        text = format!("session,metric,block,slot,arm,value\n{}\n", lines.join("\n"));
        assert_eq!(judged(&text, &options()), judged_once);
    }
}
