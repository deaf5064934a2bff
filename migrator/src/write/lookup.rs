//! Which keys the store has: asked one by one, or in sets and with what a cache knows. Decides
//! nothing about records, and puts nothing into a cache.

use crate::error::Result;
use crate::store::{Connection, Key};
use crate::telemetry::metrics::Metrics;
use crate::write::cache::{KeyBytes, Known, WorkerCache};
use crate::write::dedup::Wanted;

/// Answers for one transaction.
pub struct Lookup<'a> {
    /// The transaction's connection.
    pub connection: &'a mut dyn Connection,
    /// What the worker knows already, and how it asks.
    pub cache: &'a WorkerCache,
    /// Ask the store about what the cache knows, too.
    pub doubt: bool,
    /// Counts the queries.
    pub metrics: &'a mut Metrics,
    /// Gets the keys that the store has, and that a cache could have answered for.
    pub found: &'a mut Vec<KeyBytes>,
}

impl Lookup<'_> {
    /// Which of these different keys of one table are stored, one answer for each.
    pub fn stored(&mut self, key: &Key, wanted: &[&Wanted<'_>]) -> Result<Vec<bool>> {
        if self.cache.asks_in_sets() {
            self.with_cache(key, wanted)
        } else {
            wanted.iter().map(|wanted| self.one(key, wanted)).collect()
        }
    }

    fn one(&mut self, key: &Key, wanted: &Wanted<'_>) -> Result<bool> {
        self.metrics.queries += 1;
        self.connection.exists(key, &wanted.values)
    }

    fn with_cache(&mut self, key: &Key, wanted: &[&Wanted<'_>]) -> Result<Vec<bool>> {
        let keys = wanted.iter().map(|wanted| &wanted.exact);
        let known = self.cache.look_up(keys, self.doubt);
        let mut answers: Vec<_> = known.iter().map(|known| *known == Known::Stored).collect();
        let open: Vec<_> = (0..wanted.len()).filter(|&place| !answers[place]).collect();
        for places in open.chunks(key.per_statement()) {
            let values: Vec<_> = places.iter().map(|&place| &wanted[place].values[..]).collect();
            self.metrics.set_queries += 1;
            for (&place, is_stored) in places.iter().zip(self.connection.exist(key, &values)?) {
                answers[place] = is_stored;
                self.learn(&wanted[place].exact, known[place], is_stored);
            }
        }
        Ok(answers)
    }

    /// Where the store and the cache disagree, the store is right.
    fn learn(&mut self, key: &KeyBytes, known: Known, is_stored: bool) {
        match (known, is_stored) {
            (Known::Doubted, false) => self.cache.contradict(key),
            (Known::No, true) if self.cache.keeps() => self.found.push(key.clone()),
            _ => {}
        }
    }
}
