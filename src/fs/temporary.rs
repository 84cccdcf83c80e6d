//! Files and folders that are being made: they go away unless they are published, whether an error or a signal ends the
//! work.

use parking_lot::{Mutex, MutexGuard};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// All there are in this process.
static BEGUN: Mutex<Vec<Begun>> = Mutex::new(Vec::new());
/// Number of the next one.
static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Clone)]
struct Begun {
    number: u64,
    remove: Remove,
}

/// Removes a file or folder.
pub(crate) type Remove = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// The process is about to end.
static ENDING: AtomicBool = AtomicBool::new(false);

fn begun() -> MutexGuard<'static, Vec<Begun>> {
    let all = BEGUN.lock();
    if ENDING.load(Ordering::Relaxed) {
        drop(all);
        loop {
            std::thread::park();
        }
    }
    all
}

/// A file or folder under a name that is not to stay; removed when dropped.
pub(crate) struct Temporary(Begun);

impl Temporary {
    /// Something that `make` makes, and that is not there where it fails; it gives what removes it too. No signal comes
    /// between.
    pub(crate) fn begin<T, E>(make: impl FnOnce() -> Result<(T, Remove), E>) -> Result<(Self, T), E> {
        let mut all = begun();
        let (made, remove) = make()?;
        let begun = Begun { number: NEXT.fetch_add(1, Ordering::Relaxed), remove };
        all.push(begun.clone());
        Ok((Self(begun), made))
    }

    /// Runs `publish`, which no signal interrupts. If it succeeds there is nothing left to remove.
    pub(crate) fn publish<T>(&self, publish: impl FnOnce() -> crate::Result<T>) -> crate::Result<T> {
        Self::publish_all(&[self], publish)
    }

    /// As [`publish`](Self::publish), of several.
    pub(crate) fn publish_all<T>(these: &[&Self], publish: impl FnOnce() -> crate::Result<T>) -> crate::Result<T> {
        let mut all = begun();
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

/// A new folder in the system's folder for such things (`TMPDIR`), which no other user can enter; removed when dropped.
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    _temporary: Temporary,
}

impl TemporaryFolder {
    pub(crate) fn new(name: &str) -> crate::Result<Self> {
        let path = std::env::temp_dir().join(format!("{name}-{}", crate::fs::unique()));
        let (temporary, ()) = Temporary::begin(|| {
            crate::fs::create_private_folder(&path).map_err(|e| crate::Error::io("create", &path, e))?;
            let path = path.clone();
            let remove: Remove = Arc::new(move || crate::fs::remove_folder(&path));
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
        let mut all = begun();
        // One that was published is no longer among them.
        if let Some(at) = all.iter().position(|other| other.number == self.0.number) {
            // The error that led here is the one to report.
            let _ = (self.0.remove)();
            all.remove(at);
        }
    }
}

/// Removes all that is being made; nothing more is begun or published before `end`, which ends the process.
pub(crate) fn remove_all_and(end: impl FnOnce()) {
    ENDING.store(true, Ordering::Relaxed);
    let all = BEGUN.lock();
    // Other threads still run, and would put files into folders that are being emptied.
    crate::fs::only_this_thread_creates();
    for Begun { remove, .. } in all.iter().rev() {
        // The process ends all the same.
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
    fn what_is_not_published_goes() {
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
        assert!(path.exists() && !super::begun().iter().any(|other| other.number == number));

        let folder = TemporaryFolder::new("reprise-test").expect("a folder");
        let inside = folder.path().join("b");
        fs::write(&inside, "x").expect("written");
        drop(folder);
        assert!(!inside.exists());
    }
}
