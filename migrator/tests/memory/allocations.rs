//! Counts the bytes and blocks that a piece of work allocates. Blocks also measure the number of
//! steps if every step allocates. The counters cover the whole process, so tests take turns.

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static TURN: Mutex<()> = Mutex::new(());

/// Blocks the other tests of the process, so that no other code allocates meanwhile.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Allocations of a piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocated {
    /// Bytes of all blocks, freed or not. An upper bound of the bytes that were held at one time.
    pub(crate) bytes: usize,
    /// Number of blocks, including moved ones.
    pub(crate) blocks: usize,
    /// Bytes still held.
    pub(crate) left: usize,
}

/// Runs some work and counts the allocations of the process meanwhile.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    let region = Region::new(ALLOCATOR);
    let outcome = work();
    let Stats { allocations, reallocations, bytes_allocated, bytes_deallocated, .. } =
        region.change();
    let left = bytes_allocated.saturating_sub(bytes_deallocated);
    (outcome, Allocated { bytes: bytes_allocated, blocks: allocations + reallocations, left })
}
