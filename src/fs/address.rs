//! Which paths are addresses of something that lies elsewhere: an index is read there, and nothing is written there.

use std::path::Path;

use crate::{Error, Result};

/// Beginnings of addresses.
const SCHEMES: [&str; 4] = ["s3://", "s3a://", "https://", "http://"];

/// Whether a path is the address of an object store or a web server, and no path of this machine.
pub(crate) fn is_address(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    SCHEMES
        .iter()
        .any(|scheme| path.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes())))
}

/// Refuses an address as the destination of results: a local folder named `s3:` is not what anybody wants.
///
/// # Errors
/// [`Error::Usage`], which does not repeat the address: it may have a password.
pub(crate) fn check_is_local(path: &Path) -> Result<()> {
    if is_address(path) {
        return Err(Error::Usage(
            "results are written to this machine only, not to an address such as s3:// or https://; write to a local \
             path and copy it"
                .to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        for address in ["s3://bucket/a", "S3A://b", "http://localhost:80/a.reprise", "https://h"] {
            assert!(is_address(Path::new(address)), "{address}");
            assert!(check_is_local(Path::new(address)).is_err(), "{address}");
        }
        for path in ["s3:/bucket", "a/s3://b", "./https://h", "http", "", "-", "é3://"] {
            assert!(!is_address(Path::new(path)), "{path}");
        }
    }
}
