//! Probes for other users of the machine: its host, containers and their limits, other programs.

use std::collections::BTreeMap;

use super::finding::{ProbeFinding, Severity, level, sentence};
use super::proc_snapshot::ProcSnapshot;
use crate::scenario::Validity;
use crate::trial::measurement::SystemLoad;
use crate::trial::provenance::{BUSY_LOAD, EnvironmentWarning, Machine};

/// Share of the machine's time that causes a warning: about the size of a small regression.
const WARN: f64 = 0.01;
/// Shares of time that tasks waited for a processor, for a warning and for noisy.
const WAITED_WARN: f64 = 2.0;
const WAITED_NOISY: f64 = 10.0;
/// Minimum share of one processor for a program to be named.
const NAMED_LEAST: f64 = 0.02;
/// Maximum number of named programs.
const NAMED_MOST: usize = 3;

/// Detects virtual machines and containers.
pub(super) fn virtualization(texts: &ProcSnapshot) -> ProbeFinding {
    const PROBE: &str = "virtual";
    let machine = virtual_machine(texts);
    let container = container(texts);
    let detected = container.into_iter().chain(machine.iter().flatten().cloned());
    let detected: Vec<String> = detected.collect();
    match (detected.is_empty(), machine) {
        (true, Err(why)) => ProbeFinding::unknown(
            PROBE,
            why,
            "A virtual machine shares caches, memory and disk with neighbours that it cannot see.",
        ),
        (true, Ok(_)) => ProbeFinding::new(
            Severity::Quiet,
            PROBE,
            "no virtual machine or container detected",
            "All interference with runs is visible from here.",
        ),
        (false, Ok(None)) => ProbeFinding::new(
            Severity::Warn,
            PROBE,
            detected.join(" in "),
            "Other containers use the same processors and disk, and are invisible from inside.",
        )
        .advice("measure while the other containers are idle, or outside the container"),
        (false, _) => ProbeFinding::new(
            Severity::Warn,
            PROBE,
            detected.join(" in "),
            "Neighbours use the same caches, memory bandwidth and disk. Only the CPU time that the \
             host takes is visible, as steal.",
        )
        .advice(
            "use a dedicated machine or dedicated cores, or longer sessions of interleaved pairs",
        ),
    }
}

fn virtual_machine(texts: &ProcSnapshot) -> Result<Option<String>, String> {
    let cpuinfo = texts.get("/proc/cpuinfo")?;
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags")?.split_once(':'));
    let named =
        [texts.get("/sys/class/dmi/id/sys_vendor"), texts.get("/sys/class/dmi/id/product_name")];
    let name: Vec<&str> = named.into_iter().flatten().collect();
    let name = if name.is_empty() { String::new() } else { format!(" ({})", name.join(" ")) };
    let hypervisor = texts.has("/sys/hypervisor/type");
    match flags {
        _ if hypervisor => Ok(Some(format!("a virtual machine{name}"))),
        Some((_, flags)) if flags.split_whitespace().any(|flag| flag == "hypervisor") => {
            Ok(Some(format!("a virtual machine{name}")))
        }
        Some(_) => Ok(None),
        None => Err("/proc/cpuinfo has no flags, and /sys/hypervisor/type does not exist".into()),
    }
}

fn container(texts: &ProcSnapshot) -> Option<String> {
    if let Ok(kind) = texts.get("/run/systemd/container") {
        return Some(format!("a container ({kind})"));
    }
    if texts.has("/run/.containerenv") {
        return Some("a container (podman)".into());
    }
    let groups = texts.get("/proc/self/cgroup").unwrap_or_default();
    let grouped = ["docker", "kubepods", "containerd", "lxc"];
    let grouped = grouped.into_iter().find(|kind| groups.contains(kind));
    let docker = texts.has("/.dockerenv").then_some("docker");
    grouped.or(docker).map(|kind| format!("a container ({kind})"))
}

/// Limits of the control groups, cgroups(7): the tightest from the root to this one.
pub(super) fn limits(texts: &ProcSnapshot, machine: &Machine) -> ProbeFinding {
    const PROBE: &str = "cpu limit";
    let quotas = quotas(texts);
    if quotas.is_empty() {
        return ProbeFinding::unknown(
            PROBE,
            "no control group has a cpu.max or cpu.cfs_quota_us",
            "A CPU limit would pause runs for a part of every 100 ms.",
        );
    }
    let tightest = quotas.into_iter().flatten().min_by(f64::total_cmp);
    let throttled = throttled_periods(texts);
    let times =
        throttled.map_or(String::new(), |times| format!(", throttled {times:.0} times so far"));
    let Some(cpus) = tightest else {
        return ProbeFinding::new(
            Severity::Quiet,
            PROBE,
            format!("none{times}"),
            "No control group limits the CPU time of runs.",
        );
    };
    let level = if cpus < machine.cpus as f64 { Severity::Noisy } else { Severity::Quiet };
    let means = match level {
        Severity::Quiet => "The limit is not below the number of processors.",
        _ => {
            "The control group pauses all threads when their share of 100 ms is used up. Settings \
             with more threads are paused more often."
        }
    };
    let finding = ProbeFinding::new(level, PROBE, format!("{cpus:.1} processors{times}"), means)
        .advice_unless_quiet(
            "run without a CPU limit (docker: without --cpus) and pin processors with a cpuset",
        )
        .figure("processors", cpus);
    match throttled {
        Some(times) => finding.figure("throttled_count", times),
        None => finding,
    }
}

