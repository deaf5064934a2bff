//! Checks that no source file imports one that stands above it. Both crates use this.

#![expect(clippy::unwrap_used, reason = "a test's support panics where something is missing")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, UseTree};

/// Panics unless `order` names every file below `src` and every file imports only files that
/// stand before it in the list.
pub(crate) fn assert_layers(src: &Path, order: &[&str]) {
    let mut faults = Vec::new();
    let files = source_files(src);
    for file in &files {
        if !order.contains(&file.as_str()) {
            faults.push(format!("{file} is not in the list"));
        }
    }
    for (rank, file) in order.iter().enumerate() {
        let Ok(text) = std::fs::read_to_string(src.join(file)) else {
            faults.push(format!("{file} is in the list and not in the crate"));
            continue;
        };
        for import in imports(file, &text) {
            let Some(target) = resolve(&files, &import) else { continue };
            let target_rank = order.iter().position(|other| *other == target);
            if target != *file && target_rank.is_some_and(|target_rank| target_rank > rank) {
                faults.push(format!("{file} imports {target}, which stands above it"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn source_files(src: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_stem().is_some_and(|stem| stem != "tests")
            {
                let relative = path.strip_prefix(src).unwrap();
                files.insert(relative.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    files
}

/// The module path of a file, the crate's root being empty.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") {
        return Vec::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

/// The file that holds the module that a path leads into.
fn resolve(files: &BTreeSet<String>, path: &[String]) -> Option<String> {
    (1..=path.len()).rev().find_map(|length| {
        let stem = path[..length].join("/");
        [format!("{stem}.rs"), format!("{stem}/mod.rs")].into_iter().find(|f| files.contains(f))
    })
}

/// Every path into the crate that a file names, as absolute module paths. Test modules are left
/// out: a test may look at anything.
fn imports(file: &str, text: &str) -> BTreeSet<Vec<String>> {
    let mut collector = Collector { module: module_of(file), found: BTreeSet::new() };
    collector.visit_file(&syn::parse_file(text).unwrap());
    collector.found
}

struct Collector {
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Collector {
    fn add(&mut self, segments: &[String]) {
        let mut absolute = match segments.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            _ => return,
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => {
                    absolute.pop();
                }
                name => absolute.push(name.to_owned()),
            }
        }
        self.found.insert(absolute);
    }

    fn add_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let mut path = prefix.to_vec();
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.add_tree(&path, &inner.tree);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.add_tree(prefix, item));
            }
            UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.add(&path);
            }
            UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                self.add(&path);
            }
            UseTree::Glob(_) => self.add(&path),
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
        // `pub(super)` names the parent without using anything of it.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }
}
