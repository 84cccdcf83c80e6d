//! Result files that appear complete or not at all: written under a temporary name and renamed when they are durable.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::NotOursKind;
use crate::fs::address::check_is_local;
use crate::fs::file::{File, unique_suffix};
use crate::fs::folder::{Folder, resolve_links, user};
use crate::fs::publish::{PendingRename, publish};
use crate::fs::stdout::stdout;
use crate::fs::temporary::{Remove, Temporary};
use crate::{Error, Result};

/// Part of the temporary names of files.
const WRITING: &str = ".writing-";
/// Maximum bytes of a name that its temporary name repeats, so that this stays below the 255 bytes of a file system.
const MAX_REPEATED: usize = 100;
/// Bytes that are buffered before a write: the capacity of a pipe (pipe(7)).
const BUFFER: usize = 1 << 16;

/// Destination of results: standard output, or a file that gets its name only when it is complete and durable.
pub struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    file: Option<PendingFile>,
}

/// A file that is not complete yet.
struct PendingFile {
    temporary: Temporary,
    file: File,
    folder: Arc<Folder>,
    /// Its temporary name.
    temporary_name: OsString,
    /// Its final name.
    name: OsString,
    force: bool,
}

/// How often a file that may replace another is renamed again if one of its name appears meanwhile: each time, another
/// process has finished, and there are few.
const MAX_ATTEMPTS: usize = 8;

impl Output {
    /// Opens standard output for `None` and `-`; otherwise a file, which must not exist unless `force`, neither now nor
    /// when the new one is complete. A symbolic link is resolved.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address; [`Error::Exists`]; [`Error::NotOurs`] for a link that is dangling or belongs to another user; [`Error::Io`].
    pub fn create(path: Option<&Path>, force: bool) -> Result<Self> {
        let Some(path) = path.filter(|p| p.as_os_str() != "-") else {
            return Ok(Self { writer: BufWriter::with_capacity(BUFFER, stdout()?), file: None });
        };
        check_is_local(path)?;
        let is_folder = || Error::io("write", path, io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        // A pipe, a terminal or /dev/null is written to directly.
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && !force => return Err(Error::Exists(path.to_owned())),
            Ok(metadata) if metadata.is_dir() => return Err(is_folder()),
            Ok(metadata) if !metadata.is_file() => {
                let file = fs::File::options().write(true).open(path).map_err(|e| Error::io("open", path, e))?;
                return Ok(Self { writer: BufWriter::with_capacity(BUFFER, Box::new(file)), file: None });
            }
            _ => {}
        }
        let path = resolve_links(path)?;
        let name = path.file_name().filter(|_| !path.as_os_str().as_bytes().ends_with(b"/")).ok_or_else(is_folder)?;
        let folder = Arc::new(Folder::open_parent(&path).map_err(|e| Error::io("create", &path, e))?);
        // Checked now rather than after the work.
        let failed = |e| Error::io("look at", &path, e);
        if let Some(there) = folder.stat(name).map_err(failed)?
            && folder.entry().map_err(failed)?.forbids_removal_of(&there)
        {
            let owner = user(there.owner);
            return Err(Error::NotOurs { path, kind: NotOursKind::OfAnotherUser { owner } });
        }
        let temporary_name = temporary_name(name);
        let (temporary, file) = Temporary::begin(|| {
            let file = folder.create_file(&temporary_name).map_err(|e| Error::io("create", &path, e))?;
            let (folder, temporary_name) = (Arc::clone(&folder), temporary_name.clone());
            let remove: Remove = Arc::new(move || folder.remove_file(&temporary_name));
            Ok::<_, Error>((file, remove))
        })?;
        file.mark_live();
        let clone = file.try_clone().map_err(|e| Error::io("open", &path, e))?;
        let writer: BufWriter<Box<dyn Write + Send>> = BufWriter::with_capacity(BUFFER, Box::new(clone));
        let name = name.to_owned();
        Ok(Self { writer, file: Some(PendingFile { temporary, file, folder, temporary_name, name, force }) })
    }

    /// A handle of the file for a writer that does not go from its begin to its end; nothing must have been written.
    ///
    /// # Errors
    /// [`Error::Usage`] for standard output and pipes; [`Error::Io`].
    pub(crate) fn seekable(&self) -> Result<File> {
        match &self.file {
            Some(file) => file.file.try_clone().map_err(|e| Error::io("open", file.path(), e)),
            None => Err(Error::Usage("bigWig and bigBed cannot be written to a pipe; name a file".to_owned())),
        }
    }

