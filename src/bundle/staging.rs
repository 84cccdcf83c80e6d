//! The staging folder of a build, so that an unfinished bundle never has the name of an index.
//!
//! For `genome.reprise` that folder is `.genome.reprise.building`. It contains
//!
//! | name | content |
//! |---|---|
//! | `lock` | the lock of the process that builds, with a record of that process |
//! | `bundle/` | the bundle; renamed to the target when it is complete and durable |
//! | `checkpoint.json`, `pages.spool` | what is finished, see [`checkpoint`](super::checkpoint); the spool of a part is in `bundle/` |
//! | `replaced/` | the index that is replaced, for a moment, if the file system cannot exchange two names |
//! | `replacing` | marks that the replaced index is being removed, if the file system cannot rename it |
//!
//! The process that has the lock owns the folder. If no process has it, the content was left by one that did not end
//! normally. The lock is removed last, by its holder.
//!
//! The folder may be in a folder that other users write to. So it is opened once, without following a link, must belong
//! to this user with no other user allowed to write to it, and is cleared and renamed from through its handle. Only the
//! names above are ever removed from it; any other name ends the build.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::checkpoint::{CHECKPOINT, NEXT_CHECKPOINT};
use crate::bundle::kind::BundleKind;
use crate::bundle::target::{BundleTarget, kind_of};
use crate::error::OccupiedBy;
use crate::format::{SEQUENCE, SPOOL};
use crate::fs::{Folder, Lock, LockAttempt, OWNER_PROBE, PendingRename, Remove, lock, publish, unique_suffix, user};
use crate::genome::TEMPORARY_SUFFIXES;
use crate::{Error, LockHolder, Result};

// Names in a staging folder; the table above has their meaning.
pub(super) const LOCK: &str = "lock";
pub(super) const BUNDLE: &str = "bundle";
const REPLACED: &str = "replaced";
const REPLACING: &str = "replacing";
/// Part of the name of a staging folder, after the name of its index.
pub(super) const BUILDING: &str = ".building";
/// Permissions of a staging folder, less the umask: other users may see which process builds, and change nothing.
const STAGING_MODE: u32 = 0o755;

/// The name of the staging folder of a target, with a suffix.
pub(super) fn staging_name(target: &OsStr, suffix: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(target);
    name.push(BUILDING);
    name.push(suffix);
    name
}

/// Whether a build was killed while it replaced the index at its target.
pub(super) fn is_half_replaced(target: &BundleTarget) -> bool {
    let folder = target.parent.open_folder(staging_name(&target.name, ""));
    folder.is_ok_and(|folder| folder.stat(REPLACING).is_ok_and(|marker| marker.is_some()))
}

/// Removes everything in a staging folder but its lock. Returns whether there was anything.
///
/// # Errors
/// [`Error::Occupied`] if the folder contains a name that no build creates, which stays; [`Error::Io`].
pub(super) fn clear(staging: &Folder) -> Result<bool> {
    let names = staging.names().map_err(|e| Error::io("clear", staging.path(), e))?;
    let names: Vec<_> = names.iter().filter(|name| *name != LOCK).collect();
    for &name in &names {
        let of_build = [CHECKPOINT, NEXT_CHECKPOINT, SPOOL, REPLACING].iter().any(|file| name == file)
            || name.as_bytes().starts_with(OWNER_PROBE.as_bytes());
        if [BUNDLE, REPLACED].iter().any(|folder| name == folder) {
            remove_bundle(staging, name, |_| true)?;
        } else if of_build {
            staging.remove_file_if_present(name).map_err(|e| Error::io("remove", staging.join(name), e))?;
        } else {
            return Err(foreign_name(staging.join(name)));
        }
    }
    Ok(!names.is_empty())
}

fn foreign_name(path: PathBuf) -> Error {
    Error::Occupied { path, by: OccupiedBy::OtherFile }
}

