//! Makes a large file durable while it grows, so that the end of a build does not wait for all of it to reach the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use crate::fs::file::File;
use crate::{Error, Result};

/// Bytes after which a file is synced: few enough that the last sync is short (under a second at 100 MB/s), and many
/// compared with the milliseconds that a sync costs.
const SYNC_INTERVAL: u64 = 64 << 20;

/// A thread that syncs a file while another one writes to it.
#[derive(Debug)]
pub(crate) struct Syncer {
    /// Bytes written since the thread was last woken.
    pending: AtomicU64,
    wake: Mutex<Option<SyncSender<()>>>,
    thread: JoinHandle<io::Result<()>>,
    path: PathBuf,
}

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
            .map_err(|e| Error::thread("syncing", e))?;
        Ok(Self { pending: AtomicU64::new(0), wake: Mutex::new(Some(wake)), thread, path: path.to_owned() })
    }

    /// Counts bytes written; wakes the thread after every [`SYNC_INTERVAL`].
    pub(crate) fn written(&self, bytes: u64) {
        let pending = self.pending.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if pending >= SYNC_INTERVAL && self.wake.lock().as_ref().is_some_and(|wake| wake.try_send(()).is_ok()) {
            self.pending.fetch_sub(pending, Ordering::Relaxed);
        }
    }

    /// Starts the last sync: nothing more will be written.
    pub(crate) fn end(&self) {
        self.wake.lock().take();
    }

    /// Makes the file durable as it is and ends the thread.
    ///
    /// # Errors
    /// [`Error::Io`] of any sync.
    pub(crate) fn finish(self) -> Result<()> {
        self.end();
        match self.thread.join() {
            Ok(outcome) => outcome.map_err(|e| Error::io("sync", &self.path, e)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
