//! Texts that want to be markup, links, commands or formulas, in every place that a session takes
//! texts from: scenarios, file names, commands, run reports, tables, records and a program's last
//! words. The real binary runs them, and every report is read as its readers do. What a report must
//! be like is told by the same ledger with the texts' signs replaced: nothing but they may differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::executor::report;
use harness::text::is_command;
use migrator::config::Settings;
use pulldown_cmark::{Options, Parser};
use quick_xml::Reader;
use quick_xml::events::Event;
use rusqlite::Connection;
use scraper::{Html, Node, Selector};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{harness, read};

#[path = "../../../migrator/tests/support/counts.rs"]
mod counts;

/// Each is shorter than what is cut anywhere, or begins like what it wants to be.
const TEXTS: [&str; 5] = [
    "<script>alert(1)</script> \"'&amp; &lt;b&gt; <img src=x onerror=alert(2)>",
    "](javascript:alert(3)) [l](https://x.test) ![i](//x.test) www.x.test a@x.test @all #1",
    "- `a` ``` | b \\|\n\n| c |\n|---|\n<!-- d --> --> ]]> </td></table></svg></style>",
    "\u{1b}[31m\u{9b}2J\u{1b}]0;t\u{7}\u{202e}txt.exe\u{2066}\r\n# head\n1. item *s* _u_ ~~d~~ $m$\\",
    "=1+1\t@SUM(A1)</summary></details><h1>h</h1>\n===\n--> %0a ${x} $(y) `z`",
];

/// By this a text is found again, whatever becomes of its signs.
fn mark(place: &str) -> String {
    format!("Mal{place}y")
}

/// A text for a place.
fn text(signs: &str, place: &str) -> String {
    format!("{signs}{}", mark(place))
}

/// A text as a name of a file, without what such a name cannot hold.
fn file_name(signs: &str, place: &str, ending: &str) -> String {
    format!("{}{ending}", text(signs, place).replace('/', "_"))
}

/// The words of a text, by which it is the same whatever became of its signs.
fn words(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The text with another sign, which means nothing to anybody, for each of its own.
fn plain(text: &str) -> String {
    let keeps = |c: char| c.is_alphanumeric() || " _=".contains(c);
    text.chars().map(|c| if keeps(c) { c } else { '·' }).collect()
}

/// The same data with plain texts.
fn plain_value(value: Value) -> Value {
    let of = |text: String| if text.contains("Mal") { plain(&text) } else { text };
    match value {
        Value::String(text) => Value::String(of(text)),
        Value::Array(values) => values.into_iter().map(plain_value).collect(),
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (of(name), plain_value(value))).collect(),
        ),
        other => other,
    }
}

/// A session that ran: where, what it printed, and which places it has.
struct Ran {
    folder: TempDir,
    results: PathBuf,
    printed: String,
    places: Vec<&'static str>,
}

/// What a program's report says, with these of its fields hostile.
fn hostile_report(signs: &str) -> Value {
    let mut said = serde_json::to_value(report(&Settings::default(), 400, 60_000.0)).unwrap();
    said["build"] = json!({"version": text(signs, "version"), "profile": text(signs, "profile")});
    said["store"] = json!({"kind": text(signs, "kind"), "version": text(signs, "store")});
    said["checksum"] = text(signs, "checksum").into();
    let stage = said["stages"]["insert"].clone();
    said["stages"][text(signs, "stage")] = stage;
    said["settings"] = "SETTINGS".into();
    said
}

/// Writes a program: `generate` makes a source, and the lines do the rest with `$report`, `$store`
/// and `$size`; the number of runs so far is in `$run`.
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
    // Another process writes it: a test that forks meanwhile would keep it open.
    let mut install = Command::new("install");
    install.args(["-m", "755", "-T"]).arg(source).arg(&program);
    assert!(install.status().unwrap().success());
    program
}

/// A line that writes a report, with the batch size that the run was given.
fn reporting(folder: &Path, name: &str, report: &Value) -> String {
    let path = folder.join(format!("{name}.json"));
    let settings = "{\"batch_size\":SIZE,\"workers\":2}";
    fs::write(&path, report.to_string().replace("\"SETTINGS\"", settings)).unwrap();
    format!("sed \"s/SIZE/${{size}}/\" '{}' > \"$report\"", path.display())
}

/// A line that ends with hostile last words.
fn failing(folder: &Path, signs: &str) -> String {
    let path = folder.join("last-words");
    fs::write(&path, text(signs, "reason")).unwrap();
    format!("cat '{}' >&2; exit 3", path.display())
}

/// The text as TOML has it.
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