/// Removes the files of a bundle that `select` selects, and the folder itself if no file stays.
///
/// # Errors
/// [`Error::Occupied`] if the folder contains a name that no bundle has; [`Error::Io`].
pub(super) fn remove_bundle(staging: &Folder, name: &OsStr, select: impl Fn(&OsStr) -> bool) -> Result<()> {
    let path = staging.join(name);
    let failed = |e| Error::io("clear", &path, e);
    let folder = match staging.open_folder(name) {
        Ok(folder) => folder,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) if staging.stat(name).map_err(failed)?.is_some_and(|entry| !entry.is_folder()) => {
            return Err(foreign_name(path));
        }
        Err(e) => return Err(failed(e)),
    };
    let mut all = true;
    for name in folder.names().map_err(failed)? {
        let bytes = name.as_bytes();
        let spools = TEMPORARY_SUFFIXES.map(|suffix| [SEQUENCE.as_bytes(), suffix.as_bytes()].concat());
        if !BundleKind::any_has(&name) && !spools.iter().any(|spool| spool == bytes) {
            return Err(foreign_name(folder.join(&name)));
        }
        if select(&name) {
            folder.remove_file_if_present(&name).map_err(|e| Error::io("remove", folder.join(&name), e))?;
        } else {
            all = false;
        }
    }
    if all {
        staging.remove_folder(name).map_err(failed)?;
    }
    Ok(())
}

/// Why a staging folder could not be taken.
pub(super) enum StagingError {
    /// Another process builds in it; its record, if that can be read.
    Busy(Option<LockHolder>, Folder),
    /// It was removed in the meantime.
    Removed,
    /// The file system has no locks; the report of the system.
    NoLocks(String),
    Failed(Error),
}

impl From<Error> for StagingError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The hidden folder in which a bundle is built.
pub(super) struct StagingDir {
    pub(super) target: Arc<BundleTarget>,
    name: OsString,
    pub(super) folder: Folder,
}

