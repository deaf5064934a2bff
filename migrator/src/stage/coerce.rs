//! Rows to the types of the table catalogue, by SQL Server's conversion rules.
