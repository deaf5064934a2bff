//! Bounded caches of keys that are known to be stored, one per worker or one for all.
//!
//! Only *existing* keys are cached. A missing key can be stored at any moment, by any worker or
//! process. A stored row stays: the migration deletes none.
//!
//! A full cache evicts the least recently used key (LRU). Duplicates repeat a recent record, or a
//! contact that occurs again and again; both are recent. A scan-resistant policy (S3-FIFO, ARC) has
//! no advantage here, because every key enters once, when its batch commits. A key of integers
//! costs 60 bytes.

use std::mem::size_of;
use std::sync::{Arc, PoisonError};

use hashlink::LinkedHashSet;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::config::{CacheConfig, CacheLimits};
use crate::telemetry::report::CacheReport;
use crate::util::sync::{Mutex, MutexGuard};

/// A table and a key in it, as bytes. Two integers, the longest key of the duplicate rules, need no
/// heap memory.
pub type KeyBytes = SmallVec<[u8; 16]>;

/// A key with the two links to its neighbours in the order of use.
const NODE_BYTES: usize = size_of::<KeyBytes>() + 2 * size_of::<usize>();
/// A slot of the hash table: a pointer to the node and a byte of the hash.
const BUCKET_BYTES: usize = size_of::<usize>() + 1;
/// Overhead of an allocator per block (glibc: one word).
const BLOCK_BYTES: usize = size_of::<usize>();

/// Key caches of a run.
#[derive(Debug)]
pub struct DedupCache {
    config: CacheConfig,
    sets: Mutex<Vec<Arc<Mutex<KeySet>>>>,
}

/// Cache and query method of one worker.
#[derive(Debug, Clone)]
pub struct WorkerCache {
    asks_in_sets: bool,
    kept: Option<Arc<Mutex<KeySet>>>,
}

/// The answer of a cache about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLookup {
    /// The key is not cached.
    Miss,
    /// The key is stored.
    Hit,
    /// The key is cached, but the store has to confirm it.
    Unverified,
}

impl DedupCache {
    /// Empty caches.
    pub fn new(config: CacheConfig) -> Self {
        Self { config, sets: Mutex::default() }
    }

    /// The cache of one more worker.
    pub fn for_worker(&self) -> WorkerCache {
        let mut sets = lock(&self.sets);
        let new = |limits| Arc::new(Mutex::new(KeySet::new(limits)));
        match self.config {
            CacheConfig::Worker(limits) => sets.push(new(limits)),
            CacheConfig::Shared(limits) if sets.is_empty() => sets.push(new(limits)),
            CacheConfig::Off | CacheConfig::Batch | CacheConfig::Shared(_) => {}
        }
        let asks_in_sets = self.config != CacheConfig::Off;
        WorkerCache { asks_in_sets, kept: sets.last().cloned() }
    }

    /// Drops all keys and returns the activity of the caches.
    pub fn close(&self) -> CacheReport {
        let mut total = CacheReport::default();
        for set in lock(&self.sets).iter() {
            total.add(&lock(set).close());
        }
        total
    }
}

impl WorkerCache {
    /// True if one query asks the store for many keys.
    pub fn asks_in_sets(&self) -> bool {
        self.asks_in_sets
    }

    /// True if keys outlive their batch.
    pub fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// Looks up these keys. With `doubt`, every hit is [`CacheLookup::Unverified`].
    pub fn look_up<'k>(
        &self,
        keys: impl ExactSizeIterator<Item = &'k KeyBytes>,
        doubt: bool,
    ) -> Vec<CacheLookup> {
        match &self.kept {
            None => vec![CacheLookup::Miss; keys.len()],
            Some(set) => {
                let mut set = lock(set);
                keys.map(|key| set.look_up(key, doubt)).collect()
            }
        }
    }

    /// Caches keys whose transaction has committed.
    pub fn keep(&self, keys: impl IntoIterator<Item = KeyBytes>) {
        let Some(set) = &self.kept else { return };
        let mut set = lock(set);
        for key in keys {
            set.keep(key);
        }
    }

    /// Removes a key that the store does not have.
    pub fn contradict(&self, key: &KeyBytes) {
        if let Some(set) = &self.kept {
            lock(set).contradict(key);
        }
    }
}

