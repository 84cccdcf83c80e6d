use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::NotOursKind;
use crate::fs::{Folder, Naming, Remove, Temporary};
use crate::{Error, Result};

/// In the names of files that are not complete yet.
const WRITING: &str = ".writing-";
/// Bytes of a name that the temporary name repeats, so that this is no longer than a file system allows (255 bytes).
const REPEATED: usize = 100;
/// Bytes that are collected before they are written.
const BUFFER: usize = 1 << 16;

/// Where results go: standard output, or a file that gets its name only when it is complete and durable.
pub struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    file: Option<Unnamed>,
}

/// A file that is not complete yet.
struct Unnamed {
    temporary: Temporary,
    file: crate::fs::File,
    folder: Arc<Folder>,
    /// Its name for now.
    writing: OsString,
    /// Its name to be.
    name: OsString,
    force: bool,
}

impl Output {
    /// Standard output for `None` and `-`; else a file, which must not be there unless `force`, neither now nor when it is
    /// complete. Where the path is a symbolic link, the file that it leads to is meant.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::NotOurs`] for a link that leads nowhere or belongs to another user; [`Error::Io`].
    pub fn create(path: Option<&Path>, force: bool) -> Result<Self> {
        let Some(path) = path.filter(|p| p.as_os_str() != "-") else {
            return Ok(Self { writer: BufWriter::with_capacity(BUFFER, super::stdout()?), file: None });
        };
        let is_folder = || Error::io("write", path, io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        // A pipe, a terminal or /dev/null is written to as it is.
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && !force => return Err(Error::Exists(path.to_owned())),
            Ok(metadata) if metadata.is_dir() => return Err(is_folder()),
            Ok(metadata) if !metadata.is_file() => {
                let file = fs::File::options().write(true).open(path).map_err(|e| Error::io("open", path, e))?;
                return Ok(Self { writer: BufWriter::with_capacity(BUFFER, Box::new(file)), file: None });
            }
            _ => {}
        }
        let path = crate::fs::follow(path)?;
        let name = path.file_name().filter(|_| !path.as_os_str().as_bytes().ends_with(b"/")).ok_or_else(is_folder)?;
        let folder = Arc::new(Folder::around(&path).map_err(|e| Error::io("create", &path, e))?);
        // Found now rather than when the work is done.
        let failed = |e| Error::io("look at", &path, e);
        if let Some(there) = folder.look(name).map_err(failed)?
            && folder.entry().map_err(failed)?.keeps_from_removal(&there)
        {
            let owner = crate::fs::user(there.owner);
            return Err(Error::NotOurs { path, kind: NotOursKind::OfAnotherUser { owner } });
        }
        let writing = writing_name(name);
        let (temporary, file) = Temporary::begin(|| {
            let file = folder.create_file(&writing).map_err(|e| Error::io("create", &path, e))?;
            let (folder, writing) = (Arc::clone(&folder), writing.clone());
            let remove: Remove = Arc::new(move || folder.remove_file(&writing));
            Ok::<_, Error>((file, remove))
        })?;
        file.mark_live();
        let clone = file.try_clone().map_err(|e| Error::io("open", &path, e))?;
        let writer: BufWriter<Box<dyn Write + Send>> = BufWriter::with_capacity(BUFFER, Box::new(clone));
        let name = name.to_owned();
        Ok(Self { writer, file: Some(Unnamed { temporary, file, folder, writing, name, force }) })
    }

    /// Writes what is left and gives the file its name, durably. A file that it replaces leaves it its permissions and group.
    ///
    /// # Errors
    /// [`Error::Exists`] where a file of that name appeared meanwhile that may not be replaced; [`Error::NotOurs`] for what is no file;
    /// [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        Self::finish_all(vec![self])
    }

    /// As [`finish`](Self::finish), of files that belong together: all get their names, or none does and the old ones stay.
    /// The first is what the others speak of, as an index does.
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
        let asides: Vec<OsString> = files.iter().map(|file| writing_name(&file.name)).collect();
        let mut namings = Vec::new();
        for (file, aside) in files.iter().zip(&asides) {
            let failed = |e| Error::io("look at", file.path(), e);
            let there = file.folder.look(&file.name).map_err(failed)?;
            if let Some(there) = there.as_ref().filter(|there| !there.is_file()) {
                return Err(Error::NotOurs { path: file.path(), kind: NotOursKind::Became { noun: there.noun() } });
            }
            let replaced = there.filter(|_| file.force);
            if let Some(replaced) = &replaced {
                file.file.imitate(replaced);
            }
            // Else a machine that loses its power may keep the name without the bytes.
            file.file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
            namings.push(Naming {
                from: (&file.folder, &file.writing),
                to: (&file.folder, &file.name),
                aside,
                replaces: replaced.is_some(),
            });
        }
        let mut folders: Vec<&Folder> = files.iter().map(|file| &*file.folder).collect();
        folders.dedup_by_key(|folder| folder.path());
        let temporaries: Vec<&Temporary> = files.iter().map(|file| &file.temporary).collect();
        Temporary::publish_all(&temporaries, || {
            for (folder, replaced) in crate::fs::publish(&namings, &folders)? {
                // The new file is complete whether or not the old one goes.
                let _ = folder.remove_file(replaced);
            }
            Ok(())
        })
    }
}

impl Unnamed {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

/// A hidden name for a file that is not complete yet, which no other process makes.
fn writing_name(name: &OsStr) -> OsString {
    let mut writing = OsString::from(".");
    writing.push(OsStr::from_bytes(&name.as_bytes()[..name.len().min(REPEATED)]));
    writing.push(format!("{WRITING}{}", crate::fs::unique()));
    writing
}

/// Removes what runs that were killed left of files of these names in a folder. What another process still writes has its
/// lock.
pub(crate) fn sweep_unfinished(folder: &Folder, names: &[&str]) {
    let is_left = |name: &OsStr| {
        let writes = |of: &&str| name.as_bytes().starts_with(format!(".{of}{WRITING}").as_bytes());
        let own = || folder.look(name).is_ok_and(|entry| entry.is_some_and(|entry| entry.is_own_file()));
        names.iter().any(writes) && own()
    };
    for name in folder.names().unwrap_or_default().iter().filter(|name| is_left(name)) {
        if folder.open_file(name, true).is_ok_and(|file| file.try_lock().is_ok()) {
            // It only takes space.
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
