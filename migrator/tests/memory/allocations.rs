//! What a piece of work allocates, in bytes and blocks: the measure of its memory, and of its steps
//! where every step allocates. Counts the whole process, so tests have to take turns.

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static TURN: Mutex<()> = Mutex::new(());

/// Lets the other tests of the process wait; nothing else allocates meanwhile.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What work allocated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocated {
    /// Bytes of all blocks together, whether they were freed again or not: no less than the most
    /// that were held at one time.
    pub(crate) bytes: usize,
    /// Blocks, moved ones included.
    pub(crate) blocks: usize,
    /// Bytes still held.
    pub(crate) left: usize,
}

/// Does some work and counts what the process allocates meanwhile.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    let region = Region::new(ALLOCATOR);
    let outcome = work();
    let Stats { allocations, reallocations, bytes_allocated, bytes_deallocated, .. } =
        region.change();
    let left = bytes_allocated.saturating_sub(bytes_deallocated);
    (outcome, Allocated { bytes: bytes_allocated, blocks: allocations + reallocations, left })
}