/// Runs the verb and gathers what it left.
fn run(folder: TempDir, arguments: &[&str], name: &str, places: &[&'static str]) -> Ran {
    let mut command = harness();
    command.args(arguments).arg("--out").arg(folder.path().join("out"));
    let output = command.env_remove("GITHUB_STEP_SUMMARY").output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let printed = printed.concat();
    let all = folder.path().join("out").join(name);
    assert!(all.exists(), "no results of {arguments:?}: {printed}");
    let results = fs::read_dir(all).unwrap().next().unwrap().unwrap().path();
    Ran { folder, results, printed, places: places.to_vec() }
}

/// Two sizes with a command, one run of which fails.
fn sweep(signs: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let reports = reporting(at, "said", &hostile_report(signs));
    let lines =
        format!("size=$(echo $size)\nif [ $run = 3 ]; then {}; fi\n{reports}", failing(at, signs));
    let program = program(at, "program", &lines);
    let scenario = format!(
        "name = \"hostile\"\nwhy = {}\nphase = {}\noptimization = {}\nruns = 4\nwarmup = 0\npairs = 8\n\
         {CONDITIONS}{}[sweep]\nbatch_size = [100, 200]\n",
        quoted(&text(signs, "why")),
        quoted(&text(signs, "phase")),
        quoted(&text(signs, "optimization")),
        runner(&program, signs),
    );
    let file = at.join(file_name(signs, "file", ".toml"));
    fs::write(&file, scenario).unwrap();
    let file = file.to_str().unwrap().to_owned();
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
    run(folder, &["sweep", &file], "hostile", &places)
}

/// A quick plan of one phase.
fn tune(signs: &str) -> Ran {
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
    run(folder, &["tune", "--quick", &file], "hostile", &places)
}

/// A store with one record in which this value stands. What is long is cut at its end.
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

/// Two programs that store other values of one record; or, the head has no more than last words.
fn gate(signs: &str, head_runs: bool) -> Ran {
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
    run(
        folder,
        &["gate", "--base", &base, "--head", &head, "--scenario", &file],
        "gate-hostile",
        places,
    )
}

/// What `harness report` says of a folder.
fn said(results: &Path, format: &str) -> String {
    let mut report = harness();
    report.arg("report").arg(results).args(["--format", format]);
    let output = report.assert().success().get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

/// The same results with plain texts.
fn twin(ran: &Ran) -> PathBuf {
    let twin = ran.folder.path().join("twin");
    fs::create_dir(&twin).unwrap();
    let of_line = |line: &str| plain_value(serde_json::from_str(line).unwrap()).to_string() + "\n";
    let ledger: String = read(&ran.results.join("ledger.jsonl")).lines().map(of_line).collect();
    fs::write(twin.join("ledger.jsonl"), ledger).unwrap();
    fs::write(twin.join("identity.json"), of_line(&read(&ran.results.join("identity.json"))))
        .unwrap();
    twin
}

/// How many there are of each element with these attributes, but for those within pictures; how many
/// comments; and the words of all texts.
type Shape = (BTreeMap<String, usize>, usize, String);

fn shape(page: &Html) -> Shape {
    let (mut elements, mut comments, mut all) = (BTreeMap::new(), 0, String::new());
    for node in page.tree.nodes() {
        let mut above = node.ancestors().filter_map(|node| node.value().as_element());
        let in_picture = above.any(|element| element.name() == "svg");
        match node.value() {
            Node::Element(element) if !in_picture => {
                let mut names: Vec<&str> = element.attrs().map(|(name, _)| name).collect();
                names.retain(|name| *name != "class");
                names.sort_unstable();
                let name = format!("{} {}", element.name(), names.join(" "));
                *elements.entry(name).or_insert(0) += 1;
            }
            Node::Comment(_) => comments += 1,
            Node::Text(text) if !in_picture => all.push_str(text),
            _ => {}
        }
    }
    (elements, comments, words(&all))
}

/// Every element within pictures, with its attributes.
fn drawn(page: &Html) -> BTreeSet<String> {
    let selector = Selector::parse("svg *").unwrap();
    let inside = page.select(&selector).map(|element| {
        let names: BTreeSet<&str> = element.value().attrs().map(|(name, _)| name).collect();
        format!("{} {names:?}", element.value().name())
    });
    inside.collect()
}

fn assert_alike(ours: &Shape, theirs: &Shape, of: &str) {
    assert_eq!(ours.0, theirs.0, "elements of {of}");
    assert_eq!(ours.1, theirs.1, "comments of {of}");
    assert_eq!(ours.2, theirs.2, "words of {of}");
}

fn assert_page(page: &str, twin: &str) {
    let [ours, theirs] = [page, twin].map(Html::parse_document);
    assert!(ours.errors.is_empty(), "{:?}", ours.errors);
    assert_alike(&shape(&ours), &shape(&theirs), "report.html");
    assert!(drawn(&ours).is_subset(&drawn(&theirs)), "{:?}", drawn(&ours));
}

/// With the tables of a pull request, and before anything is taken out.
fn rendered(markdown: &str) -> Html {
    let parser = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut page = String::new();
    pulldown_cmark::html::push_html(&mut page, parser);
    Html::parse_fragment(&page)
}

/// What is left for GitHub to make a link of: addresses and names that begin behind a sign. It looks
/// for pages in the source, and for people and issues in the rendered texts.
fn assert_no_reference(report: &str, page: &Html) {
    let source: String = report.split("```").step_by(2).collect();
    for link in ["://", "www."] {
        assert!(!source.to_lowercase().contains(link), "{link} in {source}");
    }
    for node in page.tree.nodes() {
        let mut above = node.ancestors().filter_map(|node| node.value().as_element());
        let Some(text) = node.value().as_text() else { continue };
        if above.any(|element| ["code", "pre"].contains(&element.name())) {
            continue;
        }
        for (sign, next) in text.chars().zip(text.chars().skip(1)) {
            let refers = sign == '@' && next.is_alphanumeric() || sign == '#' && next.is_numeric();
            assert!(!refers, "{sign}{next} in {text:?}");
        }
    }
}

fn assert_markdown(report: &str, twin: &str) {
    let [ours, theirs] = [report, twin].map(rendered);
    assert_alike(&shape(&ours), &shape(&theirs), report);
    let links = Selector::parse("a, script, [onerror]").unwrap();
    assert_eq!(ours.select(&links).count(), 0, "{report}");
    assert_no_reference(report, &ours);
}

/// The elements of an XML text in their order, with their attributes' names, and its words.
fn xml(text: &str) -> (Vec<String>, String) {
    let mut reader = Reader::from_str(text);
    let (mut elements, mut all) = (Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return (elements, words(&all)),
            Event::Start(tag) | Event::Empty(tag) => {
                let names = tag.attributes().map(|a| a.unwrap().key.as_ref().to_owned());
                elements.push(format!("{} {:?}", tag.name().as_ref(), names.collect::<Vec<_>>()));
            }
            Event::Text(text) => all.push_str(&text),
            _ => {}
        }
    }
}

fn cells(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows = reader.records().map(|row| row.unwrap().iter().map(words).collect());
    rows.collect()
}

fn assert_commands(text: &str, of: &str) {
    let found: Vec<char> = text.chars().filter(|c| *c != '\n' && is_command(*c)).collect();
    assert!(found.is_empty(), "{of} has {found:?}: {text}");
}

/// Every report and every file of a session, each as its readers read it.
fn assert_harmless(ran: &Ran) -> String {
    let twin = twin(ran);
    assert_commands(&ran.printed, "the terminal");
    let mut all = ran.printed.clone();
    for (format, file) in [("html", "report.html"), ("markdown", "report.md")] {
        let (ours, theirs) = (said(&ran.results, format), said(&twin, format));
        assert_eq!(ours, read(&ran.results.join(file)), "the folder's own {file}");
        assert_commands(&ours, file);
        let check = if format == "html" { assert_page } else { assert_markdown };
        check(&ours, &theirs);
        all.push_str(&ours);
    }
    let (ours, theirs) = (said(&ran.results, "junit"), said(&twin, "junit"));
    assert_commands(&ours, "junit");
    assert_eq!(xml(&ours), xml(&theirs));
    let (ours, theirs) = (said(&ran.results, "csv"), said(&twin, "csv"));
    assert_commands(&ours, "csv");
    assert_eq!(cells(&ours), cells(&theirs));
    for format in ["json", "github-action-benchmark", "github-action-benchmark-smaller", "bencher"]
    {
        let json = said(&ran.results, format);
        assert_commands(&json, format);
        let _: Value = serde_json::from_str(&json).unwrap();
    }
    for file in crate::files::files(&ran.results) {
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => drop(xml(&read(&file))),
            Some("json") => {
                assert_commands(&read(&file), &file.display().to_string());
                let _: Value = serde_json::from_str(&read(&file)).unwrap();
            }
            _ => {}
        }
    }
    all
}

