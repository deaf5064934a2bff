//! Provenance of a measurement: revision, program, store and machine, with warnings about the
//! machine.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The version of `identity.json`.
const FORMAT_VERSION: u32 = 1;

/// A higher load per processor shows that other programs were running.
pub(crate) const BUSY_LOAD: f64 = 0.25;

/// File systems without a disk.
pub(crate) const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// Provenance of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// The revision that the harness was built from; its version if git was not available.
    pub revision: String,
    /// `plan::hash` of the scenario.
    pub plan_hash: String,
    /// Start of the measurement, UTC, ISO 8601.
    pub started: String,
    /// The command that repeats the measurement.
    pub command: String,
    /// The program under test; the first one of several.
    pub program: ProgramIdentity,
    /// The other programs under test, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_programs: Vec<ProgramIdentity>,
    /// Store of the runs.
    pub store: StoreIdentity,
    /// The machine.
    pub machine: Machine,
}

/// The program under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramIdentity {
    /// The path given with `--migrator`, or the `[runner]` command; `None` for the built-in
    /// migrator.
    pub path: Option<String>,
    /// BLAKE3 of the binary, 32 hex digits.
    pub blake3: String,
    /// Version by the first report.
    pub version: Option<String>,
    /// Build profile by the first report.
    pub profile: Option<String>,
}

/// Store of the program under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreIdentity {
    /// The scenario's URL.
    pub url: String,
    /// Flush mode; `None` for a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synchronous: Option<String>,
    /// Version of the store by the first report.
    pub version: Option<String>,
    /// File system of the stores, if the operating system reports it; `None` for a server.
    pub filesystem: Option<String>,
}

/// The machine; values that the operating system does not report are `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub host: Option<String>,
    /// Operating system and kernel release.
    pub kernel: Option<String>,
    /// The processor's model.
    pub cpu: Option<String>,
    /// Processors that a program may use.
    pub cpus: usize,
    /// Main memory.
    pub memory_bytes: Option<u64>,
    /// Governor of the clock speed.
    pub governor: Option<String>,
    /// Mean number of runnable processes over the minute before the first run.
    pub load: Option<f64>,
}

/// Warning that the environment makes results doubtful.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvironmentWarning {
    /// Other programs were running before the first run.
    Busy {
        /// Load during the minute before.
        load: f64,
        /// Processors.
        cpus: usize,
    },
    /// The clock speed changes with the load.
    Governor(String),
    /// Stores are in memory: a commit costs no flush.
    InMemory(String),
    /// The program was built without optimization.
    Unoptimized,
}

impl fmt::Display for EnvironmentWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { load, cpus } => write!(
                f,
                "the minute before the first run was busy (load {load:.2} on {cpus} processors)"
            ),
            Self::Governor(governor) => {
                write!(f, "the processor's governor is `{governor}`, not `performance`")
            }
            Self::InMemory(filesystem) => write!(
                f,
                "stores were on {filesystem}, where a commit costs no flush to a disk; \
                 `--out` on a disk would measure it"
            ),
            Self::Unoptimized => f.write_str("the migrator was a debug build"),
        }
    }
}

impl Provenance {
    /// Provenance before the first run. `stores` is a folder on the stores' file system.
    pub fn before(
        measured: Measured<'_>,
        program: ProgramIdentity,
        other_programs: Vec<ProgramIdentity>,
        store: &crate::scenario::Store,
        stores: &Path,
    ) -> Self {
        Self {
            format: FORMAT_VERSION,
            revision: revision().into(),
            plan_hash: measured.plan_hash.into(),
            started: measured.started.into(),
            command: measured.command.into(),
            program,
            other_programs,
            store: StoreIdentity {
                url: store.url.clone(),
                synchronous: store.synchronous.clone(),
                version: None,
                filesystem: if store.is_server() { None } else { filesystem(stores) },
            },
            machine: Machine::here(),
        }
    }

    /// Adds the values that only a run's report has; `program` is the index of the program that
    /// ran.
    pub fn fill_from_report(
        &mut self,
        program: usize,
        report: &migrator::telemetry::report::RunReport,
    ) {
        let ran = match program.checked_sub(1) {
            None => Some(&mut self.program),
            Some(other) => self.other_programs.get_mut(other),
        };
        if let Some(ran) = ran {
            ran.version = Some(report.build.version.clone());
            ran.profile = Some(report.build.profile.clone());
        }
        self.store.version = Some(format!("{} {}", report.store.kind, report.store.version));
    }

    /// Differences between the environments of another measurement and this one, programs excluded;
    /// one fragment each: `kernel b instead of a`.
    pub fn differences_around(&self, other: &Self) -> Vec<String> {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
        let around = |identity: &Self| {
            let Machine { host, kernel, cpu, cpus, governor, .. } = &identity.machine;
            [
                ("host", known(host)),
                ("kernel", known(kernel)),
                ("processor", known(cpu)),
                ("number of processors", cpus.to_string()),
                ("governor", known(governor)),
                ("file system of the stores", known(&identity.store.filesystem)),
            ]
        };
        let both = around(self).into_iter().zip(around(other));
        let differ = both.filter(|(here, there)| here != there);
        differ
            .map(|((name, here), (_, there))| format!("{name} {there} instead of {here}"))
            .collect()
    }

