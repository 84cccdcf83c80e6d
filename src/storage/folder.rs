//! The four files of an index that lies elsewhere.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::fs::{FileDigest, MAX_TEXT};
use crate::memory::Budget;
use crate::storage::client::Client;
use crate::storage::file::{FIRST_BYTES, RemoteFile};
use crate::{Error, Result};

/// A folder that lies elsewhere.
#[derive(Debug)]
pub(crate) struct RemoteFolder {
    client: Arc<Client>,
    files: OnceLock<BTreeMap<String, Arc<RemoteFile>>>,
}

impl RemoteFolder {
    /// The folder at an address; nothing is read.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that cannot be read.
    pub(crate) fn at(address: &Path) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { client: Arc::new(Client::new(address)?), files: OnceLock::new() }))
    }

    /// The address, as it was typed.
    pub(crate) fn path(&self) -> &Path {
        self.client.path()
    }

    /// Reads a text file of an index, of at most [`MAX_TEXT`] bytes; `None` if there is none. One request.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is longer; [`Error::Io`].
    pub(crate) fn read_text(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.client.whole(name, MAX_TEXT)
    }

    /// Opens files: reads the first bytes of each, all in one round, and remembers their versions.
    ///
    /// # Errors
    /// [`Error::Damaged`] if one is missing or has another length; [`Error::Memory`]; [`Error::Io`].
    pub(crate) fn open_files(&self, files: &BTreeMap<String, FileDigest>, budget: &Budget) -> Result<()> {
        let first = |(name, digest): (&'_ String, &FileDigest)| (name.clone(), 0..digest.bytes.clamp(1, FIRST_BYTES));
        let wanted: Vec<_> = files.iter().map(first).collect();
        let wanted: Vec<_> = wanted.iter().map(|(name, range)| (name.as_str(), range.clone())).collect();
        let parts = self.client.ranges(&wanted, None)?;
        let mut opened = BTreeMap::new();
        for ((name, digest), part) in files.iter().zip(parts) {
            let length = part.1.length;
            if length != digest.bytes {
                let problem = format!("it has {length} bytes and should have {}", digest.bytes);
                let path = self.path().join(name);
                return Err(Error::damaged(path, Some(length.min(digest.bytes)), problem));
            }
            let file = RemoteFile::new(&self.client, name, part, budget)?;
            opened.insert(name.clone(), Arc::new(file));
        }
        // Whoever opened them first has the same.
        let _ = self.files.set(opened);
        Ok(())
    }

    /// A file that was opened.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the manifest does not name it.
    pub(crate) fn file(&self, name: &str) -> Result<Arc<RemoteFile>> {
        let file = self.files.get().and_then(|files| files.get(name));
        file.cloned().ok_or_else(|| Error::damaged(self.path().join(name), None, "the manifest does not name it"))
    }
}
