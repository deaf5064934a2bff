//! Element paths, interned across records: which slot a path fills, and what this record had there.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::fast_path::PredictedAttribute;
use super::names::{AttributeNameId, is_name};
use crate::contract::model::{CARD, LITERAL_ADDRESS, LITERAL_CONTACT, ScanPlan};
use crate::record::ElementKinds;

/// Paths beyond the contract's own are forgotten above this number.
const PATHS_MAX: usize = 1 << 16;

/// Attributes of a path that are expected, at most.
const EXPECTED_MAX: usize = 1 << 8;

/// How many of the attributes that may come next are tried.
const TRIED: usize = 3;

/// The node above the root element.
pub(super) const ABOVE_ROOT: u32 = 0;

/// A tag as far as it tells what may follow: the start of an element or its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct PrecedingTag {
    path: u32,
    ended: bool,
}

impl PrecedingTag {
    /// Before the root element.
    pub(super) fn root() -> Self {
        Self::start_of(ABOVE_ROOT)
    }

    /// Behind the start of an element.
    pub(super) fn start_of(path: u32) -> Self {
        Self { path, ended: false }
    }

    /// Behind the end of an element.
    pub(super) fn end_of(path: u32) -> Self {
        Self { path, ended: true }
    }
}

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
    /// What the contract makes of the name.
    pub(super) kinds: ElementKinds,
    /// The record (by serial number) that `order` and `last` speak of.
    seen_in: u64,
    /// How many paths this record had before this one.
    pub(super) order: u32,
    /// The last element here, if it was kept.
    pub(super) last: Option<u32>,
    /// Whether any element here was kept in this record.
    pub(super) listed: bool,
    /// Attributes that elements here had, in their usual order.
    attributes: Vec<PredictedAttribute>,
    /// The path whose start came last behind the start of this one and behind its end: its first
    /// child and its next sibling. [`ABOVE_ROOT`] where none came.
    follows: [u32; 2],
}

impl Path {
    /// Path `name` below another, of which nothing is known yet.
    fn new(parent: u32, name: &str, kinds: ElementKinds) -> Self {
        Self {
            parent,
            name: name.into(),
            slot: None,
            kept: kinds != ElementKinds::default(),
            kinds,
            seen_in: 0,
            order: 0,
            last: None,
            listed: false,
            attributes: Vec::new(),
            follows: [ABOVE_ROOT; 2],
        }
    }

    /// The name of elements here, without a prefix.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
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
        let root = Path::new(ABOVE_ROOT, "", ElementKinds::default());
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
            self.nodes.iter_mut().for_each(|path| path.follows = [ABOVE_ROOT; 2]);
            // What was removed has left its room behind.
            let nodes = &self.nodes;
            self.table.shrink_to(own, |id| {
                let path = &nodes[*id as usize];
                hash_of(path.parent, &path.name)
            });
            self.nodes.shrink_to_fit();
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
        self.mark_seen(id);
        Some(id)
    }

    /// The same for a tag (from behind its `<`), if it has the name of the path that came here
    /// before; with the name's length.
    #[inline]
    pub(super) fn enter_expected(
        &mut self,
        before: PrecedingTag,
        tag: &[u8],
    ) -> Option<(u32, usize)> {
        let id = self.nodes[before.path as usize].follows[usize::from(before.ended)];
        let name = self.nodes[id as usize].name.as_bytes();
        let length = name.len();
        let ends = matches!(tag.get(length), Some(b' ' | b'>' | b'/' | b'\n' | b'\t' | b'\r'));
        if id == ABOVE_ROOT || !ends || !tag.starts_with(name) {
            return None;
        }
        self.mark_seen(id);
        Some((id, length))
    }

    /// Expects a path where it has come now. It is a child of the one before, or has the same
    /// parent.
    pub(super) fn expect(&mut self, before: PrecedingTag, path: u32) {
        self.nodes[before.path as usize].follows[usize::from(before.ended)] = path;
    }

    #[inline]
    fn mark_seen(&mut self, id: u32) {
        let path = &mut self.nodes[id as usize];
        if path.seen_in != self.record {
            path.seen_in = self.record;
            path.order = self.next_order;
            path.last = None;
            path.listed = false;
            self.next_order += 1;
        }
    }

    /// One path.
    pub(super) fn get(&self, id: u32) -> &Path {
        &self.nodes[id as usize]
    }

    /// One path.
    pub(super) fn get_mut(&mut self, id: u32) -> &mut Path {
        &mut self.nodes[id as usize]
    }

    /// What may come next in a tag after so many of the expected attributes.
    #[inline]
    pub(super) fn attributes_from(&self, path: u32, place: usize) -> &[PredictedAttribute] {
        let all = &self.nodes[path as usize].attributes;
        &all[place.min(all.len())..(place + TRIED).min(all.len())]
    }

    /// Expects an attribute that came although others were tried; the place behind it.
    pub(super) fn expect_attribute(
        &mut self,
        path: u32,
        tried: usize,
        name: AttributeNameId,
        expected: impl FnOnce() -> PredictedAttribute,
    ) -> usize {
        let all = &mut self.nodes[path as usize].attributes;
        match all.iter().position(|known| known.name == name) {
            Some(place) => place + 1,
            None if all.len() < EXPECTED_MAX => {
                let place = tried.min(all.len());
                all.insert(place, expected());
                place + 1
            }
            None => tried,
        }
    }

    /// Forgets which attributes are expected.
    pub(super) fn forget_attributes(&mut self) {
        self.nodes.iter_mut().for_each(|path| path.attributes.clear());
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
        self.nodes.push(Path::new(parent, name, kinds_of(name, plan)));
        let nodes = &self.nodes;
        self.table.insert_unique(hash_of(parent, name), id, |id| {
            let path = &nodes[*id as usize];
            hash_of(path.parent, &path.name)
        });
        id
    }
}

/// What a contract makes of an element's name.
fn kinds_of(name: &str, plan: &ScanPlan) -> ElementKinds {
    let names = &plan.kept;
    let kinds = [
        (name == names.contact, ElementKinds::CONTACT),
        (name == names.address, ElementKinds::ADDRESS),
        (names.employment.as_deref() == Some(name), ElementKinds::EMPLOYMENT),
        (name == LITERAL_CONTACT, ElementKinds::LITERAL_CONTACT),
        (name == LITERAL_ADDRESS, ElementKinds::LITERAL_ADDRESS),
        (name == CARD, ElementKinds::CARD),
    ];
    ElementKinds(kinds.iter().filter(|(is, _)| *is).fold(0, |all, (_, kind)| all | kind.0))
}

fn hash_of(parent: u32, name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    parent.hash(&mut hasher);
    name.hash(&mut hasher);
    hasher.finish()
}
