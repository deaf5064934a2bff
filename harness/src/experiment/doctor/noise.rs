//! Noise of consecutive runs of one setting, and the differences that it leaves detectable.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::scenario::schedule;
use crate::scenario::{Records, Scenario};
use crate::stats::mssd::Successive;
use crate::stats::paired::percent;
use crate::stats::verdict::ONE_LOOK_ALPHA;
use crate::stats::{Sample, group_sequential, power};
use crate::trial::measurement::{Measurement, Outcome, SystemLoad};
use crate::trial::{Executor, Source};

/// Number of counted runs.
pub const RUNS: usize = 10;
/// Number of runs of a `--quick` inspection.
pub const QUICK_RUNS: usize = 3;
/// Margin to plan for: the default of scenarios.
pub const MARGIN: f64 = 0.05;
/// Maximum number of pairs to plan for.
pub const PAIRS_MAX: usize = 200;
/// Error on each side of the noise interval.
const INTERVAL_ALPHA: f64 = 0.025;

/// One run of the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BaselineRun {
    /// Rate.
    pub rec_per_min: f64,
    /// Seconds from start to end of its process.
    pub elapsed_s: f64,
    /// System load during the run.
    pub surroundings: Option<SystemLoad>,
}

/// Noise of runs on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noise {
    /// Records per run.
    pub records: u32,
    /// Rates in run order.
    pub rec_per_min: Vec<f64>,
    /// Median rate.
    pub median_rec_per_min: f64,
    /// Seconds of a pair, which is two runs.
    pub pair_s: f64,
    /// Largest share of CPU time that other programs used during a run.
    pub foreign_cpu_share_max: Option<f64>,
    /// Largest share that the host took.
    pub steal_share_max: Option<f64>,
    /// Consequences for pairs; `None` for a `--quick` inspection.
    pub pairs: Option<DetectablePairs>,
}

/// Expected behaviour of pairs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectablePairs {
    /// `s_d`: expected standard deviation of a pair's log ratio.
    pub std_dev: f64,
    /// Approximate 95 % interval of it.
    pub std_dev_interval: [f64; 2],
    /// Smallest detectable difference for several numbers of pairs.
    pub detectable: Vec<Detectable>,
    /// Minimum number of pairs that detects the margin; `None` above [`PAIRS_MAX`].
    pub needed: Option<usize>,
    /// The same at both ends of the interval.
    pub needed_interval: [Option<usize>; 2],
}

/// Smallest difference that this many pairs detect with 95 % power (statistics.md 2, `k_R·s_d`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detectable {
    /// Number of pairs R.
    pub pairs: usize,
    /// Smallest true difference in percent, for one look at α = 0.05.
    pub one_look_percent: f64,
    /// The same for one look of a gate, at α = 0.019.
    pub gate_look_percent: f64,
    /// Seconds that the pairs take.
    pub seconds: f64,
}

/// Runs the baseline of an executor's only scenario `count` times. A first run is not counted; it
/// determines the number of records. `ended` is called after each counted run. A failed run ends
/// it.
pub fn runs(
    executor: &mut dyn Executor,
    scenario: &Scenario,
    count: usize,
    ended: &mut dyn FnMut(),
) -> Result<(u32, Vec<BaselineRun>)> {
    let settings = &scenario.settings[scenario.baseline].settings;
    let run = |executor: &mut dyn Executor, source: &Source| -> Result<BaselineRun> {
        one(&executor.measure(source, 0, settings)?)
    };
    let least = schedule::min_records(&scenario.settings[scenario.baseline..=scenario.baseline]);
    let first = match scenario.workload.records {
        Records::Fixed(records) => records,
        Records::Auto { .. } => least,
    };
    let mut source = executor.prepare(0, first.get())?;
    let pilot = run(executor, &source)?;
    if let Records::Auto { run_seconds } = scenario.workload.records {
        let records = schedule::records(run_seconds, pilot.rec_per_min, least);
        if records.get() != source.records {
            source = executor.prepare(0, records.get())?;
        }
    }
    let mut runs = Vec::with_capacity(count);
    while runs.len() < count {
        runs.push(run(executor, &source)?);
        ended();
    }
    Ok((source.records, runs))
}

fn one(measurement: &Measurement) -> Result<BaselineRun> {
    let report = match &measurement.outcome {
        Outcome::Report(report) => report,
        Outcome::Failure(failure) => {
            return Err(Error::environment(format!("a run of the baseline failed: {failure}")));
        }
    };
    Ok(BaselineRun {
        rec_per_min: report.rec_per_min,
        elapsed_s: measurement.elapsed_s,
        surroundings: measurement.surroundings,
    })
}

impl Noise {
    /// Noise of runs on this many records. Fewer than [`RUNS`] runs give no estimate for pairs.
    pub fn of(records: u32, runs: &[BaselineRun]) -> Result<Self> {
        let rates = runs.iter().map(|run| run.rec_per_min).collect();
        let seconds = runs.iter().map(|run| run.elapsed_s).collect();
        let sample = |figures| {
            Sample::new(figures).map_err(|bad| Error::caused("runs of the baseline", bad))
        };
        let (rates, seconds) = (sample(rates)?, sample(seconds)?);
        let pair_s = 2.0 * seconds.median();
        let around = |share: fn(&SystemLoad) -> f64| {
            runs.iter().filter_map(|run| run.surroundings.as_ref()).map(share).reduce(f64::max)
        };
        Ok(Self {
            records,
            median_rec_per_min: rates.median(),
            pairs: if runs.len() < RUNS {
                None
            } else {
                DetectablePairs::of(rates.values(), pair_s)
            },
            rec_per_min: rates.values().to_vec(),
            pair_s,
            foreign_cpu_share_max: around(|around| around.foreign_cpu_share),
            steal_share_max: around(|around| around.steal_share),
        })
    }
}

