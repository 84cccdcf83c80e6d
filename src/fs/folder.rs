//! Open folders, so that a path that another process changes in the meantime cannot redirect a write or a removal: all
//! calls go through the handle of the folder, and no name in it is followed if it is a symbolic link.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self as system, AtFlags, CWD, Dir, FileType, Mode, OFlags, RawMode, Stat};
use rustix::process::geteuid;

use crate::error::NotOursKind;
use crate::fs::call::{Call, call};
use crate::fs::file::{File, unique_suffix};
use crate::{Error, Result};

/// Maximum symbolic links that are followed for one path, as in Linux (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// Permission bits that let users other than the owner write.
const OTHERS_WRITE: RawMode = 0o022;
/// Permission bit of a folder from which only the owner of an entry may remove it.
const STICKY: RawMode = 0o1000;
/// All permission bits.
const PERMISSIONS: RawMode = 0o7777;

/// Prefix of the names of files that are created only to find out who owns new files.
pub(crate) const OWNER_PROBE: &str = ".owner-";

/// Metadata of a name in a folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FolderEntry {
    pub(crate) kind: FileType,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    mode: RawMode,
    /// Hard links.
    pub(crate) links: u64,
    /// Device and inode number.
    pub(crate) identity: (u64, u64),
}

impl FolderEntry {
    // The widths of these fields differ between systems.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    fn of(stat: &Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            owner: stat.st_uid,
            group: stat.st_gid,
            mode: stat.st_mode & PERMISSIONS,
            links: stat.st_nlink as u64,
            identity: (stat.st_dev as u64, stat.st_ino as u64),
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    /// Whether it is a file of this user with a single name.
    pub(crate) fn is_own_file(&self) -> bool {
        self.is_file() && self.links == 1 && is_this_user(self.owner)
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.kind == FileType::Directory
    }

    pub(crate) fn is_link(&self) -> bool {
        self.kind == FileType::Symlink
    }

    /// Whether users other than its owner may write to it.
    pub(crate) fn others_may_write(&self) -> bool {
        self.mode & OTHERS_WRITE != 0
    }

    /// Whether the sticky bit of this folder forbids this user to remove an entry.
    pub(crate) fn forbids_removal_of(&self, entry: &Self) -> bool {
        let user = geteuid().as_raw();
        self.mode & STICKY != 0 && user != 0 && user != self.owner && user != entry.owner
    }

