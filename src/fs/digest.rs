//! Length and BLAKE3 digest of files: of files as they are written, so that they need not be read again, and of files
//! that are complete.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fs::file::File;
use crate::fs::folder::Folder;
use crate::fs::map::map_read_only;
use crate::{Error, Result};

/// Bytes of a mapped file that are hashed at once, so that a large file is never resident as a whole.
const HASHED_AT_ONCE: usize = 8 << 20;
/// Bytes that are read at once when a file is reopened; large reads cost fewer system calls.
const READ_BUFFER: usize = 1 << 18;

/// Length and digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Bytes.
    pub bytes: u64,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

/// Digests a file with all threads of the current pool.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn digest_file(path: &Path) -> Result<FileDigest> {
    let file = fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    Ok(digest_bytes(&map_read_only(&file, path)?))
}

/// Digests a mapped file with all threads of the current pool.
pub(crate) fn digest_bytes(map: &[u8]) -> FileDigest {
    let mut hasher = blake3::Hasher::new();
    for part in map.chunks(HASHED_AT_ONCE) {
        hasher.update_rayon(part);
    }
    FileDigest { bytes: map.len() as u64, blake3: hasher.finalize().to_hex().to_string() }
}

/// A file that is written front to back, and the digest of its bytes.
pub(crate) struct DigestWriter {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl DigestWriter {
    /// Creates a file that must not exist.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let file = File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        Ok(Self { file, path, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// Opens a file whose first bytes have this digest and cuts it after them; `None` if it is missing, shorter or its
    /// bytes differ.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn reopen(folder: &Folder, name: &str, digest: &FileDigest) -> Result<Option<Self>> {
        let path = folder.join(name);
        let failed = |e| Error::io("read back", &path, e);
        let mut file = match folder.open_file(name, true) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; READ_BUFFER];
        let mut left = digest.bytes;
        while left > 0 {
            let length = buffer.len().min(left as usize);
            match file.read(&mut buffer[..length]).map_err(failed)? {
                0 => return Ok(None),
                read => {
                    hasher.update(&buffer[..read]);
                    left -= read as u64;
                }
            }
        }
        if hasher.finalize().to_hex().as_str() != digest.blake3 {
            return Ok(None);
        }
        file.set_len(digest.bytes).map_err(|e| Error::io("cut", &path, e))?;
        Ok(Some(Self { file, path, hasher, bytes: digest.bytes }))
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Makes the bytes written so far durable.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io("sync", &self.path, e))
    }

    /// Length and digest of the bytes written so far.
    pub(crate) fn digest(&self) -> FileDigest {
        FileDigest { bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_reopened_only_if_its_bytes_are_the_same() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let path = folder.join("file");
        let reopen = |digest| DigestWriter::reopen(&folder, "file", digest);
        let mut file = DigestWriter::create(path.clone()).expect("created");
        file.append(b"first part").expect("written");
        let first = file.digest();
        file.append(b"lost").expect("written");
        drop(file);

        let mut file = reopen(&first).expect("read").expect("the same");
        file.append(b"second").expect("written");
        assert_eq!(file.digest(), digest_file(&path).expect("read"));
        assert_eq!(fs::read(&path).expect("there"), b"first partsecond");

        let mut damaged = fs::read(&path).expect("there");
        damaged[3] ^= 1;
        fs::write(&path, &damaged).expect("written");
        assert!(reopen(&first).expect("read").is_none());
        fs::write(&path, &damaged[..5]).expect("written");
        assert!(reopen(&first).expect("read").is_none());
        fs::remove_file(path).expect("there");
        assert!(reopen(&first).expect("nothing to read").is_none());
    }
}
