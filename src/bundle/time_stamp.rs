//! The time that a bundle and a report state; a reproducible run takes it from the environment.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// The time stamp of a bundle in seconds since 1970: `SOURCE_DATE_EPOCH`
/// (<https://reproducible-builds.org/specs/source-date-epoch/>) if that is set, else now.
///
/// # Errors
/// [`Error::Usage`] if it is set to anything but a whole number: the bundle would not be reproducible.
pub(crate) fn time_stamp() -> Result<u64> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()));
    };
    text.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        Error::Usage(format!("SOURCE_DATE_EPOCH is {text:?}; it must be whole seconds since 1970, or not be set"))
    })
}

/// Whether output must be reproducible, so that it may contain nothing that was measured.
pub(crate) fn is_reproducible() -> bool {
    std::env::var_os("SOURCE_DATE_EPOCH").is_some()
}
