//! `harness history`: rates over time, from results folders and from files that outlive them.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::reproduce::CommandLine;
use super::write_results;
use crate::analysis::history;
use crate::analysis::history::HistoryPoint;
use crate::cli::args::HistoryArgs;
use crate::cli::display;
use crate::error::{Error, Result};
use crate::report;
use crate::results_dir::ResultsDir;
use crate::trial::provenance::Provenance;

/// Folder of the charts below the results folder.
const FOLDER: &str = "history";

/// Upper bound for the length of a ledger's first line.
const FIRST_LINE_MAX: u64 = 64 << 20;

/// Runs the verb.
pub(crate) fn run(args: &HistoryArgs, command: &CommandLine) -> Result<()> {
    let (found, notes) = within(&args.out);
    let mut points = Vec::new();
    for file in &args.files {
        points.extend(read(file)?);
    }
    if let Some(path) = &args.append {
        let (earlier, added) = append(path, &found)?;
        points.extend(earlier);
        if !args.quiet {
            display::say(&format!("{}: {added} lines added", path.display()));
        }
    }
    points.extend(found);
    let all = history::series(&points, args.seed);
    if all.is_empty() {
        return Err(Error::environment(format!(
            "{} holds no session with a metrics.json, and no file of lines is named: \
             `harness tune` and `harness sweep` leave what a history is made of",
            args.out.display()
        )));
    }
    let folder = ResultsDir::existing(&args.out.join(FOLDER));
    for file in report::history_charts(&all)? {
        folder.write(&file.name, file.bytes)?;
    }
    let document = report::build::history::document(&all, &notes, &command.to_string())?;
    write_results::show(args.output, &document, &document.analysis, || {
        let folder = folder.path().display().to_string();
        Ok(report::text::history::text(&all, &notes, &folder))
    })
}

/// Points of all sessions below the results folder, and a note for each unreadable one.
fn within(out: &Path) -> (Vec<HistoryPoint>, Vec<String>) {
    let (mut points, mut notes) = (Vec::new(), Vec::new());
    for plan in folders(out) {
        let Some(name) = plan.file_name().and_then(|name| name.to_str()) else { continue };
        for session in folders(&plan) {
            let metrics = session.join("metrics.json");
            if !metrics.is_file() {
                continue;
            }
            match points_of(name, &session, &metrics) {
                Ok(found) => points.extend(found),
                Err(error) => notes.push(format!("{} is left out: {error}", session.display())),
            }
        }
    }
    (points, notes)
}

/// Visible folders in a folder, by name.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let shown = |path: &PathBuf| {
        path.is_dir()
            && path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
    };
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(shown).collect();
    folders.sort();
    folders
}

fn points_of(plan: &str, session: &Path, metrics: &Path) -> Result<Vec<HistoryPoint>> {
    let text = |path: &Path| {
        fs::read_to_string(path)
            .map_err(|error| Error::caused(format!("reading {}", path.display()), error))
    };
    let folder = ResultsDir::existing(session);
    let path = folder.identity();
    let identity: Provenance = serde_json::from_str(&text(&path)?)
        .map_err(|error| Error::caused(format!("reading {}", path.display()), error))?;
    if history::is_quick(first_line(&folder.ledger()).as_deref(), &identity) {
        return Ok(Vec::new());
    }
    history::points(plan, &identity, &text(metrics)?)
        .map_err(|message| Error::environment(format!("{}: {message}", metrics.display())))
}

/// First line of a ledger, if there is one. The others can be many and are not needed.
fn first_line(ledger: &Path) -> Option<String> {
    let file = File::open(ledger).ok()?;
    let mut line = String::new();
    BufReader::new(file).take(FIRST_LINE_MAX).read_line(&mut line).ok()?;
    Some(line)
}

fn read(path: &Path) -> Result<Vec<HistoryPoint>> {
    let text = fs::read_to_string(path)
        .map_err(|error| Error::caused(format!("reading {}", path.display()), error))?;
    points_in(path, &text)
}

fn points_in(path: &Path, text: &str) -> Result<Vec<HistoryPoint>> {
    history::read(text)
        .map_err(|message| Error::environment(format!("{}, {message}", path.display())))
}

/// Adds missing points to a file under a lock. Returns the points it had and the number added.
fn append(path: &Path, found: &[HistoryPoint]) -> Result<(Vec<HistoryPoint>, usize)> {
    let failed = |error| Error::caused(format!("appending to {}", path.display()), error);
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let known = points_in(path, &text)?;
    let new = history::missing(&known, found);
    let mut lines = history::lines(&new)
        .map_err(|error| Error::caused(format!("appending to {}", path.display()), error))?;
    if !lines.is_empty() && !text.is_empty() && !text.ends_with('\n') {
        // An editor may have removed the last line's end.
        lines.insert(0, '\n');
    }
    file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok((known, new.len()))
}
