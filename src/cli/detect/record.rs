//! What a folder of results holds, and what it was made from: `steps.json`. So a run that did not end goes on, and one with other
//! inputs or parameters does again what depends on them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::output::{Output, StepRun, WRITING};
use crate::store::FileDigest;
use crate::{Error, Result, disk};

/// Name of the record.
pub(super) const RECORD: &str = "steps.json";

/// A folder of results.
pub(super) struct Folder {
    path: PathBuf,
    steps: BTreeMap<String, Step>,
    /// Nothing that is there counts, and all of it may be replaced.
    force: bool,
}

/// A step, done or begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    /// All that its files depend on: version, parameters, digests.
    inputs: Value,
    /// Its files; without digests while they are made.
    files: BTreeMap<String, Option<FileDigest>>,
    /// What the next steps need to know and files do not hold.
    found: Value,
    /// When it was done, in UTC.
    pub(super) created: String,
    /// What it took; none where the same bytes are wanted (`SOURCE_DATE_EPOCH`).
    pub(super) run: Option<StepRun>,
}

impl Folder {
    /// Opens a folder. A record that cannot be read is no record.
    pub(super) fn open(path: &Path, force: bool) -> Self {
        let bytes = fs::read(path.join(RECORD)).unwrap_or_default();
        Self { path: path.to_owned(), steps: serde_json::from_slice(&bytes).unwrap_or_default(), force }
    }

    /// Removes what runs that were killed left half written. Nobody else may work in the folder.
    pub(super) fn sweep(path: &Path) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') && name.to_string_lossy().contains(WRITING) {
                // It only takes room.
                let _ = disk::remove_file(&entry.path());
            }
        }
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// A step that was done with these inputs, if its files are as it left them: what it found.
    pub(super) fn done<T: DeserializeOwned>(&self, name: &str, inputs: &Value, files: &[&str]) -> Option<T> {
        let step = self.steps.get(name).filter(|step| !self.force && step.inputs == *inputs)?;
        let same = step.files.keys().map(String::as_str).eq(files.iter().copied())
            && step.files.iter().all(|(file, digest)| digest.is_some() && self.digest(file).ok() == *digest);
        same.then(|| serde_json::from_value(step.found.clone()).ok()).flatten()
    }

    /// Says that the files of a step are being made.
    ///
    /// # Errors
    /// [`Error::Exists`] where one is there that no run made, or that was changed since.
    pub(super) fn begin(&mut self, name: &str, inputs: Value, files: &[&str]) -> Result<()> {
        for file in files {
            let path = self.path(file);
            if !self.force && path.exists() && !self.made(file) {
                return Err(Error::Exists(path));
            }
        }
        let files = files.iter().map(|&file| (file.to_owned(), None)).collect();
        let step = Step { inputs, files, found: Value::Null, created: String::new(), run: None };
        self.steps.insert(name.to_owned(), step);
        self.save()
    }

    /// Whether a run made this file as it is, or was about to.
    fn made(&self, file: &str) -> bool {
        let known = self.steps.values().find_map(|step| step.files.get(file));
        known.is_some_and(|digest| digest.is_none() || self.digest(file).ok() == *digest)
    }

    /// Says that a step is done.
    pub(super) fn finish(
        &mut self,
        name: &str,
        found: &impl Serialize,
        created: String,
        run: Option<StepRun>,
    ) -> Result<()> {
        let place = self.path(RECORD);
        let found = serde_json::to_value(found).map_err(|e| Error::io("write", &place, e.into()))?;
        let names: Vec<String> = self.steps.get(name).map_or(Vec::new(), |step| step.files.keys().cloned().collect());
        let digests: Vec<FileDigest> = names.iter().map(|file| self.digest(file)).collect::<Result<_>>()?;
        if let Some(step) = self.steps.get_mut(name) {
            step.files = names.into_iter().zip(digests.into_iter().map(Some)).collect();
            (step.found, step.created, step.run) = (found, created, run);
        }
        self.save()
    }

    pub(super) fn step(&self, name: &str) -> Option<&Step> {
        self.steps.get(name)
    }

    fn save(&self) -> Result<()> {
        let path = self.path(RECORD);
        let mut output = Output::create(Some(&path), true)?;
        serde_json::to_writer_pretty(&mut output, &self.steps).map_err(|e| Error::io("write", &path, e.into()))?;
        output.write_all(b"\n").map_err(|e| Error::io("write", &path, e))?;
        output.finish()
    }

    /// Length and digest of a file. It is read and not mapped: whoever looks into the folder may change it.
    pub(super) fn digest(&self, file: &str) -> Result<FileDigest> {
        digest(&self.path(file))
    }
}

impl Step {
    /// The files with their digests.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, FileDigest)> {
        self.files.iter().filter_map(|(name, digest)| Some((name.clone(), digest.clone()?)))
    }
}

/// Length and digest of a file.
pub(super) fn digest(path: &Path) -> Result<FileDigest> {
    let read = || -> io::Result<FileDigest> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(FileDigest { bytes: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    };
    read().map_err(|e| Error::io("read", path, e))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_count_as_long_as_they_are_what_was_made() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let (inputs, files) = (json!({ "a": 1 }), ["x", "y"]);
        let write = |name: &str, text: &str| fs::write(at.path().join(name), text).expect("written");
        let mut folder = Folder::open(at.path(), false);
        folder.begin("one", inputs.clone(), &files).expect("nothing is there");
        write("x", "1");
        write("y", "2");
        // Not yet done, in this run or the next; what lies there was being made.
        assert_eq!(folder.done::<u64>("one", &inputs, &files), None);
        let mut folder = Folder::open(at.path(), false);
        assert_eq!(folder.done::<u64>("one", &inputs, &files), None);
        folder.begin("one", inputs.clone(), &files).expect("it goes on");
        folder.finish("one", &7, "now".to_owned(), None).expect("written");

        let folder = || Folder::open(at.path(), false);
        assert_eq!(folder().done("one", &inputs, &files), Some(7));
        assert_eq!(folder().done::<u64>("one", &json!({ "a": 2 }), &files), None);
        assert_eq!(folder().done::<u64>("one", &inputs, &["x"]), None);
        assert_eq!(Folder::open(at.path(), true).done::<u64>("one", &inputs, &files), None);
        folder().begin("one", json!(2), &files).expect("what was made may be replaced");

        // That was begun and never done: go back, and change a file by hand.
        let mut again = folder();
        again.begin("one", inputs.clone(), &files).expect("ours");
        again.finish("one", &7, "now".to_owned(), None).expect("written");
        write("y", "mine");
        assert_eq!(folder().done::<u64>("one", &inputs, &files), None);
        let kept = folder().begin("one", inputs.clone(), &files).expect_err("not ours any more");
        assert!(matches!(&kept, Error::Exists(path) if path.ends_with("y")), "{kept}");
        Folder::open(at.path(), true).begin("one", inputs.clone(), &files).expect("--force");

        write(RECORD, "{ half");
        assert_eq!(folder().done::<u64>("one", &inputs, &files), None);
        assert!(matches!(folder().begin("one", inputs, &files), Err(Error::Exists(_))));
    }
}
