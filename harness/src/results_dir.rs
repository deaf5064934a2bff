//! The results folder of one measurement: paths of its files, and writing them. The folder and all
//! files but the ledger are written under a temporary name and renamed, so that a reader never sees
//! a partial file. Writes never follow links, because results are passed on and unpacked elsewhere.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};

/// Measurements of the same second get a number after their name, up to this one.
const SAME_SECOND_MAX: u32 = 100;

/// Prefix of a folder's name while it is being filled.
const STAGING_PREFIX: &str = ".begun-";

/// Age above which a folder that is still being filled belongs to a killed process.
const LEFT_BEHIND: Duration = Duration::from_secs(60 * 60);

/// The file that is written after all others.
pub const COMPLETION_MARKER: &str = "report.md";

/// A results folder.
#[derive(Debug, Clone)]
pub struct ResultsDir(PathBuf);

impl ResultsDir {
    /// Creates the folder of a new measurement, `<out>/<scenario>/<time>-<revision>`. `fill` writes
    /// into a staging folder, which is then renamed. A process killed before that leaves nothing
    /// that looks like a measurement.
    pub fn create<T>(
        out: &Path,
        scenario: &str,
        time: &str,
        revision: &str,
        fill: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<(Self, T)> {
        let parent = out.join(scenario);
        make(&parent)?;
        remove_left_behind(&parent);
        let aside = Self(parent.join(format!("{STAGING_PREFIX}{}", std::process::id())));
        // A folder with our own process id belongs to a process that has ended.
        let _ = fs::remove_dir_all(&aside.0);
        make(&aside.0)?;
        let filled = fill(&aside)
            .and_then(|filled| Ok((aside.settle(&parent, &format!("{time}-{revision}"))?, filled)));
        if filled.is_err() {
            // An entry that cannot be removed stays hidden and is removed later.
            let _ = fs::remove_dir_all(&aside.0);
        }
        filled
    }

    /// Renames a filled folder to its name, with a number if the name is taken by a measurement of
    /// the same second, a link or a file.
    fn settle(&self, parent: &Path, name: &str) -> Result<Self> {
        let numbered = (2..=SAME_SECOND_MAX).map(|number| format!("{name}-{number}"));
        for name in std::iter::once(name.to_owned()).chain(numbered) {
            let path = parent.join(name);
            match fs::rename(&self.0, &path) {
                Ok(()) => return Ok(Self(path)),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::AlreadyExists
                            | ErrorKind::DirectoryNotEmpty
                            | ErrorKind::NotADirectory
                    ) => {}
                Err(error) => return Err(failed("creating", &path, error)),
            }
        }
        Err(Error::environment(format!("{}: too many of one second", parent.join(name).display())))
    }

    /// The folders of a scenario's earlier measurements, the newest first.
    pub fn earlier(out: &Path, scenario: &str) -> Vec<Self> {
        let mut paths: Vec<PathBuf> = entries(&out.join(scenario))
            .into_iter()
            .filter(|entry| !is_aside(entry) && !is_link(&entry.path()))
            .map(|entry| entry.path())
            .collect();
        // Their names begin with the time.
        paths.sort_unstable_by(|a, b| b.cmp(a));
        paths.into_iter().map(Self).collect()
    }

    /// An existing folder of a measurement.
    pub fn existing(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Path of the ledger.
    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger.jsonl")
    }

    /// Path of the provenance, `identity.json`.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity.json")
    }

    /// True if the last file of a measurement has been written.
    pub fn is_reported(&self) -> bool {
        self.0.join(COMPLETION_MARKER).exists()
    }

    /// Writes a file of the folder atomically, and creates the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            if parent != self.0 {
                check_no_link(parent)?;
            }
            make(parent)?;
        }
        let aside = self.0.join(format!("{name}.tmp"));
        // The entry may be something other than a file.
        let _ = fs::remove_file(&aside);
        let written = File::create_new(&aside).and_then(|mut file| {
            file.write_all(bytes.as_ref())?;
            file.sync_all()
        });
        written
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(|error| failed("writing", &path, error))
    }
}

fn entries(folder: &Path) -> Vec<fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten().collect()
}

/// True for a folder that is still being filled.
fn is_aside(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX)
}

/// Keeps hidden entries that cannot be removed, or whose age is unknown.
fn remove_left_behind(parent: &Path) {
    for entry in entries(parent).iter().filter(|entry| is_aside(entry)) {
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = modified.and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_symlink())
}