/// Locks a mutex. A thread that panicked while it held the lock has left whole keys behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A set of keys in the order of use, last used at the back.
#[derive(Debug)]
struct KeySet {
    keys: LinkedHashSet<KeyBytes, FxBuildHasher>,
    limits: CacheLimits,
    /// Heap memory of keys that do not fit into their node.
    spilled_bytes: usize,
    /// Hits that are subject to spot checks.
    trusted: u64,
    did: CacheReport,
}

impl KeySet {
    fn new(limits: CacheLimits) -> Self {
        Self {
            keys: LinkedHashSet::with_hasher(FxBuildHasher),
            limits,
            spilled_bytes: 0,
            trusted: 0,
            did: CacheReport::default(),
        }
    }

    fn look_up(&mut self, key: &KeyBytes, doubt: bool) -> CacheLookup {
        if !self.keys.to_back(key) {
            self.did.misses += 1;
            return CacheLookup::Miss;
        }
        self.did.hits += 1;
        if doubt || self.is_spot_check() {
            self.did.checks += 1;
            return CacheLookup::Unverified;
        }
        CacheLookup::Hit
    }

    /// Spreads the checks evenly over the hits, so that their fraction is exact without a random
    /// generator.
    fn is_spot_check(&mut self) -> bool {
        let rate = f64::from(self.limits.spot_check);
        let due = |hits: u64| (hits as f64 * rate).floor();
        self.trusted += 1;
        due(self.trusted) > due(self.trusted - 1)
    }

    fn keep(&mut self, key: KeyBytes) {
        let spilled = spilled_bytes(&key);
        if !self.keys.insert(key) {
            return;
        }
        self.spilled_bytes += spilled;
        if self.keys.len() > self.limits.max_keys.get()
            && let Some(oldest) = self.keys.pop_front()
        {
            self.spilled_bytes -= spilled_bytes(&oldest);
            self.did.evictions += 1;
        }
        self.did.keys_peak = self.did.keys_peak.max(self.keys.len() as u64);
        self.did.bytes_peak = self.did.bytes_peak.max(self.bytes() as u64);
    }

    fn contradict(&mut self, key: &KeyBytes) {
        self.did.disagreements += 1;
        if let Some(key) = self.keys.take(key) {
            self.spilled_bytes -= spilled_bytes(&key);
        }
    }

    /// Memory of the keys in bytes. `cache_memory` compares it with the growth of the process.
    fn bytes(&self) -> usize {
        // The hash table is filled to seven eighths.
        let buckets = (self.keys.capacity() * 8 / 7).next_power_of_two();
        self.keys.len() * (NODE_BYTES + BLOCK_BYTES) + buckets * BUCKET_BYTES + self.spilled_bytes
    }

    fn close(&mut self) -> CacheReport {
        self.keys = LinkedHashSet::with_hasher(FxBuildHasher);
        self.spilled_bytes = 0;
        CacheReport { keys_left: self.keys.len() as u64, ..self.did }
    }
}

