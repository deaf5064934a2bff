//! One hash over everything a store holds.
