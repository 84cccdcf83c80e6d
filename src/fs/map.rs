//! Read-only maps of files of an index: pages are read in place, and all processes share one copy.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::{Error, Result};

/// Maps a whole file of a bundle for reading.
///
/// # Errors
/// [`Error::Io`] if the system refuses.
pub(crate) fn map_read_only(file: &File, path: &Path) -> Result<Mmap> {
    // SAFETY: a map is unsound only if the file changes under it. These are files of a bundle, which is complete before
    // it gets its name and is never written to afterwards; a bundle that replaces it is another folder with other
    // files, and the old ones live as long as they are mapped. Every read goes through bounds-checked slices, and what
    // is read is checked against its checksum. Reached by every test that opens an index.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(file) };
    map.map_err(|e| Error::io("map", path, e))
}
