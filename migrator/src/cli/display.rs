//! Terminal output of `migrator run`.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::run::pipeline::RunEvent;
use crate::telemetry::report::{Books, RunReport, SimulatedLink};

/// Maximum number of records rejected by the store that are shown. The log has all of them.
const REFUSED_SHOWN_MAX: u64 = 20;
/// Time between two lines of progress without a terminal.
const LINE_PAUSE: Duration = Duration::from_secs(5);

/// Shows the progress of a run: a bar on a terminal, otherwise occasional lines, or nothing.
#[derive(Debug)]
pub(crate) struct Display {
    quiet: bool,
    bar: ProgressBar,
    lines: Option<Mutex<LineProgress>>,
    refused: Mutex<u64>,
}

/// Progress in lines of text.
#[derive(Debug)]
struct LineProgress {
    total: u64,
    done: u64,
    printed: Instant,
    /// Suffix of every line.
    note: String,
}

impl Display {
    /// Creates the display of a run over `total` records. With `quiet` it prints nothing. With a
    /// simulated link, every output mentions it.
    pub(crate) fn new(total: u64, quiet: bool, link: Option<SimulatedLink>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && !quiet { ProgressBar::new(total) } else { ProgressBar::hidden() };
        bar.set_style(style());
        let note = link.map_or_else(String::new, |link| format!("  {link}"));
        bar.set_message(note.clone());
        let lines = LineProgress { total, done: 0, printed: Instant::now(), note };
        Self {
            quiet,
            bar,
            lines: (!terminal && !quiet).then(|| Mutex::new(lines)),
            refused: Mutex::new(0),
        }
    }

    /// Shows an event. Called from any thread.
    pub(crate) fn show(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::LogWithoutKey => self.print_line(
                "processing_log of the store has no unique key on app_id: do not run two processes on \
                 the same records",
            ),
            RunEvent::Batch { records, skipped } => self.advance(records + skipped),
            RunEvent::Refused { key, reason, message } => self.show_rejected(*key, reason, message),
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints the results of a run to stdout.
    pub(crate) fn summary(&self, report: &RunReport) {
        if !self.quiet {
            print(&summary(report));
        }
    }

    /// Prints the number of records that another process stored while this one worked on them.
    pub(crate) fn lost_races(&self, books: &Books) {
        if books.lost_race > 0 {
            self.print_line(&lost_races(books.lost_race));
        }
    }

    /// Adds to the number of finished records.
    pub(crate) fn advance(&self, records: u64) {
        self.bar.inc(records);
        let Some(lines) = &self.lines else { return };
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.done += records;
        if lines.printed.elapsed() >= LINE_PAUSE {
            lines.printed = Instant::now();
            self.print_line(&format!("{} of {} records{}", lines.done, lines.total, lines.note));
        }
    }

    fn show_rejected(&self, key: i32, reason: &str, message: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused += 1;
        if *refused <= REFUSED_SHOWN_MAX {
            self.print_line(&format!("record {key}: {reason} ({message})"));
        } else if *refused == REFUSED_SHOWN_MAX + 1 {
            self.print_line(
                "further records that the store rejects are only listed in processing_log",
            );
        }
    }

    fn print_line(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| print_error(line));
        }
    }
}

fn style() -> ProgressStyle {
    let template = "{bar:32} {human_pos}/{human_len} records  {per_sec}  {eta} left{msg}";
    // The template is a constant and valid; the plain bar is a fallback.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Three lines: books, speed, checksum. A fourth line if a link was simulated.
fn summary(report: &RunReport) -> String {
    let books = &report.books;
    let rows: u64 = report.rows.values().sum();
    let link = report.simulated_link.map_or_else(String::new, |link| {
        let SimulatedLink { connects, wire_messages, .. } = link;
        format!("{link}: {connects} connects, {wire_messages} messages\n")
    });
    format!(
        "read {}: committed {}, duplicate {}, rejected {}, failed {}, lost race {}; skipped {}\n\
         {} rows in {:.2} s: {} records/min\n\
         {link}checksum {}",
        books.read,
        books.committed,
        books.duplicate,
        books.rejected,
        books.failed,
        books.lost_race,
        books.skipped,
        HumanCount(rows),
        report.wall_s,
        HumanCount(whole(report.rec_per_min)),
        report.checksum
    )
}

fn lost_races(records: u64) -> String {
    let plural = if records == 1 { "" } else { "s" };
    format!(
        "{records} record{plural} lost to another process on the same range: stored once, and \
         counted in that process's books; use --partition I/N to give each process its own records"
    )
}

fn whole(rate: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and for people; casts saturate"
    )]
    let whole = rate.round() as u64;
    whole
}

/// Prints to stdout. A closed pipe is not an error.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints text with colours. They are omitted for pipes, files and `NO_COLOR`.
pub(crate) fn print_styled(text: &str) {
    let _ = writeln!(anstream::stdout().lock(), "{text}");
}

/// Width of the terminal in characters, limited for readability; 80 without a terminal.
pub(crate) fn width() -> usize {
    const WITHOUT_TERMINAL: u16 = 80;
    let columns = terminal_size::terminal_size().map_or(WITHOUT_TERMINAL, |(width, _)| width.0);
    usize::from(columns.clamp(40, 100))
}

/// Prints a note for the user to stderr, wrapped to the terminal's width.
pub(crate) fn note(line: &str) {
    if !std::io::stderr().is_terminal() {
        return print_error(line);
    }
    let prefix = "migrator: ".len();
    print_error(&textwrap::fill(line, width().saturating_sub(prefix)).replace('\n', "\n  "));
}

/// Prints to stderr. A closed stderr is not an error.
fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "migrator: {line}");
}
