//! Events → terminal: the only printer. Results go to stdout, talk to stderr; decides nothing but
//! how things are said.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::Error;
use crate::sanitize::shown;
use crate::scenario::schedule::{Shard, Trial};
use crate::session::event::{Event, Observer};
use crate::session::state::RanStep;
use crate::trial::measurement::Measurement;

/// How often a bar is drawn again where nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// Prints a result, without what a terminal would obey (what programs read has none of it). A reader
/// that has gone away is no fault of the measurement.
pub fn result(text: &str) {
    let _ = std::io::stdout().write_all(shown(text).as_bytes());
}

/// Says what went wrong.
pub fn complain(error: &Error) {
    say(&format!("harness: {error}"));
}

/// Says something beside a result.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", shown(line));
}

/// Shows how a measurement goes on.
#[derive(Debug)]
pub struct Display {
    style: Style,
    start: Instant,
    step: Shape,
    /// Trials that ended before this process began, or that are of earlier steps.
    before: usize,
    /// Trials that this process has seen end, of all steps.
    finished: usize,
    /// Trials of the step that runs that have ended, in this process or before.
    of_step: usize,
}

/// How much is shown.
#[derive(Debug)]
enum Style {
    /// Nothing.
    Quiet,
    /// A line for every block: for files and pipes.
    Lines,
    /// A bar that is drawn over and over: for terminals.
    Bar(ProgressBar),
}

/// The shape of the step that runs, as far as progress needs it.
#[derive(Debug, Default)]
struct Shape {
    /// What its blocks are called; pairs after their step's name.
    noun: String,
    /// Trials of it, those of void blocks among them.
    trials: usize,
    warmup: usize,
    counted: usize,
    arms: usize,
    /// Trials that may follow.
    ahead: usize,
}

impl Shape {
    fn of(ran: &RanStep, shard: Option<Shard>, ahead: usize) -> Self {
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
    /// A bar on a terminal, lines elsewhere, nothing where the user wants quiet.
    pub fn new(quiet: bool) -> Self {
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

    /// Says something that stays on the screen.
    fn talk(&self, line: &str) {
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(line),
            Style::Bar(bar) => bar.suspend(|| say(line)),
        }
    }

    /// Says what is going on now.
    fn status(&self, text: &str) {
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(text),
            Style::Bar(bar) => bar.set_message(shown(text)),
        }
    }

    fn step_began(&mut self, ran: &RanStep, shard: Option<Shard>, ahead: usize) {
        self.step = Shape::of(ran, shard, ahead);
        self.of_step = (ran.blocks.len() + ran.voided.len()) * self.step.arms;
        let arms: Vec<&str> = ran.step.arms.iter().map(|arm| arm.setting.label.as_str()).collect();
        let blocks = ran.step.counted(shard);
        match arms.as_slice() {
            // Programs under one setting have no labels that tell them apart.
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

    /// Trials that are left, with those that may follow.
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
            // Time left is reckoned from the runs of this process.
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

/// Counts the steps of one piece of work.
#[derive(Debug)]
pub struct Steps {
    style: Style,
    what: &'static str,
    done: usize,
    all: usize,
}

impl Steps {
    /// `all` steps, each called `what`: a bar on a terminal, lines elsewhere, nothing where the
    /// user wants quiet.
    pub fn new(quiet: bool, what: &'static str, all: usize) -> Self {
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

    /// Says what is going on now.
    pub fn status(&self, text: &str) {
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(text),
            Style::Bar(bar) => {
                bar.set_message(shown(text));
                // Time left is reckoned from what is counted alone.
                bar.reset_eta();
            }
        }
    }

    /// One step is done.
    pub fn advance(&mut self) {
        self.done += 1;
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(&format!("{} {} of {} done", self.what, self.done, self.all)),
            Style::Bar(bar) => bar.inc(1),
        }
    }

    /// Nothing more is going to happen.
    pub fn end(self) {
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }
}

/// Until it is known what a run takes there is no time left to show.
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
    // Rounded first: what is left of a minute may be rounded to a whole one.
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
                self.talk(&format!("going on with {}: {counted} run", folder.display()));
                if torn_bytes > 0 {
                    self.talk(&format!(
                        "note: the last line of its ledger was torn; {torn_bytes} bytes removed"
                    ));
                }
            }
            Event::PreparingSource { records } => {
                self.status(&format!("preparing a source of {records} records"));
            }
            Event::PilotStarted => {
                self.status("a first run of the baseline, to find how many records to take");
            }
            Event::RecordsKnown { records } => {
                // What came before says nothing about how long a run takes.
                self.start = Instant::now();
                self.before = self.finished;
                self.show_bar();
                self.talk(&format!("every run migrates the same {records} records"));
            }
            Event::TrialEnded { trial, label, measurement } => {
                self.trial_ended(trial, label, measurement);
            }
            Event::Voided { disturbance } => {
                self.step.trials += self.step.arms;
                self.set_length();
                self.talk(&format!("void, to be run again at the end: {disturbance}"));
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
    fn durations_read_as_people_say_them() {
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
