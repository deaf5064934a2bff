//! DDL from the table catalogue.
