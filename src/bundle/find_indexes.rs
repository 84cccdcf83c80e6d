//! Every index below a folder, told from manifests and names alone.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::bundle::{Manifest, is_bundle};
use crate::format::{CATALOG, MANIFEST};
use crate::{Error, Result};

/// In what state an index is, as far as its manifest and the lengths of its files tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is missing.
    Whole,
    /// A build that is under way or was killed.
    Unfinished,
    /// The manifest cannot be read, or a file is missing or of another length.
    Damaged,
    /// Of a format that this program does not read.
    Newer,
}

impl State {
    /// The name, as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Unfinished => "unfinished",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
        }
    }
}

/// An index that was found.
#[derive(Debug)]
pub struct FoundIndex {
    /// Its folder, below the one that was searched.
    pub path: PathBuf,
    /// In what state it is.
    pub state: State,
    /// Its manifest, where that can be read.
    pub manifest: Option<Manifest>,
    /// Its format, where that can be told.
    pub format: Option<u32>,
    /// Bytes of all files in its folder.
    pub bytes: u64,
    /// What is wrong with it.
    pub problem: Option<Error>,
}

/// Finds every index in and below `folder`, in the order of their paths. Folders of indexes are not searched further. A
/// link to a folder is followed, but no folder is searched twice, so that links may lead in circles; an index that a link
/// leads to is listed under the link too. What cannot be read is told to `warn` and left out.
///
/// # Errors
/// [`Error::Io`] when `folder` itself cannot be read.
pub fn list_indexes(folder: &Path, warn: &dyn Fn(&Error)) -> Result<Vec<FoundIndex>> {
    let mut search = Search { found: Vec::new(), links: BTreeSet::new(), searched: HashSet::new(), warn };
    let metadata = fs::metadata(folder).map_err(|e| Error::io("read", folder, e))?;
    fs::read_dir(folder).map_err(|e| Error::io("read", folder, e))?;
    search.below(folder.to_owned(), &metadata);
    // Real folders first, so that an index has its own name and not that of a link to a folder above it.
    while let Some(link) = search.links.pop_first() {
        match fs::metadata(&link) {
            Ok(metadata) if metadata.is_dir() => search.below(link, &metadata),
            // A link to a file, or to nothing.
            _ => {}
        }
    }
    search.found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(search.found)
}

struct Search<'a> {
    found: Vec<FoundIndex>,
    /// Links that are still to be followed.
    links: BTreeSet<PathBuf>,
    /// Device and number of folders that are no index.
    searched: HashSet<(u64, u64)>,
    warn: &'a dyn Fn(&Error),
}

impl Search<'_> {
    /// Searches a folder and all below it, without following links.
    fn below(&mut self, folder: PathBuf, metadata: &Metadata) {
        let mut folders = vec![(folder, (metadata.dev(), metadata.ino()))];
        while let Some((folder, number)) = folders.pop() {
            if self.searched.contains(&number) {
                continue;
            }
            if let Err(e) = self.folder(&folder, number, &mut folders) {
                (self.warn)(&e);
            }
        }
    }

    /// Looks at one folder: an index, or one that is searched.
    fn folder(&mut self, folder: &Path, number: (u64, u64), folders: &mut Vec<(PathBuf, (u64, u64))>) -> Result<()> {
        let failed = |e| Error::io("read", folder, e);
        let (mut below, mut links, mut files) = (Vec::new(), BTreeSet::new(), Vec::new());
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if [MANIFEST, CATALOG].iter().any(|name| entry.file_name() == *name) {
                files.push(entry.file_name());
            }
            if kind.is_dir() {
                below.push(entry);
            } else if kind.is_symlink() {
                links.insert(entry.path());
            }
        }
        let has = |name: &str| files.iter().any(|file| file == name);
        let draft = folder.file_name().is_some_and(is_draft);
        if draft || has(CATALOG) || (has(MANIFEST) && is_bundle(folder)) {
            self.found.push(examine(folder, draft, has(MANIFEST))?);
            return Ok(());
        }
        self.searched.insert(number);
        for entry in below {
            match entry.metadata() {
                Ok(metadata) => folders.push((entry.path(), (metadata.dev(), metadata.ino()))),
                Err(e) => (self.warn)(&Error::io("read", entry.path(), e)),
            }
        }
        self.links.append(&mut links);
        Ok(())
    }
}

/// Says in what state the index in a folder is.
fn examine(folder: &Path, draft: bool, has_manifest: bool) -> Result<FoundIndex> {
    let (mut state, mut manifest, mut format, mut problem) = (State::Whole, None, None, None);
    let checked = if draft {
        Err(Error::Unfinished { path: folder.to_owned(), problem: "its build has not ended".to_owned() })
    } else {
        Manifest::read(folder).and_then(|read| manifest.insert(read).check_lengths(folder))
    };
    if let Err(e) = checked {
        state = match e {
            Error::Io { .. } => return Err(e),
            Error::Unfinished { .. } if draft || !has_manifest => State::Unfinished,
            Error::Version { found, .. } => {
                format = Some(found);
                State::Newer
            }
            _ => State::Damaged,
        };
        problem = Some(e);
    }
    let format = manifest.as_ref().map(|manifest| manifest.format_version).or(format);
    Ok(FoundIndex { path: folder.to_owned(), state, manifest, format, bytes: bytes_below(folder), problem })
}

/// Whether this is the name of the folder in which an index is being built.
fn is_draft(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") && name.windows(BUILDING.len()).any(|part| part == BUILDING)
}

/// Part of the name of a folder in which an index is being built.
const BUILDING: &[u8] = b".building";

/// Bytes of the files in a folder. A build under way makes and removes some meanwhile, and those do not count.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?))).fold(0, |sum, (path, metadata)| {
        sum + match metadata.is_dir() {
            true => bytes_below(&path),
            false if metadata.is_file() => metadata.len(),
            false => 0,
        }
    })
}
