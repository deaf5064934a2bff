//! Probes for processors: number, threads, clock speed, temperature and clock source.

use std::collections::BTreeSet;

use super::finding::{ProbeFinding, Severity, level};
use super::proc_snapshot::ProcSnapshot;
use crate::trial::provenance::{EnvironmentWarning, Machine};

const CPU: &str = "/sys/devices/system/cpu";
const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// Clock sources that a program reads without a system call or a slow device.
const FAST_CLOCKS: [&str; 5] =
    ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "timebase"];

/// Degrees Celsius above which processors may throttle.
const WARM_C: f64 = 75.0;
const HOT_C: f64 = 90.0;

/// Number of processors, and how many a run may use.
pub(super) fn processors(texts: &ProcSnapshot, machine: &Machine) -> ProbeFinding {
    const PROBE: &str = "processors";
    let usable = machine.cpus;
    let model = machine.cpu.as_deref().unwrap_or("unknown model");
    let online = texts.get(&format!("{CPU}/online")).ok().and_then(count_list);
    let cores = cores(texts);
    let of = online.filter(|online| *online != usable).map(|online| format!(" of {online}"));
    let on = cores.map(|cores| format!(", {cores} {}", if cores == 1 { "core" } else { "cores" }));
    let here =
        format!("{usable} usable{}{} ({model})", of.unwrap_or_default(), on.unwrap_or_default());
    let finding = match usable {
        1 => ProbeFinding::new(
            Severity::Noisy,
            PROBE,
            here,
            "The baseline's two workers, the harness and the system share one processor. Any other \
             program delays the run.",
        )
        .advice("give the machine more processors, or compare settings with one worker only"),
        2 => ProbeFinding::new(
            Severity::Warn,
            PROBE,
            here,
            "The baseline's two workers use both. Any other program delays the run, and more \
             workers show only their overhead.",
        )
        .advice("stop other programs; for sweeps of `workers` use a machine with more processors"),
        _ => ProbeFinding::new(
            Severity::Quiet,
            PROBE,
            here,
            "The baseline's two workers leave processors for other programs.",
        ),
    };
    let finding = finding.figure("usable", usable as f64);
    match cores {
        Some(cores) => finding.figure("cores", cores as f64),
        None => finding,
    }
}

/// Detects threads that share a core.
pub(super) fn smt(texts: &ProcSnapshot) -> ProbeFinding {
    const PROBE: &str = "smt";
    const MEANS: &str =
        "If two threads share a core, a run depends on which threads its workers get.";
    let control = format!("{CPU}/smt/control");
    match texts.get(&format!("{CPU}/smt/active")) {
        Ok("1") => ProbeFinding::new(Severity::Warn, PROBE, "on: two threads share a core", MEANS)
            .advice("echo off | sudo tee /sys/devices/system/cpu/smt/control"),
        Ok(_) if texts.get(&control) == Ok("notsupported") => ProbeFinding::unknown(
            PROBE,
            format!("{control} is `notsupported`, but a virtual machine's host may use it"),
            MEANS,
        ),
        Ok(_) => {
            ProbeFinding::new(Severity::Quiet, PROBE, "off", "Every worker has a core of its own.")
        }
        Err(why) => ProbeFinding::unknown(PROBE, why, MEANS),
    }
}

/// Governor of the clock speed.
pub(super) fn governor(texts: &ProcSnapshot, machine: &Machine) -> ProbeFinding {
    const PROBE: &str = "governor";
    let path = format!("{CPU}/cpu0/cpufreq/scaling_governor");
    match (&machine.governor, texts.get(&path)) {
        (Some(governor), _) if governor == "performance" => ProbeFinding::new(
            Severity::Quiet,
            PROBE,
            governor.as_str(),
            "The clock speed does not depend on the load.",
        ),
        (Some(governor), _) => ProbeFinding::new(
            Severity::Noisy,
            PROBE,
            governor.as_str(),
            format!(
                "The clock speed depends on the load, so a run depends on earlier ones: {}.",
                EnvironmentWarning::Governor(governor.clone())
            ),
        )
        .advice("sudo cpupower frequency-set --governor performance"),
        (None, why) => ProbeFinding::unknown(
            PROBE,
            why.err().unwrap_or_else(|| format!("{path} is empty")),
            "In a virtual machine the host sets the clock speed. Only interleaved pairs cancel the \
             noise of its changes.",
        ),
    }
}

