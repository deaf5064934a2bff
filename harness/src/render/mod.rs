//! Analysis → bytes for people and other programs. Pure: the same analysis gives the same bytes;
//! nothing here writes a file or asks a clock.

pub mod charts;
mod format;
pub mod markdown;
pub mod metrics;
pub mod order;
pub mod table;
pub mod words;

use serde::Serialize;

use crate::error::{Error, Result};

/// JSON for people and programs: indented, with a line end.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::caused("writing JSON", error))?;
    Ok(text + "\n")
}