    /// Its type with an article, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self.kind {
            FileType::RegularFile => "a file",
            FileType::Directory => "a folder",
            FileType::Symlink => "a symbolic link",
            FileType::Fifo => "a pipe",
            FileType::Socket => "a socket",
            _ => "a device",
        }
    }
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder by its path; follows links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { handle: system::openat(CWD, path, flags, Mode::empty())?, path: path.to_owned() })
    }

    /// Opens the parent folder of a path.
    pub(crate) fn open_parent(path: &Path) -> io::Result<Self> {
        Self::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    }

    /// Opens a folder in this one.
    pub(crate) fn open_folder(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = system::openat(&self.handle, name.as_ref(), flags, Mode::empty())?;
        Ok(Self { handle, path: self.join(name) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it, for messages and for code that opens files by path.
    pub(crate) fn join(&self, name: impl AsRef<OsStr>) -> PathBuf {
        if self.path == Path::new(".") { name.as_ref().into() } else { self.path.join(name.as_ref()) }
    }

    /// Metadata of this folder.
    pub(crate) fn entry(&self) -> io::Result<FolderEntry> {
        Ok(FolderEntry::of(&system::fstat(&self.handle)?))
    }

    /// Metadata of a name, links not followed; `None` if the name does not exist.
    pub(crate) fn stat(&self, name: impl AsRef<OsStr>) -> io::Result<Option<FolderEntry>> {
        match system::statat(&self.handle, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FolderEntry::of(&stat))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether this user created the folder: its owner is the owner of a new file in it. On file systems that map
    /// owners that is not the user's own number.
    pub(crate) fn is_own(&self) -> io::Result<bool> {
        let owner = self.entry()?.owner;
        if is_this_user(owner) {
            return Ok(true);
        }
        let name = format!("{OWNER_PROBE}{}", unique_suffix());
        let made = match self.create_file(&name) {
            Ok(file) => file.entry(),
            // A user who may not write to it did not create it.
            Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                return Ok(false);
            }
            Err(e) => return Err(e),
        };
        self.remove_file(&name)?;
        Ok(made?.owner == owner)
    }

    /// Fails if this user may not create and remove names in it.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        let access = system::Access::WRITE_OK | system::Access::EXEC_OK;
        Ok(system::accessat(&self.handle, ".", access, AtFlags::empty())?)
    }

    /// Creates a folder in this one, with the permissions `mode` less the umask.
    pub(crate) fn create_folder(&self, name: impl AsRef<OsStr>, mode: RawMode) -> io::Result<()> {
        call(Call::Create, || Ok(system::mkdirat(&self.handle, name.as_ref(), Mode::from_raw_mode(mode))?))
    }

    /// Creates a file that must not exist.
    pub(crate) fn create_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let open = || Ok(system::openat(&self.handle, name.as_ref(), flags, mode)?);
        call(Call::Create, open).map(|handle| File(handle.into()))
    }

    /// Opens an existing file for reading and, if `write`, for writing. Never waits for the other end of a pipe.
    pub(crate) fn open_file(&self, name: impl AsRef<OsStr>, write: bool) -> io::Result<File> {
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = || Ok(system::openat(&self.handle, name.as_ref(), flags, Mode::empty())?);
        let file = File(if write { call(Call::Create, open)? } else { open()? }.into());
        let entry = file.entry()?;
        if entry.is_file() {
            return Ok(file);
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {}", entry.noun())))
    }

    /// Renames `from` to `to` in another folder; replaces a file of that name.
    pub(crate) fn rename(&self, from: &OsStr, folder: &Folder, to: &OsStr) -> io::Result<()> {
        call(Call::Rename, || Ok(system::renameat(&self.handle, from, &folder.handle, to)?))
    }

    /// As [`rename`](Self::rename), but fails with [`io::ErrorKind::AlreadyExists`] if the new name exists.
    pub(crate) fn rename_new(&self, from: &OsStr, folder: &Folder, to: &OsStr) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use system::{RenameFlags, renameat_with};
            let rename = || Ok(renameat_with(&self.handle, from, &folder.handle, to, RenameFlags::NOREPLACE)?);
            match call(Call::Rename, rename) {
                Err(e) if is_unsupported(&e) => {}
                outcome => return outcome,
            }
        }
        if self.stat(from)?.is_some_and(|entry| entry.is_file()) {
            // Linking fails if the name exists, on every file system with hard links.
            let link = || Ok(system::linkat(&self.handle, from, &folder.handle, to, AtFlags::empty())?);
            match call(Call::Rename, link) {
                Ok(()) => return self.remove_file(from),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(e),
                // A file system without hard links can only check first.
                Err(_) => {}
            }
        }
        match folder.stat(to)? {
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            None => self.rename(from, folder, to),
        }
    }

    /// Exchanges two names atomically, if the file system supports it.
    pub(crate) fn exchange(&self, one: &OsStr, folder: &Folder, other: &OsStr) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use system::{RenameFlags, renameat_with};
            call(Call::Rename, || Ok(renameat_with(&self.handle, one, &folder.handle, other, RenameFlags::EXCHANGE)?))
        }
        #[cfg(not(target_os = "linux"))]
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    /// Removes a file or a link.
    pub(crate) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        call(Call::Remove, || Ok(system::unlinkat(&self.handle, name.as_ref(), AtFlags::empty())?))
    }

    /// Removes a file or a link that may be missing.
    pub(crate) fn remove_file_if_present(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        match self.remove_file(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Removes an empty folder.
    pub(crate) fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        call(Call::Remove, || Ok(system::unlinkat(&self.handle, name.as_ref(), AtFlags::REMOVEDIR)?))
    }

    /// Makes the names in this folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        call(Call::Sync, || Ok(system::fsync(&self.handle)?))
    }

    /// Sets the permissions and the group of another folder.
    pub(crate) fn copy_permissions(&self, other: &FolderEntry) {
        copy_permissions(&self.handle, other);
    }
}

impl File {
    /// Metadata of the file.
    pub(crate) fn entry(&self) -> io::Result<FolderEntry> {
        Ok(FolderEntry::of(&system::fstat(&self.0)?))
    }

    /// Sets the permissions and the group of another file.
    pub(crate) fn copy_permissions(&self, other: &FolderEntry) {
        copy_permissions(&self.0, other);
    }
}

/// Sets the permissions and the group of another file or folder, as far as this user may. If the group cannot be set,
/// the group gets only the permissions of all users, since it is another group.
fn copy_permissions(handle: impl std::os::fd::AsFd, other: &FolderEntry) {
    let Ok(now) = system::fstat(&handle).map(|stat| FolderEntry::of(&stat)) else { return };
    let mut mode = other.mode;
    let group = rustix::fs::Gid::from_raw(other.group);
    if now.group != other.group && system::fchown(&handle, None, Some(group)).is_err() {
        mode = mode & !0o2070 | (mode & 0o007) << 3;
    }
    // A file system without permissions is no reason to fail.
    let _ = system::fchmod(&handle, Mode::from_raw_mode(mode));
}

