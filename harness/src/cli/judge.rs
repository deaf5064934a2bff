//! `harness judge`: verdicts on measurements taken elsewhere.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use crate::analysis::external;
use crate::analysis::external::Options;
use crate::cli::args::{Direction, JudgeArgs};
use crate::cli::display;
use crate::error::{Error, Result};
use crate::stats::paired::Better;

/// Runs the verb: verdicts as JSON lines on stdout, their counts on stderr.
pub(crate) fn run(args: &JudgeArgs) -> Result<ExitCode> {
    let options = options(args)?;
    let (name, text) = read(&args.file)?;
    let judged = external::judge(&text, &options);
    let judged = judged.map_err(|bad| Error::usage(format!("{name}, {bad}")))?;
    for note in &judged.notes {
        display::say(note);
    }
    if judged.lines.is_empty() {
        return Err(Error::usage(format!("{name}: no metric can be judged")));
    }
    let lines = judged.json_lines();
    display::result(&lines.map_err(|error| Error::caused("writing the verdicts", error))?);
    display::say(&judged.counts());
    Ok(ExitCode::from(judged.exit_code()))
}

/// Options of the flags. A flag with a metric takes precedence over one without.
fn options(args: &JudgeArgs) -> Result<Options> {
    let mut options = Options::new(args.margin, args.seed);
    options.every.better = args.better.map(|direction| match direction {
        Direction::Lower => Better::Lower,
        Direction::Higher => Better::Higher,
    });
    for metric in &args.higher {
        options.named(Some(metric)).better = Some(Better::Higher);
    }
    for (metric, scale) in &args.scale {
        options.named(metric.as_deref()).scale = Some(*scale);
    }
    for (metric, margin) in &args.margin_abs {
        options.named(metric.as_deref()).margin_abs = Some(*margin);
    }
    options.check().map_err(Error::usage)?;
    Ok(options)
}

/// Name of the file for messages, and its bytes.
fn read(file: &Path) -> Result<(String, Vec<u8>)> {
    if file != Path::new("-") {
        let name = file.display().to_string();
        let text = fs::read(file).map_err(|error| Error::caused(format!("reading {name}"), error));
        return Ok((name, text?));
    }
    let mut text = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut text);
    read.map_err(|error| Error::caused("reading standard input", error))?;
    Ok(("standard input".into(), text))
}