/// Detects turbo: clock speeds that the processor cannot sustain.
pub(super) fn turbo(texts: &ProcSnapshot) -> ProbeFinding {
    const PROBE: &str = "turbo";
    let intel = texts.get(&format!("{CPU}/intel_pstate/no_turbo"));
    let boost = texts.get(&format!("{CPU}/cpufreq/boost"));
    let (on, switch) = match (&intel, &boost) {
        (Ok(no_turbo), _) => {
            (*no_turbo == "0", "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo")
        }
        (_, Ok(boost)) => {
            (*boost == "1", "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost")
        }
        (Err(one), Err(other)) => {
            return ProbeFinding::unknown(
                PROBE,
                format!("{one}, {other}"),
                "With turbo, the clock speed depends on heat and on the number of busy cores.",
            );
        }
    };
    if !on {
        return ProbeFinding::new(
            Severity::Quiet,
            PROBE,
            "off",
            "The processor can sustain its highest clock speed.",
        );
    }
    ProbeFinding::new(
        Severity::Noisy,
        PROBE,
        "on",
        "The clock speed depends on heat and on the number of busy cores, and so on earlier runs and \
         other programs.",
    )
    .advice(switch)
}

/// Temperature, and the number of throttle events.
pub(super) fn temperature(texts: &ProcSnapshot) -> ProbeFinding {
    const PROBE: &str = "temperature";
    let zones = texts.named("/sys/class/thermal", "temp");
    let warmest = zones.filter_map(|(_, milli)| milli.parse::<f64>().ok()).map(|m| m / 1000.0);
    let warmest = warmest.max_by(f64::total_cmp);
    let throttled = throttled(texts);
    if warmest.is_none() && throttled.is_none() {
        return ProbeFinding::unknown(
            PROBE,
            "no sensor in /sys/class/thermal, no thermal_throttle in /sys/devices/system/cpu",
            "Only the runs show whether heat slows them down.",
        );
    }
    let by_heat = level(warmest.unwrap_or(0.0), WARM_C, HOT_C);
    let ever = throttled.is_some_and(|times| times > 0);
    let level = if by_heat == Severity::Quiet && ever { Severity::Warn } else { by_heat };
    let warm = warmest.map(|warmest| format!("{warmest:.0} °C at the warmest sensor"));
    let slowed = throttled.map(|times| match times {
        0 => "never throttled since boot".to_owned(),
        1 => "throttled once since boot".to_owned(),
        times => format!("throttled {times} times since boot"),
    });
    let here: Vec<String> = warm.into_iter().chain(slowed).collect();
    let means = match level {
        Severity::Quiet => "Heat does not slow runs down.",
        _ => "A hot processor lowers its clock speed, so later runs are slower.",
    };
    let mut finding = ProbeFinding::new(level, PROBE, here.join(", "), means)
        .advice_unless_quiet("let it cool, check the fans, and limit its clock speed");
    if let Some(warmest) = warmest {
        finding = finding.figure("warmest_celsius", warmest);
    }
    match throttled {
        Some(times) => finding.figure("throttled_count", times as f64),
        None => finding,
    }
}

