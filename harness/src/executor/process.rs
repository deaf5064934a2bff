//! Trials as processes: each a fresh process on a fresh store, ended with its whole process group
//! when its time is up or the user has had enough. Reads no figure of a report.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use migrator::config::Settings;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::signal::unix::{self, SignalKind};

use super::environment;
use super::launch::Word;
use super::surroundings::Counters;
use super::{Difference, Executor, LAUNCH_VERB, MIGRATOR_VERB, Source, difference};
use crate::error::{Error, ErrorKind, Result};
use crate::identity::fingerprint;
use crate::measure::{Asked, Cause, Failure, Measurement, Outcome, Usage, read_report};
use crate::results::make;
use crate::scenario::{Link, Runner, Scenario, Workload};
use crate::step::Arm;

/// The point in time of every trial: what a row gets from the clock must not differ between runs
/// whose checksums are compared.
const NOW: &str = "2026-01-01T00:00:00";

/// Sources of other builds are removed when they have not been made within this time.
const STALE_SOURCE: Duration = Duration::from_secs(24 * 60 * 60);

/// As much of a failed process's last words as a ledger's row takes.
const LAST_WORDS_BYTES_MAX: usize = 500;

/// The program under test.
#[derive(Debug, Clone)]
pub enum Program {
    /// A build of the migrator.
    Migrator(Migrator),
    /// Any program that writes a run report.
    Runner(Runner),
    /// Another program, made to take longer by a share that is known before it is measured.
    Slowed(Box<Program>, f64),
}

/// A build of the migrator: the binary, and the words that come before its own.
#[derive(Debug, Clone)]
pub struct Migrator {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Migrator {
    /// The harness's own binary, which is the migrator under its hidden verb.
    fn own() -> Result<Self> {
        Ok(Self { path: own_binary()?, arguments: vec![MIGRATOR_VERB.into()] })
    }

    fn words(&self, arguments: Vec<OsString>) -> Vec<OsString> {
        let mut words = vec![self.path.clone().into()];
        words.extend(self.arguments.clone());
        words.extend(arguments);
        words
    }
}

impl Program {
    /// The harness's own migrator.
    pub fn own() -> Result<Self> {
        Migrator::own().map(Self::Migrator)
    }

    /// Another build of the migrator.
    pub fn other(path: PathBuf) -> Self {
        Self::Migrator(Migrator { path, arguments: Vec::new() })
    }

    /// The same program, taking longer by `share`, 0 or more, than it would.
    #[must_use]
    pub fn slowed(self, share: f64) -> Self {
        Self::Slowed(Box::new(self), share)
    }

    /// The program itself, and by which share it is slowed.
    fn unslowed(&self) -> (&Self, f64) {
        match self {
            Self::Migrator(_) | Self::Runner(_) => (self, 0.0),
            Self::Slowed(program, share) => {
                let (program, other) = program.unslowed();
                (program, (1.0 + share) * (1.0 + other) - 1.0)
            }
        }
    }

    /// What makes the records that it reads: a build of the migrator makes its own.
    fn generator(&self) -> Result<Migrator> {
        match self {
            Self::Migrator(migrator) => Ok(migrator.clone()),
            Self::Runner(_) => Migrator::own(),
            Self::Slowed(program, _) => program.generator(),
        }
    }

