//! Folder of XML files as a source. The folder is listed once; each file is read on demand.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::record::RawRecord;
use crate::util::partition::Partition;

use super::{RECORD_BYTES_READ_MAX, Reader, Source};

/// The `.xml` files of one folder, without its subfolders, by the number in their names.
#[derive(Debug)]
pub struct FolderSource {
    folder: PathBuf,
    /// Keys and file names, ascending and unique by key.
    files: Vec<(i32, OsString)>,
}

impl FolderSource {
    /// Lists the folder and keeps the files of one partition.
    ///
    /// # Errors
    /// Names every file without a key, with a key outside 1 … 2147483647, or with the key of
    /// another file.
    pub fn open(folder: &Path, partition: Partition) -> Result<Self> {
        let mut files = Vec::new();
        let mut faults = Vec::new();
        for name in xml_names(folder)? {
            match key_of(&name) {
                Ok(key) => files.push((key, name)),
                Err(fault) => faults.push(format!("{}: {fault}", name.to_string_lossy())),
            }
        }
        files.sort_unstable();
        faults.extend(files.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| {
            let (key, name) = &pair[1];
            let other = pair[0].1.to_string_lossy();
            format!("{}: {other} has the same key, {key}", name.to_string_lossy())
        }));
        if !faults.is_empty() {
            let all = faults.join("\n  ");
            return Err(Error::environment(format!("source {}:\n  {all}", folder.display())));
        }
        if files.is_empty() {
            return Err(Error::environment(format!("source {}: no .xml file", folder.display())));
        }
        files.retain(|(key, _)| partition.contains(*key));
        Ok(Self { folder: folder.to_owned(), files })
    }
}

impl Source for FolderSource {
    fn count(&self) -> u64 {
        self.files.len() as u64
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(FolderReader { source: self }))
    }
}

#[derive(Debug)]
struct FolderReader<'a> {
    source: &'a FolderSource,
}

impl Reader for FolderReader<'_> {
    fn keys_after(&mut self, after: i32, max: usize) -> Result<Vec<i32>> {
        let files = &self.source.files;
        let first = files.partition_point(|(key, _)| *key <= after);
        Ok(files[first..].iter().take(max).map(|(key, _)| *key).collect())
    }

    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        for &key in keys {
            let files = &self.source.files;
            let Ok(place) = files.binary_search_by_key(&key, |(key, _)| *key) else { continue };
            let path = self.source.folder.join(&files[place].1);
            let bytes = read_file(&path).map_err(|cause| {
                let message = format!("source {}", path.display());
                Error::caused(ErrorKind::Environment, message, cause)
            })?;
            each(RawRecord { key, bytes: Some(bytes) })?;
        }
        Ok(())
    }
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(RECORD_BYTES_READ_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn xml_names(folder: &Path) -> Result<Vec<OsString>> {
    let unreadable = |cause| {
        let message = format!("source {}", folder.display());
        Error::caused(ErrorKind::Environment, message, cause)
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if Path::new(&name).extension().is_some_and(|end| end.eq_ignore_ascii_case("xml")) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Number at the end of the file name without `.xml`, or else at its start.
fn key_of(name: &OsString) -> std::result::Result<i32, String> {
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let is_digit = |c: char| c.is_ascii_digit();
    let end = &stem[stem.trim_end_matches(is_digit).len()..];
    let start = &stem[..stem.len() - stem.trim_start_matches(is_digit).len()];
    let digits = if end.is_empty() { start } else { end };
    if digits.is_empty() {
        return Err("no number at the end or the start of the name".to_owned());
    }
    match digits.parse() {
        Ok(key @ 1..=i32::MAX) => Ok(key),
        _ => Err(format!("key {digits} is outside 1 … {}", i32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_number_at_the_end_or_the_start_of_a_file_name() {
        for (name, key) in [
            ("app-17.xml", Some(17)),
            ("2024-app-17.xml", Some(17)),
            ("17-app.xml", Some(17)),
            ("000123.xml", Some(123)),
            ("2147483647.xml", Some(i32::MAX)),
            ("2147483648.xml", None),
            ("99999999999999999999.xml", None),
            ("app-0.xml", None),
            ("app.xml", None),
            ("a1b.xml", None),
        ] {
            assert_eq!(key_of(&OsString::from(name)).ok(), key, "{name}");
        }
    }
}
