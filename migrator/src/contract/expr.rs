//! The expression language of contract.md 12, compiled once when the contract is loaded.
