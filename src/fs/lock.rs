//! The lock of those who build: held by one process at a time, and gone with it however it ends.

use std::fs::{self, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::OccupiedBy;
use crate::fs::{Folder, user};
use crate::units::utc;
use crate::{Error, LockHolder, Result};

/// This process, since now.
fn this_process() -> LockHolder {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    LockHolder { process: std::process::id(), host, since: utc(now()) }
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: crate::fs::File,
    /// Who held it before, where that process did not end as it should.
    pub(crate) before: Option<LockHolder>,
}

/// What asking for a lock came to.
pub(crate) enum Asked {
    Held(Lock),
    /// Another process holds it, this one where it has said so.
    Busy(Option<LockHolder>),
    /// It, or the folder it lies in, was removed meanwhile.
    Gone,
    /// The file system has no locks, or none that other machines see.
    NoLocks(String),
}

/// Asks for the lock in a file of an open folder, which is made if need be. `own` says which owners of a file count as this
/// user.
///
/// # Errors
/// [`Error::Occupied`] where something lies there that is no lock of this user; [`Error::Io`].
pub(crate) fn ask(folder: &Folder, name: &str, own: impl Fn(u32) -> bool) -> Result<Asked> {
    let path = folder.join(name);
    let failed = |e| Error::io("lock", &path, e);
    let occupied = |by| Err(Error::Occupied { path: path.clone(), by });
    let Some(there) = folder.look(name).map_err(failed)? else {
        return match folder.create_file(name) {
            Ok(file) => hold(folder, name, file),
            // Another process was faster, or the folder went.
            Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => Ok(Asked::Gone),
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
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Asked::Gone),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && !mine => {
            return occupied(OccupiedBy::ForeignLock { owner: user(there.owner) });
        }
        Err(e) => return Err(Error::io("open", &path, e)),
    };
    let opened = file.entry().map_err(failed)?;
    if opened.identity != there.identity {
        return Ok(Asked::Gone);
    }
    if mine {
        return hold(folder, name, file);
    }
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(Asked::Busy(holder(&mut file))),
        Err(TryLockError::Error(e)) if !is_unsupported(&e) => Err(failed(e)),
        _ => occupied(OccupiedBy::LeftLock { owner: user(there.owner) }),
    }
}

/// Takes the lock of an open file of this user.
fn hold(folder: &Folder, name: &str, mut file: crate::fs::File) -> Result<Asked> {
    let path = folder.join(name);
    let failed = |e| Error::io("lock", &path, e);
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Asked::Busy(holder(&mut file))),
        Err(TryLockError::Error(e)) if is_unsupported(&e) => return Ok(Asked::NoLocks(e.to_string())),
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    // Its holder removes the file before giving up the lock: then this is the lock of nothing.
    let ours = file.entry().map_err(failed)?;
    if folder.look(name).map_err(failed)?.is_none_or(|there| there.identity != ours.identity) {
        return Ok(Asked::Gone);
    }
    let record = read_record(&mut file).map_err(failed)?;
    let before = serde_json::from_slice(&record).ok();
    if before.is_none() && !is_blank(&record) {
        return Err(Error::Occupied { path, by: OccupiedBy::OtherContent });
    }
    let say = |file: &mut crate::fs::File| {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(serde_json::to_string(&this_process())?.as_bytes())
    };
    say(&mut file).map_err(|e| Error::io("write", &path, e))?;
    Ok(Asked::Held(Lock { _file: file, before }))
}

/// Waits until nobody holds the lock in a file of an open folder.
pub(crate) fn wait(folder: &Folder, name: &str) -> Result<()> {
    let path = folder.join(name);
    match folder.open_file(name, false) {
        Ok(file) => file.lock_shared().map_err(|e| Error::io("lock", &path, e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("open", &path, e)),
    }
}

/// Bytes of a lock that are read at the most; a record of its holder has some hundred.
const MAX_RECORD: u64 = 1 << 12;

fn read_record(file: &mut crate::fs::File) -> io::Result<Vec<u8>> {
    let mut record = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MAX_RECORD).read_to_end(&mut record)?;
    Ok(record)
}

/// Who holds a lock, where that can be read.
fn holder(file: &mut crate::fs::File) -> Option<LockHolder> {
    serde_json::from_slice(&read_record(file).ok()?).ok()
}

/// Whether a record is what a holder can leave that ended while it wrote: the beginning of one, or what a disk makes of it.
fn is_blank(record: &[u8]) -> bool {
    let start = br#"{"process":"#;
    record.iter().all(|&byte| byte == 0) || record.starts_with(start) || start.starts_with(record)
}

fn is_unsupported(error: &io::Error) -> bool {
    // NFS without its lock service says that there are no locks left.
    error.kind() == io::ErrorKind::Unsupported
        || matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP))
}

/// The mount option by which locks in `folder` are seen on this machine only, if there is one.
pub(crate) fn local_locks(folder: &Path) -> Option<String> {
    let folder = fs::canonicalize(folder).ok()?;
    local_in(&fs::read_to_string("/proc/self/mounts").ok()?, &folder)
}

/// See nfs(5), local_lock and nolock; mount.lustre(8), localflock.
fn local_in(mounts: &str, folder: &Path) -> Option<String> {
    let mut found: Option<(usize, Option<&str>)> = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(point), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next()) else { continue };
        // Blanks are written in octal.
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

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_says_by_whom() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let ask = || super::ask(&folder, "lock", |_| true);
        let Ok(Asked::Held(held)) = ask() else { panic!("nobody holds it") };
        assert_eq!(held.before, None);
        // Locks belong to open files, so a process can meet its own.
        let Ok(Asked::Busy(Some(holder))) = ask() else { panic!("it is held") };
        assert_eq!(holder.process, std::process::id());
        let foreign = || super::ask(&folder, "lock", |_| false);
        assert!(matches!(foreign(), Ok(Asked::Busy(Some(_)))));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(&folder, "lock"));
            drop(held);
            waiting.join().expect("no panic").expect("it is free");
        });
        let left = foreign().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(left.contains("was left by a run of user"), "{left}");
        let Ok(Asked::Held(next)) = ask() else { panic!("it is free") };
        assert_eq!(next.before, Some(holder));
        folder.remove_file("lock").expect("there");
        let Ok(Asked::Held(_)) = ask() else { panic!("another file is another lock") };
        fs::create_dir(at.path().join("gone")).expect("new");
        let gone = Folder::open(&at.path().join("gone")).expect("there");
        fs::remove_dir(at.path().join("gone")).expect("there");
        assert!(matches!(super::ask(&gone, "lock", |_| true), Ok(Asked::Gone)));
    }

    #[test]
    fn what_is_no_lock_stays_as_it_is() {
        use std::os::unix::fs::symlink;
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let path = at.path().join("lock");
        let kept = at.path().join("kept");
        let refused = |says: &str| {
            let refused = super::ask(&folder, "lock", |_| true).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(refused.contains(says), "{refused}");
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
            assert!(matches!(super::ask(&folder, "lock", |_| true), Ok(Asked::Held(_))), "{left:?}");
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
