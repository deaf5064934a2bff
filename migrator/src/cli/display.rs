//! Events of a run to the terminal: the only printer of `migrator run`. Counts nothing that a report
//! could need.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::run::pipeline::RunEvent;
use crate::telemetry::report::{Books, RunReport, SimulatedLink};

/// How many records that the store refused are named; the log has them all.
const REFUSED_SHOWN_MAX: u64 = 20;
/// Pause between two lines of progress where there is no terminal.
const LINE_PAUSE: Duration = Duration::from_secs(5);

/// Shows how far a run has come: a bar on a terminal, else a line now and then, or nothing.
#[derive(Debug)]
pub struct Display {
    quiet: bool,
    bar: ProgressBar,
    lines: Option<Mutex<LineProgress>>,
    refused: Mutex<u64>,
}

/// Progress as lines of text.
#[derive(Debug)]
struct LineProgress {
    total: u64,
    done: u64,
    printed: Instant,
    /// What every line ends with.
    note: String,
}

impl Display {
    /// For a run over `total` records; `quiet` prints nothing. Of a run over a simulated link
    /// everything that is shown says so.
    pub fn new(total: u64, quiet: bool, link: Option<SimulatedLink>) -> Self {
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

    /// Shows one event; called from any thread.
    pub fn show(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::LogWithoutKey => self.print_line(
                "the store's processing_log has no unique app_id: two processes on one range of \
                 records are not safe",
            ),
            RunEvent::Batch { records, skipped } => self.advance(records + skipped),
            RunEvent::Refused { key, reason, message } => self.show_rejected(*key, reason, message),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints what a run did to stdout.
    pub fn summary(&self, report: &RunReport) {
        if !self.quiet {
            print(&summary(report));
        }
    }

    /// Says what became of records that another process took while this one had them in hand.
    pub fn lost_races(&self, books: &Books) {
        if books.lost_race > 0 {
            self.print_line(&lost_races(books.lost_race));
        }
    }

    /// Counts records as done.
    pub fn advance(&self, records: u64) {
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
            self.print_line("further records that the store refuses are in processing_log only");
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
    // The template is a constant; should it not parse, the plain bar does.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Three lines: the books, the speed, the checksum; a fourth where a link was simulated.
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
        "{records} record{plural} lost to another process on the same range: stored once and in \
         that process's books; --partition i/n gives each process records of its own"
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

/// Prints to stdout; a reader that has gone away has seen enough.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints text with colours, which are left out for pipes, files and `NO_COLOR`.
pub fn print_styled(text: &str) {
    let _ = writeln!(anstream::stdout().lock(), "{text}");
}

/// Characters on a line of the terminal; 80 where there is none, and no more than anybody reads.
pub fn width() -> usize {
    const WITHOUT_TERMINAL: u16 = 80;
    let columns = terminal_size::terminal_size().map_or(WITHOUT_TERMINAL, |(width, _)| width.0);
    usize::from(columns.clamp(40, 100))
}

/// Tells those at the terminal what is no result, in lines of its width.
pub fn note(line: &str) {
    if !std::io::stderr().is_terminal() {
        return print_error(line);
    }
    let prefix = "migrator: ".len();
    print_error(&textwrap::fill(line, width().saturating_sub(prefix)).replace('\n', "\n  "));
}

/// Says something on stderr; where that is closed, nobody listens.
fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "migrator: {line}");
}
