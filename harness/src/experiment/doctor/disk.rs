//! Probe for the duration of disk flushes in the folder of the trials. No system file reports it,
//! so it is measured.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::finding::{ProbeFinding, Severity, level, sentence};
use crate::stats::{Sample, quantile_support};
use crate::trial::provenance::{EnvironmentWarning, IN_MEMORY};

/// Number of flushes; enough for a p99.
const FLUSHES: usize = 300;
/// Time limit, so that a slow disk is not kept busy.
const TIME_MOST: Duration = Duration::from_secs(5);
/// Data written before each flush: one page of the store.
const PAGE: [u8; 4096] = [0x5a; 4096];
/// Approximate duration of a baseline run, in milliseconds.
const RUN_MS: f64 = 800.0;
/// Shares of a run by which a slow flush may change its time, for a warning and for noisy.
const WARN: f64 = 0.0025;
const NOISY: f64 = 0.01;

/// Times flushes, in milliseconds. Each is an fdatasync(2), which is what the store waits for,
/// after a small write to a new file in `folder`.
pub(super) fn flushes(folder: &Path) -> io::Result<Vec<f64>> {
    let mut file: File = tempfile::tempfile_in(folder)?;
    let began = Instant::now();
    let mut flushes = Vec::with_capacity(FLUSHES);
    while flushes.len() < FLUSHES && began.elapsed() < TIME_MOST {
        file.write_all(&PAGE)?;
        let started = Instant::now();
        file.sync_data()?;
        flushes.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(flushes)
}

/// Finding for flush times in milliseconds on this file system.
pub(super) fn finding(flushes: Result<Vec<f64>, String>, filesystem: Option<&str>) -> ProbeFinding {
    const PROBE: &str = "disk flush";
    let sample = flushes.and_then(|flushes| {
        Sample::new(flushes).map_err(|bad| format!("measuring flushes: {bad}"))
    });
    let sample = match sample {
        Ok(sample) => sample,
        Err(why) => {
            return ProbeFinding::unknown(PROBE, why, "Only the runs show the cost of a commit.");
        }
    };
    let on = filesystem.map_or(String::new(), |name| format!(" on {name}"));
    let median = sample.median();
    let p99 = match quantile_support::check(0.99, sample.count() as u64) {
        Ok(()) => Ok(sample.quantile(0.99)),
        Err(few) => Err(few.to_string()),
    };
    let slow = p99.clone().unwrap_or_else(|_| sample.max());
    let tail = match &p99 {
        Ok(p99) => format!("p99 {p99:.2} ms"),
        Err(few) => format!("slowest {slow:.2} ms ({few})"),
    };
    let here = format!("median {median:.2} ms, {tail}{on}");
    let memory = filesystem.filter(|name| IN_MEMORY.contains(name));
    let (level, means, advice) = if let Some(name) = memory {
        let means = sentence(&EnvironmentWarning::InMemory(name.into()).to_string());
        (Severity::Warn, means, "pass --out a folder on the disk to be measured")
    } else {
        let moved = (slow - median).max(0.0) / RUN_MS;
        let means = format!(
            "A slow flush, one in a hundred, changes an {RUN_MS:.0} ms run by {:.1} %. Every batch \
             waits for at least one flush.",
            moved * 100.0
        );
        (level(moved, WARN, NOISY), means, "put --out on a disk that no other program writes to")
    };
    let finding = ProbeFinding::new(level, PROBE, here, means)
        .advice_unless_quiet(advice)
        .figure("flushes", sample.count() as f64)
        .figure("median_ms", median)
        .figure("slowest_ms", sample.max());
    match p99 {
        Ok(p99) => finding.figure("p99_ms", p99),
        Err(_) => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flushes_with(slow: f64) -> Vec<f64> {
        (0..FLUSHES).map(|index| if index % 20 == 0 { slow } else { 1.0 }).collect()
    }

    #[test]
    fn a_flush_is_judged_by_its_effect_on_a_run() {
        for (slow, level) in
            [(1.2, Severity::Quiet), (5.0, Severity::Warn), (40.0, Severity::Noisy)]
        {
            let finding = finding(Ok(flushes_with(slow)), Some("ext4"));
            assert_eq!(finding.level, level, "{slow}: {finding:?}");
            assert!((finding.figures["p99_ms"] - slow).abs() < 1e-9, "{finding:?}");
        }
        let slow = finding(Ok(flushes_with(9.0)), Some("ext4"));
        assert_eq!(slow.here, "median 1.00 ms, p99 9.00 ms on ext4");
        assert!(slow.means.contains("by 1.0 %"), "{}", slow.means);
    }

    #[test]
    fn a_p99_of_too_few_flushes_is_not_quoted() {
        let finding = finding(Ok(vec![30.0; 50]), None);
        assert!(finding.here.contains("no p99 from 50 observations, it takes 299"), "{finding:?}");
        assert!(!finding.figures.contains_key("p99_ms"));
    }

    #[test]
    fn memory_is_no_disk_and_no_flush_is_no_finding() {
        let memory = finding(Ok(flushes_with(1.0)), Some("tmpfs"));
        assert_eq!(memory.level, Severity::Warn);
        assert!(memory.means.contains("costs no flush"), "{memory:?}");
        let unknown = finding(Err("writing: no space".into()), Some("ext4"));
        assert_eq!(unknown.here, "not known here: writing: no space");
        assert_eq!(finding(Ok(Vec::new()), None).level, Severity::Unknown);
    }

    #[test]
    fn flushes_are_measured_in_a_folder_and_leave_nothing_there() {
        let folder = tempfile::tempdir().unwrap();
        let measured = flushes(folder.path()).unwrap();
        assert!(!measured.is_empty() && measured.len() <= FLUSHES);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(flushes(&folder.path().join("none")).is_err());
    }
}