/// Processors that each control group allows; `None` for no limit.
fn quotas(texts: &ProcSnapshot) -> Vec<Option<f64>> {
    let mut quotas = Vec::new();
    for (_, text) in texts.named("/sys/fs/cgroup", "cpu.max") {
        let mut words = text.split_whitespace();
        let quota = words.next().and_then(|quota| quota.parse::<f64>().ok());
        let period = words.next().and_then(|period| period.parse::<f64>().ok());
        quotas.push(quota.zip(period).map(|(quota, period)| quota / period));
    }
    for (path, text) in texts.named("/sys/fs/cgroup", "cpu.cfs_quota_us") {
        let period = texts.get(&path.replace("cfs_quota", "cfs_period")).ok();
        let period = period.and_then(|period| period.parse::<f64>().ok());
        let quota = text.parse::<f64>().ok().filter(|quota| *quota > 0.0);
        quotas.push(quota.zip(period).map(|(quota, period)| quota / period));
    }
    quotas
}

fn throttled_periods(texts: &ProcSnapshot) -> Option<f64> {
    let stats = texts.named("/sys/fs/cgroup", "cpu.stat");
    let times = stats.filter_map(|(_, text)| {
        let line = text.lines().find_map(|line| line.strip_prefix("nr_throttled "))?;
        line.trim().parse::<f64>().ok()
    });
    times.max_by(f64::total_cmp)
}

/// Load: programs that wanted a processor over the last minute.
pub(super) fn load(texts: &ProcSnapshot, machine: &Machine) -> ProbeFinding {
    const PROBE: &str = "load";
    let Some(load) = machine.load else {
        let why = texts.get("/proc/loadavg").err();
        let why = why.unwrap_or_else(|| "/proc/loadavg does not start with a number".into());
        return ProbeFinding::unknown(PROBE, why, "The recent use of the processors is unknown.");
    };
    let cpus = machine.cpus;
    let here = format!("{load:.2} on {cpus} processors over the last minute");
    let level = level(load / cpus as f64, BUSY_LOAD / 2.0, BUSY_LOAD);
    let means = match level {
        Severity::Noisy => sentence(&EnvironmentWarning::Busy { load, cpus }.to_string()),
        Severity::Warn => "Other programs used some CPU time.".into(),
        _ => "Other programs used almost no CPU time.".into(),
    };
    ProbeFinding::new(level, PROBE, here, means)
        .advice_unless_quiet(
            "wait a minute and run `harness doctor` again; stop programs that still run",
        )
        .figure("load_1min", load)
}

/// Pressure: share of time in which a task waited for a processor.
pub(super) fn pressure(texts: &ProcSnapshot) -> ProbeFinding {
    const PROBE: &str = "cpu pressure";
    let share = texts.get("/proc/pressure/cpu").and_then(|text| {
        let some = text.lines().find_map(|line| line.strip_prefix("some "));
        let average = some
            .and_then(|line| line.split_whitespace().find_map(|word| word.strip_prefix("avg10=")));
        let share = average.and_then(|average| average.parse::<f64>().ok());
        share.ok_or_else(|| "/proc/pressure/cpu has no avg10".into())
    });
    match share {
        Err(why) => ProbeFinding::unknown(
            PROBE,
            why,
            "Waiting times for a processor are unknown; the load is a rough substitute.",
        ),
        Ok(share) => {
            let level = level(share, WAITED_WARN, WAITED_NOISY);
            let means = match level {
                Severity::Quiet => "Tasks get a processor at once.",
                _ => "Tasks wait for processors, so runs will wait too, some longer than others.",
            };
            let here = format!("tasks waited {share:.1} % of the last 10 s");
            ProbeFinding::new(level, PROBE, here, means)
                .advice_unless_quiet("stop other programs, or measure after they have ended")
                .figure("waited_percent", share)
        }
    }
}

