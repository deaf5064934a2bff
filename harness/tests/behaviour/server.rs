//! Trials on a server, as a user starts them: real processes against the test double of SQL Server,
//! whose speed is not representative. Covers complete, interrupted and rejected sessions, and
//! asserts that no file, output or process contains the password.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tds_double::faults::{Fault, Trigger};
use tds_double::{Options, TdsDouble};
use tempfile::TempDir;

use crate::files::files;

const PASSWORD: &str = "Nobody-Opens-\"Sesame\"-5";
const VARIABLE: &str = "MIGRATOR_DB_PASSWORD";

/// Lines of every scenario in this file: few small records, and limits for a machine that runs
/// other tests.
const CONDITIONS: &str = r#"
runs = 3
warmup = 0

[workload]
records = 12
profile = "small"

[store]
url = "mssql:"

[baseline]
workers = 1
batch_size = 12

[validity]
foreign_cpu_share_max = 1.0
steal_share_max = 1.0
swapped_pages_max = 1000000000
"#;

const SWEEP: &str = r#"
name = "on-a-server"
why = "Does it work?"
phase = "II.1"
optimization = "Batch size tuning"
CONDITIONS
[sweep]
batch_size = [6, 12]
"#;

const PLAN: &str = r#"
name = "plan-on-a-server"
why = "Does it work?"
budget = "5m"
CONDITIONS
[[phase]]
phase = "II.2"
optimization = "Lazy connection pooling"
why = "What is a connection that is kept worth?"
commit = "Pool connections lazily ({pool})"
[phase.sweep]
pool = ["off", "worker"]
"#;

/// A double, and a folder with a wrapper around the migrator that logs its arguments.
struct Fixture {
    double: TdsDouble,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let double =
            TdsDouble::start_with(Options { password: PASSWORD.into(), ..Options::default() });
        Self { double, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text.replace("CONDITIONS", CONDITIONS)).unwrap();
        path
    }

    fn url(&self) -> String {
        format!("{}&connect_timeout_s=5&command_timeout_s=10", self.double.url())
    }

    /// Another process writes the program: one that is open for writing in a process that forks
    /// cannot be started.
    fn install(&self, name: &str, script: &str) -> PathBuf {
        let text = self.write(&format!("{name}.txt"), script);
        let program = self.path(name);
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(text).arg(&program);
        assert!(install.status().unwrap().success());
        program
    }

    /// The migrator of the harness, behind a script that logs arguments and environment.
    fn noting_migrator(&self) -> PathBuf {
        let harness = assert_cmd::cargo::cargo_bin!("harness");
        let notes = self.path("noted").display().to_string();
        self.install(
            "migrator",
            &format!(
                "#!/bin/sh\n\
                 {{ echo \"$1 of $@\"; tr '\\0' ' ' < /proc/$PPID/cmdline; echo; \
                 env | grep -c ^{VARIABLE}=; }} >> '{notes}'.$1\n\
                 exec '{}' migrator \"$@\"\n",
                harness.display()
            ),
        )
    }

    /// Log of the wrapper for a verb.
    fn noted(&self, verb: &str) -> String {
        fs::read_to_string(self.path(&format!("noted.{verb}"))).unwrap_or_default()
    }

    /// `harness …` that knows the password.
    fn harness(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("harness"));
        command.args(arguments).env(VARIABLE, PASSWORD).current_dir(self.folder.path());
        command
    }

    /// `harness VERB SCENARIO --quick --out … --store …`, and further arguments.
    fn session(&self, verb: &str, scenario: &str, more: &[&str]) -> Command {
        let scenario = self.write(&format!("{verb}.toml"), scenario);
        let mut command = self.harness(&[verb]);
        command.arg(scenario).args(["--quick", "--out", "out"]).args(more);
        command
    }

    /// The only results folder of a scenario.
    fn results(&self, scenario: &str) -> PathBuf {
        let folders = fs::read_dir(self.path("out").join(scenario)).unwrap();
        let mut folders: Vec<_> = folders.map(|folder| folder.unwrap().path()).collect();
        assert_eq!(folders.len(), 1);
        folders.remove(0)
    }

    fn ledger(&self, scenario: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.results(scenario).join("ledger.jsonl")).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Number of times that the tables of the schema were removed.
    fn resets(&self, schema: &str) -> usize {
        let drop = format!("DROP TABLE [{schema}].[app_base]");
        self.double.messages().iter().filter(|message| message.text == drop).count()
    }

    /// Asserts that no file below the folder contains the password.
    fn assert_no_file_tells(&self) {
        for path in files(self.folder.path()) {
            let bytes = fs::read(&path).unwrap();
            assert_tells_nothing(&String::from_utf8_lossy(&bytes), &path.display().to_string());
        }
    }
}

