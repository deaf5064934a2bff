//! Element paths, interned across records, with their slots and their elements in the current
//! record.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::fast_path::PredictedAttribute;
use super::names::{AttributeNameId, is_name};
use crate::contract::model::{CARD, LITERAL_ADDRESS, LITERAL_CONTACT, ScanPlan};
use crate::record::ElementKinds;

/// Maximum number of paths. Beyond it, paths that are not in the contract are forgotten.
const PATHS_MAX: usize = 1 << 16;

/// Maximum number of predicted attributes per path.
const EXPECTED_MAX: usize = 1 << 8;

/// Number of predicted attributes that are tried.
const TRIED: usize = 3;

/// Node above the root element.
pub(super) const ABOVE_ROOT: u32 = 0;

/// The previous tag, which predicts the next one: the start or the end of an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct PrecedingTag {
    path: u32,
    ended: bool,
}

impl PrecedingTag {
    /// Position before the root element.
    pub(super) fn root() -> Self {
        Self::start_of(ABOVE_ROOT)
    }

    /// Position after the start of an element.
    pub(super) fn start_of(path: u32) -> Self {
        Self { path, ended: false }
    }

    /// Position after the end of an element.
    pub(super) fn end_of(path: u32) -> Self {
        Self { path, ended: true }
    }
}

/// True if every segment of a path, given without its first slash, is a name.
fn is_path(below: &str) -> bool {
    below.split('/').all(|name| !name.is_empty())
}

/// A path, with its elements in the current record.
#[derive(Debug)]
pub(super) struct Path {
    parent: u32,
    name: Box<str>,
    /// Slot of the path in the contract.
    pub(super) slot: Option<u16>,
    /// True if elements here are kept even without attributes for expressions.
    pub(super) kept: bool,
    /// Roles of the name.
    pub(super) kinds: ElementKinds,
    /// Serial number of the record to which `order` and `last` belong.
    seen_in: u64,
    /// Number of paths that this record had before this one.
    pub(super) order: u32,
    /// Last element here, if it was kept.
    pub(super) last: Option<u32>,
    /// True if an element here was kept in this record.
    pub(super) listed: bool,
    /// Attributes of elements here, in their usual order.
    attributes: Vec<PredictedAttribute>,
    /// Predicted next paths: the first child, after the start of this element, and the next
    /// sibling, after its end. [`ABOVE_ROOT`] if unknown.
    follows: [u32; 2],
}

impl Path {
    /// Path `name` below another, without any history.
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

    /// Name of elements here, without prefix.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// All paths so far.
#[derive(Debug)]
pub(super) struct Paths {
    table: HashTable<u32>,
    nodes: Vec<Path>,
    own: usize,
    record: u64,
    next_order: u32,
}

impl Paths {
    /// Creates the contract's own paths.
    pub(super) fn new(plan: &ScanPlan) -> Self {
        let root = Path::new(ABOVE_ROOT, "", ElementKinds::default());
        let mut paths =
            Self { table: HashTable::new(), nodes: vec![root], own: 0, record: 0, next_order: 0 };
        for (slot, path) in plan.paths.iter().enumerate() {
            // No element can be at any other path, so its slot stays empty.
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

    /// Starts a record, in which no path has occurred.
    pub(super) fn start(&mut self) {
        if self.nodes.len() > PATHS_MAX {
            let own = self.own;
            self.table.retain(|id| (*id as usize) < own);
            self.nodes.truncate(own);
            self.nodes.iter_mut().for_each(|path| path.follows = [ABOVE_ROOT; 2]);
            // Removing paths would keep the capacity of the table.
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

    /// Path of an element below another, marked as seen. `None` if the name is illegal.
    pub(super) fn enter(&mut self, parent: u32, name: &str, plan: &ScanPlan) -> Option<u32> {
        let id = match self.find(parent, name) {
            Some(id) => id,
            None if is_name(name) => self.intern(parent, name, plan),
            None => return None,
        };
        self.mark_seen(id);
        Some(id)
    }

    /// The same for a tag (from after its `<`), if it has the name of the predicted path. Also
    /// returns the length of the name.
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

    /// Predicts a path where it occurred: it is a child of the previous one or has the same parent.
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

    /// Path with this id.
    pub(super) fn get(&self, id: u32) -> &Path {
        &self.nodes[id as usize]
    }

    /// Path with this id.
    pub(super) fn get_mut(&mut self, id: u32) -> &mut Path {
        &mut self.nodes[id as usize]
    }

    /// Predicted attributes from a position in the tag on.
    #[inline]
    pub(super) fn attributes_from(&self, path: u32, place: usize) -> &[PredictedAttribute] {
        let all = &self.nodes[path as usize].attributes;
        &all[place.min(all.len())..(place + TRIED).min(all.len())]
    }

    /// Predicts an attribute that came instead of those tried. Returns the position after it.
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

    /// Forgets all predicted attributes.
    pub(super) fn forget_attributes(&mut self) {
        self.nodes.iter_mut().for_each(|path| path.attributes.clear());
    }

    /// True if the record has an element at a path.
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

/// Roles of an element's name in a contract.
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
