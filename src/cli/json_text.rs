//! Summaries as JSON.

use serde::Serialize;

use crate::{Error, Result};

/// A value as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Output(e.into()))
}

/// A value as indented JSON.
pub(super) fn pretty_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| Error::Output(e.into()))
}
