//! A bundle comes into being in a folder beside its target and gets its name by one rename.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::manifest::{FileDigest, Manifest, is_bundle};
use super::{CATALOG, MANIFEST, POSITIONS, SEQUENCE};
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
        for name in [MANIFEST, CATALOG, POSITIONS, SEQUENCE] {
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
pub(crate) fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| Error::io("sync", path, e))
}

/// Length and digest of a file, by all threads of the current pool.
pub(crate) fn digest_file(path: &Path) -> Result<FileDigest> {
    use std::os::unix::fs::FileExt;
    let io_error = |e| Error::io("read", path, e);
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let length = file.metadata().map_err(io_error)?.len();
    let mut hasher = blake3::Hasher::new();
    // A power of two, as the hasher's tree wants it.
    let mut buffer = vec![0; (4 << 20).min(length.max(1) as usize)];
    let mut at = 0;
    while at < length {
        let count = (length - at).min(buffer.len() as u64) as usize;
        file.read_exact_at(&mut buffer[..count], at).map_err(io_error)?;
        hasher.update_rayon(&buffer[..count]);
        at += count as u64;
    }
    Ok(FileDigest { bytes: length, blake3: hasher.finalize().to_hex().to_string() })
}