    /// Warnings about the machine that make results doubtful.
    pub fn warnings(&self) -> Vec<EnvironmentWarning> {
        let busy = |load: &f64| *load > BUSY_LOAD * self.machine.cpus as f64;
        let load = self.machine.load.filter(busy);
        let governor = self.machine.governor.clone().filter(|name| name != "performance");
        let filesystem = self.store.filesystem.clone();
        let memory = filesystem.filter(|name| IN_MEMORY.contains(&name.as_str()));
        let is_debug = |program: &ProgramIdentity| program.profile.as_deref() == Some("debug");
        let debug = is_debug(&self.program) || self.other_programs.iter().any(is_debug);
        [
            load.map(|load| EnvironmentWarning::Busy { load, cpus: self.machine.cpus }),
            governor.map(EnvironmentWarning::Governor),
            memory.map(EnvironmentWarning::InMemory),
            debug.then_some(EnvironmentWarning::Unoptimized),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl ProgramIdentity {
    /// Program before its first run; no path means the harness's own.
    pub fn before(path: Option<String>, blake3: String) -> Self {
        Self { path, blake3, version: None, profile: None }
    }
}

/// Description of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// `plan::hash` of the scenario.
    pub plan_hash: &'a str,
    /// Start of the measurement, UTC, ISO 8601.
    pub started: &'a str,
    /// The command that repeats the measurement.
    pub command: &'a str,
}

/// The revision that this program was built from; its version if git was not available.
pub fn revision() -> &'static str {
    env!("HARNESS_REVISION")
}

/// The first characters of [`revision`], for names.
pub fn short_revision() -> &'static str {
    let revision = revision();
    revision.get(..8).unwrap_or(revision)
}

/// BLAKE3 of a file, 32 hex digits.
pub fn fingerprint(path: &Path) -> Result<String> {
    let failed = |error| Error::caused(format!("reading {}", path.display()), error);
    let mut hasher = blake3::Hasher::new();
    let file = fs::File::open(path).map_err(failed)?;
    hasher.update_reader(file).map_err(failed)?;
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        Self::read(|path| fs::read_to_string(path).ok(), usable_cpus())
    }

    /// The machine described by the files that `text` reads. A program may use `cpus` of its
    /// processors.
    pub(crate) fn read(text: impl Fn(&str) -> Option<String>, cpus: usize) -> Self {
        let line = |path: &str| text(path).map(|text| text.trim().to_owned());
        let meminfo = line("/proc/meminfo").and_then(|text| memory_bytes(&text));
        let load = line("/proc/loadavg")
            .and_then(|text| text.split_whitespace().next().and_then(|first| first.parse().ok()));
        Self {
            host: line("/proc/sys/kernel/hostname"),
            kernel: line("/proc/sys/kernel/osrelease").map(|release| format!("Linux {release}")),
            cpu: line("/proc/cpuinfo").and_then(|text| cpu_model(&text)),
            cpus,
            memory_bytes: meminfo,
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            load,
        }
    }
}

/// Number of processors that a program may use.
pub(crate) fn usable_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// `MemTotal:       24680000 kB`.
fn memory_bytes(meminfo: &str) -> Option<u64> {
    bytes_of(meminfo, "MemTotal:")
}

/// Value of a line of /proc/meminfo, in bytes.
pub(crate) fn bytes_of(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

/// The type of the file system that holds a folder.
pub(crate) fn filesystem(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    filesystem_in(&fs::read_to_string("/proc/self/mountinfo").ok()?, &folder)
}

/// Type of the innermost mount that contains the folder; of equal ones the last. In a line of
/// mountinfo (proc(5)), the fifth field is the mount point and the first one after ` - ` the type.
fn filesystem_in(mountinfo: &str, folder: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mount_point = unescaped(mount.split(' ').nth(4)?);
        let mount_point = Path::new(&mount_point);
        let depth = mount_point.components().count();
        folder.starts_with(mount_point).then(|| (depth, filesystem.split(' ').next()))
    });
    mounts.max_by_key(|(depth, _)| *depth).and_then(|(_, name)| name.map(String::from))
}

/// Mount point without the octal escapes of proc(5), such as `\040` for a space.
fn unescaped(mount_point: &str) -> String {
    let escapes =
        [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")];
    escapes.iter().fold(mount_point.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_names_the_file_system() {
        let mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                      30 22 0:26 / /tmp rw - tmpfs tmpfs rw\n\
                      31 30 8:2 / /tmp/disk rw shared:2 - xfs /dev/sdb rw\n\
                      32 22 8:3 / /my\\040disk rw - btrfs /dev/sdc rw\n";
        for (folder, expected) in [
            ("/home/me", "ext4"),
            ("/tmp/a", "tmpfs"),
            ("/tmp/disk/results", "xfs"),
            ("/tmp/diskette", "tmpfs"),
            ("/my disk/results", "btrfs"),
        ] {
            assert_eq!(filesystem_in(mounts, Path::new(folder)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn properties_of_the_operating_system_are_read() {
        assert_eq!(memory_bytes("MemTotal:  2048 kB\nMemFree: 1 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(memory_bytes("nothing"), None);
        let cpuinfo = "processor : 0\nmodel name\t: A Fast One\n";
        assert_eq!(cpu_model(cpuinfo).as_deref(), Some("A Fast One"));
        assert!(Machine::here().cpus > 0);
    }

    #[test]
    fn a_fingerprint_is_half_of_blake3_and_independent_of_the_file_name() {
        // The first two are published test vectors.
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes, print) in [
            ("empty", "", "af1349b9f5f9a1a6a0404dea36dcc949"),
            ("abc", "abc", "6437b3ac38465133ffb63b75273a8db5"),
            ("other", "abc", "6437b3ac38465133ffb63b75273a8db5"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert_eq!(fingerprint(&path).unwrap(), print, "{name}");
        }
        let path = folder.path().join("abc");
        fs::write(&path, "abd").unwrap();
        assert_ne!(fingerprint(&path).unwrap(), "6437b3ac38465133ffb63b75273a8db5");
        assert!(fingerprint(&folder.path().join("none")).is_err());
    }
}
