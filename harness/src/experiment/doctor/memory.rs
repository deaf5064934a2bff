//! Probes for memory: free memory, limits and swap.

use super::finding::{ProbeFinding, Severity};
use super::proc_snapshot::ProcSnapshot;
use crate::scenario::{Limits, Validity};
use crate::trial::measurement::SystemLoad;
use crate::trial::provenance::{Machine, bytes_of};

const MIB: f64 = 1024.0 * 1024.0;

/// Memory that runs can use without evicting anything. Below twice a run's default limit, the page
/// cache of source and store is evicted.
pub(super) fn memory(texts: &ProcSnapshot, machine: &Machine) -> ProbeFinding {
    const PROBE: &str = "memory";
    let available = texts.get("/proc/meminfo").and_then(|meminfo| {
        let available = bytes_of(meminfo, "MemAvailable:");
        available.ok_or_else(|| "/proc/meminfo has no MemAvailable".into())
    });
    let available = match available {
        Err(why) => {
            return ProbeFinding::unknown(PROBE, why, "The memory that runs can use is unknown.");
        }
        Ok(available) => available,
    };
    let limit = limit(texts);
    let usable = limit.map_or(available, |limit| limit.min(available)) as f64;
    let most = Limits::default().peak_rss_bytes as f64;
    let level = if usable < most {
        Severity::Noisy
    } else if usable < 2.0 * most {
        Severity::Warn
    } else {
        Severity::Quiet
    };
    let total = machine.memory_bytes.unwrap_or(available) as f64;
    let limited = limit.filter(|limit| (*limit as f64) < total).map_or(String::new(), |limit| {
        format!(", the control group's limit is {} MiB", whole(limit as f64))
    });
    let here = format!("{} MiB free of {} MiB{limited}", whole(available as f64), whole(total));
    let means = match level {
        Severity::Quiet => "Source and store stay in the page cache.",
        _ => "The page cache is evicted or memory is swapped, so runs wait for the disk.",
    };
    ProbeFinding::new(level, PROBE, here, means)
        .advice_unless_quiet("stop programs that use much memory; `ps aux --sort=-rss` lists them")
        .figure("available_bytes", available as f64)
}

fn whole(bytes: f64) -> String {
    format!("{:.0}", bytes / MIB)
}

/// Tightest memory limit of the control groups. Version 1 writes a huge number for no limit.
fn limit(texts: &ProcSnapshot) -> Option<u64> {
    let second = texts.named("/sys/fs/cgroup", "memory.max");
    let first = texts.named("/sys/fs/cgroup", "memory.limit_in_bytes");
    second.chain(first).filter_map(|(_, text)| text.parse::<u64>().ok()).min()
}

/// Detects swapping.
pub(super) fn swap(texts: &ProcSnapshot, around: Option<&SystemLoad>) -> ProbeFinding {
    const PROBE: &str = "swap";
    let meminfo = texts.get("/proc/meminfo");
    let sizes = meminfo.and_then(|meminfo| {
        let sizes = bytes_of(meminfo, "SwapTotal:").zip(bytes_of(meminfo, "SwapFree:"));
        sizes.ok_or_else(|| "/proc/meminfo has no SwapTotal and SwapFree".into())
    });
    let (total, free) = match sizes {
        Err(why) => {
            return ProbeFinding::unknown(PROBE, why, "The use of swap is unknown.");
        }
        Ok(sizes) => sizes,
    };
    if total == 0 {
        return ProbeFinding::new(
            Severity::Quiet,
            PROBE,
            "none",
            "Memory is never swapped to disk.",
        );
    }
    let used = total.saturating_sub(free) as f64;
    let pages = around.map_or(0, |around| around.swapped_pages);
    let level = match pages {
        0 if used == 0.0 => Severity::Quiet,
        pages if pages > Validity::default().swapped_pages_max => Severity::Noisy,
        _ => Severity::Warn,
    };
    let moved = match around {
        Some(_) => format!("{pages} pages moved within a second"),
        None => "the number of moved pages is unknown".into(),
    };
    let here = format!("{} of {} MiB used, {moved}", whole(used), whole(total as f64));
    let means = match level {
        Severity::Quiet => "No memory is swapped out.",
        Severity::Warn => "Swapped memory is read back when needed, and the program waits for it.",
        _ => "Memory is being swapped: runs wait for the disk, and blocks are discarded.",
    };
    ProbeFinding::new(level, PROBE, here, means)
        .advice_unless_quiet(
            "stop programs that use much memory, then `sudo swapoff -a && sudo swapon -a`",
        )
        .figure("used_bytes", used)
        .figure("pages", pages as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meminfo(available: u64, swap: u64, free: u64) -> String {
        format!(
            "MemTotal: 16777216 kB\nMemAvailable: {available} kB\nSwapTotal: {swap} kB\n\
             SwapFree: {free} kB\n"
        )
    }

    fn machine(texts: &ProcSnapshot) -> Machine {
        Machine::read(|path| texts.get(path).ok().map(String::from), 2)
    }

    #[test]
    fn memory_is_judged_by_the_limit_of_a_run() {
        for (available, level) in
            [(8_000_000, Severity::Quiet), (900_000, Severity::Warn), (300_000, Severity::Noisy)]
        {
            let text = meminfo(available, 0, 0);
            let texts = ProcSnapshot::of([("/proc/meminfo", text.as_str())]);
            assert_eq!(memory(&texts, &machine(&texts)).level, level, "{available}");
        }
        let text = meminfo(8_000_000, 0, 0);
        let texts = ProcSnapshot::of([
            ("/proc/meminfo", text.as_str()),
            ("/sys/fs/cgroup/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/memory.max", "209715200\n"),
        ]);
        let found = memory(&texts, &machine(&texts));
        assert_eq!(found.level, Severity::Noisy);
        assert_eq!(found.here, "7812 MiB free of 16384 MiB, the control group's limit is 200 MiB");
    }

    #[test]
    fn swap_is_judged_by_the_moved_pages() {
        let around = |swapped_pages| SystemLoad {
            foreign_cpu_share: 0.0,
            steal_share: 0.0,
            swapped_pages,
            clock_mhz: None,
        };
        for (swap_kib, free, pages, level) in [
            (0, 0, 0, Severity::Quiet),
            (1024, 1024, 0, Severity::Quiet),
            (2048, 1024, 0, Severity::Warn),
            (2048, 1024, 1000, Severity::Noisy),
        ] {
            let text = meminfo(8_000_000, swap_kib, free);
            let texts = ProcSnapshot::of([("/proc/meminfo", text.as_str())]);
            assert_eq!(swap(&texts, Some(&around(pages))).level, level, "{pages}");
        }
    }

    #[test]
    fn missing_values_are_unknown() {
        let texts = ProcSnapshot::of([("/proc/meminfo", "MemTotal: 1 kB\n")]);
        assert_eq!(memory(&texts, &machine(&texts)).level, Severity::Unknown);
        assert_eq!(swap(&texts, None).level, Severity::Unknown);
    }
}
