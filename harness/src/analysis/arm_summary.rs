//! Summary statistics of one arm: each metric, and the time of each stage.

use std::ops::Deref;

use crate::scenario::Setting;
use std::collections::{BTreeMap, BTreeSet};

use migrator::telemetry::report::{RunReport, ServerReport};
use serde::Serialize;

use crate::analysis::failure_count::FailureCount;
use crate::error::{Error, Result};
use crate::scenario::metric::PerMetric;
use crate::stats::Sample;
use crate::trial::measurement;
use crate::trial::measurement::Measurement;

/// Summary of the finished runs of one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmSummary {
    /// Number of finished runs.
    pub runs: usize,
    /// Statistics of each metric.
    pub metrics: PerMetric<SummaryStats>,
    /// Median milliseconds per 1,000 records of every stage, summed over workers.
    pub stage_ms_per_1000_records: BTreeMap<String, f64>,
    /// Server counters; `None` without a server, or if it reports none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerFigures>,
}

/// Server counters during the runs of one arm: medians over the runs that have them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServerFigures {
    /// Milliseconds per 1,000 records that the runs' sessions waited, by the server's name of the
    /// wait.
    pub wait_ms_per_1000_records: BTreeMap<String, f64>,
    /// Bytes per 1,000 records written to the database's log, by all sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes_per_1000_records: Option<f64>,
    /// Row locks escalated to a table lock during a run, by all sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_escalations: Option<f64>,
}

/// Descriptive statistics of one metric of an arm, in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SummaryStats {
    /// Median.
    pub median: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1); `None` for a single run.
    pub std_dev: Option<f64>,
    /// Lower quartile.
    pub lower_quartile: f64,
    /// Upper quartile.
    pub upper_quartile: f64,
    /// Minimum.
    pub min: f64,
    /// Maximum.
    pub max: f64,
    /// Values of all runs, in run order.
    pub values: Vec<f64>,
}

impl ArmSummary {
    /// Summarizes runs; `None` if none of them finished.
    pub fn of(runs: &[&Measurement]) -> Result<Option<Self>> {
        let reports: Vec<&RunReport> = runs.iter().filter_map(|run| run.report()).collect();
        let metrics = PerMetric::build(|metric| {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.value(metric)).collect();
            if values.is_empty() { Ok(None) } else { estimate(values.into_iter()).map(Some) }
        })?;
        let Some(metrics) = metrics else {
            return Ok(None);
        };
        let stage_ms_per_1000_records = stages(&reports)?;
        let server = server(&reports)?;
        Ok(Some(Self { runs: reports.len(), metrics, stage_ms_per_1000_records, server }))
    }
}

fn estimate(values: impl Iterator<Item = f64>) -> Result<SummaryStats> {
    let sample = Sample::new(values.collect())
        .map_err(|error| Error::caused("reading the figures of the runs", error))?;
    Ok(SummaryStats {
        median: sample.median(),
        mean: sample.mean(),
        std_dev: sample.std_dev(),
        lower_quartile: sample.quantile(0.25),
        upper_quartile: sample.quantile(0.75),
        min: sample.min(),
        max: sample.max(),
        values: sample.values().to_vec(),
    })
}

/// Medians of every stage except `record`, which is a latency and not a share of the time.
fn stages(reports: &[&RunReport]) -> Result<BTreeMap<String, f64>> {
    let names = reports.iter().flat_map(|report| report.stages.keys());
    let names: BTreeSet<&String> = names.filter(|name| *name != "record").collect();
    names
        .into_iter()
        .map(|name| {
            let values = reports.iter().map(|report| measurement::stage_ms(report, name));
            Ok((name.clone(), estimate(values)?.median))
        })
        .collect()
}

