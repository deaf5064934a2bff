//! Batches into the store: transactions, retries, and finding the guilty record.
