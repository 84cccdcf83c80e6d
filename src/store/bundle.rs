//! A bundle comes into being in a folder beside its target and gets its name by one rename.
//!
//! For `genome.reprise` that folder is `.genome.reprise.building`. It holds
//!
//! | name | is |
//! |---|---|
//! | `lock` | the lock of the one who builds, and who that is |
//! | `bundle/` | the bundle; renamed to the target when it is complete and durable |
//! | `checkpoint.json`, `pages.spool` | what is finished, see [`checkpoint`](super::checkpoint) |
//! | `replaced/` | for a moment, where the file system cannot exchange two names: the index that is replaced |
//!
//! Whoever holds the lock owns the folder. What lies in it while nobody does was left by a process that did not end as it
//! should. The lock is removed last, by its holder.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::checkpoint::{CHECKPOINT, Checkpoint, Digested, SPOOL};
use super::checksum::Identity;
use super::lock::{self, Asked, Lock};
use super::manifest::{FileDigest, Manifest, is_bundle};
use super::{Builder, MANIFEST, POSITIONS, SEQUENCE};
use crate::sequence::map_read_only;
use crate::temporary::{Remove, Temporary};
use crate::{Error, Notice, Progress, Result, disk};

const LOCK: &str = "lock";
const BUNDLE: &str = "bundle";
const REPLACED: &str = "replaced";
/// Between the name of an index and what else there is in the name of the folder it is built in.
const BUILDING: &str = ".building";

/// What a builder may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// Replace an index that is there.
    pub(crate) force: bool,
    /// Wait where another one builds the same index, and take what is there then.
    pub(crate) wait: bool,
    /// Go on where one that did not end has left off, and leave what is finished to the next.
    pub(crate) resume: bool,
}

/// A bundle that is being written; its folder goes away unless it is published.
pub(crate) struct Draft {
    target: PathBuf,
    claim: Claim,
    // Goes before the lock does.
    workshop: Temporary,
    _lock: Option<Lock>,
    is_there: bool,
    /// What another one finished.
    left: Option<Checkpoint>,
}

/// What a build goes on from.
pub(crate) struct Kept {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) positions: Digested,
    pub(crate) spool: Digested,
}

/// Refuses a target that is there already, unless it is a bundle that may be replaced; whether there is one.
pub(crate) fn check_target(target: &Path, force: bool) -> Result<bool> {
    match fs::symlink_metadata(target) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::io("look at", target, e)),
        Ok(_) if is_bundle(target) => {
            if force {
                Ok(true)
            } else {
                Err(Error::Exists(target.to_owned()))
            }
        }
        Ok(_) => Err(Error::NotOurs(target.to_owned())),
    }
}

/// The hidden folder beside `target` in which it is built.
fn workshop(target: &Path, more: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or(target.as_os_str()));
    name.push(BUILDING);
    name.push(more);
    target.with_file_name(name)
}

/// The target that is built in a folder named by [`workshop`].
fn target_of(workshop: &Path) -> PathBuf {
    let name = workshop.file_name().unwrap_or_default().as_bytes();
    let end = name.windows(BUILDING.len()).rposition(|part| part == BUILDING.as_bytes()).unwrap_or(name.len());
    workshop.with_file_name(OsStr::from_bytes(name.get(1..end).unwrap_or(name)))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Takes `replaced` back to `target` where a build ended between the two renames.
fn put_back(workshop: &Path, target: &Path) -> io::Result<bool> {
    let replaced = workshop.join(REPLACED);
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    if !is_there(&replaced) || is_there(target) {
        return Ok(false);
    }
    disk::rename(&replaced, target)?;
    disk::sync(parent(target))?;
    Ok(true)
}

/// Removes all in the folder of a build but its lock; whether there was anything.
fn clear(workshop: &Path) -> io::Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(workshop)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        any = true;
        if entry.file_type()?.is_dir() {
            disk::remove_folder(&entry.path())?;
        } else {
            disk::remove_file(&entry.path())?;
        }
    }
    Ok(any)
}

