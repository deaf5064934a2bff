//! Element paths, interned across records: which slot a path fills, and what this record had there.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::names::is_name;
use crate::contract::model::{CARD, LITERAL_ADDRESS, LITERAL_CONTACT, ScanPlan};

/// Paths beyond the contract's own are forgotten above this number.
const PATHS_MAX: usize = 1 << 16;

/// The node above the root element.
pub(super) const ABOVE_ROOT: u32 = 0;

/// Whether every piece of a path without its first slash is a name.
fn is_path(below: &str) -> bool {
    below.split('/').all(|name| !name.is_empty())
}

/// One path, with what the record in hand had there.
#[derive(Debug)]
pub(super) struct Path {
    parent: u32,
    name: Box<str>,
    /// The contract's slot for this path.
    pub(super) slot: Option<u16>,
    /// Whether elements here are kept although they have no attribute for expressions.
    pub(super) kept: bool,
    /// The record (by serial number) that `order` and `last` speak of.
    seen_in: u64,
    /// How many paths this record had before this one.
    pub(super) order: u32,
    /// The last element here, if it was kept.
    pub(super) last: Option<u32>,
    /// Whether any element here was kept in this record.
    pub(super) listed: bool,
}

/// All paths seen so far.
#[derive(Debug)]
pub(super) struct Paths {
    table: HashTable<u32>,
    nodes: Vec<Path>,
    own: usize,
    record: u64,
    next_order: u32,
}

impl Paths {
    /// The contract's own paths.
    pub(super) fn new(plan: &ScanPlan) -> Self {
        let root = Path {
            parent: ABOVE_ROOT,
            name: "".into(),
            slot: None,
            kept: false,
            seen_in: 0,
            order: 0,
            last: None,
            listed: false,
        };
        let mut paths =
            Self { table: HashTable::new(), nodes: vec![root], own: 0, record: 0, next_order: 0 };
        for (slot, path) in plan.paths.iter().enumerate() {
            // No element is at any other path: its slot stays empty.
            let Some(below) = path.strip_prefix('/').filter(|below| is_path(below)) else {
                continue;
            };
            let mut node = ABOVE_ROOT;
            for name in below.split('/') {
                node = paths.intern(node, name, plan);
            }
            let node = &mut paths.nodes[node as usize];
            node.slot = u16::try_from(slot).ok();
            node.kept = true;
        }
        paths.own = paths.nodes.len();
        paths
    }

    /// Starts a record: no path has been seen.
    pub(super) fn start(&mut self) {
        if self.nodes.len() > PATHS_MAX {
            let own = self.own;
            self.table.retain(|id| (*id as usize) < own);
            self.nodes.truncate(own);
        }
        self.record += 1;
        self.next_order = 0;
    }

    /// The path of an element below another, marked as seen; `None` if the name is illegal.
    pub(super) fn enter(&mut self, parent: u32, name: &str, plan: &ScanPlan) -> Option<u32> {
        let id = match self.find(parent, name) {
            Some(id) => id,
            None if is_name(name) => self.intern(parent, name, plan),
            None => return None,
        };
        let path = &mut self.nodes[id as usize];
        if path.seen_in != self.record {
            path.seen_in = self.record;
            path.order = self.next_order;
            path.last = None;
            path.listed = false;
            self.next_order += 1;
        }
        Some(id)
    }

    /// One path.
    pub(super) fn get(&self, id: u32) -> &Path {
        &self.nodes[id as usize]
    }

    /// One path.
    pub(super) fn get_mut(&mut self, id: u32) -> &mut Path {
        &mut self.nodes[id as usize]
    }

    /// Whether the record has an element at a path.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        let mut node = ABOVE_ROOT;
        for name in path {
            match self.find(node, name) {
                Some(id) if self.nodes[id as usize].seen_in == self.record => node = id,
                _ => return false,
            }
        }
        true
    }

    fn find(&self, parent: u32, name: &str) -> Option<u32> {
        let same = |id: &u32| {
            let path = &self.nodes[*id as usize];
            path.parent == parent && &*path.name == name
        };
        self.table.find(hash_of(parent, name), same).copied()
    }

    fn intern(&mut self, parent: u32, name: &str, plan: &ScanPlan) -> u32 {
        if let Some(id) = self.find(parent, name) {
            return id;
        }
        let id = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let names = &plan.kept;
        let kept = name == names.contact
            || name == names.address
            || names.employment.as_deref() == Some(name)
            || matches!(name, LITERAL_CONTACT | LITERAL_ADDRESS | CARD);
        self.nodes.push(Path {
            parent,
            name: name.into(),
            slot: None,
            kept,
            seen_in: 0,
            order: 0,
            last: None,
            listed: false,
        });
        let nodes = &self.nodes;
        self.table.insert_unique(hash_of(parent, name), id, |id| {
            let path = &nodes[*id as usize];
            hash_of(path.parent, &path.name)
        });
        id
    }
}

fn hash_of(parent: u32, name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    parent.hash(&mut hasher);
    name.hash(&mut hasher);
    hasher.finish()
}