/// Whether a rename failed because the file system does not support it, as network file systems do not.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS))
}

/// Resolves the last name of a path if it is a symbolic link. As Linux does in shared folders
/// (`fs.protected_symlinks`), this follows only links of this user, of root and of the owner of the folder.
///
/// # Errors
/// [`Error::NotOurs`] for a link of another user and for a dangling link; [`Error::Io`].
pub(crate) fn resolve_links(given: &Path) -> Result<PathBuf> {
    let failed = |e| Error::io("look at", given, e);
    let refused = |kind| Err(Error::NotOurs { path: given.to_owned(), kind });
    let mut path = given.to_owned();
    for _ in 0..MAX_LINKS {
        let Some(name) = path.file_name() else { return Ok(path) };
        let folder = Folder::open_parent(&path).map_err(failed)?;
        let Some(link) = folder.stat(name).map_err(failed)?.filter(FolderEntry::is_link) else { return Ok(path) };
        let trusted = [geteuid().as_raw(), 0, folder.entry().map_err(failed)?.owner];
        if !trusted.contains(&link.owner) {
            return refused(NotOursKind::ForeignLink { owner: user(link.owner) });
        }
        path = folder.join(fs::read_link(&path).map_err(failed)?);
        match fs::symlink_metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return refused(NotOursKind::DanglingLink { to: path });
            }
            Err(e) => return Err(failed(e)),
            // `..` has no name of its own.
            Ok(_) if path.file_name().is_none() => return fs::canonicalize(&path).map_err(failed),
            Ok(_) => {}
        }
    }
    Err(failed(io::Error::from_raw_os_error(libc::ELOOP)))
}

/// Whether a user number is that of this user.
pub(crate) fn is_this_user(number: u32) -> bool {
    number == geteuid().as_raw()
}

/// A user number for messages: `user 1001 (alice)`.
pub(crate) fn user(number: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    });
    match named {
        Some(name) => format!("user {number} ({name})"),
        None => format!("user {number}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn names_that_are_links_are_not_followed() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let (inside, outside) = (at.path().join("in"), at.path().join("out"));
        fs::create_dir(&inside).expect("new");
        fs::create_dir(&outside).expect("new");
        fs::write(outside.join("kept"), "x").expect("written");
        symlink(&outside, inside.join("folder")).expect("linked");
        symlink(outside.join("kept"), inside.join("file")).expect("linked");
        symlink(outside.join("none"), inside.join("dangling")).expect("linked");
        let folder = Folder::open(&inside).expect("there");
        assert!(folder.open_folder("folder").is_err());
        assert!(folder.open_file("file", true).is_err());
        assert!(folder.create_file("dangling").is_err() && folder.create_file("file").is_err());
        assert!(folder.stat("file").expect("there").is_some_and(|entry| entry.is_link()));
        for name in ["folder", "file", "dangling"] {
            folder.remove_file(name).expect("the link goes");
        }
        assert_eq!(folder.names().expect("read"), [""; 0]);
        assert_eq!(fs::read(outside.join("kept")).expect("there"), b"x");
        assert!(!outside.join("none").exists());
        assert!(folder.is_own().expect("ours"));
    }

    #[test]
    fn links_lead_to_what_they_mean() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| at.path().join(name);
        fs::write(path("file"), "x").expect("written");
        symlink("file", path("one")).expect("linked");
        symlink(path("one"), path("two")).expect("linked");
        symlink("gone", path("dangling")).expect("linked");
        symlink("round", path("round")).expect("linked");
        symlink(".", path("here")).expect("linked");
        assert_eq!(resolve_links(&path("two")).expect("followed"), path("file"));
        assert_eq!(resolve_links(&path("new")).expect("no link"), path("new"));
        let dangling = resolve_links(&path("dangling")).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(dangling.contains("gone, which does not exist"), "{dangling}");
        assert!(matches!(resolve_links(&path("round")), Err(Error::Io { .. })));
        assert_eq!(resolve_links(&path("here")).expect("followed"), fs::canonicalize(at.path()).expect("there"));
        assert!(matches!(resolve_links(&path("no/way")), Err(Error::Io { .. })));
    }

    #[test]
    fn a_name_that_is_taken_is_kept() {
        let at = tempfile::tempdir().expect("a temporary folder");
        fs::write(at.path().join("a"), "a").expect("written");
        fs::write(at.path().join("b"), "b").expect("written");
        let folder = Folder::open(at.path()).expect("there");
        let (a, b, c) = (OsStr::new("a"), OsStr::new("b"), OsStr::new("c"));
        let taken = folder.rename_new(a, &folder, b).expect_err("there is one");
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        folder.rename_new(a, &folder, c).expect("a new name");
        assert_eq!(folder.names().expect("read"), ["b", "c"]);
    }
}
