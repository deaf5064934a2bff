//! What the runs of one arm gave: each metric's estimate and how the time divides. Compares nothing.

use std::collections::{BTreeMap, BTreeSet};

use migrator::report::RunReport;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::measure::{self, Measurement};
use crate::metric::PerMetric;
use crate::stats::Sample;

/// What the finished runs of one arm gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Runs that finished.
    pub runs: usize,
    /// The figures.
    pub metrics: PerMetric<Estimate>,
    /// Median milliseconds per 1,000 records of every stage, summed over workers.
    pub stage_ms_per_1000_records: BTreeMap<String, f64>,
}

/// A metric of one arm, over its runs, in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// The middle value.
    pub median: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// With n − 1; absent where there is one run.
    pub std_dev: Option<f64>,
    /// A quarter of the runs are below.
    pub lower_quartile: f64,
    /// A quarter of the runs are above.
    pub upper_quartile: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// Every run's value, in the order in which they ran.
    pub values: Vec<f64>,
}

impl Figures {
    /// The figures of these runs; none where none of them finished.
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
        Ok(Some(Self { runs: reports.len(), metrics, stage_ms_per_1000_records }))
    }
}

fn estimate(values: impl Iterator<Item = f64>) -> Result<Estimate> {
    let sample = Sample::new(values.collect())
        .map_err(|error| Error::caused("reading the figures of the runs", error))?;
    Ok(Estimate {
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

/// Medians of every stage but `record`, which is a latency and no share of the time.
fn stages(reports: &[&RunReport]) -> Result<BTreeMap<String, f64>> {
    let names = reports.iter().flat_map(|report| report.stages.keys());
    let names: BTreeSet<&String> = names.filter(|name| *name != "record").collect();
    names
        .into_iter()
        .map(|name| {
            let values = reports.iter().map(|report| measure::stage_ms(report, name));
            Ok((name.clone(), estimate(values)?.median))
        })
        .collect()
}
