//! Locks, condition variables and threads: std's, or with the feature `schedules` those of a
//! scheduler that lets tests try one order of steps after the other. Adds nothing to either.

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