/// Heap block of a key that does not fit into its node, in bytes.
fn spilled_bytes(key: &KeyBytes) -> usize {
    if key.spilled() { key.capacity() + BLOCK_BYTES } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Rate;

    fn limits(max_keys: usize, spot_check: f64) -> CacheLimits {
        CacheLimits {
            max_keys: max_keys.try_into().unwrap(),
            spot_check: Rate::try_from(spot_check).unwrap(),
        }
    }

    fn key(number: u8) -> KeyBytes {
        KeyBytes::from_slice(&[number])
    }

    fn look_up(cache: &WorkerCache, number: u8) -> CacheLookup {
        cache.look_up([&key(number)].into_iter(), false)[0]
    }

    #[test]
    fn without_a_cache_no_key_is_kept() {
        for (config, in_sets) in [(CacheConfig::Off, false), (CacheConfig::Batch, true)] {
            let cache = DedupCache::new(config);
            let worker = cache.for_worker();
            worker.keep([key(1)]);
            assert_eq!(look_up(&worker, 1), CacheLookup::Miss);
            assert_eq!((worker.keeps(), worker.asks_in_sets()), (false, in_sets));
            assert_eq!(cache.close(), CacheReport::default());
        }
    }

    #[test]
    fn workers_share_keys_only_in_shared_mode() {
        for (config, known) in [
            (CacheConfig::Worker(limits(9, 0.0)), CacheLookup::Miss),
            (CacheConfig::Shared(limits(9, 0.0)), CacheLookup::Hit),
        ] {
            let cache = DedupCache::new(config);
            let (one, other) = (cache.for_worker(), cache.for_worker());
            one.keep([key(1)]);
            assert_eq!(look_up(&one, 1), CacheLookup::Hit);
            assert_eq!(look_up(&other, 1), known);
        }
    }

    #[test]
    fn closing_drops_all_keys_and_sums_the_statistics_of_the_workers() {
        let cache = DedupCache::new(CacheConfig::Worker(limits(2, 1.0)));
        let workers = [cache.for_worker(), cache.for_worker()];
        for worker in &workers {
            worker.keep([key(1), key(2), key(3)]);
            assert_eq!(
                [1, 2].map(|number| look_up(worker, number)),
                [CacheLookup::Miss, CacheLookup::Unverified]
            );
            worker.contradict(&key(2));
        }
        let report = cache.close();
        assert!(report.bytes_peak > 0);
        let expected = CacheReport {
            hits: 2,
            misses: 2,
            evictions: 2,
            checks: 2,
            disagreements: 2,
            keys_peak: 4,
            bytes_peak: report.bytes_peak,
            keys_left: 0,
        };
        assert_eq!(report, expected);
        assert_eq!(look_up(&workers[0], 3), CacheLookup::Miss);
    }

    #[test]
    fn the_share_of_checks_is_exact() {
        for (rate, checks) in [(0.0, 0), (0.001, 1), (0.25, 250), (1.0 / 3.0, 333), (1.0, 1_000)] {
            let mut set = KeySet::new(limits(1, rate));
            set.keep(key(1));
            let doubted =
                (0..1_000).filter(|_| set.look_up(&key(1), false) == CacheLookup::Unverified);
            assert_eq!((doubted.count(), set.did.checks), (checks, checks as u64), "{rate}");
        }
    }

    #[test]
    fn after_an_uncertain_commit_every_known_key_is_checked() {
        let mut set = KeySet::new(limits(1, 0.0));
        set.keep(key(1));
        assert_eq!(set.look_up(&key(1), true), CacheLookup::Unverified);
        assert_eq!(set.look_up(&key(2), true), CacheLookup::Miss);
        assert_eq!((set.did.hits, set.did.misses, set.did.checks), (1, 1, 1));
    }

    #[test]
    fn memory_of_long_keys_is_released() {
        let long = KeyBytes::from_slice(&[7; 100]);
        let mut set = KeySet::new(limits(1, 0.0));
        set.keep(key(1));
        let without = set.bytes();
        set.keep(long.clone());
        assert!(set.bytes() >= without + 100);
        set.keep(key(2));
        assert_eq!(set.bytes(), without);
        set.keep(long.clone());
        set.contradict(&long);
        assert_eq!(set.spilled_bytes, 0);
    }

    #[derive(Debug, Clone)]
    enum Use {
        Keep(u8),
        LookUp(u8),
        Contradict(u8),
    }

    fn uses() -> impl Strategy<Value = Vec<Use>> {
        let number = 0..12_u8;
        let one = prop_oneof![
            4 => number.clone().prop_map(Use::Keep),
            4 => number.clone().prop_map(Use::LookUp),
            1 => number.prop_map(Use::Contradict),
        ];
        prop::collection::vec(one, 0..200)
    }

    proptest! {
        #[test]
        fn a_full_set_keeps_the_most_recently_used_keys(uses in uses(), max_keys in 1..10_usize) {
            let mut set = KeySet::new(limits(max_keys, 0.0));
            let mut model = VecDeque::new();
            let mut evictions = 0;
            for step in uses {
                match step {
                    Use::Keep(number) => {
                        set.keep(key(number));
                        model.retain(|other| *other != number);
                        model.push_back(number);
                        if model.len() > max_keys {
                            model.pop_front();
                            evictions += 1;
                        }
                    }
                    Use::LookUp(number) => {
                        let is_there = model.contains(&number);
                        let known = if is_there { CacheLookup::Hit } else { CacheLookup::Miss };
                        prop_assert_eq!(set.look_up(&key(number), false), known);
                        if is_there {
                            model.retain(|other| *other != number);
                            model.push_back(number);
                        }
                    }
                    Use::Contradict(number) => {
                        set.contradict(&key(number));
                        model.retain(|other| *other != number);
                    }
                }
                let expected: Vec<_> = model.iter().map(|number| key(*number)).collect();
                prop_assert_eq!(set.keys.iter().cloned().collect::<Vec<_>>(), expected);
            }
            prop_assert_eq!(set.did.evictions, evictions);
            prop_assert!(set.did.keys_peak <= max_keys as u64);
        }
    }
}
