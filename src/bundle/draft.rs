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
//! | `replacing` | for a moment, where the file system cannot rename the index that is replaced: that index goes now |
//!
//! Whoever holds the lock owns the folder. What lies in it while nobody does was left by a process that did not end as it
//! should. The lock is removed last, by its holder.
//!
//! The folder may lie where others write too. So it is opened once, without following a link, must belong to this user
//! with nobody else allowed to write to it, and is cleared and renamed from through its handle. Of what lies in it only
//! the names above are ever removed; anything else ends the build.

use parking_lot::{Mutex, MutexGuard};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::bundle::checkpoint::{CHECKPOINT, Checkpoint, Digested, NEXT_CHECKPOINT, SPOOL};
use crate::bundle::{FileDigest, Manifest, is_manifest};
use crate::error::{NotOursKind, OccupiedBy};
use crate::format::{CATALOG, Identity, MANIFEST, POSITIONS, SEQUENCE};
use crate::fs::{Asked, Folder, Lock, Naming, Remove, Temporary, lock, user};
use crate::genome::TEMPORARY_SUFFIXES;
use crate::memory::system::map_read_only;
use crate::{Error, LockHolder, Notice, Progress, Result};

const LOCK: &str = "lock";
const BUNDLE: &str = "bundle";
const REPLACED: &str = "replaced";
const REPLACING: &str = "replacing";
/// Between the name of an index and what else there is in the name of the folder it is built in.
const BUILDING: &str = ".building";
/// The files of a bundle.
const FILES: [&str; 4] = [MANIFEST, CATALOG, POSITIONS, SEQUENCE];
/// Permissions of the folder of a build, less what the umask takes: others may look who builds, and change nothing.
const STAGING_MODE: u32 = 0o755;
/// Permissions of a bundle, less what the umask takes.
const BUNDLE_MODE: u32 = 0o777;

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

/// Where a bundle belongs: a name in an open folder.
#[derive(Debug)]
struct Target {
    parent: Folder,
    name: OsString,
}

/// The hidden folder in which a bundle is built.
struct Staging {
    target: Arc<Target>,
    name: OsString,
    folder: Folder,
}

/// A bundle that is being written; its folder goes away unless it is published.
pub(crate) struct Draft {
    claim: Claim,
    // Goes before the lock does.
    temporary: Temporary,
    staging: Arc<Staging>,
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

/// Refuses a target that cannot be made or replaced by a build.
pub(crate) fn check_target(target: &Path, force: bool) -> Result<()> {
    Target::of(target)?.check(force).map(drop)
}

impl Target {
    /// What a path means, through a link too.
    fn of(path: &Path) -> Result<Self> {
        // `genome.reprise/` names the same folder as `genome.reprise`.
        let path: PathBuf = path.components().collect();
        let path = crate::fs::follow(&path)?;
        let Some(name) = path.file_name() else {
            return Err(Error::Usage(format!("{} cannot be the name of an index; give another one", path.display())));
        };
        let parent = Folder::around(&path).map_err(|e| Error::io("open the folder of", &path, e))?;
        Ok(Self { parent, name: name.to_owned() })
    }

    fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Refuses a target that is there, unless it is an index that may and can be replaced; whether there is one.
    fn check(&self, force: bool) -> Result<bool> {
        let path = self.path();
        let failed = |e| Error::io("look at", &path, e);
        let refused = |kind| Err(Error::NotOurs { path: path.clone(), kind });
        let no_index = || refused(NotOursKind::NotAnIndex);
        let Some(there) = self.parent.look(&self.name).map_err(failed)? else { return Ok(false) };
        if !there.is_folder() {
            return no_index();
        }
        let folder = self.parent.open_folder(&self.name).map_err(failed)?;
        let names = folder.names().map_err(failed)?;
        if !has_manifest(&folder) {
            return no_index();
        }
        if !force {
            return Err(Error::Exists(path));
        }
        let mut others = Vec::new();
        for name in names {
            let is_file = folder.look(&name).map_err(failed)?.is_none_or(|entry| entry.is_file());
            if !is_file || !FILES.iter().any(|file| name == *file) {
                others.push(format!("{name:?}"));
            }
        }
        if !others.is_empty() {
            let further = others.len().saturating_sub(MAX_NAMED);
            others.truncate(MAX_NAMED);
            return refused(NotOursKind::OtherFiles { names: others, further });
        }
        self.check_rename(&folder)?;
        Ok(true)
    }

