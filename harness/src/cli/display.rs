//! Terminal output, the only printer: results go to stdout, progress and messages to stderr.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use migrator::util::secrets::without_secrets;

use crate::error::Error;
use crate::sanitize::shown;
use crate::scenario::schedule::{Shard, Trial};
use crate::session::event::{Event, Observer};
use crate::session::state::CompletedStep;
use crate::trial::measurement::Measurement;

/// Interval at which an idle bar is redrawn.
const TICK: Duration = Duration::from_millis(200);

/// Prints a result without control characters that a terminal would obey. A closed reader is not an
/// error of the measurement.
pub(crate) fn result(text: &str) {
    let _ = std::io::stdout().write_all(shown(text).as_bytes());
}

/// Prints an error.
pub(crate) fn complain(error: &Error) {
    say(&without_secrets(&format!("harness: {error}")));
}

/// Prints a message beside a result.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", shown(line));
}

/// Shows the progress of a measurement.
#[derive(Debug)]
pub(crate) struct Display {
    style: Style,
    start: Instant,
    step: Shape,
    /// Trials finished before this process started, or in earlier steps.
    before: usize,
    /// Trials finished in this process, of all steps.
    finished: usize,
    /// Finished trials of the running step, in this process or before.
    of_step: usize,
}

/// Amount of output.
#[derive(Debug)]
enum Style {
    /// None.
    Quiet,
    /// One line per block: for files and pipes.
    Lines,
    /// A bar that is redrawn: for terminals.
    Bar(ProgressBar),
}

/// Shape of the running step, for progress.
#[derive(Debug, Default)]
struct Shape {
    /// Name of its blocks; pairs are named after their step.
    noun: String,
    /// Number of its trials, including discarded blocks.
    trials: usize,
    warmup: usize,
    counted: usize,
    arms: usize,
    /// Estimated number of trials after this step.
    ahead: usize,
}

impl Shape {
    fn of(ran: &CompletedStep, shard: Option<Shard>, ahead: usize) -> Self {
        let step = &ran.step;
        let warmup = step.plan.blocks.iter().filter(|block| block.warmup).count();
        Self {
            noun: if step.is_comparison() {
                format!("{}: {}", step.name, step.block_noun())
            } else {
                step.block_noun().into()
            },
            trials: step.trial_count(shard) + ran.voided.len() * step.arms.len(),
            warmup,
            counted: step.plan.blocks.len() - warmup,
            arms: step.arms.len(),
            ahead,
        }
    }
}

impl Display {
    /// A bar on a terminal, lines elsewhere, nothing if quiet.
    pub(crate) fn new(quiet: bool) -> Self {
        let style = if quiet {
            Style::Quiet
        } else if std::io::stderr().is_terminal() {
            Style::Bar(spinner())
        } else {
            Style::Lines
        };
        Self {
            style,
            start: Instant::now(),
            step: Shape::default(),
            before: 0,
            finished: 0,
            of_step: 0,
        }
    }

    /// Prints a line that stays on the screen.
    fn talk(&self, line: &str) {
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(line),
            Style::Bar(bar) => bar.suspend(|| say(line)),
        }
    }

    /// Shows the current activity.
    fn status(&self, text: &str) {
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(text),
            Style::Bar(bar) => bar.set_message(shown(text)),
        }
    }

    fn step_began(&mut self, ran: &CompletedStep, shard: Option<Shard>, ahead: usize) {
        self.step = Shape::of(ran, shard, ahead);
        self.of_step = (ran.blocks.len() + ran.voided.len()) * self.step.arms;
        let arms: Vec<&str> = ran.step.arms.iter().map(|arm| arm.setting.label.as_str()).collect();
        let blocks = ran.step.counted(shard);
        match arms.as_slice() {
            // Labels of programs under one setting are the same; their names are not.
            [baseline, candidate] if ran.step.is_comparison() && baseline == candidate => {
                self.talk(&format!("{}: {} runs in pairs", ran.step.name, self.step.trials));
            }
            [baseline, candidate] if ran.step.is_comparison() => self.talk(&format!(
                "{}: {blocks} pairs of {candidate} against {baseline}",
                ran.step.name
            )),
            [only] => self.talk(&format!(
                "{}: {} run{} of {only}",
                ran.step.name,
                self.step.trials,
                if self.step.trials == 1 { "" } else { "s" }
            )),
            _ => self.talk(&format!(
                "{}: {} runs of {} settings",
                ran.step.name,
                self.step.trials,
                arms.len()
            )),
        }
        self.set_length();
    }

    /// Remaining trials, including those that may follow.
    fn left(&self) -> usize {
        self.step.trials.saturating_sub(self.of_step) + self.step.ahead
    }

    fn set_length(&self) {
        if let Style::Bar(bar) = &self.style {
            bar.set_length((self.finished + self.left()) as u64);
        }
    }

    fn show_bar(&mut self) {
        if let Style::Bar(spinner) = &self.style {
            spinner.finish_and_clear();
            let length = Some((self.finished + self.left()) as u64);
            let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
            let bar = with_template(bar, "{bar:30} {pos}/{len} runs, {eta} left  {msg}");
            bar.enable_steady_tick(TICK);
            bar.set_position(self.finished as u64);
            // Remaining time is estimated from the runs of this process.
            bar.reset_eta();
            self.style = Style::Bar(bar);
        }
    }

    fn trial_ended(&mut self, trial: &Trial, label: &str, measurement: &Measurement) {
        self.finished += 1;
        self.of_step += 1;
        if let Some(failure) = measurement.failure() {
            self.talk(&format!("run {} ({label}) failed: {failure}", trial.number));
        }
        match &self.style {
            Style::Bar(bar) => {
                bar.set_position(self.finished as u64);
                bar.set_message(shown(&block_name(trial, &self.step)));
            }
            Style::Lines if trial.slot == self.step.arms => say(&self.block(trial)),
            Style::Lines | Style::Quiet => {}
        }
    }

    fn block(&self, trial: &Trial) -> String {
        let name = block_name(trial, &self.step);
        let timed = self.finished.saturating_sub(self.before);
        let each = self.start.elapsed().as_secs_f64() / timed.max(1) as f64;
        let left = each * self.left() as f64;
        format!("{name} done, about {} left", duration(left))
    }
}