    /// The error of a call on it that failed.
    pub(crate) fn error(&self, error: io::Error) -> Error {
        match &self.file {
            Some(file) => Error::io("write", file.path(), error),
            None => Error::Output(error),
        }
    }

    /// Writes the buffered bytes and renames the file to its final name, durably. It takes over the permissions and the
    /// group of a file that it replaces.
    ///
    /// # Errors
    /// [`Error::Exists`] if a file of that name appeared in the meantime and may not be replaced; [`Error::NotOurs`] if
    /// something else than a file did; [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        Self::finish_all(vec![self])
    }

    /// As [`finish`](Self::finish), for files that belong together: all get their names, or none does and the old ones
    /// stay. The first is the file that the others describe, as an index file describes its data.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_all(outputs: Vec<Self>) -> Result<()> {
        let mut files = Vec::new();
        for Self { mut writer, file } in outputs {
            writer.flush().map_err(|e| match &file {
                Some(file) => Error::io("write", file.path(), e),
                None => Error::Output(e),
            })?;
            files.extend(file);
        }
        for file in &files {
            // After a power failure the name could otherwise exist without the bytes.
            file.file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
        }
        let may_replace = |path: &Path| files.iter().any(|file| file.force && file.path() == path);
        for _ in 1..MAX_ATTEMPTS {
            match Self::publish(&files) {
                // Another process made the same file just now.
                Err(Error::Exists(path)) if may_replace(&path) => {}
                published => return published,
            }
        }
        Self::publish(&files)
    }

    /// Renames complete files to their final names.
    fn publish(files: &[PendingFile]) -> Result<()> {
        let backups: Vec<OsString> = files.iter().map(|file| temporary_name(&file.name)).collect();
        let mut renames = Vec::new();
        for (file, backup) in files.iter().zip(&backups) {
            let failed = |e| Error::io("look at", file.path(), e);
            let there = file.folder.stat(&file.name).map_err(failed)?;
            if let Some(there) = there.as_ref().filter(|there| !there.is_file()) {
                return Err(Error::NotOurs { path: file.path(), kind: NotOursKind::Became { noun: there.noun() } });
            }
            let replaced = there.filter(|_| file.force);
            if let Some(replaced) = &replaced {
                file.file.copy_permissions(replaced);
            }
            renames.push(PendingRename {
                from: (&file.folder, &file.temporary_name),
                to: (&file.folder, &file.name),
                backup,
                replaces: replaced.is_some(),
            });
        }
        let mut folders: Vec<&Folder> = files.iter().map(|file| &*file.folder).collect();
        folders.dedup_by_key(|folder| folder.path());
        let temporaries: Vec<&Temporary> = files.iter().map(|file| &file.temporary).collect();
        Temporary::publish_all(&temporaries, || {
            for (folder, replaced) in publish(&renames, &folders)? {
                // The new file is complete even if the old one cannot be removed.
                let _ = folder.remove_file(replaced);
            }
            Ok(())
        })
    }
}

impl PendingFile {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

/// A hidden name for a file that is not complete yet, which no other process generates.
fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(OsStr::from_bytes(&name.as_bytes()[..name.len().min(MAX_REPEATED)]));
    temporary.push(format!("{WRITING}{}", unique_suffix()));
    temporary
}

/// Removes temporary files of these names in a folder that killed runs left. A file that another process still writes
/// is locked and stays.
pub(crate) fn remove_unfinished(folder: &Folder, names: &[&str]) {
    let is_left = |name: &OsStr| {
        let writes = |of: &&str| name.as_bytes().starts_with(format!(".{of}{WRITING}").as_bytes());
        let own = || folder.stat(name).is_ok_and(|entry| entry.is_some_and(|entry| entry.is_own_file()));
        names.iter().any(writes) && own()
    };
    for name in folder.names().unwrap_or_default().iter().filter(|name| is_left(name)) {
        if folder.open_file(name, true).is_ok_and(|file| file.try_lock().is_ok()) {
            // If it stays, it costs only space.
            let _ = folder.remove_file(name);
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
