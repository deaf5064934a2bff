//! Attribution of a difference between two arms: stage times, CPU time and server counters. They are
//! medians without a test, which explain a verdict but are no evidence for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::analysis::arm_summary::ArmSummary;

/// Stages in which a thread waits for another; slower stages show in them as well.
pub(crate) const WAITS: [&str; 5] = ["parse_wait", "turn", "queue_push", "queue_pop", "claims"];
/// Minimum change to be named, in percent of all stages' time.
const NAMED_PERCENT_MIN: f64 = 0.5;
/// Smaller differences of lock escalations are chance.
const NAMED_ESCALATIONS_MIN: f64 = 0.5;
/// Maximum number of named stages, and of named waits.
const NAMED_MAX: usize = 3;

/// Attribution of a difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateAttribution {
    /// Stages that changed most in the direction of the whole, the largest change first.
    pub stages: Vec<StageChange>,
    /// Change of the CPU time per record, in percent; `None` if unknown.
    pub cpu_percent: Option<f64>,
    /// Changes on the server; `None` without a server, or if it reports none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerChange>,
}

/// Changes of server counters between the arms, in either direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerChange {
    /// Waits that changed most, the largest change first, in percent of all stages' time in the
    /// baseline.
    pub waits: Vec<StageChange>,
    /// Change of log bytes per record, in percent, if large enough to be named.
    pub log_bytes_percent: Option<f64>,
    /// Lock escalations per run of baseline and head, if they differ.
    pub lock_escalations: Option<[f64; 2]>,
}

/// Contribution of one stage or wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageChange {
    /// Name of the stage or wait.
    pub stage: String,
    /// Change in percent of all stages' time in the baseline. The contributions of all stages add
    /// up to the whole change.
    pub percent: f64,
    /// Median milliseconds per 1,000 records in the baseline, summed over workers.
    pub base_ms: f64,
    /// The same in the head.
    pub head_ms: f64,
}

impl GateAttribution {
    /// Attributes a slower or faster head. `cpu` is the CPU time per record of both arms. `None` if
    /// no stage changed enough and the CPU time is unknown.
    pub fn of(
        base: &ArmSummary,
        head: &ArmSummary,
        cpu: Option<[f64; 2]>,
        slower: bool,
    ) -> Option<Self> {
        let sign = if slower { 1.0 } else { -1.0 };
        let both = [base, head].map(|figures| &figures.stage_ms_per_1000_records);
        let mut stages = shares(both, busy_ms(base));
        stages.retain(|share| is_busy(&share.stage) && share.percent * sign >= NAMED_PERCENT_MIN);
        stages.sort_by(|a, b| (b.percent * sign).total_cmp(&(a.percent * sign)));
        stages.truncate(NAMED_MAX);
        let cpu_percent = cpu.filter(|[base, _]| *base > 0.0);
        let cpu_percent = cpu_percent.map(|[base, head]| (head / base - 1.0) * 100.0);
        let server = ServerChange::of(base, head);
        let says = !stages.is_empty() || cpu_percent.is_some() || server.is_some();
        says.then_some(Self { stages, cpu_percent, server })
    }
}

impl ServerChange {
    /// Server counters of both arms; `None` if nothing changed enough, or without a server.
    pub fn of(base: &ArmSummary, head: &ArmSummary) -> Option<Self> {
        let [here, there] = [base.server.as_ref()?, head.server.as_ref()?];
        let both = [&here.wait_ms_per_1000_records, &there.wait_ms_per_1000_records];
        let mut waits = shares(both, busy_ms(base));
        waits.retain(|share| share.percent.abs() >= NAMED_PERCENT_MIN);
        waits.sort_by(|a, b| b.percent.abs().total_cmp(&a.percent.abs()));
        waits.truncate(NAMED_MAX);
        let log = here.log_bytes_per_1000_records.zip(there.log_bytes_per_1000_records);
        let log = log.filter(|(base, _)| *base > 0.0);
        let log_bytes_percent = log
            .map(|(base, head)| (head / base - 1.0) * 100.0)
            .filter(|percent| percent.abs() >= NAMED_PERCENT_MIN);
        let escalations = here.lock_escalations.zip(there.lock_escalations);
        let lock_escalations = escalations
            .filter(|(base, head)| (base - head).abs() >= NAMED_ESCALATIONS_MIN)
            .map(|(base, head)| [base, head]);
        let says = !waits.is_empty() || log_bytes_percent.is_some() || lock_escalations.is_some();
        says.then_some(Self { waits, log_bytes_percent, lock_escalations })
    }
}

fn is_busy(stage: &str) -> bool {
    !WAITS.contains(&stage)
}

/// Milliseconds per 1,000 records of all stages without waits.
fn busy_ms(figures: &ArmSummary) -> f64 {
    let stages = figures.stage_ms_per_1000_records.iter();
    stages.filter(|(name, _)| is_busy(name)).map(|(_, ms)| ms).sum()
}

