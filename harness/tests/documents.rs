//! The documents of the repository: every citation and relative link has an existing target, every
//! dependency has its line, and the front pages stay short.
#![expect(clippy::unwrap_used, reason = "a test panics if a file cannot be read")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders whose files are read besides those of the root.
const FOLDERS: [&str; 6] = ["harness", "migrator", "scenarios", "scripts", "results", ".github"];

/// Folders that hold build output, recorded sessions or measurements of this machine.
const SKIPPED: [&str; 4] = ["target", "fixtures", ".builds", "snapshots"];

/// Documents that programs write; a source may name one without meaning a document of this
/// repository.
const WRITTEN_BY_PROGRAMS: [&str; 1] = ["report.md"];

/// Most lines of a front page.
const LINES_MAX: [(&str, usize); 3] =
    [("README.md", 150), ("migrator/README.md", 200), ("harness/README.md", 200)];

#[test]
fn every_citation_has_an_existing_document_and_section() {
    let repository = Repository::read();
    let mut faults = Vec::new();
    for (path, text) in &repository.texts {
        for citation in citations(path, text) {
            faults.extend(repository.fault_of(&citation).map(|f| format!("{path}: {f}")));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_relative_link_has_an_existing_target() {
    let repository = Repository::read();
    let mut faults = Vec::new();
    for (path, text) in repository.documents() {
        for target in links(text) {
            faults.extend(repository.fault_of_link(path, &target).map(|f| format!("{path}: {f}")));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_dependency_has_its_line() {
    let repository = Repository::read();
    let (_, rest) = repository.texts["Cargo.toml"].split_once("[workspace.dependencies]").unwrap();
    let listed = &repository.texts["migrator/docs/decisions.md"];
    let names = rest.lines().skip(1).take_while(|line| !line.starts_with('['));
    let names: Vec<&str> = names.filter_map(|line| Some(line.split_once(" =")?.0)).collect();
    assert!(names.len() > 40, "{names:?}");
    let missing: Vec<_> =
        names.into_iter().filter(|name| !listed.contains(&format!("\n| `{name}` | "))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn front_pages_are_short() {
    let repository = Repository::read();
    for (path, most) in LINES_MAX {
        let lines = repository.texts[path].lines().count();
        assert!(lines <= most, "{path} has {lines} lines, at most {most} are allowed");
    }
}

#[test]
fn citations_are_found_in_comments_and_messages() {
    let text = "/// See contract.md\n    /// 12.2 and 13; gate.md is another. \nlet code = \"report.md\";\n\
                //! (statistics.md 2, 4 and 5). contract.md 3: x\nformat!(\"(contract.md 8, rule 4)\")";
    let found: Vec<(String, Vec<String>)> = citations("x.rs", text)
        .into_iter()
        .map(|citation| (citation.document, citation.sections))
        .collect();
    let cited = |document: &str, sections: &[&str]| {
        (document.to_owned(), sections.iter().map(|s| (*s).to_owned()).collect())
    };
    let expected = [
        cited("contract.md", &["12.2", "13"]),
        cited("gate.md", &[]),
        cited("statistics.md", &["2", "4", "5"]),
        cited("contract.md", &["3"]),
        cited("contract.md", &["8"]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_dead_citation_and_a_dead_link_are_found() {
    let texts = BTreeMap::from([
        ("docs/tune.md".to_owned(), "# A\n\n## 2. Two: `x`, (y)\n\n### 2.1 Three\n".to_owned()),
        ("gate.md".to_owned(), "```\n# no heading\n```\n".to_owned()),
    ]);
    let files = texts.keys().cloned().collect();
    let repository = Repository { texts, files };
    let cite = |document: &str, section: &str| {
        let sections = vec![section.to_owned()];
        repository.fault_of(&Citation { document: document.to_owned(), sections })
    };
    assert_eq!(cite("tune.md", "2.1"), None);
    assert_eq!(cite("tune.md", "2.2"), Some("tune.md has no section 2.2".to_owned()));
    assert_eq!(cite("glossary.md", "1"), Some("there is no document glossary.md".to_owned()));
    let link = |target: &str| repository.fault_of_link("docs/tune.md", target);
    assert_eq!(link("../gate.md"), None);
    assert_eq!(link("#2-two-x-y"), None);
    assert_eq!(link("https://example.com/glossary.md"), None);
    assert_eq!(link("gate.md"), Some("gate.md: no such file".to_owned()));
    assert_eq!(
        link("../gate.md#no-heading"),
        Some("../gate.md#no-heading: no such heading".to_owned())
    );
}

/// A document that a text names, with the numbers of the sections it names.
#[derive(Debug, PartialEq, Eq)]
struct Citation {
    document: String,
    sections: Vec<String>,
}

/// The texts to check, and the paths of all files and folders, relative to the root.
struct Repository {
    texts: BTreeMap<String, String>,
    files: BTreeSet<String>,
}

impl Repository {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut repository = Self { texts: BTreeMap::new(), files: BTreeSet::new() };
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                repository.add(root, &path);
            }
        }
        for folder in FOLDERS {
            repository.add_folder(root, &root.join(folder));
        }
        repository
    }

    fn add_folder(&mut self, root: &Path, folder: &Path) {
        self.files.insert(relative(root, folder));
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_file() {
                self.add(root, &path);
            } else if !SKIPPED.contains(&&*name) && !is_measurement(root, &path) {
                self.add_folder(root, &path);
            }
        }
    }

    fn add(&mut self, root: &Path, path: &Path) {
        let name = relative(root, path);
        let is_text = has_extension(&name, &["rs", "md", "toml", "yml", "yaml"]);
        if is_text || (name.starts_with("scripts/") && !name.contains('.')) {
            self.texts.insert(name.clone(), fs::read_to_string(path).unwrap());
        }
        self.files.insert(name);
    }

    fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        all.filter(|(path, _)| has_extension(path, &["md"]))
    }

    /// The fault of a citation, if it has one.
    fn fault_of(&self, citation: &Citation) -> Option<String> {
        let Citation { document, sections } = citation;
        let named = |path: &str| path.rsplit('/').next() == Some(document);
        let texts: Vec<&str> =
            self.documents().filter(|(path, _)| named(path)).map(|(_, text)| text).collect();
        if texts.is_empty() {
            return (!WRITTEN_BY_PROGRAMS.contains(&&**document))
                .then(|| format!("there is no document {document}"));
        }
        let exists = |section: &&String| {
            texts
                .iter()
                .any(|text| headings(text).iter().any(|heading| is_numbered(heading, section)))
        };
        let missing = sections.iter().find(|section| !exists(section))?;
        Some(format!("{document} has no section {missing}"))
    }

    /// The fault of a link in a document, if it has one.
    fn fault_of_link(&self, document: &str, target: &str) -> Option<String> {
        if target.contains("://") || target.starts_with("mailto:") {
            return None;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { document.to_owned() } else { resolved(document, file) };
        if !self.files.contains(&path) {
            return Some(format!("{target}: no such file"));
        }
        let text = self.texts.get(&path).map_or("", String::as_str);
        let exists =
            anchor.is_empty() || headings(text).iter().any(|heading| slug(heading) == anchor);
        (!exists).then(|| format!("{target}: no such heading"))
    }
}

/// Measurements of this machine lie beside the kept ones but do not belong to the repository.
fn is_measurement(root: &Path, path: &Path) -> bool {
    let results = root.join("results");
    path.parent() == Some(&results) && !path.ends_with("reference")
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_string_lossy().into_owned()
}

/// The path that a link of a document names, without `.` and `..`.
fn resolved(document: &str, link: &str) -> String {
    let mut path = PathBuf::from(document);
    path.pop();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path.to_string_lossy().into_owned()
}

/// Every document that a text cites. In Rust code outside of comments a citation needs a section,
/// because tests name files that they write.
fn citations(path: &str, text: &str) -> Vec<Citation> {
    let is_code = has_extension(path, &["rs"]);
    let mut found = Vec::new();
    for (text, is_comment) in passages(text, is_code) {
        let mut rest = text.as_str();
        while let Some(at) = rest.find(".md") {
            let (before, after) = (&rest[..at], &rest[at + ".md".len()..]);
            let name = before.rsplit(|c: char| !is_name(c)).next().unwrap_or_default();
            let sections = sections(after);
            let is_whole = !name.is_empty() && !after.starts_with(is_name);
            if is_whole && (is_comment || !sections.is_empty()) {
                found.push(Citation { document: format!("{name}.md"), sections });
            }
            rest = after;
        }
    }
    found
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// A text in pieces: of Rust each run of comment lines as one line, and every other line.
fn passages(text: &str, is_code: bool) -> Vec<(String, bool)> {
    if !is_code {
        return vec![(text.to_owned(), true)];
    }
    let mut passages: Vec<(String, bool)> = Vec::new();
    for line in text.lines() {
        let (line, is_comment) = match line.trim_start().strip_prefix("//") {
            Some(comment) => (comment.trim_start_matches(['/', '!']), true),
            None => (line, false),
        };
        match passages.last_mut() {
            Some((run, true)) if is_comment => run.push_str(line),
            _ => passages.push((line.to_owned(), is_comment)),
        }
    }
    passages
}

/// The section numbers behind the name of a document: `2`, `9.4`, `2, 4 and 5`, `2 to 4`.
fn sections(after: &str) -> Vec<String> {
    let mut sections = Vec::new();
    let mut rest = after;
    while let Some(number) = next_number(rest, sections.is_empty()) {
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        sections.push(number[..end].trim_end_matches('.').to_owned());
        rest = &number[end..];
    }
    sections
}

/// The text from the next section number on, if one follows.
fn next_number(text: &str, is_first: bool) -> Option<&str> {
    let separators: &[&str] = if is_first { &[" "] } else { &[", ", " and ", " to "] };
    let after = separators.iter().find_map(|separator| text.strip_prefix(separator))?;
    after.starts_with(|c: char| c.is_ascii_digit()).then_some(after)
}

/// The headings of a document, without their marks.
fn headings(text: &str) -> Vec<&str> {
    let outside = lines_outside_code(text);
    let marked = outside.filter(|line| line.starts_with('#'));
    marked.map(|line| line.trim_start_matches('#').trim()).collect()
}

fn is_numbered(heading: &str, section: &str) -> bool {
    let rest = heading.strip_prefix(section);
    rest.is_some_and(|rest| {
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        rest.is_empty() || rest.starts_with(' ')
    })
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The targets of a document's links.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in lines_outside_code(text) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let end = after.find([')', ' ']).unwrap_or(after.len());
            links.push(after[..end].to_owned());
            rest = &after[end..];
        }
    }
    links
}

fn lines_outside_code(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}
