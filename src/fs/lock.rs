//! A lock file, so that only one process at a time builds an index or works in a results folder. The system releases
//! the lock with its process, however that ends.

use std::fs::{self, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::OccupiedBy;
use crate::fs::file::File;
use crate::fs::folder::{Folder, user};
use crate::units::utc;
use crate::{Error, LockHolder, Result};

/// This process as the holder of a lock from now on.
fn this_process() -> LockHolder {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    LockHolder { process: std::process::id(), host, since: utc(now()) }
}

/// A lock of this process; released when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    /// The holder before, if that process did not end normally.
    pub(crate) previous: Option<LockHolder>,
}

/// The outcome of an attempt to take a lock.
pub(crate) enum LockAttempt {
    /// This process has the lock.
    Acquired(Lock),
    /// Another process has it; `None` if its record cannot be read.
    Busy(Option<LockHolder>),
    /// The file or its folder was removed in the meantime.
    Removed,
    /// The file system has no locks, or none between machines; the report of the system.
    Unsupported(String),
}

/// Tries to take the lock in a file of an open folder; creates the file if it is missing. `own` returns whether the
/// owner of a file counts as this user.
///
/// # Errors
/// [`Error::Occupied`] if the name is taken by something that is no lock of this user; [`Error::Io`].
pub(crate) fn acquire(folder: &Folder, name: &str, own: impl Fn(u32) -> bool) -> Result<LockAttempt> {
    let path = folder.join(name);
    let failed = |e| Error::io("lock", &path, e);
    let occupied = |by| Err(Error::Occupied { path: path.clone(), by });
    let Some(there) = folder.stat(name).map_err(failed)? else {
        return match folder.create_file(name) {
            Ok(file) => lock_file(folder, name, file),
            // Another process was faster, or the folder was removed.
            Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
                Ok(LockAttempt::Removed)
            }
            Err(e) => Err(Error::io("create", &path, e)),
        };
    };
    if !there.is_file() || there.links > 1 {
        let noun = if there.is_file() { "a file with several names" } else { there.noun() };
        return occupied(OccupiedBy::NotALock { noun });
    }
    let mine = own(there.owner);
    let mut file = match folder.open_file(name, mine) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(LockAttempt::Removed),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && !mine => {
            return occupied(OccupiedBy::ForeignLock { owner: user(there.owner) });
        }
        Err(e) => return Err(Error::io("open", &path, e)),
    };
    let opened = file.entry().map_err(failed)?;
    if opened.identity != there.identity {
        return Ok(LockAttempt::Removed);
    }
    if mine {
        return lock_file(folder, name, file);
    }
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(LockAttempt::Busy(holder(&mut file))),
        Err(TryLockError::Error(e)) if !is_unsupported(&e) => Err(failed(e)),
        _ => occupied(OccupiedBy::LeftLock { owner: user(there.owner) }),
    }
}

/// Takes the lock of an open file of this user and records this process in it.
fn lock_file(folder: &Folder, name: &str, mut file: File) -> Result<LockAttempt> {
    let path = folder.join(name);
    let failed = |e| Error::io("lock", &path, e);
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(LockAttempt::Busy(holder(&mut file))),
        Err(TryLockError::Error(e)) if is_unsupported(&e) => return Ok(LockAttempt::Unsupported(e.to_string())),
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    // A holder removes the file before it releases the lock: then the lock of this file protects nothing.
    let ours = file.entry().map_err(failed)?;
    if folder.stat(name).map_err(failed)?.is_none_or(|there| there.identity != ours.identity) {
        return Ok(LockAttempt::Removed);
    }
    let record = read_record(&mut file).map_err(failed)?;
    let previous = serde_json::from_slice(&record).ok();
    if previous.is_none() && !is_blank(&record) {
        return Err(Error::Occupied { path, by: OccupiedBy::OtherContent });
    }
    let write_record = |file: &mut File| {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(serde_json::to_string(&this_process())?.as_bytes())
    };
    write_record(&mut file).map_err(|e| Error::io("write", &path, e))?;
    Ok(LockAttempt::Acquired(Lock { _file: file, previous }))
}

/// Waits until no process has the lock in a file of an open folder.
pub(crate) fn wait(folder: &Folder, name: &str) -> Result<()> {
    let path = folder.join(name);
    match folder.open_file(name, false) {
        Ok(file) => file.lock_shared().map_err(|e| Error::io("lock", &path, e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("open", &path, e)),
    }
}

/// Maximum bytes of a lock file that are read; the record of a holder has about 100.
const MAX_RECORD: u64 = 1 << 12;

fn read_record(file: &mut File) -> io::Result<Vec<u8>> {
    let mut record = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MAX_RECORD).read_to_end(&mut record)?;
    Ok(record)
}

/// The process that has a lock, if its record can be read.
fn holder(file: &mut File) -> Option<LockHolder> {
    serde_json::from_slice(&read_record(file).ok()?).ok()
}

/// Whether a record is what remains of a holder that was killed while it wrote: a prefix, or the zeros of a lost write.
fn is_blank(record: &[u8]) -> bool {
    let start = br#"{"process":"#;
    record.iter().all(|&byte| byte == 0) || record.starts_with(start) || start.starts_with(record)
}

