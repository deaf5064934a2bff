//! Snapshot of the /proc and /sys files that the probes read, and the paths of the process's
//! control groups. The files are kept as texts, so that each probe is tested on texts of other
//! machines. The crate `procfs-core` (0.18) is not used, here and in `trial/`: it knows no files
//! below /sys, its memory statistics fail on one missing field, its processor list drops what
//! precedes the first processor, and its mount points keep their octal escapes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Files to read, if they exist.
const FILES: [&str; 20] = [
    "/.dockerenv",
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/pressure/cpu",
    "/proc/self/cgroup",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/osrelease",
    "/run/.containerenv",
    "/run/systemd/container",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "/sys/devices/system/cpu/cpufreq/boost",
    "/sys/devices/system/cpu/intel_pstate/no_turbo",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/smt/active",
    "/sys/devices/system/cpu/smt/control",
    "/sys/hypervisor/type",
];

/// Folders with one folder for each processor or sensor: path, prefix of the names, files to read
/// in each.
const NUMBERED: [(&str, &str, &[&str]); 2] = [
    (
        "/sys/devices/system/cpu",
        "cpu",
        &["topology/thread_siblings_list", "thermal_throttle/core_throttle_count"],
    ),
    ("/sys/class/thermal", "thermal_zone", &["type", "temp"]),
];

/// Texts by path, and the reasons of unreadable ones.
#[derive(Debug, Clone, Default)]
pub struct ProcSnapshot {
    files: BTreeMap<String, Result<String, String>>,
}

impl ProcSnapshot {
    /// Snapshot of this machine.
    pub fn here() -> Self {
        let mut texts = Self::default();
        for path in FILES {
            texts.read(path.into());
        }
        for (folder, prefix, names) in NUMBERED {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let entry = entry.file_name().to_string_lossy().into_owned();
                if is_numbered(&entry, prefix) {
                    for name in names {
                        texts.read(format!("{folder}/{entry}/{name}"));
                    }
                }
            }
        }
        let groups = texts.get("/proc/self/cgroup").map(group_files).unwrap_or_default();
        for path in groups {
            texts.read(path);
        }
        texts
    }

    /// Snapshot with these files only.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let file = |(path, text): (&str, &str)| (path.to_owned(), Ok(text.to_owned()));
        Self { files: files.into_iter().map(file).collect() }
    }

    fn read(&mut self, path: String) {
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(&path),
            _ => format!("reading {path}: {error}"),
        });
        self.files.insert(path, text);
    }

    /// Trimmed text of a file, or the reason why there is none.
    pub fn get(&self, path: &str) -> Result<&str, String> {
        match self.files.get(path) {
            Some(Ok(text)) => Ok(text.trim()),
            Some(Err(why)) => Err(why.clone()),
            None => Err(missing(path)),
        }
    }

    /// True if the file exists.
    pub(super) fn has(&self, path: &str) -> bool {
        self.get(path).is_ok()
    }

    /// Texts of all files with this name below `folder`, by path.
    pub(super) fn named<'a>(
        &'a self,
        folder: &'a str,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = self.files.iter().filter_map(|(path, text)| Some((path, text.as_ref().ok()?)));
        let here = move |path: &str| path.starts_with(folder) && Path::new(path).ends_with(name);
        texts.filter(move |(path, _)| here(path)).map(|(path, text)| (path.as_str(), text.trim()))
    }
}

fn missing(path: &str) -> String {
    format!("{path} does not exist")
}

fn is_numbered(name: &str, prefix: &str) -> bool {
    let number = name.strip_prefix(prefix).unwrap_or_default();
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
}

/// Limit files of the control groups of a process, cgroups(7). Version 2: all groups from the root
/// to its own. Version 1: the controllers for CPU and memory. Inside a container the path may be
/// the host's; the root is then the container's own group.
fn group_files(cgroup: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in cgroup.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (roots, names): (&[&str], &[&str]) = match controllers {
            "" => (
                &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
                &["cpu.max", "cpu.stat", "memory.max"],
            ),
            _ if controllers.split(',').any(|one| one == "cpu") => (
                &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"],
                &["cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat"],
            ),
            "memory" => (&["/sys/fs/cgroup/memory"], &["memory.limit_in_bytes"]),
            _ => continue,
        };
        for group in Path::new(path).ancestors() {
            let group = group.display().to_string();
            let group = group.trim_end_matches('/');
            for root in roots {
                files.extend(names.iter().map(|name| format!("{root}{group}/{name}")));
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_every_group_up_to_the_root() {
        let files = group_files("0::/a.slice/b\n");
        for path in [
            "/sys/fs/cgroup/a.slice/b/cpu.max",
            "/sys/fs/cgroup/a.slice/cpu.max",
            "/sys/fs/cgroup/cpu.max",
            "/sys/fs/cgroup/memory.max",
        ] {
            assert!(files.contains(&path.to_owned()), "{path}: {files:?}");
        }
        let files = group_files("4:memory:/x\n3:cpuset:/\n1:cpu,cpuacct:/\n");
        assert!(files.contains(&"/sys/fs/cgroup/memory/x/memory.limit_in_bytes".to_owned()));
        assert!(files.contains(&"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us".to_owned()));
        assert!(!files.iter().any(|path| path.contains("cpuset")));
        assert!(group_files("nonsense").is_empty());
    }

    #[test]
    fn a_missing_file_gives_a_reason() {
        let texts = ProcSnapshot::of([("/proc/loadavg", "1 2 3\n")]);
        assert_eq!(texts.get("/proc/loadavg"), Ok("1 2 3"));
        assert_eq!(texts.get("/proc/none"), Err("/proc/none does not exist".into()));
        // An inspection does not fail, whatever this machine has.
        assert!(!ProcSnapshot::here().has("/proc/none"));
    }

    #[test]
    fn only_numbered_folders_are_processors() {
        for (name, is) in [("cpu0", true), ("cpu12", true), ("cpu", false), ("cpufreq", false)] {
            assert_eq!(is_numbered(name, "cpu"), is, "{name}");
        }
    }
}