/// Asserts that the text contains the password neither literally nor as JSON escapes it.
fn assert_tells_nothing(text: &str, of: &str) {
    let in_json = serde_json::to_string(PASSWORD).unwrap();
    for secret in [PASSWORD, in_json.trim_matches('"')] {
        assert!(!text.contains(secret), "{of} tells the password");
    }
}

fn ended(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let [stdout, stderr] =
        [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert_tells_nothing(&stdout, "stdout");
    assert_tells_nothing(&stderr, "stderr");
    (status.code(), stdout, stderr)
}

fn succeed(command: Command) -> String {
    let (code, stdout, stderr) = ended(command);
    assert_eq!(code, Some(0), "{stderr}");
    stdout
}

/// Message of a command that has to fail.
fn refused(command: Command) -> String {
    let (code, _, stderr) = ended(command);
    assert_eq!(code, Some(2), "{stderr}");
    stderr
}

fn trials(ledger: &[Value]) -> Vec<&Value> {
    ledger.iter().filter(|line| line["kind"] == "trial").collect()
}

#[test]
fn a_sweep_empties_its_schema_before_each_run_and_keeps_the_password_secret() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let migrator = fixture.noting_migrator();
    let migrator = migrator.to_str().unwrap();
    let stdout =
        succeed(fixture.session("sweep", SWEEP, &["--store", &url, "--migrator", migrator]));
    assert!(stdout.contains("batch_size"), "{stdout}");
    let ledger = fixture.ledger("on-a-server");
    let trials = trials(&ledger);
    assert!(trials.len() >= 6);
    // The preflight check finds no tables to remove yet.
    assert_eq!(fixture.resets("sweetspot"), trials.len());
    for trial in &trials {
        assert_eq!(trial["report"]["store"]["kind"], "mssql", "{trial}");
        assert_eq!(trial["report"]["books"]["read"], 12);
        assert!(trial["reset_s"].as_f64().unwrap() > 0.0);
    }
    let identity = fs::read_to_string(fixture.results("on-a-server").join("identity.json"));
    let identity: Value = serde_json::from_str(&identity.unwrap()).unwrap();
    assert_eq!(identity["store"]["url"], format!("{url}&schema=sweetspot"));
    let version = identity["store"]["version"].as_str().unwrap();
    assert!(version.starts_with("mssql Microsoft SQL Server 2022"), "{version}");
    assert_eq!(identity["store"].get("synchronous"), None);
    let origin = &ledger[0]["origin"]["servers"][0];
    assert_eq!(origin["url"], identity["store"]["url"]);
    // Verbs that log in get only the one variable; the others get none.
    for (verb, gets_it) in [("init", "1"), ("run", "1"), ("generate", "0")] {
        let noted = fixture.noted(verb);
        let told = noted.lines().skip(2).step_by(3);
        assert!(noted.contains(&format!("{verb} of {verb}")), "{verb}: {noted}");
        assert!(told.clone().count() > 0 && told.clone().all(|told| told == gets_it), "{noted}");
    }
    let report = fs::read_to_string(fixture.results("on-a-server").join("report.md")).unwrap();
    assert!(report.contains("(test double) at mssql"), "{report}");
    assert!(fixture.double.all_closed_within(Duration::from_secs(5)));
    fixture.assert_no_file_tells();
}

#[test]
fn a_plan_is_tuned_on_a_server_from_start_to_finish_with_a_password_from_a_file() {
    let fixture = Fixture::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let url = fixture.url();
    let file = file.to_str().unwrap();
    let more = ["--store", &url, "--password-file", file];
    let mut tune = fixture.session("tune", PLAN, &more);
    tune.env_remove(VARIABLE);
    let stdout = succeed(tune);
    assert!(stdout.contains("II.2") && stdout.contains("The settings to use"), "{stdout}");
    let ledger = fixture.ledger("plan-on-a-server");
    assert_eq!(ledger.last().unwrap()["ending"], "complete");
    assert!(trials(&ledger).iter().all(|trial| trial["report"]["store"]["kind"] == "mssql"));
    fixture.assert_no_file_tells();
}