fn is_unsupported(error: &io::Error) -> bool {
    // NFS without its lock service reports ENOLCK.
    error.kind() == io::ErrorKind::Unsupported
        || matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP))
}

/// The mount option that makes locks in `folder` invisible to other machines, if it has one.
pub(crate) fn local_locks(folder: &Path) -> Option<String> {
    let folder = fs::canonicalize(folder).ok()?;
    local_in(&fs::read_to_string("/proc/self/mounts").ok()?, &folder)
}

/// Finds such an option in `/proc/self/mounts`: local_lock and nolock of nfs(5), localflock of mount.lustre(8).
fn local_in(mounts: &str, folder: &Path) -> Option<String> {
    let mut found: Option<(usize, Option<&str>)> = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(point), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next()) else { continue };
        // Spaces are written in octal.
        let point = point.replace("\\040", " ");
        let depth = Path::new(&point).components().count();
        if !folder.starts_with(&point) || found.is_some_and(|(deepest, _)| depth < deepest) {
            continue;
        }
        let mut options = options.split(',');
        let local = match kind {
            "nfs" | "nfs4" => options.find(|o| ["nolock", "local_lock=all", "local_lock=flock"].contains(o)),
            "lustre" => options.find(|o| *o == "localflock"),
            _ => None,
        };
        found = Some((depth, local));
    }
    found.and_then(|(_, local)| local).map(str::to_owned)
}

/// Seconds since 1970.
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_the_lock_and_its_record_names_it() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let acquire = || super::acquire(&folder, "lock", |_| true);
        let Ok(LockAttempt::Acquired(held)) = acquire() else { panic!("it is free") };
        assert_eq!(held.previous, None);
        // Locks belong to open files, so a process can be refused by its own.
        let Ok(LockAttempt::Busy(Some(holder))) = acquire() else { panic!("it is locked") };
        assert_eq!(holder.process, std::process::id());
        let foreign = || super::acquire(&folder, "lock", |_| false);
        assert!(matches!(foreign(), Ok(LockAttempt::Busy(Some(_)))));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(&folder, "lock"));
            drop(held);
            waiting.join().expect("no panic").expect("it is free");
        });
        let left = foreign().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(left.contains("was left by a run of user"), "{left}");
        let Ok(LockAttempt::Acquired(next)) = acquire() else { panic!("it is free") };
        assert_eq!(next.previous, Some(holder));
        folder.remove_file("lock").expect("there");
        let Ok(LockAttempt::Acquired(_)) = acquire() else { panic!("another file is another lock") };
        fs::create_dir(at.path().join("gone")).expect("new");
        let gone = Folder::open(&at.path().join("gone")).expect("there");
        fs::remove_dir(at.path().join("gone")).expect("there");
        assert!(matches!(super::acquire(&gone, "lock", |_| true), Ok(LockAttempt::Removed)));
    }

    #[test]
    fn a_file_that_is_no_lock_stays() {
        use std::os::unix::fs::symlink;
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let path = at.path().join("lock");
        let kept = at.path().join("kept");
        let refused = |message: &str| {
            let refused = super::acquire(&folder, "lock", |_| true).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(refused.contains(message), "{refused}");
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).expect("there");
        };
        fs::write(&kept, "mine").expect("written");
        symlink(&kept, &path).expect("linked");
        refused("a symbolic link");
        symlink("none", &path).expect("linked");
        refused("a symbolic link");
        fs::hard_link(&kept, &path).expect("linked");
        refused("several names");
        fs::create_dir(&path).expect("new");
        refused("a folder");
        fs::write(&path, "a shopping list").expect("written");
        refused("something else");
        assert_eq!(fs::read(&kept).expect("there"), b"mine");
        assert!(!at.path().join("none").exists());
        for left in ["", "{\"process\":12,\"ho", "\0\0\0"] {
            fs::write(&path, left).expect("written");
            assert!(matches!(super::acquire(&folder, "lock", |_| true), Ok(LockAttempt::Acquired(_))), "{left:?}");
        }
    }

    #[test]
    fn mounts_whose_locks_are_local() {
        let mounts = "/dev/sda / ext4 rw 0 0\n\
            srv:/a /data nfs4 rw,vers=4.2,local_lock=none 0 0\n\
            srv:/b /data/old nfs rw,nolock,vers=3,local_lock=all 0 0\n\
            srv:/c /data/old/my\\040lab nfs rw,local_lock=posix 0 0\n\
            x@tcp:/l /lustre lustre rw,localflock 0 0\n";
        let local = |folder: &str| local_in(mounts, Path::new(folder));
        assert_eq!(local("/home/me"), None);
        assert_eq!(local("/data/x"), None);
        assert_eq!(local("/data/older"), None);
        assert_eq!(local("/data/old/x").as_deref(), Some("nolock"));
        assert_eq!(local("/data/old/my lab/x"), None);
        assert_eq!(local("/lustre").as_deref(), Some("localflock"));
    }
}
