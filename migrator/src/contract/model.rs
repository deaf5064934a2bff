//! The compiled mapping contract: what the stages read.
