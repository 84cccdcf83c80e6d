//! The system calls that write: all that a build or an output leaves on the disk goes through here.
//!
//! So there is one place where a call that a signal interrupted is made again, and where tests can make each call fail
//! (`faults`, in builds with debug assertions only).

#[cfg(debug_assertions)]
mod faults;

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::thread::{self, ThreadId};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a call does, for those who make it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(debug_assertions), allow(dead_code))]
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

#[cfg(debug_assertions)]
pub(crate) use faults::large_pass;
#[cfg(debug_assertions)]
use faults::{before, shortened};

#[cfg(not(debug_assertions))]
#[inline(always)]
fn before(_: Call) -> io::Result<()> {
    Ok(())
}

#[cfg(not(debug_assertions))]
#[inline(always)]
fn shortened(_: Call, bytes: usize) -> io::Result<usize> {
    Ok(bytes)
}

/// The only thread that may still make or rename files, where the process is about to end.
static ENDING: RwLock<Option<ThreadId>> = RwLock::new(None);

/// From here on no other thread than this one makes or renames a file: they wait for the end of the process.
pub(crate) fn only_this_thread_creates() {
    *ENDING.write().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
}

/// Makes a call that gives a file a name, or waits for the end of the process.
fn naming<T>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let ending = ENDING.read().unwrap_or_else(PoisonError::into_inner);
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

    /// Makes a file, or empties the one that is there.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let open = || fs::File::options().read(true).write(true).create(true).truncate(true).open(path);
        call(Call::Create, open).map(Self)
    }

    /// Makes a file, or opens the one that is there as it is.
    pub(crate) fn open_or_create(path: &Path) -> io::Result<Self> {
        let open = || fs::File::options().read(true).write(true).create(true).truncate(false).open(path);
        call(Call::Create, open).map(Self)
    }

    /// Opens a file that is there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        call(Call::Create, || fs::File::options().read(true).write(true).open(path)).map(Self)
    }

    /// Another handle of the same file and the same place in it.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    pub(crate) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.0.metadata()
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

    /// As [`try_lock`](Self::try_lock), once whoever has it has gone.
    pub(crate) fn lock(&self) -> io::Result<()> {
        call(Call::Lock, || self.0.lock())
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

pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    call(Call::Create, || fs::create_dir(path))
}

pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    call(Call::Rename, || fs::rename(from, to))
}

/// Two names change places in one step, where the file system can do that.
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        call(Call::Rename, || Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?))
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("{} and {}", one.display(), other.display())))
}

pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    call(Call::Remove, || fs::remove_file(path))
}

/// Removes a folder and all in it.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    call(Call::Remove, || fs::remove_dir_all(path))
}

/// A part of a name that no other process makes: process numbers repeat, on other machines that share the disk and in time.
pub(crate) fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{}-{now:x}", std::process::id())
}