/// Rejects a path through a link.
pub fn check_no_link(path: &Path) -> Result<()> {
    if is_link(path) {
        let message = "is a link; a measurement writes into its own folder alone";
        return Err(Error::environment(format!("{} {message}", path.display())));
    }
    Ok(())
}

/// Creates a folder and those above it.
pub fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| failed("creating", path, error))
}

fn failed(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::caused(format!("{doing} {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Starts a measurement.
    fn begun(out: &Path, scenario: &str, time: &str, revision: &str) -> ResultsDir {
        let fill = |folder: &ResultsDir| folder.write("ledger.jsonl", "first line");
        ResultsDir::create(out, scenario, time, revision, fill).unwrap().0
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries(folder).into_iter().map(name).collect()
    }

    #[test]
    fn a_folder_appears_only_when_it_is_complete() {
        let out = tempfile::tempdir().unwrap();
        let fill = |folder: &ResultsDir| {
            folder.write("identity.json", "{}")?;
            assert!(ResultsDir::earlier(out.path(), "s").is_empty());
            Ok(names(folder.path()))
        };
        let (folder, filled) = ResultsDir::create(out.path(), "s", "t", "r", fill).unwrap();
        assert_eq!((names(folder.path()), filled[0].as_str()), (filled.clone(), "identity.json"));
        assert_eq!(names(&out.path().join("s")), ["t-r"]);
        let fail = |folder: &ResultsDir| {
            folder.write("identity.json", "{}")?;
            Err::<(), _>(Error::environment("disk full"))
        };
        assert!(ResultsDir::create(out.path(), "s", "later", "r", fail).is_err());
        assert_eq!(names(&out.path().join("s")), ["t-r"]);
    }

    #[test]
    fn a_folder_of_a_session_killed_at_its_start_is_removed() {
        let out = tempfile::tempdir().unwrap();
        let scenario = out.path().join("s");
        let [old, new] = [".begun-1", ".begun-2"].map(|name| scenario.join(name));
        for aside in [&old, &new] {
            make(aside).unwrap();
            fs::write(aside.join("ledger.jsonl"), "first line").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * LEFT_BEHIND;
        File::open(&old).unwrap().set_modified(long_ago).unwrap();
        assert!(ResultsDir::earlier(out.path(), "s").is_empty());
        begun(out.path(), "s", "t", "r");
        assert!(!old.exists() && new.exists(), "one may be filled just now");
        assert_eq!(ResultsDir::earlier(out.path(), "s").len(), 1);
    }

    #[test]
    fn measurements_of_the_same_second_get_separate_folders() {
        let out = tempfile::tempdir().unwrap();
        let begun = || begun(out.path(), "s", "20260101T000000Z", "abc");
        let names: Vec<_> =
            (0..3).map(|_| begun().path().file_name().unwrap().to_owned()).collect();
        assert_eq!(
            names,
            ["20260101T000000Z-abc", "20260101T000000Z-abc-2", "20260101T000000Z-abc-3"]
        );
        let earlier = ResultsDir::earlier(out.path(), "s");
        let earlier: Vec<_> = earlier.iter().map(|folder| folder.path().file_name()).collect();
        assert!(earlier.iter().copied().eq(names.iter().rev().map(|name| Some(name.as_os_str()))));
        assert!(ResultsDir::earlier(out.path(), "other").is_empty());
    }

    #[test]
    fn files_and_links_count_as_name_collisions() {
        let out = tempfile::tempdir().unwrap();
        let scenario = out.path().join("s");
        make(&scenario).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), scenario.join("t-r")).unwrap();
        symlink(out.path().join("nowhere"), scenario.join("t-r-2")).unwrap();
        fs::write(scenario.join("t-r-3"), "a file").unwrap();
        let folder = begun(out.path(), "s", "t", "r");
        assert_eq!(folder.path(), scenario.join("t-r-4"));
        assert!(names(elsewhere.path()).is_empty());
        assert_eq!(fs::read_to_string(scenario.join("t-r-3")).unwrap(), "a file");
    }

    #[test]
    fn a_file_is_replaced_atomically_without_leftovers() {
        let out = tempfile::tempdir().unwrap();
        let folder = begun(out.path(), "s", "t", "r");
        folder.write("charts/a.svg", "long before").unwrap();
        folder.write("charts/a.svg", "after").unwrap();
        let charts = folder.path().join("charts");
        assert_eq!(fs::read_to_string(charts.join("a.svg")).unwrap(), "after");
        assert_eq!(fs::read_dir(charts).unwrap().count(), 1);
    }
}
