//! Interference with the runs of a block from outside (statistics.md 4). The limits are fixed in
//! the scenario before the first run, and are independent of settings and results.

use std::fmt;

use crate::scenario::{Scenario, Validity};
use crate::trial::measurement::{Measurement, SystemLoad};

/// Interference with a run, with the limit of the scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interference {
    /// Other programs took a share of the processors' time.
    ForeignCpu {
        /// Share.
        share: f64,
        /// The limit.
        most: f64,
    },
    /// The host of a virtual machine took a share.
    Steal {
        /// Share.
        share: f64,
        /// The limit.
        most: f64,
    },
    /// Memory was swapped.
    Swap {
        /// Number of pages.
        pages: u64,
        /// The limit.
        most: u64,
    },
}

impl fmt::Display for Interference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        match *self {
            Self::ForeignCpu { share, most } => write!(
                f,
                "other programs took {:.0} % of the CPU (allowed are {:.0} %)",
                percent(share),
                percent(most)
            ),
            Self::Steal { share, most } => write!(
                f,
                "the virtual machine's host took {:.0} % of the CPU (allowed are {:.0} %)",
                percent(share),
                percent(most)
            ),
            Self::Swap { pages, most } => {
                write!(f, "{pages} pages were swapped (allowed are {most})")
            }
        }
    }
}

/// First interference that discards a block. A `--quick` run is not testable anyway, so none of its
/// blocks is discarded.
pub(crate) fn disturbance(scenario: &Scenario, block: &[&Measurement]) -> Option<Interference> {
    if scenario.quick {
        return None;
    }
    let around = block.iter().filter_map(|measurement| measurement.surroundings.as_ref());
    around.into_iter().find_map(|around| over(&scenario.validity, around))
}

fn over(limits: &Validity, around: &SystemLoad) -> Option<Interference> {
    let SystemLoad { foreign_cpu_share, steal_share, swapped_pages, .. } = *around;
    if foreign_cpu_share > limits.foreign_cpu_share_max {
        let most = limits.foreign_cpu_share_max;
        return Some(Interference::ForeignCpu { share: foreign_cpu_share, most });
    }
    if steal_share > limits.steal_share_max {
        return Some(Interference::Steal { share: steal_share, most: limits.steal_share_max });
    }
    let most = limits.swapped_pages_max;
    (swapped_pages > most).then_some(Interference::Swap { pages: swapped_pages, most })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped;
    use crate::trial::measurement::{Cause, Failure, Outcome};

    fn run(foreign_cpu_share: f64, steal_share: f64, swapped_pages: u64) -> Measurement {
        let failure = Failure::new(Cause::Report, "");
        let clock_mhz = None;
        let around = SystemLoad { foreign_cpu_share, steal_share, swapped_pages, clock_mhz };
        let measurement = Measurement::new(1.0, Outcome::Failure(failure));
        Measurement { surroundings: Some(around), ..measurement }
    }

    #[test]
    fn one_disturbed_run_discards_its_block_with_a_reason() {
        let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
        let quiet = run(0.5, 0.1, 256);
        let unknown = Measurement { surroundings: None, ..quiet.clone() };
        assert_eq!(disturbance(&scenario, &[&quiet, &unknown]), None);
        for (disturbed, words) in [
            (run(0.6, 0.0, 0), "other programs took 60 % of the CPU (allowed are 50 %)"),
            (
                run(0.0, 0.3, 0),
                "the virtual machine's host took 30 % of the CPU (allowed are 10 %)",
            ),
            (run(0.0, 0.0, 257), "257 pages were swapped (allowed are 256)"),
        ] {
            let found = disturbance(&scenario, &[&quiet, &disturbed]).unwrap();
            assert_eq!(found.to_string(), words);
            assert_eq!(disturbance(&scenario.clone().quick(), &[&disturbed]), None);
        }
    }
}
