//! Sessions with texts that look like markup, links, commands or formulas, in every place that
//! takes texts: scenarios, file names, commands, run reports, tables, records and a program's last
//! output. The real binary runs them, with programs that store the requested rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::trial::report;
use migrator::config::Settings;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::harness;
use crate::files::files;

/// Each is shorter than any limit of length, or begins with the characters that matter.
pub(crate) const TEXTS: [&str; 5] = [
    "<script>alert(1)</script> \"'&amp; &lt;b&gt; <img src=x onerror=alert(2)>",
    "](javascript:alert(3)) [l](https://x.test) ![i](//x.test) www.x.test a@x.test @all #1",
    "- `a` ``` | b \\|\n\n| c |\n|---|\n<!-- d --> --> ]]> </td></table></svg></style>",
    "\u{1b}[31m\u{9b}2J\u{1b}]0;t\u{7}\u{202e}txt.exe\u{2066}\r\n# head\n1. item *s* _u_ ~~d~~ $m$\\",
    "=1+1\t@SUM(A1)</summary></details><h1>h</h1>\n===\n--> %0a ${x} $(y) `z`",
];

/// A marker that identifies a text, however its special characters are escaped.
pub(crate) fn mark(place: &str) -> String {
    format!("Mal{place}y")
}

/// A text for a place.
fn text(signs: &str, place: &str) -> String {
    format!("{signs}{}", mark(place))
}

/// A text as a file name, without the characters that a file name cannot have.
fn file_name(signs: &str, place: &str, ending: &str) -> String {
    format!("{}{ending}", text(signs, place).replace('/', "_"))
}

/// A finished session: folder, printed output and the places of its texts.
pub(crate) struct Ran {
    pub(crate) folder: TempDir,
    pub(crate) results: PathBuf,
    pub(crate) printed: String,
    pub(crate) places: Vec<&'static str>,
}

/// A run report with these hostile fields.
fn hostile_report(signs: &str) -> Value {
    let mut said = serde_json::to_value(report(&Settings::default(), 400, 60_000.0)).unwrap();
    said["build"] = json!({"version": text(signs, "version"), "profile": text(signs, "profile")});
    said["store"] = json!({"kind": text(signs, "kind"), "version": text(signs, "store")});
    said["checksum"] = text(signs, "checksum").into();
    let stage = said["stages"]["insert"].clone();
    // Sorted behind the others, whatever its characters are: stages are in alphabetical order.
    said["stages"][format!("zz{}", text(signs, "stage"))] = stage;
    said["settings"] = "SETTINGS".into();
    said
}

/// Writes a program. `generate` makes a source, and the other verbs run `lines` with `$report`,
/// `$store`, `$size`, and `$run`, the number of runs so far.
fn program(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let here = folder.display();
    let script = format!(
        "#!/bin/sh\nverb=$1 size=$2\nwhile [ $# -gt 0 ]; do\n case $1 in\n --report) report=$2 ;;\n \
         --store) store=${{2#sqlite:}} ;;\n --out) out=${{2#sqlite:}} ;;\n --batch-size) size=$2 ;;\n \
         esac\n shift\ndone\nif [ \"$verb\" = generate ]; then echo source > \"$out\"; exit 0; fi\n\
         echo >> '{here}/runs'; run=$(wc -l < '{here}/runs')\n{lines}\n"
    );
    let source = folder.join("program.txt");
    fs::write(&source, script).unwrap();
    let program = folder.join(name);
    // Another process writes it: a test that forks meanwhile would keep the file open.
    let mut install = Command::new("install");
    install.args(["-m", "755", "-T"]).arg(source).arg(&program);
    assert!(install.status().unwrap().success());
    program
}

/// A line that writes a report with the batch size of the run.
fn reporting(folder: &Path, name: &str, report: &Value) -> String {
    let path = folder.join(format!("{name}.json"));
    let settings = "{\"batch_size\":SIZE,\"workers\":2}";
    fs::write(&path, report.to_string().replace("\"SETTINGS\"", settings)).unwrap();
    format!("sed \"s/SIZE/${{size}}/\" '{}' > \"$report\"", path.display())
}

/// A line that fails with hostile last output.
fn failing(folder: &Path, signs: &str) -> String {
    let path = folder.join("last-words");
    fs::write(&path, text(signs, "reason")).unwrap();
    format!("cat '{}' >&2; exit 3", path.display())
}

/// The text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

const CONDITIONS: &str = "
[workload]
records = 400
[baseline]
batch_size = 100
[validity]
foreign_cpu_share_max = 1.0
steal_share_max = 1.0
[limits]
timeout_s = 60
";

fn runner(program: &Path, signs: &str) -> String {
    let words = [program.to_str().unwrap(), "run", "{batch_size}", "--report", "{report}"];
    let mut command: Vec<String> = words.map(quoted).into();
    command.extend(["\"--source\"".into(), "\"{source}\"".into()]);
    let signs = signs.replace('{', "{{").replace('}', "}}");
    command.push(quoted(&text(&signs, "word")));
    format!("[runner]\ncommand = [{}]\n", command.join(", "))
}

