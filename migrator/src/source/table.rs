//! A source table in SQLite.