#[test]
fn a_gate_compares_two_programs_on_a_server() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let migrator = fixture.noting_migrator();
    let arm = migrator.to_str().unwrap();
    let scenario = SWEEP.replace("[sweep]\nbatch_size = [6, 12]", "[gate]\nmargin = 0.05");
    let scenario = fixture.write("gate.toml", &scenario);
    let mut gate = fixture.harness(&["gate", "--base", arm, "--head", arm, "--store", &url]);
    gate.arg("--scenario").arg(scenario).args(["--quick", "--out", "out", "--json"]);
    gate.arg("--measure-anyway");
    let gated: Value = serde_json::from_str(&succeed(gate)).unwrap();
    assert_eq!(gated["workloads"][0]["comparison"]["pairs"], 4, "{gated}");
    fixture.assert_no_file_tells();
}

#[test]
fn programs_that_store_different_rows_on_a_server_are_reported_by_record_and_column() {
    let fixture = Fixture::new();
    let harness = assert_cmd::cargo::cargo_bin!("harness").display().to_string();
    let base = fixture.install("base", &format!("#!/bin/sh\nexec '{harness}' migrator \"$@\"\n"));
    let head = fixture.install(
        "head",
        &format!(
            "#!/bin/sh\n\
             for word; do shift; [ \"$word\" = 2026-01-01T00:00:00 ] && word=2026-01-02T00:00:00; \
             set -- \"$@\" \"$word\"; done\n\
             exec '{harness}' migrator \"$@\"\n"
        ),
    );
    let scenario = SWEEP.replace("[sweep]\nbatch_size = [6, 12]", "[gate]\nmargin = 0.05");
    let scenario = fixture.write("gate.toml", &scenario);
    let url = fixture.url();
    let mut gate = fixture.harness(&["gate", "--store", &url, "--quick", "--out", "out"]);
    gate.arg("--base").arg(base).arg("--head").arg(head).arg("--scenario").arg(scenario);
    let (code, stdout, stderr) = ended(gate);
    assert_eq!(code, Some(5), "{stdout}{stderr}");
    let said: Vec<&str> = stdout.split_whitespace().collect();
    let said = said.join(" ");
    assert!(said.contains("checksum"), "{said}");
    assert!(said.contains("The first difference: app_"), "{said}");
    assert!(said.contains(" record ") && said.contains("2026-01-02"), "{said}");
}

