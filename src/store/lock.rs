//! The lock of those who build: held by one process at a time, and gone with it however it ends.

use std::fmt;
use std::fs::{self, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::manifest::utc;
use crate::{Error, Result, disk};

/// Who holds a lock, or held it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Number of the process.
    pub process: u32,
    /// Name of its machine.
    pub host: String,
    /// Since when, in UTC.
    pub since: String,
}

impl Builder {
    fn this() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { process: std::process::id(), host, since: utc(now()) }
    }
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, since {}", self.process, self.host, self.since)
    }
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: disk::File,
    /// Who held it before, where that process did not end as it should.
    pub(crate) before: Option<Builder>,
}

/// What asking for a lock came to.
pub(crate) enum Asked {
    Held(Lock),
    /// Another process holds it, this one where it has said so.
    Busy(Option<Builder>),
    /// It, or the folder it lies in, was removed meanwhile.
    Gone,
    /// The file system has no locks, or none that other machines see.
    NoLocks(String),
}

/// Asks for the lock in the file at `path`, which is made if need be.
pub(crate) fn ask(path: &Path) -> Result<Asked> {
    let mut file = match disk::File::open_or_create(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Asked::Gone),
        Err(e) => return Err(Error::io("create", path, e)),
    };
    let failed = |e| Error::io("lock", path, e);
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Asked::Busy(read(&mut file))),
        Err(TryLockError::Error(e)) if is_unsupported(&e) => return Ok(Asked::NoLocks(e.to_string())),
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    // Whoever held it removes the file while it has the lock: then this is the lock of nothing.
    let ours = file.metadata().map_err(failed)?;
    match fs::symlink_metadata(path) {
        Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {}
        Ok(_) => return Ok(Asked::Gone),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Asked::Gone),
        Err(e) => return Err(failed(e)),
    }
    let before = read(&mut file);
    let say = |file: &mut disk::File| {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(serde_json::to_string(&Builder::this())?.as_bytes())
    };
    say(&mut file).map_err(|e| Error::io("write", path, e))?;
    Ok(Asked::Held(Lock { _file: file, before }))
}

/// Waits until nobody holds the lock in the file at `path`.
pub(crate) fn wait(path: &Path) -> Result<()> {
    match disk::File::open(path) {
        Ok(file) => file.lock().map_err(|e| Error::io("lock", path, e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("open", path, e)),
    }
}

fn read(file: &mut disk::File) -> Option<Builder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(1 << 12).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
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
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let Ok(Asked::Held(held)) = ask(&path) else { panic!("nobody holds it") };
        assert_eq!(held.before, None);
        // Locks belong to open files, so a process can meet its own.
        let Ok(Asked::Busy(Some(holder))) = ask(&path) else { panic!("it is held") };
        assert_eq!(holder.process, std::process::id());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(&path));
            drop(held);
            waiting.join().expect("no panic").expect("it is free");
        });
        let Ok(Asked::Held(next)) = ask(&path) else { panic!("it is free") };
        assert_eq!(next.before, Some(holder));
        fs::remove_file(&path).expect("there");
        let Ok(Asked::Held(_)) = ask(&path) else { panic!("another file is another lock") };
        assert!(matches!(ask(&folder.path().join("no/lock")), Ok(Asked::Gone)));
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
