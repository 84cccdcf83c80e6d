//! A bundle comes into being in a folder beside its target and gets its name by one rename.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use super::manifest::{FileDigest, Manifest, is_bundle};
use super::{MANIFEST, SEQUENCE};
use crate::sequence::map_read_only;
use crate::{Error, Result};

/// A bundle that is being written; its folder goes away unless it is published.
pub(crate) struct Draft {
    target: PathBuf,
    folder: PathBuf,
    force: bool,
    published: bool,
}

/// Refuses a target that is there already, unless it is a bundle that may be replaced.
pub(crate) fn check_target(target: &Path, force: bool) -> Result<()> {
    match fs::symlink_metadata(target) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("look at", target, e)),
        Ok(_) if is_bundle(target) => {
            if force {
                Ok(())
            } else {
                Err(Error::Exists(target.to_owned()))
            }
        }
        Ok(_) => Err(Error::NotOurs(target.to_owned())),
    }
}

/// A sibling of `target` whose name says what it is.
fn sibling(target: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or(target.as_os_str()));
    // Process numbers repeat, on other machines that share the disk and in time.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    name.push(format!(".{what}-{}-{now:x}", std::process::id()));
    target.with_file_name(name)
}

impl Draft {
    /// Makes the folder in which the bundle is written.
    pub(crate) fn create(target: &Path, force: bool) -> Result<Self> {
        // `genome.reprise/` names the same folder as `genome.reprise`.
        let target: PathBuf = target.components().collect();
        if target.file_name().is_none() {
            return Err(Error::Usage(format!("{} cannot be the name of an index; give another -o", target.display())));
        }
        check_target(&target, force)?;
        let folder = sibling(&target, "building");
        fs::create_dir(&folder).map_err(|e| Error::io("create", &folder, e))?;
        Ok(Self { target, folder, force, published: false })
    }

    /// A file of the draft.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Seals the manifest, makes everything durable and gives the bundle its name.
    pub(crate) fn publish(mut self, manifest: Manifest) -> Result<()> {
        let path = self.path(MANIFEST);
        let text = manifest.seal()?;
        let mut file = File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io("write", &path, e))?;
        // Catalog and positions are durable already: their writers saw to it.
        for name in [MANIFEST, SEQUENCE] {
            sync(&self.path(name))?;
        }
        sync(&self.folder)?;

        // The target may have come into being while this build ran.
        check_target(&self.target, self.force)?;
        let replaced = sibling(&self.target, "replaced");
        let had_one = match fs::rename(&self.target, &replaced) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => return Err(Error::io("rename", &self.target, e)),
        };
        if let Err(e) = fs::rename(&self.folder, &self.target) {
            if had_one {
                // Nothing of an existing index is lost by a build that fails.
                fs::rename(&replaced, &self.target).map_err(|e| Error::io("rename back", &replaced, e))?;
            }
            return Err(Error::io("rename", &self.folder, e));
        }
        self.published = true;
        let parent = match self.target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        sync(parent)?;
        if had_one {
            fs::remove_dir_all(&replaced).map_err(|e| Error::io("remove", &replaced, e))?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // The error that led here is the one to report.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Makes a file or a folder durable.
fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| Error::io("sync", path, e))
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
    pub(crate) fn start(file: &File, path: &Path) -> Result<Self> {
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
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
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
