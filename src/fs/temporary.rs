//! Removes unfinished files and folders, whether an error, a panic or a signal ends the work.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::fs::call::block_other_threads;
use crate::fs::file::{create_private_folder, remove_folder, unique_suffix};

/// All temporary files and folders of this process.
static REGISTRY: Mutex<Vec<Registered>> = Mutex::new(Vec::new());
/// Number of the next entry.
static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Clone)]
struct Registered {
    number: u64,
    remove: Remove,
}

/// Removes a file or folder.
pub(crate) type Remove = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Whether the process is about to end.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Locks the registry; blocks for ever if the process is about to end.
fn registry() -> MutexGuard<'static, Vec<Registered>> {
    let all = REGISTRY.lock();
    if ENDING.load(Ordering::Relaxed) {
        drop(all);
        loop {
            std::thread::park();
        }
    }
    all
}

/// A file or folder under a temporary name; removed when dropped.
pub(crate) struct Temporary(Registered);

impl Temporary {
    /// Registers what `make` creates together with the function that removes it. No signal handler runs between the
    /// two. If `make` fails it must leave nothing.
    pub(crate) fn begin<T, E>(make: impl FnOnce() -> Result<(T, Remove), E>) -> Result<(Self, T), E> {
        let mut all = registry();
        let (made, remove) = make()?;
        let registered = Registered { number: NEXT.fetch_add(1, Ordering::Relaxed), remove };
        all.push(registered.clone());
        Ok((Self(registered), made))
    }

    /// Runs `publish` without interruption by a signal handler. If it succeeds, nothing is removed any more.
    pub(crate) fn publish<T>(&self, publish: impl FnOnce() -> crate::Result<T>) -> crate::Result<T> {
        Self::publish_all(&[self], publish)
    }

    /// As [`publish`](Self::publish), for several files at once.
    pub(crate) fn publish_all<T>(these: &[&Self], publish: impl FnOnce() -> crate::Result<T>) -> crate::Result<T> {
        let mut all = registry();
        let published = publish()?;
        all.retain(|other| these.iter().all(|this| this.0.number != other.number));
        Ok(published)
    }
}

impl fmt::Debug for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Temporary").field(&self.0.number).finish()
    }
}

/// A new folder for temporary files that no other user can enter; removed when dropped.
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    _temporary: Temporary,
}

impl TemporaryFolder {
    /// Creates a folder whose name begins with `name`, in the folder `within` or else in that of the system (`TMPDIR`).
    pub(crate) fn new(name: &str, within: Option<&Path>) -> crate::Result<Self> {
        let within = within.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = within.join(format!("{name}-{}", unique_suffix()));
        let (temporary, ()) = Temporary::begin(|| {
            create_private_folder(&path).map_err(|e| crate::Error::io("create", &path, e))?;
            let path = path.clone();
            let remove: Remove = Arc::new(move || remove_folder(&path));
            Ok::<_, crate::Error>(((), remove))
        })?;
        Ok(Self { path, _temporary: temporary })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let mut all = registry();
        // A published one is no longer registered.
        if let Some(at) = all.iter().position(|other| other.number == self.0.number) {
            // The error that caused the removal is the one to report.
            let _ = (self.0.remove)();
            all.remove(at);
        }
    }
}

/// Removes all temporary files and folders and calls `end`, which ends the process. Nothing is registered or published
/// in between.
pub(crate) fn remove_all_and(end: impl FnOnce()) {
    ENDING.store(true, Ordering::Relaxed);
    let all = REGISTRY.lock();
    // Other threads still run and would create files in folders that are being removed.
    block_other_threads();
    for Registered { remove, .. } in all.iter().rev() {
        // The process ends in any case.
        let _ = remove();
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
    fn unpublished_files_are_removed() {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let path = outer.path().join("a");
        let begin = || {
            let make = || {
                fs::write(&path, "x")?;
                let path = path.clone();
                let remove: Remove = Arc::new(move || crate::fs::remove_file(&path));
                Ok::<_, io::Error>(((), remove))
            };
            Temporary::begin(make).expect("written").0
        };

        drop(begin());
        assert!(!path.exists());

        let failed = begin().publish(|| Err::<(), _>(Error::Usage("no".to_owned())));
        assert!(failed.is_err() && !path.exists());

        let last = begin();
        let number = last.0.number;
        last.publish(|| Ok(())).expect("published");
        assert!(path.exists() && !super::registry().iter().any(|other| other.number == number));

        let folder = TemporaryFolder::new("reprise-test", None).expect("a folder");
        let inside = folder.path().join("b");
        fs::write(&inside, "x").expect("written");
        drop(folder);
        assert!(!inside.exists());
    }
}