/// Waits until the ledger of the running sweep has `count` trials.
fn wait_for_trials(fixture: &Fixture, count: usize) {
    let start = Instant::now();
    let trials = || {
        let folders = fs::read_dir(fixture.path("out/on-a-server")).into_iter().flatten().flatten();
        let ledgers = folders.map(|folder| fs::read_to_string(folder.path().join("ledger.jsonl")));
        let texts: Vec<String> = ledgers.map(Result::unwrap_or_default).collect();
        texts.iter().map(|text| text.matches(r#""kind":"trial""#).count()).sum::<usize>()
    };
    while trials() < count {
        assert!(start.elapsed() < Duration::from_secs(120), "no run ends");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_session_does_not_empty_the_schema_of_a_running_one() {
    let fixture = Fixture::new();
    let url = fixture.url();
    // Runs wait for a file, so that only the other session could empty the schema meanwhile.
    let harness = assert_cmd::cargo::cargo_bin!("harness");
    let (noted, go) = (fixture.path("waits"), fixture.path("go"));
    let waiting = fixture.install(
        "migrator",
        &format!(
            "#!/bin/sh\nif [ $1 = run ]; then touch '{}'; while [ ! -e '{}' ]; do sleep 0.05; done; \
             fi\nexec '{}' migrator \"$@\"\n",
            noted.display(),
            go.display(),
            harness.display()
        ),
    );
    let waiting = waiting.display().to_string();
    let mut first = fixture.session("sweep", SWEEP, &["--store", &url, "--migrator", &waiting]);
    let first = first.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !noted.exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "no run begins");
        sleep(Duration::from_millis(5));
    }
    let resets = fixture.resets("sweetspot");
    let other = SWEEP.replace("on-a-server", "another");
    assert_ne!(other, SWEEP);
    for scenario in [SWEEP, &other] {
        let said = refused(fixture.session("sweep", scenario, &["--fresh", "--store", &url]));
        assert!(said.contains("is measuring into schema sweetspot"), "{said}");
    }
    assert_eq!(fixture.resets("sweetspot"), resets);
    fs::write(go, "").unwrap();
    let output = first.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_session_resumes_only_on_its_own_server() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let mut sweep = fixture.session("sweep", SWEEP, &["--store", &url]);
    sweep.stdout(Stdio::null()).stderr(Stdio::piped());
    let running = sweep.spawn().unwrap();
    wait_for_trials(&fixture, 2);
    // From now on the server drops the connection when a schema is emptied.
    let reset = Trigger::Statement("DROP TABLE [sweetspot].[app_base]".into(), 0);
    fixture.double.faults().times(reset, Fault::DropBefore, usize::MAX);
    let output = running.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let said =
        "every run of a block failed, the first with the store could not be emptied before it";
    assert!(stderr.contains(said), "{stderr}");
    let before = fixture.ledger("on-a-server");
    let failed = trials(&before).into_iter().filter(|trial| trial.get("failure").is_some());
    let failed: Vec<&Value> = failed.collect();
    assert!(failed.len() >= 2 && failed.iter().all(|t| t["failure"]["cause"] == "reset"));
    // While the server is unreachable, the same command reports it and starts no run.
    let error = refused(fixture.session("sweep", SWEEP, &["--store", &url]));
    assert!(error.contains("remove table app_base"), "{error}");
    fixture.double.faults().clear();
    for (other, resolved) in [
        (format!("{url}&packet_size=4096"), format!("{url}&packet_size=4096&schema=sweetspot")),
        (format!("{url}&schema=elsewhere"), format!("{url}&schema=elsewhere")),
    ] {
        let error = refused(fixture.session("sweep", SWEEP, &["--store", &other]));
        let difference = format!("store {url}&schema=sweetspot instead of {resolved};");
        assert!(error.contains(&format!("cannot go on: {difference}")), "{error}");
        assert!(error.contains("`--fresh` starts a new one"), "{error}");
    }
    assert_eq!(fixture.ledger("on-a-server"), before);
    succeed(fixture.session("sweep", SWEEP, &["--store", &url]));
    let ledger = fixture.ledger("on-a-server");
    assert_eq!(ledger.iter().filter(|line| line["kind"] == "resumed").count(), 1);
    assert_eq!(ledger.last().unwrap()["ending"], "complete");
    assert!(trials(&ledger).last().unwrap().get("report").is_some());
    fixture.assert_no_file_tells();
}

#[test]
fn errors_that_affect_every_run_are_reported_before_the_first_run() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let nowhere = "mssql://migrator@127.0.0.1:1/loans?connect_timeout_s=2";
    let wrong = |value: Option<&str>, more: &[&str]| {
        let mut sweep = fixture.session("sweep", SWEEP, more);
        match value {
            Some(value) => sweep.env(VARIABLE, value),
            None => sweep.env_remove(VARIABLE),
        };
        refused(sweep)
    };
    let error = wrong(Some("Another-1"), &["--store", &url]);
    assert!(error.contains("18456") && !error.contains("Another-1"), "{error}");
    let error = wrong(None, &["--store", &url]);
    assert!(error.contains("MIGRATOR_DB_PASSWORD") && error.contains("--password-file"), "{error}");
    let error = wrong(Some(PASSWORD), &[]);
    assert!(error.contains("on-a-server is for a SQL Server") && error.contains("--store"));
    let error = wrong(Some(PASSWORD), &["--store", nowhere]);
    assert!(error.contains("127.0.0.1:1"), "{error}");
    let in_url = url.replace("migrator@", "migrator:Another-1@");
    let error = wrong(Some(PASSWORD), &["--store", &in_url]);
    assert!(error.contains("--store: ") && !error.contains("Another-1"), "{error}");
    let unused = fixture.harness(&["sweep", "batch-size", "--quick", "--password-file", "x"]);
    let error = refused(unused);
    assert!(error.contains("--password-file would be ignored"), "{error}");
    assert!(!fixture.path("out/on-a-server").exists(), "nothing is begun");
    assert!(!fixture.path("results/batch-size").exists(), "nothing is begun");
}

#[test]
fn a_foreign_schema_is_emptied_only_if_it_is_named() {
    let fixture = Fixture::new();
    let url = format!("{}&schema=dbo", fixture.url());
    succeed(fixture.harness(&["migrator", "init", "--store", &url, "--quiet"]));
    let error = refused(fixture.session("sweep", SWEEP, &["--store", &url]));
    assert!(error.contains("was not created by `migrator init`"), "{error}");
    assert!(error.contains("--recreate dbo"), "{error}");
    let error = refused(fixture.session("sweep", SWEEP, &["--store", &url, "--recreate", "other"]));
    assert!(error.contains("schema other") && error.contains("schema is dbo"), "{error}");
    assert_eq!(fixture.resets("dbo"), 0);
    succeed(fixture.session("sweep", SWEEP, &["--store", &url, "--recreate", "dbo"]));
    assert!(fixture.resets("dbo") >= 7);
    let text = fs::read_to_string(fixture.results("on-a-server").join("identity.json")).unwrap();
    let identity: Value = serde_json::from_str(&text).unwrap();
    let command = identity["command"].as_str().unwrap();
    assert!(command.contains("--store 'mssql://") && command.contains("--recreate dbo"));
}

#[test]
fn migrated_rows_are_removed_only_if_their_schema_is_named() {
    let fixture = Fixture::new();
    let url = format!("{}&schema=applications", fixture.url());
    let run = ["migrator", "run", "--source", "generated:small,3,1", "--quiet", "--store", &url];
    succeed(fixture.harness(&["migrator", "init", "--store", &url, "--quiet"]));
    succeed(fixture.harness(&run));
    let error = refused(fixture.session("sweep", SWEEP, &["--store", &url]));
    assert!(error.contains("holds what a migration stored"), "{error}");
    assert!(error.contains("--recreate applications"), "{error}");
    assert_eq!(fixture.resets("applications"), 0);
    let said = ["--store", &url, "--recreate", "applications"];
    succeed(fixture.session("sweep", SWEEP, &said));
    // Tables that trials have stored belong to no migration.
    succeed(fixture.session("sweep", SWEEP, &["--store", &url, "--fresh"]));
}

/// A program other than the migrator that prints its whole environment, and reports it too.
const TALKATIVE: &str = r#"#!/bin/sh
env >&2
echo "$@" > "$HERE/arguments"
[ "$1" = fail ] && exit 3
cat > "$2" <<END
{"format": 1, "settings": {"batch_size": $1}, "rec_per_min": 6000.0, "books": {"read": 12},
 "source": "logged in with $(printf %s "$MIGRATOR_DB_PASSWORD" | sed 's/"/\\"/g')"}
END
"#;

#[test]
fn a_command_gets_the_password_and_its_output_is_redacted() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let here = fixture.path("").display().to_string();
    let program = fixture.install("talkative", &TALKATIVE.replace("$HERE", &here));
    let program = program.display();
    let runner = |words: &str| {
        let command = format!("[runner]\ncommand = [\"{program}\", {words}]\n[sweep]");
        SWEEP.replace("[sweep]", &command)
    };
    let scenario = runner(r#""{batch_size}", "{report}", "{store}""#);
    succeed(fixture.session("sweep", &scenario, &["--store", &url]));
    let arguments = fs::read_to_string(fixture.path("arguments")).unwrap();
    assert!(arguments.contains(&format!("{url}&schema=sweetspot")), "{arguments}");
    let ledger = fixture.ledger("on-a-server");
    assert!(trials(&ledger).iter().all(|trial| trial["report"]["source"] == "logged in with …"));
    // The schema is emptied for a command too.
    assert_eq!(fixture.resets("sweetspot"), trials(&ledger).len());
    let scenario = runner(r#""fail", "{batch_size}", "{report}", "{store}""#);
    let failing = scenario.replace("on-a-server", "failing-on-a-server");
    let output = fixture.session("sweep", &failing, &["--store", &url]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("exit code 3"), "{error}");
    let blind = runner(r#""{batch_size}", "{report}""#);
    let error = refused(fixture.session("sweep", &blind, &["--store", &url]));
    assert!(error.contains("has no {store}, which would be ignored"), "{error}");
    fixture.assert_no_file_tells();
}
