//! What a store is: the traits that every backend has.

pub mod checksum;
pub mod schema;
pub mod sqlite;
