//! Files and folders that are being made: they go away unless they are published, whether an error or a signal ends the
//! work.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk;

/// All there are in this process.
static BEGUN: Mutex<Vec<Begun>> = Mutex::new(Vec::new());

#[derive(Clone)]
struct Begun {
    path: PathBuf,
    remove: Remove,
}

/// How a file or folder is removed.
pub(crate) type Remove = fn(&Path) -> io::Result<()>;

/// The process is about to end.
static ENDING: AtomicBool = AtomicBool::new(false);

fn begun() -> MutexGuard<'static, Vec<Begun>> {
    let all = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    if ENDING.load(Ordering::Relaxed) {
        drop(all);
        loop {
            std::thread::park();
        }
    }
    all
}

/// A file or folder under a name that is not to stay; removed when dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    remove: Remove,
}

impl Temporary {
    /// Something that `make` makes at `path`, and that is not there where it fails. No signal comes between.
    pub(crate) fn begin<T, E>(
        path: PathBuf,
        remove: Remove,
        make: impl FnOnce(&Path) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let mut all = begun();
        let made = make(&path)?;
        all.push(Begun { path: path.clone(), remove });
        Ok((Self { path, remove }, made))
    }

    /// A new folder in the system's folder for such things (`TMPDIR`).
    pub(crate) fn folder(name: &str) -> crate::Result<Self> {
        let path = std::env::temp_dir().join(format!("{name}-{}", disk::unique()));
        let make = |path: &Path| disk::create_folder(path).map_err(|e| crate::Error::io("create", path, e));
        Self::begin(path, disk::remove_folder, make).map(|begun| begun.0)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `publish`, which no signal interrupts. Where it is done there is nothing left to remove.
    pub(crate) fn publish<T>(mut self, publish: impl FnOnce() -> crate::Result<T>) -> crate::Result<T> {
        let mut all = begun();
        let published = publish();
        if published.is_ok() {
            all.retain(|other| other.path != self.path);
        }
        drop(all);
        if published.is_ok() {
            // Its name is another one now.
            self.path = PathBuf::new();
            std::mem::forget(self);
        }
        published
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let mut all = begun();
        // The error that led here is the one to tell.
        let _ = (self.remove)(&self.path);
        all.retain(|other| other.path != self.path);
    }
}

/// Removes all that is being made; nothing more is begun or published before `end`, which ends the process.
pub(crate) fn remove_all_and(end: impl FnOnce()) {
    ENDING.store(true, Ordering::Relaxed);
    let all = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    // Other threads still run, and would put files into folders that are being emptied.
    disk::only_this_thread_creates();
    for Begun { path, remove } in all.iter().rev() {
        // The process ends all the same.
        let _ = remove(path);
    }
    end();
    drop(all);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Error;

    #[test]
    fn what_is_not_published_goes() {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let path = outer.path().join("a");
        let begin = || Temporary::begin(path.clone(), disk::remove_file, |p| fs::write(p, "x")).expect("written").0;

        drop(begin());
        assert!(!path.exists());

        let failed = begin().publish(|| Err::<(), _>(Error::Usage("no".to_owned())));
        assert!(failed.is_err() && !path.exists());

        begin().publish(|| Ok(())).expect("published");
        assert!(path.exists() && !begun().iter().any(|other| other.path == path));

        let folder = Temporary::folder("reprise-test").expect("a folder");
        let inside = folder.path().join("b");
        fs::write(&inside, "x").expect("written");
        drop(folder);
        assert!(!inside.exists());
    }
}