/// Contribution of each name, in percent of `all_ms`; empty if that is 0.
fn shares([here, there]: [&BTreeMap<String, f64>; 2], all_ms: f64) -> Vec<StageChange> {
    if all_ms <= 0.0 {
        return Vec::new();
    }
    let names: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
    let share = |name: &String| {
        let [base_ms, head_ms] = [here, there].map(|of| of.get(name).copied().unwrap_or(0.0));
        let percent = (head_ms - base_ms) / all_ms * 100.0;
        StageChange { stage: name.clone(), percent, base_ms, head_ms }
    };
    names.into_iter().map(share).collect()
}

/// `insert +9.1 %, commit +1.0 %`.
fn listed(shares: &[StageChange], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, share) in shares.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}{} {:+.1} %", share.stage, share.percent)?;
    }
    Ok(())
}

impl fmt::Display for ServerChange {
    /// `server waits WRITELOG +5.0 % of stage time; log bytes per record +3.1 %; lock escalations
    /// per run 0 → 4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if !self.waits.is_empty() {
            f.write_str("server waits ")?;
            listed(&self.waits, f)?;
            f.write_str(" of stage time")?;
            separator = "; ";
        }
        if let Some(percent) = self.log_bytes_percent {
            write!(f, "{separator}log bytes per record {percent:+.1} %")?;
            separator = "; ";
        }
        match self.lock_escalations {
            Some([base, head]) => {
                write!(f, "{separator}lock escalations per run {base:.0} → {head:.0}")
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for GateAttribution {
    /// `insert +9.1 %, commit +1.0 % of stage time; CPU time per record +8.0 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        listed(&self.stages, f)?;
        if self.stages.is_empty() {
            f.write_str("no stage stands out")?;
        } else {
            f.write_str(" of stage time")?;
        }
        if let Some(percent) = self.cpu_percent {
            write!(f, "; CPU time per record {percent:+.1} %")?;
        }
        match &self.server {
            Some(server) => write!(f, "; {server}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use migrator::config::Settings;
    use migrator::telemetry::report::{RunReport, ServerReport, ServerWait};

    use super::*;
    use crate::trial::measurement::{Measurement, Outcome};
    use crate::trial::report;

    /// Summary of one run of 1,000 records, whose stages take 100 s together.
    fn figures(server: Option<ServerReport>) -> ArmSummary {
        let mut report = RunReport { server, ..report(&Settings::default(), 1_000, 60_000.0) };
        report.stages.retain(|name, _| ["insert", "commit", "queue_pop"].contains(&name.as_str()));
        for (name, seconds) in [("insert", 70), ("commit", 30)] {
            report.stages.get_mut(name).unwrap().total_ns = seconds * 1_000_000_000;
        }
        let run = Measurement::new(1.0, Outcome::Report(Box::new(report)));
        ArmSummary::of(&[&run]).unwrap().unwrap()
    }

    fn counted(waits: &[(&str, u64)], log_bytes: u64, lock_escalations: u64) -> ServerReport {
        let wait = |wait_ms| ServerWait { count: 1, wait_ms, signal_ms: 0 };
        ServerReport {
            waits: waits.iter().map(|(name, ms)| ((*name).to_owned(), wait(*ms))).collect(),
            log_bytes: Some(log_bytes),
            lock_escalations: Some(lock_escalations),
            ..ServerReport::default()
        }
    }

    #[test]
    fn waits_log_and_escalations_of_a_server_are_part_of_the_attribution() {
        let base =
            figures(Some(counted(&[("WRITELOG", 10_000), ("PAGELATCH_EX", 7_000)], 50_000, 0)));
        let head = figures(Some(counted(&[("WRITELOG", 15_000), ("LCK_M_X", 400)], 53_000, 4)));
        let why = GateAttribution::of(&base, &head, Some([1.0, 1.01]), true).unwrap();
        assert_eq!(
            why.to_string(),
            "no stage stands out; CPU time per record +1.0 %; server waits PAGELATCH_EX \
             -7.0 %, WRITELOG +5.0 % of stage time; log bytes per record +6.0 %; lock \
             escalations per run 0 → 4"
        );
    }

    #[test]
    fn a_server_on_which_nothing_changed_is_not_named() {
        let same = || figures(Some(counted(&[("WRITELOG", 10_000)], 50_000, 3)));
        assert_eq!(ServerChange::of(&same(), &same()), None);
        assert_eq!(GateAttribution::of(&same(), &same(), None, true), None);
        let little = figures(Some(counted(&[("WRITELOG", 10_100)], 50_100, 3)));
        assert_eq!(ServerChange::of(&same(), &little), None);
    }

    #[test]
    fn without_a_server_in_both_arms_no_server_counter_is_attributed() {
        let counted = figures(Some(counted(&[("WRITELOG", 10_000)], 50_000, 3)));
        for (base, head) in [
            (figures(None), counted.clone()),
            (counted, figures(None)),
            (figures(None), figures(None)),
        ] {
            let why = GateAttribution::of(&base, &head, Some([1.0, 1.1]), true).unwrap();
            assert_eq!(why.server, None);
            assert!(!serde_json::to_string(&why).unwrap().contains("server"));
        }
    }
}