/// Removes the folder of a build; called by who holds its lock.
fn sweep(workshop: &Path) -> io::Result<()> {
    put_back(workshop, &target_of(workshop))?;
    clear(workshop)?;
    match disk::remove_file(&workshop.join(LOCK)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    // Whoever waited may have begun here already.
    let _ = fs::remove_dir(workshop);
    Ok(())
}

/// As [`sweep`], but leaves what can be resumed.
fn sweep_unfinished(workshop: &Path) -> io::Result<()> {
    if workshop.join(CHECKPOINT).exists() { Ok(()) } else { sweep(workshop) }
}

/// Why a folder could not be had.
enum Refused {
    Busy(Option<Builder>),
    Gone,
    NoLocks(String),
    Failed(Error),
}

/// Makes the folder of a build, or takes the one that is there, and its lock.
fn occupy(workshop: &Path) -> Result<Lock, Refused> {
    let made = match disk::create_folder(workshop) {
        Ok(()) => true,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
        Err(e) => return Err(Refused::Failed(Error::io("create", workshop, e))),
    };
    let lock = workshop.join(LOCK);
    let refused = match lock::ask(&lock) {
        Ok(Asked::Held(lock)) => return Ok(lock),
        Ok(Asked::Busy(builder)) => return Err(Refused::Busy(builder)),
        Ok(Asked::Gone) => return Err(Refused::Gone),
        Ok(Asked::NoLocks(problem)) => Refused::NoLocks(problem),
        Err(e) => Refused::Failed(e),
    };
    if made {
        let _ = disk::remove_file(&lock);
        let _ = fs::remove_dir(workshop);
    }
    Err(refused)
}

impl Draft {
    /// Makes the folder in which the bundle is written, once no other process builds the same one.
    ///
    /// # Errors
    /// [`Error::Building`], [`Error::Exists`], [`Error::NotOurs`], [`Error::Io`].
    pub(crate) fn create(target: &Path, claim: Claim, progress: &dyn Progress) -> Result<Self> {
        // `genome.reprise/` names the same folder as `genome.reprise`.
        let target: PathBuf = target.components().collect();
        if target.file_name().is_none() {
            return Err(Error::Usage(format!("{} cannot be the name of an index; give another -o", target.display())));
        }
        // One that is there may be what whoever waits is waiting for.
        let is_there = || match check_target(&target, claim.force) {
            Err(Error::Exists(_)) if claim.wait => Ok(true),
            outcome => outcome.map(|_| false),
        };
        is_there()?;
        let path = workshop(&target, "");
        let remove: Remove = if claim.resume { sweep_unfinished } else { sweep };
        let mut no_locks = lock::local_locks(parent(&target));
        let (workshop, lock) = loop {
            if let Some(problem) = no_locks {
                break (Self::unlocked(&target, problem, progress)?, None);
            }
            match Temporary::begin(path.clone(), remove, occupy) {
                Ok((workshop, lock)) => break (workshop, Some(lock)),
                Err(Refused::Gone) => {}
                Err(Refused::NoLocks(problem)) => no_locks = Some(problem),
                Err(Refused::Failed(e)) => return Err(e),
                Err(Refused::Busy(builder)) if claim.wait => {
                    progress.notice(&Notice::Waiting { target: target.clone(), builder });
                    lock::wait(&path.join(LOCK))?;
                }
                Err(Refused::Busy(builder)) => return Err(Error::Building { target, builder }),
            }
        };
        let failed = |e| Error::io("clear", workshop.path(), e);
        if put_back(workshop.path(), &target).map_err(failed)? {
            progress.notice(&Notice::PutBack(target.clone()));
        }
        let bundle = workshop.path().join(BUNDLE);
        let left = if claim.resume { Checkpoint::read(workshop.path()) } else { Err(String::new()) };
        let left = match left {
            Ok(left) => {
                // What is finished stays; the rest is made anew.
                for entry in fs::read_dir(&bundle).into_iter().flatten() {
                    let entry = entry.map_err(failed)?;
                    if entry.file_name() != POSITIONS {
                        disk::remove_file(&entry.path()).map_err(failed)?;
                    }
                }
                Some(left)
            }
            Err(problem) => {
                let target = target.clone();
                let was_there = clear(workshop.path()).map_err(failed)?;
                if was_there && claim.resume {
                    progress.notice(&Notice::NotResumed { target, problem });
                } else if was_there {
                    let builder = lock.as_ref().and_then(|lock| lock.before.clone());
                    progress.notice(&Notice::Swept { target, builder });
                }
                None
            }
        };
        if !bundle.is_dir() {
            disk::create_folder(&bundle).map_err(|e| Error::io("create", &bundle, e))?;
        }
        // It may have come into being meanwhile.
        let is_there = is_there()?;
        Ok(Self { target, claim, workshop, _lock: lock, is_there, left })
    }

    /// A folder of a name that no other process has, where the file system has no locks.
    fn unlocked(target: &Path, problem: String, progress: &dyn Progress) -> Result<Temporary> {
        let path = workshop(target, &format!("-{}", disk::unique()));
        progress.notice(&Notice::NoLocks { folder: path.clone(), problem });
        let make = |path: &Path| disk::create_folder(path).map_err(|e| Error::io("create", path, e));
        Temporary::begin(path, sweep, make).map(|begun| begun.0)
    }

    /// Whether there is an index under this name, which may be the one that is wanted.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// A file of the bundle.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.workshop.path().join(BUNDLE).join(name)
    }

    /// The spool of dictionary pages.
    pub(crate) fn spool(&self) -> PathBuf {
        self.workshop.path().join(SPOOL)
    }

    /// What there is of an index of this identity and number of pages; all else is removed.
    pub(crate) fn kept(&self, identity: Identity, pages: u64, progress: &dyn Progress) -> Result<Option<Kept>> {
        let Some(checkpoint) = &self.left else { return Ok(None) };
        let problem = if checkpoint.identity != identity || checkpoint.pages >= pages {
            "what is left of the one before is of another genome or has other parameters"
        } else {
            let positions = Digested::reopen(self.path(POSITIONS), &checkpoint.positions)?;
            let spool = Digested::reopen(self.spool(), &checkpoint.spool)?;
            if let (Some(positions), Some(spool)) = (positions, spool) {
                let target = self.target.clone();
                progress.notice(&Notice::Resumed { target, pages: checkpoint.pages, of: pages });
                return Ok(Some(Kept { checkpoint: checkpoint.clone(), positions, spool }));
            }
            "what is left of the one before is damaged"
        };
        // The checkpoint first: without it the others are nothing.
        for path in [self.workshop.path().join(CHECKPOINT), self.spool(), self.path(POSITIONS)] {
            match disk::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", &path, e)),
                _ => {}
            }
        }
        let problem = problem.to_owned();
        progress.notice(&Notice::NotResumed { target: self.target.clone(), problem });
        Ok(None)
    }

    /// Keeps what is finished, durably. The files that it tells of are durable already.
    pub(crate) fn keep(&self, checkpoint: Checkpoint) -> Result<()> {
        let bundle = self.workshop.path().join(BUNDLE);
        disk::sync(&bundle).map_err(|e| Error::io("sync", &bundle, e))?;
        checkpoint.write(self.workshop.path())
    }

    /// Seals the manifest, makes everything durable and gives the bundle its name.
    pub(crate) fn publish(self, manifest: Manifest, progress: &dyn Progress) -> Result<()> {
        let folder = self.workshop.path().to_owned();
        let path = self.path(MANIFEST);
        let text = manifest.seal()?;
        let mut file = disk::File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io("write", &path, e))?;
        // Catalog and positions are durable already: their writers saw to it.
        for path in [path, self.path(SEQUENCE), folder.join(BUNDLE)] {
            disk::sync(&path).map_err(|e| Error::io("sync", &path, e))?;
        }
        let swept = self.workshop.publish(|| {
            let replaces = check_target(&self.target, self.claim.force)?;
            give_name(&folder, &self.target, replaces)?;
            // A signal waits for this, so that it leaves nothing.
            Ok(sweep(&folder))
        })?;
        if let Err(e) = swept {
            progress.notice(&Notice::LeftOver { folder, problem: e.to_string() });
        }
        Ok(())
    }
}

