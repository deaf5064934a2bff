//! Which rows of a batch the store already has.
