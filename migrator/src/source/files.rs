//! A folder of XML files as a source.