impl DetectablePairs {
    fn of(rates: &[f64], pair_s: f64) -> Option<Self> {
        let logs: Vec<f64> = rates.iter().map(|rate| rate.ln()).collect();
        let found = Successive::of(&logs)?;
        let interval = found.interval(INTERVAL_ALPHA)?;
        let detectable = group_sequential::CUMULATIVE_PAIRS.into_iter().map(|pairs| {
            let smallest = |alpha| Some(percent(power::detectable(pairs, alpha)? * found.std_dev));
            Some(Detectable {
                pairs,
                one_look_percent: smallest(ONE_LOOK_ALPHA)?,
                gate_look_percent: smallest(group_sequential::POCOCK_ALPHA)?,
                seconds: pairs as f64 * pair_s,
            })
        });
        let needed =
            |noise| power::pairs_for(noise, MARGIN.ln_1p(), ONE_LOOK_ALPHA, PAIRS_MAX).map(even);
        Some(Self {
            std_dev: found.std_dev,
            std_dev_interval: interval,
            detectable: detectable.collect::<Option<_>>()?,
            needed: needed(found.std_dev),
            needed_interval: interval.map(needed),
        })
    }
}

/// Rounds up to an even number of at least eight: a session has equally many pairs in both orders.
fn even(pairs: usize) -> usize {
    pairs.max(crate::stats::verdict::PAIRS_MIN).next_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped;
    use crate::trial::{Mock, report};

    fn runs_of(rates: &[f64]) -> Vec<BaselineRun> {
        let around = |foreign_cpu_share| {
            Some(SystemLoad {
                foreign_cpu_share,
                steal_share: 0.0,
                swapped_pages: 0,
                clock_mhz: None,
            })
        };
        let run = |(index, rate): (usize, &f64)| BaselineRun {
            rec_per_min: *rate,
            elapsed_s: 1.5,
            surroundings: around(index as f64 / 100.0),
        };
        rates.iter().enumerate().map(run).collect()
    }

    /// Ten runs, each of which differs from the one before by this logarithm.
    fn zigzag(log: f64) -> Vec<BaselineRun> {
        let rates: Vec<f64> =
            (0..10).map(|run| if run % 2 == 0 { 1000.0 } else { 1000.0 * log.exp() }).collect();
        runs_of(&rates)
    }

    #[test]
    fn the_detectable_difference_is_k_times_the_noise_of_a_pair() {
        let noise = Noise::of(500, &zigzag(0.04)).unwrap();
        let pairs = noise.pairs.unwrap();
        assert!((pairs.std_dev - 0.04).abs() < 1e-9);
        let counts: Vec<usize> = pairs.detectable.iter().map(|one| one.pairs).collect();
        assert_eq!(counts, [10, 16, 20, 30]);
        // k is 1.13 for 10 pairs and 0.62 for 30 pairs.
        assert!((pairs.detectable[0].one_look_percent - percent(1.13 * 0.04)).abs() < 0.05);
        assert!((pairs.detectable[3].one_look_percent - percent(0.62 * 0.04)).abs() < 0.05);
        assert!(pairs.detectable[0].gate_look_percent > pairs.detectable[0].one_look_percent);
        assert!((pairs.detectable[0].seconds - 30.0).abs() < 1e-9);
        assert_eq!(pairs.needed, Some(10));
        let [low, high] = pairs.needed_interval;
        assert!(low.unwrap() == 8 && high.unwrap() > 20, "{low:?} {high:?}");
        assert_eq!(noise.foreign_cpu_share_max, Some(0.09));
    }

    #[test]
    fn few_runs_give_no_estimate_and_equal_runs_need_the_fewest_pairs() {
        assert_eq!(Noise::of(500, &zigzag(0.04)[..3]).unwrap().pairs, None);
        assert!(Noise::of(500, &[]).is_err());
        let wild = Noise::of(500, &zigzag(1.0)).unwrap().pairs.unwrap();
        assert_eq!(wild.needed, None);
        let calm = Noise::of(500, &runs_of(&[1000.0; 10])).unwrap().pairs.unwrap();
        assert_eq!(calm.needed, Some(8));
    }

    #[test]
    fn the_first_run_finds_the_records_and_is_not_counted() {
        let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
        let mut trial = 0;
        let mut mock = Mock::new(move |source, settings| {
            trial += 1;
            // At 60,000 records a minute 0.8 s take 800 records, which is below the minimum.
            let report = report(settings, source.records, 60_000.0);
            Ok(Measurement::new(f64::from(trial), Outcome::Report(Box::new(report))))
        });
        let mut heard = 0;
        let (records, runs) = runs(&mut mock, &scenario, 3, &mut || heard += 1).unwrap();
        assert_eq!(records, 4000);
        assert_eq!((runs.len(), heard), (3, 3));
        let first_s = runs[0].elapsed_s;
        assert!((first_s - 2.0).abs() < f64::EPSILON, "the pilot is not counted");
    }
}
