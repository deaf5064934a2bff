//! System counters of /proc before and after a trial; `None` if the operating system does not
//! report them.

use std::fs;
use std::time::Duration;

use crate::trial::measurement::{SystemLoad, Usage};

/// Ticks of /proc/stat in a second: `USER_HZ`, which is the same on every Linux that Rust builds
/// for (proc(5)).
pub(crate) const TICKS_PER_S: f64 = 100.0;

/// Minimum duration: ticks are too coarse for shorter ones.
const TIME_LEAST: Duration = Duration::from_millis(200);

/// The machine's counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counters {
    busy_ticks: u64,
    stolen_ticks: u64,
    all_ticks: u64,
    swapped_pages: u64,
    clock_mhz: Option<f64>,
}

impl Counters {
    /// The counters now.
    pub(crate) fn now() -> Option<Self> {
        let read = |path| fs::read_to_string(path).ok();
        let clock_mhz = read("/proc/cpuinfo").and_then(|cpuinfo| clock_mhz(&cpuinfo));
        Some(Self { clock_mhz, ..Self::parse(&read("/proc/stat")?, &read("/proc/vmstat")?)? })
    }

    /// proc(5): user, nice, system, idle, iowait, irq, softirq, steal; the remaining fields are
    /// included in these.
    fn parse(stat: &str, vmstat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Option<Vec<u64>> =
            line.split_whitespace().take(8).map(|number| number.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal] = ticks?.try_into().ok()?;
        let pages = |name: &str| -> Option<u64> {
            vmstat.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
        };
        let busy_ticks = user + nice + system + irq + softirq;
        Some(Self {
            busy_ticks,
            stolen_ticks: steal,
            all_ticks: busy_ticks + idle + iowait + steal,
            swapped_pages: pages("pswpin ")? + pages("pswpout ")?,
            clock_mhz: None,
        })
    }

    /// Load since an earlier reading, except that of a process with this usage; `None` if the time
    /// is too short.
    pub(crate) fn since(self, before: Self, elapsed: Duration, own: Usage) -> Option<SystemLoad> {
        let all = self.all_ticks.saturating_sub(before.all_ticks) as f64;
        if elapsed < TIME_LEAST || all < 1.0 {
            return None;
        }
        let busy = self.busy_ticks.saturating_sub(before.busy_ticks) as f64;
        let own = (own.cpu_user_s + own.cpu_system_s) * TICKS_PER_S;
        let stolen = self.stolen_ticks.saturating_sub(before.stolen_ticks) as f64;
        Some(SystemLoad {
            foreign_cpu_share: ((busy - own) / all).clamp(0.0, 1.0),
            steal_share: stolen / all,
            swapped_pages: self.swapped_pages.saturating_sub(before.swapped_pages),
            clock_mhz: self.clock_mhz,
        })
    }
}

/// The speed of the fastest processor. In a virtual machine the value is nominal, because the host
/// controls the speed.
fn clock_mhz(cpuinfo: &str) -> Option<f64> {
    let mut fastest: Option<f64> = None;
    for (name, value) in cpuinfo.lines().filter_map(|line| line.split_once(':')) {
        match name.trim() {
            "flags" if value.split_whitespace().any(|flag| flag == "hypervisor") => return None,
            "cpu MHz" => {
                let mhz = value.trim().parse::<f64>().ok().filter(|mhz| *mhz > 0.0);
                fastest = mhz.into_iter().chain(fastest).reduce(f64::max);
            }
            _ => {}
        }
    }
    fastest
}

#[cfg(test)]
mod tests {
    use super::*;

    const VMSTAT: &str = "nr_free 5\npswpin 3\npswpout 4\n";

    #[test]
    fn cpu_time_outside_of_the_trial_is_counted_as_foreign() {
        let before = Counters::parse("cpu  100 0 50 800 50 0 0 0 9 9\n", VMSTAT).unwrap();
        let after = Counters::parse("cpu  200 0 70 860 60 0 0 10 9 9\n", VMSTAT).unwrap();
        // 200 ticks passed, 120 of them busy, and the trial took 80.
        let own = Usage { cpu_user_s: 0.7, cpu_system_s: 0.1, peak_rss_bytes: 0 };
        let second = Duration::from_secs(1);
        let around = after.since(before, second, own).unwrap();
        assert!((around.foreign_cpu_share - 0.2).abs() < 1e-9, "{around:?}");
        assert!((around.steal_share - 0.05).abs() < 1e-9, "{around:?}");
        assert_eq!(around.swapped_pages, 0);
        assert_eq!(after.since(before, Duration::from_millis(50), own), None);
        assert_eq!(after.since(after, second, own), None);
    }

    #[test]
    fn the_clock_speed_is_that_of_the_fastest_processor_and_none_in_a_virtual_machine() {
        let two = "processor\t: 0\ncpu MHz\t\t: 1200.250\nflags\t\t: fpu tsc\n\n\
                   processor\t: 1\ncpu MHz\t\t: 3400.5\nflags\t\t: fpu tsc\n";
        assert_eq!(clock_mhz(two), Some(3400.5));
        assert_eq!(clock_mhz(&two.replace("fpu", "fpu hypervisor")), None);
        assert_eq!(clock_mhz("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
        assert_eq!(clock_mhz("cpu MHz\t: unknown\n"), None);
    }

    #[test]
    fn unreadable_counters_are_missing() {
        assert_eq!(Counters::parse("intr 5", VMSTAT), None);
        assert_eq!(Counters::parse("cpu  1 2 3", VMSTAT), None);
        assert_eq!(Counters::parse("cpu  1 2 3 4 5 6 7 8", "nr_free 5"), None);
    }
}
