//! The address of an index: `s3://bucket/folder`, `https://host/folder` or `http://host/folder`.

use std::path::Path;

use crate::{Error, Result};

/// Where the files of an index lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// Objects of a bucket of S3 or of a server that works as S3.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// What the keys of all files begin with, without the last slash.
        prefix: String,
    },
    /// Files of a web server.
    Http {
        /// The folder, without the last slash.
        url: String,
        /// Whether the connection is encrypted.
        is_encrypted: bool,
    },
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`Error::Usage`], which does not repeat the address if it may have a password.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let usage = |problem: String| Err(Error::Usage(problem));
        let Some((scheme, rest)) = path.to_str().and_then(|text| text.split_once("://")) else {
            return usage(format!("{}: the address of an index has to be UTF-8", path.display()));
        };
        let scheme = scheme.to_ascii_lowercase();
        let (host, folder) = rest.split_once('/').unwrap_or((rest, ""));
        let is_s3 = scheme.starts_with("s3");
        if host.contains('@') || !is_s3 && rest.contains(['?', '#']) {
            return usage(
                "the address of an index must have no user, password, query or fragment; an index is a folder of \
                 four files, and credentials for s3:// are read from the environment (AWS_ACCESS_KEY_ID and others)"
                    .to_owned(),
            );
        }
        if host.is_empty() {
            let what = if is_s3 { "bucket" } else { "host" };
            return usage(format!("{}: the address of an index needs a {what}", path.display()));
        }
        let folder = folder.trim_matches('/');
        Ok(if is_s3 {
            Self::S3 { bucket: host.to_owned(), prefix: folder.to_owned() }
        } else {
            let url =
                if folder.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{folder}") };
            Self::Http { url, is_encrypted: scheme == "https" }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_secrets_refused() {
        let read = |text: &str| Address::read(Path::new(text));
        let s3 = |bucket: &str, prefix: &str| Address::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        assert_eq!(read("s3://b/x/y.reprise/").expect("sound"), s3("b", "x/y.reprise"));
        assert_eq!(read("S3://b").expect("sound"), s3("b", ""));
        let http = |url: &str, is_encrypted| Address::Http { url: url.to_owned(), is_encrypted };
        assert_eq!(read("HTTPS://h:1/y/").expect("sound"), http("https://h:1/y", true));
        assert_eq!(read("http://h").expect("sound"), http("http://h", false));
        for wrong in ["https://ann:secret@h/y", "https://h/y?sig=secret", "https://h/y#secret", "s3:///y", "http://"] {
            let error = read(wrong).expect_err("refused");
            assert!(matches!(&error, Error::Usage(text) if !text.contains("secret")), "{error}");
        }
    }
}
