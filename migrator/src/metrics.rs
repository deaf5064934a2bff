//! Counters and histograms of a run.
