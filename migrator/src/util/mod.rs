//! util.

pub mod cancel;
pub mod clock;
pub mod partition;
pub mod sync;
pub mod utf16;
