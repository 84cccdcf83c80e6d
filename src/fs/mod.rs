//! The system calls that write: all that a build or an output leaves on the disk goes through here.
//!
//! So there is one place where a call that a signal interrupted is made again, and where tests can make each call fail
//! (`faults`, in builds of the program with debug assertions only).

#[cfg(all(debug_assertions, feature = "cli"))]
mod faults;
mod folder;
pub(crate) mod lock;
mod output;
mod publish;
mod stdout;
pub(crate) mod temporary;

use parking_lot::RwLock;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a call does, for those who make it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(all(debug_assertions, feature = "cli")), allow(dead_code))]
enum Call {
    Create,
    Write,
    Truncate,
    Sync,
    Rename,
    Remove,
    Read,
    Lock,
}

pub(crate) use folder::{Folder, PROBE, follow, is_this_user, user};
pub(crate) use lock::{Asked, Lock};
pub use output::Output;
pub(crate) use output::sweep_unfinished;
pub(crate) use publish::{Naming, publish};
pub(crate) use stdout::{close_stdout, print, stdout};
pub(crate) use temporary::{Remove, Temporary, TemporaryFolder};

#[cfg(all(debug_assertions, feature = "cli"))]
pub(crate) use faults::large_pass;
#[cfg(all(debug_assertions, feature = "cli"))]
use faults::{before, shortened};

#[cfg(not(all(debug_assertions, feature = "cli")))]
#[inline(always)]
fn before(_: Call) -> io::Result<()> {
    Ok(())
}

#[cfg(not(all(debug_assertions, feature = "cli")))]
#[inline(always)]
fn shortened(_: Call, bytes: usize) -> io::Result<usize> {
    Ok(bytes)
}

/// The only thread that may still make or rename files, where the process is about to end.
static ENDING: RwLock<Option<ThreadId>> = RwLock::new(None);

/// From here on no other thread than this one makes or renames a file: they wait for the end of the process.
pub(crate) fn only_this_thread_creates() {
    *ENDING.write() = Some(thread::current().id());
}

/// Makes a call that gives a file a name, or waits for the end of the process.
fn naming<T>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let ending = ENDING.read();
    if ending.is_some_and(|thread| thread != thread::current().id()) {
        drop(ending);
        loop {
            thread::park();
        }
    }
    make()
}

/// Makes a call, and makes it again where a signal interrupted it.
fn call<T>(kind: Call, mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        let made = before(kind).and_then(|()| match kind {
            Call::Create | Call::Rename => naming(&mut make),
            _ => make(),
        });
        match made {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct File(fs::File);

impl File {
    /// Makes a file that must not be there yet.
    pub(crate) fn create_new(path: &Path) -> io::Result<Self> {
        call(Call::Create, || fs::File::options().read(true).write(true).create_new(true).open(path)).map(Self)
    }

    /// Another handle of the same file and the same place in it.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Its bytes.
    pub(crate) fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Reads all of it: see [`read_text`].
    pub(crate) fn read_text(self) -> io::Result<Vec<u8>> {
        read_all(self.0)
    }

    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        call(Call::Read, || self.0.read_exact_at(bytes, offset))
    }

    pub(crate) fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match shortened(Call::Write, bytes.len()).and_then(|length| self.0.write_at(&bytes[..length], offset)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    pub(crate) fn set_len(&self, bytes: u64) -> io::Result<()> {
        call(Call::Truncate, || self.0.set_len(bytes))
    }

    /// Makes its bytes durable.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        call(Call::Sync, || self.0.sync_data())
    }

    /// Makes it durable as a whole.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        call(Call::Sync, || self.0.sync_all())
    }

    /// The lock of this file, which goes with the last handle of it, however the process ends.
    pub(crate) fn try_lock(&self) -> Result<(), fs::TryLockError> {
        call(Call::Lock, || Ok(())).map_err(fs::TryLockError::Error)?;
        self.0.try_lock()
    }

    /// As [`try_lock`](Self::try_lock), in common with others that only want to know that nobody holds it alone.
    pub(crate) fn try_lock_shared(&self) -> Result<(), fs::TryLockError> {
        call(Call::Lock, || Ok(())).map_err(fs::TryLockError::Error)?;
        self.0.try_lock_shared()
    }

    /// As [`try_lock_shared`](Self::try_lock_shared), once nobody holds it alone.
    pub(crate) fn lock_shared(&self) -> io::Result<()> {
        call(Call::Lock, || self.0.lock_shared())
    }

    /// Holds the lock of this file, where there are locks, so that others can see that it is still written to.
    pub(crate) fn mark_live(&self) {
        // Without locks nobody looks for one.
        let _ = self.0.try_lock();
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = shortened(Call::Write, bytes.len())?;
        self.0.write(&bytes[..length])
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for File {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        read(&mut self.0, bytes)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// Reads some bytes; a call that a signal interrupted is made again.
pub(crate) fn read(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match shortened(Call::Read, bytes.len()).and_then(|length| from.read(&mut bytes[..length])) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Makes a file or a folder that is complete durable.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    call(Call::Sync, || fs::File::open(path)?.sync_all())
}

pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    call(Call::Remove, || fs::remove_file(path))
}

/// Makes a folder that only this user can enter.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    call(Call::Create, || fs::DirBuilder::new().mode(0o700).create(path))
}

/// Removes a folder that this process made, and all in it.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    call(Call::Remove, || fs::remove_dir_all(path))
}

/// Bytes of a text file of an index or of its build that are read at the most. They hold a name for each file of input, which
/// is what grows: some 100,000 fit.
pub(crate) const MAX_TEXT: u64 = 16 << 20;

/// Opens a regular file to read it. Anything else fails at once with [`io::ErrorKind::InvalidData`], a pipe too, for whose
/// other end nobody waits.
pub(crate) fn open_regular(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = fs::File::options().read(true).custom_flags(nonblocking).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"))
}

/// Reads a text file of an index: a regular file of at most [`MAX_TEXT`] bytes, else [`io::ErrorKind::InvalidData`].
pub(crate) fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    read_all(open_regular(path)?)
}

/// As [`read_text`], from an open file.
fn read_all(file: fs::File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {MAX_TEXT} bytes")));
    }
    Ok(bytes)
}

/// A part of a name that nobody makes again: process numbers repeat, on other machines that share the disk and in time.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{}-{now:x}-{number}", std::process::id())
}
