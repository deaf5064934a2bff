//! The layout of both crates: the order of their folders, and no two files that import each other.
#![expect(clippy::unwrap_used, reason = "a test panics if a file cannot be read")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, UseTree};

/// Folders and loose files of `harness/src`, lowest first. Each imports only from those before it.
const HARNESS: &[&str] = &[
    "error",
    "sanitize",
    "stats",
    "scenario",
    "results_dir",
    "trial",
    "session",
    "analysis",
    "experiment",
    "report",
    "cli",
];

/// Folders and loose files of `migrator/src`, lowest first. Each imports only from those before it.
const MIGRATOR: &[&str] = &[
    "error",
    "util",
    "record",
    "config",
    "telemetry",
    "contract",
    "stage",
    "store",
    "source",
    "write",
    "run",
    "verify",
    "cli",
];

#[test]
fn folders_of_the_harness_import_downwards() {
    assert_eq!(faults(&Graph::read("src"), HARNESS), Vec::<String>::new());
}

#[test]
fn folders_of_the_migrator_import_downwards() {
    assert_eq!(faults(&Graph::read("../migrator/src"), MIGRATOR), Vec::<String>::new());
}

#[test]
fn a_ring_between_a_folder_and_its_file_is_found() {
    let graph = Graph::parse(&[
        ("lib.rs", "pub mod gate;"),
        ("gate/mod.rs", "mod decide; pub use decide::decide; pub struct Gate;"),
        ("gate/decide.rs", "use super::Gate; pub fn decide(_: Gate) {}"),
    ]);
    assert_eq!(faults(&graph, &["gate"]), ["gate/decide.rs → gate/mod.rs → gate/decide.rs"]);
}

#[test]
fn an_import_upwards_and_a_file_outside_the_folders_are_found() {
    let graph = Graph::parse(&[
        ("lib.rs", "pub mod low; pub mod high; pub mod stray;"),
        ("low/mod.rs", "pub fn low() { crate::high::high() }"),
        ("high/mod.rs", "pub fn high() {} mod tests { use crate::cli; }"),
        ("stray.rs", ""),
    ]);
    let expected =
        ["low/mod.rs imports high/mod.rs, which is above it", "stray.rs is in no known folder"];
    assert_eq!(faults(&graph, &["low", "high"]), expected);
}

/// Violations of the layout: imports upwards, unknown places, rings.
fn faults(graph: &Graph, order: &[&str]) -> Vec<String> {
    let rank = |file: &str| order.iter().position(|place| *place == place_of(file));
    let mut faults = Vec::new();
    for (file, imports) in &graph.0 {
        if matches!(file.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        if rank(file).is_none() {
            faults.push(format!("{file} is in no known folder"));
        }
        for import in imports.iter().filter(|import| rank(file) < rank(import)) {
            faults.push(format!("{file} imports {import}, which is above it"));
        }
    }
    faults.extend(graph.rings());
    faults
}

/// The folder at the crate's root that holds a file, or the name of a loose file.
fn place_of(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Files of a crate, each with the files that it imports.
struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    /// All sources below a folder. The path is relative to this crate.
    fn read(src: &str) -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(src);
        let files: Vec<(String, String)> = source_files(&src)
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        assert!(files.len() > 100, "{} holds {} files only", src.display(), files.len());
        let files: Vec<_> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
        Self::parse(&files)
    }

    fn parse(files: &[(&str, &str)]) -> Self {
        let names: BTreeSet<&str> = files.iter().map(|(name, _)| *name).collect();
        let imports = |(name, text): &(&str, &str)| {
            let targets = imports(name, text);
            let targets = targets.iter().filter_map(|path| file_of(&names, path));
            (name.to_string(), targets.filter(|target| target != name).collect())
        };
        Self(files.iter().map(imports).collect())
    }

    /// Each ring of files once, from its first file in alphabetical order.
    fn rings(&self) -> Vec<String> {
        let mut rings = BTreeSet::new();
        let mut done = BTreeSet::new();
        for file in self.0.keys().filter(|file| !matches!(file.as_str(), "lib.rs" | "main.rs")) {
            self.search(file, &mut Vec::new(), &mut done, &mut rings);
        }
        rings.into_iter().collect()
    }

    fn search<'a>(
        &'a self,
        file: &'a str,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
        rings: &mut BTreeSet<String>,
    ) {
        if let Some(start) = path.iter().position(|before| *before == file) {
            let mut ring = path[start..].to_vec();
            let first = ring.iter().enumerate().min_by_key(|(_, name)| **name).unwrap().0;
            ring.rotate_left(first);
            ring.push(ring[0]);
            rings.insert(ring.join(" → "));
        } else if !done.contains(file) {
            path.push(file);
            for import in self.0.get(file).into_iter().flatten() {
                self.search(import, path, done, rings);
            }
            path.pop();
            done.insert(file);
        }
    }
}

/// All Rust files below a folder but test modules.
fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_stem().is_some_and(|stem| stem != "tests")
        {
            files.push(path);
        }
    }
    files
}

/// The module path of a file; the crate's root is empty.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    match stem {
        "lib" | "main" => Vec::new(),
        _ => stem.split('/').map(str::to_owned).collect(),
    }
}

/// The file of the innermost module that a path names.
fn file_of(files: &BTreeSet<&str>, path: &[String]) -> Option<String> {
    (1..=path.len()).rev().find_map(|length| {
        let stem = path[..length].join("/");
        [format!("{stem}.rs"), format!("{stem}/mod.rs")]
            .into_iter()
            .find(|name| files.contains(name.as_str()))
    })
}

/// All paths into the crate that a file names, from the crate's root. Test modules are left out: a
/// test may use anything.
fn imports(file: &str, text: &str) -> BTreeSet<Vec<String>> {
    let parsed = syn::parse_file(text).unwrap();
    let children = parsed.items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    });
    let mut collector =
        Collector { module: module_of(file), children: children.collect(), paths: BTreeSet::new() };
    collector.visit_file(&parsed);
    collector.paths
}

struct Collector {
    module: Vec<String>,
    /// Modules that the file declares: a path may begin with their names.
    children: BTreeSet<String>,
    paths: BTreeSet<Vec<String>>,
}

impl Collector {
    fn add(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else { return };
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            child if self.children.contains(child) => self.module.clone(),
            _ => return,
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        self.paths.insert(path);
    }

    fn add_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(inner) => self.add_tree(&with(&inner.ident), &inner.tree),
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.add_tree(prefix, item));
            }
            UseTree::Name(name) => self.add(&with(&name.ident)),
            UseTree::Rename(name) => self.add(&with(&name.ident)),
            UseTree::Glob(_) => self.add(prefix),
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(super)` names the parent but uses nothing of it.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }
}
