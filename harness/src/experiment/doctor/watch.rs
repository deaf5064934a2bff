//! Samples counters and processes twice, one second apart, while no trial runs.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::contention::{BusyProcess, Ticks, busiest, ticks_of};
use crate::trial::measurement::{SystemLoad, Usage};
use crate::trial::system_counters::{Counters, TICKS_PER_S};

/// Time between the samples.
const WATCHED: Duration = Duration::from_secs(1);

/// Samples for a second. This process uses almost no CPU time meanwhile.
pub(super) fn watch() -> (Option<SystemLoad>, Vec<BusyProcess>) {
    let (counters, processes, started) = (Counters::now(), processes(), Instant::now());
    sleep(WATCHED);
    let elapsed = started.elapsed();
    let (after, processes_after) = (Counters::now(), self::processes());
    let own = Usage { cpu_user_s: 0.0, cpu_system_s: 0.0, peak_rss_bytes: 0 };
    let around = counters.zip(after);
    let around = around.and_then(|(before, after)| after.since(before, elapsed, own));
    let ticks = elapsed.as_secs_f64() * TICKS_PER_S;
    (around, busiest(&processes, &processes_after, ticks, std::process::id()))
}

/// CPU time of all visible processes. A process that ends meanwhile is left out.
fn processes() -> Ticks {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ticks = |pid: u32| {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, ticks_of(&String::from_utf8_lossy(&stat))?))
    };
    pids.filter_map(ticks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_among_those_that_can_be_seen() {
        let seen = processes();
        let here = fs::exists("/proc/self/stat").unwrap();
        assert_eq!(seen.contains_key(&std::process::id()), here);
    }
}
