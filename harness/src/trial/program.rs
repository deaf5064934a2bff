//! Programs under test and their command lines: a build of the migrator, or any program that writes
//! a run report.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use migrator::config::Settings;
use serde_json::{Map, Value};

use super::executor::{FIXED_NOW, MIGRATOR_VERB};
use crate::error::{Error, Result};
use crate::scenario::{Link, Runner, Store, Workload};
use crate::trial::provenance::fingerprint;

const REPORT: &str = "report.json";
const STORE: &str = "store.sqlite";

/// The program under test.
#[derive(Debug, Clone)]
pub enum Program {
    /// A build of the migrator.
    Migrator(Migrator),
    /// Any program that writes a run report.
    Runner(Runner),
    /// Another program, slowed by a known share.
    Slowed(Box<Program>, f64),
}

/// A build of the migrator: the binary, and the arguments before its own.
#[derive(Debug, Clone)]
pub struct Migrator {
    path: PathBuf,
    arguments: Vec<OsString>,
}

/// Specification of one run of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial<'a> {
    /// The `SQLite` file with the records.
    pub(crate) source: &'a Path,
    /// Target of the rows.
    pub(crate) store: &'a Store,
    /// The settings.
    pub(crate) settings: &'a Settings,
    /// Simulated network.
    pub(crate) link: Link,
    /// The trial's own folder.
    pub(crate) folder: &'a Path,
}

impl Trial<'_> {
    /// Path of the report.
    pub(crate) fn report(&self) -> PathBuf {
        self.folder.join(REPORT)
    }

    /// The URL of the store: of a server, or of the trial's own file.
    fn store_url(&self) -> OsString {
        if self.store.is_server() { self.store.url.clone().into() } else { url(&file(self.folder)) }
    }
}

/// The store file of a trial.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(STORE)
}

impl Migrator {
    /// The harness's own binary, which acts as the migrator under a hidden verb.
    pub(crate) fn own() -> Result<Self> {
        Ok(Self { path: own_binary()?, arguments: vec![MIGRATOR_VERB.into()] })
    }

    /// BLAKE3 of the binary, 32 hex digits.
    pub(crate) fn fingerprint(&self) -> Result<String> {
        fingerprint(&self.path)
    }

    /// True if an interpreter runs it.
    fn is_script(&self) -> Result<bool> {
        let failed = |error| Error::caused(format!("reading {}", self.path.display()), error);
        let mut start = Vec::new();
        let file = fs::File::open(&self.path).map_err(failed)?;
        file.take(2).read_to_end(&mut start).map_err(failed)?;
        Ok(start == b"#!")
    }

    fn words(&self, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
        let mut words = vec![self.path.clone().into()];
        words.extend(self.arguments.clone());
        words.extend(arguments);
        words
    }

    /// The command line that generates this many records.
    pub(crate) fn generate(&self, workload: &Workload, records: u32, file: &Path) -> Vec<OsString> {
        let flags = [
            ("--records", records.to_string()),
            ("--seed", workload.seed.to_string()),
            ("--profile", workload.profile.clone()),
            ("--duplicates", workload.duplicates.to_string()),
            ("--rejects", workload.rejects.to_string()),
        ];
        let flags = flags.into_iter().flat_map(|(flag, value)| [flag.into(), value.into()]);
        let out = ["--out".into(), url(file), "--quiet".into()];
        self.words(std::iter::once("generate".into()).chain(flags).chain(out))
    }

    /// The command line that empties a server's schema. A schema that was not created for trials
    /// must be named in `recreate`.
    pub(crate) fn reset(&self, store: &Store, recreate: Option<&str>) -> Vec<OsString> {
        let recreate = recreate.map(|schema| format!("--recreate={schema}"));
        self.words([
            "init".into(),
            "--store".into(),
            store.url.clone().into(),
            recreate.unwrap_or_else(|| "--recreate".into()).into(),
            "--quiet".into(),
        ])
    }

