//! Renames complete files to their final names: durably, and with all names restored if a step fails.

use std::ffi::OsStr;
use std::io;

use crate::fs::folder::{Folder, is_unsupported};
use crate::{Error, Result};

/// A complete and durable file or folder that waits for its final name.
#[derive(Debug)]
pub(crate) struct PendingRename<'a> {
    /// The folder it is in, and its temporary name.
    pub(crate) from: (&'a Folder, &'a OsStr),
    /// The folder it belongs to, and its final name.
    pub(crate) to: (&'a Folder, &'a OsStr),
    /// A free name in `from`, for what it replaces if the file system cannot exchange two names.
    pub(crate) backup: &'a OsStr,
    /// Whether it replaces an entry of its final name; otherwise that name must be free.
    pub(crate) replaces: bool,
}

/// The fate of the entry that had the final name; needed to undo the rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RenameOutcome {
    /// The name was free.
    WasFree,
    /// It has the temporary name now.
    Exchanged,
    /// It has the name `backup` now.
    BackedUp,
    /// It was overwritten, which cannot be undone.
    Overwritten,
}

impl PendingRename<'_> {
    fn failed(&self, action: &'static str, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(self.to.0.join(self.to.1)),
            _ => Error::io(action, self.to.0.join(self.to.1), error),
        }
    }

    fn back_up(&self) -> io::Result<()> {
        self.to.0.rename(self.to.1, self.from.0, self.backup)
    }

    fn restore_backup(&self) -> io::Result<()> {
        self.from.0.rename(self.backup, self.to.0, self.to.1)
    }

    fn apply(&self) -> io::Result<RenameOutcome> {
        let (folder, name) = self.from;
        let rename_new = |outcome| folder.rename_new(name, self.to.0, self.to.1).map(|()| outcome);
        let Some(there) = self.to.0.stat(self.to.1)?.filter(|_| self.replaces) else {
            return rename_new(RenameOutcome::WasFree);
        };
        match folder.exchange(name, self.to.0, self.to.1) {
            Ok(()) => return Ok(RenameOutcome::Exchanged),
            // Folders of a lower layer of overlayfs can be neither exchanged nor renamed.
            Err(e) if is_unsupported(&e) || e.kind() == io::ErrorKind::CrossesDevices => {}
            Err(e) => return Err(e),
        }
        if !there.is_folder() {
            return folder.rename(name, self.to.0, self.to.1).map(|()| RenameOutcome::Overwritten);
        }
        self.back_up()?;
        rename_new(RenameOutcome::BackedUp).or_else(|e| self.restore_backup().and(Err(e)))
    }

    fn undo(&self, outcome: RenameOutcome) -> io::Result<()> {
        let rename_back = || self.to.0.rename(self.to.1, self.from.0, self.from.1);
        match outcome {
            RenameOutcome::WasFree => rename_back(),
            RenameOutcome::Exchanged => self.from.0.exchange(self.from.1, self.to.0, self.to.1),
            RenameOutcome::BackedUp => rename_back().and_then(|()| self.restore_backup()),
            RenameOutcome::Overwritten => Ok(()),
        }
    }
}

/// Renames files that belong together and syncs `folders` after that. If a step fails, all names are restored. Returns
/// the folders and names that the replaced entries have now.
///
/// The first file is the one that the others describe, as an index file describes its data. The old versions of the
/// others are moved away before the first is renamed, and the new ones are renamed after it, so that a process that is
/// killed in between never leaves one that describes another version.
///
/// # Errors
/// [`Error::Exists`], [`Error::Io`].
pub(crate) fn publish<'a>(all: &[PendingRename<'a>], folders: &[&Folder]) -> Result<Vec<(&'a Folder, &'a OsStr)>> {
    let (mut backups, mut renamed) = (Vec::new(), Vec::new());
    let outcome = (|| {
        for naming in all.iter().skip(1).filter(|naming| naming.replaces) {
            match naming.back_up() {
                Ok(()) => backups.push(naming),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(naming.failed("rename", e)),
            }
        }
        for naming in all {
            renamed.push((naming, naming.apply().map_err(|e| naming.failed("rename", e))?));
        }
        folders.iter().try_for_each(|folder| folder.sync().map_err(|e| Error::io("sync", folder.path(), e)))
    })();
    let Err(error) = outcome else {
        let backups = backups.iter().map(|naming| (naming.from.0, naming.backup));
        let replaced = renamed.iter().filter_map(|(naming, outcome)| match outcome {
            RenameOutcome::WasFree | RenameOutcome::Overwritten => None,
            RenameOutcome::Exchanged => Some(naming.from),
            RenameOutcome::BackedUp => Some((naming.from.0, naming.backup)),
        });
        return Ok(backups.chain(replaced).collect());
    };
    for (naming, outcome) in renamed.into_iter().rev() {
        naming.undo(outcome).map_err(|e| naming.failed("rename back", e))?;
    }
    for naming in backups {
        naming.restore_backup().map_err(|e| naming.failed("rename back", e))?;
    }
    Err(error)
}
