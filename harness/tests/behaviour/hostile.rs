//! Every report of a session with hostile texts is parsed like its readers parse it. The expected
//! report comes from the same ledger with the special characters of the texts replaced. The two
//! reports may differ only in these characters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use harness::sanitize::is_command;
use pulldown_cmark::{Options, Parser};
use quick_xml::Reader;
use quick_xml::events::Event;
use scraper::{Html, Node, Selector};
use serde_json::Value;

use crate::common::{harness, read};
use crate::files::files;
use crate::hostile_sessions::{Ran, TEXTS, explain, gate, mark, self_test, sweep, tune};

/// The words of a text, which are the same however its special characters are escaped.
fn words(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The text with each special character replaced by a harmless one.
fn plain(text: &str) -> String {
    let keeps = |c: char| c.is_alphanumeric() || " _=".contains(c);
    text.chars().map(|c| if keeps(c) { c } else { '·' }).collect()
}

/// The same data with harmless texts.
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

/// Output of `harness report` on a folder.
fn said(results: &Path, format: &str) -> String {
    let mut report = harness();
    report.arg("report").arg(results).args(["--format", format]);
    let output = report.assert().success().get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

/// A copy of the results with harmless texts.
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

/// Number of elements by name and attributes, without those within pictures; number of comments;
/// and the words of all texts.
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

/// Renders with the tables of a pull request, before sanitizing.
fn rendered(markdown: &str) -> Html {
    let parser = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut page = String::new();
    pulldown_cmark::html::push_html(&mut page, parser);
    Html::parse_fragment(&page)
}

/// Asserts that GitHub finds nothing to turn into a link: no URL, no mention, no issue number. URLs
/// are searched in the source, mentions and issue numbers in the rendered texts.
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

/// The elements of an XML text in order, with the names of their attributes, and its words.
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

/// Checks the printed output and the Markdown and JSON files, which a session without pages writes.
fn assert_words_harmless(ran: &Ran, twin: &Path) -> String {
    assert_commands(&ran.printed, "the terminal");
    let (ours, theirs) = (said(&ran.results, "markdown"), said(twin, "markdown"));
    assert_commands(&ours, "markdown");
    assert_markdown(&ours, &theirs);
    for file in files(&ran.results) {
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ["json", "html", "md"].contains(&ending) {
            assert_commands(&read(&file), &file.display().to_string());
        }
        match ending {
            "svg" => drop(xml(&read(&file))),
            "json" => drop(serde_json::from_str::<Value>(&read(&file)).unwrap()),
            _ => {}
        }
    }
    ran.printed.clone() + &ours
}

/// Checks every report and file of a session, each as its readers parse it. Returns the texts that
/// were shown.
fn assert_harmless(ran: &Ran) -> String {
    let twin = twin(ran);
    let words = assert_words_harmless(ran, &twin);
    if !ran.results.join("report.html").exists() {
        return words;
    }
    let (page, theirs) = (said(&ran.results, "html"), said(&twin, "html"));
    assert_page(&page, &theirs);
    for (format, file) in [("html", "report.html"), ("markdown", "report.md")] {
        assert_eq!(
            said(&ran.results, format),
            read(&ran.results.join(file)),
            "the folder's {file}"
        );
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
    words + &page
}

/// Tries these characters in the places of every session. Returns the places, and the number of
/// reports.
fn tried(signs: &str) -> (BTreeSet<(&'static str, &'static str)>, usize) {
    let sessions = [
        ("sweep", sweep(signs)),
        ("tune", tune(signs)),
        ("gate", gate(signs, true)),
        ("gate", gate(signs, false)),
        ("explain", explain(signs)),
        ("self-test", self_test(signs)),
    ];
    let mut places = BTreeSet::new();
    for (verb, ran) in &sessions {
        let shown = assert_harmless(ran);
        for place in &ran.places {
            // A text that is never shown would not be tested.
            assert!(shown.contains(&mark(place)), "{place} of {verb}: {shown}");
            places.insert((*verb, *place));
        }
    }
    (places, sessions.len())
}

#[test]
fn every_report_escapes_hostile_texts() {
    let tried: Vec<_> = std::thread::scope(|scope| {
        let threads = TEXTS.map(|signs| scope.spawn(move || tried(signs)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let places: BTreeSet<_> = tried.iter().flat_map(|(places, _)| places).collect();
    let sessions: usize = tried.iter().map(|(_, sessions)| sessions).sum();
    // Bypasses the capture of the test runner, so that the log of a passed run shows the numbers.
    let mut log = std::io::stdout().lock();
    writeln!(
        log,
        "tried: {} places × {} texts in {sessions} sessions, in every form that each has (page, Markdown, \
         XML, CSV, JSON, pictures, terminal): 0 became more than texts",
        places.len(),
        TEXTS.len()
    )
    .unwrap();
}