    fn run(&self, trial: &Trial<'_>) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["run".into()];
        arguments.extend([
            "--source".into(),
            url(trial.source),
            "--store".into(),
            trial.store_url(),
        ]);
        arguments.extend(flags(trial.settings).into_iter().map(OsString::from));
        if let Some(synchronous) = &trial.store.synchronous {
            arguments.extend(["--synchronous".into(), synchronous.clone().into()]);
        }
        arguments.extend(link_flags(trial.link));
        arguments.extend(["--now".into(), FIXED_NOW.into()]);
        arguments.extend(["--report".into(), trial.report().into(), "--quiet".into()]);
        self.words(arguments)
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

    /// True if both are one build of the migrator with the same arguments. Equal bytes at two paths
    /// are one program, except for a script, which may find other files beside it. Never true for
    /// a `[runner]` command, because its effect is unknown.
    pub fn is_same_as(&self, other: &Self) -> Result<bool> {
        let (Self::Migrator(one), Self::Migrator(other)) = (self, other) else {
            return Ok(false);
        };
        if one.arguments != other.arguments {
            return Ok(false);
        }
        let real = |path: &Path| fs::canonicalize(path).ok();
        if real(&one.path).is_some_and(|path| real(&other.path) == Some(path)) {
            return Ok(true);
        }
        Ok(!one.is_script()? && one.fingerprint()? == other.fingerprint()?)
    }

    /// The same program slowed by `share`, 0 or more.
    #[must_use]
    pub fn slowed(self, share: f64) -> Self {
        Self::Slowed(Box::new(self), share)
    }

    /// True for a `[runner]` command, which is not a build of the migrator.
    pub(crate) fn is_runner(&self) -> bool {
        matches!(self.unslowed().0, Self::Runner(_))
    }

    /// The program without a slowdown, and the share of the slowdown.
    pub(crate) fn unslowed(&self) -> (&Self, f64) {
        match self {
            Self::Migrator(_) | Self::Runner(_) => (self, 0.0),
            Self::Slowed(program, share) => {
                let (program, other) = program.unslowed();
                (program, (1.0 + share) * (1.0 + other) - 1.0)
            }
        }
    }

    /// Migrator that makes the source and the tables: a build makes its own.
    pub(crate) fn migrator(&self) -> Result<Migrator> {
        match self {
            Self::Migrator(migrator) => Ok(migrator.clone()),
            Self::Runner(_) => Migrator::own(),
            Self::Slowed(program, _) => program.migrator(),
        }
    }

    /// BLAKE3 of the binary, 32 hex digits. For a runner it covers the command and every file that
    /// the command names, so that another script is another program.
    pub(crate) fn fingerprint(&self) -> Result<String> {
        let runner = match self {
            Self::Migrator(migrator) => return migrator.fingerprint(),
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

    /// The command line of a trial.
    pub(crate) fn run(&self, trial: &Trial<'_>) -> Vec<OsString> {
        match self {
            Self::Migrator(migrator) => migrator.run(trial),
            Self::Runner(runner) => {
                let values = flat(trial.settings);
                let value = |place: &str| match place {
                    "source" => Some(url(trial.source).to_string_lossy().into_owned()),
                    "store" => Some(trial.store_url().to_string_lossy().into_owned()),
                    "report" => Some(trial.report().display().to_string()),
                    "now" => Some(FIXED_NOW.into()),
                    "synchronous" => trial.store.synchronous.clone(),
                    "link_connect_ms" => Some(trial.link.connect_ms.to_string()),
                    "link_round_trip_ms" => Some(trial.link.round_trip_ms.to_string()),
                    setting => values.get(setting).map(plain),
                };
                runner.words(value).into_iter().map(OsString::from).collect()
            }
            Self::Slowed(program, _) => program.run(trial),
        }
    }
}

/// The path for starting this binary again.
pub(crate) fn own_binary() -> Result<PathBuf> {
    // This path stays the running binary even if a build replaces the file.
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        return Ok(running);
    }
    std::env::current_exe()
        .map_err(|error| Error::caused("finding the harness's own binary", error))
}

fn url(path: &Path) -> OsString {
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

/// Flags of the migrator's command line for these settings. Values equal to the baseline are
/// omitted, because an older build may not know the setting; its report has to agree.
fn flags(settings: &Settings) -> Vec<String> {
    let baseline = flat(&Settings::default());
    let settings = flat(settings);
    let said = settings.iter().filter(|(name, value)| baseline.get(*name) != Some(value));
    said.flat_map(|(name, value)| [format!("--{}", name.replace('_', "-")), plain(value)]).collect()
}

/// An old migrator without network options gets none.
fn link_flags(link: Link) -> Vec<OsString> {
    if !link.is_simulated() {
        return Vec::new();
    }
    let Link { connect_ms, round_trip_ms } = link;
    let flags = [("--link-connect-ms", connect_ms), ("--link-round-trip-ms", round_trip_ms)];
    flags.into_iter().flat_map(|(flag, ms)| [flag.into(), ms.to_string().into()]).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use migrator::cli::args::{Cli, Verb};
    use serde_json::json;

    use super::*;
    use crate::scenario::{Scenario, shipped};

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    /// Parses a command line of the migrator, beginning with its path and this verb.
    fn taken(words: Vec<OsString>, verb: &str) -> Verb {
        assert_eq!(words[1], verb);
        Cli::try_parse_from(words).unwrap().verb
    }

    fn build() -> Migrator {
        Migrator { path: "migrator".into(), arguments: Vec::new() }
    }

    fn store(url: &str) -> Store {
        let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
        scenario.stored_at(url).unwrap().store
    }

    #[test]
    fn settings_become_flags_and_baseline_values_are_omitted() {
        let varied = settings(json!({"batch_size": 50, "insert": "bulk", "workers": 2}));
        assert_eq!(flags(&varied), ["--batch-size", "50", "--insert", "bulk"]);
        assert!(flags(&Settings::default()).is_empty());
    }

    #[test]
    fn the_flags_of_a_trial_are_accepted_by_the_migrator() {
        let varied = settings(json!({"batch_size": 50, "pool": "shared", "pool_max": 3}));
        let link = Link { connect_ms: 150, round_trip_ms: 1 };
        for (url, there, synchronous) in [
            ("sqlite:", "sqlite:folder/store.sqlite", Some("full")),
            ("mssql://sa@db/x", "mssql://sa@db/x?schema=sweetspot", None),
        ] {
            let (store, source, folder) = (store(url), Path::new("a.db"), Path::new("folder"));
            let trial = Trial { source, store: &store, settings: &varied, link, folder };
            let words = Program::Migrator(build()).run(&trial);
            let said = words.iter().position(|word| word == "--synchronous");
            assert_eq!(said.and_then(|at| words[at + 1].to_str()), synchronous);
            let Verb::Run(run) = taken(words, "run") else { panic!("another verb") };
            assert_eq!((run.source.as_str(), run.store.as_str()), ("sqlite:a.db", there));
            assert_eq!((run.link_connect_ms, run.link_round_trip_ms), (150, 1));
            assert_eq!(Settings::try_from(run.settings).unwrap(), varied);
        }
        assert!(link_flags(Link::default()).is_empty());
    }

    #[test]
    fn a_schema_is_emptied_by_name_only_if_it_is_given() {
        for (recreate, schema) in [(None, ""), (Some("dbo"), "dbo")] {
            let words = build().reset(&store("mssql://sa@db/x?schema=dbo"), recreate);
            let Verb::Init(init) = taken(words, "init") else { panic!("another verb") };
            assert_eq!(init.store, "mssql://sa@db/x?schema=dbo");
            assert_eq!(init.recreate.as_deref(), Some(schema));
            assert!(init.quiet);
        }
    }

    #[test]
    fn a_runner_gets_the_server_url() {
        let words = ["p", "{store}", "{synchronous}"].map(String::from).to_vec();
        let (store, settings) = (store("mssql://sa@db/x"), Settings::default());
        let (source, folder) = (Path::new("a.db"), Path::new("folder"));
        let link = Link::default();
        let trial = Trial { source, store: &store, settings: &settings, link, folder };
        let words = Program::Runner(Runner { command: words }).run(&trial);
        assert_eq!(words, ["p", "mssql://sa@db/x?schema=sweetspot", ""]);
    }
}
