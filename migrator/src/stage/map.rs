//! Slots to rows, by the contract.
