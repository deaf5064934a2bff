//! Small parts without a folder of their own: cancellation, clock, locks, partitions, removal of
//! secrets, UTF-16 lengths.

pub mod cancel;
pub mod clock;
pub mod partition;
pub mod secrets;
pub mod sync;
pub(crate) mod utf16;
