//! The results folder of one measurement: where its files are and how they are written. Everything
//! but the ledger is written aside and renamed, so that a reader never sees half a file.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Measurements begun in the same second get a number behind their name, up to this one.
const SAME_SECOND_MAX: u32 = 100;

/// The file that is written when all others are there.
pub const LAST_FILE: &str = "report.md";

/// A results folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder of a new measurement: `<out>/<scenario>/<time>-<revision>`.
    pub fn create(out: &Path, scenario: &str, time: &str, revision: &str) -> Result<Self> {
        let parent = out.join(scenario);
        make(&parent)?;
        let name = format!("{time}-{revision}");
        let numbered = (2..=SAME_SECOND_MAX).map(|number| format!("{name}-{number}"));
        for name in std::iter::once(name.clone()).chain(numbered) {
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("creating", &path, error)),
            }
        }
        Err(Error::environment(format!("{}: too many of one second", parent.join(name).display())))
    }

    /// The folders of a scenario's earlier measurements, the newest first.
    pub fn earlier(out: &Path, scenario: &str) -> Vec<Self> {
        let entries = fs::read_dir(out.join(scenario)).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        // Their names begin with the time.
        paths.sort_unstable_by(|a, b| b.cmp(a));
        paths.into_iter().map(Self).collect()
    }

    /// A folder that a measurement has left.
    pub fn existing(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the ledger is.
    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger.jsonl")
    }

    /// Where the identity is.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity.json")
    }

    /// Whether the last file of a measurement has been written.
    pub fn is_reported(&self) -> bool {
        self.0.join(LAST_FILE).exists()
    }

    /// Writes a file of the folder whole, making the folders on its way.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            make(parent)?;
        }
        let aside = self.0.join(format!("{name}.tmp"));
        let written = File::create(&aside).and_then(|mut file| {
            file.write_all(bytes.as_ref())?;
            file.sync_all()
        });
        written
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(|error| failed("writing", &path, error))
    }
}

/// Makes a folder and those above it.
pub fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| failed("creating", path, error))
}

fn failed(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::caused(format!("{doing} {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_of_one_second_get_folders_of_their_own() {
        let out = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| Folder::create(out.path(), "s", "20260101T000000Z", "abc").unwrap())
            .map(|folder| folder.path().file_name().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            ["20260101T000000Z-abc", "20260101T000000Z-abc-2", "20260101T000000Z-abc-3"]
        );
        let earlier = Folder::earlier(out.path(), "s");
        let earlier: Vec<_> = earlier.iter().map(|folder| folder.path().file_name()).collect();
        assert!(earlier.iter().copied().eq(names.iter().rev().map(|name| Some(name.as_os_str()))));
        assert!(Folder::earlier(out.path(), "other").is_empty());
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_aside() {
        let out = tempfile::tempdir().unwrap();
        let folder = Folder::create(out.path(), "s", "t", "r").unwrap();
        folder.write("charts/a.svg", "long before").unwrap();
        folder.write("charts/a.svg", "after").unwrap();
        let charts = folder.path().join("charts");
        assert_eq!(fs::read_to_string(charts.join("a.svg")).unwrap(), "after");
        assert_eq!(fs::read_dir(charts).unwrap().count(), 1);
    }
}
