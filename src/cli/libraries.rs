//! Libraries of repeats that flags name.

use std::path::{Path, PathBuf};

use crate::align::Library;
use crate::bundle::FileDigest;
use crate::cli::Settings;
use crate::memory::Reservation;
use crate::sequence::Source;
use crate::{Error, Result};

/// The sequences of several libraries, and digests of their content: a pipe cannot be read again.
pub(crate) struct Libraries {
    pub(crate) library: Library,
    pub(crate) digests: Vec<FileDigest>,
    pub(crate) reservations: Vec<Reservation>,
}

impl Libraries {
    /// Reads libraries, which have no name in common.
    pub(crate) fn read(paths: &[PathBuf], settings: &Settings) -> Result<Self> {
        let mut given = Self { library: Library::default(), digests: Vec::new(), reservations: Vec::new() };
        for path in paths {
            let (library, reservation) = Library::read(&Source::new(path), &settings.budget, &settings.progress)?;
            let (blake3, bytes) = library.digest();
            given.digests.push(FileDigest { bytes, blake3 });
            append(&mut given.library, library, path)?;
            given.reservations.push(reservation);
        }
        Ok(given)
    }
}

/// Adds the sequences of a library that was read from `path`.
pub(crate) fn append(to: &mut Library, library: Library, path: &Path) -> Result<()> {
    let names: ahash::AHashSet<&str> = (0..to.len()).map(|number| to.name(number)).collect();
    if let Some(twice) = (0..library.len()).map(|number| library.name(number)).find(|name| names.contains(name)) {
        let problem = format!("{twice:?} is in two libraries; names must differ");
        return Err(Error::input(path, None, problem));
    }
    to.append(library);
    Ok(())
}
