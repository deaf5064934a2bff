//! Inspection of the machine: sources of noise, remedies, and the smallest detectable difference.
//! Probes take texts and counters; [`inspect`], `proc_snapshot` and `watch` read the machine.

mod contention;
mod disk;
mod finding;
mod memory;
pub mod noise;
mod proc_snapshot;
mod processor;
mod watch;

use std::path::Path;

use serde::Serialize;

pub use finding::{ProbeFinding, Severity};
pub use noise::{Detectable, DetectablePairs, Noise};
pub use proc_snapshot::ProcSnapshot;

use crate::trial::measurement::SystemLoad;
use crate::trial::provenance::{Machine, filesystem, usable_cpus};
use contention::BusyProcess;

/// Version of the JSON output.
const FORMAT_VERSION: u32 = 1;

/// Report of an inspection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoctorReport {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// The machine.
    pub machine: Machine,
    /// Findings, one for each probe.
    pub findings: Vec<ProbeFinding>,
    /// Noise of the baseline's runs, if they were run.
    pub noise: Option<Noise>,
    /// Reason why there is none.
    pub noise_unknown: Option<String>,
}

/// Values that were measured rather than read.
#[derive(Debug, Clone)]
struct Observations {
    around: Option<SystemLoad>,
    busy: Vec<BusyProcess>,
    /// Flush times in milliseconds, or the reason why there are none.
    flushes: Result<Vec<f64>, String>,
    filesystem: Option<String>,
}

/// Inspects this machine for some seconds; `stores` is the folder of the trials.
pub fn inspect(stores: &Path) -> DoctorReport {
    let texts = ProcSnapshot::here();
    let (around, busy) = watch::watch();
    let flushes = disk::flushes(stores)
        .map_err(|error| format!("flushing a file in {}: {error}", stores.display()));
    let seen = Observations { around, busy, flushes, filesystem: filesystem(stores) };
    let machine = Machine::read(|path| texts.get(path).ok().map(str::to_owned), usable_cpus());
    let findings = findings(&texts, &machine, seen);
    DoctorReport { format: FORMAT_VERSION, machine, findings, noise: None, noise_unknown: None }
}

/// Findings of all probes, in table order.
fn findings(texts: &ProcSnapshot, machine: &Machine, seen: Observations) -> Vec<ProbeFinding> {
    let Observations { around, busy, flushes, filesystem } = seen;
    let around = around.as_ref();
    vec![
        processor::processors(texts, machine),
        processor::smt(texts),
        processor::governor(texts, machine),
        processor::turbo(texts),
        processor::temperature(texts),
        processor::clock(texts),
        contention::virtualization(texts),
        contention::limits(texts, machine),
        contention::steal(around),
        contention::load(texts, machine),
        contention::pressure(texts),
        contention::programs(around, &busy),
        memory::memory(texts, machine),
        memory::swap(texts, around),
        disk::finding(flushes, filesystem.as_deref()),
    ]
}

impl DoctorReport {
    /// Number of findings of this severity.
    pub fn count(&self, level: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_system_files_every_probe_gives_a_reason() {
        let texts = ProcSnapshot::default();
        let machine = Machine::read(|_| None, 4);
        let flushes = Err("flushing a file in /gone: no such folder".into());
        let seen = Observations { around: None, busy: Vec::new(), flushes, filesystem: None };
        let findings = findings(&texts, &machine, seen);
        let (known, unknown): (Vec<_>, Vec<_>) =
            findings.iter().partition(|finding| finding.level != Severity::Unknown);
        assert_eq!(known.len(), 1, "only the number of processors is known: {known:?}");
        for finding in unknown {
            assert!(finding.here.starts_with("not known here: "), "{finding:?}");
            assert!(finding.means.ends_with('.'), "{finding:?}");
        }
    }

    #[test]
    fn this_machine_can_be_inspected() {
        let folder = tempfile::tempdir().unwrap();
        let report = inspect(folder.path());
        assert_eq!(report.findings.len(), 15);
        let flush = report.findings.last().unwrap();
        assert!(flush.figures["median_ms"] >= 0.0, "{flush:?}");
    }
}