/// Steal: time that the host took during about one second.
pub(super) fn steal(around: Option<&SystemLoad>) -> ProbeFinding {
    const PROBE: &str = "steal";
    let Some(around) = around else {
        return ProbeFinding::unknown(
            PROBE,
            "/proc/stat and /proc/vmstat do not report it",
            "CPU time that a host takes is unknown, so no block is discarded because of it.",
        );
    };
    let share = around.steal_share;
    let level = level(share, WARN, Validity::default().steal_share_max);
    let means = match level {
        Severity::Quiet => "The host takes hardly any CPU time from this machine.",
        _ => {
            "The host runs other machines on these processors, which slows some runs and not others."
        }
    };
    ProbeFinding::new(
        level,
        PROBE,
        format!("{:.1} % of the CPU within a second", share * 100.0),
        means,
    )
    .advice_unless_quiet(
        "use dedicated cores, another hour, or longer sessions of interleaved pairs",
    )
    .figure("share", share)
}

/// CPU time of each process at one moment, by process id: name and ticks.
pub(super) type Ticks = BTreeMap<u32, (String, u64)>;

/// Parses /proc/PID/stat, proc(5): the name in brackets, `utime` and `stime` in fields 14 and 15.
pub(super) fn ticks_of(stat: &str) -> Option<(String, u64)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    // The part after the bracket starts with field 3.
    let mut fields = after.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((name.to_owned(), user + system))
}

/// A program and its share of one processor's time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BusyProcess {
    name: String,
    pid: u32,
    share: f64,
}

/// Busiest processes between two moments that are `ticks` apart, except the process `own`. A
/// process that is only in the second one started in between.
pub(super) fn busiest(before: &Ticks, after: &Ticks, ticks: f64, own: u32) -> Vec<BusyProcess> {
    let took = |(pid, (name, now)): (&u32, &(String, u64))| {
        let then = before.get(pid).map_or(0, |(_, then)| *then);
        BusyProcess {
            name: name.clone(),
            pid: *pid,
            share: now.saturating_sub(then) as f64 / ticks,
        }
    };
    let others = after.iter().filter(|(pid, _)| **pid != own);
    let mut busy: Vec<BusyProcess> =
        others.map(took).filter(|one| one.share >= NAMED_LEAST).collect();
    busy.sort_by(|a, b| b.share.total_cmp(&a.share));
    busy.truncate(NAMED_MOST);
    busy
}

