//! Values, their types and conversions, errors, and their bytes on the wire.

pub(crate) mod convert;
pub(crate) mod errors;
pub(crate) mod types;
pub(crate) mod values;
pub(crate) mod wire;
