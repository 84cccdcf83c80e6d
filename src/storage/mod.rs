//! Where the files of an index lie: in a folder of this machine, or at a web server or an object store, where they are
//! read by ranges. The rest of the index opens them here and does not know which.
//!
//! A [`RemoteFile`] is read with blocking calls. What is read ahead and what a batch fetches together stays in it, in
//! memory that is reserved from the budget; checked pages, blocks and chunks of the genome are in the cache of the
//! index, as those of a local one. Without the Cargo feature `remote` both remote types are empty.

#[cfg(not(feature = "remote"))]
mod absent;
#[cfg(feature = "remote")]
mod address;
#[cfg(feature = "remote")]
mod client;
#[cfg(feature = "remote")]
mod file;
#[cfg(feature = "remote")]
mod folder;
#[cfg(feature = "remote")]
mod segments;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Result;
use crate::fs::is_address;

#[cfg(not(feature = "remote"))]
pub(crate) use absent::{RemoteFile, RemoteFolder};
#[cfg(feature = "remote")]
pub(crate) use file::RemoteFile;
#[cfg(feature = "remote")]
pub(crate) use folder::RemoteFolder;

/// Where the files of an index lie.
pub(crate) enum Storage {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// Elsewhere.
    Remote(Arc<RemoteFolder>),
}

impl Storage {
    /// The storage at a path or an address; nothing is read.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) for an address that cannot be read.
    pub(crate) fn at(folder: &Path) -> Result<Self> {
        if is_address(folder) {
            return Ok(Self::Remote(RemoteFolder::at(folder)?));
        }
        Ok(Self::Folder(folder.to_owned()))
    }
}