/// CPU time of other programs during about one second.
pub(super) fn programs(around: Option<&SystemLoad>, busy: &[BusyProcess]) -> ProbeFinding {
    const PROBE: &str = "other programs";
    let names =
        busy.iter().map(|one| format!("{} (pid {}) {:.0} %", one.name, one.pid, one.share * 100.0));
    let names = names.collect::<Vec<_>>().join(", ");
    let Some(around) = around else {
        return ProbeFinding::unknown(
            PROBE,
            "/proc/stat and /proc/vmstat do not report it",
            "CPU time of other programs is unknown, so no block is discarded because of it.",
        );
    };
    let share = around.foreign_cpu_share;
    let level = level(share, 2.0 * WARN, Validity::default().foreign_cpu_share_max / 2.0);
    let named =
        if names.is_empty() { String::new() } else { format!("; of one processor: {names}") };
    let here = format!("{:.1} % of the CPU within a second{named}", share * 100.0);
    let means = match level {
        Severity::Quiet => "Other programs use hardly any CPU time.",
        Severity::Warn => "They take CPU time from runs, from some more than from others.",
        _ => {
            "They compete with runs. Blocks are discarded if other programs use more than \
             `[validity] foreign_cpu_share_max`."
        }
    };
    ProbeFinding::new(level, PROBE, here, means)
        .advice_unless_quiet("stop them, or measure after they have ended")
        .figure("share", share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(texts: &ProcSnapshot, cpus: usize) -> Machine {
        Machine::read(|path| texts.get(path).ok().map(String::from), cpus)
    }

    fn around(foreign_cpu_share: f64, steal_share: f64) -> SystemLoad {
        SystemLoad { foreign_cpu_share, steal_share, swapped_pages: 0, clock_mhz: None }
    }

    #[test]
    fn virtual_machines_and_containers_are_detected_by_their_files() {
        let cpu = |flags: &str| format!("processor : 0\nflags\t\t: fpu {flags} sse\n");
        let (guest, host) = (cpu("hypervisor"), cpu("vme"));
        for (files, level, here) in [
            (
                vec![("/proc/cpuinfo", guest.as_str()), ("/.dockerenv", "")],
                Severity::Warn,
                "a container (docker) in a virtual machine",
            ),
            (
                vec![
                    ("/proc/cpuinfo", guest.as_str()),
                    ("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
                    ("/sys/class/dmi/id/product_name", "Standard PC\n"),
                ],
                Severity::Warn,
                "a virtual machine (QEMU Standard PC)",
            ),
            (
                vec![("/proc/cpuinfo", host.as_str()), ("/proc/self/cgroup", "0::/kubepods/x\n")],
                Severity::Warn,
                "a container (kubepods)",
            ),
            (
                vec![("/proc/cpuinfo", host.as_str())],
                Severity::Quiet,
                "no virtual machine or container detected",
            ),
            (
                vec![("/proc/cpuinfo", "processor : 0\nFeatures : fp\n")],
                Severity::Unknown,
                "not known here: /proc/cpuinfo has no flags, and /sys/hypervisor/type does not exist",
            ),
        ] {
            let finding = virtualization(&ProcSnapshot::of(files));
            assert_eq!((finding.level, finding.here.as_str()), (level, here));
        }
    }

    #[test]
    fn the_tightest_limit_of_all_groups_counts_in_both_versions() {
        let second = ProcSnapshot::of([
            ("/sys/fs/cgroup/cpu.max", "max 100000\n"),
            ("/sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n"),
            ("/sys/fs/cgroup/a/cpu.stat", "usage_usec 5\nnr_throttled 12\n"),
        ]);
        let found = limits(&second, &machine(&second, 2));
        assert_eq!(found.here, "1.5 processors, throttled 12 times so far");
        assert_eq!(found.level, Severity::Noisy);
        let first = |quota| {
            ProcSnapshot::of([
                ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota),
                ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ])
        };
        let none = first("-1\n");
        assert_eq!(limits(&none, &machine(&none, 2)).here, "none");
        let wide = first("400000\n");
        assert_eq!(limits(&wide, &machine(&wide, 2)).level, Severity::Quiet);
        let nothing = ProcSnapshot::default();
        assert_eq!(limits(&nothing, &machine(&nothing, 2)).level, Severity::Unknown);
    }

    #[test]
    fn load_and_pressure_set_the_severity() {
        for (text, level) in [
            ("0.10 0 0", Severity::Quiet),
            ("0.40 0 0", Severity::Warn),
            ("1.90 0 0", Severity::Noisy),
        ] {
            let texts = ProcSnapshot::of([("/proc/loadavg", text)]);
            assert_eq!(load(&texts, &machine(&texts, 2)).level, level, "{text}");
        }
        for (text, level) in [
            ("some avg10=0.00 avg60=9.00\nfull avg10=50.0\n", Severity::Quiet),
            ("some avg10=8.28 avg60=5.86\n", Severity::Warn),
            ("some avg10=30.0 avg60=5.86\n", Severity::Noisy),
            ("some nothing\n", Severity::Unknown),
        ] {
            assert_eq!(
                pressure(&ProcSnapshot::of([("/proc/pressure/cpu", text)])).level,
                level,
                "{text}"
            );
        }
        let none = ProcSnapshot::default();
        assert_eq!(load(&none, &machine(&none, 2)).level, Severity::Unknown);
        assert_eq!(pressure(&none).level, Severity::Unknown);
    }

    #[test]
    fn steal_is_judged_by_the_limit_that_discards_a_block() {
        for (share, level) in
            [(0.0, Severity::Quiet), (0.05, Severity::Warn), (0.2, Severity::Noisy)]
        {
            assert_eq!(steal(Some(&around(0.0, share))).level, level, "{share}");
        }
        assert_eq!(steal(None).level, Severity::Unknown);
    }

    #[test]
    fn the_busiest_programs_are_named_and_the_harness_is_not_among_them() {
        let stat = |pid: u32, name: &str, user: u64| {
            format!("{pid} ({name}) S 1 1 1 0 -1 0 1 2 3 4 {user} 10 0 0 20 0 1 0 5 6 7")
        };
        let at = |users: [u64; 4]| -> Ticks {
            let names = ["cc) (x", "me", "idle", "ld"];
            let one = |(index, name): (usize, &&str)| {
                let pid = u32::try_from(index).unwrap() + 1;
                (pid, ticks_of(&stat(pid, name, users[index])).unwrap())
            };
            names.iter().enumerate().map(one).collect()
        };
        let (mut before, after) = (at([0, 0, 0, 0]), at([80, 90, 1, 30]));
        // The last process started in between; all of its 10 ticks count.
        before.remove(&4);
        let busy = busiest(&before, &after, 100.0, 2);
        let finding = programs(Some(&around(0.55, 0.0)), &busy);
        assert_eq!(
            finding.here,
            "55.0 % of the CPU within a second; of one processor: cc) (x (pid 1) 80 %, ld (pid 4) 40 %"
        );
        assert_eq!(finding.level, Severity::Noisy);
        assert_eq!(ticks_of("no brackets"), None);
        assert_eq!(programs(None, &[]).level, Severity::Unknown);
        assert_eq!(programs(Some(&around(0.0, 0.0)), &[]).level, Severity::Quiet);
    }
}