    /// Refuses an index that could not be renamed when its successor is complete.
    fn check_rename(&self, folder: &Folder) -> Result<()> {
        let path = self.path();
        let failed = |e| Error::io("look at", &path, e);
        for folder in [folder, &self.parent] {
            folder.check_writable().map_err(|e| Error::io("write to", folder.path(), e))?;
        }
        let (index, parent) = (folder.entry().map_err(failed)?, self.parent.entry().map_err(failed)?);
        if index.identity.0 != parent.identity.0 {
            return Err(Error::NotOurs { path, kind: NotOursKind::MountPoint });
        }
        if parent.keeps_from_removal(&index) {
            return Err(Error::NotOurs { path, kind: NotOursKind::OfAnotherUser { owner: user(index.owner) } });
        }
        Ok(())
    }
}

/// Whether a folder has a manifest of an index, sound or not.
fn has_manifest(folder: &Folder) -> bool {
    folder.open_file(MANIFEST, false).and_then(crate::fs::File::read_text).is_ok_and(|bytes| is_manifest(&bytes))
}

/// Names that an error lists at the most.
const MAX_NAMED: usize = 5;

/// The name of the hidden folder beside a target in which it is built.
fn staging_name(target: &OsStr, more: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(target);
    name.push(BUILDING);
    name.push(more);
    name
}

/// Removes all in the folder of a build but its lock; whether there was anything.
///
/// # Errors
/// [`Error::Occupied`] where something lies in it that no build makes, and that stays.
fn clear(staging: &Folder) -> Result<bool> {
    let names = staging.names().map_err(|e| Error::io("clear", staging.path(), e))?;
    let names: Vec<_> = names.iter().filter(|name| *name != LOCK).collect();
    for &name in &names {
        let of_build = [CHECKPOINT, NEXT_CHECKPOINT, SPOOL, REPLACING].iter().any(|file| name == file)
            || name.as_bytes().starts_with(crate::fs::PROBE.as_bytes());
        if [BUNDLE, REPLACED].iter().any(|folder| name == folder) {
            remove_bundle(staging, name, |_| true)?;
        } else if of_build {
            staging.remove_file_if_there(name).map_err(|e| Error::io("remove", staging.join(name), e))?;
        } else {
            return Err(unknown(staging.join(name)));
        }
    }
    Ok(!names.is_empty())
}

fn unknown(path: PathBuf) -> Error {
    Error::Occupied { path, by: OccupiedBy::OtherFile }
}

/// Removes the files of a bundle that `goes` names; and the folder itself, where nothing stays in it.
fn remove_bundle(staging: &Folder, name: &OsStr, goes: impl Fn(&OsStr) -> bool) -> Result<()> {
    let path = staging.join(name);
    let failed = |e| Error::io("clear", &path, e);
    let folder = match staging.open_folder(name) {
        Ok(folder) => folder,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) if staging.look(name).map_err(failed)?.is_some_and(|entry| !entry.is_folder()) => {
            return Err(unknown(path));
        }
        Err(e) => return Err(failed(e)),
    };
    let mut all = true;
    for name in folder.names().map_err(failed)? {
        let bytes = name.as_bytes();
        let spools = TEMPORARY_SUFFIXES.map(|suffix| [SEQUENCE.as_bytes(), suffix.as_bytes()].concat());
        if !FILES.iter().any(|file| name == *file) && !spools.iter().any(|spool| spool == bytes) {
            return Err(unknown(folder.join(&name)));
        }
        if goes(&name) {
            folder.remove_file_if_there(&name).map_err(|e| Error::io("remove", folder.join(&name), e))?;
        } else {
            all = false;
        }
    }
    if all {
        staging.remove_folder(name).map_err(failed)?;
    }
    Ok(())
}

