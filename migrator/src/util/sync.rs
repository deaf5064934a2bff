//! Locks, condition variables and threads: those of std. The feature `schedules` replaces them by
//! those of shuttle, whose scheduler lets tests try many orders of steps.

#[cfg(feature = "schedules")]
pub use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};
#[cfg(not(feature = "schedules"))]
pub use std::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};
