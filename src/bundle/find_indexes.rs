//! Finds every index, and every part of one, below a folder by names and manifests alone, so that a large collection is listed at once.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::bundle::kind::{BundleKind, Shard};
use crate::bundle::manifest::{Manifest, check_lengths};
use crate::bundle::part::{PartManifest, PartProblem};
use crate::bundle::staging::BUILDING;
use crate::format::{CATALOG, MANIFEST, PART_FORMAT_VERSION};
use crate::fs::is_address;
use crate::{Error, Result};

/// The state of an index, from its manifest and the lengths of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// Nothing is missing.
    Whole,
    /// A part of an index, of which nothing is missing.
    Part,
    /// Its build runs or was killed.
    Unfinished,
    /// The manifest cannot be read, or a file is missing or of another length.
    Damaged,
    /// Its format is newer than this program.
    Newer,
}

impl State {
    /// Its name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Part => "part",
            Self::Unfinished => "unfinished",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
        }
    }
}

/// An index that was found, or a part of one.
#[derive(Debug)]
#[non_exhaustive]
pub struct FoundIndex {
    /// Its folder, below the one that was searched.
    pub path: PathBuf,
    /// Its state.
    pub state: State,
    /// Its manifest, if that can be read.
    pub manifest: Option<Manifest>,
    /// The manifest of a part, if that can be read.
    pub part: Option<PartManifest>,
    /// Its format version, if known.
    pub format: Option<u32>,
    /// Bytes of all files in its folder.
    pub bytes: u64,
    /// The error of its check, if there was one; for a part, that it is not an index.
    pub problem: Option<Error>,
}

/// Finds every index and part of one in and below `folder`, sorted by path. Folders of indexes are not searched further. Links to
/// folders are followed, but no folder is searched twice, so cycles of links are harmless; an index behind a link is
/// listed under the link too. Folders that cannot be read are passed to `warn` and skipped.
///
/// # Errors
/// [`Error::Usage`] for an address; [`Error::Io`] if `folder` itself cannot be read.
pub fn list_indexes(folder: &Path, warn: &dyn Fn(&Error)) -> Result<Vec<FoundIndex>> {
    if is_address(folder) {
        return Err(Error::Usage(
            "only the indexes below a local folder can be listed, not those at an address".to_owned(),
        ));
    }
    let mut search = FolderSearch { found: Vec::new(), links: BTreeSet::new(), searched: HashSet::new(), warn };
    let metadata = fs::metadata(folder).map_err(|e| Error::io("read", folder, e))?;
    fs::read_dir(folder).map_err(|e| Error::io("read", folder, e))?;
    search.below(folder.to_owned(), &metadata);
    // Real folders first, so that an index is listed under its own path and not under a link to a folder above it.
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

/// A search of a folder and the folders below it.
struct FolderSearch<'a> {
    found: Vec<FoundIndex>,
    /// Links to follow later.
    links: BTreeSet<PathBuf>,
    /// Device and inode number of folders that are no index.
    searched: HashSet<(u64, u64)>,
    warn: &'a dyn Fn(&Error),
}

impl FolderSearch<'_> {
    /// Searches a folder and everything below it, without following links.
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

    /// Lists one folder if it is an index; otherwise queues its folders.
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
        let staging = folder.file_name().is_some_and(is_staging);
        let kind = if has(MANIFEST) { kind_of(folder) } else { None };
        if staging || has(CATALOG) || kind.is_some() {
            self.found.push(match kind {
                Some(BundleKind::Part) if !staging => examine_part(folder)?,
                _ => examine(folder, staging, has(MANIFEST))?,
            });
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

/// Determines the state of the index in a folder.
fn examine(folder: &Path, staging: bool, has_manifest: bool) -> Result<FoundIndex> {
    let (mut state, mut manifest, mut format, mut problem) = (State::Whole, None, None, None);
    let checked = if staging {
        Err(Error::Unfinished { path: folder.to_owned(), problem: "its build has not ended".to_owned() })
    } else {
        Manifest::read(folder).and_then(|read| manifest.insert(read).check_lengths(folder))
    };
    if let Err(e) = checked {
        state = match e {
            Error::Io { .. } => return Err(e),
            Error::Unfinished { .. } if staging || !has_manifest => State::Unfinished,
            Error::Version { found, .. } => {
                format = Some(found);
                State::Newer
            }
            _ => State::Damaged,
        };
        problem = Some(e);
    }
    let format = manifest.as_ref().map(|manifest| manifest.format_version).or(format);
    let (path, bytes) = (folder.to_owned(), bytes_below(folder));
    Ok(FoundIndex { path, state, manifest, part: None, format, bytes, problem })
}

/// Determines the state of the part of an index in a folder.
fn examine_part(folder: &Path) -> Result<FoundIndex> {
    let path = folder.join(MANIFEST);
    let (mut state, mut format, mut part) = (State::Damaged, None, None);
    let problem = match PartManifest::read(folder) {
        Ok(manifest) => {
            format = Some(manifest.format_version);
            let Shard { number, count } = manifest.shard;
            let checked = check_lengths(&manifest.files, folder);
            part = Some(manifest);
            match checked {
                Ok(()) => {
                    state = State::Part;
                    Error::PartOfIndex { path: folder.to_owned(), number, count }
                }
                Err(e @ Error::Io { .. }) => return Err(e),
                Err(e) => e,
            }
        }
        Err(PartProblem::Unreadable(e)) => return Err(e),
        Err(PartProblem::Newer(found)) => {
            (state, format) = (State::Newer, Some(found));
            Error::Version { path, found, supported: PART_FORMAT_VERSION }
        }
        Err(PartProblem::NotAPart(problem)) => Error::damaged(path, None, problem),
        Err(PartProblem::Damaged(problem)) => Error::damaged(path, None, problem),
    };
    let bytes = bytes_below(folder);
    Ok(FoundIndex { path: folder.to_owned(), state, manifest: None, part, format, bytes, problem: Some(problem) })
}

/// The kind of which a folder has a manifest, sound or not.
fn kind_of(folder: &Path) -> Option<BundleKind> {
    crate::fs::read_text(&folder.join(MANIFEST)).ok().and_then(|bytes| BundleKind::of(&bytes))
}

/// Whether this is the name of a staging folder.
fn is_staging(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") && name.windows(BUILDING.len()).any(|part| part == BUILDING.as_bytes())
}

/// Bytes of the files in a folder. A running build removes some of them in the meantime; those count nothing.
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