/// Runs the verb and collects its results.
fn run(folder: TempDir, arguments: &[&str], places: &[&'static str]) -> Ran {
    let out = folder.path().join("out");
    let mut command = harness();
    command.args(arguments).arg("--out").arg(&out);
    let output = command.env_remove("GITHUB_STEP_SUMMARY").output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let printed = printed.concat();
    assert!(out.exists(), "no results of {arguments:?}: {printed}");
    let mut ledgers = files(&out).into_iter().filter(|path| path.ends_with("ledger.jsonl"));
    let results = ledgers.next().unwrap().parent().unwrap().to_owned();
    Ran { folder, results, printed, places: places.to_vec() }
}

/// A scenario of two sizes in a file with a hostile name, for a program that runs these lines.
fn two_sizes(folder: &Path, signs: &str, lines: &str) -> String {
    let program = program(folder, "program", lines);
    let scenario = format!(
        "name = \"hostile\"\nwhy = {}\nphase = {}\noptimization = {}\nruns = 4\nwarmup = 0\npairs = 8\n\
         {CONDITIONS}{}[sweep]\nbatch_size = [100, 200]\n",
        quoted(&text(signs, "why")),
        quoted(&text(signs, "phase")),
        quoted(&text(signs, "optimization")),
        runner(&program, signs),
    );
    let file = folder.join(file_name(signs, "file", ".toml"));
    fs::write(&file, scenario).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Two sizes with a command; one of their runs fails.
pub(crate) fn sweep(signs: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let reports = reporting(at, "said", &hostile_report(signs));
    let fails = failing(at, signs);
    let file = two_sizes(at, signs, &format!("if [ $run = 3 ]; then {fails}; fi\n{reports}"));
    let places = [
        "why",
        "phase",
        "optimization",
        "word",
        "version",
        "profile",
        "kind",
        "store",
        "checksum",
        "stage",
        "reason",
        "file",
    ];
    run(folder, &["sweep", &file], &places)
}

/// A quick explanation of the difference between two sizes.
pub(crate) fn explain(signs: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let said = reporting(folder.path(), "said", &hostile_report(signs));
    let file = two_sizes(folder.path(), signs, &said);
    let arms = ["--base", "baseline", "--head", "batch_size=200"];
    let words = [&["explain", "--quick", "--scenario", &file], &arms[..]].concat();
    run(folder, &words, &["file"])
}

/// A quick self-test.
pub(crate) fn self_test(signs: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let said = reporting(folder.path(), "said", &hostile_report(signs));
    let file = two_sizes(folder.path(), signs, &said);
    run(folder, &["self-test", "--quick", &file], &["file"])
}

/// A quick plan of one phase.
pub(crate) fn tune(signs: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let program = program(at, "program", &reporting(at, "said", &hostile_report(signs)));
    let plan = format!(
        "name = \"hostile\"\nwhy = {}\nbudget = \"1m\"\n{CONDITIONS}{}[[phase]]\nphase = {}\n\
         optimization = {}\nwhy = {}\ncommit = \"Set it\"\n[phase.sweep]\n\
         batch_size = [100, 200]\n",
        quoted(&text(signs, "question")),
        runner(&program, signs),
        quoted(&text(signs, "phase")),
        quoted(&text(signs, "optimization")),
        quoted(&text(signs, "why")),
    );
    let file = at.join(file_name(signs, "file", ".toml"));
    fs::write(&file, plan).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let places = ["question", "phase", "optimization", "why", "word", "version", "file"];
    run(folder, &["tune", "--quick", &file], &places)
}

/// A store with one record that contains this value. A long text is truncated at its end.
fn store(path: &Path, signs: &str, value: &str) {
    let name = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let store = Connection::open(path).unwrap();
    let (table, column) = (name(&text(signs, "table")), name(&text(signs, "column")));
    store.execute(&format!("CREATE TABLE {table} (app_id TEXT, {column} TEXT)"), []).unwrap();
    let record = format!("{}{signs}", mark("record"));
    store
        .execute(&format!("INSERT INTO {table} VALUES (?1, ?2)"), [record.as_str(), value])
        .unwrap();
}

const GATE: &str = "
name = \"hostile\"
why = \"Does it work?\"
phase = \"gate\"
optimization = \"A program against its baseline\"
[gate]
margin = 0.5
";

/// Two programs that store different values for one record, or a head that fails with its last
/// output only.
pub(crate) fn gate(signs: &str, head_runs: bool) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let arm = |name: &str, place: &str| {
        let home = at.join(name);
        fs::create_dir(&home).unwrap();
        let mut said = hostile_report(signs);
        said["checksum"] = text(signs, place).into();
        store(&home.join("store"), signs, &format!("{}{signs}", mark(place)));
        let copies = format!("cp '{}' \"$store\"", home.join("store").display());
        let runs = format!("{copies}\n{}", reporting(&home, "said", &said));
        let lines = if name == "head" && !head_runs { failing(&home, signs) } else { runs };
        let program = program(&home, &file_name(signs, name, ""), &lines);
        program.to_str().unwrap().to_owned()
    };
    let (base, head) = (arm("base", "one"), arm("head", "other"));
    let file = at.join("scenario.toml");
    fs::write(&file, format!("{GATE}{CONDITIONS}")).unwrap();
    let places: &[&str] = if head_runs {
        &["base", "head", "table", "record", "column", "one", "other", "version"]
    } else {
        &["base", "head", "reason"]
    };
    let file = file.to_str().unwrap().to_owned();
    run(folder, &["gate", "--base", &base, "--head", &head, "--scenario", &file], places)
}
