//! Files that are written, and the calls on files and folders by path.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fs::call::{Call, allowed_bytes, call};

/// An open file of a bundle or an output, whose writing calls can be made to fail in tests.
#[derive(Debug)]
pub(crate) struct File(pub(super) fs::File);

impl File {
    /// Creates a file that must not exist.
    pub(crate) fn create_new(path: &Path) -> io::Result<Self> {
        call(Call::Create, || fs::File::options().read(true).write(true).create_new(true).open(path)).map(Self)
    }

    /// Another handle of the same open file; both share one offset.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Length in bytes.
    pub(crate) fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Reads the whole file: see [`read_text`].
    pub(crate) fn read_text(self) -> io::Result<Vec<u8>> {
        read_all(self.0, MAX_TEXT)
    }

    /// Reads bytes from an offset of the file.
    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        call(Call::Read, || self.0.read_exact_at(bytes, offset))
    }

    /// Writes bytes to an offset of the file.
    pub(crate) fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match allowed_bytes(Call::Write, bytes.len()).and_then(|length| self.0.write_at(&bytes[..length], offset)) {
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

    /// Cuts or extends the file to a length in bytes.
    pub(crate) fn set_len(&self, bytes: u64) -> io::Result<()> {
        call(Call::Truncate, || self.0.set_len(bytes))
    }

    /// Makes its bytes durable.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        call(Call::Sync, || self.0.sync_data())
    }

    /// Makes its bytes and its metadata durable.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        call(Call::Sync, || self.0.sync_all())
    }

    /// Takes the exclusive lock of this file; the system releases it with the last handle, however the process ends.
    pub(crate) fn try_lock(&self) -> Result<(), fs::TryLockError> {
        call(Call::Lock, || Ok(())).map_err(fs::TryLockError::Error)?;
        self.0.try_lock()
    }

    /// Takes the shared lock: succeeds unless a process has the exclusive one.
    pub(crate) fn try_lock_shared(&self) -> Result<(), fs::TryLockError> {
        call(Call::Lock, || Ok(())).map_err(fs::TryLockError::Error)?;
        self.0.try_lock_shared()
    }

    /// Waits for the shared lock.
    pub(crate) fn lock_shared(&self) -> io::Result<()> {
        call(Call::Lock, || self.0.lock_shared())
    }

    /// Locks this file, if the file system has locks, to show other processes that it is still written to.
    pub(crate) fn mark_live(&self) {
        // Without locks no process checks for one.
        let _ = self.0.try_lock();
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = allowed_bytes(Call::Write, bytes.len())?;
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

/// Reads some bytes; repeats a call that a signal interrupted.
pub(crate) fn read(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match allowed_bytes(Call::Read, bytes.len()).and_then(|length| from.read(&mut bytes[..length])) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Makes a complete file or folder durable.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    call(Call::Sync, || fs::File::open(path)?.sync_all())
}

/// Removes a file.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    call(Call::Remove, || fs::remove_file(path))
}

/// Creates a folder that only this user can enter.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    call(Call::Create, || fs::DirBuilder::new().mode(0o700).create(path))
}

/// Removes a folder that this process created, with its contents.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    call(Call::Remove, || fs::remove_dir_all(path))
}

/// Maximum bytes of a text file of an index or of its build. Such a file has a name for each input file, and nothing
/// else in it grows: about 100,000 names fit.
pub(crate) const MAX_TEXT: u64 = 16 << 20;
/// Bytes of a file of results that is read, at most: the evidence of 5,000 families has 27 MB, and no genome has a
/// hundred times as many.
pub(crate) const MAX_RESULTS: u64 = 1 << 30;

/// Opens a regular file for reading. Anything else fails at once with [`io::ErrorKind::InvalidData`]; so does a pipe,
/// since this never waits for its other end.
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
    read_all(open_regular(path)?, MAX_TEXT)
}

/// As [`read_text`], of a file of results, which may have up to [`MAX_RESULTS`] bytes.
pub(crate) fn read_results(path: &Path) -> io::Result<Vec<u8>> {
    read_all(open_regular(path)?, MAX_RESULTS)
}

/// As [`read_text`], from an open file of at most `max` bytes.
fn read_all(file: fs::File, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {max} bytes")));
    }
    Ok(bytes)
}

/// A part of a file name that no other process generates. The process number alone is not enough: it repeats over time
/// and on other machines that share the disk.
pub(crate) fn unique_suffix() -> String {
    /// Number of the next name of this process.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{}-{now:x}-{number}", std::process::id())
}