/// Throttle events of all cores since boot.
fn throttled(texts: &ProcSnapshot) -> Option<u64> {
    let counts = texts.named(CPU, "thermal_throttle/core_throttle_count");
    let counts: Vec<u64> = counts.filter_map(|(_, count)| count.parse().ok()).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

/// Clock source.
pub(super) fn clock(texts: &ProcSnapshot) -> ProbeFinding {
    const PROBE: &str = "clock";
    match texts.get(CLOCK) {
        Ok(clock) if FAST_CLOCKS.contains(&clock) => {
            ProbeFinding::new(Severity::Quiet, PROBE, clock, "Reading the clock takes nanoseconds.")
        }
        Ok(clock) => ProbeFinding::new(
            Severity::Noisy,
            PROBE,
            clock,
            "Every clock reading needs a system call or a slow device, so timing the stages slows \
             them down.",
        )
        .advice("choose a fast one from available_clocksource in /sys/devices/system/clocksource"),
        Err(why) => ProbeFinding::unknown(
            PROBE,
            why,
            "With a slow clock, timing the stages slows them down.",
        ),
    }
}

/// Number of cores by the sibling lists.
fn cores(texts: &ProcSnapshot) -> Option<usize> {
    let lists = texts.named(CPU, "topology/thread_siblings_list");
    let cores: BTreeSet<&str> = lists.map(|(_, list)| list).collect();
    (!cores.is_empty()).then_some(cores.len())
}

/// Number of elements in a list such as `0-3,8`.
fn count_list(list: &str) -> Option<usize> {
    let count = |part: &str| -> Option<usize> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.split(',').map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(texts: &ProcSnapshot, cpus: usize) -> Machine {
        Machine::read(|path| texts.get(path).ok().map(String::from), cpus)
    }

    #[test]
    fn lists_of_processors_are_counted() {
        for (list, count) in [("0", Some(1)), ("0-3,8", Some(5)), ("3-1", None), ("", None)] {
            assert_eq!(count_list(list), count, "{list}");
        }
    }

    #[test]
    fn a_bare_machine_with_turbo_and_powersave_is_noisy_and_gets_advice() {
        let texts = ProcSnapshot::of([
            ("/proc/cpuinfo", "processor : 0\nmodel name : A Fast One\n"),
            ("/sys/devices/system/cpu/online", "0-7\n"),
            ("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,4\n"),
            ("/sys/devices/system/cpu/cpu4/topology/thread_siblings_list", "0,4\n"),
            ("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1,5\n"),
            ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
            ("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"),
            ("/sys/devices/system/cpu/smt/active", "1\n"),
            ("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n"),
            ("/sys/class/thermal/thermal_zone0/temp", "45000\n"),
            ("/sys/class/thermal/thermal_zone1/temp", "61500\n"),
            (CLOCK, "hpet\n"),
        ]);
        let machine = machine(&texts, 8);
        let found = processors(&texts, &machine);
        assert_eq!(found.here, "8 usable, 2 cores (A Fast One)");
        assert_eq!(found.level, Severity::Quiet);
        for (finding, level, here) in [
            (smt(&texts), Severity::Warn, "on: two threads share a core"),
            (governor(&texts, &machine), Severity::Noisy, "powersave"),
            (turbo(&texts), Severity::Noisy, "on"),
            (clock(&texts), Severity::Noisy, "hpet"),
            (
                temperature(&texts),
                Severity::Warn,
                "62 °C at the warmest sensor, throttled 3 times since boot",
            ),
        ] {
            assert_eq!((finding.level, finding.here.as_str()), (level, here));
            assert!(finding.advice.is_some(), "{finding:?}");
        }
    }

    #[test]
    fn a_machine_that_is_set_up_for_measuring_is_quiet() {
        let texts = ProcSnapshot::of([
            ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
            ("/sys/devices/system/cpu/cpufreq/boost", "0\n"),
            ("/sys/devices/system/cpu/smt/active", "0\n"),
            ("/sys/devices/system/cpu/smt/control", "off\n"),
            ("/sys/class/thermal/thermal_zone0/temp", "45000\n"),
            (CLOCK, "tsc\n"),
        ]);
        let governor = governor(&texts, &machine(&texts, 4));
        let all = [governor, turbo(&texts), smt(&texts), temperature(&texts), clock(&texts)];
        for finding in all {
            assert_eq!(finding.level, Severity::Quiet, "{finding:?}");
            assert_eq!(finding.advice, None);
        }
    }

    #[test]
    fn core_sharing_is_unknown_in_a_virtual_machine() {
        let texts = ProcSnapshot::of([
            ("/sys/devices/system/cpu/smt/active", "0\n"),
            ("/sys/devices/system/cpu/smt/control", "notsupported\n"),
        ]);
        assert_eq!(smt(&texts).level, Severity::Unknown);
    }

    #[test]
    fn heat_is_noise() {
        let texts = ProcSnapshot::of([("/sys/class/thermal/thermal_zone0/temp", "95000\n")]);
        assert_eq!(temperature(&texts).level, Severity::Noisy);
    }

    #[test]
    fn missing_files_give_unknown_and_a_reason() {
        let texts = ProcSnapshot::default();
        let machine = machine(&texts, 2);
        let all = [
            smt(&texts),
            governor(&texts, &machine),
            turbo(&texts),
            temperature(&texts),
            clock(&texts),
        ];
        for finding in all {
            assert_eq!(finding.level, Severity::Unknown, "{finding:?}");
            assert!(finding.here.starts_with("not known here: "), "{finding:?}");
            assert!(finding.here.contains("/sys/"), "{finding:?}");
        }
        assert_eq!(processors(&texts, &machine).here, "2 usable (unknown model)");
    }
}
