//! Events → terminal: the only printer. Results go to stdout, talk to stderr; decides nothing but
//! how things are said.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::Error;
use crate::event::{Event, Observer};
use crate::measure::Measurement;
use crate::plan::{Plan, Trial};
use crate::scenario::Scenario;

/// How often a bar is drawn again where nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// Prints a result. A reader that has gone away is no fault of the measurement.
pub fn result(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Says what went wrong.
pub fn complain(error: &Error) {
    say(&format!("harness: {error}"));
}

/// Says something beside a result.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Shows how a measurement goes on.
#[derive(Debug)]
pub struct Display {
    style: Style,
    start: Instant,
    labels: Vec<String>,
    plan: Shape,
    /// Trials that ended before this process began.
    before: usize,
    /// Trials that ended since.
    finished: usize,
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

/// The shape of the plan, as far as progress needs it.
#[derive(Debug, Default)]
struct Shape {
    trials: usize,
    warmup: usize,
    counted: usize,
    settings: usize,
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
            labels: Vec::new(),
            plan: Shape::default(),
            before: 0,
            finished: 0,
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
    fn status(&self, text: String) {
        match &self.style {
            Style::Quiet => {}
            Style::Lines => say(&text),
            Style::Bar(bar) => bar.set_message(text),
        }
    }

    fn planned(&mut self, scenario: &Scenario, plan: &Plan, trials: usize) {
        self.labels = scenario.settings.iter().map(|setting| setting.label.clone()).collect();
        let warmup = plan.blocks.iter().filter(|block| block.warmup).count();
        self.plan = Shape {
            trials,
            warmup,
            counted: plan.blocks.len() - warmup,
            settings: scenario.settings.len(),
        };
        if let Style::Bar(bar) = &self.style {
            bar.enable_steady_tick(TICK);
        }
    }

    fn show_bar(&mut self) {
        if let Style::Bar(spinner) = &self.style {
            spinner.finish_and_clear();
            let length = Some(self.plan.trials as u64);
            let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
            let bar = with_template(bar, "{bar:30} {pos}/{len} runs, {eta} left  {msg}");
            bar.enable_steady_tick(TICK);
            bar.set_position(self.before as u64);
            // Time left is reckoned from the runs of this process.
            bar.reset_eta();
            self.style = Style::Bar(bar);
        }
    }

    fn trial_ended(&mut self, trial: &Trial, measurement: &Measurement) {
        self.finished += 1;
        if let Some(failure) = measurement.failure() {
            let label = self.labels.get(trial.setting).map_or("", String::as_str);
            self.talk(&format!("run {} ({label}) failed: {failure}", trial.number));
        }
        match &self.style {
            Style::Bar(bar) => {
                bar.set_position((self.before + self.finished) as u64);
                bar.set_message(block_name(trial, &self.plan));
            }
            Style::Lines if trial.slot == self.plan.settings => say(&self.block(trial)),
            Style::Lines | Style::Quiet => {}
        }
    }

    fn block(&self, trial: &Trial) -> String {
        let name = block_name(trial, &self.plan);
        let each = self.start.elapsed().as_secs_f64() / self.finished.max(1) as f64;
        let left = each * self.plan.trials.saturating_sub(self.before + self.finished) as f64;
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
                bar.set_message(text.to_owned());
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

fn block_name(trial: &Trial, plan: &Shape) -> String {
    if trial.warmup {
        format!("warm-up block {} of {}", trial.block, plan.warmup)
    } else {
        format!("block {} of {}", trial.block, plan.counted)
    }
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.0} s");
    }
    format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
}

impl Observer for Display {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Planned { scenario, plan, trials, folder } => {
                self.planned(scenario, plan, trials);
                let link = scenario.link;
                let link = if link.is_simulated() { format!(", {link}") } else { String::new() };
                self.talk(&format!(
                    "{}: {} runs{link}, results in {}",
                    scenario.name,
                    trials,
                    folder.display()
                ));
            }
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
                self.status(format!("preparing a source of {records} records"));
            }
            Event::PilotStarted => {
                self.status("a first run of the baseline, to find how many records to take".into());
            }
            Event::RecordsKnown { records, ran } => {
                // What came before says nothing about how long a run takes.
                self.start = Instant::now();
                self.before = ran * self.plan.settings;
                self.show_bar();
                self.talk(&format!("every run migrates the same {records} records"));
            }
            Event::TrialEnded { trial, measurement } => self.trial_ended(trial, measurement),
            Event::Voided { disturbance } => {
                self.plan.trials += self.plan.settings;
                if let Style::Bar(bar) = &self.style {
                    bar.inc_length(self.plan.settings as u64);
                }
                self.talk(&format!("void, to be run again at the end: {disturbance}"));
            }
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
        for (seconds, text) in [(0.4, "0 s"), (59.0, "59 s"), (61.0, "1 min 1 s")] {
            assert_eq!(duration(seconds), text);
        }
    }
}
