//! Invented records: a function of seed and number alone.
