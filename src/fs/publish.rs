//! How what is complete gets its name: durably, and with all names as before where that fails.

use std::ffi::OsStr;
use std::io;

use crate::fs::Folder;
use crate::fs::folder::is_unsupported;
use crate::{Error, Result};

/// Something complete and durable that is to get its name.
#[derive(Debug)]
pub(crate) struct Naming<'a> {
    /// Where it lies, and under what name.
    pub(crate) from: (&'a Folder, &'a OsStr),
    /// Where it belongs, and what it will be called.
    pub(crate) to: (&'a Folder, &'a OsStr),
    /// A free name beside it, for what it replaces where the file system cannot exchange two names.
    pub(crate) aside: &'a OsStr,
    /// Whether it replaces what has its name; else that must be free.
    pub(crate) replaces: bool,
}

/// What a name cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// Nothing: it was free.
    New,
    /// What had it lies where the new one lay.
    Exchanged,
    /// What had it lies under the name `aside`.
    Aside,
    /// What had it is gone.
    Over,
}

impl Naming<'_> {
    fn failed(&self, action: &'static str, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(self.to.0.join(self.to.1)),
            _ => Error::io(action, self.to.0.join(self.to.1), error),
        }
    }

    fn put_aside(&self) -> io::Result<()> {
        self.to.0.rename(self.to.1, self.from.0, self.aside)
    }

    fn put_back(&self) -> io::Result<()> {
        self.from.0.rename(self.aside, self.to.0, self.to.1)
    }

    fn give(&self) -> io::Result<Named> {
        let (folder, name) = self.from;
        let new = |named| folder.rename_new(name, self.to.0, self.to.1).map(|()| named);
        let Some(there) = self.to.0.look(self.to.1)?.filter(|_| self.replaces) else { return new(Named::New) };
        match folder.exchange(name, self.to.0, self.to.1) {
            Ok(()) => return Ok(Named::Exchanged),
            // Folders of a lower layer of overlayfs can be neither exchanged nor renamed.
            Err(e) if is_unsupported(&e) || e.kind() == io::ErrorKind::CrossesDevices => {}
            Err(e) => return Err(e),
        }
        if !there.is_folder() {
            return folder.rename(name, self.to.0, self.to.1).map(|()| Named::Over);
        }
        self.put_aside()?;
        new(Named::Aside).or_else(|e| self.put_back().and(Err(e)))
    }

    fn take_back(&self, named: Named) -> io::Result<()> {
        let back = || self.to.0.rename(self.to.1, self.from.0, self.from.1);
        match named {
            Named::New => back(),
            Named::Exchanged => self.from.0.exchange(self.from.1, self.to.0, self.to.1),
            Named::Aside => back().and_then(|()| self.put_back()),
            // There is nothing to go back to.
            Named::Over => Ok(()),
        }
    }
}

/// Gives names to what belongs together, durably; `folders` are synced after that. Where it fails, all names are as before.
/// Returns under which names what was replaced lies now.
///
/// The first of several is what the others speak of, as an index does of its file: the others leave before it comes and
/// come after it, so that a process that is killed meanwhile leaves none that speaks of something else.
///
/// # Errors
/// [`Error::Exists`], [`Error::Io`].
pub(crate) fn publish<'a>(all: &[Naming<'a>], folders: &[&Folder]) -> Result<Vec<(&'a Folder, &'a OsStr)>> {
    let (mut aside, mut named) = (Vec::new(), Vec::new());
    let outcome = (|| {
        for naming in all.iter().skip(1).filter(|naming| naming.replaces) {
            match naming.put_aside() {
                Ok(()) => aside.push(naming),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(naming.failed("rename", e)),
            }
        }
        for naming in all {
            named.push((naming, naming.give().map_err(|e| naming.failed("rename", e))?));
        }
        folders.iter().try_for_each(|folder| folder.sync().map_err(|e| Error::io("sync", folder.path(), e)))
    })();
    let Err(error) = outcome else {
        let aside = aside.iter().map(|naming| (naming.from.0, naming.aside));
        let replaced = named.iter().filter_map(|(naming, named)| match named {
            Named::New | Named::Over => None,
            Named::Exchanged => Some(naming.from),
            Named::Aside => Some((naming.from.0, naming.aside)),
        });
        return Ok(aside.chain(replaced).collect());
    };
    for (naming, named) in named.into_iter().rev() {
        naming.take_back(named).map_err(|e| naming.failed("rename back", e))?;
    }
    for naming in aside {
        naming.put_back().map_err(|e| naming.failed("rename back", e))?;
    }
    Err(error)
}
