//! The processing log, run and batch rows, and the resume point.