impl StagingDir {
    /// Creates or opens the staging folder of a target and takes its lock.
    pub(super) fn acquire(target: &Arc<BundleTarget>, name: &OsStr) -> Result<(Self, Lock), StagingError> {
        let parent = &target.parent;
        let path = parent.join(name);
        let created = match parent.create_folder(name, STAGING_MODE) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            Err(e) => return Err(Error::io("create", path, e).into()),
        };
        let failed = |e| StagingError::Failed(Error::io("open", &path, e));
        let occupied = |by| StagingError::Failed(Error::Occupied { path: path.clone(), by });
        let folder = match parent.open_folder(name) {
            Ok(folder) => folder,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(StagingError::Removed),
            Err(e) => {
                return Err(match parent.stat(name).map_err(failed)? {
                    Some(entry) if !entry.is_folder() => occupied(OccupiedBy::NotAFolder { noun: entry.noun() }),
                    _ => failed(e),
                });
            }
        };
        let entry = folder.entry().map_err(failed)?;
        let own = folder.is_own().map_err(failed)?;
        if !own && folder.stat(LOCK).map_err(failed)?.is_none() {
            return Err(occupied(OccupiedBy::ForeignFolder { owner: user(entry.owner) }));
        }
        let refused = match lock::acquire(&folder, LOCK, |owner| own && owner == entry.owner) {
            Ok(LockAttempt::Acquired(_)) if !created && entry.others_may_write() => {
                return Err(occupied(OccupiedBy::WritableByOthers));
            }
            Ok(LockAttempt::Acquired(lock)) => {
                let staging = Self { target: Arc::clone(target), name: name.to_owned(), folder };
                return Ok((staging, lock));
            }
            Ok(LockAttempt::Busy(builder)) => return Err(StagingError::Busy(builder, folder)),
            Ok(LockAttempt::Removed) => return Err(StagingError::Removed),
            Ok(LockAttempt::Unsupported(problem)) => StagingError::NoLocks(problem),
            Err(e) => StagingError::Failed(e),
        };
        if created {
            let _ = folder.remove_file(LOCK);
            let _ = parent.remove_folder(name);
        }
        Err(refused)
    }

    /// Creates a staging folder with a name that no other process uses, for file systems without locks.
    pub(super) fn create_unlocked(target: &Arc<BundleTarget>) -> Result<Self> {
        let name = staging_name(&target.name, &format!("-{}", unique_suffix()));
        let path = target.parent.join(&name);
        target.parent.create_folder(&name, STAGING_MODE).map_err(|e| Error::io("create", &path, e))?;
        let folder = target.parent.open_folder(&name).map_err(|e| Error::io("open", &path, e))?;
        Ok(Self { target: Arc::clone(target), name, folder })
    }

    /// The folder with the function that removes it, for [`Temporary::begin`](crate::fs::Temporary::begin). With
    /// `keep_resumable` a folder with a checkpoint stays.
    pub(super) fn with_removal(self, keep_resumable: bool) -> (Arc<Self>, Remove) {
        let staging = Arc::new(self);
        let removed = Arc::clone(&staging);
        let remove = move || if keep_resumable { removed.remove_unless_resumable() } else { removed.remove() };
        (staging, Arc::new(move || remove().map_err(io::Error::other)))
    }

    /// Repairs the target after a killed build: renames `replaced` back if the build ended between two renames, and
    /// completes the replacement if it had begun to remove the old index. Returns whether this restored an index.
    pub(super) fn restore_target(&self) -> Result<bool> {
        let BundleTarget { parent, name, .. } = &*self.target;
        let failed = |e| Error::io("put back", self.target.path(), e);
        if self.folder.stat(REPLACING).map_err(failed)?.is_some() {
            self.replace_by_removal()?;
            return Ok(true);
        }
        let exists = parent.stat(name).map_err(failed)?.is_some();
        if exists || !self.folder.open_folder(REPLACED).is_ok_and(|replaced| kind_of(&replaced).is_some()) {
            return Ok(false);
        }
        self.folder.rename(OsStr::new(REPLACED), parent, name).map_err(failed)?;
        parent.sync().map_err(failed)?;
        Ok(true)
    }

    /// Removes the staging folder; only its lock holder may.
    pub(super) fn remove(&self) -> Result<()> {
        self.restore_target()?;
        clear(&self.folder)?;
        self.folder.remove_file_if_present(LOCK).map_err(|e| Error::io("remove", self.folder.join(LOCK), e))?;
        // A process that waited for the lock may have begun to build here already.
        let _ = self.target.parent.remove_folder(&self.name);
        Ok(())
    }

    /// As [`remove`](Self::remove), unless a later build can resume from here.
    fn remove_unless_resumable(&self) -> Result<()> {
        let checkpoint =
            self.folder.stat(CHECKPOINT).map_err(|e| Error::io("look at", self.folder.join(CHECKPOINT), e))?;
        if checkpoint.is_some() { Ok(()) } else { self.remove() }
    }

    /// Renames the bundle to its target, durably. If that fails, all names are as before.
    pub(super) fn rename_to_target(&self, replaces: bool) -> Result<()> {
        let BundleTarget { parent, name, .. } = &*self.target;
        let rename = PendingRename {
            from: (&self.folder, OsStr::new(BUNDLE)),
            to: (parent, name),
            backup: OsStr::new(REPLACED),
            replaces,
        };
        match publish(&[rename], &[parent, &self.folder]) {
            Err(Error::Io { source, .. }) if replaces && source.kind() == io::ErrorKind::CrossesDevices => {
                let path = self.folder.join(REPLACING);
                let failed = |e| Error::io("create", &path, e);
                let file = self.folder.create_file(REPLACING).map_err(failed)?;
                if let Err(e) = file.sync_all().and_then(|()| self.folder.sync()) {
                    self.folder.remove_file(REPLACING).map_err(failed)?;
                    return Err(failed(e));
                }
                self.replace_by_removal()
            }
            outcome => outcome.map(drop),
        }
    }

    /// Removes the replaced index and then renames the bundle: the only way if that index cannot be renamed, as in a
    /// lower layer of overlayfs. For a moment there is no index; if the build is killed then, the next build completes
    /// the rename.
    fn replace_by_removal(&self) -> Result<()> {
        let BundleTarget { parent, name, .. } = &*self.target;
        let failed = |e| Error::io("replace", self.target.path(), e);
        if self.folder.stat(BUNDLE).map_err(failed)?.is_some() {
            remove_bundle(parent, name, |_| true)?;
            self.folder.rename_new(OsStr::new(BUNDLE), parent, name).map_err(failed)?;
            parent.sync().map_err(failed)?;
        }
        self.folder.remove_file(REPLACING).map_err(failed)
    }
}