    /// BLAKE3 of its binary, 32 hex digits; of a runner, of its command and of every file that the
    /// command names, so that another script is another program.
    fn fingerprint(&self) -> Result<String> {
        let runner = match self {
            Self::Migrator(migrator) => return fingerprint(&migrator.path),
            Self::Runner(runner) => runner,
            Self::Slowed(program, _) => return program.fingerprint(),
        };
        let mut hasher = blake3::Hasher::new();
        for word in &runner.command {
            hasher.update(word.as_bytes());
            let path = Path::new(word);
            if path.is_file() {
                hasher.update(fingerprint(path)?.as_bytes());
            }
        }
        Ok(hasher.finalize().to_hex()[..32].to_owned())
    }
}

/// Runs every trial in a process of its own.
#[derive(Debug)]
pub struct Process {
    programs: Vec<Program>,
    fingerprints: Vec<String>,
    generator: Migrator,
    /// Names the generator's sources.
    generator_build: String,
    scenarios: Vec<Conditions>,
    sources: PathBuf,
    trials: Trials,
    runtime: Runtime,
    interrupts: Interrupts,
}

/// What a scenario says of how its trials run.
#[derive(Debug, Clone)]
struct Conditions {
    workload: Workload,
    synchronous: String,
    link: Link,
    timeout_s: u32,
}

impl Conditions {
    fn of(scenario: &Scenario) -> Self {
        Self {
            workload: scenario.workload.clone(),
            synchronous: scenario.store.synchronous.clone(),
            link: scenario.link,
            timeout_s: scenario.limits.timeout_s.get(),
        }
    }
}

/// The signals by which a user ends a measurement; from here on they no longer end the process. A
/// hang-up is not among them: listening to it would undo `nohup`.
#[derive(Debug)]
struct Interrupts {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Interrupts {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The folder of this harness's trials. A lock tells it from one whose harness was killed.
#[derive(Debug)]
struct Trials {
    folder: TempDir,
    _lock: File,
}

/// Held as long as a harness runs trials beside it.
const LOCK: &str = "lock";

impl Trials {
    fn within(all: &Path) -> Result<Self> {
        make(all)?;
        for entry in fs::read_dir(all).into_iter().flatten().flatten() {
            let left_behind =
                File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
            if left_behind {
                // What cannot be removed costs disk space and nothing else.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folder = temporary(all)?;
        let path = folder.path().join(LOCK);
        let failed = |error: io::Error| Error::caused(format!("locking {}", path.display()), error);
        let lock = File::create(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self { folder, _lock: lock })
    }
}

/// How a process ended.
enum End {
    /// By itself, well.
    Well(Usage),
    /// By itself or by a signal, not well.
    Badly(Cause, Option<Usage>),
    TimedOut,
}

impl Process {
    /// Arms and steps name programs and scenarios by their index. Sources and stores live in hidden
    /// folders under `out`, on the disk that holds the results.
    pub fn new(programs: Vec<Program>, scenarios: &[Scenario], out: &Path) -> Result<Self> {
        let fingerprints: Result<Vec<_>> = programs.iter().map(Program::fingerprint).collect();
        let fingerprints = fingerprints?;
        // Programs that are compared read one source, which is none of theirs.
        let generator = match programs.as_slice() {
            [only] => only.generator()?,
            _ => Migrator::own()?,
        };
        let generator_build = fingerprint(&generator.path)?[..8].to_owned();
        let sources = out.join(".sources");
        make(&sources)?;
        let trials = Trials::within(&out.join(".trials"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::caused("starting the runtime", error))?;
        let interrupts = {
            let _inside = runtime.enter();
            Interrupts::listen().map_err(|error| Error::caused("listening to signals", error))?
        };
        Ok(Self {
            programs,
            fingerprints,
            generator,
            generator_build,
            scenarios: scenarios.iter().map(Conditions::of).collect(),
            sources,
            trials,
            runtime,
            interrupts,
        })
    }

    /// BLAKE3 of the programs under test, 32 hex digits each, in their order.
    pub fn fingerprints(&self) -> &[String] {
        &self.fingerprints
    }

    fn conditions(&self, scenario: usize) -> Result<&Conditions> {
        let conditions = self.scenarios.get(scenario);
        conditions.ok_or_else(|| Error::environment(format!("there is no scenario {scenario}")))
    }

    /// The folder that holds the trials' stores while they run.
    pub fn stores(&self) -> &Path {
        self.trials.folder.path()
    }

    fn generate(
        &mut self,
        workload: &Workload,
        records: u32,
        file: &Path,
        log: &Path,
    ) -> Result<()> {
        let mut arguments: Vec<OsString> = vec!["generate".into()];
        for (flag, value) in [
            ("--records", records.to_string()),
            ("--seed", workload.seed.to_string()),
            ("--profile", workload.profile.clone()),
            ("--duplicates", workload.duplicates.to_string()),
            ("--rejects", workload.rejects.to_string()),
        ] {
            arguments.extend([flag.into(), value.into()]);
        }
        arguments.extend(["--out".into(), store_url(file), "--quiet".into()]);
        match self.run(&self.generator.words(arguments), 0.0, log, None)? {
            End::Well(_) if file.exists() => Ok(()),
            End::Well(_) => {
                Err(Error::environment(format!("generating {records} records left no file")))
            }
            End::Badly(cause, _) => {
                let failure = Failure { cause, detail: last_words(log) };
                Err(Error::environment(format!("generating {records} records: {failure}")))
            }
            End::TimedOut => Err(Error::environment("generating records ran out of time")),
        }
    }

    /// The command line of a trial in this folder.
    fn words(
        source: &Source,
        program: &Program,
        conditions: &Conditions,
        settings: &Settings,
        folder: &Path,
    ) -> Vec<OsString> {
        let (from, into) = (store_url(&source.path), store_url(&folder.join(STORE)));
        let report = folder.join(REPORT);
        match program {
            Program::Migrator(migrator) => {
                let mut arguments: Vec<OsString> = vec!["run".into()];
                arguments.extend(["--source".into(), from, "--store".into(), into]);
                arguments.extend(flags(settings).into_iter().map(OsString::from));
                arguments.extend(["--synchronous".into(), conditions.synchronous.clone().into()]);
                arguments.extend(link_flags(conditions.link));
                arguments.extend(["--now".into(), NOW.into()]);
                arguments.extend(["--report".into(), report.into(), "--quiet".into()]);
                migrator.words(arguments)
            }
            Program::Runner(runner) => {
                let values = flat(settings);
                let value = |place: &str| match place {
                    "source" => Some(from.to_string_lossy().into_owned()),
                    "store" => Some(into.to_string_lossy().into_owned()),
                    "report" => Some(report.display().to_string()),
                    "now" => Some(NOW.into()),
                    "synchronous" => Some(conditions.synchronous.clone()),
                    "link_connect_ms" => Some(conditions.link.connect_ms.to_string()),
                    "link_round_trip_ms" => Some(conditions.link.round_trip_ms.to_string()),
                    setting => values.get(setting).map(plain),
                };
                runner.words(value).into_iter().map(OsString::from).collect()
            }
            Program::Slowed(program, _) => {
                Self::words(source, program, conditions, settings, folder)
            }
        }
    }

    /// Runs the program to its end, slowed by `share`; `limit` and signals end it and everything
    /// that it started.
    fn run(
        &mut self,
        words: &[OsString],
        share: f64,
        log: &Path,
        limit: Option<Duration>,
    ) -> Result<End> {
        let name = words.first().map(|word| word.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let failed = |error: io::Error| Error::caused(format!("running {name}"), error);
        let log = File::create(log).map_err(failed)?;
        let mut command = Command::new(own_binary()?);
        command
            .arg(LAUNCH_VERB)
            .arg(share.to_string())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        for secret in environment::withheld() {
            command.env_remove(secret);
        }
        let interrupts = &mut self.interrupts;
        self.runtime.block_on(async move {
            let mut child = command.spawn().map_err(failed)?;
            // Where this end of the pipe is dropped, the launcher ends the trial.
            let _held = child.stdin.take();
            let said = tokio::select! {
                said = last_word(&mut child) => Some(said),
                () = sleep(limit) => None,
                () = interrupts.next() => {
                    end_group(&mut child).await.map_err(failed)?;
                    return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
                }
            };
            end_group(&mut child).await.map_err(failed)?;
            match said {
                Some(said) => end_of(&said.map_err(failed)?).map_err(failed),
                None => Ok(End::TimedOut),
            }
        })
    }

    fn source_name(&self, workload: &Workload, records: u32) -> String {
        let Workload { profile, duplicates, rejects, seed, .. } = workload;
        let build = &self.generator_build;
        format!("{profile}-{records}-seed{seed}-dup{duplicates}-rej{rejects}-{build}")
    }

    /// Every build makes its own sources, because a generator may change with it; those of builds
    /// that are gone would pile up.
    fn remove_stale_sources(&self) {
        let ours = format!("-{}", self.generator_build);
        let entries = fs::read_dir(&self.sources).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(&ours)) {
            let made = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            let age = made.and_then(|made| SystemTime::now().duration_since(made).ok());
            if age.is_some_and(|age| age > STALE_SOURCE) {
                // What cannot be removed costs disk space and nothing else.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

const REPORT: &str = "report.json";
const STORE: &str = "store.sqlite";
const SOURCE: &str = "source.sqlite";
const LOG: &str = "stderr.txt";

impl Executor for Process {
    fn prepare(&mut self, scenario: usize, records: u32) -> Result<Source> {
        let workload = self.conditions(scenario)?.workload.clone();
        let folder = self.sources.join(self.source_name(&workload, records));
        let source = Source { scenario, path: folder.join(SOURCE), records };
        if source.path.exists() {
            return Ok(source);
        }
        self.remove_stale_sources();
        let aside = temporary(&self.sources)?;
        let log = temporary(self.stores())?;
        self.generate(&workload, records, &aside.path().join(SOURCE), &log.path().join(LOG))?;
        // Another measurement may have made the same source meanwhile; either one will do.
        match fs::rename(aside.path(), &folder) {
            Err(error) if !source.path.exists() => {
                Err(Error::caused(format!("writing {}", folder.display()), error))
            }
            _ => Ok(source),
        }
    }

    fn measure(
        &mut self,
        source: &Source,
        program: usize,
        settings: &Settings,
    ) -> Result<Measurement> {
        let folder = temporary(self.stores())?;
        self.run_in(folder.path(), source, program, settings)
    }

    fn first_difference(
        &mut self,
        source: &Source,
        arms: &[Arm; 2],
        names: [&str; 2],
    ) -> Result<Option<Difference>> {
        let folders = [temporary(self.stores())?, temporary(self.stores())?];
        for (folder, arm) in folders.iter().zip(arms) {
            self.run_in(folder.path(), source, arm.program, &arm.setting.settings)?;
        }
        let [one, other] = folders.each_ref().map(|folder| folder.path().join(STORE));
        if !one.exists() || !other.exists() {
            return Ok(None);
        }
        // A runner's store may be no database that can be read here.
        Ok(difference::first(&one, &other, names).unwrap_or_default())
    }
}

impl Process {
    /// One trial, with its store and its report in this folder.
    fn run_in(
        &mut self,
        folder: &Path,
        source: &Source,
        program: usize,
        settings: &Settings,
    ) -> Result<Measurement> {
        let conditions = self.conditions(source.scenario)?;
        let Some(program) = self.programs.get(program) else {
            return Err(Error::environment(format!("there is no program {program}")));
        };
        let words = Self::words(source, program, conditions, settings, folder);
        let (program, share) = program.unslowed();
        let foreign = matches!(program, Program::Runner(_));
        let (link, timeout_s) = (conditions.link, conditions.timeout_s);
        let log = folder.join(LOG);
        let limit = Duration::from_secs(timeout_s.into());
        let before = Counters::now();
        let start = Instant::now();
        let end = self.run(&words, share, &log, Some(limit))?;
        let elapsed = start.elapsed();
        let after = Counters::now();
        let asked = Asked { settings, link, foreign };
        let failure = |cause| Outcome::Failure(Failure { cause, detail: last_words(&log) });
        let (usage, outcome) = match end {
            End::Well(usage) => {
                // An unreadable report is refused as an empty one is: by what it lacks.
                let text = fs::read_to_string(folder.join(REPORT)).unwrap_or_default();
                (Some(usage), read_report(&text, &asked))
            }
            End::Badly(cause, usage) => (usage, failure(cause)),
            End::TimedOut => (None, failure(Cause::Timeout { limit_s: timeout_s })),
        };
        let surroundings = before
            .zip(after)
            .zip(usage)
            .and_then(|((before, after), usage)| after.since(before, elapsed, usage));
        Ok(Measurement { elapsed_s: elapsed.as_secs_f64(), usage, surroundings, outcome })
    }
}

/// The path by which this process starts its own binary again.
fn own_binary() -> Result<PathBuf> {
    // This path stays the running binary when a build replaces the file in the middle of it.
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        return Ok(running);
    }
    std::env::current_exe()
        .map_err(|error| Error::caused("finding the harness's own binary", error))
}

/// Everything that a launcher says until it and the program are gone.
async fn last_word(child: &mut Child) -> io::Result<String> {
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said).await?;
    }
    Ok(said)
}

/// How the program ended, from its launcher's last word; a launcher that said nothing was killed.
fn end_of(said: &str) -> io::Result<End> {
    if said.is_empty() {
        let signal = Signal::SIGKILL as i32;
        return Ok(End::Badly(Cause::Signal { signal }, None));
    }
    Ok(match serde_json::from_str(said)? {
        Word::Ended { code: Some(0), usage, .. } => End::Well(usage),
        Word::Ended { code: Some(code), usage, .. } => {
            End::Badly(Cause::Exit { code }, Some(usage))
        }
        Word::Ended { code: None, signal, usage } => {
            let signal = signal.unwrap_or_default();
            End::Badly(Cause::Signal { signal }, Some(usage))
        }
        Word::Failed(reason) => return Err(io::Error::other(reason)),
    })
}

async fn sleep(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Ends the process and everything in its group, and waits until it is gone.
async fn end_group(child: &mut Child) -> io::Result<()> {
    if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // A group that is already gone is what is wanted.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    child.wait().await.map(|_| ())
}

fn temporary(within: &Path) -> Result<TempDir> {
    tempfile::tempdir_in(within)
        .map_err(|error| Error::caused(format!("creating a folder in {}", within.display()), error))
}

fn store_url(path: &Path) -> OsString {
    let mut url = OsString::from("sqlite:");
    url.push(path);
    url
}

/// The settings as a flat object.
fn flat(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    }
}

/// A value without the quotes of a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// The settings as the migrator's command line takes them: names with hyphens. What the baseline
/// has is not said, because an older build may not know the setting; its report has to agree.
fn flags(settings: &Settings) -> Vec<String> {
    let baseline = flat(&Settings::default());
    let settings = flat(settings);
    let said = settings.iter().filter(|(name, value)| baseline.get(*name) != Some(value));
    said.flat_map(|(name, value)| [format!("--{}", name.replace('_', "-")), plain(value)]).collect()
}

/// A migrator from before there were links is not asked for none.
fn link_flags(link: Link) -> Vec<OsString> {
    if !link.is_simulated() {
        return Vec::new();
    }
    let Link { connect_ms, round_trip_ms } = link;
    let flags = [("--link-connect-ms", connect_ms), ("--link-round-trip-ms", round_trip_ms)];
    flags.into_iter().flat_map(|(flag, ms)| [flag.into(), ms.to_string().into()]).collect()
}

/// The end of what a process wrote to its stderr, in one line, without what would move a
/// terminal's cursor or change its colours.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut start = text.len().saturating_sub(LAST_WORDS_BYTES_MAX);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let words: Vec<_> = text[start..].split_whitespace().collect();
    words.join(" ").replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn settings_become_flags_with_hyphens_and_the_baseline_is_not_said() {
        let varied = settings(json!({"batch_size": 50, "insert": "bulk", "workers": 2}));
        assert_eq!(flags(&varied), ["--batch-size", "50", "--insert", "bulk"]);
        assert!(flags(&Settings::default()).is_empty());
    }

    #[test]
    fn the_flags_of_a_trial_are_those_that_the_migrator_takes() {
        use clap::Parser;
        let varied = settings(json!({"batch_size": 50, "pool": "shared", "pool_max": 3}));
        let mut arguments = vec!["migrator".to_owned(), "run".into()];
        arguments.extend(["--source".into(), "a".into(), "--store".into(), "b".into()]);
        arguments.extend(flags(&varied));
        let link = link_flags(Link { connect_ms: 150, round_trip_ms: 1 });
        arguments.extend(link.into_iter().map(|word| word.into_string().unwrap()));
        let cli = migrator::args::Cli::try_parse_from(arguments).unwrap();
        let migrator::args::Verb::Run(run) = cli.verb else { panic!("another verb") };
        assert_eq!((run.link_connect_ms, run.link_round_trip_ms), (150, 1));
        assert_eq!(Settings::try_from(run.settings).unwrap(), varied);
        assert!(link_flags(Link::default()).is_empty());
    }

    #[test]
    fn last_words_are_one_short_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join(LOG);
        fs::write(&log, format!("{}\nmigrator: no such\n  file\n", "ä".repeat(600))).unwrap();
        let words = last_words(&log);
        assert!(words.ends_with("migrator: no such file"), "{words}");
        assert!(words.len() <= LAST_WORDS_BYTES_MAX);
        assert_eq!(last_words(Path::new("/nonexistent")), "");
        fs::write(&log, "\u{1b}[2J\u{1b}]0;mine\u{7} \u{9b}31m red\r\u{8}").unwrap();
        let words = last_words(&log);
        assert!(words.contains("[2J") && !words.contains(char::is_control), "{words:?}");
    }
}
