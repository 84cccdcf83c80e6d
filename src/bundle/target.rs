//! The final path of a bundle, checked before a build starts, so that hours of work do not end at a name that cannot be
//! used.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::bundle::kind::BundleKind;
use crate::error::NotOursKind;
use crate::format::MANIFEST;
use crate::fs::{File, Folder, check_is_local, resolve_links, user};
use crate::{Error, Result};

/// Maximum names that an error lists, so that it stays one line.
const MAX_LISTED_NAMES: usize = 5;

/// The path of a bundle: a name in an open folder.
#[derive(Debug)]
pub(super) struct BundleTarget {
    pub(super) parent: Folder,
    pub(super) name: OsString,
    pub(super) kind: BundleKind,
}

/// Fails if a build cannot create or replace a bundle of this kind at `target`.
///
/// # Errors
/// [`Error::Exists`], [`Error::NotOurs`], [`Error::Usage`], [`Error::Io`].
pub(crate) fn check_target(target: &Path, kind: BundleKind, force: bool) -> Result<()> {
    BundleTarget::new(target, kind)?.check(force).map(drop)
}

/// The kind of which a folder has a manifest, sound or not.
pub(super) fn kind_of(folder: &Folder) -> Option<BundleKind> {
    folder.open_file(MANIFEST, false).and_then(File::read_text).ok().and_then(|bytes| BundleKind::of(&bytes))
}

impl BundleTarget {
    /// The target that a path names; a symbolic link is resolved.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address and a path without a last name; [`Error::NotOurs`], [`Error::Io`].
    pub(super) fn new(path: &Path, kind: BundleKind) -> Result<Self> {
        check_is_local(path)?;
        // `genome.reprise/` names the same folder as `genome.reprise`.
        let path: PathBuf = path.components().collect();
        let path = resolve_links(&path)?;
        let Some(name) = path.file_name() else {
            return Err(Error::Usage(format!("{} cannot be the name of an index; use another one", path.display())));
        };
        let parent = Folder::open_parent(&path).map_err(|e| Error::io("open the folder of", &path, e))?;
        Ok(Self { parent, name: name.to_owned(), kind })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Fails if the name is taken, unless by an index that may and can be replaced. Returns whether there is one.
    ///
    /// # Errors
    /// [`Error::Exists`] for an index without `force`; [`Error::NotOurs`] for anything else; [`Error::Io`].
    pub(super) fn check(&self, force: bool) -> Result<bool> {
        let path = self.path();
        let failed = |e| Error::io("look at", &path, e);
        let refused = |kind| Err(Error::NotOurs { path: path.clone(), kind });
        let no_index = || match self.kind {
            BundleKind::Index => refused(NotOursKind::NotAnIndex),
            BundleKind::Part => refused(NotOursKind::NotAPart),
        };
        let Some(there) = self.parent.stat(&self.name).map_err(failed)? else { return Ok(false) };
        if !there.is_folder() {
            return no_index();
        }
        let folder = self.parent.open_folder(&self.name).map_err(failed)?;
        let names = folder.names().map_err(failed)?;
        if kind_of(&folder) != Some(self.kind) {
            return no_index();
        }
        if !force {
            return Err(Error::Exists(path));
        }
        let mut others = Vec::new();
        for name in names {
            let is_file = folder.stat(&name).map_err(failed)?.is_none_or(|entry| entry.is_file());
            if !is_file || !self.kind.files().iter().any(|file| name == *file) {
                others.push(format!("{name:?}"));
            }
        }
        if !others.is_empty() {
            let further = others.len().saturating_sub(MAX_LISTED_NAMES);
            others.truncate(MAX_LISTED_NAMES);
            return refused(NotOursKind::OtherFiles { names: others, further });
        }
        self.check_rename(&folder)?;
        Ok(true)
    }

    /// Fails if an index could not be renamed once its successor is complete.
    fn check_rename(&self, folder: &Folder) -> Result<()> {
        let path = self.path();
        let failed = |e| Error::io("look at", &path, e);
        for folder in [folder, &self.parent] {
            folder.check_writable().map_err(|e| Error::io("write to", folder.path(), e))?;
        }
        let (index, parent) = (folder.entry().map_err(failed)?, self.parent.entry().map_err(failed)?);
        if index.identity.0 != parent.identity.0 {
            return Err(Error::NotOurs { path, kind: NotOursKind::MountPoint });
        }
        if parent.forbids_removal_of(&index) {
            return Err(Error::NotOurs { path, kind: NotOursKind::OfAnotherUser { owner: user(index.owner) } });
        }
        Ok(())
    }
}
