//! Tests of memory use. A counting allocator serves the whole process, so each test holds a lock
//! while it counts.
#![cfg(test)]

mod support;

mod memory {
    mod allocations;
    mod bytes;
    mod growth;
    mod hostile_records;
}