/// Why a folder could not be had.
enum Refused {
    /// Another process builds in it, which said who it is where it could.
    Busy(Option<LockHolder>, Folder),
    Gone,
    NoLocks(String),
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Staging {
    /// Takes `replaced` back to the target where a build ended between two renames; and ends the replacement where a build
    /// ended after the old index began to go. Whether an index is there that was not.
    fn mend(&self) -> Result<bool> {
        let Target { parent, name } = &*self.target;
        let failed = |e| Error::io("put back", self.target.path(), e);
        if self.folder.look(REPLACING).map_err(failed)?.is_some() {
            self.replace_in_place()?;
            return Ok(true);
        }
        let there = parent.look(name).map_err(failed)?.is_some();
        if there || !self.folder.open_folder(REPLACED).is_ok_and(|replaced| has_manifest(&replaced)) {
            return Ok(false);
        }
        self.folder.rename(OsStr::new(REPLACED), parent, name).map_err(failed)?;
        parent.sync().map_err(failed)?;
        Ok(true)
    }

    /// Removes the folder of a build; called by who holds its lock.
    fn sweep(&self) -> Result<()> {
        self.mend()?;
        clear(&self.folder)?;
        self.folder.remove_file_if_there(LOCK).map_err(|e| Error::io("remove", self.folder.join(LOCK), e))?;
        // Whoever waited may have begun here already.
        let _ = self.target.parent.remove_folder(&self.name);
        Ok(())
    }

    /// As [`sweep`](Self::sweep), but leaves what can be resumed.
    fn sweep_unfinished(&self) -> Result<()> {
        let is_left =
            self.folder.look(CHECKPOINT).map_err(|e| Error::io("look at", self.folder.join(CHECKPOINT), e))?;
        if is_left.is_some() { Ok(()) } else { self.sweep() }
    }

    /// The folder of a build and what removes it, for [`Temporary::begin`].
    fn begun(self, resume: bool) -> (Arc<Self>, Remove) {
        let staging = Arc::new(self);
        let swept = Arc::clone(&staging);
        let sweep = move || if resume { swept.sweep_unfinished() } else { swept.sweep() };
        (staging, Arc::new(move || sweep().map_err(io::Error::other)))
    }

    /// Makes the folder of a build, or takes the one that is there, and its lock.
    fn occupy(target: &Arc<Target>, name: &OsStr) -> Result<(Self, Lock), Refused> {
        let parent = &target.parent;
        let path = parent.join(name);
        let made = match parent.create_folder(name, STAGING_MODE) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            Err(e) => return Err(Error::io("create", path, e).into()),
        };
        let failed = |e| Refused::Failed(Error::io("open", &path, e));
        let occupied = |by| Refused::Failed(Error::Occupied { path: path.clone(), by });
        let folder = match parent.open_folder(name) {
            Ok(folder) => folder,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Refused::Gone),
            Err(e) => {
                return Err(match parent.look(name).map_err(failed)? {
                    Some(entry) if !entry.is_folder() => occupied(OccupiedBy::NotAFolder { noun: entry.noun() }),
                    _ => failed(e),
                });
            }
        };
        let entry = folder.entry().map_err(failed)?;
        let own = folder.is_own().map_err(failed)?;
        if !own && folder.look(LOCK).map_err(failed)?.is_none() {
            return Err(occupied(OccupiedBy::ForeignFolder { owner: user(entry.owner) }));
        }
        let asked = match lock::ask(&folder, LOCK, |owner| own && owner == entry.owner) {
            Ok(Asked::Held(_)) if !made && entry.others_may_write() => {
                return Err(occupied(OccupiedBy::WritableByOthers));
            }
            Ok(Asked::Held(lock)) => {
                let staging = Self { target: Arc::clone(target), name: name.to_owned(), folder };
                return Ok((staging, lock));
            }
            Ok(Asked::Busy(builder)) => return Err(Refused::Busy(builder, folder)),
            Ok(Asked::Gone) => return Err(Refused::Gone),
            Ok(Asked::NoLocks(problem)) => Refused::NoLocks(problem),
            Err(e) => Refused::Failed(e),
        };
        if made {
            let _ = folder.remove_file(LOCK);
            let _ = parent.remove_folder(name);
        }
        Err(asked)
    }

    /// A folder of a name that no other process has, where the file system has no locks.
    fn unlocked(target: &Arc<Target>) -> Result<Self> {
        let name = staging_name(&target.name, &format!("-{}", crate::fs::unique()));
        let path = target.parent.join(&name);
        target.parent.create_folder(&name, STAGING_MODE).map_err(|e| Error::io("create", &path, e))?;
        let folder = target.parent.open_folder(&name).map_err(|e| Error::io("open", &path, e))?;
        Ok(Self { target: Arc::clone(target), name, folder })
    }

    /// Renames the bundle to its target, durably. Where that fails, all names are as before.
    fn give_name(&self, replaces: bool) -> Result<()> {
        let Target { parent, name } = &*self.target;
        let naming = Naming {
            from: (&self.folder, OsStr::new(BUNDLE)),
            to: (parent, name),
            aside: OsStr::new(REPLACED),
            replaces,
        };
        match crate::fs::publish(&[naming], &[parent, &self.folder]) {
            Err(Error::Io { source, .. }) if replaces && source.kind() == io::ErrorKind::CrossesDevices => {
                let path = self.folder.join(REPLACING);
                let failed = |e| Error::io("create", &path, e);
                let file = self.folder.create_file(REPLACING).map_err(failed)?;
                if let Err(e) = file.sync_all().and_then(|()| self.folder.sync()) {
                    self.folder.remove_file(REPLACING).map_err(failed)?;
                    return Err(failed(e));
                }
                self.replace_in_place()
            }
            outcome => outcome.map(drop),
        }
    }

    /// Removes the index that is replaced and renames the bundle to its name: what is left where that index cannot be
    /// renamed, as in a lower layer of overlayfs. There is a moment without an index; a build that is killed in it has its
    /// index put in place by the next one.
    fn replace_in_place(&self) -> Result<()> {
        let Target { parent, name } = &*self.target;
        let failed = |e| Error::io("replace", self.target.path(), e);
        if self.folder.look(BUNDLE).map_err(failed)?.is_some() {
            remove_bundle(parent, name, |_| true)?;
            self.folder.rename_new(OsStr::new(BUNDLE), parent, name).map_err(failed)?;
            parent.sync().map_err(failed)?;
        }
        self.folder.remove_file(REPLACING).map_err(failed)
    }
}