fn server(reports: &[&RunReport]) -> Result<Option<ServerFigures>> {
    // Pairs each value with the thousands of records that its run read.
    let said = reports.iter().filter_map(|report| {
        let thousands = report.books.read as f64 / 1000.0;
        report.server.as_ref().map(|server| (server, thousands))
    });
    let said: Vec<(&ServerReport, f64)> = said.collect();
    if said.is_empty() {
        return Ok(None);
    }
    let names: BTreeSet<&String> =
        said.iter().flat_map(|(server, _)| server.waits.keys()).collect();
    let waits: Result<BTreeMap<String, f64>> = names
        .into_iter()
        .map(|name| {
            let ms = |server: &ServerReport| server.waits.get(name).map_or(0, |wait| wait.wait_ms);
            let values = said.iter().map(|(server, thousands)| ms(server) as f64 / thousands);
            Ok((name.clone(), estimate(values)?.median))
        })
        .collect();
    let log =
        said.iter().filter_map(|(server, thousands)| Some(server.log_bytes? as f64 / thousands));
    let escalations = said.iter().filter_map(|(server, _)| Some(server.lock_escalations? as f64));
    Ok(Some(ServerFigures {
        wait_ms_per_1000_records: waits?,
        log_bytes_per_1000_records: middle(log.collect())?,
        lock_escalations: middle(escalations.collect())?,
    }))
}

/// Median; `None` of no values.
fn middle(values: Vec<f64>) -> Result<Option<f64>> {
    if values.is_empty() {
        return Ok(None);
    }
    estimate(values.into_iter()).map(|estimate| Some(estimate.median))
}

/// Summary of the counted runs of one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingSummary {
    /// The setting.
    #[serde(flatten)]
    pub setting: Setting,
    /// True if every run stayed within the scenario's limits.
    pub within_limits: bool,
    /// Its failed runs.
    #[serde(skip_serializing_if = "FailureCount::is_zero")]
    pub failures: FailureCount,
    /// Median rate relative to the baseline's median rate, minus 1, in percent.
    pub vs_baseline_percent: f64,
    /// Summary of its runs.
    #[serde(flatten)]
    pub figures: ArmSummary,
}

impl SettingSummary {
    /// True if the setting may be chosen: within the limits, and no run failed.
    pub fn is_eligible(&self) -> bool {
        self.within_limits && self.failures.is_zero()
    }
}

impl Deref for SettingSummary {
    type Target = ArmSummary;

    fn deref(&self) -> &ArmSummary {
        &self.figures
    }
}

#[cfg(test)]
mod tests {
    use migrator::config::Settings;
    use migrator::telemetry::report::ServerWait;

    use super::*;
    use crate::trial::measurement::Outcome;
    use crate::trial::report;

    fn run(server: Option<ServerReport>) -> Measurement {
        let report = RunReport { server, ..report(&Settings::default(), 2_000, 60_000.0) };
        Measurement::new(2.0, Outcome::Report(Box::new(report)))
    }

    fn waited(name: &str, wait_ms: u64, log_bytes: Option<u64>) -> ServerReport {
        let wait = ServerWait { count: 1, wait_ms, signal_ms: 0 };
        let waits = BTreeMap::from([(name.to_owned(), wait)]);
        ServerReport { waits, log_bytes, ..ServerReport::default() }
    }

    #[test]
    fn server_counters_are_per_thousand_records_and_missing_waits_are_0() {
        let runs = [
            run(Some(waited("WRITELOG", 40, Some(8_000)))),
            run(Some(waited("WRITELOG", 60, None))),
            run(Some(waited("LCK_M_X", 10, Some(6_000)))),
            run(None),
        ];
        let figures = ArmSummary::of(&runs.iter().collect::<Vec<_>>()).unwrap().unwrap();
        let server = figures.server.unwrap();
        let waits = [("LCK_M_X".to_owned(), 0.0), ("WRITELOG".to_owned(), 20.0)];
        assert_eq!(server.wait_ms_per_1000_records, BTreeMap::from(waits));
        assert_eq!(server.log_bytes_per_1000_records, Some(3_500.0));
        assert_eq!(server.lock_escalations, None);
    }

    #[test]
    fn without_a_server_there_are_no_counters() {
        let figures = ArmSummary::of(&[&run(None)]).unwrap().unwrap();
        assert_eq!(figures.server, None);
        assert!(!serde_json::to_string(&figures).unwrap().contains("server"));
    }
}