/// Renames the bundle to its target, durably. Where that fails, all names are as before.
fn give_name(workshop: &Path, target: &Path, replaces: bool) -> Result<()> {
    let (bundle, replaced) = (workshop.join(BUNDLE), workshop.join(REPLACED));
    let renamed = |from: &Path, to: &Path| disk::rename(from, to).map_err(|e| Error::io("rename", from, e));
    let exchanged = replaces
        && match disk::exchange(&bundle, target) {
            Ok(()) => true,
            Err(e) if is_no_exchange(&e) => false,
            Err(e) => return Err(Error::io("rename", &bundle, e)),
        };
    if !exchanged {
        if replaces {
            renamed(target, &replaced)?;
        }
        if let Err(e) = renamed(&bundle, target) {
            // Nothing of an existing index is lost by a build that fails.
            put_back(workshop, target).map_err(|e| Error::io("rename back", &replaced, e))?;
            return Err(e);
        }
    }
    for folder in [parent(target), workshop] {
        if let Err(e) = disk::sync(folder) {
            let back = if exchanged {
                disk::exchange(&bundle, target)
            } else {
                disk::rename(target, &bundle).and_then(|()| put_back(workshop, target).map(drop))
            };
            back.map_err(|e| Error::io("rename back", target, e))?;
            return Err(Error::io("sync", folder, e));
        }
    }
    Ok(())
}

