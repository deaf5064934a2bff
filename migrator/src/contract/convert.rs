//! Text to value by data type: the conversions of contract.md 10 and the primitives of 9.