/// The places of every session with these signs, none of which became more than a text anywhere.
fn tried(signs: &str) -> (BTreeSet<(&'static str, &'static str)>, usize) {
    let sessions = [
        ("sweep", sweep(signs)),
        ("tune", tune(signs)),
        ("gate", gate(signs, true)),
        ("gate", gate(signs, false)),
    ];
    let mut places = BTreeSet::new();
    for (verb, ran) in &sessions {
        let shown = assert_harmless(ran);
        for place in &ran.places {
            // Texts that were never shown were never tried.
            assert!(shown.contains(&mark(place)), "{place} of {verb}: {shown}");
            places.insert((*verb, *place));
        }
    }
    (places, sessions.len())
}

#[test]
fn no_text_from_outside_is_more_than_a_text_in_any_report() {
    let tried: Vec<_> = std::thread::scope(|scope| {
        let threads = TEXTS.map(|signs| scope.spawn(move || tried(signs)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let places: BTreeSet<_> = tried.iter().flat_map(|(places, _)| places).collect();
    let sessions: usize = tried.iter().map(|(_, sessions)| sessions).sum();
    counts::print(&format!(
        "{} places × {} texts in {sessions} sessions, each as a page, Markdown, XML, CSV, JSON, \
         pictures and on a terminal: 0 became more than texts",
        places.len(),
        TEXTS.len()
    ));
}