/// Whether a file system cannot exchange two names, as those over a network.
fn is_no_exchange(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS))
}

/// A thread that makes a file durable while it is being written, so that the end does not wait for all of it.
#[derive(Debug)]
pub(crate) struct Syncer {
    pending: AtomicU64,
    wake: Mutex<Option<SyncSender<()>>>,
    thread: JoinHandle<io::Result<()>>,
    path: PathBuf,
}

/// Bytes after which a file is synced.
const SYNC_EVERY: u64 = 64 << 20;

impl Syncer {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn start(file: &disk::File, path: &Path) -> Result<Self> {
        let file = file.try_clone().map_err(|e| Error::io("open", path, e))?;
        let (wake, woken) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("syncer".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    file.sync_data()?;
                }
                file.sync_all()
            })
            .map_err(|e| Error::io("start a thread for", path, e))?;
        Ok(Self { pending: AtomicU64::new(0), wake: Mutex::new(Some(wake)), thread, path: path.to_owned() })
    }

    /// Counts bytes written; wakes the thread now and then.
    pub(crate) fn written(&self, bytes: u64) {
        let pending = self.pending.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if pending >= SYNC_EVERY && self.wake().as_ref().is_some_and(|wake| wake.try_send(()).is_ok()) {
            self.pending.fetch_sub(pending, Ordering::Relaxed);
        }
    }

    fn wake(&self) -> MutexGuard<'_, Option<SyncSender<()>>> {
        self.wake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more will be written: the thread begins its last round.
    pub(crate) fn end(&self) {
        self.wake().take();
    }

    /// Makes the file durable as it is and ends the thread.
    pub(crate) fn finish(self) -> Result<()> {
        self.end();
        match self.thread.join() {
            Ok(outcome) => outcome.map_err(|e| Error::io("sync", &self.path, e)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Length and digest of a file, by all threads of the current pool.
pub(crate) fn digest_file(path: &Path) -> Result<FileDigest> {
    let file = fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    let map = map_read_only(&file, path)?;
    let mut hasher = blake3::Hasher::new();
    // In pieces, so that no more of a large file is mapped in at once than was read ahead.
    for piece in map.chunks(8 << 20) {
        hasher.update_rayon(piece);
    }
    Ok(FileDigest { bytes: map.len() as u64, blake3: hasher.finalize().to_hex().to_string() })
}