/// Counts the steps of one task.
#[derive(Debug)]
pub(crate) struct Steps {
    style: Style,
    what: &'static str,
    done: usize,
    all: usize,
}

impl Steps {
    /// Counter of `all` steps named `what`: a bar on a terminal, lines elsewhere, nothing if quiet.
    pub(crate) fn new(quiet: bool, what: &'static str, all: usize) -> Self {
        let style = if quiet {
            Style::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(all as u64), ProgressDrawTarget::stderr());
            let bar = with_template(bar, "{bar:30} {pos}/{len}, {eta} left  {msg}");
            bar.enable_steady_tick(TICK);
            Style::Bar(bar)
        } else {
            Style::Lines
        };
        Self { style, what, done: 0, all }
    }

    /// Shows the current activity.
    pub(crate) fn status(&self, text: &str) {
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(text),
            Style::Bar(bar) => {
                bar.set_message(shown(text));
                // Remaining time is estimated only from the counted steps.
                bar.reset_eta();
            }
        }
    }

    /// Counts a step.
    pub(crate) fn advance(&mut self) {
        self.done += 1;
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(&format!("{} {} of {} done", self.what, self.done, self.all)),
            Style::Bar(bar) => bar.inc(1),
        }
    }

    /// Ends the display.
    pub(crate) fn end(self) {
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }
}

/// Shows no remaining time until the duration of a run is known.
fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    with_template(bar, "{spinner} {msg}")
}

fn with_template(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

fn block_name(trial: &Trial, step: &Shape) -> String {
    let (noun, number) = (&step.noun, trial.block);
    if trial.warmup {
        format!("warm-up {noun} {number} of {}", step.warmup)
    } else {
        format!("{noun} {number} of {}", step.counted)
    }
}

fn duration(seconds: f64) -> String {
    // Rounding comes first, because the rest of a minute may round up to a whole one.
    let seconds = seconds.round();
    if seconds < 60.0 {
        return format!("{seconds} s");
    }
    format!("{} min {} s", (seconds / 60.0).floor(), seconds % 60.0)
}

impl Observer for Display {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Opened { session, folder } => {
                let links = session.scenarios.iter().map(|scenario| scenario.link);
                let link =
                    links.filter(|link| link.is_simulated()).max_by_key(|link| link.connect_ms);
                let link = link.map(|link| format!(", {link}")).unwrap_or_default();
                self.talk(&format!("{}{link}: results in {}", session.name, folder.display()));
                if let Style::Bar(bar) = &self.style {
                    bar.enable_steady_tick(TICK);
                }
            }
            Event::StepBegan { ran, shard, ahead } => self.step_began(ran, shard, ahead),
            Event::Resumed { folder, ran, torn_bytes } => {
                let counted =
                    if ran == 1 { "1 block has".into() } else { format!("{ran} blocks have") };
                self.talk(&format!("resuming {}: {counted} run", folder.display()));
                if torn_bytes > 0 {
                    self.talk(&format!(
                        "note: the last line of its ledger was incomplete; {torn_bytes} bytes removed"
                    ));
                }
            }
            Event::PreparingSource { records } => {
                self.status(&format!("preparing a source of {records} records"));
            }
            Event::PilotStarted => {
                self.status("a first run of the baseline, to determine the number of records");
            }
            Event::RecordsKnown { records } => {
                // Earlier time says nothing about the duration of a run.
                self.start = Instant::now();
                self.before = self.finished;
                self.show_bar();
                self.talk(&format!("every run migrates the same {records} records"));
            }
            Event::TrialEnded { trial, label, measurement } => {
                self.trial_ended(trial, label, measurement);
            }
            Event::Voided { reason } => {
                self.step.trials += self.step.arms;
                self.set_length();
                self.talk(&format!("discarded, will be repeated at the end: {reason}"));
            }
            Event::Remark { text } => self.talk(text),
            Event::Ended => {
                if let Style::Bar(bar) = &self.style {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_human_readable() {
        let said = [
            (0.4, "0 s"),
            (59.4, "59 s"),
            (59.6, "1 min 0 s"),
            (61.0, "1 min 1 s"),
            (299.6, "5 min 0 s"),
        ];
        for (seconds, text) in said {
            assert_eq!(duration(seconds), text);
        }
    }
}
