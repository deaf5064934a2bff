//! Contract JSON to model: every load-time check, each fault with its place in the file.