impl Draft {
    /// Makes the folder in which the bundle is written, once no other process builds the same one.
    ///
    /// # Errors
    /// [`Error::Building`], [`Error::Exists`], [`Error::NotOurs`], [`Error::Occupied`], [`Error::Io`].
    pub(crate) fn create(target: &Path, claim: Claim, progress: &dyn Progress) -> Result<Self> {
        let target = Arc::new(Target::of(target)?);
        // One that is there may be what whoever waits is waiting for.
        let is_there = || match target.check(claim.force) {
            Err(Error::Exists(_)) if claim.wait => Ok(true),
            outcome => outcome.map(|_| false),
        };
        let name = staging_name(&target.name, "");
        let half_replaced = |staging: Folder| staging.look(REPLACING).is_ok_and(|marker| marker.is_some());
        if !target.parent.open_folder(&name).is_ok_and(half_replaced) {
            is_there()?;
        }
        let mut no_locks = lock::local_locks(target.parent.path());
        let (temporary, (staging, lock)) = loop {
            if let Some(problem) = no_locks {
                let make = || {
                    let (staging, remove) = Staging::unlocked(&target)?.begun(false);
                    Ok::<_, Error>(((staging, None), remove))
                };
                let begun = Temporary::begin(make)?;
                let folder = begun.1.0.folder.path().to_owned();
                progress.notice(&Notice::NoLocks { folder, problem });
                break begun;
            }
            let make = || {
                let (staging, lock) = Staging::occupy(&target, &name)?;
                let (staging, remove) = staging.begun(claim.resume);
                Ok(((staging, Some(lock)), remove))
            };
            match Temporary::begin(make) {
                Ok(begun) => break begun,
                Err(Refused::Gone) => {}
                Err(Refused::NoLocks(problem)) => no_locks = Some(problem),
                Err(Refused::Failed(e)) => return Err(e),
                Err(Refused::Busy(builder, folder)) if claim.wait => {
                    progress.notice(&Notice::Waiting { target: target.path(), builder });
                    lock::wait(&folder, LOCK)?;
                }
                Err(Refused::Busy(builder, _)) => return Err(Error::Building { target: target.path(), builder }),
            }
        };
        let folder = &staging.folder;
        if staging.mend()? {
            progress.notice(&Notice::Restored(target.path()));
        }
        is_there()?;
        let left = if claim.resume { Checkpoint::read(folder) } else { Err(String::new()) };
        let left = match left {
            Ok(left) => {
                // What is finished stays; the rest is made anew.
                remove_bundle(folder, OsStr::new(BUNDLE), |name| name != POSITIONS)?;
                Some(left)
            }
            Err(problem) => {
                let was_there = clear(folder)?;
                let target = target.path();
                if was_there && claim.resume {
                    progress.notice(&Notice::NotResumed { target, problem });
                } else if was_there {
                    let builder = lock.as_ref().and_then(|lock| lock.before.clone());
                    progress.notice(&Notice::CleanedUp { target, builder });
                }
                None
            }
        };
        match folder.create_folder(BUNDLE, BUNDLE_MODE) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create", folder.join(BUNDLE), e));
            }
            _ => {}
        }
        // It may have come into being meanwhile.
        let is_there = is_there()?;
        Ok(Self { claim, temporary, staging, _lock: lock, is_there, left })
    }

    /// Whether there is an index under this name, which may be the one that is wanted.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// The path of the index to be, through links.
    fn target(&self) -> PathBuf {
        self.staging.target.path()
    }

    /// A file of the bundle.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.staging.folder.join(BUNDLE).join(name)
    }

    /// The spool of dictionary pages.
    pub(crate) fn spool(&self) -> PathBuf {
        self.staging.folder.join(SPOOL)
    }

    fn bundle(&self) -> Result<Folder> {
        let folder = &self.staging.folder;
        folder.open_folder(BUNDLE).map_err(|e| Error::io("open", folder.join(BUNDLE), e))
    }

    /// What there is of an index of this identity and number of pages; all else is removed.
    pub(crate) fn kept(&self, identity: Identity, pages: u64, progress: &dyn Progress) -> Result<Option<Kept>> {
        let Some(checkpoint) = &self.left else { return Ok(None) };
        let (folder, bundle) = (&self.staging.folder, self.bundle()?);
        let problem = if checkpoint.identity != identity || checkpoint.pages >= pages {
            "the interrupted build is of another genome or has other parameters"
        } else {
            let positions = Digested::reopen(&bundle, POSITIONS, &checkpoint.positions)?;
            let spool = Digested::reopen(folder, SPOOL, &checkpoint.spool)?;
            if let (Some(positions), Some(spool)) = (positions, spool) {
                progress.notice(&Notice::Resumed { target: self.target(), pages: checkpoint.pages, total: pages });
                return Ok(Some(Kept { checkpoint: checkpoint.clone(), positions, spool }));
            }
            "the files of the interrupted build are damaged"
        };
        // The checkpoint first: without it the others are nothing.
        for (folder, name) in [(folder, CHECKPOINT), (folder, SPOOL), (&bundle, POSITIONS)] {
            folder.remove_file_if_there(name).map_err(|e| Error::io("remove", folder.join(name), e))?;
        }
        let problem = problem.to_owned();
        progress.notice(&Notice::NotResumed { target: self.target(), problem });
        Ok(None)
    }

    /// Keeps what is finished, durably. The files that it describes are durable already.
    pub(crate) fn keep(&self, checkpoint: Checkpoint) -> Result<()> {
        let bundle = self.bundle()?;
        bundle.sync().map_err(|e| Error::io("sync", bundle.path(), e))?;
        checkpoint.write(&self.staging.folder)
    }

    /// Seals the manifest, makes everything durable and gives the bundle its name. An index that is replaced leaves its
    /// permissions and groups to the new one.
    pub(crate) fn publish(self, manifest: Manifest, progress: &dyn Progress) -> Result<()> {
        let bundle = self.bundle()?;
        let path = bundle.join(MANIFEST);
        let text = manifest.seal()?;
        let mut file = bundle.create_file(MANIFEST).map_err(|e| Error::io("create", &path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io("write", &path, e))?;
        let Target { parent, name } = &*self.staging.target;
        let replaced = parent.open_folder(name).ok();
        if let Some(replaced) = &replaced {
            for name in FILES {
                if let (Ok(Some(old)), Ok(new)) = (replaced.look(name), bundle.open_file(name, false)) {
                    new.imitate(&old);
                }
            }
        }
        // Catalog and positions are durable already: their writers saw to it.
        for path in [path, self.path(SEQUENCE)] {
            crate::fs::sync(&path).map_err(|e| Error::io("sync", &path, e))?;
        }
        bundle.sync().map_err(|e| Error::io("sync", bundle.path(), e))?;
        let replaced = replaced.and_then(|replaced| replaced.entry().ok());
        let swept = self.temporary.publish(|| {
            let replaces = self.staging.target.check(self.claim.force)?;
            self.staging.give_name(replaces)?;
            if let Some(replaced) = &replaced {
                bundle.imitate(replaced);
            }
            // A signal waits for this, so that it leaves nothing.
            Ok(self.staging.sweep())
        })?;
        if let Err(e) = swept {
            let folder = self.staging.folder.path().to_owned();
            progress.notice(&Notice::NotCleanedUp { folder, problem: e.to_string() });
        }
        Ok(())
    }
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
    pub(crate) fn start(file: &crate::fs::File, path: &Path) -> Result<Self> {
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
            .map_err(|e| Error::thread("syncing", e))?;
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
        self.wake.lock()
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
    Ok(digest_bytes(&map_read_only(&file, path)?))
}

/// Length and digest of a file that is mapped.
pub(crate) fn digest_bytes(map: &[u8]) -> FileDigest {
    let mut hasher = blake3::Hasher::new();
    // In pieces, so that no more of a large file is mapped in at once than was read ahead.
    for piece in map.chunks(8 << 20) {
        hasher.update_rayon(piece);
    }
    FileDigest { bytes: map.len() as u64, blake3: hasher.finalize().to_hex().to_string() }
}
