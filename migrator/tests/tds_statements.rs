//! The test double of SQL Server under raw `tiberius`: statements, types, rules and transactions.
#![cfg(test)]

#[path = "support/tds/mod.rs"]
mod tds;

#[test]
fn a() {
    let _ = tds::TdsDouble::start();
}
