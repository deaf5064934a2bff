//! Text checks of contract.md 4: bytes to a cleaned text, or a reject.
